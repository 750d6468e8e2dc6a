#include "dialog_states.h"

#define STAY(s)                                                                                    \
    {                                                                                              \
        (s), ACT_NONE                                                                              \
    }
#define GO(s, a)                                                                                   \
    {                                                                                              \
        (s), (a)                                                                                   \
    }

// EVENT_INVITE arrives here only with a higher CSeq than the one before (call.c sorts the rest out).
const struct dialog_cell dialog_table[DIALOG_STATES][DIALOG_EVENTS] =
    {
        [DIALOG_CALLING] =
            {
                [EVENT_INVITE] = GO(DIALOG_CALLING, ACT_ATTEMPT),
                [EVENT_100] = GO(DIALOG_PROCEEDING, ACT_PROGRESS),
                [EVENT_1XX] = GO(DIALOG_EARLY, ACT_PROGRESS),
                [EVENT_2XX] = GO(DIALOG_ANSWERED, ACT_ANSWER),
                [EVENT_RETRY] = GO(DIALOG_AUTH, ACT_RETRY),
                [EVENT_FINAL] = GO(DIALOG_ENDED, ACT_REJECT),
                [EVENT_ACK_2XX] = GO(DIALOG_CONFIRMED, ACT_ACK),
                [EVENT_ACK_FINAL] = GO(DIALOG_ENDED, ACT_END_UNSEEN),
                [EVENT_BYE] = GO(DIALOG_ENDED, ACT_BYE),
                [EVENT_LOST_FORK] = GO(DIALOG_ENDED, ACT_LOSE),
            },
        [DIALOG_PROCEEDING] =
            {
                [EVENT_INVITE] = GO(DIALOG_CALLING, ACT_ATTEMPT),
                [EVENT_100] = GO(DIALOG_PROCEEDING, ACT_PROGRESS),
                [EVENT_1XX] = GO(DIALOG_EARLY, ACT_PROGRESS),
                [EVENT_2XX] = GO(DIALOG_ANSWERED, ACT_ANSWER),
                [EVENT_RETRY] = GO(DIALOG_AUTH, ACT_RETRY),
                [EVENT_FINAL] = GO(DIALOG_ENDED, ACT_REJECT),
                [EVENT_ACK_2XX] = GO(DIALOG_CONFIRMED, ACT_ACK),
                [EVENT_ACK_FINAL] = GO(DIALOG_ENDED, ACT_END_UNSEEN),
                [EVENT_BYE] = GO(DIALOG_ENDED, ACT_BYE),
                [EVENT_LOST_FORK] = GO(DIALOG_ENDED, ACT_LOSE),
            },
        [DIALOG_EARLY] =
            {
                [EVENT_INVITE] = GO(DIALOG_CALLING, ACT_ATTEMPT),
                [EVENT_100] = GO(DIALOG_EARLY, ACT_NONE),
                [EVENT_1XX] = GO(DIALOG_EARLY, ACT_PROGRESS),
                [EVENT_2XX] = GO(DIALOG_ANSWERED, ACT_ANSWER),
                [EVENT_RETRY] = GO(DIALOG_AUTH, ACT_RETRY),
                [EVENT_FINAL] = GO(DIALOG_ENDED, ACT_REJECT),
                [EVENT_ACK_2XX] = GO(DIALOG_CONFIRMED, ACT_ACK),
                [EVENT_ACK_FINAL] = GO(DIALOG_ENDED, ACT_END_UNSEEN),
                [EVENT_BYE] = GO(DIALOG_ENDED, ACT_BYE),
                [EVENT_LOST_FORK] = GO(DIALOG_ENDED, ACT_LOSE),
            },
        [DIALOG_AUTH] =
            {
                [EVENT_INVITE] = GO(DIALOG_CALLING, ACT_ATTEMPT),
                [EVENT_100] = STAY(DIALOG_AUTH),
                [EVENT_1XX] = GO(DIALOG_EARLY, ACT_PROGRESS), // the new INVITE was not captured
                [EVENT_2XX] = GO(DIALOG_ANSWERED, ACT_ANSWER),
                [EVENT_RETRY] = GO(DIALOG_AUTH, ACT_RETRY),
                [EVENT_FINAL] = GO(DIALOG_ENDED, ACT_REJECT),
                [EVENT_ACK_2XX] = STAY(DIALOG_AUTH),
                [EVENT_ACK_FINAL] = STAY(DIALOG_AUTH),
                [EVENT_BYE] = GO(DIALOG_ENDED, ACT_BYE),
                [EVENT_LOST_FORK] = GO(DIALOG_ENDED, ACT_LOSE),
            },
        [DIALOG_ANSWERED] =
            {
                [EVENT_INVITE] = STAY(DIALOG_ANSWERED),
                [EVENT_100] = STAY(DIALOG_ANSWERED),
                [EVENT_1XX] = STAY(DIALOG_ANSWERED),
                [EVENT_2XX] = STAY(DIALOG_ANSWERED),
                [EVENT_RETRY] = STAY(DIALOG_ANSWERED),
                [EVENT_FINAL] =
                    STAY(DIALOG_ANSWERED), // a late 487 of the CANCEL that lost the race
                [EVENT_ACK_2XX] = GO(DIALOG_CONFIRMED, ACT_ACK),
                [EVENT_ACK_FINAL] = STAY(DIALOG_ANSWERED),
                [EVENT_BYE] = GO(DIALOG_ENDED, ACT_BYE),
                [EVENT_LOST_FORK] = STAY(DIALOG_ANSWERED),
            },
        [DIALOG_CONFIRMED] =
            {
                [EVENT_INVITE] = STAY(DIALOG_CONFIRMED),
                [EVENT_100] = STAY(DIALOG_CONFIRMED),
                [EVENT_1XX] = STAY(DIALOG_CONFIRMED),
                [EVENT_2XX] = GO(DIALOG_CONFIRMED, ACT_ANSWER), // captured after its ACK
                [EVENT_RETRY] = STAY(DIALOG_CONFIRMED),
                [EVENT_FINAL] = STAY(DIALOG_CONFIRMED),
                [EVENT_ACK_2XX] = STAY(DIALOG_CONFIRMED),
                [EVENT_ACK_FINAL] = STAY(DIALOG_CONFIRMED),
                [EVENT_BYE] = GO(DIALOG_ENDED, ACT_BYE),
                [EVENT_LOST_FORK] = STAY(DIALOG_CONFIRMED),
            },
        [DIALOG_ENDED] =
            {
                [EVENT_INVITE] =
                    GO(DIALOG_CALLING, ACT_ATTEMPT), // never answered: tried again (call.c looks)
                [EVENT_100] = STAY(DIALOG_ENDED),
                [EVENT_1XX] = STAY(DIALOG_ENDED),
                [EVENT_2XX] =
                    GO(DIALOG_ENDED,
                       ACT_ANSWER), // captured after its BYE: it was answered all the same
                [EVENT_RETRY] = STAY(DIALOG_ENDED),
                [EVENT_FINAL] = STAY(DIALOG_ENDED),
                [EVENT_ACK_2XX] = STAY(DIALOG_ENDED),
                [EVENT_ACK_FINAL] = STAY(DIALOG_ENDED),
                [EVENT_BYE] = STAY(DIALOG_ENDED),
                [EVENT_LOST_FORK] = STAY(DIALOG_ENDED),
            },
};
