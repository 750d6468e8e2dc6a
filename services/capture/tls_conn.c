#include "tls_conn_impl.h"

#define GAP                                                                                        \
    (1u                                                                                            \
     << 20) // in the plaintext's numbers: more than SIP can bridge, so it looks for a new message at once

void tls_conn_begin(struct tls_conn *c, uint8_t *memory, uint32_t bytes, bool keep)
{
    *c = (struct tls_conn){0};
    for (size_t i = 0; i < 2; i++) {
        tcpbuf_begin(&c->dir[i].in, memory + i * bytes, bytes, 0);
        if (keep) {
            c->dir[i].handshake.keep = memory + 2 * (size_t)bytes + i * TLS_HELLO_KEEP;
            c->dir[i].handshake.keep_cap = TLS_HELLO_KEEP;
        }
    }
}

size_t tls_conn_held(const struct tls_conn *c)
{
    return tcpbuf_waiting(&c->dir[0].in).n + tcpbuf_waiting(&c->dir[1].in).n;
}

bool tls_conn_is_done(const struct tls_conn *c)
{
    return c->dir[0].fin && c->dir[1].fin && tls_conn_held(c) == 0;
}

// ---- capture time of what stands in the buffer ----

static void mark_put(struct tls_dir *d, int64_t at_us)
{
    struct tls_mark m = {tcpbuf_next_seq(&d->in), at_us};
    if (d->marks > 0 && d->mark[d->marks - 1].end_seq == m.end_seq)
        return;
    if (d->marks == TLS_MARKS)
        d->marks--; // the newest two become one
    d->mark[d->marks++] = m;
}

static void marks_drop(struct tls_dir *d)
{
    uint32_t at = tcpbuf_seq(&d->in), k = 0;
    while (k < d->marks && (int32_t)(d->mark[k].end_seq - at) <= 0)
        k++;
    d->marks -= k;
    memmove(&d->mark[0], &d->mark[k], d->marks * sizeof d->mark[0]);
}

int64_t tls_dir_time(const struct tls_dir *d, size_t bytes, int64_t now_us)
{
    uint32_t end = tcpbuf_seq(&d->in) + (uint32_t)bytes;
    for (uint32_t i = 0; i < d->marks; i++)
        if ((int32_t)(d->mark[i].end_seq - end) >= 0)
            return d->mark[i].at_us;
    return now_us;
}

void tls_dir_take(struct tls_dir *d, size_t n)
{
    tcpbuf_take(&d->in, n);
    marks_drop(d);
}

// ---- plaintext ----

static void plain_packet(const struct tls_env *e, const struct tls_conn *c, enum tls_side side,
                         struct pkt *p)
{
    const struct endpoint *from = &c->end[side], *to = &c->end[!side];
    p->src = from->ip;
    p->dst = to->ip;
    p->sport = from->port;
    p->dport = to->port;
    p->protocol = 22;
    e->on_plain(e->ctx, p);
}

void tls_plain_give(const struct tls_env *e, struct tls_conn *c, enum tls_side side,
                    struct span text, int64_t at_us)
{
    struct tls_dir *d = &c->dir[side];
    if (!d->out_begun) { // starts anywhere, so that the same ports used again are not taken for a repetition
        struct cur random = cur_of(span_of(c->random[TLS_CLIENT], TLS_RANDOM_BYTES));
        d->out_seq = cur_u32be(&random);
        if (!d->out_lost)
            plain_packet(e, c, side,
                         &(struct pkt){.at_us = at_us, .tcp_seq = d->out_seq - 1, .tcp_flags = 2});
        d->out_begun = true;
    } else if (d->out_lost) {
        d->out_seq += GAP;
    }
    d->out_lost = false;
    plain_packet(e, c, side, &(struct pkt){.at_us = at_us, .tcp_seq = d->out_seq, .payload = text});
    d->out_seq += (uint32_t)text.n;
}

static void plain_end(const struct tls_env *e, struct tls_conn *c, enum tls_side side,
                      int64_t at_us)
{
    struct tls_dir *d = &c->dir[side];
    if (d->out_begun && !d->out_ended)
        plain_packet(e, c, side,
                     &(struct pkt){.at_us = at_us, .tcp_seq = d->out_seq, .tcp_flags = 4});
    d->out_ended = true;
}

// ---- holes ----

void tls_dir_lose_place(struct tls_dir *d)
{
    d->skip = 0;
    d->resync = d->unsure = d->out_lost = true;
    d->handshake.have = 0;
}

static void pass_hole(const struct tls_env *e, struct tls_dir *d)
{
    struct span have = tcpbuf_waiting(&d->in);
    struct tls_record r;
    uint32_t rest = d->skip; // of the record that the hole begins in
    bool cut = false;
    if (rest == 0 && !d->resync && tls_record_parse(have, &r)) {
        uint32_t whole = TLS_HEADER_BYTES + (uint32_t)r.length;
        rest = have.n < whole ? whole - (uint32_t)have.n : 0;
        cut = true;
    }
    uint32_t missing = tcpbuf_pass_hole(&d->in);
    marks_drop(d);
    tls_count(e, CAPTURE_TLS_HOLES);
    d->unsure = true;
    if (missing > rest) {
        tls_dir_lose_place(d);
        return;
    }
    d->skip = rest - missing;
    if (cut) { // exactly one record is lost
        tls_count(e, CAPTURE_TLS_RECORDS);
        d->number++;
        d->out_lost = true;
        d->handshake.have = 0;
    }
}

