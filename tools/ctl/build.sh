# build.sh: the services by CMake, the dashboard by npm; both only when something changed.
# shellcheck shell=bash
CM_BUILD=${CALLMESH_BUILD:-$CM_ROOT/build}

build_services() {
    if [ ! -f "$CM_BUILD/build.ninja" ]; then
        cmake -S "$CM_ROOT" -B "$CM_BUILD" -G Ninja -DCMAKE_BUILD_TYPE=Release
    fi
    ninja -C "$CM_BUILD"
}

dashboard_sum() {
    (cd "$CM_ROOT/dashboard" && find . -path ./node_modules -prune -o -path ./dist -prune -o -type f -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16)
}

# Node.js brings its own list of authorities; the machine's list counts as well.
[ -n "${NODE_EXTRA_CA_CERTS:-}" ] || [ ! -r /etc/ssl/certs/ca-certificates.crt ] ||
    export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt

build_dashboard() {
    (cd "$CM_ROOT/dashboard" && { [ -d node_modules ] && [ node_modules -nt package-lock.json ] || npm ci --no-audit --no-fund; } &&
        npm run build && dashboard_sum >dist/.sum)
}

build_all() {
    packages_ensure build run
    if [ -f "$CM_BUILD/build.ninja" ] && ninja -C "$CM_BUILD" -n 2>/dev/null | grep -q 'no work to do'; then :; else
        step "services: build" build_services || die 70 "the build failed; the lines above say where"
    fi
    if [ "$(cat "$CM_ROOT/dashboard/dist/.sum" 2>/dev/null)" != "$(dashboard_sum)" ]; then
        step "dashboard: build" build_dashboard || die 70 "the dashboard's build failed; the lines above say where"
    fi
}

cmd_build() {
    case ${1:-} in
        --help) echo "usage: ./callmesh build    packages, services into build/bin, dashboard into dashboard/dist"; return ;;
        '') ;;
        *) die 64 "build takes no options" ;;
    esac
    build_all
}
