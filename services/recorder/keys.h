// keys.h: the SRTP keys of a call: asked of callstate (control socket) when a stream of it is encrypted, there for the cut, or while somebody
// listens, and wiped behind it; never in a file, a log, a manifest. One thread for each value (cutter; ear).
// Limits: SRTP_STREAM_KEYS keys (callstate counts more); a call is put back KEYS_ROUNDS times, at least KEYS_PAUSE_US each, while callstate
// does not answer or does not have its end yet. Then it is cut with what is there, and the reason says so.
#pragma once
#include <stdbool.h>
#include "bus/bus.h"
#include "bus/secret.h"
#include "job.h"
#include "media/srtp_stream.h"

#define KEYS_ROUNDS   30u
#define KEYS_PAUSE_US INT64_C(500000)
#define KEYS_WHY      160u
#define KEYS_PLAIN    32768u // of an answer

struct keys {
    struct ask *ask; // NULL: nobody is asked, none are there
    struct arena *arena;
    const char *name, *site; // of this recorder
    struct srtp_key key[SRTP_STREAM_KEYS];
    uint32_t n;
    char why[KEYS_WHY];                          // none are there; "" good
    uint8_t plain[KEYS_PLAIN + SECRET_OVERHEAD]; // the answer at work
};

enum keys_answer {
    KEYS_TOLD,    // also: told that there are none
    KEYS_REFUSED, // it is of no use to ask again soon
    KEYS_AWAY     // callstate, or its database
};

int keys_open(struct keys *k, const char *control_url, const char *name, const char *site,
              char *err, size_t err_cap);
// One question for the keys of a call. *ret_stored, when told: it has ended there, and all that its messages named is in the answer.
enum keys_answer keys_ask(struct keys *k, const struct uuid *call_id, bool *ret_stored);
// Asks when the job has an encrypted stream. True: not now, put the call back (after a pause; *stop ends it).
bool keys_fetch(struct keys *k, const struct job *j, const _Atomic bool *stop);
void keys_wipe(struct keys *k);
// Wiped, and nothing is asked any more; the socket stays open until the process ends (rule of the bus).
void keys_close(struct keys *k);
