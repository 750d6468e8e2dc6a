#include "sender.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mono.h"
#include "base/stat.h"
#include "bus/bus.h"
#include "daemon/daemon.h"
#include "pause_file.h"

// A file waits for its consumers: more memory would only hold more of it at once, and clearing it is a good part of a short file's
// time. Signalling of 8 MiB is some 10,000 messages.
#define FILE_MEDIA_BYTES      (32u << 20)
#define FILE_SIGNALLING_BYTES (8u << 20)
#define KEEP_AGAIN_US         (1 * US_PER_S)
#define FORERUNNER_US                                                                              \
    (10 * US_PER_S) // a stop takes 5 s, and the end of a process that waits for a disk longer

struct sender {
    struct feed_pub *sig, *rtp;
    uint64_t too_large, orders_version, orders_kept;
    int64_t keep_us; // monotonic: not tried before; 0: the last try was good
    char pauses_path[1024];
};

enum {
    UNSAVED,
    SAVED,
    CELLS
};
static const struct stat_def defs[CELLS] = {
    [UNSAVED] =
        {"capture_pauses_unsaved", NULL,
         "1: the disk does not take what is paused; a harvester started anew would not know "
         "it",
         STAT_GAUGE},
    [SAVED] = {"capture_pauses_saved_total", NULL, "times that what is paused was put on disk",
               STAT_COUNTER},
};
static struct stat_cell cells[CELLS];

// A publisher's name with what a file name cannot hold made '_'.
static void journal_path(char *buf, size_t cap, const char *dir, const char *feed,
                         const char *publisher)
{
    int n = snprintf(buf, cap, "%s/%s-%s.journal", dir, feed, publisher);
    if (n <= 0 || (size_t)n >= cap)
        return;
    for (char *p = buf + strlen(dir) + 1; *p; p++)
        if (*p == '/')
            *p = '_';
}

// A keeper that was killed leaves a sender behind that still writes its last, some tenths of a second: who is started at once
// waits for it. Another capture of the same name does not go away: then opening says so.
static void wait_for_forerunner(const char *path)
{
    int64_t until_us = mono_now_us() + FORERUNNER_US;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        log_warn("a journal that another one may still write is not waited for",
                 "path=%s reason=\"%s\"", path, strerror(errno));
    while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && mono_now_us() < until_us &&
           !daemon_stopping())
        daemon_wait(50 * US_PER_MS);
    if (fd >= 0)
        close(fd); // and with it our lock
}

static int open_feed(struct feed_pub **ret, const struct sender_opts *o, bool media, char *err,
                     size_t err_cap)
{
    char path[1024];
    struct feed_pub_opts f = {
        .publisher = o->publisher,
        .site = o->site,
        .kind = media ? CALLMESH__V1__KIND__KIND_RTP : CALLMESH__V1__KIND__KIND_SIG,
        .pub_url = media ? o->rtp_url : o->sig_url,
        .ask_url = media ? o->rtp_ask_url : o->sig_ask_url,
        .journal_bytes = media ? o->rtp_journal_bytes : o->sig_journal_bytes,
        .wait_when_full = !o->live,
        .keeps_orders = o->live,
    };
    uint64_t most = media ? FILE_MEDIA_BYTES : FILE_SIGNALLING_BYTES;
    if (!o->live && f.journal_bytes > most)
        f.journal_bytes = most;
    if (o->live) {
        journal_path(path, sizeof path, o->journal_dir, media ? "rtp" : "sig", o->publisher);
        f.journal_path = path;
        wait_for_forerunner(path);
    }
    return feed_pub_open(ret, &f, err, err_cap) == 0 ? 0 : EX_CANTCREAT;
}

int sender_open(struct sender **ret, const struct sender_opts *o, char *err, size_t err_cap)
{
    if (o->live && mkdir(o->journal_dir, 0750) != 0 && errno != EEXIST) {
        snprintf(err, err_cap, "journal.dir %s: %s", o->journal_dir, strerror(errno));
        return EX_CANTCREAT;
    }
    struct sender *s = calloc(1, sizeof *s);
    if (!s) {
        snprintf(err, err_cap, "no memory");
        return EX_OSERR;
    }
    if (o->live &&
        !pause_file_path(s->pauses_path, sizeof s->pauses_path, o->journal_dir, o->publisher)) {
        snprintf(err, err_cap, "journal.dir %s: too long", o->journal_dir);
        free(s);
        return EX_CANTCREAT;
    }
    stat_register(defs, cells, CELLS);
    int r = open_feed(&s->sig, o, false, err, err_cap);
    if (r == 0)
        r = open_feed(&s->rtp, o, true, err, err_cap);
    if (r) { // the first feed stays open: the process ends now (lib/bus never closes sockets)
        if (s->sig)
            feed_pub_stop(s->sig);
        free(s);
        return r;
    }
    *ret = s;
    return 0;
}

