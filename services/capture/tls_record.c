#include "tls_conn_impl.h"

#define TRIES      256        // record numbers, of a record after a hole
#define TRY_BYTES  (1u << 18) // and bytes decrypted for it
#define MISSES_MAX 64         // then the direction is given up

static void count_opaque(const struct tls_env *e, struct tls_conn *c)
{
    tls_count(e, CAPTURE_TLS_OPAQUE_RECORDS);
    if (!c->opaque) {
        c->opaque = true;
        tls_count(e, CAPTURE_TLS_OPAQUE);
    }
}

// ---- keys ----

static void keys_change(struct tls_dir *d)
{
    explicit_bzero(&d->keys, sizeof d->keys);
    d->number = 0;
    d->ciphered = true;
}

static bool told(const struct tls_env *e, struct tls_conn *c, enum tls_label label)
{
    if (c->secret.n[label] == 0 && c->hello[TLS_CLIENT]) {
        const struct tls_secret *s = tls_secrets_find(e->secrets, c->random[TLS_CLIENT]);
        if (s)
            c->secret = *s;
    }
    return c->secret.n[label] > 0;
}

static bool keys_13(const struct tls_env *e, struct tls_conn *c, enum tls_side side)
{
    struct tls_dir *d = &c->dir[side];
    enum tls_label handshake = side == TLS_CLIENT ? TLS_CLIENT_HANDSHAKE : TLS_SERVER_HANDSHAKE;
    enum tls_label data = side == TLS_CLIENT ? TLS_CLIENT_TRAFFIC : TLS_SERVER_TRAFFIC;
    if (!d->data && !told(e, c, handshake) && told(e, c, data)) { // a log with these alone
        d->data = true;
        d->unsure = true;
    }
    enum tls_label label = d->data ? data : handshake;
    if (!told(e, c, label) || c->secret.n[label] != tls_secret_bytes(c->suite))
        return false;
    memcpy(d->secret, c->secret.secret[label], c->secret.n[label]);
    return tls_keys_13(e->crypto, c->suite, d->secret, &d->keys);
}

static bool keys_12(const struct tls_env *e, struct tls_conn *c, enum tls_side side)
{
    struct tls_keys both[2];
    if (!told(e, c, TLS_MASTER_SECRET) ||
        !tls_keys_12(e->crypto, c->suite, c->secret.secret[TLS_MASTER_SECRET],
                     c->random[TLS_CLIENT], c->random[TLS_SERVER], both))
        return false;
    c->dir[side].keys = both[side];
    c->dir[side].keys.encrypt_then_mac = c->encrypt_then_mac;
    explicit_bzero(both, sizeof both);
    return true;
}

static bool keys_ready(const struct tls_env *e, struct tls_conn *c, enum tls_side side)
{
    if (c->dir[side].keys.suite)
        return true;
    if (!e->crypto || !c->suite || !c->hello[TLS_CLIENT])
        return false;
    return c->suite->v13 ? keys_13(e, c, side) : keys_12(e, c, side);
}

// Keys that cannot come, or that were waited for long enough.
static bool keys_hopeless(const struct tls_env *e, const struct tls_conn *c, enum tls_side side)
{
    return !e->crypto || c->hopeless || c->dir[side].failed || (c->hello[TLS_SERVER] && !c->suite);
}

// ---- messages of the handshake ----

static void on_hello(struct tls_conn *c, const struct tls_message *m)
{
    struct tls_hello h;
    if (!tls_hello_parse(m, &h))
        return;
    if (h.retry) { // only TLS 1.3 has it; the real hello messages follow
        c->version = TLS_VERSION_13;
        return;
    }
    enum tls_side side = h.client ? TLS_CLIENT : TLS_SERVER;
    memcpy(c->random[side], h.random, TLS_RANDOM_BYTES);
    c->hello[side] = true;
    if (h.client) { // a new one (RFC 5246 7.4.1.1): its master secret is another
        explicit_bzero(&c->secret, sizeof c->secret);
        return;
    }
    c->version = h.version;
    c->suite = h.compressed ? NULL : tls_suite_find(h.suite);
    if (c->suite && c->version != (c->suite->v13 ? TLS_VERSION_13 : TLS_VERSION_12))
        c->suite = NULL;
    c->encrypt_then_mac = h.encrypt_then_mac;
    if (c->version == TLS_VERSION_13)
        keys_change(&c->dir[TLS_SERVER]);
}

