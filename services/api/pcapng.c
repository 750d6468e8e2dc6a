// /calls/{id}/pcapng: a call's SIP messages, and the RTP packets that the recorder kept, in order of time as a file for Wireshark. Written
// into a file without a name, a page of messages and a packet of media at a time: memory does not depend on how many there
// are. Key material is blotted out (sdes.h). The file worker alone.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "api.h"
#include "audio.h"
#include "db.h"
#include "nameless.h"
#include "pcapng_form.h"
#include "recordings.h"
#include "rows.h"
#include "rtpdump.h"
#include "sdes.h"
#include "sip_text.h"

#define PAGE      100
#define RAW_MAX   65535
#define DUMPS_MAX 4
#define FLOWS_MAX 64

static const char messages_sql[] =
    "SELECT at, host(src_ip), src_port, host(dst_ip), dst_port, transport, raw, raw_form FROM "
    "sip_messages "
    "WHERE call_id " OF_PARTS("$1") " ORDER BY at, publisher, seq, n LIMIT $2 OFFSET $3";
static const char flows_sql[] =
    "SELECT ssrc, host(src_ip), src_port, host(dst_ip), dst_port, first_at, last_at FROM streams "
    "WHERE call_id " OF_PARTS("$1") " ORDER BY first_at, id LIMIT $2";
static const char dumps_sql[] =
    "SELECT path, sha256, status FROM recordings WHERE status = 'ready' AND "
    "call_id " OF_PARTS("$1") " ORDER BY started_at, id LIMIT $2";

struct flow {
    uint32_t ssrc;
    int64_t first_us, last_us;
    struct pcapng_ends ends;
};

static struct {
    struct pcapng out;
    uint8_t raw[RAW_MAX + 1];
    struct flow flow[FLOWS_MAX];
    size_t flows;
    struct rtpdump dump[DUMPS_MAX];
    struct audio_slot *slot[DUMPS_MAX];
    size_t dumps;
    uint64_t media; // packets written
} work;

static struct store_result *ask(struct store *st, struct http_req *q, const char *sql,
                                int64_t limit, int64_t offset)
{
    struct store_args a;
    store_args_init(&a);
    store_arg_uuid(&a, &req_of(q)->id);
    store_arg_int(&a, limit);
    if (offset >= 0)
        store_arg_int(&a, offset);
    return db_query(st, q, sql, &a);
}

// ---- media

static bool read_flows(struct store *st, struct http_req *q)
{
    struct store_result *r = ask(st, q, flows_sql, FLOWS_MAX, -1);
    work.flows = 0;
    for (size_t i = 0; r && i < store_rows(r); i++) {
        struct flow *f = &work.flow[work.flows];
        f->ssrc = (uint32_t)store_int(r, i, 0);
        f->first_us = store_time(r, i, 5);
        f->last_us = store_time(r, i, 6);
        if (pcapng_ends(&f->ends, store_str(r, i, 1), store_int(r, i, 2), store_str(r, i, 3),
                        store_int(r, i, 4)) == 0)
            work.flows++;
    }
    bool good = r != NULL;
    store_result_free(r);
    return good;
}

// A source may move to another port: the flow of its time, or any of it.
static const struct flow *flow_of(uint32_t ssrc, int64_t at_us)
{
    const struct flow *any = NULL;
    for (size_t i = 0; i < work.flows; i++) {
        const struct flow *f = &work.flow[i];
        if (f->ssrc != ssrc)
            continue;
        if (at_us + 1000 >= f->first_us && at_us <= f->last_us + 1000)
            return f;
        any = any ? any : f;
    }
    return any;
}

// <id>.wav[.sealed] has its packets beside it in <id>.rtp[.sealed], when they were kept.
static bool dump_path(const char *wav, char *ret, size_t cap)
{
    const char *ext = strstr(wav, ".wav");
    if (!ext)
        return false;
    int n = snprintf(ret, cap, "%.*s.rtp%s", (int)(ext - wav), wav, ext + 4);
    return n > 0 && (size_t)n < cap;
}

static bool open_dumps(struct store *st, struct http_req *q)
{
    char path[512];
    struct store_result *r = ask(st, q, dumps_sql, DUMPS_MAX, -1);
    work.dumps = 0;
    bool good = r != NULL;
    for (size_t i = 0; good && i < store_rows(r); i++) {
        if (!dump_path(store_str(r, i, 0), path, sizeof(path)))
            continue;
        int fd = recordings_beneath(path);
        if (fd < 0 && (errno != ENOENT || !audio_has_depot()))
            continue;
        struct audio_slot *s = audio_open(q, fd, path);
        if (!s && q->status == 410) { // no packets were kept
            http_reply_drop(q);
            continue;
        }
        good = s != NULL;
        if (s && rtpdump_open(&work.dump[work.dumps], audio_reader(s)) == 0)
            work.slot[work.dumps++] = s;
        else if (s)
            audio_give(s);
    }
    store_result_free(r);
    return good;
}

