// keys.h: the SRTP keys of the call that is cut: asked of callstate (control socket) when a stream of it is encrypted, there for the cut and
// wiped behind it; never in a file, a log, a manifest. One thread (cutter).
// Limits: SRTP_STREAM_KEYS keys (callstate counts more); a call is put back KEYS_ROUNDS times, at least KEYS_PAUSE_US each, while callstate
// does not answer or does not have its end yet. Then it is cut with what is there, and the reason says so.
#pragma once
#include <stdbool.h>
#include "bus/bus.h"
#include "job.h"
#include "media/srtp_stream.h"

#define KEYS_ROUNDS   30u
#define KEYS_PAUSE_US INT64_C(500000)
#define KEYS_WHY      160u

struct keys {
    struct ask *ask; // NULL: nobody is asked, none are there
    struct arena *arena;
    const char *name, *site; // of this recorder
    struct srtp_key key[SRTP_STREAM_KEYS];
    uint32_t n;
    char why[KEYS_WHY]; // none are there; "" good
};

int keys_open(struct keys *k, const char *control_url, const char *name, const char *site,
              char *err, size_t err_cap);
// Asks when the job has an encrypted stream. True: not now, put the call back (after a pause; *stop ends it).
bool keys_fetch(struct keys *k, const struct job *j, const _Atomic bool *stop);
void keys_wipe(struct keys *k);
