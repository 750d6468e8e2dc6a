// outbox_signalling.h: private to the outbox: one event of other signalling as its message.
#pragma once
#include "outbox.h"

// What a signalling event is made of; its texts are copied, so a call that ends meanwhile does no harm.
struct signalling_slot {
    char call_key[SIGCALL_KEY_MAX], message[48];
    struct endpoint src_at, dst_at;
    Callmesh__V1__Endpoint src, dst;
    struct sigparty from_text, to_text;
    Callmesh__V1__Party from, to;
    struct sigmedia given[SIGMEDIA_MAX];
    Callmesh__V1__MediaAddress media[SIGMEDIA_MAX], *medias[SIGMEDIA_MAX];
    Callmesh__V1__Endpoint at[SIGMEDIA_MAX];
    Callmesh__V1__PayloadMap map[SIGMEDIA_MAX][SIGMEDIA_FORMATS],
        *maps[SIGMEDIA_MAX][SIGMEDIA_FORMATS];
};

void outbox_put_endpoint(Callmesh__V1__Endpoint *e, struct endpoint *at);
void outbox_put_signalling(Callmesh__V1__SignallingEvent *out, struct signalling_slot *s,
                           const struct sigcall *c, const struct sigcall_event *e);
