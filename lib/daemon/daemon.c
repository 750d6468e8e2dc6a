#include "daemon/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/span.h"
#include "bus/bus.h"
#include "health.h"
#include "signals.h"

#define DEFS_MAX 128

static char host_name[64];
static const struct conf_def common[] = {
    {"config", CONF_STR, "", 0, 0, "file with settings: [section] and name = value lines", false},
    {"log.level", CONF_STR, "info", 0, 0, "error, warn, info or debug", false},
    {"log.format", CONF_STR, "text", 0, 0, "text (logfmt) or json", false},
    {"site", CONF_STR, "main", 0, 0, "place this process works for; letters, digits, . _ -", false},
    {"node", CONF_STR, host_name, 0, 0, "name of this process's machine; default: the host name",
     false},
    {"bus.tls-ca", CONF_STR, "", 0, 0,
     "for wss:// URLs: PEM file of the authority of all sites, or sha256:HEX of its certificate",
     false},
    {"bus.tls-cert", CONF_STR, "", 0, 0, "PEM file: own certificate, then the authority's", false},
    {"bus.tls-key", CONF_STR, "", 0, 0, "PEM file: its private key", false},
    {"bus.tls-name", CONF_STR, "callmesh-centre", 0, 0,
     "name that the certificate of who is dialled must bear, whatever its address", false},
    {"bus.sign-key", CONF_STR, "", 0, 0,
     "file with 64 hex digits: signing key of the site; what goes out by wss:// is signed", false},
    {"start.limit", CONF_DURATION, "15m", 0, 3600 * US_PER_S,
     "a start that has not come to its end by then, and does not wait for the database, ends with "
     "exit code 71; 0: no limit",
     false},
    {"health.listen", CONF_STR, "", 0, 0,
     "host:port of /livez /readyz /metrics /version; empty: none", false},
    {"print-config", CONF_BOOL, "false", 0, 0,
     "print all settings and where each came from, then end", false},
    {"help", CONF_BOOL, "false", 0, 0, "print this, then end", false},
    {"version", CONF_BOOL, "false", 0, 0, "print the version, then end", false},
};

const char *daemon_version(void)
{
    return CALLMESH_VERSION;
}

bool daemon_stopping(void)
{
    return signals_stopping();
}

void daemon_wait(int64_t timeout_us)
{
    signals_wait(timeout_us);
}

void daemon_request_stop(void)
{
    signals_request_stop();
}

void daemon_start_waits(bool waits)
{
    signals_start_waits(waits);
}

// The service's settings, then the common ones that it did not define itself (with a default of its own, say).
static size_t merge_defs(const struct daemon_service *s, struct conf_def defs[DEFS_MAX])
{
    must(s->ndefs + sizeof(common) / sizeof(common[0]) <= DEFS_MAX);
    size_t n = s->ndefs;
    if (n)
        memcpy(defs, s->defs, n * sizeof(*defs));
    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
        bool own = false;
        for (size_t k = 0; k < s->ndefs; k++)
            own = own || strcmp(s->defs[k].name, common[i].name) == 0;
        if (!own)
            defs[n++] = common[i];
    }
    return n;
}

// --help and --version answer even when another setting is wrong.
static bool asked_for(int argc, char **argv, const char *name, const char *brief)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], name) == 0 || (brief && strcmp(argv[i], brief) == 0))
            return true;
    return false;
}

static void print_help(const struct daemon_service *s, const struct conf_def *defs, size_t n)
{
    printf(
        "callmesh-%s %s: %s\n\nSettings (or CALLMESH_NAME in the environment with _ for . and -, "
        "CALLMESH_NAME_FILE for a file\nthat holds the value, or the file of --config):\n",
        s->name, daemon_version(), s->summary);
    conf_print_help(defs, n);
    if (s->examples && *s->examples)
        printf("\nExamples:\n%s\n", s->examples);
}

static bool choice(const struct conf *c, const char *name, const char *const *words, size_t n,
                   int *ret)
{
    const char *v = conf_str(c, name);
    for (size_t i = 0; i < n; i++)
        if (strcmp(v, words[i]) == 0) {
            *ret = (int)i;
            return true;
        }
    fprintf(stderr, "%s: \"%s\" is not allowed; see --help\n", name, v);
    return false;
}

static bool name_ok(const struct conf *c, const char *name)
{
    struct span s = span_str(conf_str(c, name));
    bool good = s.n > 0 && s.n < 64;
    for (size_t i = 0; good && i < s.n; i++) {
        uint8_t b = s.p[i];
        good = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') ||
               b == '.' || b == '_' || b == '-';
    }
    if (!good)
        fprintf(stderr, "%s: \"%s\" is not a name of 1 to 63 letters, digits, . _ -\n", name,
                conf_str(c, name));
    return good;
}

static bool setup_log(const struct daemon_service *s, const struct conf *c)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    static const char *const formats[] = {"text", "json"};
    int level, format;
    if (!choice(c, "log.level", levels, 4, &level) ||
        !choice(c, "log.format", formats, 2, &format) || !name_ok(c, "site") || !name_ok(c, "node"))
        return false;
    log_setup(s->name, (enum log_level)level, (enum log_format)format);
    return true;
}

