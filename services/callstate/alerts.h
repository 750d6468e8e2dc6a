// alerts.h: the rules of alerts, looked at by the housekeeping thread of the callstate that leads. The look is one statement of the schema
// (alerts_round): values of the last minutes, hysteresis, hold times, the history; what it raised or cleared goes to the state thread by
// a ring, and from there on the mesh.
//
// Limits: 64 rules (api refuses more), 4,096 things watched (rules times sites or harvesters; the rest is not looked at), 64 changes on their way to the
// mesh (more: in the table only, counted). A look takes at most a twentieth of the time: after a long one the next comes later.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/ring.h"
#include "store/conn.h"

#define ALERTS_QUEUE 64

struct alert {
    char id[40], rule[96], kind[24], site[72], subject[104];
    double value, threshold;
    int64_t raised_us, cleared_us; // 0: it is raised
};

// One look, as if it were now_us. Store errors as they are; told may be NULL.
int alerts_look(struct store *s, int64_t now_us, struct ring *told);
