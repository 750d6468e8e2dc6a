// story.h: what a message means for the story of its call, beside what it does to the dialogs: who holds, who lost a fork, glare, crossing
// CANCEL, session timer, cause, diversion, conference; and what makes it one with other calls. Owner: the state thread.
#pragma once
#include "world.h"

// How the call was before the message.
struct story_was {
    uint8_t legs, state;
    bool canceled;
    int64_t answered_us;
    uint8_t dialog[CALL_LEGS_MAX], hold_by[CALL_LEGS_MAX];
};

void story_before(const struct call *c, struct story_was *ret);
void story_after(struct world *w, struct call *c, const struct message *m,
                 const struct story_was *was);
// The call has ended, by a message or by time.
void story_on_end(struct world *w, struct call *c);
