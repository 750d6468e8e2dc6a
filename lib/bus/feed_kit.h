// feed_kit.h: what the tests of feeds share: free ports, numbered payloads, a consumer that checks the order of each
// publisher, and the test program itself as another process (nng cannot be used after fork, so it is fork and exec).
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mono.h"
#include "bus/bus.h"
#include "sock.h"
#include "tests/support/port.h"

// The last test of a program: all have stopped, so every message was sent or let go of.
static inline void kit_nothing_is_held(void **state)
{
    (void)state;
    assert_int_equal(sock_held(), 0);
}

struct ports {
    char pub[48], ask[48];
};

static inline struct ports kit_ports(void)
{
    struct ports p;
    snprintf(p.pub, sizeof(p.pub), "tcp://127.0.0.1:%d", test_free_port());
    snprintf(p.ask, sizeof(p.ask), "tcp://127.0.0.1:%d", test_free_port());
    return p;
}

static inline struct feed_pub *kit_pub(const struct ports *p, const char *name, const char *journal,
                                       uint64_t bytes, bool wait)
{
    char err[256] = "";
    struct feed_pub *f = NULL;
    struct feed_pub_opts o = {.publisher = name,
                              .site = "main",
                              .kind = CALLMESH__V1__KIND__KIND_SIG,
                              .pub_url = p->pub,
                              .ask_url = p->ask,
                              .journal_path = journal,
                              .journal_bytes = bytes,
                              .wait_when_full = wait};
    if (feed_pub_open(&f, &o, err, sizeof(err)) != 0)
        fail_msg("%s", err);
    return f;
}

static inline struct feed_sub *kit_sub(const struct ports *p, uint32_t publishers)
{
    char err[256] = "";
    struct feed_sub *s = NULL;
    struct feed_sub_opts o = {
        .name = "test", .sub_url = p->pub, .ask_url = p->ask, .publishers_max = publishers};
    if (feed_sub_open(&s, &o, err, sizeof(err)) != 0)
        fail_msg("%s", err);
    return s;
}

// A payload of n bytes that says its number.
static inline struct span kit_payload(uint8_t *buf, size_t n, uint64_t number)
{
    for (size_t i = 0; i < 8; i++)
        buf[i] = (uint8_t)(number >> (8 * i));
    return span_of(buf, n);
}

static inline uint64_t kit_number(struct span payload)
{
    struct cur c = cur_of(payload);
    return cur_u64le(&c);
}

// Takes and commits until `want` envelopes have come, checking that seq is dense per slot and that the payload's
// number is the seq. Each `commit_every`. Gives up after `timeout_us` of silence. Returns how many came.
struct kit_count {
    uint64_t next[64], lost, taken;
    uint32_t new_epochs;
};

static inline void kit_take(struct feed_sub *s, struct kit_count *k, uint64_t want,
                            uint32_t commit_every, int64_t pause_us, int64_t timeout_us)
{
    struct feed_msg m;
    uint64_t start = k->taken;
    while (k->taken - start < want && feed_sub_next(s, timeout_us, &m) == 1) {
        uint32_t i = BUS_SLOT_INDEX(m.slot);
        assert_true(i < 64);
        if (k->next[i] == 0)
            k->next[i] = 1;
        k->next[i] += m.lost_before;
        assert_int_equal(m.env->seq, k->next[i]);
        assert_int_equal(kit_number(m.payload), m.env->seq);
        k->next[i]++;
        k->taken++;
        k->lost += m.lost_before;
        k->new_epochs += m.new_epoch;
        if (k->taken % commit_every == 0 || k->taken - start == want) {
            feed_sub_commit(s, m.slot, m.env->seq);
            if (pause_us)
                usleep((useconds_t)pause_us);
        }
    }
}