// 1.5.2 and the like; the rules in lib/bus keep the known defects of older ones away, but an operator should know.
static bool nng_is_old(const char *version)
{
    struct span s = span_str(version);
    size_t dot = span_find(s, '.');
    struct span rest = span_sub(s, dot + 1, SIZE_MAX);
    uint64_t major = 0, minor = 0;
    span_u64(span_sub(s, 0, dot), 1000, &major);
    span_u64(span_sub(rest, 0, span_find(rest, '.')), 1000, &minor);
    return major < 1 || (major == 1 && minor < 8);
}

// _exit: nng's sockets are left open by rule (lib/bus/bus.h), and its exit handlers must not meet them.
__attribute__((noreturn)) static void leave(int code)
{
    fflush(NULL);
    _exit(code);
}

__attribute__((noreturn)) static void serve(const struct daemon_service *s, const struct conf *c)
{
    char err[512];
    int64_t began = mono_now_us();
    int split = s->split ? s->split(c) : 0;
    if (split != 0)
        leave(split);
    int r = signals_start(conf_int(c, "start.limit"));
    if (r < 0) {
        log_error("cannot start a thread", "reason=\"%s\"", strerror(-r));
        leave(EX_OSERR);
    }
    if (health_start(s, conf_str(c, "health.listen"), conf_str(c, "site"), conf_str(c, "node"), err,
                     sizeof(err)) < 0) {
        if (signals_stopping())
            leave(0);
        log_error("no health port", "setting=health.listen reason=\"%s\"", err);
        leave(EX_UNAVAILABLE);
    }
    struct bus_secure_opts secure = {.ca = conf_str(c, "bus.tls-ca"),
                                     .cert = conf_str(c, "bus.tls-cert"),
                                     .key = conf_str(c, "bus.tls-key"),
                                     .name = conf_str(c, "bus.tls-name"),
                                     .sign_key = conf_str(c, "bus.sign-key")};
    if (bus_secure(&secure, err, sizeof(err)) < 0) {
        log_error("the bus cannot be protected as set", "reason=\"%s\"", err);
        leave(EX_CONFIG);
    }
    int code = s->start(c);
    if (code != 0)
        leave(signals_stopping()
                  ? 0
                  : code); // asked to stop while it waited for something: that is no failure
    signals_started();
    mem_ready();
    health_set(HEALTH_RUNNING); // before the line that says so
    // A start that fails says one line, its reason: so these come after it.
    log_info("started", "version=%s nng=%s site=%s node=%s pid=%d", daemon_version(),
             bus_nng_version(), conf_str(c, "site"), conf_str(c, "node"), (int)getpid());
    if (!s->run &&
        nng_is_old(bus_nng_version())) // a program that reads a file and ends need not say it
        log_warn("old nng",
                 "version=%s want=1.8 effect=\"known defects are avoided by rule, see lib/bus\"",
                 bus_nng_version());
    log_info("ready", "memory_at_start_mb=%.1f rss_mb=%.1f took_ms=%lld",
             (double)mem_total() / 1048576.0, (double)health_rss_bytes() / 1048576.0,
             (long long)((mono_now_us() - began) / US_PER_MS));

    if (s->run)
        code = s->run();
    else
        while (!daemon_stopping())
            daemon_wait(3600 * US_PER_S);

    signals_arm_watchdog();
    health_set(HEALTH_STOPPING);
    if (s->stop)
        s->stop();
    health_stop();
    log_info("stopped", "code=%d cpu_s=%.2f", code, (double)cpu_now_us() / 1e6);
    leave(code);
}

int daemon_main(const struct daemon_service *s, int argc, char **argv)
{
    static struct conf_def defs[DEFS_MAX];
    char err[1024];
    signals_block();
    if (gethostname(host_name, sizeof(host_name) - 1) != 0 || !*host_name)
        span_copy(SPAN_LIT("node"), host_name, sizeof(host_name));
    size_t n = merge_defs(s, defs);
    if (asked_for(argc, argv, "--help", "-h")) {
        print_help(s, defs, n);
        return 0;
    }
    if (asked_for(argc, argv, "--version", NULL)) {
        printf("callmesh-%s %s (nng %s)\n", s->name, daemon_version(), bus_nng_version());
        return 0;
    }
    struct conf *c = conf_load(defs, n, argc, argv, err, sizeof(err));
    if (!c) {
        fprintf(stderr, "callmesh-%s: %s\n", s->name, err);
        // What stands on the command line is named with its dashes.
        return strncmp(err, "--", 2) == 0 || strncmp(err, "unknown option", 14) == 0 ? EX_USAGE
                                                                                     : EX_CONFIG;
    }
    if (!setup_log(s, c)) {
        conf_free(c);
        return EX_CONFIG;
    }
    if (conf_bool(c, "print-config")) {
        conf_print(c);
        conf_free(c);
        return 0;
    }
    serve(s, c); // the settings live as long as the process
}
