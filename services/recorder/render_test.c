// render_test.c: synthetic streams through the spool into a file, held sample by sample against a reference that the test
// draws itself on a plain array. Over 450 lines: a dozen kinds of damage share one generator and one reference.
#include <fcntl.h>
#include <openssl/evp.h>
#include "media/g711.h"
#include "render_kit.h"

#define FRAMES 2000000u

enum what {
    NOTHING,
    AUDIO,
    LOST
};

// What must come out, drawn packet by packet.
static struct {
    uint8_t code[2][FRAMES];
    uint8_t law[2][FRAMES]; // 0 mu-law, 8 A-law
    uint8_t what[2][FRAMES];
    int64_t total;
} ref;

static void world_open(struct world *w)
{
    memset(&ref, 0, sizeof(ref));
    kit_open(w, 256 << 20, 65536, 1024);
}

// A sender: what it says, and on which stream.
struct sender {
    uint32_t no;
    int side; // 0 caller, 1 callee
    uint8_t pt;
    uint32_t ssrc, ts;
    uint16_t seq;
};

static uint8_t sound(uint32_t no, int64_t pos)
{
    return (uint8_t)(pos * 13 + no * 57 + (pos >> 9));
}

static void put_rtp(struct world *w, const struct sender *s, int64_t at_us, uint16_t seq,
                    uint32_t ts, const uint8_t *payload, size_t n)
{
    uint8_t p[2000] = {0x80, s->pt, (uint8_t)(seq >> 8), (uint8_t)seq};
    for (int i = 0; i < 4; i++) {
        p[4 + i] = (uint8_t)(ts >> (24 - 8 * i));
        p[8 + i] = (uint8_t)(s->ssrc >> (24 - 8 * i));
    }
    memcpy(p + 12, payload, n);
    kit_packet(w, s->no, at_us, p, 12 + n);
}

// A packet of n samples whose sound belongs at pos; delivered at at_us, or only drawn as lost.
static void say(struct world *w, const struct sender *s, int64_t pos, size_t n, int64_t at_us,
                uint16_t seq, uint32_t ts, bool lost)
{
    uint8_t payload[1600];
    for (size_t i = 0; i < n; i++) {
        payload[i] = sound(s->no, pos + (int64_t)i);
        size_t k = (size_t)pos + i;
        assert_true(k < FRAMES);
        if (!lost) {
            ref.code[s->side][k] = payload[i];
            ref.law[s->side][k] = s->pt;
        }
        if (ref.what[s->side][k] != AUDIO)
            ref.what[s->side][k] = lost ? LOST : AUDIO;
    }
    if (!lost) {
        put_rtp(w, s, at_us, seq, ts, payload, n);
        if (pos + (int64_t)n > ref.total)
            ref.total = pos + (int64_t)n;
    }
}

static void cut(struct world *w)
{
    for (uint32_t i = 0; i < w->job.streams; i++) {
        struct job_stream *s = &w->job.stream[i];
        struct stream *st = streams_by_id(w->streams, &s->id);
        (void)streams_write(w->streams, st);
        s->known = st->packets > 0;
        s->head = st->head;
        s->packets = st->packets;
    }
    render_learn(w->render, &w->job, &w->res);
    if (w->res.verdict == RENDER_READY)
        assert_int_equal(render_write(w->render, &w->job, w->path, &w->res), 0);
}

static int16_t linear(uint8_t law, uint8_t code)
{
    return law == 8 ? g711_alaw_decode(code) : g711_ulaw_decode(code);
}

