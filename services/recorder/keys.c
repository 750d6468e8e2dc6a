#include "keys.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/mono.h"
#include "stats.h"

#define ANSWER_US   (3 * US_PER_S)
#define ARENA_BYTES 131072u

int keys_open(struct keys *k, const char *control_url, const char *name, const char *site,
              char *err, size_t err_cap)
{
    k->name = name;
    k->site = site;
    k->arena = arena_new(ARENA_BYTES);
    return k->arena ? ask_open(&k->ask, control_url, err, err_cap) : -ENOMEM;
}

void keys_wipe(struct keys *k)
{
    srtp_key_wipe(k->key, SRTP_STREAM_KEYS);
    k->n = 0;
    k->why[0] = '\0';
}

void keys_close(struct keys *k)
{
    keys_wipe(k);
    k->arena = arena_free(k->arena);
    k->ask = NULL;
}

// Into the form of the door. False: no key of SRTP.
static bool take_key(const Callmesh__V1__SrtpKey *m, struct srtp_key *ret)
{
    if (m->key.len == 0 || m->key.len > sizeof(ret->bytes) || m->mki.len > sizeof(ret->mki) ||
        srtp_suite_bytes(m->suite) != m->key.len)
        return false;
    *ret = (struct srtp_key){
        .n = (uint8_t)m->key.len, .mki_n = (uint8_t)m->mki.len, .unencrypted = m->unencrypted};
    (void)span_copy(span_str(m->suite), ret->suite, sizeof(ret->suite));
    memcpy(ret->bytes, m->key.data, m->key.len);
    if (m->mki.len > 0)
        memcpy(ret->mki, m->mki.data, m->mki.len);
    return true;
}

static void take_keys(struct keys *k, const Callmesh__V1__SrtpKeys *m)
{
    for (size_t i = 0; i < m->n_keys; i++) {
        if (k->n < SRTP_STREAM_KEYS)
            k->n += take_key(m->keys[i], &k->key[k->n]);
        secret_wipe(m->keys[i]->key.data, m->keys[i]->key.len);
    }
    if (k->n == 0 && m->n_unsupported > 0)
        (void)snprintf(k->why, sizeof(k->why), "SRTP: suite %.40s is not supported",
                       m->unsupported[0]);
    else if (k->n == 0)
        (void)snprintf(k->why, sizeof(k->why), "SRTP without keys");
}

// What was sealed for this question alone. False: it was not.
static bool open_answer(struct keys *k, const struct secret_box *box, struct span sealed)
{
    if (sealed.n < SECRET_OVERHEAD || sealed.n > sizeof(k->plain))
        return false;
    size_t n = secret_open(box, sealed, k->plain);
    bool good = n > 0 || sealed.n == SECRET_OVERHEAD; // no keys at all are no bytes
    ProtobufCAllocator al = bus_arena_allocator(k->arena);
    arena_reset(k->arena);
    const Callmesh__V1__SrtpKeys *m =
        good ? callmesh__v1__srtp_keys__unpack(&al, n, k->plain) : NULL;
    if (m)
        take_keys(k, m);
    secret_wipe(k->plain, sizeof(k->plain));
    return m != NULL;
}

static const Callmesh__V1__ControlReply *ask(struct keys *k, const struct uuid *call_id,
                                             const struct secret_box *box)
{
    struct secret_question s = {.what = SPAN_LIT("srtp-keys"),
                                .site = span_str(k->site),
                                .subject = span_of(call_id, sizeof(*call_id)),
                                .box_key = span_of(box->public, sizeof(box->public))};
    uint8_t signature[SECRET_SIGNATURE];
    Callmesh__V1__SrtpKeysRequest r = CALLMESH__V1__SRTP_KEYS_REQUEST__INIT;
    Callmesh__V1__ControlRequest q = CALLMESH__V1__CONTROL_REQUEST__INIT;
    // protobuf-c takes pointers that it only reads when it packs.
    r.call_id = (ProtobufCBinaryData){s.subject.n, (uint8_t *)(uintptr_t)s.subject.p};
    r.site = (char *)(uintptr_t)k->site;
    r.box_key = (ProtobufCBinaryData){s.box_key.n, (uint8_t *)(uintptr_t)s.box_key.p};
    if (secret_sign(&s, signature) == 0) // else callstate says why it does not answer
        r.signature = (ProtobufCBinaryData){sizeof(signature), signature};
    q.protocol_version = BUS_PROTOCOL_VERSION;
    q.from = (char *)(uintptr_t)k->name;
    q.request_case = CALLMESH__V1__CONTROL_REQUEST__REQUEST_SRTP_KEYS;
    q.srtp_keys = &r;
    return ask_call(k->ask, &q, ANSWER_US);
}

static void say(struct keys *k, const char *what)
{
    (void)snprintf(k->why, sizeof(k->why), "SRTP without keys: %.120s", what);
}

static enum keys_answer read_reply(struct keys *k, const Callmesh__V1__ControlReply *a,
                                   const struct secret_box *box, bool *ret_stored)
{
    if (!a || strcmp(a->error, SECRET_LATER) == 0) {
        say(k, a ? SECRET_LATER : "callstate does not answer");
        return KEYS_AWAY;
    }
    if (a->error[0] != '\0' || a->reply_case != CALLMESH__V1__CONTROL_REPLY__REPLY_SRTP_KEYS) {
        say(k, a->error[0] != '\0' ? a->error : "callstate does not know the question");
        log_warn("no keys of SRTP", "why=\"%s\"", k->why);
        return KEYS_REFUSED;
    }
    if (!open_answer(k, box, span_of(a->srtp_keys->sealed.data, a->srtp_keys->sealed.len))) {
        say(k, "the answer was not for this recorder");
        return KEYS_REFUSED;
    }
    *ret_stored = a->srtp_keys->stored;
    return KEYS_TOLD;
}

enum keys_answer keys_ask(struct keys *k, const struct uuid *call_id, bool *ret_stored)
{
    struct secret_box box;
    keys_wipe(k);
    if (secret_box_new(&box) < 0) {
        say(k, "no random bytes");
        return KEYS_REFUSED;
    }
    enum keys_answer r = read_reply(k, ask(k, call_id, &box), &box, ret_stored);
    secret_wipe(&box, sizeof(box));
    return r;
}

// True: not now.
static bool fetch(struct keys *k, const struct job *j)
{
    bool stored = false;
    switch (keys_ask(k, &j->call_id, &stored)) {
    case KEYS_AWAY:
        count(STAT_KEYS_AWAY, 1);
        return true;
    case KEYS_REFUSED:
        count(STAT_KEYS_REFUSED, 1);
        return false;
    case KEYS_TOLD:
        break;
    }
    if (!stored)
        return true; // what is there may not be all
    count(k->n > 0 ? STAT_KEYS_GOT : STAT_KEYS_NONE, 1);
    return false;
}

static bool wanted(const struct job *j)
{
    for (uint32_t i = 0; i < j->streams; i++)
        if (j->stream[i].srtp && j->stream[i].known && j->stream[i].side != 0)
            return true;
    return false;
}

static void wait_a_little(const _Atomic bool *stop)
{
    for (int64_t until = mono_now_us() + KEYS_PAUSE_US;
         mono_now_us() < until && !atomic_load(stop);)
        (void)poll(NULL, 0, 50);
}

bool keys_fetch(struct keys *k, const struct job *j, const _Atomic bool *stop)
{
    keys_wipe(k);
    if (!k->ask || !wanted(j))
        return false;
    if (!fetch(k, j) || j->key_rounds >= KEYS_ROUNDS)
        return false;
    wait_a_little(stop);
    return true;
}
