// srtp_keys.h: the recorder's question for the SRTP keys that a call's stored SDP named (a=crypto). Answered to who proves to be a recorder of
// the call's site (bus/secret.h), sealed to him, and to nobody else; nothing of it is logged or kept. Runs on the thread of the
// answering socket, with a connection to the database of its own; others who ask there wait so long (at most the timeout, 2 s).
// Limits: SRTP_KEYS_MAX keys of a call, each once (more are counted), SRTP_KEYS_MESSAGES messages with SDP, the first.
#pragma once
#include "base/arena.h"
#include "bus/bus.h"

#define SRTP_KEYS_MAX         64u
#define SRTP_KEYS_MESSAGES    512
#define SRTP_KEYS_UNSUPPORTED 8u

struct srtp_keys;
struct srtp_keys_opts {
    const char *dsn;
    const char *
        recorder_key; // file with the bus.sign-key of the recorders of this place; "": only sites that joined are answered
};
// NULL with one line in err.
struct srtp_keys *srtp_keys_new(const struct srtp_keys_opts *o, char *err, size_t err_cap);
struct srtp_keys *srtp_keys_free(struct srtp_keys *k);
void srtp_keys_answer(struct srtp_keys *k, const Callmesh__V1__SrtpKeysRequest *q,
                      Callmesh__V1__ControlReply *reply, struct arena *a);
