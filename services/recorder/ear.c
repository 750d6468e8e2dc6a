#include "ear.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/mono.h"
#include "base/thread.h"
#include "keys.h"
#include "stats.h"

#define ROUND_US   (65536 * INT64_C(10000)) // a roll-over counter's step, at 10 ms a packet
#define FIRST_US   US_PER_S // between two questions; doubles while nothing new comes
#define MOST_US    (8 * US_PER_S)
#define REFUSED_US (60 * US_PER_S)
#define SLEEP_MS   500

enum ear_state {
    EAR_IDLE,     // intake's
    EAR_ASKED,    // the asking thread's: call_id to read, the answer to write
    EAR_ANSWERED, // intake's again
};

struct ear {
    _Atomic uint32_t state; // enum ear_state
    struct uuid call_id;
    enum keys_answer said;
    struct srtp_key answer[SRTP_STREAM_KEYS];
    uint32_t answer_n;
    // From here on intake's, always.
    bool used, closed; // closed: packets that no key opens, since the last answer
    int64_t started_us, next_us, pause_us;
    struct srtp_key key[SRTP_STREAM_KEYS];
    uint32_t n;
    struct srtp_stream stream[EAR_STREAMS];
};

struct ears {
    struct ears_opts o;
    struct thread thread;
    struct keys keys; // the thread's
    int wake;         // eventfd
    struct ear *at;
    size_t used;
    uint32_t budget;
    _Alignas(4) uint8_t clear[SRTP_PACKET_MAX];
};

struct ears *ears_new(const struct ears_opts *o, char *err, size_t err_cap)
{
    struct ears *e = mem_take(sizeof(*e));
    if (!e)
        return NULL;
    e->o = *o;
    e->budget = EAR_TRIES;
    e->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    e->at = mem_take(o->calls * sizeof(*e->at));
    if (e->wake < 0 || !e->at) {
        (void)snprintf(err, err_cap, "no memory for %zu calls of SRTP to listen to", o->calls);
        return ears_free(e);
    }
    return keys_open(&e->keys, o->control_url, o->name, o->site, err, err_cap) < 0 ? ears_free(e)
                                                                                   : e;
}

// Nothing of the call stays but an answer that is on its way.
static void forget(struct ear *ear)
{
    for (uint32_t i = 0; i < EAR_STREAMS; i++)
        srtp_stream_close(&ear->stream[i]);
    srtp_key_wipe(ear->key, SRTP_STREAM_KEYS);
    ear->n = 0;
}

// The answer goes, read or not.
static void free_answer(struct ear *ear)
{
    srtp_key_wipe(ear->answer, SRTP_STREAM_KEYS);
    ear->answer_n = 0;
    atomic_store(&ear->state, EAR_IDLE);
}

struct ears *ears_free(struct ears *e)
{
    if (!e)
        return NULL;
    for (size_t i = 0; e->at && i < e->o.calls; i++) {
        forget(&e->at[i]);
        free_answer(&e->at[i]);
    }
    keys_close(&e->keys);
    if (e->wake >= 0)
        (void)close(e->wake);
    if (e->at)
        mem_give(e->at, e->o.calls * sizeof(*e->at));
    mem_give(e, sizeof(*e));
    return NULL;
}

// ---- the thread that asks

static void ask(struct ears *e, struct ear *ear)
{
    bool stored;
    ear->said = keys_ask(&e->keys, &ear->call_id, &stored);
    ear->answer_n = ear->said == KEYS_TOLD ? e->keys.n : 0;
    memcpy(ear->answer, e->keys.key, ear->answer_n * sizeof(ear->answer[0]));
    keys_wipe(&e->keys);
    count(ear->said == KEYS_AWAY      ? STAT_EAR_AWAY
          : ear->said == KEYS_REFUSED ? STAT_EAR_DENIED
          : ear->answer_n > 0         ? STAT_EAR_TOLD
                                      : STAT_EAR_NONE,
          1);
    atomic_store(&ear->state, EAR_ANSWERED);
}

static void body(struct thread *t, void *arg)
{
    struct ears *e = arg;
    while (!thread_should_stop(t)) {
        struct pollfd p = {.fd = e->wake, .events = POLLIN};
        uint64_t v;
        if (poll(&p, 1, SLEEP_MS) > 0)
            (void)!read(e->wake, &v, sizeof(v));
        for (size_t i = 0; i < e->o.calls && !thread_should_stop(t); i++)
            if (atomic_load(&e->at[i].state) == EAR_ASKED)
                ask(e, &e->at[i]);
    }
}