static void compare(struct world *w, enum wav_format format)
{
    static uint8_t file[4 * FRAMES + 100];
    assert_int_equal(w->res.verdict, RENDER_READY);
    int fd = open(w->path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, file, sizeof(file));
    close(fd);
    struct wav_info v;
    assert_true(n > 0 && wav_read_header(span_of(file, (size_t)n), &v));
    assert_int_equal(v.format, format);
    assert_int_equal(v.frames, ref.total);
    assert_int_equal(n, v.header_bytes + v.frames * 2 * wav_sample_bytes(format));
    assert_int_equal(w->res.sums.bytes, n);
    uint8_t sum[32];
    assert_int_equal(EVP_Digest(file, (size_t)n, sum, NULL, EVP_sha256(), NULL), 1);
    assert_memory_equal(sum, w->res.sums.sha256, 32);
    const uint8_t *p = file + v.header_bytes;
    for (int64_t i = 0; i < ref.total; i++) {
        for (int c = 0; c < 2; c++) {
            bool audio = ref.what[c][i] == AUDIO;
            int got, want;
            if (format == WAV_L16) {
                got = (int16_t)(p[0] | p[1] << 8);
                want = audio ? linear(ref.law[c][i], ref.code[c][i]) : 0;
                p += 2;
            } else {
                got = *p++;
                want = audio ? ref.code[c][i] : format == WAV_PCMU ? 0xFF : 0xD5;
            }
            if (got != want)
                fail_msg("channel %d sample %lld: %d, must be %d", c, (long long)i, got, want);
        }
    }
}

// Gaps as the reference has them: runs of the same kind.
static void compare_gaps(struct world *w)
{
    const struct window *win = &w->render->window;
    size_t seen = 0;
    for (int c = 0; c < 2; c++) {
        for (int64_t i = 0; i < ref.total;) {
            int64_t k = i;
            while (k < ref.total && ref.what[c][k] == ref.what[c][i])
                k++;
            if (ref.what[c][i] != AUDIO) {
                enum gap_reason want = ref.what[c][i] == LOST ? GAP_LOSS : GAP_NOT_SENT;
                bool found = false;
                for (size_t g = 0; g < win->gaps_n; g++) {
                    const struct gap *gap = &win->gaps[g];
                    found = found || (gap->channel == c && gap->from == i && gap->to == k &&
                                      gap->reason == want);
                }
                if (!found)
                    fail_msg("gap of channel %d from %lld to %lld reason %d is not there", c,
                             (long long)i, (long long)k, want);
                seen++;
            }
            i = k;
        }
    }
    assert_int_equal(win->gaps_total, seen);
}

static void plain_call(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct sender a = {1, 0, 8, 11, 0, 0}, b = {2, 1, 8, 22, 0, 0};
    (void)kit_stream(&w, 1, 0);
    (void)kit_stream(&w, 2, 1);
    for (uint32_t i = 0; i < 500; i++) { // the callee answers 2.34 s later
        say(&w, &a, i * 160, 160, T0 + i * 20000, (uint16_t)(65000 + i), 4294960000u + i * 160,
            false);
        if (i >= 120)
            say(&w, &b, i * 160 - 480, 160, T0 + i * 20000 - 60000, (uint16_t)i, i * 160, false);
    }
    cut(&w);
    assert_int_equal(w.res.start_us, T0);
    compare(&w, WAV_PCMA);
    compare_gaps(&w);
    assert_int_equal(w.res.channel[0].packets, 500);
    assert_string_equal(w.res.channel[1].codec, "PCMA");
    kit_close(&w);
}

// Two taps hear the same stream, each with holes of its own and a clock of its own: what either has is in the recording, at
// its place to the sample; what neither has is the only loss.
static void copies_fill_each_other(void **state)
{
    (void)state;
    static const int64_t apart_us[] = {0, 3701, -400000, 900000};
    for (size_t k = 0; k < 4; k++) {
        struct world w;
        world_open(&w);
        struct sender a = {1, 0, 8, 11, 0, 0}, b = {3, 0, 8, 11, 0, 0};
        (void)kit_stream(&w, 3, 0);
        (void)kit_stream(&w, 1, 0);
        uint64_t rnd = 77 + k, both = 0, copied = 0;
        for (uint32_t i = 0; i < 1500; i++) {
            uint8_t payload[160];
            rnd = rnd * 6364136223846793005u + 1442695040888963407u;
            bool edge = i == 0 || i == 1499, no_a = !edge && rnd >> 33 & 1 && rnd >> 34 & 1,
                 no_b = !edge && rnd >> 40 & 1;
            int64_t pos = i * 160, at = T0 + i * 20000;
            say(&w, &a, pos, 160, at, (uint16_t)(65000 + i), i * 160, no_a);
            for (int64_t n = 0; n < 160; n++)
                payload[n] = sound(1, pos + n);
            if (!no_b) {
                put_rtp(&w, &b, at + apart_us[k], (uint16_t)(65000 + i), i * 160, payload, 160);
                for (int64_t n = 0; no_a && n < 160; n++) {
                    ref.code[0][pos + n] = payload[n];
                    ref.law[0][pos + n] = 8;
                    ref.what[0][pos + n] = AUDIO;
                }
            }
            both += no_a && no_b;
            copied += no_a && !no_b;
        }
        memset(ref.what[1], NOTHING, (size_t)ref.total);
        cut(&w);
        compare(&w, WAV_PCMA);
        compare_gaps(&w);
        assert_true(both > 100 && copied > 100);
        assert_int_equal(w.res.channel[0].lost, both);
        assert_int_equal(w.res.channel[0].packets, 1500 - both);
        kit_close(&w);
    }
}

