// gen_calls: writes a capture file of N calls that are all up at once: SIP over UDP with SDP (INVITE 180 200 ACK
// BYE 200) and PCMU both ways, a packet each 20 ms. The same arguments give the same bytes. For benches; the
// audio is noise.
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD  160
#define START_US INT64_C(1790000000000000)

struct side {
    uint32_t ip, ssrc, timestamp;
    uint16_t port, seq;
    char text[16];
};
struct call {
    unsigned n;
    struct side side[2]; // caller, callee
};

static FILE *out;
static uint64_t packets;

static void frame(int64_t at_us, const struct side *src, uint16_t sport, const struct side *dst,
                  uint16_t dport, const void *data, size_t n)
{
    uint8_t h[42] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45};
    uint16_t total = htons((uint16_t)(28 + n)), udp = htons((uint16_t)(8 + n));
    uint16_t sp = htons(sport), dp = htons(dport);
    uint32_t s = htonl(src->ip), d = htonl(dst->ip);
    uint32_t head[4] = {(uint32_t)(at_us / 1000000), (uint32_t)(at_us % 1000000),
                        (uint32_t)(sizeof h + n), (uint32_t)(sizeof h + n)};
    memcpy(h + 16, &total, 2);
    h[22] = 64;
    h[23] = 17;
    memcpy(h + 26, &s, 4);
    memcpy(h + 30, &d, 4);
    memcpy(h + 34, &sp, 2);
    memcpy(h + 36, &dp, 2);
    memcpy(h + 38, &udp, 2);
    fwrite(head, 1, sizeof head, out);
    fwrite(h, 1, sizeof h, out);
    fwrite(data, 1, n, out);
    packets++;
}

static void sip(int64_t at_us, const struct call *c, int from, const char *start,
                const char *method, bool sdp)
{
    const struct side *src = &c->side[from], *dst = &c->side[!from];
    char body[256] = "", msg[1400];
    if (sdp)
        snprintf(body, sizeof body,
                 "v=0\r\no=- %u 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n"
                 "m=audio %u RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n",
                 c->n, src->text, src->text, src->port);
    int n = snprintf(msg, sizeof msg,
                     "%s\r\nVia: SIP/2.0/UDP %s:5060;branch=z9hG4bK%08x%s\r\nMax-Forwards: 70\r\n"
                     "From: <sip:%u@a.invalid>;tag=a%u\r\nTo: <sip:%u@b.invalid>%s%u\r\n"
                     "Call-ID: call-%u@gen.invalid\r\nCSeq: %d %s\r\nContact: <sip:u@%s>\r\n"
                     "%sContent-Length: %zu\r\n\r\n%s",
                     start, src->text, c->n, method, 1000 + c->n, c->n, 500000 + c->n,
                     strncmp(start, "INVITE", 6) ? ";tag=b" : ";x=", c->n, c->n,
                     strcmp(method, "BYE") ? 1 : 2, method, src->text,
                     sdp ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);
    frame(at_us, src, 5060, dst, 5060, msg, (size_t)n);
}

static void rtp(int64_t at_us, struct call *c, int from)
{
    struct side *src = &c->side[from], *dst = &c->side[!from];
    uint8_t p[12 + PAYLOAD];
    uint16_t seq = htons(src->seq++);
    uint32_t ts = htonl(src->timestamp), ssrc = htonl(src->ssrc);
    src->timestamp += PAYLOAD;
    memset(p, (int)(0x55 + src->seq % 64), sizeof p);
    p[0] = 0x80;
    p[1] = 0;
    memcpy(p + 2, &seq, 2);
    memcpy(p + 4, &ts, 4);
    memcpy(p + 8, &ssrc, 4);
    frame(at_us, src, src->port, dst, dst->port, p, sizeof p);
}

static void call_init(struct call *c, unsigned n)
{
    c->n = n;
    for (unsigned k = 0; k < 2; k++) {
        struct side *s = &c->side[k];
        s->ip = (k ? 0x0a800000u : 0x0a000000u) + 1 + n;
        s->port = (uint16_t)(20000 + n * 2 % 20000);
        s->ssrc = n * 2654435761u + k * 97;
        s->seq = (uint16_t)(n * 7919);
        s->timestamp = n * 48271;
        snprintf(s->text, sizeof s->text, "%u.%u.%u.%u", s->ip >> 24, s->ip >> 16 & 255,
                 s->ip >> 8 & 255, s->ip & 255);
    }
}

static void calls_run(struct call *calls, unsigned n, unsigned seconds)
{
    int64_t at = START_US;
    for (unsigned i = 0; i < n; i++) {
        int64_t t = at + (int64_t)i * 1000000 / n;
        sip(t, &calls[i], 0, "INVITE sip:b@b.invalid SIP/2.0", "INVITE", true);
        sip(t + 1, &calls[i], 1, "SIP/2.0 180 Ringing", "INVITE", false);
        sip(t + 2, &calls[i], 1, "SIP/2.0 200 OK", "INVITE", true);
        sip(t + 3, &calls[i], 0, "ACK sip:b@b.invalid SIP/2.0", "ACK", false);
    }
    at += 1000000;
    for (unsigned tick = 0; tick < seconds * 50; tick++, at += 20000)
        for (unsigned i = 0; i < n; i++)
            for (int k = 0; k < 2; k++)
                rtp(at + (int64_t)i * 20000 / n + k, &calls[i], k);
    for (unsigned i = 0; i < n; i++) {
        sip(at + i, &calls[i], 0, "BYE sip:b@b.invalid SIP/2.0", "BYE", false);
        sip(at + i, &calls[i], 1, "SIP/2.0 200 OK", "BYE", false);
    }
}

int main(int argc, char **argv)
{
    unsigned n = argc == 4 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    unsigned seconds = argc == 4 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    if (n == 0 || n > 1000000) {
        fputs("usage: gen_calls CALLS SECONDS FILE\n", stderr);
        return 64;
    }
    out = strcmp(argv[3], "-") ? fopen(argv[3], "wb") : stdout;
    struct call *calls = calloc(n, sizeof *calls);
    if (!out || !calls) {
        perror(argv[3]);
        return 73;
    }
    const uint32_t head[6] = {0xa1b2c3d4, 4u << 16 | 2, 0, 0, 65535, 1};
    fwrite(head, 1, sizeof head, out);
    for (unsigned i = 0; i < n; i++)
        call_init(&calls[i], i);
    calls_run(calls, n, seconds);
    free(calls);
    if (fclose(out) != 0) {
        perror(argv[3]);
        return 74;
    }
    fprintf(stderr, "%llu packets\n", (unsigned long long)packets);
    return 0;
}
