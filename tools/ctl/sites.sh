# sites.sh: the centre's private authority, sites that join, and a machine that is one of them.
# The authority: CM_VAR/secrets/ca, made at the first `site add`. A machine that has joined: CM_VAR/secrets/site.
# shellcheck shell=bash
SITE_NAME_RULE='1 to 63 letters, digits, . _ -'

centre_is() { [ -f "$CM_VAR/secrets/ca/ca.crt" ]; }
site_is() { [ -f "$CM_VAR/secrets/site/site" ]; }
site_name() { cat "$CM_VAR/secrets/site/site"; }

# The centre's doors for sites: one for feeds, mesh and control, one for joining, one for live audio.
wss_listen() { printf 'wss://%s:%d%s' "${CALLMESH_SITES_LISTEN:-0.0.0.0}" $((CM_BASE + $1)) "$2"; }
wss_centre() { printf 'wss://%s:%d%s' "$(setting site-centre)" $(($(setting site-base) + $1)) "$2"; }

ca_make() {
    local d=$CM_VAR/secrets/ca
    mkdir -p "$d.new"
    (
        cd "$d.new"
        umask 077
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 7300 \
            -subj "/CN=callmesh authority $(date -u +%Y-%m-%d)" -addext basicConstraints=critical,CA:true -addext keyUsage=critical,keyCertSign,cRLSign
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout centre.key -out centre.csr -subj /CN=callmesh-centre
        printf 'basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:callmesh-centre\n' >ext
        openssl x509 -req -in centre.csr -CA ca.crt -CAkey ca.key -days 7300 -extfile ext -set_serial "0x$(openssl rand -hex 15)" -out centre.crt
        cat ca.crt >>centre.crt
        rm -f ext centre.csr
    )
    if [ "$(id -u)" = 0 ]; then chown -R "$CM_USER:" "$d.new"; fi
    mv "$d.new" "$d"
}

ca_fingerprint() { openssl x509 -in "$CM_VAR/secrets/ca/ca.crt" -outform DER | sha256sum | cut -d' ' -f1; }

# What callstate and api listen on besides, once there is an authority.
sites_args() { # callstate|api
    local d=$CM_VAR/secrets/ca
    centre_is || return 0
    printf -- '--bus.tls-ca=%s\n--bus.tls-cert=%s\n--bus.tls-key=%s\n' "$d/ca.crt" "$d/centre.crt" "$d/centre.key"
    case $1 in
        callstate)
            printf -- '--sites.join-url=%s\n--sites.ca-cert=%s\n--sites.ca-key=%s\n' "$(wss_listen 21 /join)" "$d/ca.crt" "$d/ca.key"
            printf -- '--bus.sig-url=%s,%s\n' "$(bus_url 1)" "$(wss_listen 20 /sig)"
            printf -- '--bus.sig-ask-url=%s,%s\n' "$(bus_url 2)" "$(wss_listen 20 /sig-ask)"
            printf -- '--bus.mesh-url=%s,%s\n' "$(bus_url 3)" "$(wss_listen 20 /mesh)"
            printf -- '--bus.control-url=%s,%s\n' "$(bus_url 4)" "$(wss_listen 20 /control)" ;;
        api) printf -- '--bus.live-url=%s,%s\n' "$(bus_url 7)" "$(wss_listen 22 /live)" ;;
    esac
}

# What capture and recorder of a site that has joined dial.
joined_args() { # capture|recorder
    local d=$CM_VAR/secrets/site
    printf -- '--site=%s\n--bus.tls-ca=%s\n--bus.tls-cert=%s\n--bus.tls-key=%s\n--bus.sign-key=%s\n' "$(site_name)" "$d/ca.crt" "$d/site.crt" "$d/site.key" "$d/sign.key"
    printf -- '--bus.sig-url=%s\n--bus.sig-ask-url=%s\n' "$(wss_centre 20 /sig)" "$(wss_centre 20 /sig-ask)"
    if [ "$1" = recorder ]; then
        printf -- '--bus.mesh-url=%s\n--bus.control-url=%s\n--bus.live-url=%s\n' "$(wss_centre 20 /mesh)" "$(wss_centre 20 /control)" "$(wss_centre 22 /live)"
    fi
}

site_sql() { # SQL [NAME=VALUE...]: on the centre's database; values are quoted by psql (:'name')
    local sql=$1 v=()
    shift
    for a in "$@"; do v+=(-v "$a"); done
    (cd / && as_service psql -X -q -A -t -v ON_ERROR_STOP=1 "${v[@]}" -d "$(setting dsn "$(pg_dsn)")" <<<"$sql")
}

# An API key or a login is not asked for: who may read this folder may read the database too.
audit_sql() { printf "INSERT INTO audit (actor, action, object, result) VALUES ('cli:' || :'who', '%s', :'site', 'ok');" "$1"; }