// Loss, reorder, doubles, jitter, packet sizes, over many seeds.
static void damaged_calls(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct world w;
        struct rnd rnd = {seed};
        world_open(&w);
        uint64_t lost[2] = {0, 0}, doubles[2] = {0, 0};
        struct sender s[2] = {
            {1, 0, seed % 3 == 1 ? 8 : 0, 11, (uint32_t)rnd_u64(&rnd), (uint16_t)rnd_u64(&rnd)},
            {2, 1, seed % 3 != 0 ? 8 : 0, 22, (uint32_t)rnd_u64(&rnd), (uint16_t)rnd_u64(&rnd)}};
        (void)kit_stream(&w, 1, 0);
        (void)kit_stream(&w, 2, 1);
        uint32_t n = seed % 2 ? 160 : 240, count = 3000;
        int64_t held[2] = {-1, -1}; // a packet that comes one or two later
        for (uint32_t i = 0; i < count; i++) {
            for (int c = 0; c < 2; c++) {
                int64_t at = T0 + (int64_t)i * n * 125;
                bool edge = i < 2 || i + 4 >= count;
                int64_t jitter = edge ? 0 : (int64_t)rnd_below(&rnd, 60000);
                if (held[c] >= 0 && (edge || rnd_below(&rnd, 2))) {
                    say(&w, &s[c], held[c] * n, n, at, (uint16_t)(s[c].seq + held[c]),
                        (uint32_t)(s[c].ts + held[c] * n), false);
                    held[c] = -1;
                }
                if (!edge && rnd_below(&rnd, 30) == 0) {
                    say(&w, &s[c], (int64_t)i * n, n, 0, 0, 0, true);
                    lost[c]++;
                    continue;
                }
                if (!edge && held[c] < 0 && rnd_below(&rnd, 20) == 0) {
                    held[c] = i;
                    continue;
                }
                say(&w, &s[c], (int64_t)i * n, n, at + jitter, (uint16_t)(s[c].seq + i),
                    s[c].ts + i * n, false);
                if (rnd_below(&rnd, 25) == 0) {
                    say(&w, &s[c], (int64_t)i * n, n, at + jitter + 10, (uint16_t)(s[c].seq + i),
                        s[c].ts + i * n, false);
                    doubles[c]++;
                }
            }
        }
        cut(&w);
        compare(&w, seed % 3 == 0 ? WAV_PCMU : seed % 3 == 1 ? WAV_PCMA : WAV_L16);
        for (int c = 0; c < 2; c++) {
            assert_int_equal(w.res.channel[c].lost, lost[c]);
            assert_int_equal(w.res.channel[c].late_or_duplicate, doubles[c]);
            assert_int_equal(w.res.channel[c].packets, count - lost[c]);
        }
        if (w.render->window.gaps_n < WINDOW_GAPS_MAX)
            compare_gaps(&w);
        else
            assert_true(w.render->window.gaps_total >= WINDOW_GAPS_MAX);
        kit_close(&w);
    }
}

static void new_source_on_a_new_port_and_codec(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct sender a = {1, 0, 0, 11, 1000, 500}, a2 = {1, 0, 0, 12, 777777, 9},
                  a3 = {3, 0, 8, 13, 5, 40000};
    (void)kit_stream(&w, 1, 0);
    (void)kit_stream(&w, 3, 0);
    for (uint32_t i = 0; i < 900; i++) {
        const struct sender *s = i < 300 ? &a : i < 600 ? &a2 : &a3;
        // SSRC changes at 300, a re-INVITE with another port and codec at 600 after 1 s of nothing.
        int64_t pos = (int64_t)i * 160 + (i >= 600 ? 8000 : 0);
        say(&w, s, pos, 160, T0 + pos * 125, (uint16_t)(s->seq + i), s->ts + i * 160, false);
    }
    cut(&w);
    compare(&w, WAV_L16);
    compare_gaps(&w);
    assert_int_equal(w.res.channel[0].lost, 0);
    assert_string_equal(w.res.channel[0].codec, "PCMU,PCMA");
    kit_close(&w);
}

