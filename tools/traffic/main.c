// callmesh-traffic: real SIP calls with their RTP, to a pcap file, a pipe or the wire. See
// traffic.h.
#include "run.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static volatile bool stop, drain;

static void on_signal(int sig)
{
    if (sig == SIGUSR1)
        drain = true;
    else
        stop = true;
}

static const char help[] =
    "callmesh-traffic: makes SIP calls with audible RTP, deterministic by seed\n\n"
    "usage: callmesh-traffic (--out FILE|- | --wire) [options]\n\n"
    "  --out FILE|-        write a pcap file, or to standard output\n"
    "  --wire              send real UDP on 127.0.1.x and 127.0.2.x in real time\n"
    "  --calls N           how many calls (default 100; with --forever until stopped)\n"
    "  --concurrent C      at most so many up at once (default 10)\n"
    "  --rate CPS          new calls a second (default 0: as many as --concurrent lets up)\n"
    "  --talk S            mean seconds between answer and BYE (default 10)\n"
    "  --ring S            mean seconds of ringing (default 2)\n"
    "  --mix A,B,C,F       shares answered, busy, canceled, failed (default 88,4,5,3)\n"
    "  --hold PCT          of answered calls held for 2 s (default 10)\n"
    "  --codec pcmu|pcma|both  (default both)\n"
    "  --ptime MS          10, 20, 30, 40 or 60 (default 20)\n"
    "  --loss PCT --reorder PCT --duplicate PCT --jitter MS   of the RTP (default 0)\n"
    "  --audio tones|talk|count  steady tones, voice-like turns, or frames that say which they "
    "are\n"
    "  --day S             rate follows a day/night wave of S seconds\n"
    "  --start US          capture time of the first packet, Unix us (default 1767225600000000)\n"
    "  --no-rtp            signalling alone\n"
    "  --seed N            (default 1)\n"
    "  --srtp SUITE        SRTP, with its keys in SDP: AES_CM_128_HMAC_SHA1_80, "
    "AEAD_AES_256_GCM...\n"
    "  --rekey             with --srtp: other keys after each hold\n"
    "  --seq N             first RTP sequence number (default: drawn)\n"
    "  --truth FILE        what was made, one JSON line a call\n"
    "  --tee FILE          with --wire: a pcap of the SIP as it was sent\n"
    "  --forever           until SIGTERM or SIGINT; SIGUSR1: no new calls, and the end\n\n"
    "examples:\n"
    "  callmesh-traffic --out day.pcap --calls 1000 --concurrent 50 --rate 5 --loss 1 --jitter 8\n"
    "  callmesh-traffic --out - --calls 10 | callmesh-capture --read - --no-bus --json\n"
    "  callmesh-traffic --wire --forever --concurrent 8 --rate 0.7 --audio talk\n";

static const char *const names[] = {
    "out",   "calls", "concurrent", "rate",      "talk",   "ring",    "mix",    "hold",  "codec",
    "ptime", "loss",  "reorder",    "duplicate", "jitter", "audio",   "day",    "start", "seed",
    "truth", "tee",   "srtp",       "seq",       "wire",   "forever", "no-rtp", "rekey", "help"};
enum opt {
    O_OUT,
    O_CALLS,
    O_CONCURRENT,
    O_RATE,
    O_TALK,
    O_RING,
    O_MIX,
    O_HOLD,
    O_CODEC,
    O_PTIME,
    O_LOSS,
    O_REORDER,
    O_DUPLICATE,
    O_JITTER,
    O_AUDIO,
    O_DAY,
    O_START,
    O_SEED,
    O_TRUTH,
    O_TEE,
    O_SRTP,
    O_SEQ,
    O_WIRE,
    O_FOREVER,
    O_NO_RTP,
    O_REKEY,
    O_HELP,
    O_COUNT,
};

static void bad(const char *name, const char *value, const char *want)
{
    fprintf(stderr, "callmesh-traffic: --%s %s: wants %s; see --help\n", name, value, want);
    exit(64);
}

static double number(const char *name, const char *value, double min, double max)
{
    char *end, want[64];
    double v = strtod(value, &end);
    if (*value == 0 || *end != 0 || !(v >= min && v <= max)) {
        snprintf(want, sizeof want, "a number from %g to %g", min, max);
        bad(name, value, want);
    }
    return v;
}

static void set_mix(struct options *o, const char *value)
{
    unsigned m[OUT_KINDS];
    char tail;
    if (sscanf(value, "%3u,%3u,%3u,%3u%c", &m[0], &m[1], &m[2], &m[3], &tail) != 4 ||
        m[0] + m[1] + m[2] + m[3] == 0)
        bad("mix", value, "four shares such as 88,4,5,3");
    memcpy(o->mix, m, sizeof m);
}

static void set_word(struct options *o, enum opt k, const char *value)
{
    if (k == O_CODEC) {
        o->codec_mask = !strcmp(value, "pcmu")   ? 1
                        : !strcmp(value, "pcma") ? 2
                        : !strcmp(value, "both") ? 3
                                                 : 0;
        if (!o->codec_mask)
            bad("codec", value, "pcmu, pcma or both");
    } else {
        if (strcmp(value, "tones") && strcmp(value, "talk") && strcmp(value, "count"))
            bad("audio", value, "tones, talk or count");
        o->audio = !strcmp(value, "talk")    ? AUDIO_TALK
                   : !strcmp(value, "count") ? AUDIO_COUNT
                                             : AUDIO_TONES;
    }
}

