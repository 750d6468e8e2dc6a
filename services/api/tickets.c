#include "tickets.h"

#include <sodium.h>
#include <string.h>

bool tickets_give(struct tickets *t, const struct uuid *call_id, int64_t now_us,
                  char ret[TICKET_TEXT])
{
    for (size_t i = 0; i < TICKETS; i++) {
        if (t->slot[i].until_us > now_us)
            continue;
        uint8_t raw[(TICKET_TEXT - 1) / 2];
        randombytes_buf(raw, sizeof(raw));
        sodium_bin2hex(t->slot[i].text, TICKET_TEXT, raw, sizeof(raw));
        t->slot[i].call_id = *call_id;
        t->slot[i].until_us = now_us + TICKET_US;
        memcpy(ret, t->slot[i].text, TICKET_TEXT);
        return true;
    }
    return false;
}

bool tickets_use(struct tickets *t, const char *text, const struct uuid *call_id, int64_t now_us)
{
    bool good = false;
    if (strlen(text) != TICKET_TEXT - 1)
        return false;
    for (size_t i = 0; i < TICKETS; i++) {
        bool same = sodium_memcmp(t->slot[i].text, text, TICKET_TEXT - 1) == 0 &&
                    t->slot[i].until_us > now_us;
        if (!same)
            continue;
        t->slot[i].until_us = 0; // used, also when it was for another call
        good = memcmp(t->slot[i].call_id.b, call_id->b, sizeof(call_id->b)) == 0;
    }
    return good;
}
