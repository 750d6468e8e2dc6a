# check.sh: doctor, test, sip-lint, version.
# shellcheck shell=bash
cmd_version() {
    [ -x "$CM_BUILD/bin/callmesh-api" ] && "$CM_BUILD/bin/callmesh-api" --version || sed -n 's/^project(callmesh VERSION \([0-9.]*\).*/callmesh \1 (not built)/p' "$CM_ROOT/CMakeLists.txt"
}

cmd_sip_lint() {
    if [ ! -x "$CM_BUILD/bin/callmesh-sip-lint" ]; then build_all; fi
    exec "$CM_BUILD/bin/callmesh-sip-lint" "$@"
}

doctor_line() { # ok|!!|-- TEXT
    printf ' %s %s\n' "$1" "$2"
    [ "$1" != '!!' ] || DOCTOR_BAD=$((DOCTOR_BAD + 1))
}

cmd_doctor() {
    [ "${1:-}" != --help ] || { echo "usage: ./callmesh doctor    what is missing here, and how to mend it; exit 1 when something is"; return; }
    DOCTOR_BAD=0
    local missing
    if command -v dpkg-query >/dev/null; then
        # shellcheck disable=SC2086
        missing=$(pkg_missing $CM_PKG_RUN $CM_PKG_BUILD)
        node_is_good || missing="$missing nodejs npm"
        if [ -n "$missing" ]; then doctor_line '!!' "packages missing: $missing (./callmesh build installs them)"; else doctor_line ok "packages"; fi
        # shellcheck disable=SC2086
        missing=$(pkg_missing $CM_PKG_TEST)
        if [ -f "$CM_BUILD/build.ninja" ] && [ ! -x "$CM_BUILD/bin/callmesh-render" ]; then
            doctor_line -- "no callmesh-render: G.729, G.723.1, iLBC and Speex are kept as payload (apt-get install $CM_PKG_RENDER; cmake $CM_BUILD; ./callmesh build)"
        fi
        [ -z "$missing" ] && doctor_line ok "packages of the tests" || doctor_line -- "only for tests: $missing (./callmesh test installs them)"
    else
        doctor_line '!!' "not a Debian: install by hand: $CM_PKG_RUN $CM_PKG_BUILD nodejs npm"
    fi
    [ -x "$CM_BUILD/bin/callmesh-api" ] && doctor_line ok "services built" || doctor_line '!!' "services not built (./callmesh build)"
    [ -f "$CM_ROOT/dashboard/dist/index.html" ] && doctor_line ok "dashboard built" || doctor_line '!!' "dashboard not built (./callmesh build)"
    if [ "$(id -u)" = 0 ]; then doctor_line ok "root: services run as the user $CM_USER"
    elif getcap "$CM_ROOT/var/bin/callmesh-capture" 2>/dev/null | grep -q cap_net_raw; then doctor_line ok "capture may open interfaces"
    elif command -v sudo >/dev/null; then doctor_line -- "live capture will ask sudo for: setcap cap_net_raw+ep var/bin/callmesh-capture"
    else doctor_line '!!' "live capture needs CAP_NET_RAW: as root, setcap cap_net_raw+ep $CM_ROOT/var/bin/callmesh-capture"
    fi
    local p
    for p in 8080 $((${CALLMESH_PORT_BASE:-7640} + 1)); do
        port_is_free "$p" && doctor_line ok "port $p is free" || doctor_line -- "port $p is in use (callmesh itself? ./callmesh status)"
    done
    local free
    free=$(df -Pk "$CM_ROOT" | awk 'NR==2{print int($4/1048576)}')
    [ "$free" -ge 2 ] && doctor_line ok "disk: $free GB free" || doctor_line '!!' "disk: only $free GB free below $CM_ROOT; the spool alone may take 4"
    [ $DOCTOR_BAD = 0 ]
}

cmd_test() { exec "$CM_ROOT/tests/run.sh" "$@"; }
