#include "health.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/stat.h"
#include "bus/bus.h"
#include "http/small.h"

#define FORERUNNER_US (6 * US_PER_S)

static const struct daemon_service *service;
static const char *site, *node;
static _Atomic int state;
static int64_t started_us;
static struct small *server;

// Opened once: a process that has given up opening files (capture's sandbox) still knows.
static int statm_fd = -1;

uint64_t health_rss_bytes(void)
{
    char buf[128];
    ssize_t n = statm_fd < 0 ? -1 : pread(statm_fd, buf, sizeof(buf) - 1, 0);
    if (n <= 0)
        return 0;
    struct span s = span_of(buf, (size_t)n);
    s = span_sub(s, span_find(s, ' ') + 1, SIZE_MAX); // the second field counts resident pages
    uint64_t pages = 0;
    span_u64(span_sub(s, 0, span_find(s, ' ')), UINT64_C(1) << 40, &pages);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void on_livez(void *ctx, const struct small_request *q, struct small_reply *r)
{
    (void)ctx;
    (void)q;
    r->n = span_copy(SPAN_LIT("ok\n"), r->buf, r->cap);
}

__attribute__((format(printf, 2, 3))) static void put(struct small_reply *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    size_t left = r->n < r->cap ? r->cap - r->n : 0;
    int n = vsnprintf(left ? r->buf + r->n : NULL, left, fmt, ap);
    va_end(ap);
    must(n >= 0);
    r->n += (size_t)n;
}

static void on_readyz(void *ctx, const struct small_request *q, struct small_reply *r)
{
    (void)ctx;
    int now = atomic_load(&state);
    char lines[4096] = "";
    bool ready = now == HEALTH_RUNNING;
    if (ready && service->ready)
        ready = service->ready(lines, sizeof(lines));
    r->status = ready ? 200 : 503;
    put(r, "%s\n",
        ready                    ? "ok"
        : now == HEALTH_STARTING ? "starting"
        : now == HEALTH_STOPPING ? "stopping"
                                 : "not ready");
    if (small_arg(q, "verbose"))
        put(r, "%s", lines);
}

static void put_metric(struct small_reply *r, const char *name, const char *type, const char *help)
{
    put(r, "# HELP %s %s\n# TYPE %s %s\n%s", name, help, name, type, name);
}

static void on_metrics(void *ctx, const struct small_request *q, struct small_reply *r)
{
    (void)ctx;
    (void)q;
    r->content_type = "text/plain; version=0.0.4; charset=utf-8";
    put_metric(r, "callmesh_build_info", "gauge", "who runs here; the value is always 1");
    put(r, "{service=\"%s\",version=\"%s\",nng=\"%s\",site=\"%s\",node=\"%s\"} 1\n", service->name,
        daemon_version(), bus_nng_version(), site, node);
    put_metric(r, "process_resident_memory_bytes", "gauge", "memory of this process in RAM");
    put(r, " %" PRIu64 "\n", health_rss_bytes());
    put_metric(r, "process_cpu_seconds_total", "counter", "CPU time of this process");
    put(r, " %.3f\n", (double)cpu_now_us() / 1e6);
    put_metric(r, "process_start_time_seconds", "gauge", "start, seconds since 1970");
    put(r, " %.3f\n", (double)started_us / 1e6);
    put_metric(r, "callmesh_fixed_memory_bytes", "gauge",
               "slabs, maps, rings and arenas, taken at start");
    put(r, " %" PRIu64 "\n", mem_total());
    put_metric(r, "callmesh_fixed_memory_late_total", "counter",
               "takings of fixed memory after start-up; anything but 0 is a mistake of ours");
    put(r, " %" PRIu64 "\n", mem_late());
    size_t left = r->n < r->cap ? r->cap - r->n : 0;
    r->n += stat_prometheus(left ? r->buf + r->n : NULL, left);
}

static void on_version(void *ctx, const struct small_request *q, struct small_reply *r)
{
    (void)ctx;
    (void)q;
    struct json j;
    json_init(&j, r->buf, r->cap);
    json_obj(&j);
    json_kstr(&j, "service", service->name);
    json_kstr(&j, "version", daemon_version());
    json_kint(&j, "protocol", BUS_PROTOCOL_VERSION);
    json_kstr(&j, "nng", bus_nng_version());
    json_kstr(&j, "site", site);
    json_kstr(&j, "node", node);
    json_ktime(&j, "started_at", started_us);
    json_obj_end(&j);
    must(!j.overflow);
    r->n = j.n;
    r->content_type = "application/json";
}

static const struct small_route routes[] = {{"/livez", on_livez},
                                            {"/readyz", on_readyz},
                                            {"/metrics", on_metrics},
                                            {"/version", on_version}};

// Who was killed may leave a child behind that holds the port while it writes its last (capture's sender: 5 s at most). Who is
// started at once waits for it; another service on the same port does not go away, and then that is said.
static int listen_patiently(const char *listen, char *err, size_t err_cap)
{
    int64_t until_us = mono_now_us() + FORERUNNER_US;
    for (bool said = false;; said = true) {
        int r = small_start(&server, listen, routes, sizeof(routes) / sizeof(routes[0]), NULL, err,
                            err_cap);
        if (r != -EADDRINUSE || mono_now_us() >= until_us || daemon_stopping())
            return r;
        if (!said)
            log_info("the health port is taken: waiting for who holds it", "listen=%s", listen);
        daemon_wait(50 * US_PER_MS);
    }
}

int health_start(const struct daemon_service *s, const char *listen, const char *site_name,
                 const char *node_name, char *err, size_t err_cap)
{
    service = s;
    site = site_name;
    node = node_name;
    started_us = wall_now_us();
    statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (statm_fd < 0)
        log_warn("memory in use will be told as 0", "file=/proc/self/statm reason=\"%s\"",
                 strerror(errno));
    if (!*listen)
        return 0;
    return listen_patiently(listen, err, err_cap);
}

void health_set(enum health_state s)
{
    atomic_store(&state, (int)s);
}

void health_stop(void)
{
    server = small_stop(server);
}
