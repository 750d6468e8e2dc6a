// digits.h: codes that a telephone enters (pause, resume), found where the digits are, so that the digits themselves need not leave. What is
// looked for comes with callstate's orders; of a call's digits the last DIGIT_CODE_MAX are kept in memory while there is a code to look for, and
// forgotten when one is found. Plain data, one owner.
// Limits: DIGIT_CODES codes (further ones are not looked for), DIGIT_CALLS calls whose SIP INFO says digits (of four of
// one hash the one silent longest goes: then a half entered code must be entered again; counted).
#pragma once
#include "wire/sip.h"

#define DIGIT_CODES    16
#define DIGIT_CODE_MAX 8
#define DIGIT_CALLS    1024
#define DIGIT_WAYS     4 // places for one hash

struct digit_codes {
    uint32_t n;
    char code[DIGIT_CODES][DIGIT_CODE_MAX + 1];
};

struct digit_tail {
    char d[DIGIT_CODE_MAX]; // the newest last; 0: none
};

struct digit_calls {
    struct digit_call {
        uint64_t key; // Call-ID and sender's tag; 0: free
        uint64_t used;
        uint32_t cseq;
        struct digit_tail tail;
    } call[DIGIT_CALLS / DIGIT_WAYS][DIGIT_WAYS];
    uint64_t turn, overwritten;
};

// False: no code (nothing but 1 to 8 of the digits), or no place.
bool digit_codes_add(struct digit_codes *c, struct span code);
// From elsewhere in this service: what cannot be is made so that it can.
void digit_codes_check(struct digit_codes *c);
// The digit of an event code of RFC 4733 3.2; 0: it is none.
char digit_of_event(uint8_t code);
// One more digit: the longest code that it completes, or NULL.
const char *digit_entered(const struct digit_codes *c, struct digit_tail *t, char digit);
// The same for a message of SIP INFO; the same message again (another hop, a retransmission) says nothing.
const char *digit_info(const struct digit_codes *c, struct digit_calls *calls,
                       const struct sip_msg *m);
