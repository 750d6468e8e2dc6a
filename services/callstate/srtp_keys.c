#include "srtp_keys.h"

#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "bus/secret.h"
#include "sites/admit.h"
#include "stats.h"
#include "store/packed.h"
#include "wire/sdp_crypto.h"

#define TIMEOUT_US  (2 * US_PER_S)
#define SAY_US      (60 * US_PER_S)
#define SUITE_BYTES 41u
#define PLAIN_BYTES 32768u

// What is found of one call; wiped when it is sealed.
struct found {
    struct sdp_crypto_key key[SRTP_KEYS_MAX];
    char suite[SRTP_KEYS_MAX][SUITE_BYTES];
    bool unencrypted[SRTP_KEYS_MAX];
    char unsupported[SRTP_KEYS_UNSUPPORTED][SUITE_BYTES];
    uint32_t keys, unsupporteds, malformed, more;
    uint8_t raw[PACKED_RAW_MAX + 1];
    uint8_t plain[PLAIN_BYTES];
};

struct srtp_keys {
    struct store *store;
    struct unpacker *unpacker;
    bool has_house;
    uint8_t house[BUS_KEY_BYTES];
    int64_t said_us;
    struct found found;
};

struct srtp_keys *srtp_keys_new(const struct srtp_keys_opts *o, char *err, size_t err_cap)
{
    struct store_opts so = {
        .dsn = o->dsn, .app = "callmesh-callstate-srtp", .timeout_us = TIMEOUT_US};
    struct srtp_keys *k = mem_take(sizeof *k);
    if (k) {
        k->store = store_new(&so);
        k->unpacker = unpacker_new();
    }
    if (!k || !k->store || !k->unpacker) {
        (void)snprintf(err, err_cap, "no memory for the keys of SRTP");
        return srtp_keys_free(k);
    }
    k->has_house = o->recorder_key[0] != '\0';
    int r = k->has_house ? secret_public_of(o->recorder_key, k->house) : 0;
    if (r < 0) {
        (void)snprintf(err, err_cap, "srtp.recorder-key %s: %s", o->recorder_key, strerror(-r));
        return srtp_keys_free(k);
    }
    return k;
}

struct srtp_keys *srtp_keys_free(struct srtp_keys *k)
{
    if (!k)
        return NULL;
    k->store = store_free(k->store);
    k->unpacker = unpacker_free(k->unpacker);
    mem_give(k, sizeof *k);
    return NULL;
}

static void set_error(Callmesh__V1__ControlReply *reply, struct arena *a, const char *text)
{
    char *p = arena_take(a, strlen(text) + 1);
    if (p)
        reply->error = memcpy(p, text, strlen(text) + 1);
}

// ---- who asks ---------------------------------------------------------------------------------------------------------

static const char *why_not(enum secret_asker a)
{
    switch (a) {
    case SECRET_NOBODY:
        return "keys of SRTP are told to recorders alone: not signed with a key that is known "
               "(bus.sign-key there, srtp.recorder-key here)";
    case SECRET_REVOKED:
        return "the key of this recorder's site is revoked";
    case SECRET_WRONG:
        return "the signature is wrong";
    default:
        return NULL;
    }
}

static void refuse(struct srtp_keys *k, Callmesh__V1__ControlReply *reply, struct arena *a,
                   const Callmesh__V1__SrtpKeysRequest *q, const char *why)
{
    int64_t now_us = mono_now_us();
    count(STAT_SRTP_REFUSED);
    set_error(reply, a, why);
    if (k->said_us && now_us - k->said_us < SAY_US)
        return;
    k->said_us = now_us;
    log_warn("keys of SRTP were asked for and not told", "site=\"%.64s\" why=\"%s\"", q->site, why);
}

static bool same_realm(struct span a, struct span b)
{
    char x[REALM_MAX + 1], y[REALM_MAX + 1];
    admit_realm(a, x);
    admit_realm(b, y);
    return strcmp(x, y) == 0;
}

// ---- what is known ----------------------------------------------------------------------------------------------------

