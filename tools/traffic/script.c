// What a call says and when: its life as steps, each of which schedules the next.
#include "run.h"

#include <stdlib.h>

static void write_side(FILE *f, const char *name, const struct side *s)
{
    fprintf(f,
            ",\"%s\":{\"ssrc\":%u,\"hz\":%.1f,\"sent\":%llu,\"lost\":%llu,\"first_us\":%lld,"
            "\"frames\":[",
            name, s->ssrc, s->hz, (unsigned long long)s->sent, (unsigned long long)s->lost,
            (long long)s->first_us);
    for (unsigned i = 0; i < s->ranges; i++)
        fprintf(f, "%s[%u,%u]", i ? "," : "", s->range[i][0], s->range[i][1]);
    fputs("]}", f);
}

static void write_truth(struct run *r, const struct call *c, const char *result)
{
    if (!r->truth)
        return;
    fprintf(r->truth,
            "{\"sip_call_id\":\"%s\",\"from\":\"%s\",\"to\":\"%s\",\"result\":\"%s\",\"started_at_"
            "us\":%lld,"
            "\"answered_at_us\":%lld,\"ended_at_us\":%lld,\"codec\":\"%s\",\"held\":%s",
            c->call_id, c->from, c->to, result, (long long)c->started_us, (long long)c->answered_us,
            (long long)r->now_us, c->alaw ? "PCMA" : "PCMU",
            c->hold && c->answered_us ? "true" : "false");
    fprintf(r->truth, ",\"number\":%llu", (unsigned long long)c->number);
    for (unsigned i = 0; i < 2; i++)
        write_side(r->truth, i == 0 ? "caller" : "callee", &c->side[i]);
    fputs("}\n", r->truth);
    fflush(r->truth);
}

static void call_end(struct run *r, struct call *c, const char *result)
{
    write_truth(r, c, result);
    srtp_end(&c->side[0]);
    srtp_end(&c->side[1]);
    c->up = c->media = false;
    r->up--;
}

static void step_in(struct run *r, uint32_t index, enum step step, double ms)
{
    schedule(r, r->now_us + (int64_t)(ms * 1000), EV_STEP, index, step);
}

static void start_media(struct run *r, uint32_t index)
{
    r->call[index].media = true;
    schedule(r, r->now_us + 4000, EV_RTP, index, 0);
    schedule(r, r->now_us + 9000, EV_RTP, index, 1);
}

static void on_step_setup(struct run *r, uint32_t index, enum step step)
{
    struct call *c = &r->call[index];
    switch (step) {
    case ST_INVITE:
        send_request(r, c, 0, "INVITE", c->cseq[0], false, "sendrecv");
        step_in(r, index, ST_TRYING, 4);
        break;
    case ST_TRYING:
        send_response(r, c, 0, "100 Trying", "INVITE", c->cseq[0], false, NULL);
        step_in(r, index,
                c->outcome == OUT_FAILED || c->outcome == OUT_BUSY ? ST_REFUSE : ST_RINGING, 50);
        break;
    case ST_RINGING:
        send_response(r, c, 0, "180 Ringing", "INVITE", c->cseq[0], true, NULL);
        step_in(r, index, c->outcome == OUT_CANCELED ? ST_CANCEL : ST_ANSWER,
                (double)c->ring_us / 1000);
        break;
    case ST_ANSWER:
        c->answered_us = r->now_us;
        r->total.answered++;
        send_response(r, c, 0, "200 OK", "INVITE", c->cseq[0], true, "sendrecv");
        step_in(r, index, ST_ACK, 8);
        break;
    case ST_ACK:
        send_request(r, c, 0, "ACK", c->cseq[0], true, NULL);
        if (!r->o->no_rtp)
            start_media(r, index);
        step_in(r, index, c->hold ? ST_HOLD : ST_BYE, (double)c->talk_us / (c->hold ? 2000 : 1000));
        break;
    case ST_REFUSE:
        send_response(r, c, 0,
                      c->refuse_status == 486   ? "486 Busy Here"
                      : c->refuse_status == 404 ? "404 Not Found"
                                                : "503 Service Unavailable",
                      "INVITE", c->cseq[0], true, NULL);
        step_in(r, index, ST_REFUSE_ACK, 5);
        break;
    case ST_REFUSE_ACK:
        send_request(r, c, 0, "ACK", c->cseq[0], true, NULL);
        call_end(r, c, c->outcome == OUT_BUSY ? "busy" : "failed");
        break;
    case ST_CANCEL:
        send_request(r, c, 0, "CANCEL", c->cseq[0], false, NULL);
        step_in(r, index, ST_CANCEL_OK, 4);
        break;
    case ST_CANCEL_OK:
        send_response(r, c, 0, "200 OK", "CANCEL", c->cseq[0], true, NULL);
        step_in(r, index, ST_TERMINATED, 1);
        break;
    case ST_TERMINATED:
        send_response(r, c, 0, "487 Request Terminated", "INVITE", c->cseq[0], true, NULL);
        step_in(r, index, ST_TERMINATED_ACK, 5);
        break;
    case ST_TERMINATED_ACK:
        send_request(r, c, 0, "ACK", c->cseq[0], true, NULL);
        call_end(r, c, "canceled");
        break;
    default:
        abort();
    }
}

