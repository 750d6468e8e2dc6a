// Pauses that a telephone or a box asks for itself: a header of any request of the call, or a code of digits. Codes are looked for by the harvesters, where
// the digits stay (capture.proto DigitCode, of RFC 4733 and of SIP INFO); of a harvester of an earlier version digits of INFO are read here.
// All are settings, the codes of a rule of recording too; off without them.
#include <string.h>
#include "media_join.h"
#include "pause.h"
#include "recordings.h"
#include "stats.h"
#include "wire/dtmf.h"

#define BY_HEADER SPAN_LIT("header")
#define BY_CODE   SPAN_LIT("code")
#define TWICE_US  INT64_C(1000000) // two taps, or both ways of saying a digit, tell one code

#define ENDED CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED

struct ways {
    const char *pause, *resume; // codes; "": none
    int64_t limit_us;
};

// Those of the rule that decided of the call, else those of the settings.
static struct ways ways_of(const struct world *w, const struct call *c)
{
    const struct policy_rule *r = w->policy ? policy_find(w->policy->now, c->decision.rule) : NULL;
    struct ways ret = {w->pause_code, w->resume_code, w->pause_limit_us};
    if (r && (r->pause_code[0] || r->resume_code[0])) {
        ret.pause = r->pause_code;
        ret.resume = r->resume_code;
    }
    if (r && r->pause_seconds)
        ret.limit_us = (int64_t)r->pause_seconds * 1000000;
    return ret;
}

static void turn(struct world *w, struct call *c, bool on, struct span by)
{
    if (on)
        (void)pause_start(w, c, w->wall_us + ways_of(w, c).limit_us, by, SPAN_LIT(""));
    else
        pause_stop(w, c, by);
}

enum word {
    WORD_PAUSE,
    WORD_RESUME,
    WORD_ON, // it is recorded, whatever the rules say
    WORD_OFF // it is not
};

static void by_header(struct world *w, struct call *c, const struct sip_msg *sip)
{
    struct span v = span_trim(sip_header_by_name(sip, span_str(w->pause_header), 0));
    for (int i = 0; v.n && i < (int)(sizeof w->pause_word / sizeof w->pause_word[0]); i++) {
        if (!span_ieq(v, span_str(w->pause_word[i])))
            continue;
        if (i == WORD_ON)
            recordings_ask(w, c, BY_HEADER);
        else if (i == WORD_OFF)
            recordings_refuse(w, c, BY_HEADER);
        else
            turn(w, c, i == WORD_PAUSE, BY_HEADER);
        return;
    }
}

static void on_code(struct world *w, struct call *c, const char *code)
{
    struct ways ways = ways_of(w, c);
    bool pause = ways.pause[0] && strcmp(code, ways.pause) == 0;
    bool resume = ways.resume[0] && strcmp(code, ways.resume) == 0;
    if (pause && resume) // one code for both
        turn(w, c, !pause_is_on(c), BY_CODE);
    else if (pause || resume)
        turn(w, c, pause, BY_CODE);
}

// ---- told by a harvester

static struct call *call_of(struct world *w, uint16_t site, struct span call_id)
{
    struct call *found = NULL;
    struct span id = span_sub(call_id, 0, CALL_ID_MAX);
    uint64_t h = hash_site_span(w, site, call_id);
    for (uint32_t i = chain_first(w->by_call_id, h); i != CHAIN_END;
         i = chain_next(w->by_call_id, i)) {
        struct call *c = slab_at(w->calls, i);
        if (realm_of(w, c->site) == realm_of(w, site) && c->call_id_n == call_id.n &&
            c->state != ENDED && span_eq(call_id_span(c), span_sub(id, 0, c->call_id_kept)))
            found = c;
    }
    return found;
}

void pause_on_code(struct world *w, uint16_t site, const Callmesh__V1__DigitCode *e)
{
    struct uuid id;
    struct call *c = NULL;
    count(STAT_CODES);
    if (e->stream_id.len == sizeof id.b) {
        memcpy(id.b, e->stream_id.data, sizeof id.b);
        const struct stream *s = media_stream_by_id(w, &id);
        c = s ? s->call : NULL;
    } else if (e->sip_call_id.len) {
        c = call_of(w, site, span_of(e->sip_call_id.data, e->sip_call_id.len));
    }
    if (!c) {
        count(STAT_CODES_UNPLACED);
        return;
    }
    int64_t apart_us = e->at_us > c->code_us ? e->at_us - c->code_us : c->code_us - e->at_us;
    if (!w->pauses || !c->live || c->state == ENDED ||
        (strcmp(c->code, e->code) == 0 && apart_us < TWICE_US))
        return;
    (void)span_copy(span_str(e->code), c->code, sizeof c->code);
    c->code_us = e->at_us;
    on_code(w, c, e->code);
}

// ---- read here

static bool ends_with(const struct call *c, const char *code)
{
    size_t n = strlen(code);
    return n > 0 && n <= sizeof c->digits && memcmp(c->digits + sizeof c->digits - n, code, n) == 0;
}

// Only the last few are kept, and only in memory: they may be of a card.
static void by_digit(struct world *w, struct call *c, const struct sip_msg *sip)
{
    struct ways ways = ways_of(w, c);
    char d = dtmf_digit(sip->body);
    if (!d || (!ways.pause[0] && !ways.resume[0]))
        return;
    memmove(c->digits, c->digits + 1, sizeof c->digits - 1);
    c->digits[sizeof c->digits - 1] = d;
    const char *code = ends_with(c, ways.pause)    ? ways.pause
                       : ends_with(c, ways.resume) ? ways.resume
                                                   : NULL;
    if (!code)
        return;
    memset(c->digits, 0, sizeof c->digits);
    on_code(w, c, code);
}

void pause_on_message(struct world *w, struct call *c, const struct message *m)
{
    const struct sip_msg *sip = m->sip;
    if (!w->pauses || m->retransmission || !sip->request || !c->live)
        return;
    if (w->pause_header[0])
        by_header(w, c, sip);
    if (sip->method == SIP_INFO && !w->publisher[m->publisher].digit_codes)
        by_digit(w, c, sip);
}
