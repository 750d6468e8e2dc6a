// admit.h: the table of sites in PostgreSQL, brought to the bus: who may connect and whose signature counts (bus_admit), and
// which sites share an address plan (realm). One thread with a connection of its own reads it each `every_us`; a revocation
// counts after that time. Before the first answer of the database nobody is admitted; while it is away what was read last
// stays true. Bound: BUS_ADMITTED_MAX keys, the newest; more are not admitted (gauge and one line in the log).
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

struct admit;
struct admit_opts {
    const char *dsn, *app;
    int64_t every_us;
};
// Reads once, then starts the thread. 0 or negative errno.
int admit_start(struct admit **ret, const struct admit_opts *o);
void admit_stop(struct admit *a);

#define REALM_MAX 63
// The realm of a site: its own name when it shares its addresses with none. Any thread; before admit_start has read: the name.
void admit_realm(struct span site, char ret[REALM_MAX + 1]);
// Rises when a realm has changed.
uint64_t admit_realms_generation(void);
