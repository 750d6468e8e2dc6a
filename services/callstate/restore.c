#include "restore.h"
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "blob.h"
#include "call.h"
#include "media_join.h"
#include "parts.h"
#include "pending.h"
#include "recordings.h"
#include "store/packed.h"

static int cursors(struct store *s, struct known_cursor *known, size_t max, size_t *ret_n)
{
    struct store_args a;
    struct store_result *r = NULL;
    store_args_init(&a);
    store_arg_int(&a, (int64_t)max);
    int st = store_query(s,
                         "SELECT publisher, incarnation, epoch, seq, done FROM feed_cursors"
                         " ORDER BY updated_at DESC LIMIT $1",
                         &a, &r);
    if (st)
        return st;
    for (size_t i = 0; i < store_rows(r) && i < max; i++) {
        struct known_cursor *k = &known[(*ret_n)++];
        (void)span_copy(store_span(r, i, 0), k->publisher, sizeof k->publisher);
        (void)store_bytes(r, i, 1, k->incarnation, sizeof k->incarnation);
        k->epoch = (uint64_t)store_int(r, i, 2);
        k->at.seq = (uint64_t)store_int(r, i, 3);
        k->at.done = (uint32_t)store_int(r, i, 4);
    }
    store_result_free(r);
    return STORE_OK;
}

static int open_calls(struct store *s, struct world *w, size_t *ret_n, size_t *ret_bad)
{
    static uint8_t buf[64u << 10];
    struct store_args a;
    struct store_result *r = NULL;
    store_args_init(&a);
    store_arg_int(&a, (int64_t)w->lim.calls);
    // Open ones before ended ones when there is no room for all; taken in from the end, so that the oldest ended one stands
    // first where memory is made free.
    int st =
        store_query(s,
                    "SELECT o.state, o.id FROM open_calls o LEFT JOIN calls c ON c.site = o.site"
                    " AND c.started_at = o.started_at AND c.id = o.id ORDER BY c.ended_at DESC "
                    "NULLS FIRST LIMIT $1",
                    &a, &r);
    if (st)
        return st;
    for (size_t i = store_rows(r); i-- > 0;) {
        size_t n = store_bytes(r, i, 0, buf, sizeof buf);
        if (blob_read(w, span_of(buf, n)))
            (*ret_n)++;
        else
            (*ret_bad)++;
    }
    store_result_free(r);
    parts_relink(w);
    return STORE_OK;
}

static bool endpoint_of(const struct store_result *r, size_t row, size_t col, struct endpoint *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->port = (uint16_t)store_int(r, row, col + 1);
    return ip_addr_parse(store_span(r, row, col), &ret->ip);
}

static struct leg *leg_by_id(struct call *c, const struct uuid *id)
{
    for (struct leg *l = c->legs; l; l = l->next)
        if (memcmp(l->id.b, id->b, sizeof id->b) == 0)
            return l;
    return c->legs;
}

#define QUALITY_COLUMNS                                                                            \
    " s.late IS NOT NULL, s.mos_min IS NOT NULL, s.mos_f1, s.mos_f2, s.mos_adaptive, s.mos_min, "  \
    "s.mos_avg, s.r,"                                                                              \
    " (s.late->>'f1')::bigint, (s.late->>'f2')::bigint, (s.late->>'adaptive')::bigint,"            \
    " (s.burst->>'count')::bigint, (s.burst->>'density')::float8, "                                \
    "(s.burst->>'gap_density')::float8,"                                                           \
    " (s.burst->>'duration_ms')::float8, (s.burst->>'gap_duration_ms')::float8,"                   \
    " s.skew_ppm IS NOT NULL, s.skew_ppm, s.capture_lost, s.capture_lost_bound"

static float real32(const struct store_result *r, size_t i, size_t col)
{
    return (float)store_real(r, i, col);
}

// at: the first of QUALITY_COLUMNS.
static void one_quality(struct stream *s, const struct store_result *r, size_t i, size_t at)
{
    struct quality *q = &s->quality;
    s->rated = store_bool(r, i, at);
    q->rated = store_bool(r, i, at + 1);
    q->mos_f1 = real32(r, i, at + 2);
    q->mos_f2 = real32(r, i, at + 3);
    q->mos_adaptive = real32(r, i, at + 4);
    q->mos_min = real32(r, i, at + 5);
    q->mos_avg = real32(r, i, at + 6);
    q->r_adaptive = real32(r, i, at + 7);
    q->late_f1 = (uint64_t)store_int(r, i, at + 8);
    q->late_f2 = (uint64_t)store_int(r, i, at + 9);
    q->late_adaptive = (uint64_t)store_int(r, i, at + 10);
    q->bursts = (uint32_t)store_int(r, i, at + 11);
    q->burst_density = real32(r, i, at + 12);
    q->gap_density = real32(r, i, at + 13);
    q->burst_ms = real32(r, i, at + 14);
    q->gap_ms = real32(r, i, at + 15);
    q->skew_known = store_bool(r, i, at + 16);
    q->skew_ppm = real32(r, i, at + 17);
    q->capture_lost = (uint64_t)store_int(r, i, at + 18);
    q->capture_lost_bound = store_bool(r, i, at + 19);
}

