// tls_conn_impl.h: private to tls_conn.c (segments, holes, plaintext out) and tls_record.c (keys, records, handshake).
#pragma once
#include "tls_conn.h"

enum tls_turn {
    TLS_ON,   // something was taken: go on
    TLS_MORE, // bytes are missing
    TLS_WAIT  // keys are missing
};

static inline void tls_count(const struct tls_env *e, enum capture_stat s)
{
    e->counts->n[s]++;
}

// Bytes of the buffer are done with.
void tls_dir_take(struct tls_dir *d, size_t n);
// Capture time of the segment that brought the last of the next n bytes.
int64_t tls_dir_time(const struct tls_dir *d, size_t n, int64_t now_us);
void tls_plain_give(const struct tls_env *e, struct tls_conn *c, enum tls_side side,
                    struct span text, int64_t at_us);
// Where records begin is not known any more.
void tls_dir_lose_place(struct tls_dir *d);
// The next record, or what can be told of it. force: it is passed rather than waited for.
enum tls_turn tls_record_turn(const struct tls_env *e, struct tls_conn *c, enum tls_side side,
                              bool force, int64_t now_us);