site_name_check() {
    case $1 in ''|*[!A-Za-z0-9._-]*) die 64 "a site's name has $SITE_NAME_RULE, not '$1'" ;; esac
    [ ${#1} -le 63 ] || die 64 "a site's name has $SITE_NAME_RULE, not '$1'"
    case $1 in callmesh-centre|replay-*) die 64 "'$1' is a name of callmesh's own" ;; esac
}

need_centre() {
    state_init
    service_pid callstate >/dev/null || die 69 "the centre does not run here; start it: ./callmesh up"
}

cmd_site() {
    local what=${1:-}
    [ $# -gt 0 ] && shift
    case $what in
        add) site_add "$@" ;;
        list) site_list "$@" ;;
        revoke) site_revoke "$@" ;;
        ''|--help) cat <<'TXT'
usage: ./callmesh site add NAME [--centre HOST] [--valid 24h] [--realm REALM]
                                  prints the one command to run on a machine of that site
       ./callmesh site list [--json]
       ./callmesh site revoke NAME
--realm: sites with the same realm share one address plan; without it, an address of one site is never one of another.
TXT
            [ -n "$what" ] || exit 64 ;;
        *) die 64 "site knows add, list and revoke, not '$what'" ;;
    esac
}

site_add() {
    local name='' host='' valid=24h realm='' token
    while [ $# -gt 0 ]; do
        case $1 in
            --centre) need_value "$@"; host=$2; shift 2 ;;
            --valid) need_value "$@"; valid=$2; shift 2 ;;
            --realm) need_value "$@"; realm=$2; shift 2 ;;
            -*) die 64 "site add does not know '$1'" ;;
            *) [ -z "$name" ] || die 64 "site add takes one name"; name=$1; shift ;;
        esac
    done
    site_name_check "$name"
    [ -z "$realm" ] || site_name_check "$realm"
    case $valid in *[!0-9hmd]*|[!0-9]*) die 64 "--valid wants a time like 30m, 24h, 7d, not '$valid'" ;; esac
    need_centre
    if ! centre_is; then
        step "authority: certificates of the centre" ca_make || die 73 "the authority could not be made in $CM_VAR/secrets"
        step "services: listening for sites" sites_open || die 69 "the services did not come back; see $CM_VAR/log"
    fi
    [ -n "$host" ] || host=$(hostname -I 2>/dev/null | awk '{print $1}')
    [ -n "$host" ] || die 64 "say how sites reach this machine: --centre HOST"
    token=$(openssl rand -hex 24)
    site_sql "BEGIN;
        INSERT INTO sites (site, realm) VALUES (:'site', :'realm') ON CONFLICT (site) DO UPDATE SET realm = EXCLUDED.realm WHERE EXCLUDED.realm <> '';
        INSERT INTO site_tokens (token_hash, site, expires_at) VALUES (sha256(convert_to(:'token', 'UTF8')), :'site', now() + :'valid'::interval);
        DELETE FROM site_tokens WHERE expires_at < now() - interval '30 days';
        $(audit_sql site.add) COMMIT;" site="$name" realm="$realm" token="$token" valid="${valid/%m/ minutes}" who="$(id -un)" ||
        die 69 "the centre's database did not take the site"
    say "Run this on a machine of the site '$name', in a checkout of callmesh, within $valid; it works once:"
    say ""
    printf './callmesh join wss://%s:%d/join --token %s --ca sha256:%s\n' "$host" $((CM_BASE + 21)) "$token" "$(ca_fingerprint)"
}

# callstate and api once more, now with their doors for sites; journals and readers wait meanwhile.
sites_open() {
    service_stop api
    service_stop callstate
    stack_start "$(setting port 8080)" "$(setting dsn)"
}

site_list() {
    need_centre
    local sql="SELECT s.site, nullif(s.realm, '') AS realm,
        count(k.*) FILTER (WHERE k.revoked_at IS NULL AND k.expires_at > now()) AS machines, count(k.*) FILTER (WHERE k.revoked_at IS NOT NULL) AS revoked,
        (SELECT count(*) FROM site_tokens t WHERE t.site = s.site AND t.used_at IS NULL AND t.expires_at > now()) AS tokens,
        floor(min(extract(epoch FROM k.expires_at - now())) FILTER (WHERE k.revoked_at IS NULL) / 86400) AS days_left,
        string_agg(DISTINCT k.node, ',') FILTER (WHERE k.revoked_at IS NULL) AS nodes,
        (SELECT max(h.last_seen_at) FROM harvesters h WHERE h.site = s.site) AS last_seen_at
        FROM sites s LEFT JOIN site_keys k USING (site) GROUP BY s.site, s.realm ORDER BY s.site"
    if [ "${1:-}" = --json ]; then site_sql "SELECT coalesce(json_agg(x), '[]') FROM ($sql) x"
    else
        { printf 'site\trealm\tmachines\trevoked\topen tokens\tdays left\tnodes\tlast seen\n'
          site_sql "SELECT concat_ws(E'\t', site, coalesce(realm, '-'), machines, revoked, tokens, coalesce(days_left::text, '-'), coalesce(nodes, '-'), coalesce(to_char(last_seen_at, 'YYYY-MM-DD HH24:MI:SS'), '-')) FROM ($sql) x"; } | table
    fi
}

