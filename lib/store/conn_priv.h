// conn_priv.h: what the files of lib/store share about a connection. Not for others: libpq stays
// behind this door.
#pragma once
#include <postgresql/libpq-fe.h>
#include "store/conn.h"

struct store {
    char *dsn, *app;
    PGconn *pg;
    int64_t connect_timeout_us, timeout_us;
    int64_t retry_at_us; // monotonic
    int64_t backoff_us;
    uint64_t connects;
    const _Atomic bool *give_up; // NULL: nobody interrupts
    unsigned late;               // attempts to connect that ran into their deadline
    char error[256];
    char sqlstate[6];
};

// Which hosts to try in which order now; empty: as the connection string has them (hosts.c).
struct store_hosts {
    char host[1024], addr[1024], port[256];
};
void store_hosts(const struct store *s, struct store_hosts *ret);

// Waits until the socket can be read (or also written), or the monotonic deadline. False: too late
// or broken.
bool store_wait_socket(struct store *s, bool write, int64_t deadline_us);
// Next result within the deadline. STORE_OK with *ret NULL: no further one for this statement.
int store_next_result(struct store *s, int64_t deadline_us, PGresult **ret);
// Takes the error out of a result; returns its kind.
int store_take_error(struct store *s, const PGresult *res);
void store_set_error(struct store *s, const char *text);
// Cancels what runs and drops the connection.
int store_too_late(struct store *s);