static void silence_events_and_holds(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct sender a = {1, 0, 0, 11, 3000000000u, 65500}, cn = a, ev = a;
    cn.pt = 13;
    ev.pt = 101;
    (void)kit_stream(&w, 1, 0);
    w.job.stream[0].map[0] = (struct job_codec){101, "telephone-event", 8000, 1, 0};
    w.job.stream[0].maps = 1;
    uint16_t seq = a.seq;
    uint8_t payload[160] = {5, 10, 0, 160};
    int64_t pos = 0;
    for (uint32_t i = 0; i < 100; i++, pos += 160)
        say(&w, &a, pos, 160, T0 + pos * 125, seq++, a.ts + (uint32_t)pos, false);
    // 3 s of comfort noise: time stamps go on, a packet each 0.5 s.
    for (int i = 0; i < 6; i++, pos += 4000)
        put_rtp(&w, &cn, T0 + pos * 125, seq++, a.ts + (uint32_t)pos, payload, 1);
    for (uint32_t i = 0; i < 50; i++, pos += 160)
        say(&w, &a, pos, 160, T0 + pos * 125, seq++, a.ts + (uint32_t)pos, false);
    // A digit: 8 packets on one time stamp and its repeats.
    for (int i = 0; i < 8; i++)
        put_rtp(&w, &ev, T0 + pos * 125 + i * 20000, seq++, a.ts + (uint32_t)pos, payload, 4);
    pos += 8 * 160;
    uint32_t frozen = a.ts + (uint32_t)pos;
    for (uint32_t i = 0; i < 50; i++, pos += 160)
        say(&w, &a, pos, 160, T0 + pos * 125, seq++, frozen + i * 160, false);
    // On hold for 30 s with the time stamps standing still.
    pos += 240000;
    for (uint32_t i = 50; i < 100; i++, pos += 160)
        say(&w, &a, pos, 160, T0 + pos * 125, seq++, frozen + i * 160, false);
    cut(&w);
    compare(&w, WAV_PCMU);
    compare_gaps(&w);
    assert_int_equal(w.res.channel[0].lost, 0);
    kit_close(&w);
}

static void second_tap_fills_and_the_larger_wins(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct sender a = {1, 0, 0, 11, 0, 0}, b = {2, 0, 0, 22, 0, 0};
    (void)kit_stream(&w, 2, 0);
    (void)kit_stream(&w, 1, 0);
    for (uint32_t i = 0; i < 200; i++) {
        // Stream 2 (fewer packets) has 50..119; stream 1 all but 100..149.
        bool one = i < 100 || i >= 150, two = i >= 50 && i < 120;
        int64_t pos = (int64_t)i * 160;
        if (two)
            say(&w, &b, pos, 160, T0 + pos * 125, (uint16_t)i, i * 160, false);
        if (one) // drawn last: it wins
            say(&w, &a, pos, 160, T0 + pos * 125 + 50, (uint16_t)(i < 100 ? i : i - 50), i * 160,
                false);
    }
    cut(&w);
    compare(&w, WAV_PCMU);
    compare_gaps(&w);
    kit_close(&w);
}