static void one_stream(struct world *w, const struct store_result *r, size_t i)
{
    struct uuid id, call_id, leg_id = {0};
    struct endpoint src, dst;
    uint16_t publisher, site;
    if (!store_uuid(r, i, 0, &id) || !endpoint_of(r, i, 5, &src) || !endpoint_of(r, i, 7, &dst) ||
        media_stream_by_id(w, &id) || !site_intern(w, store_span(r, i, 3), &site) ||
        !publisher_intern(w, store_span(r, i, 4), store_span(r, i, 3), &publisher))
        return;
    struct stream *s = media_stream_new(w, site, &id, &src, &dst);
    if (!s)
        return;
    s->publisher = publisher;
    s->ssrc = (uint32_t)store_int(r, i, 9);
    s->payload_type = (uint8_t)store_int(r, i, 10);
    (void)span_copy(store_span(r, i, 11), s->codec, sizeof s->codec);
    s->clock_rate = (uint32_t)store_int(r, i, 12);
    s->ptime_us = (uint32_t)(store_real(r, i, 13) * 1000.0);
    s->packets = (uint64_t)store_int(r, i, 14);
    s->bytes = (uint64_t)store_int(r, i, 15);
    s->lost = (uint64_t)store_int(r, i, 16);
    s->out_of_order = (uint64_t)store_int(r, i, 17);
    s->duplicates = (uint64_t)store_int(r, i, 18);
    s->jitter_us = (uint32_t)(store_real(r, i, 19) * 1000.0 + 0.5);
    s->jitter_max_us = (uint32_t)(store_real(r, i, 20) * 1000.0 + 0.5);
    s->delta_max_us = (uint32_t)(store_real(r, i, 21) * 1000.0 + 0.5);
    s->dtmf_packets = (uint64_t)store_int(r, i, 22);
    s->srtp = store_bool(r, i, 23);
    s->ended = store_bool(r, i, 24);
    s->first_us = store_time(r, i, 25);
    s->last_us = store_time(r, i, 26);
    one_quality(s, r, i, 28);
    struct call *c = store_uuid(r, i, 1, &call_id) ? call_by_id(w, &call_id) : NULL;
    if (!c || c->stream_count >= CALL_STREAMS_MAX)
        return;
    (void)store_uuid(r, i, 2, &leg_id);
    s->call_id = call_id;
    s->leg_id = leg_id;
    s->side = store_span(r, i, 27).n == 6 && memcmp(store_str(r, i, 27), "caller", 6) == 0
                  ? SIDE_CALLER
                  : SIDE_CALLEE;
    s->call = c;
    s->leg = leg_by_id(c, &leg_id);
    s->next = c->streams;
    c->streams = s;
    c->stream_count++;
    c->lost_packets += s->lost;
}

// Of the calls that came back, and those that may still find a call. Two halves, not one OR: with an OR each stream was compared
// with each open call where PostgreSQL had no figures about the tables (it forgets them when it is killed).
static int streams(struct store *s, struct world *w, size_t *ret_n)
{
    struct store_args a;
    struct store_result *r = NULL;
    store_args_init(&a);
    store_arg_int(&a, (int64_t)w->lim.streams);
    int st = store_query(
        s,
        "SELECT s.id, s.call_id, s.leg_id, s.site, s.harvester, host(s.src_ip), s.src_port, "
        "host(s.dst_ip), s.dst_port,"
        " s.ssrc, s.payload_type, s.codec, s.clock_rate, s.ptime_ms, s.packets, s.bytes, s.lost, "
        "s.out_of_order,"
        " s.duplicates, s.jitter_ms, s.jitter_ms_max, s.delta_ms_max, s.dtmf_packets, s.srtp, "
        "s.ended, s.first_at,"
        " s.last_at, s.side," QUALITY_COLUMNS
        " FROM (SELECT t.* FROM open_calls o JOIN streams t ON t.call_id = o.id UNION ALL"
        " SELECT t.* FROM streams t WHERE t.call_id IS NULL AND t.last_at > (SELECT max(h.feed_at) "
        "FROM harvesters h WHERE h.site = t.site) - interval '60 s'"
        " AND NOT EXISTS (SELECT FROM harvesters h WHERE h.site = t.site AND h.name = t.harvester "
        "AND h.ended)) s ORDER BY s.first_at LIMIT $1",
        &a, &r);
    if (st)
        return st;
    for (size_t i = 0; i < store_rows(r); i++)
        one_stream(w, r, i);
    *ret_n = store_rows(r);
    store_result_free(r);
    return STORE_OK;
}

