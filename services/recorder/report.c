#include "report.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mono.h"
#include "daemon/daemon.h"
#include "stats.h"

int report_open(struct report *r, char *err, size_t err_cap)
{
    r->items = ring_new(REPORT_RING, sizeof(struct report_item));
    if (!r->items)
        return -ENOMEM;
    r->wake = ring_eventfd(r->items);
    if (r->wake < 0)
        return -errno;
    struct feed_pub_opts o = {.publisher = r->o.name,
                              .site = r->o.site,
                              .kind = CALLMESH__V1__KIND__KIND_REPORT,
                              .pub_url = r->o.sig_url,
                              .ask_url = r->o.ask_url,
                              .journal_path = r->o.journal_path,
                              .journal_bytes = r->o.journal_bytes};
    return feed_pub_open(&r->pub, &o, err, err_cap);
}

// A ReportBatch of one event that is packed already: field 1, length-delimited.
static void send_packed(struct report *r, const struct report_item *it)
{
    static uint8_t batch[REPORT_BYTES + 8];
    size_t n = 0;
    batch[n++] = 0x0A;
    uint32_t v = it->n;
    for (; v >= 0x80; v >>= 7)
        batch[n++] = (uint8_t)(v | 0x80);
    batch[n++] = (uint8_t)v;
    memcpy(batch + n, it->bytes, it->n);
    int e = feed_pub_send_packed(r->pub, span_of(batch, n + it->n));
    if (e < 0)
        log_error("report not sent", "error=\"%s\"", strerror(-e));
    else
        count(STAT_REPORTS, 1);
}

static void send_alive(struct report *r)
{
    Callmesh__V1__Alive a = CALLMESH__V1__ALIVE__INIT;
    a.recorder = (char *)(uintptr_t)r->o.name; // packed, not written to
    a.site = (char *)(uintptr_t)r->o.site;
    a.version = (char *)(uintptr_t)daemon_version();
    a.at_us = wall_now_us();
    a.spool_bytes = stat_get(&recorder_stat[STAT_SPOOL_BYTES]);
    a.recordings_ready = stat_get(&recorder_stat[STAT_REC_READY]);
    a.recordings_failed = stat_get(&recorder_stat[STAT_REC_FAILED]);
    Callmesh__V1__ReportEvent e = CALLMESH__V1__REPORT_EVENT__INIT, *list[1] = {&e};
    e.event_case = CALLMESH__V1__REPORT_EVENT__EVENT_ALIVE;
    e.alive = &a;
    Callmesh__V1__ReportBatch b = CALLMESH__V1__REPORT_BATCH__INIT;
    b.n_events = 1;
    b.events = list;
    (void)feed_pub_send(r->pub, &b.base);
}

static uint64_t free_bytes(const char *dir)
{
    struct statvfs v;
    return statvfs(dir, &v) == 0 ? (uint64_t)v.f_bavail * v.f_frsize : UINT64_MAX;
}

// Stop before full: below the minimum the spool no longer grows (it reuses its oldest) and cuts wait.
static void look_at_disk(struct report *r)
{
    uint64_t a = free_bytes(r->o.recordings_dir), b = free_bytes(r->o.spool_dir);
    uint64_t least = a < b ? a : b;
    bool low = least < r->o.disk_min_free, was = atomic_exchange(r->disk_low, low);
    gauge(STAT_DISK_FREE, least);
    gauge(STAT_DISK_LOW, low);
    if (low && !was)
        log_error("disk nearly full: calls wait for their cut, the look-back no longer grows",
                  "free=%llu minimum=%llu", (unsigned long long)least,
                  (unsigned long long)r->o.disk_min_free);
    if (!low && was)
        log_info("disk has room again", "free=%llu", (unsigned long long)least);
}

// now_us: wall clock before the ring was emptied.
static void look_at_heard(struct report *r, int64_t now_us)
{
    struct feed_pub_stat s = feed_pub_stat(r->pub);
    if (r->mark_seq && s.committed_seq >= r->mark_seq) {
        atomic_store(&r->heard_us, r->mark_us);
        r->mark_seq = 0;
    }
    if (!r->mark_seq) {
        r->mark_seq = s.head_seq;
        r->mark_us = now_us;
    }
}

static void body(struct thread *t, void *arg)
{
    struct report *r = arg;
    for (;;) {
        bool stop = thread_should_stop(t);
        bool any = false;
        int64_t wall_us = wall_now_us();
        while (ring_pop(r->items, &r->item)) {
            send_packed(r, &r->item);
            any = true;
        }
        if (stop)
            break;
        look_at_heard(r, wall_us);
        int64_t now_us = mono_now_us();
        if (now_us >= r->next_disk_us) {
            r->next_disk_us = now_us + US_PER_S;
            look_at_disk(r);
            r->synced = spool_sync(r->o.spool_dir, r->synced, atomic_load(r->newest));
        }
        if (now_us >= r->next_alive_us) {
            r->next_alive_us = now_us + 2 * US_PER_S;
            send_alive(r);
        }
        struct pollfd p = {.fd = r->wake, .events = POLLIN};
        if (!any && poll(&p, 1, 100) > 0) {
            uint64_t v;
            (void)!read(r->wake, &v, sizeof(v));
        }
    }
}

int report_start(struct report *r)
{
    return thread_start(&r->thread, "report", body, r);
}

void report_stop(struct report *r)
{
    thread_join(&r->thread);
    if (r->pub)
        feed_pub_stop(r->pub);
}