static void what_cannot_be_decoded_is_told_and_kept(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct sender a = {1, 0, 18, 11, 0, 0}, b = {2, 1, 0, 22, 0, 0};
    (void)kit_stream(&w, 1, 0);
    uint8_t payload[20] = {0x78};
    for (uint32_t i = 0; i < 100; i++)
        put_rtp(&w, &a, T0 + i * 20000, (uint16_t)i, i * 160, payload, sizeof(payload));
    cut(&w);
    assert_int_equal(w.res.verdict, RENDER_FAILED);
    assert_string_equal(w.res.reason, "codec G729 is not rendered");
    struct sink_sums sums;
    uint8_t head[64];
    char path[100];
    (void)snprintf(path, sizeof(path), "%s/out.rtp", w.dir);
    assert_int_equal(render_dump(w.render, &w.job, path, &sums), 0);
    static const char line[] = "#!rtpplay1.0 0.0.0.0/0\n";
    assert_int_equal(sums.bytes, sizeof(line) - 1 + 16 + 100 * (8 + 32));
    int fd = open(path, O_RDONLY);
    assert_int_equal(read(fd, head, sizeof(head)), sizeof(head));
    close(fd);
    assert_memory_equal(head, line, sizeof(line) - 1);
    static const uint8_t first[] = {0x65, 0x53, 0xF1, 0x00, 0, 0, 0, 0, 0,    0,
                                    0,    0,    0,    0,    0, 0, // 1700000000 s
                                    0,    40,   0,    32,   0, 0, 0, 0, 0x80, 18};
    assert_memory_equal(head + sizeof(line) - 1, first, sizeof(first));
    // With a side that can: silence there, and the reason.
    (void)kit_stream(&w, 2, 1);
    for (uint32_t i = 0; i < 100; i++)
        say(&w, &b, i * 160, 160, T0 + i * 20000, (uint16_t)i, i * 160, false);
    cut(&w);
    compare(&w, WAV_PCMU);
    assert_int_equal(w.render->window.gaps_total, 1);
    assert_int_equal(w.render->window.gaps[0].reason, GAP_CODEC);
    assert_int_equal(w.render->window.gaps[0].to, 16000);
    assert_int_equal(w.res.undecodable, 100);
    kit_close(&w);
}

static void only_the_calls_own_time(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct sender a = {1, 0, 0, 11, 0, 0};
    (void)kit_stream(&w, 1, 0);
    w.job.started_us = T0 + 10 * US_PER_S;
    w.job.ended_us = T0 + 20 * US_PER_S;
    for (uint32_t i = 0; i < 1500; i++) { // the port served before and serves after
        int64_t at = T0 + i * 20000;
        if (at >= T0 + 5 * US_PER_S && at <= T0 + 21 * US_PER_S) {
            say(&w, &a, (i - 250) * 160, 160, at, (uint16_t)i, i * 160, false);
        } else {
            uint8_t other[160] = {1, 2, 3};
            put_rtp(&w, &a, at, (uint16_t)i, i * 160, other, 160);
        }
    }
    cut(&w);
    compare(&w, WAV_PCMU);
    kit_close(&w);
}

static void nothing_there_is_empty(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    (void)kit_stream(&w, 1, 0);
    cut(&w);
    assert_int_equal(w.res.verdict, RENDER_EMPTY);
    assert_true(w.res.missing == 0 && w.res.reason[0] == '\0');
    w.job.stream[0].reported = 250; // a harvester has told them
    cut(&w);
    assert_int_equal(w.res.verdict, RENDER_FAILED);
    assert_true(w.res.missing == 250 && w.res.channel[0].lost == 250);
    assert_non_null(strstr(w.res.reason, "media was seen"));
    w.job.pauses = 1; // and this one kept them back
    cut(&w);
    assert_int_equal(w.res.verdict, RENDER_EMPTY);
    assert_true(w.res.missing == 0 && w.res.reason[0] == '\0');
    w.job.pauses = 0;
    w.job.stream[0].reported = 0;
    kit_packet(&w, 1, T0, (const uint8_t *)"\x80\0\0", 3); // not RTP
    kit_packet(&w, 1, T0, (const uint8_t *)"", 0);
    cut(&w);
    assert_int_equal(w.res.verdict, RENDER_EMPTY);
    kit_close(&w);
}

static void check_gaps(const struct world *w, const struct gap *want, size_t n)
{
    assert_int_equal(w->render->window.gaps_n, n);
    for (size_t i = 0; i < n; i++) {
        const struct gap *g = &w->render->window.gaps[i];
        assert_true(g->from == want[i].from && g->to == want[i].to &&
                    g->channel == want[i].channel && g->reason == want[i].reason);
    }
}

