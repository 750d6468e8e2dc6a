// tickets.h: single-use rights to listen to one call. A fixed table; http thread only; time is given. Full of valid tickets:
// refused. Compared without a difference in time.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/uuid.h"

#define TICKETS     256
#define TICKET_TEXT 33
#define TICKET_US   (INT64_C(30) * 1000000)

struct tickets {
    struct {
        char text[TICKET_TEXT];
        struct uuid call_id;
        int64_t until_us; // 0: free
    } slot[TICKETS];
};
bool tickets_give(struct tickets *t, const struct uuid *call_id, int64_t now_us,
                  char ret[TICKET_TEXT]);
// True once for each ticket, within its time, for its call.
bool tickets_use(struct tickets *t, const char *text, const struct uuid *call_id, int64_t now_us);