static void dir_run(const struct tls_env *e, struct tls_conn *c, enum tls_side side, int64_t now_us)
{
    struct tls_dir *d = &c->dir[side];
    enum tls_turn t;
    do // each turn but the last takes bytes
        t = tls_record_turn(e, c, side, false, now_us);
    while (t == TLS_ON);
    if (t == TLS_WAIT && !d->waits) {
        d->waits = true;
        d->wait_from_us = now_us;
    }
    d->waits = t == TLS_WAIT;
}

static void conn_run(const struct tls_env *e, struct tls_conn *c, int64_t now_us)
{
    // What one direction says may let the other go on: the server first, for the client's keys hang on its hello.
    for (int i = 0; i < 2; i++) {
        dir_run(e, c, TLS_SERVER, now_us);
        dir_run(e, c, TLS_CLIENT, now_us);
    }
}

static void dir_put(const struct tls_env *e, struct tls_conn *c, enum tls_side side,
                    const struct pkt *p, uint32_t seq)
{
    struct tls_dir *d = &c->dir[side];
    struct span data = p->payload;
    // Each turn stores bytes, makes room for some, passes one of few holes, or is the last.
    while (data.n > 0) {
        size_t n = tcpbuf_put(&d->in, seq, data, p->at_us);
        mark_put(d, p->at_us);
        seq += (uint32_t)n;
        data = span_sub(data, n, data.n);
        conn_run(e, c, p->at_us);
        if (data.n == 0)
            return;
        if (d->waits) // no room for more: the oldest record goes unread
            (void)tls_record_turn(e, c, side, true, p->at_us);
        else if (d->in.aheads > 0)
            pass_hole(e, d);
        else if ((int32_t)(seq - tcpbuf_next_seq(&d->in)) > 0) {
            tls_count(e, CAPTURE_TLS_HOLES); // too far ahead to wait
            tcpbuf_jump(&d->in, seq);
            d->marks = 0;
            tls_dir_lose_place(d);
        } else if (n == 0) { // cannot be: a record never needs all of the buffer
            tcpbuf_jump(&d->in, seq);
            tls_dir_lose_place(d);
        }
    }
}

void tls_conn_segment(const struct tls_env *e, struct tls_conn *c, enum tls_side side,
                      const struct pkt *p, uint32_t seq)
{
    struct tls_dir *d = &c->dir[side];
    if (!d->begun) {
        tcpbuf_jump(&d->in, seq);
        d->begun = true;
    }
    dir_put(e, c, side, p, seq);
    if (!d->waits && d->in.aheads > 0 && p->at_us - d->in.ahead_at_us >= TLS_HOLE_US) {
        pass_hole(e, d);
        conn_run(e, c, p->at_us);
    }
    if (p->tcp_flags & 1)
        d->fin = true;
    if (d->fin && tcpbuf_waiting(&d->in).n == 0)
        plain_end(e, c, side, p->at_us);
}

void tls_conn_look(const struct tls_env *e, struct tls_conn *c, int64_t now_us)
{
    for (int i = 0; i < 2; i++) {
        struct tls_dir *d = &c->dir[i];
        if (d->waits && now_us - d->wait_from_us >= e->wait_us)
            c->hopeless = true;
        if (!d->waits && d->in.aheads > 0 && now_us - d->in.ahead_at_us >= TLS_HOLE_US)
            pass_hole(e, d);
    }
    if (c->hopeless && c->hello[TLS_CLIENT] && e->crypto &&
        tls_secrets_find(e->secrets, c->random[TLS_CLIENT]))
        c->hopeless = false; // better late
    conn_run(e, c, now_us);
    for (int i = 0; i < 2; i++)
        if (c->dir[i].fin && tcpbuf_waiting(&c->dir[i].in).n == 0)
            plain_end(e, c, (enum tls_side)i, now_us);
}

void tls_conn_reset(const struct tls_env *e, struct tls_conn *c, int64_t now_us)
{
    c->dir[0].fin = c->dir[1].fin = true;
    tls_conn_look(e, c, now_us);
}

void tls_conn_end(const struct tls_env *e, struct tls_conn *c, int64_t now_us)
{
    c->hopeless = true;
    conn_run(e, c, now_us);
    plain_end(e, c, TLS_CLIENT, now_us);
    plain_end(e, c, TLS_SERVER, now_us);
    explicit_bzero(&c->secret, sizeof c->secret);
    for (int i = 0; i < 2; i++) {
        explicit_bzero(&c->dir[i].keys, sizeof c->dir[i].keys);
        explicit_bzero(c->dir[i].secret, sizeof c->dir[i].secret);
    }
}
