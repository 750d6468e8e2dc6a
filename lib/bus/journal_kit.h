// journal_kit.h: what the tests of the journal share: a folder for it, records that say their number, a fault in the I/O.
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mono.h"
#include "bus/bus.h"
#include "journal_impl.h"
#include "journal_io.h"

static char kit_base[64], kit_path[80];

static inline void kit_clear(void)
{
    char cmd[200];
    snprintf(cmd, sizeof(cmd), "rm -rf '%s'", kit_path);
    assert_int_equal(system(cmd), 0);
}

static inline int kit_begin(void **state)
{
    (void)state;
    // In memory when it can be: these tests are about logic; tests/faults cuts the power of a real file system.
    snprintf(kit_base, sizeof(kit_base), "%s/callmesh-journal-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(kit_base))
        return -1;
    snprintf(kit_path, sizeof(kit_path), "%s/j", kit_base);
    return 0;
}

static inline int kit_end(void **state)
{
    (void)state;
    char cmd[200];
    snprintf(cmd, sizeof(cmd), "rm -rf '%s'", kit_base);
    return system(cmd);
}

static inline int kit_fresh(void **state)
{
    (void)state;
    journal_io = &journal_io_real;
    kit_clear();
    return 0;
}

static inline struct journal *kit_open_as(const char *p, uint64_t bytes, bool keep, bool sync)
{
    char err[4400] = "";
    struct journal *j = NULL;
    struct journal_opts o = {.path = p, .bytes = bytes, .keep = keep, .sync = sync};
    if (journal_open(&j, &o, err, sizeof(err)) != 0)
        fail_msg("%s", err);
    return j;
}

static inline struct journal *kit_open(const char *p, uint64_t bytes)
{
    return kit_open_as(p, bytes, false, true);
}

// Bytes that say their seq, of a length that depends on it.
static inline size_t kit_body(uint8_t *buf, uint64_t seq)
{
    size_t len = 8 + seq * 2654435761u % 900;
    for (size_t i = 0; i < len; i++)
        buf[i] = (uint8_t)(seq * 31 + i * 7);
    memcpy(buf, &seq, 8);
    return len;
}

static inline int kit_put(struct journal *j)
{
    uint8_t buf[1024];
    size_t n = kit_body(buf, journal_stat(j).next_seq);
    return journal_append(j, span_of(buf, 5), span_of(buf + 5, n - 5));
}

static inline void kit_puts(struct journal *j, unsigned n)
{
    while (n-- > 0)
        assert_int_equal(kit_put(j), 0);
}

// Turns until all that was appended may be seen; gives up when the disk refuses. True: all.
static inline bool kit_pump(struct journal *j)
{
    struct journal_stat st;
    for (int tries = 0; st = journal_stat(j), st.head_seq + 1 < st.next_seq && tries < 1000;
         tries++) {
        int64_t us = journal_turn(j, NULL);
        if (us > 0 && journal_stat(j).io_error)
            return false;
        if (us > 0 && j->d)
            j->d->sync_us = 0; // no gathering: the next turn is at once
    }
    return st.head_seq + 1 == st.next_seq;
}

// Everything from `from` to the head but `missing` is there, unchanged.
static inline void kit_check(struct journal *j, uint64_t from, uint64_t missing)
{
    uint8_t buf[1024];
    uint64_t seq, at = from;
    struct span s;
    while (journal_read(j, at, &seq, &s)) {
        if (at == missing)
            at++;
        assert_int_equal(seq, at);
        assert_int_equal(s.n, kit_body(buf, seq));
        assert_memory_equal(buf, s.p, s.n);
        at++;
    }
    assert_int_equal(at == missing ? at + 1 : at, journal_stat(j).head_seq + 1);
}
