// join_find.h: who could be one with a call, and what speaks for it. Part of join.c.
#pragma once
#include "event.h"
#include "world.h"

#define CANDIDATES_MAX 16

struct candidate {
    struct call *call;
    uint8_t n;
    bool done;
    uint8_t kind[EVIDENCE_MAX]; // enum evidence_kind
    struct event_text detail[EVIDENCE_MAX];
};

struct look {
    struct world *w;
    struct call *c;
    const struct message *m;
    struct candidate at[CANDIDATES_MAX];
    size_t n;
};

void join_find(struct look *l);
int join_score(const struct candidate *at);