// A call's id says when it began (UUID version 7); its rows are looked for in the partitions around that day.
static const char call_sql[] =
    "SELECT c.ended_at IS NOT NULL, c.site,"
    " EXISTS (SELECT FROM streams s WHERE s.call_id = c.id AND s.site = $3)"
    " FROM calls c WHERE c.id = $1 AND c.started_at BETWEEN $2 - interval '1 day' AND $2 + "
    "interval '1 day'";
static const char messages_sql[] =
    "SELECT raw, raw_form FROM sip_messages WHERE call_id = $1 AND at >= $2 - interval '1 day'"
    " AND sdp IS NOT FALSE ORDER BY at, publisher, seq, n LIMIT $3";

static bool known_already(const struct found *f, const struct sdp_crypto_key *k, const char *suite)
{
    for (uint32_t i = 0; i < f->keys; i++)
        if (memcmp(&f->key[i], k, sizeof *k) == 0 && strcmp(f->suite[i], suite) == 0)
            return true;
    return false;
}

static void add_line(struct found *f, struct span value)
{
    struct sdp_crypto c;
    char suite[SUITE_BYTES];
    enum sdp_crypto_verdict v = sdp_crypto_parse(value, &c);
    (void)span_utf8(c.suite, suite, sizeof suite);
    f->malformed += v == SDP_CRYPTO_MALFORMED;
    if (v == SDP_CRYPTO_UNSUPPORTED && f->unsupporteds < SRTP_KEYS_UNSUPPORTED)
        memcpy(f->unsupported[f->unsupporteds++], suite, SUITE_BYTES);
    for (uint32_t i = 0; i < c.keys; i++) {
        if (known_already(f, &c.key[i], suite))
            continue;
        if (f->keys == SRTP_KEYS_MAX) {
            f->more++;
            continue;
        }
        f->key[f->keys] = c.key[i];
        memcpy(f->suite[f->keys], suite, SUITE_BYTES);
        f->unencrypted[f->keys++] = c.unencrypted;
    }
    sdp_crypto_wipe(&c);
}

static int read_messages(struct srtp_keys *k, const struct uuid *call)
{
    struct store_args args;
    struct store_result *r = NULL;
    struct found *f = &k->found;
    store_args_init(&args);
    store_arg_uuid(&args, call);
    store_arg_time(&args, uuid_time_us(call));
    store_arg_int(&args, SRTP_KEYS_MESSAGES);
    int e = store_query(k->store, messages_sql, &args, &r);
    for (size_t i = 0; e == STORE_OK && i < store_rows(r); i++) {
        bool bad, audio = false;
        size_t n = unpacker_row(k->unpacker, r, i, 0, 1, f->raw, sizeof f->raw, &bad);
        // No line of a SIP head looks like one of SDP: "m=" and "a=" stand in the body alone.
        struct span value, rest = span_of(f->raw, bad ? 0 : n);
        while (sdp_crypto_next(&rest, &audio, &value))
            add_line(f, value);
    }
    store_result_free(r);
    return e;
}

// STORE_OK; *ret_stored: the call has ended there. *ret_theirs: it is of that site, or has media of it.
static int read_call(struct srtp_keys *k, const struct uuid *call, const char *site,
                     bool *ret_stored, bool *ret_theirs)
{
    struct store_args args;
    struct store_result *r = NULL;
    store_args_init(&args);
    store_arg_uuid(&args, call);
    store_arg_time(&args, uuid_time_us(call));
    store_arg_str(&args, site);
    int e = store_query(k->store, call_sql, &args, &r);
    if (e == STORE_OK && store_rows(r) > 0) {
        *ret_stored = store_bool(r, 0, 0);
        *ret_theirs = store_bool(r, 0, 2) || same_realm(store_span(r, 0, 1), span_str(site));
    }
    store_result_free(r);
    return e;
}

// ---- the answer -------------------------------------------------------------------------------------------------------

