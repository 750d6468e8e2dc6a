// account.h: what a consumer knows of each publisher's incarnation: what it has taken, what is committed, what is missing.
// A fixed table, and a bounded list of cursors for those that are not here now (oldest forgotten first).
// No socket and no clock of its own; the caller (feed_sub.c) holds one lock around every call.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/stat.h"
#include "envelope.h"
#include "queue.h"

#define ACCOUNT_REPLY_HEADER_MAX 64

// A reply that is being held back, with the way home of its request (nng's header).
struct held {
    bool set;
    bool for_room; // until the queue has room; else until there is a commit to tell
    uint8_t header[ACCOUNT_REPLY_HEADER_MAX];
    size_t header_len;
    int64_t until_us;       // monotonic
    int64_t received_at_us; // wall
};

struct account {
    bool used;
    bool superseded; // another incarnation of this publisher has come
    bool gap_open;   // something behind next_seq was seen: only the sure path can go on
    bool paused;     // the publisher sends nothing by PUB
    uint32_t slot;   // place and generation
    char publisher[ENVELOPE_NAME_MAX + 1], site[ENVELOPE_SITE_MAX + 1];
    uint8_t incarnation[ENVELOPE_BIRTH];
    uint64_t epoch; // of the last envelope taken, 0: none yet
    uint64_t next_seq, committed_seq;
    uint64_t told_committed; // in the last reply
    uint64_t head_seq;       // the highest seen or told
    uint64_t pending_lost;   // for the next envelope
    uint64_t gaps, backfilled, lost;
    int64_t
        behind_since_us; // monotonic: since then next_seq has not moved although the head is beyond; 0: not so
    int64_t seen_mono_us, seen_wall_us;
    int64_t clock_offset_us;
    uint64_t orders_have;       // version of the orders that the publisher has
    uint64_t ask_epoch, ask_no; // of the last signed Ask
    struct held held;
};

struct accounts;
struct accounts *accounts_new(uint32_t max, uint32_t cursors, struct queue *q,
                              struct stat_cell *cells);
struct accounts *accounts_free(struct accounts *t);
void accounts_set_cursor(struct accounts *t, struct span publisher, struct span incarnation,
                         uint64_t committed_seq);
uint32_t accounts_max(const struct accounts *t);
struct account *accounts_at(struct accounts *t, uint32_t index); // NULL when the place is free
struct account *accounts_by_slot(struct accounts *t,
                                 uint32_t slot); // NULL: given to another, or never was

// An Ask has come: finds or opens the account and books what the Ask says. NULL: refused, *ret_error says why.
struct account *accounts_on_ask(struct accounts *t, const struct ask_msg *a, int64_t mono_us,
                                int64_t wall_us, const char **ret_error);
// Takes the envelopes of an Ask into the queue, as far as there is room.
void account_on_backfill(struct accounts *t, struct account *ac, struct ask_msg *a);
// An envelope has come by SUB.
void accounts_on_live(struct accounts *t, const struct envelope *e, struct span bytes);
// True: the publisher should send from next_seq on.
bool account_wants_backfill(const struct account *ac, int64_t mono_us);
// True when that moved the account.
bool account_commit(struct account *ac, uint64_t seq);