// Messages whose INVITE may still come: the latest without a call, of sites whose input goes on.
static int held_messages(struct store *s, struct world *w, struct unpacker *u, size_t *ret_n,
                         size_t *ret_bad)
{
    static uint8_t raw[PACKED_RAW_MAX];
    struct store_args a;
    struct store_result *r = NULL;
    store_args_init(&a);
    store_arg_int(&a, (int64_t)w->lim.pending);
    int st = store_query(s,
                         "SELECT m.site, m.publisher, m.seq, m.n, m.at, host(m.src_ip), "
                         "m.src_port, host(m.dst_ip), m.dst_port,"
                         " CASE WHEN m.raw_form = 0 THEN substr(m.raw, 1, 4096) WHEN length(m.raw) "
                         "<= 8192 THEN m.raw "
                         "END, m.raw_form FROM (SELECT site, max(feed_at) AS feed_at FROM "
                         "harvesters WHERE NOT ended"
                         " GROUP BY site) h JOIN sip_messages m ON m.site = h.site AND m.at > "
                         "h.feed_at - interval '5 s'"
                         " WHERE m.call_id IS NULL AND m.method IN ('INVITE', 'ACK', 'BYE', "
                         "'CANCEL', 'PRACK', 'UPDATE', 'INFO', 'REFER')"
                         " AND NOT (m.method = 'INVITE' AND m.status IS NULL) ORDER BY m.at DESC, "
                         "m.seq DESC, m.n DESC LIMIT $1",
                         &a, &r);
    if (st)
        return st;
    for (size_t i = store_rows(r); i-- > 0;) {
        struct message m = {.seq = (uint64_t)store_int(r, i, 2),
                            .n = (uint32_t)store_int(r, i, 3),
                            .at_us = store_time(r, i, 4),
                            .stored = true,
                            .sip = w->sip};
        if (!site_intern(w, store_span(r, i, 0), &m.site) ||
            !publisher_intern(w, store_span(r, i, 1), store_span(r, i, 0), &m.publisher) ||
            !endpoint_of(r, i, 5, &m.src) || !endpoint_of(r, i, 7, &m.dst))
            continue;
        bool bad;
        size_t n = unpacker_row(u, r, i, 9, 10, raw, sizeof raw, &bad);
        if (bad) { // much longer than what is held, or of a newer version
            (*ret_bad)++;
            continue;
        }
        m.raw = span_of(raw, n < PENDING_BYTES ? n : PENDING_BYTES);
        (void)sip_parse(m.raw, w->sip);
        pending_hold(w, &m);
        (*ret_n)++;
    }
    store_result_free(r);
    return STORE_OK;
}

static int awaited(struct store *s, struct world *w, size_t *ret_n)
{
    struct store_args a;
    struct store_result *r = NULL;
    store_args_init(&a);
    store_arg_int(&a, (int64_t)w->lim.waits);
    int st = store_query(
        s,
        "SELECT c.id, c.site FROM open_calls o JOIN calls c ON c.site = o.site AND c.started_at = "
        "o.started_at"
        " AND c.id = o.id WHERE c.recording_state = 'pending' ORDER BY c.started_at LIMIT $1",
        &a, &r);
    if (st)
        return st;
    for (size_t i = 0; i < store_rows(r); i++) {
        struct uuid id;
        uint16_t site;
        if (store_uuid(r, i, 0, &id) && site_intern(w, store_span(r, i, 1), &site))
            recordings_expect(w, site, &id);
    }
    *ret_n = store_rows(r);
    store_result_free(r);
    return STORE_OK;
}

