// numbers_count SIG-URL SIG-ASK-URL RTP-URL RTP-ASK-URL MAX: takes both feeds of a harvester as callstate and the recorder do, commits,
// and counts by number what numbers_send sent. SIGTERM: prints how often each number below the highest came.
#include <endian.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "bus/bus.h"
#include "callmesh/v1/capture.pb-c.h"

#define INDEX_BYTES 20
#define RTP_HEAD    12
#define SIP_EVERY   200 // numbers_send.c

static uint8_t *seen; // how often, at most 255
static uint64_t max, rtp, sip, foreign, lost_declared, streams_named;
static volatile sig_atomic_t stop;

static void on_term(int sig)
{
    (void)sig;
    stop = 1;
}

static void count(uint64_t number)
{
    if (number >= max)
        foreign++;
    else if (seen[number] < 255)
        seen[number]++;
}

static void take_rtp(struct feed_sub *s, const struct feed_msg *m)
{
    Callmesh__V1__RtpBatch *b =
        feed_sub_unpack(s, &callmesh__v1__rtp_batch__descriptor, m->payload);
    if (!b) {
        foreign++;
        return;
    }
    streams_named += b->n_streams;
    for (size_t i = 0; i + INDEX_BYTES <= b->index.len; i += INDEX_BYTES) {
        uint32_t offset;
        uint16_t length;
        uint64_t number;
        memcpy(&offset, b->index.data + i + 12, 4);
        memcpy(&length, b->index.data + i + 16, 2);
        offset = le32toh(offset);
        if (le16toh(length) < RTP_HEAD + 8 || offset + RTP_HEAD + 8 > b->data.len) {
            foreign++;
            continue;
        }
        memcpy(&number, b->data.data + offset + RTP_HEAD, 8);
        count(be64toh(number));
        rtp++;
    }
}

static void take_sip(const Callmesh__V1__SipMessage *m)
{
    static const char id[] = "Call-ID: number-";
    const char *at = memmem(m->raw.data, m->raw.len, id, sizeof id - 1);
    if (!at) {
        foreign++;
        return;
    }
    char number[24] = "";
    size_t left = m->raw.len - (size_t)(at + sizeof id - 1 - (const char *)m->raw.data);
    memcpy(number, at + sizeof id - 1, left < 23 ? left : 23);
    count(strtoull(number, NULL, 10));
    sip++;
}

static struct {
    char place[32];
    uint64_t n;
} lost[16];

static void lost_at(const char *place, uint64_t n)
{
    size_t i = 0;
    while (i < 15 && lost[i].place[0] && strcmp(lost[i].place, place) != 0)
        i++;
    snprintf(lost[i].place, sizeof lost[i].place, "%s", place);
    lost[i].n += n;
    lost_declared += n;
}

static void take_sig(struct feed_sub *s, const struct feed_msg *m)
{
    Callmesh__V1__SigBatch *b =
        feed_sub_unpack(s, &callmesh__v1__sig_batch__descriptor, m->payload);
    for (size_t i = 0; b && i < b->n_events; i++) {
        if (b->events[i]->event_case == CALLMESH__V1__SIG_EVENT__EVENT_SIP)
            take_sip(b->events[i]->sip);
        if (b->events[i]->event_case == CALLMESH__V1__SIG_EVENT__EVENT_LOSS)
            lost_at(b->events[i]->loss->place, b->events[i]->loss->count);
    }
}

static struct feed_sub *open_feed(const char *name, const char *url, const char *ask)
{
    char err[256];
    struct feed_sub *s;
    struct feed_sub_opts o = {.name = name, .sub_url = url, .ask_url = ask};
    if (feed_sub_open(&s, &o, err, sizeof err) != 0) {
        fprintf(stderr, "%s\n", err);
        exit(69);
    }
    return s;
}

static void print(uint64_t epochs)
{
    uint64_t highest = 0, never = 0, media = 0, doubled = 0, first_missing = 0;
    for (uint64_t i = 0; i < max; i++)
        if (seen[i])
            highest = i + 1;
    for (uint64_t i = 0; i < highest; i++) {
        if (!seen[i] && !never++)
            first_missing = i;
        doubled += seen[i] > 1;
        media += !seen[i] && i % SIP_EVERY != SIP_EVERY - 1;
    }
    printf("{\"numbers\":%llu,\"lost\":%llu,\"lost_media\":%llu,\"doubled\":%llu,\"first_missing\":"
           "%llu,\"rtp\":%llu,"
           "\"sip\":%llu,"
           "\"foreign\":%llu,\"lost_declared\":%llu,\"epochs\":%llu,\"streams_named\":%llu}\n",
           (unsigned long long)highest, (unsigned long long)never, (unsigned long long)media,
           (unsigned long long)doubled, (unsigned long long)first_missing, (unsigned long long)rtp,
           (unsigned long long)sip, (unsigned long long)foreign, (unsigned long long)lost_declared,
           (unsigned long long)epochs, (unsigned long long)streams_named);
    for (size_t i = 0; lost[i].place[0]; i++)
        fprintf(stderr, "     declared lost at %s: %llu\n", lost[i].place,
                (unsigned long long)lost[i].n);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 64;
    max = strtoull(argv[5], NULL, 10);
    seen = calloc(1, max);
    signal(SIGTERM, on_term);
    struct feed_sub *sig = open_feed("count-sig", argv[1], argv[2]),
                    *media = open_feed("count-rtp", argv[3], argv[4]);
    uint64_t epochs = 0;
    int idle = 0;
    while (!stop || idle < 20) {
        struct feed_msg m;
        bool any = false;
        for (int i = 0; i < 64 && feed_sub_next(media, 0, &m) == 1; i++) {
            take_rtp(media, &m);
            if (m.lost_before)
                lost_at("rtp feed", m.lost_before);
            epochs += m.new_epoch;
            feed_sub_commit(media, m.slot, m.env->seq);
            any = true;
        }
        for (int i = 0; i < 64 && feed_sub_next(sig, any ? 0 : 20000, &m) == 1; i++) {
            take_sig(sig, &m);
            if (m.lost_before)
                lost_at("sig feed", m.lost_before);
            feed_sub_commit(sig, m.slot, m.env->seq);
            any = true;
        }
        idle = any ? 0 : idle + 1;
    }
    print(epochs);
    _exit(0);
}