static size_t pack(struct found *f)
{
    Callmesh__V1__SrtpKeys m = CALLMESH__V1__SRTP_KEYS__INIT;
    Callmesh__V1__SrtpKey key[SRTP_KEYS_MAX], *list[SRTP_KEYS_MAX];
    char *unsupported[SRTP_KEYS_UNSUPPORTED];
    for (uint32_t i = 0; i < f->keys; i++) {
        callmesh__v1__srtp_key__init(&key[i]);
        key[i].suite = f->suite[i];
        key[i].key = (ProtobufCBinaryData){f->key[i].n, f->key[i].bytes};
        key[i].mki = (ProtobufCBinaryData){f->key[i].mki_n, f->key[i].mki};
        key[i].unencrypted = f->unencrypted[i];
        list[i] = &key[i];
    }
    for (uint32_t i = 0; i < f->unsupporteds; i++)
        unsupported[i] = f->unsupported[i];
    m.keys = list;
    m.n_keys = f->keys;
    m.unsupported = unsupported;
    m.n_unsupported = f->unsupporteds;
    m.malformed = f->malformed;
    m.more = f->more;
    size_t n = callmesh__v1__srtp_keys__get_packed_size(&m);
    return n <= sizeof f->plain ? callmesh__v1__srtp_keys__pack(&m, f->plain) : 0;
}

static void seal(struct srtp_keys *k, const Callmesh__V1__SrtpKeysRequest *q, bool stored,
                 Callmesh__V1__ControlReply *reply, struct arena *a)
{
    struct found *f = &k->found;
    Callmesh__V1__SrtpKeysReply *r = arena_take(a, sizeof *r);
    size_t n = pack(f);
    uint8_t *sealed = arena_take(a, n + SECRET_OVERHEAD);
    if (!r || !sealed ||
        !secret_seal(span_of(f->plain, n), span_of(q->box_key.data, q->box_key.len), sealed)) {
        set_error(reply, a, "the answer could not be sealed");
        return;
    }
    callmesh__v1__srtp_keys_reply__init(r);
    r->stored = stored;
    r->sealed = (ProtobufCBinaryData){n + SECRET_OVERHEAD, sealed};
    reply->reply_case = CALLMESH__V1__CONTROL_REPLY__REPLY_SRTP_KEYS;
    reply->srtp_keys = r;
    count(f->keys > 0 ? STAT_SRTP_TOLD : STAT_SRTP_NONE);
    count_n(STAT_SRTP_UNSUPPORTED, f->unsupporteds);
    count_n(STAT_SRTP_MALFORMED, f->malformed);
    count_n(STAT_SRTP_MORE, f->more);
}

void srtp_keys_answer(struct srtp_keys *k, const Callmesh__V1__SrtpKeysRequest *q,
                      Callmesh__V1__ControlReply *reply, struct arena *a)
{
    struct secret_question s = {.what = SPAN_LIT("srtp-keys"),
                                .site = span_str(q->site),
                                .subject = span_of(q->call_id.data, q->call_id.len),
                                .box_key = span_of(q->box_key.data, q->box_key.len)};
    enum secret_asker asker = secret_check(&s, span_of(q->signature.data, q->signature.len),
                                           k->has_house ? k->house : NULL);
    struct uuid call;
    bool stored = false, theirs = false;
    const char *why = why_not(asker);
    if (!why && q->call_id.len != sizeof call.b)
        why = "bad call id";
    if (why) {
        refuse(k, reply, a, q, why);
        return;
    }
    memcpy(call.b, q->call_id.data, sizeof call.b);
    int e = read_call(k, &call, q->site, &stored, &theirs);
    if (e == STORE_OK && stored && !theirs && asker != SECRET_HOUSE) {
        refuse(k, reply, a, q, "the call is of another site");
        return;
    }
    if (e == STORE_OK && (theirs || asker == SECRET_HOUSE))
        e = read_messages(k, &call);
    if (e == STORE_OK) {
        seal(k, q, stored, reply, a);
    } else {
        count(STAT_SRTP_AWAY);
        set_error(reply, a, SECRET_LATER);
    }
    secret_wipe(&k->found, sizeof k->found);
}
