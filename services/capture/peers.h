// peers.h: who is known, and how much SIP those may send who are not. An address becomes known by taking part in an answered
// INVITE or REGISTER (a 2xx). A flood comes under addresses that nobody answers: it shares one allowance, known addresses
// have none to keep. Fixed slots; full: the address known longest ago goes. Time is capture time. One owner thread.
#pragma once
#include "wire/pkt.h"
#include "wire/sip.h"

struct peers;
// per_second: messages of unknown addresses together; a burst may be two seconds' worth. 0: no limit.
struct peers *peers_new(size_t slots, uint32_t per_second);
struct peers *peers_free(struct peers *p);
// Before it is parsed, for that is what a flood costs. False: it hangs on an unknown address and is above the allowance.
bool peers_admit(struct peers *p, const struct pkt *k, struct span message);
// What was admitted and parsed: learns from answers.
void peers_learn(struct peers *p, const struct pkt *k, const struct sip_msg *m);
struct peers_stat {
    size_t used, slots, bytes;
    uint64_t evicted, refused;
};
struct peers_stat peers_stat(const struct peers *p);