// Recordings whose call has not ended here, or is not here: told before, by a recorder's feed that ran ahead of the harvesters'.
// Of the latest ones, as many as there is room for: what was not read of a site begins where its last harvester stands (a
// minute for messages out of order).
static int early(struct store *s, struct world *w, size_t *ret_n)
{
    struct store_args a;
    struct store_result *r = NULL;
    store_args_init(&a);
    store_arg_int(&a, (int64_t)w->lim.waits);
    int st = store_query(
        s,
        "SELECT r.call_id, r.site, r.status FROM open_calls o JOIN recordings r ON r.call_id = o.id"
        " WHERE r.status <> 'deleted' UNION ALL"
        " SELECT r.call_id, r.site, r.status FROM (SELECT call_id, site, status, started_at FROM "
        "recordings ORDER BY started_at DESC, id DESC LIMIT $1) r JOIN (SELECT site, min(feed_at) "
        "AS feed_at FROM harvesters WHERE NOT ended GROUP BY site) h ON h.site = r.site"
        " WHERE r.status <> 'deleted' AND r.started_at > h.feed_at - interval '1 min'",
        &a, &r);
    if (st)
        return st;
    for (size_t i = 0; i < store_rows(r); i++) {
        struct uuid id;
        if (store_uuid(r, i, 0, &id))
            recordings_found(w, store_span(r, i, 1), &id, store_span(r, i, 2));
    }
    *ret_n = store_rows(r);
    store_result_free(r);
    return STORE_OK;
}

// What was known of each harvester: its feed time is the clock of its site.
static int publishers(struct store *s, struct world *w)
{
    struct store_args a;
    struct store_result *r = NULL;
    store_args_init(&a);
    store_arg_int(&a, (int64_t)w->lim.publishers);
    int st = store_query(
        s,
        "SELECT site, name, version, input, live, started_at, last_seen_at, feed_at, ended"
        " FROM harvesters ORDER BY last_seen_at DESC NULLS LAST LIMIT $1",
        &a, &r);
    if (st)
        return st;
    for (size_t i = 0; i < store_rows(r); i++) {
        uint16_t at;
        struct publisher *p = publisher_intern(w, store_span(r, i, 1), store_span(r, i, 0), &at);
        if (!p)
            continue;
        (void)span_copy(store_span(r, i, 2), p->version, sizeof p->version);
        (void)span_copy(store_span(r, i, 3), p->input, sizeof p->input);
        p->live = store_bool(r, i, 4);
        p->started_us = store_time(r, i, 5);
        p->last_seen_wall_us = store_time(r, i, 6);
        p->feed_us = store_time(r, i, 7);
        p->ended = store_bool(r, i, 8);
    }
    store_result_free(r);
    return STORE_OK;
}

// They are in no table of their own; what their feeds' cursors say is who they are and when they were heard.
static int recorders(struct store *s, struct world *w)
{
    struct store_args a;
    struct store_result *r = NULL;
    store_args_init(&a);
    store_arg_int(&a, (int64_t)w->lim.publishers / 2);
    store_arg_real(&a, (double)w->lim.recorder_away_us / US_PER_S);
    int st = store_query(
        s,
        "SELECT publisher, split_part(publisher, '/recorder-', 1), max(updated_at) AS heard FROM "
        "feed_cursors WHERE publisher LIKE '%/recorder-%' AND updated_at > now() - $2 * interval "
        "'1 s' AND publisher NOT IN (SELECT name FROM harvesters) GROUP BY publisher ORDER BY "
        "heard "
        "DESC LIMIT $1",
        &a, &r);
    if (st)
        return st;
    for (size_t i = 0; i < store_rows(r); i++) {
        uint16_t at;
        struct publisher *p = publisher_intern(w, store_span(r, i, 0), store_span(r, i, 1), &at);
        if (!p)
            continue;
        p->is_recorder = true;
        p->last_seen_wall_us = store_time(r, i, 2);
    }
    store_result_free(r);
    return STORE_OK;
}

int restore_world(struct store *s, struct world *w, struct known_cursor *ret_known, size_t max,
                  size_t *ret_n)
{
    size_t calls = 0, bad = 0, stream_rows = 0, held = 0, waits = 0, found = 0;
    struct unpacker *u = unpacker_new();
    *ret_n = 0;
    if (!u)
        return STORE_E_RETRY;
    int st = cursors(s, ret_known, max, ret_n);
    if (!st)
        st = publishers(s, w);
    if (!st)
        st = recorders(s, w);
    if (!st)
        st = open_calls(s, w, &calls, &bad);
    if (!st)
        st = streams(s, w, &stream_rows);
    if (!st)
        st = held_messages(s, w, u, &held, &bad);
    u = unpacker_free(u);
    if (!st)
        st = awaited(s, w, &waits);
    if (!st)
        st = early(s, w, &found);
    if (!st)
        log_info("state read back",
                 "cursors=%zu calls=%zu unreadable=%zu streams=%zu held=%zu recordings_awaited=%zu"
                 " recordings_looked_at=%zu",
                 *ret_n, calls, bad, stream_rows, held, waits, found);
    return st;
}