static void on_message(const struct tls_env *e, struct tls_conn *c, enum tls_side side,
                       const struct tls_message *m)
{
    struct tls_dir *d = &c->dir[side];
    bool v13 = d->ciphered && c->version == TLS_VERSION_13;
    if (!v13 && m->type == (side == TLS_CLIENT ? TLS_CLIENT_HELLO : TLS_SERVER_HELLO)) {
        on_hello(c, m);
    } else if (v13 && m->type == TLS_FINISHED && !d->data) {
        keys_change(d);
        d->data = true;
    } else if (v13 && m->type == TLS_KEY_UPDATE && d->data) {
        keys_change(d);
        if (!tls_secret_next(e->crypto, c->suite, d->secret) ||
            !tls_keys_13(e->crypto, c->suite, d->secret, &d->keys))
            d->failed = true;
    }
}

static void handshake_bytes(const struct tls_env *e, struct tls_conn *c, enum tls_side side,
                            struct span in)
{
    struct tls_message m;
    while (tls_handshake_next(&c->dir[side].handshake, &in, &m))
        on_message(e, c, side, &m);
}

// ---- records ----

static bool try_numbers(const struct tls_env *e, struct tls_dir *d, const struct tls_keys *k,
                        uint64_t from, const struct tls_record *r, struct tls_plain *ret)
{
    uint64_t tries = TRY_BYTES / (r->length + 1u);
    tries = tries < 16 ? 16 : tries > TRIES ? TRIES : tries;
    for (uint64_t n = from; n < from + tries; n++)
        if (tls_open(e->crypto, k, n, r, ret)) {
            d->number = n;
            return true;
        }
    return false;
}

// After a hole: the numbers that may be; in TLS 1.3 the keys that may have come into use unseen, too.
static bool record_try(const struct tls_env *e, struct tls_conn *c, enum tls_side side,
                       const struct tls_record *r, struct tls_plain *ret)
{
    struct tls_dir *d = &c->dir[side];
    bool handshake = c->suite->v13 && !d->data;
    if (try_numbers(e, d, &d->keys, handshake ? 0 : d->number, r, ret))
        return true;
    if (!c->suite->v13)
        return false;
    struct tls_keys next;
    uint8_t secret[TLS_SECRET_MAX];
    enum tls_label label = side == TLS_CLIENT ? TLS_CLIENT_TRAFFIC : TLS_SERVER_TRAFFIC;
    if (handshake && (!told(e, c, label) || c->secret.n[label] != tls_secret_bytes(c->suite)))
        return false;
    memcpy(secret, handshake ? c->secret.secret[label] : d->secret, sizeof secret);
    bool found = (handshake || tls_secret_next(e->crypto, c->suite, secret)) &&
                 tls_keys_13(e->crypto, c->suite, secret, &next) &&
                 try_numbers(e, d, &next, 0, r, ret);
    if (found) {
        d->keys = next;
        d->data = true;
        memcpy(d->secret, secret, sizeof secret);
    }
    explicit_bzero(secret, sizeof secret);
    return found;
}

static void record_failed(const struct tls_env *e, struct tls_conn *c, enum tls_side side)
{
    struct tls_dir *d = &c->dir[side];
    if (!d->resync)
        count_opaque(e, c);
    d->unsure = true;
    d->out_lost = true;
    d->handshake.have = 0;
    if (++d->misses > MISSES_MAX)
        d->failed = true;
}

// False: the keys do not open it.
static bool record_open(const struct tls_env *e, struct tls_conn *c, enum tls_side side,
                        const struct tls_record *r, int64_t at_us)
{
    struct tls_dir *d = &c->dir[side];
    struct tls_plain plain;
    if (!(d->unsure ? record_try(e, c, side, r, &plain)
                    : tls_open(e->crypto, &d->keys, d->number, r, &plain))) {
        record_failed(e, c, side);
        return false;
    }
    d->ciphered = true; // the client of TLS 1.3 says nothing that would tell it
    d->unsure = d->resync = false;
    d->misses = 0;
    d->number++;
    tls_count(e, CAPTURE_TLS_DECRYPTED);
    if (plain.type == TLS_HANDSHAKE)
        handshake_bytes(e, c, side, plain.text);
    else if (plain.type == TLS_CHANGE_CIPHER_SPEC)
        keys_change(d); // of a second handshake
    else if (plain.type == TLS_DATA && plain.text.n > 0)
        tls_plain_give(e, c, side, plain.text, at_us);
    return true;
}