static int count_too_large(struct sender *s, int r, size_t bytes)
{
    if (r != -EMSGSIZE)
        return r;
    s->too_large++;
    log_error("a batch was larger than the bus takes; it is lost", "bytes=%zu", bytes);
    return 0;
}

static int send_batch(struct sender *s, struct feed_pub *f, const ProtobufCMessage *m)
{
    int r = feed_pub_send(f, m);
    return r == 0 ? 0 : count_too_large(s, r, protobuf_c_message_get_packed_size(m));
}

int sender_send(struct sender *s, bool media, struct span packed)
{
    return count_too_large(s, feed_pub_send_packed(media ? s->rtp : s->sig, packed), packed.n);
}

struct sender_seq sender_seq(struct sender *s, bool media)
{
    struct feed_pub_stat st = feed_pub_stat(media ? s->rtp : s->sig);
    return (struct sender_seq){st.head_seq, st.durable_seq};
}

static int send_sig(void *ctx, const Callmesh__V1__SigBatch *b)
{
    struct sender *s = ctx;
    return send_batch(s, s->sig, &b->base);
}

static int send_rtp(void *ctx, const Callmesh__V1__RtpBatch *b)
{
    struct sender *s = ctx;
    return send_batch(s, s->rtp, &b->base);
}

struct outbox_sink sender_sink(struct sender *s)
{
    return (struct outbox_sink){.sig = send_sig, .rtp = send_rtp, .ctx = s};
}

bool sender_pauses(struct sender *s, struct pauses *ret)
{
    const Callmesh__V1__Orders *o = feed_pub_orders(s->sig, &s->orders_version);
    if (o)
        pauses_read(o, s->orders_version, ret);
    return o != NULL;
}

void sender_keep_pauses(struct sender *s, const struct pauses *p)
{
    if (s->orders_kept == s->orders_version || !s->pauses_path[0] ||
        (s->keep_us && mono_now_us() < s->keep_us))
        return;
    int r = pause_file_write(s->pauses_path, p);
    if (r) {
        if (!s->keep_us)
            log_error("what is paused is not on disk: it is in force, but not for a harvester that "
                      "is started anew",
                      "file=%s why=\"%s\"", s->pauses_path, strerror(-r));
        s->keep_us = mono_now_us() + KEEP_AGAIN_US;
        stat_set(&cells[UNSAVED], 1);
        return;
    }
    s->keep_us = 0;
    s->orders_kept = s->orders_version;
    feed_pub_orders_kept(s->sig, s->orders_kept);
    stat_set(&cells[UNSAVED], 0);
    stat_add(&cells[SAVED], 1);
}

void sender_pauses_found(const char *journal_dir, const char *publisher, int64_t doubt_us,
                         struct pauses *ret)
{
    char path[1024];
    int64_t now_us = wall_now_us();
    *ret = (struct pauses){.n = 0};
    if (!pause_file_path(path, sizeof path, journal_dir, publisher))
        return; // said when the sender opens
    if (pause_file_read(path, now_us, doubt_us, ret) == PAUSE_FOUND_BROKEN)
        log_error("who is paused cannot be read: no media leaves until callstate says it",
                  "file=%s for_at_most_s=%lld", path,
                  (long long)(ret->doubt_until_us ? (ret->doubt_until_us - now_us) / US_PER_S : 0));
    else if (ret->n)
        log_info("calls are paused since an earlier life", "file=%s calls=%u", path, ret->n);
}

bool sender_flush(struct sender *s, int64_t timeout_us)
{
    return feed_pub_flush(s->sig, timeout_us / 2) && feed_pub_flush(s->rtp, timeout_us / 2);
}

struct sender_stat sender_stat(struct sender *s)
{
    struct feed_pub_stat sig = feed_pub_stat(s->sig), rtp = feed_pub_stat(s->rtp);
    return (struct sender_stat){
        .sig_open = sig.head_seq - sig.committed_seq,
        .rtp_open = rtp.head_seq - rtp.committed_seq,
        .overwritten = sig.overwritten + rtp.overwritten,
        .too_large = s->too_large,
        .sig_connected = sig.connected,
        .rtp_connected = rtp.connected,
    };
}

void sender_stop(struct sender *s)
{
    feed_pub_stop(s->sig);
    feed_pub_stop(s->rtp);
}