int ears_start(struct ears *e)
{
    return thread_start(&e->thread, "ear", body, e);
}

void ears_stop(struct ears *e)
{
    thread_join(&e->thread);
}

// ---- intake

static void send_question(struct ears *e, struct ear *ear)
{
    uint64_t one = 1;
    ear->closed = false;
    atomic_store(&ear->state, EAR_ASKED);
    (void)!write(e->wake, &one, sizeof(one));
}

static void take_answer(struct ears *e, struct ear *ear)
{
    if (atomic_load(&ear->state) != EAR_ANSWERED)
        return;
    bool news =
        ear->answer_n > 0 && (ear->answer_n != ear->n ||
                              memcmp(ear->answer, ear->key, ear->n * sizeof(ear->key[0])) != 0);
    if (news) {
        memcpy(ear->key, ear->answer, sizeof(ear->key));
        ear->n = ear->answer_n;
        for (uint32_t i = 0; i < EAR_STREAMS; i++) {
            srtp_stream_open(&ear->stream[i], ear->key, ear->n);
            ear->stream[i].budget = &e->budget;
        }
    }
    ear->closed = false;
    int64_t twice = 2 * ear->pause_us < MOST_US ? 2 * ear->pause_us : MOST_US;
    ear->pause_us = news ? FIRST_US : twice;
    ear->next_us = mono_now_us() + (ear->said == KEYS_REFUSED ? REFUSED_US : ear->pause_us);
    free_answer(ear);
}

struct ear *ear_take(struct ears *e, const struct uuid *call_id, int64_t started_us)
{
    for (size_t i = 0; i < e->o.calls; i++) {
        struct ear *ear = &e->at[i];
        // Left while its question was on its way: the place is free when the answer has come.
        if (ear->used || atomic_load(&ear->state) != EAR_IDLE)
            continue;
        ear->used = true;
        ear->call_id = *call_id;
        ear->started_us = started_us;
        ear->pause_us = FIRST_US / 2;
        gauge(STAT_EARS, ++e->used);
        send_question(e, ear);
        return ear;
    }
    count(STAT_EARS_REFUSED, 1);
    return NULL;
}

struct ear *ear_give(struct ears *e, struct ear *ear)
{
    if (!ear)
        return NULL;
    forget(ear);
    ear->used = false;
    gauge(STAT_EARS, --e->used);
    if (atomic_load(&ear->state) == EAR_ANSWERED)
        free_answer(ear);
    return NULL; // asked: ears_tick does it
}

enum srtp_verdict ear_hear(struct ears *e, struct ear *ear, uint32_t stream, int64_t at_us,
                           struct span packet, struct span *ret)
{
    size_t n = 0;
    take_answer(e, ear);
    int64_t since = at_us - ear->started_us;
    uint32_t rounds = since > 0 ? (uint32_t)(since / ROUND_US) : 0;
    enum srtp_verdict v =
        ear->n > 0 && stream < EAR_STREAMS
            ? srtp_stream_take(&ear->stream[stream], packet, rounds + 1, e->clear, &n)
            : SRTP_FAILED;
    *ret = span_of(e->clear, v == SRTP_CLEAR ? n : 0);
    bool twice = v == SRTP_DUPLICATE || v == SRTP_OLD;
    ear->closed |= v == SRTP_FAILED;
    count(v == SRTP_CLEAR ? STAT_EAR_CLEAR : twice ? STAT_EAR_DUP : STAT_EAR_CLOSED, 1);
    return v;
}

void ears_tick(struct ears *e, int64_t mono_us)
{
    e->budget = EAR_TRIES;
    for (size_t i = 0; i < e->o.calls; i++) {
        struct ear *ear = &e->at[i];
        if (ear->used) {
            take_answer(e, ear);
            if (atomic_load(&ear->state) == EAR_IDLE && ear->closed && mono_us >= ear->next_us)
                send_question(e, ear);
        } else if (atomic_load(&ear->state) == EAR_ANSWERED) {
            free_answer(ear); // who asked had left
        }
    }
}
