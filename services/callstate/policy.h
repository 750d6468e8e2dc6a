// policy.h: which calls are recorded: rules in order, the first that matches decides, once for each call. Pure: rules and facts
// in, a decision out. Without a rule that matches a call is recorded: what nobody forbade must not be missing.
// Limits: POLICY_RULES rules; policy_load says when there are more, and then keeps those that it has.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/span.h"
#include "base/uuid.h"
#include "wire/pkt.h"

#define POLICY_RULES  128
#define POLICY_NAME   64
#define POLICY_NUMBER 24
#define POLICY_TEAM   49
#define POLICY_AGENTS 4
#define POLICY_CODE   9 // of eight digits

enum policy_action {
    POLICY_ALL,
    POLICY_NONE,
    POLICY_ON_DEMAND,
    POLICY_PERCENT,
};

enum policy_direction {
    POLICY_ANY_DIRECTION,
    POLICY_INBOUND,
    POLICY_OUTBOUND,
    POLICY_INTERNAL,
    POLICY_TRANSIT,
};

// Numbers of mesh.proto RecordingReason.
enum policy_reason {
    POLICY_UNDECIDED,
    POLICY_NO_RULE,
    POLICY_BY_ALL,
    POLICY_BY_NONE,
    POLICY_BY_ON_DEMAND,
    POLICY_BY_PERCENT,
    POLICY_NOT_ANSWERED,
    POLICY_ASKED,
};

struct policy_rule {
    char name[POLICY_NAME], site[POLICY_NAME], sip_user[POLICY_NAME];
    char number[POLICY_NUMBER], from_number[POLICY_NUMBER], to_number[POLICY_NUMBER];
    char team[POLICY_TEAM];
    struct uuid agent;   // zero: any
    struct ip_addr peer; // family 0: any
    uint8_t peer_bits;
    uint8_t action, direction; // enums above
    uint16_t hundredths;       // of a percent
    bool after_answer, early_media;
    uint8_t sides; // bit 0 caller, bit 1 callee
    char pause_code[POLICY_CODE],
        resume_code[POLICY_CODE]; // digits that a telephone enters; "": those of the settings
    uint32_t pause_seconds;       // longest pause of its calls; 0: as the settings say
};

struct policy {
    int64_t version; // of the rules in the database
    uint32_t rules;
    struct policy_rule rule[POLICY_RULES];
};

// What is known of a call when it is asked about. Numbers: digits only.
struct policy_facts {
    const struct uuid *call_id;
    struct span site, from_user, to_user;
    char from_number[POLICY_NUMBER], to_number[POLICY_NUMBER]; // the first digits of them
    uint8_t direction;
    struct ip_addr src, dst; // of the INVITE
    struct {
        const struct uuid *id;
        struct span team;
    } agent[POLICY_AGENTS]; // of the whole call, when it began
    size_t agents;
};

// Kept with the call, in its blob too.
struct decision {
    uint8_t reason; // enum policy_reason; POLICY_UNDECIDED: nobody has asked yet
    bool record, after_answer, from_answer;
    uint8_t sides;
    char rule[POLICY_NAME];
    char by[POLICY_NAME]; // who asked for it (POLICY_ASKED)
};

// The rule of this name, or NULL: it is gone.
const struct policy_rule *policy_find(const struct policy *p, const char *name);
void policy_decide(const struct policy *p, const struct policy_facts *f, struct decision *ret);
// The digits of a user part, at most POLICY_NUMBER - 1.
void policy_digits(struct span user, char ret[POLICY_NUMBER]);
// By how many digits the two have: at most `inside` is a number of the house; nothing but digits counts.
enum policy_direction policy_direction_of(struct span from_user, struct span to_user,
                                          uint32_t inside);
// The same call is always in, or always out: 0 to 9999.
uint32_t policy_draw(const struct uuid *call_id);
const char *policy_reason_name(int reason);