static void set_number(struct options *o, enum opt k, const char *v)
{
    const char *n = names[k];
    switch (k) {
    case O_CALLS:
        o->calls = (uint64_t)number(n, v, 1, 1e12);
        break;
    case O_CONCURRENT:
        o->concurrent = (uint64_t)number(n, v, 1, 25000);
        break;
    case O_RATE:
        o->rate = number(n, v, 0, 1e6);
        break;
    case O_TALK:
        o->talk_s = number(n, v, 0.1, 1e6);
        break;
    case O_RING:
        o->ring_s = number(n, v, 0, 3600);
        break;
    case O_HOLD:
        o->hold_percent = (unsigned)number(n, v, 0, 100);
        break;
    case O_PTIME:
        o->ptime_ms = (unsigned)number(n, v, 10, 60);
        break;
    case O_LOSS:
        o->loss = number(n, v, 0, 100) / 100;
        break;
    case O_REORDER:
        o->reorder = number(n, v, 0, 100) / 100;
        break;
    case O_DUPLICATE:
        o->duplicate = number(n, v, 0, 100) / 100;
        break;
    case O_JITTER:
        o->jitter_ms = number(n, v, 0, 10000);
        break;
    case O_DAY:
        o->day_s = number(n, v, 0, 1e7);
        break;
    case O_SEQ:
        o->seq = (int)number(n, v, 0, 65535);
        break;
    case O_START:
        o->start_us = (int64_t)number(n, v, 0, 4e15);
        break;
    default:
        o->seed = (uint64_t)number(n, v, 0, 9e15);
    }
}

static void parse(struct options *o, int argc, char **argv)
{
    struct option longs[O_COUNT + 1] = {0};
    for (int i = 0; i < O_COUNT; i++)
        longs[i] =
            (struct option){names[i], i >= O_WIRE ? no_argument : required_argument, NULL, i};
    int k;
    while ((k = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (k) {
        case O_OUT:
            o->out = optarg;
            break;
        case O_TRUTH:
            o->truth = optarg;
            break;
        case O_TEE:
            o->tee = optarg;
            break;
        case O_WIRE:
            o->wire = true;
            break;
        case O_FOREVER:
            o->forever = true;
            break;
        case O_NO_RTP:
            o->no_rtp = true;
            break;
        case O_REKEY:
            o->rekey = true;
            break;
        case O_SRTP:
            o->srtp = srtp_suite(optarg);
            if (!o->srtp || !srtp_start())
                bad("srtp", optarg, "a suite of SDES that libsrtp2 has");
            break;
        case O_MIX:
            set_mix(o, optarg);
            break;
        case O_CODEC:
        case O_AUDIO:
            set_word(o, (enum opt)k, optarg);
            break;
        case O_HELP:
            fputs(help, stdout);
            exit(0);
        case '?':
            exit(64);
        default:
            set_number(o, (enum opt)k, optarg);
        }
    }
    if (optind < argc || (!o->out && !o->wire) || (o->out && o->wire) || (o->tee && !o->wire)) {
        fputs("callmesh-traffic: wants either --out FILE or --wire [--tee FILE]; see --help\n",
              stderr);
        exit(64);
    }
    o->net = o->wire ? 127 : 10;
}

int main(int argc, char **argv)
{
    struct options o = {.calls = 100,
                        .concurrent = 10,
                        .seed = 1,
                        .talk_s = 10,
                        .ring_s = 2,
                        .mix = {88, 4, 5, 3},
                        .hold_percent = 10,
                        .codec_mask = 3,
                        .ptime_ms = 20,
                        .seq = -1,
                        .drain = &drain,
                        .start_us = INT64_C(1767225600000000)};
    parse(&o, argc, argv);
    struct sigaction sa = {.sa_handler = on_signal};
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGUSR1, &sa, NULL);
    audio_init();
    FILE *truth = o.truth ? fopen(o.truth, "w") : NULL;
    if (o.truth && !truth) {
        fprintf(stderr, "callmesh-traffic: cannot write %s: %s\n", o.truth, strerror(errno));
        return 73;
    }
    struct sink *s = sink_new(&o);
    struct totals t = {0};
    if (!s)
        return 73;
    bool ok = calls_run(&o, s, truth, &stop, &t);
    uint64_t packets = sink_packets(s);
    ok = sink_close(s) && ok;
    if (truth)
        ok = fclose(truth) == 0 && ok;
    fprintf(stderr,
            "calls %llu answered %llu packets %llu sip %llu rtp %llu rtp_lost %llu rtp_duplicated "
            "%llu rtp_late %llu%s\n",
            (unsigned long long)t.calls, (unsigned long long)t.answered,
            (unsigned long long)packets, (unsigned long long)t.sip, (unsigned long long)t.rtp,
            (unsigned long long)t.rtp_lost, (unsigned long long)t.rtp_duplicated,
            (unsigned long long)t.rtp_late, ok ? "" : " (failed)");
    return ok ? 0 : 74;
}
