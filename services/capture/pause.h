// pause.h: media that is not to leave the harvester, by order of callstate (capture.proto Orders): a card number is being said. The worker
// sees and counts such packets (a pause is no loss of the line's), and hands none of their payload on: not to a batch, so not to
// journal, bus, spool, ear or recording. An order ends at its time by itself: a harvester that hears nothing more resumes then, not before.
// Fixed tables, plain data: it goes through shared memory and inboxes as it is. Limits: PAUSE_ORDERS calls (callstate gives no more),
// PAUSE_ADDRS addresses each (further ones are not looked at, counted).
#pragma once
#include "bus/bus.h"
#include "digits.h"
#include "wire/pkt.h"
#include "wire/sdp.h"

#define PAUSE_ORDERS   64
#define PAUSE_ADDRS    48 // 32 by order, the rest by SDP that is seen meanwhile
#define PAUSE_CALL_IDS 4
// Of what is held back in doubt: no version of callstate's, which are wall clocks.
#define PAUSE_VERSION_DOUBT 1

struct pause_order {
    int64_t until_us; // wall clock, as packets of live inputs have it
    uint32_t addrs, call_ids;
    struct endpoint at[PAUSE_ADDRS];
    uint64_t call_id[PAUSE_CALL_IDS]; // FNV-1a of the SIP Call-ID
};

struct pauses {
    uint64_t version;
    uint32_t n;
    uint64_t refused; // addresses without a place
    int64_t
        doubt_until_us; // not 0: nobody knows who is paused (pause_file.h), so nobody's media leaves until then
    struct digit_codes
        codes; // that are looked for; not in the file, for without callstate nobody would hear of them
    struct pause_order order[PAUSE_ORDERS];
};

void pauses_read(const Callmesh__V1__Orders *o, uint64_t version, struct pauses *ret);
// Orders from elsewhere in this service: what cannot be is made so that it can.
void pauses_check(struct pauses *p);
static inline bool pauses_any(const struct pauses *p)
{
    return p->n > 0 || p->doubt_until_us != 0;
}
// Is media between these two paused?
bool pauses_has(const struct pauses *p, const struct endpoint *src, const struct endpoint *dst);
// An SDP of a paused call names where its media goes next: paused from its first packet. True: there is something new.
bool pauses_learn(struct pauses *p, struct span call_id, const struct sdp *sdp);
// True: at least one was over and has gone, or the doubt.
bool pauses_expire(struct pauses *p, int64_t now_us);