static void record_clear(const struct tls_env *e, struct tls_conn *c, enum tls_side side,
                         const struct tls_record *r)
{
    if (r->type == TLS_HANDSHAKE)
        handshake_bytes(e, c, side, r->body);
    else if (r->type == TLS_CHANGE_CIPHER_SPEC && c->version != TLS_VERSION_13)
        keys_change(&c->dir[side]); // TLS 1.3 sends one that means nothing
}

// Is it ciphertext, or does what it means depend on a hello that was not seen yet?
static bool record_needs_keys(const struct tls_conn *c, const struct tls_dir *d,
                              const struct tls_record *r)
{
    if (c->version == TLS_VERSION_13 && r->type == TLS_CHANGE_CIPHER_SPEC)
        return false;
    return d->ciphered || r->type == TLS_DATA ||
           (r->type == TLS_CHANGE_CIPHER_SPEC && !c->hello[TLS_SERVER]);
}

// Not opened: its number is used up all the same.
static void record_pass(const struct tls_env *e, struct tls_conn *c, enum tls_side side,
                        const struct tls_record *r)
{
    struct tls_dir *d = &c->dir[side];
    tls_count(e, CAPTURE_TLS_RECORDS);
    count_opaque(e, c);
    size_t whole = TLS_HEADER_BYTES + (size_t)r->length, here = tcpbuf_waiting(&d->in).n;
    d->skip = (uint32_t)(here < whole ? whole - here : 0);
    d->number++;
    d->unsure = d->unsure || c->version != TLS_VERSION_12;
    d->out_lost = d->out_lost || r->type == TLS_DATA;
    d->handshake.have = 0;
    tls_dir_take(d, here < whole ? here : whole);
}

// Where records begin is not known: at the next place that looks like a header of data. Whether it is one, the keys tell.
static enum tls_turn resync_on(struct tls_dir *d)
{
    static const uint8_t data[] = {TLS_DATA, 3, 3};
    struct span have = tcpbuf_waiting(&d->in);
    size_t n = have.n > 0; // what stands in front was looked at
    n += span_find_span(span_sub(have, n, have.n), span_of(data, sizeof data));
    if (n == have.n && n > sizeof data)
        n -= sizeof data - 1; // half a header may stand at the end
    tls_dir_take(d, n);
    return have.n > 0 ? TLS_ON : TLS_MORE;
}

enum tls_turn tls_record_turn(const struct tls_env *e, struct tls_conn *c, enum tls_side side,
                              bool force, int64_t now_us)
{
    struct tls_dir *d = &c->dir[side];
    struct span have = tcpbuf_waiting(&d->in);
    struct tls_record r;
    if (d->skip > 0) {
        size_t n = have.n < d->skip ? have.n : d->skip;
        d->skip -= (uint32_t)n;
        tls_dir_take(d, n);
        return n > 0 ? TLS_ON : TLS_MORE;
    }
    if (have.n < TLS_HEADER_BYTES)
        return TLS_MORE;
    if (!tls_record_parse(have, &r)) {
        tls_dir_lose_place(d);
        return resync_on(d);
    }
    bool sealed = record_needs_keys(c, d, &r);
    if (sealed && !keys_ready(e, c, side)) {
        if (!force && !keys_hopeless(e, c, side))
            return TLS_WAIT;
        record_pass(e, c, side, &r);
        return TLS_ON;
    }
    if (sealed && d->failed) {
        record_pass(e, c, side, &r);
        return TLS_ON;
    }
    if (r.body.n < r.length) {
        if (e->crypto)
            return TLS_MORE;
        tls_count(e, CAPTURE_TLS_RECORDS); // clear, and nobody will read it
        d->skip = TLS_HEADER_BYTES + (uint32_t)r.length;
        return TLS_ON;
    }
    size_t whole = TLS_HEADER_BYTES + (size_t)r.length;
    bool resync = d->resync;
    if (!sealed)
        record_clear(e, c, side, &r);
    else if (!record_open(e, c, side, &r, tls_dir_time(d, whole, now_us)) && resync)
        return resync_on(d); // its header was none
    tls_count(e, CAPTURE_TLS_RECORDS);
    tls_dir_take(d, whole);
    return TLS_ON;
}