void call_step(struct run *r, uint32_t index, enum step step)
{
    struct call *c = &r->call[index];
    const unsigned agent = 1, ender = c->bye_by_callee ? 1 : 0;
    switch (step) {
    case ST_HOLD:
        send_request(r, c, agent, "INVITE", ++c->cseq[agent], true, "sendonly");
        step_in(r, index, ST_HOLD_OK, 6);
        break;
    case ST_HOLD_OK:
        send_response(r, c, agent, "200 OK", "INVITE", c->cseq[agent], true, "recvonly");
        c->held = true;
        step_in(r, index, ST_HOLD_ACK, 6);
        break;
    case ST_HOLD_ACK:
        send_request(r, c, agent, "ACK", c->cseq[agent], true, NULL);
        step_in(r, index, ST_RESUME, 2000);
        break;
    case ST_RESUME:
        srtp_rekey(r, &c->side[agent]);
        send_request(r, c, agent, "INVITE", ++c->cseq[agent], true, "sendrecv");
        step_in(r, index, ST_RESUME_OK, 6);
        break;
    case ST_RESUME_OK:
        srtp_rekey(r, &c->side[!agent]);
        send_response(r, c, agent, "200 OK", "INVITE", c->cseq[agent], true, "sendrecv");
        c->held = false;
        step_in(r, index, ST_RESUME_ACK, 6);
        break;
    case ST_RESUME_ACK:
        send_request(r, c, agent, "ACK", c->cseq[agent], true, NULL);
        step_in(r, index, ST_BYE, (double)c->talk_us / 2000);
        break;
    case ST_BYE:
        c->media = false;
        send_request(r, c, ender, "BYE", ++c->cseq[ender], true, NULL);
        step_in(r, index, ST_BYE_OK, 6);
        break;
    case ST_BYE_OK:
        send_response(r, c, ender, "200 OK", "BYE", c->cseq[ender], true, NULL);
        call_end(r, c, "answered");
        break;
    default:
        on_step_setup(r, index, step);
    }
}

static enum outcome draw_outcome(struct run *r)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < OUT_KINDS; i++)
        sum += r->o->mix[i];
    unsigned x = (unsigned)(rng_unit(&r->rng) * sum);
    for (unsigned i = 0; i < OUT_KINDS; i++) {
        if (x < r->o->mix[i])
            return (enum outcome)i;
        x -= r->o->mix[i];
    }
    return OUT_ANSWERED;
}

bool call_begin(struct run *r, uint32_t index)
{
    const struct options *o = r->o;
    struct call *c = &r->call[index];
    struct rng *g = &r->rng;
    *c = (struct call){.up = true, .number = r->total.calls++, .started_us = r->now_us};
    r->up++;
    c->outcome = draw_outcome(r);
    c->alaw = o->codec_mask == 3 ? rng_next(g) & 1 : o->codec_mask == 2;
    c->hold = rng_unit(g) * 100 < o->hold_percent;
    c->bye_by_callee = rng_next(g) & 1;
    c->refuse_status = c->outcome == OUT_BUSY ? 486 : rng_next(g) & 1 ? 404 : 503;
    c->talk_us = (int64_t)(1e6 * (0.3 * o->talk_s + rng_exp(g, 0.7 * o->talk_s)));
    c->ring_us = (int64_t)(1e6 * (0.5 * o->ring_s + rng_unit(g) * o->ring_s));
    c->branch = (uint32_t)rng_next(g);
    c->cseq[0] = 1;
    c->cseq[1] = 100;
    for (unsigned i = 0; i < 2; i++) {
        struct side *s = &c->side[i];
        uint32_t ip = (uint32_t)o->net << 24 | (i == 0 ? 2U : 1U) << 8 | (1 + index % 250);
        s->sip = (struct addr){ip, SIP_PORT};
        s->rtp = (struct addr){ip, (uint16_t)(10000 + 2 * (index % 25000))};
        s->ssrc = (uint32_t)rng_next(g);
        s->ts0 = (uint32_t)rng_next(g);
        s->seq = (uint16_t)rng_next(g);
        if (o->seq >= 0)
            s->seq = (uint16_t)o->seq;
        s->hz = audio_hz(c->number, i);
        snprintf(s->tag, sizeof s->tag, "%08x", (unsigned)rng_next(g));
        if (!sink_open_addr(r->sink, s->sip) || !sink_open_addr(r->sink, s->rtp))
            return false;
    }
    snprintf(c->call_id, sizeof c->call_id, "%016llx@traffic", (unsigned long long)rng_next(g));
    snprintf(c->from, sizeof c->from, "+4930%07llu", (unsigned long long)(rng_next(g) % 10000000));
    snprintf(c->to, sizeof c->to, "%u", 1001 + index);
    call_step(r, index, ST_INVITE);
    return true;
}