static struct rtpdump *earliest(void)
{
    struct rtpdump *d = NULL;
    for (size_t i = 0; i < work.dumps; i++) {
        if (work.dump[i].has && (!d || work.dump[i].at_us < d->at_us))
            d = &work.dump[i];
    }
    return d;
}

// Packets up to this time.
static int put_media(int64_t until_us)
{
    for (struct rtpdump *d = earliest(); d && d->at_us <= until_us; d = earliest()) {
        const struct flow *f = flow_of(rtpdump_ssrc(d), d->at_us);
        if (f) {
            pcapng_udp(&work.out, d->at_us, &f->ends, d->packet, d->n);
            work.media++;
        }
        int e = rtpdump_next(d);
        if (e || work.out.error)
            return e ? e : work.out.error;
    }
    return 0;
}

// ---- signalling

static int put_message(const struct store_result *r, size_t i)
{
    struct pcapng_ends e;
    int64_t at_us = store_time(r, i, 0);
    size_t n = sip_text(r, i, 6, 7, work.raw, RAW_MAX);
    int err = put_media(at_us);
    if (err || pcapng_ends(&e, store_str(r, i, 1), store_int(r, i, 2), store_str(r, i, 3),
                           store_int(r, i, 4)) != 0)
        return err;
    sdes_blot(work.raw, n);
    if (strcmp(store_str(r, i, 5), "udp") == 0)
        pcapng_udp(&work.out, at_us, &e, work.raw, n);
    else
        pcapng_sip(&work.out, at_us, &e, work.raw, n);
    return work.out.error;
}

// 0, negative errno, or 1: the problem is set.
static int fill(struct store *st, struct http_req *q)
{
    int e = 0;
    for (int64_t offset = 0, n = PAGE; e == 0 && n == PAGE; offset += n) {
        struct store_result *r = ask(st, q, messages_sql, PAGE, offset);
        if (!r)
            return 1;
        n = (int64_t)store_rows(r);
        for (size_t i = 0; i < store_rows(r) && e == 0; i++)
            e = put_message(r, i);
        store_result_free(r);
    }
    if (e == 0)
        e = put_media(INT64_MAX);
    return e ? e : pcapng_end(&work.out);
}

static void reply(struct http_req *q, const char *id, int fd)
{
    off_t n = lseek(fd, 0, SEEK_CUR);
    (void)http_reply_file(q, 200, "application/x-pcapng", fd, 0, (uint64_t)n);
    http_header(q, "X-Media-Packets", "%llu", (unsigned long long)work.media);
    http_header(q, "Content-Disposition", "attachment; filename=\"%s.pcapng\"", id);
}

static void make(struct store *st, struct http_req *q, const char *id, bool media)
{
    work.dumps = 0;
    work.media = 0;
    int fd = nameless_open(), e = fd < 0 ? -errno : 0;
    if (e == 0) {
        pcapng_begin(&work.out, fd);
        e = media && (!read_flows(st, q) || !open_dumps(st, q)) ? 1 : fill(st, q);
    }
    for (size_t i = 0; i < work.dumps; i++)
        audio_give(work.slot[i]);
    if (e == 0) {
        reply(q, id, fd);
        return;
    }
    if (fd >= 0)
        close(fd);
    if (e == -EFBIG)
        http_problem(q, 413, "too_long", "the packets of this call are over %llu MiB",
                     (unsigned long long)(PCAPNG_MOST >> 20));
    else if (e == -EBADMSG || e == -EIO)
        audio_problem(q, id, e);
    else if (e < 0)
        http_problem(q, 503, "no_space", "the file could not be written");
}

static void job_pcapng(struct store *st, struct http_req *q)
{
    char id[37];
    const char *media = query_get(q, "media");
    uuid_format(&req_of(q)->id, id);
    bool rtp = media && strcmp(media, "rtp") == 0;
    if (call_exists(st, q) && db_audit(st, q, rtp ? "pcapng with media" : "pcapng", id, "sent"))
        make(st, q, id, rtp);
}

enum http_next on_call_pcapng(struct http_req *q)
{
    const char *media = query_get(q, "media");
    bool rtp = media && strcmp(media, "rtp") == 0;
    if (media && !rtp && strcmp(media, "none") != 0)
        return http_problem(q, 400, "bad_parameter", "media is none or rtp");
    if (rtp && !(req_of(q)->who.scopes & SCOPE_RECORDINGS_DOWNLOAD))
        return http_problem(q, 403, "scope_missing", "media needs the scope recordings:download");
    return api_path_id(q) ? db_submit_file(q, job_pcapng, NULL) : HTTP_DONE;
}
