# packages.sh: what the machine needs, from Debian 12's own packages, installed only when missing.
# shellcheck shell=bash
CM_PKG_RUN="postgresql-15 jq curl ca-certificates iproute2 procps util-linux libcap2-bin openssl"
CM_PKG_BUILD="gcc libc6-dev python3 python3-yaml cmake ninja-build pkg-config protobuf-c-compiler libprotobuf-c-dev libnng-dev libpq-dev libzstd-dev
 libmicrohttpd-dev libinih-dev libxxhash-dev libssl-dev libsodium-dev libcurl4-openssl-dev libpcap-dev libseccomp-dev libcmocka-dev
 libopus-dev libspandsp-dev libopencore-amrnb-dev libopencore-amrwb-dev libspeexdsp-dev libogg-dev libflac-dev libmp3lame-dev libsrtp2-dev"
# Optional, for callmesh-render: some 110 packages and 220 MiB with all that libavcodec stands on.
CM_PKG_RENDER="libavcodec-dev libspeex-dev"
CM_PKG_TEST="$CM_PKG_RENDER clang-14 libclang-rt-14-dev clang-format-14 sip-tester baresip-core kamailio chromium tshark python3-jsonschema"

pkg_missing() {
    local p
    for p in "$@"; do
        dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || printf '%s ' "$p"
    done
}

node_is_good() {
    command -v node >/dev/null && command -v npm >/dev/null && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ]
}

pkg_install() {
    # Debian's PostgreSQL package would make and start a cluster of its own: we want only its programs.
    if ! dpkg-query -W postgresql-common >/dev/null 2>&1; then
        as_root mkdir -p /etc/postgresql-common
        printf 'create_main_cluster = false\n' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        -o Dpkg::Options::=--force-confold "$@"
    # A site's own certificate authorities, where it has put some: npm is to trust what this machine trusts.
    ! command -v update-ca-certificates >/dev/null || as_root update-ca-certificates
}

# packages_ensure run|build|test...
packages_ensure() {
    local kind want=() missing
    for kind in "$@"; do
        case $kind in
            run) want+=($CM_PKG_RUN) ;;
            build) want+=($CM_PKG_BUILD); node_is_good || want+=(nodejs npm) ;;
            test) want+=($CM_PKG_TEST) ;;
        esac
    done
    command -v dpkg-query >/dev/null || die 69 "this is not Debian: install by hand: ${want[*]}"
    missing=$(pkg_missing "${want[@]}")
    [ -z "$missing" ] && return 0
    # shellcheck disable=SC2086
    step "packages: $(wc -w <<<"$missing") from Debian" pkg_install $missing ||
        die 69 "apt-get could not install: $missing"
}
