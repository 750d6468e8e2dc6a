// Pauses that a telephone or a box asks for itself: a header of any message of the call, or a code of digits by SIP INFO
// (application/dtmf-relay, application/dtmf, as RFC 6086's users send them). Both are settings, and off without them.
#include <string.h>
#include "dtmf.h"
#include "pause.h"

#define BY_HEADER SPAN_LIT("header")
#define BY_CODE   SPAN_LIT("code")

static void turn(struct world *w, struct call *c, bool on, struct span by)
{
    if (on)
        (void)pause_start(w, c, w->wall_us + w->pause_limit_us, by, SPAN_LIT(""));
    else
        pause_stop(w, c, by);
}

static void by_header(struct world *w, struct call *c, const struct sip_msg *sip)
{
    struct span v = span_trim(sip_header_by_name(sip, span_str(w->pause_header), 0));
    if (span_ieq(v, SPAN_LIT("pause")))
        turn(w, c, true, BY_HEADER);
    else if (span_ieq(v, SPAN_LIT("resume")))
        turn(w, c, false, BY_HEADER);
}

static bool ends_with(const struct call *c, const char *code)
{
    size_t n = strlen(code);
    return n > 0 && n <= sizeof c->digits && memcmp(c->digits + sizeof c->digits - n, code, n) == 0;
}

// Only the last few are kept, and only in memory: they may be of a card.
static void by_code(struct world *w, struct call *c, const struct sip_msg *sip)
{
    char d = dtmf_digit(sip->body);
    if (!d)
        return;
    memmove(c->digits, c->digits + 1, sizeof c->digits - 1);
    c->digits[sizeof c->digits - 1] = d;
    bool pause = ends_with(c, w->pause_code), resume = ends_with(c, w->resume_code);
    if (pause || resume)
        memset(c->digits, 0, sizeof c->digits);
    if (pause && resume) // one code for both
        turn(w, c, !pause_is_on(c), BY_CODE);
    else if (pause || resume)
        turn(w, c, pause, BY_CODE);
}

void pause_on_message(struct world *w, struct call *c, const struct message *m)
{
    const struct sip_msg *sip = m->sip;
    if (!w->pauses || m->retransmission || !sip->request || !c->live)
        return;
    if (w->pause_header[0])
        by_header(w, c, sip);
    if (sip->method == SIP_INFO && (w->pause_code[0] || w->resume_code[0]))
        by_code(w, c, sip);
}