// The table forgot a stream of one side: that side's silence is lost media from there on, the other's is silence.
static void a_side_that_was_forgotten_is_not_captured(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct sender a = {1, 0, 0, 11, 0, 0}, b = {2, 1, 0, 22, 0, 0};
    (void)kit_stream(&w, 1, 0);
    (void)kit_stream(&w, 2, 1);
    struct job_stream *gone = kit_stream(&w, 3, 1); // told of, and not here
    gone->reported = 100;
    gone->first_at_us = T0 + 2 * US_PER_S;
    struct job_stream *other = kit_stream(&w, 4, 0); // a second tap's, in another recorder
    other->reported = 50;
    other->elsewhere = true;
    for (uint32_t i = 0; i < 250; i++) {
        if (i < 50 || i >= 200)
            say(&w, &a, i * 160, 160, T0 + i * 20000, (uint16_t)(i < 50 ? i : i - 150), i * 160,
                false);
        if (i < 50)
            say(&w, &b, i * 160, 160, T0 + i * 20000, (uint16_t)i, i * 160, false);
    }
    cut(&w);
    compare(&w, WAV_PCMU);
    assert_non_null(strstr(w.res.reason, "media was seen"));
    assert_true(w.res.missing == 100 && w.res.channel[0].lost == 0 && w.res.channel[1].lost == 100);
    static const struct gap want[] = {{8000, 32000, 0, GAP_NOT_SENT},
                                      {8000, 16000, 1, GAP_NOT_SENT},
                                      {16000, 40000, 1, GAP_NOT_CAPTURED}};
    check_gaps(&w, want, COUNT_OF(want));
    kit_close(&w);
}

static void declared_losses_are_not_captured(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct sender a = {1, 0, 0, 11, 0, 0};
    (void)kit_stream(&w, 1, 0);
    for (uint32_t i = 0; i < 200; i++)
        say(&w, &a, i * 160, 160, T0 + i * 20000, (uint16_t)i, i * 160, i >= 50 && i < 75);
    w.job.losses = 1;
    w.job.loss[0] = (struct job_loss){T0 + US_PER_S, T0 + 1500000};
    cut(&w);
    compare(&w, WAV_PCMU);
    // By time: the callee's silence, what was lost on both sides, the rest of the silence.
    static const struct gap want[] = {{0, 8000, 1, GAP_NOT_SENT},
                                      {8000, 12000, 0, GAP_NOT_CAPTURED},
                                      {8000, 12000, 1, GAP_NOT_CAPTURED},
                                      {12000, 32000, 1, GAP_NOT_SENT}};
    check_gaps(&w, want, COUNT_OF(want));
    kit_close(&w);
}

static void a_beginning_that_left_the_spool_is_declared(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct sender a = {1, 0, 0, 11, 0, 0}, b = {2, 1, 0, 22, 0, 0};
    (void)kit_stream(&w, 1, 0);
    (void)kit_stream(&w, 2, 1);
    w.job.stream[0].first_at_us = w.job.stream[1].first_at_us = T0;
    for (uint32_t i = 0; i < 1500; i++) {
        say(&w, &a, i * 160, 160, T0 + i * 20000, (uint16_t)i, i * 160, false);
        say(&w, &b, i * 160, 160, T0 + i * 20000, (uint16_t)i, i * 160, false);
    }
    // Fewer places for blocks than the call has: the newest are kept.
    w.render->refs_cap = 50;
    cut(&w);
    assert_int_equal(w.res.verdict, RENDER_READY);
    assert_int_equal(w.res.start_us, T0);
    assert_int_equal(w.res.wav.frames, 240000);
    assert_non_null(strstr(w.res.reason, "had left the spool"));
    w.render->refs_cap = 65536;
    kit_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_call),
        cmocka_unit_test(copies_fill_each_other),
        cmocka_unit_test(damaged_calls),
        cmocka_unit_test(new_source_on_a_new_port_and_codec),
        cmocka_unit_test(silence_events_and_holds),
        cmocka_unit_test(second_tap_fills_and_the_larger_wins),
        cmocka_unit_test(what_cannot_be_decoded_is_told_and_kept),
        cmocka_unit_test(only_the_calls_own_time),
        cmocka_unit_test(nothing_there_is_empty),
        cmocka_unit_test(a_side_that_was_forgotten_is_not_captured),
        cmocka_unit_test(declared_losses_are_not_captured),
        cmocka_unit_test(a_beginning_that_left_the_spool_is_declared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