site_revoke() {
    local name=${1:-} n
    [ -n "$name" ] || die 64 "usage: ./callmesh site revoke NAME"
    need_centre
    [ "$(site_sql "SELECT count(*) FROM sites WHERE site = :'site'" site="$name")" = 1 ] || die 66 "there is no site '$name'; ./callmesh site list"
    n=$(site_sql "BEGIN;
        UPDATE site_tokens SET expires_at = now() WHERE site = :'site' AND used_at IS NULL AND expires_at > now();
        WITH k AS (UPDATE site_keys SET revoked_at = now() WHERE site = :'site' AND revoked_at IS NULL RETURNING 1) SELECT count(*) FROM k;
        $(audit_sql site.revoke) COMMIT;" site="$name" who="$(id -un)") || die 69 "the centre's database did not answer"
    say "site '$name': $n machine(s) revoked; they are cut off within seconds. What was stored stays."
}

# join wss://HOST:PORT/join --token T --ca sha256:HEX: makes this machine one of a site.
cmd_join() {
    local url='' token='' ca='' d rest host port
    while [ $# -gt 0 ]; do
        case $1 in
            --token) need_value "$@"; token=$2; shift 2 ;;
            --ca) need_value "$@"; ca=$2; shift 2 ;;
            --help) echo "usage: ./callmesh join wss://HOST:PORT/join --token T --ca sha256:HEX    (as ./callmesh site add NAME prints it)"; return ;;
            -*) die 64 "join does not know '$1'" ;;
            *) url=$1; shift ;;
        esac
    done
    case $url in wss://*:*/join) ;; *) die 64 "join wants wss://HOST:PORT/join, as ./callmesh site add prints it" ;; esac
    [ -n "$token" ] && [ -n "$ca" ] || die 64 "join wants --token and --ca"
    rest=${url#wss://}; rest=${rest%/join}; host=${rest%:*}; port=${rest##*:}
    build_all
    state_init
    install_programs
    centre_is && die 73 "this machine is a centre already ($CM_VAR/secrets/ca)"
    site_is && die 73 "this machine has joined already, as site '$(site_name)'; to join anew: ./callmesh down; rm -r $CM_VAR/secrets/site"
    d=$CM_VAR/secrets/site
    rm -rf "$d.new"
    mkdir -p "$d.new"
    (
        cd "$d.new"
        umask 077
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out site.key
        openssl req -new -key site.key -subj /CN=site -out site.csr
        openssl rand -hex 32 >sign.key
    ) 2>/dev/null || die 73 "keys could not be made in $d.new"
    CALLMESH_JOIN_TOKEN=$token "$CM_VAR/bin/callmesh-join" "$url" "$ca" "$d.new" "$(hostname)" || die $? "not joined"
    if [ "$(id -u)" = 0 ]; then chown -R "$CM_USER:" "$d.new"; fi
    mv "$d.new" "$d"
    printf '%s' "$host" >"$CM_VAR/run/site-centre"
    printf '%d' $((port - 21)) >"$CM_VAR/run/site-base"
    say " ok joined: this machine is of the site '$(site_name)'; its centre is $host"
    say "    start it: ./callmesh up --interface IF ($(ls /sys/class/net | tr '\n' ' '))"
}

# up on a machine that has joined: recorder and capture, which dial the centre.
site_start() { # INTERFACE
    [ -n "$1" ] || die 64 "this machine is of the site '$(site_name)': ./callmesh up --interface IF"
    mapfile -t a < <(joined_args recorder)
    service_start recorder "${a[@]}" --bus.rtp-url="$(bus_url 5)" --bus.rtp-ask-url="$(bus_url 6)" --spool.dir="$CM_VAR/spool" \
        --recordings.dir="$CM_VAR/recordings" --keys.dir="$CM_VAR/keys" --journal.dir="$CM_VAR/journal" --health.listen="127.0.0.1:$(health_port recorder)"
    mapfile -t a < <(joined_args capture)
    capture_start "$1" "$(site_name)" "${a[@]}"
    say " ok site $(site_name): recorder and capture run; the centre is $(setting site-centre)"
}
