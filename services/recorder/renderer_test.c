// renderer_test.c: recordings of calls whose codecs only the renderer has, with the real program: sample by sample what its decoders
// say in this process; and its child killed, stopped, talked nonsense to. Without the program: payload kept, and said
// so. Over 450 lines: one world of packets for the real program and for those in foreign hands.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "media/apart.h"
#include "render_kit.h"
#include "stats.h"

#ifdef RENDERER
#define RENDERER_IS_BUILT
#include "decoders.h"
#else
#define RENDERER ""
#define SEEDS    ""
#endif

#define PACKETS 40u
#define LONG    2000u // packets; the renderer is hit at the 1024th
#define FRAMES  (LONG * 320u)
#define WAIT_US INT64_C(300000)

// A packet a line of the seed: the payloads of a real call.
struct talk {
    const char *seed, *name;
    enum apart_codec codec;
    uint32_t clock, each; // samples of a packet
    uint8_t pt;
    uint8_t bytes[8192];
    struct span payload[PACKETS];
    size_t n;
};

static struct talk talks[] = {
    {.seed = "G729", .name = "G729", .codec = APART_G729, .clock = 8000, .each = 160, .pt = 18},
    {.seed = "G723", .name = "G723", .codec = APART_G723, .clock = 8000, .each = 240, .pt = 4},
    {.seed = "iLBC-20", .name = "iLBC", .codec = APART_ILBC, .clock = 8000, .each = 160, .pt = 97},
    {.seed = "iLBC-30", .name = "iLBC", .codec = APART_ILBC, .clock = 8000, .each = 240, .pt = 98},
    {.seed = "speex-8",
     .name = "speex",
     .codec = APART_SPEEX_8,
     .clock = 8000,
     .each = 320,
     .pt = 99},
    {.seed = "speex-16",
     .name = "speex",
     .codec = APART_SPEEX_16,
     .clock = 16000,
     .each = 320,
     .pt = 100},
};

static bool is_built(void)
{
    return RENDERER[0] != '\0';
}

static void read_talk(struct talk *t)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", SEEDS, t->seed);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    struct cur c = cur_of(span_of(t->bytes, fread(t->bytes, 1, sizeof t->bytes, f)));
    (void)fclose(f);
    struct apart_ask a;
    for (t->n = 0; t->n < PACKETS && cur_left(&c) > 0;)
        if (apart_parse_ask(cur_take(&c, cur_u8(&c)), &a) && a.order == APART_DECODE)
            t->payload[t->n++] = a.payload;
    assert_true(t->n > 20);
}

static void put_rtp(struct world *w, const struct talk *t, uint32_t no, size_t i,
                    struct span payload)
{
    uint8_t p[APART_PAYLOAD_MAX] = {0x80, t->pt, (uint8_t)(i >> 8), (uint8_t)i, 0, 0, 0, 0, 7,
                                    7,    7,     (uint8_t)no};
    uint32_t ts = (uint32_t)i * t->each;
    for (int k = 0; k < 4; k++)
        p[4 + k] = (uint8_t)(ts >> (24 - 8 * k));
    memcpy(p + 12, payload.p, payload.n);
    kit_packet(w, no, T0 + (int64_t)i * t->each * US_PER_S / t->clock, p, 12 + payload.n);
}

static struct job_stream *begin(struct world *w, const struct talk *t, uint32_t no, int side)
{
    struct job_stream *s = kit_stream(w, no, side);
    s->maps = 1;
    s->map[0].payload_type = t->pt;
    s->map[0].clock = t->clock;
    (void)snprintf(s->map[0].name, sizeof s->map[0].name, "%s", t->name);
    return s;
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
    w->render->window.gaps_n = 0;
    w->render->window.gaps_total = 0;
    render_learn(w->render, &w->job, &w->res);
    if (w->res.verdict == RENDER_READY)
        assert_int_equal(render_write(w->render, &w->job, w->path, &w->res), 0);
}

// Samples of the file, both channels.
static size_t read_file(struct world *w, int16_t (*ret)[2])
{
    uint8_t head[WAV_HEADER_MAX + 64];
    struct wav_info v;
    int fd = open(w->path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = pread(fd, head, sizeof head, 0);
    assert_true(n > 0 && wav_read_header(span_of(head, (size_t)n), &v));
    assert_true(v.format == WAV_L16 && v.frames <= FRAMES);
    n = pread(fd, ret, sizeof(int16_t[FRAMES][2]), (off_t)v.header_bytes);
    close(fd);
    assert_int_equal(n, v.frames * 4);
    return (size_t)v.frames;
}

static void world_open(struct world *w, const char *program)
{
    kit_open(w, 64 << 20, 65536, 1024);
    w->render->renderer = renderer_new(program, WAIT_US);
    assert_non_null(w->render->renderer);
}

static void world_close(struct world *w)
{
    struct renderer *r = w->render->renderer;
    kit_close(w);
    r = renderer_free(r);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); // no child is left
}

// ---- what must come out ----

static int16_t file[FRAMES][2], want[FRAMES];

#ifdef RENDERER_IS_BUILT
// Samples of one payload, of the decoders in this process.
static size_t reference(struct decoders *d, const struct talk *t, struct span payload, int16_t *pcm)
{
    static uint8_t buf[APART_ASK_MAX], answer[APART_ANSWER_MAX];
    int n = 0;
    struct apart_ask a = {APART_DECODE, t->codec, 0, 1, payload};
    size_t said = decoders_answer(d, span_of(buf, apart_put_ask(&a, buf)), answer);
    assert_true(apart_parse_answer(span_of(answer, said), &a, t->each, pcm, &n));
    assert_int_equal(n, t->each);
    return (size_t)n;
}
#endif

// Both sides of a call speak one codec at a time, the callee the other way round.
static void a_call_of_each_codec(void **state)
{
    (void)state;
#ifndef RENDERER_IS_BUILT
    skip();
#else
    for (size_t k = 0; k < COUNT_OF(talks); k++) {
        struct talk *t = &talks[k];
        struct world w;
        world_open(&w, RENDERER);
        read_talk(t);
        for (int side = 0; side < 2; side++) {
            (void)begin(&w, t, (uint32_t)side + 1, side);
            for (size_t i = 0; i < t->n; i++)
                put_rtp(&w, t, (uint32_t)side + 1, i, t->payload[side == 0 ? i : t->n - 1 - i]);
        }
        cut(&w);
        assert_int_equal(w.res.verdict, RENDER_READY);
        assert_string_equal(w.res.reason, "");
        assert_string_equal(w.res.channel[0].codec, t->name);
        assert_int_equal(w.res.wav.sample_rate, t->clock);
        assert_int_equal(w.res.undecodable, 0);
        assert_int_equal(w.render->window.gaps_total, 0);
        size_t n = read_file(&w, file);
        assert_int_equal(n, t->n * t->each);
        for (int side = 0; side < 2; side++) {
            struct decoders *d = decoders_new();
            size_t at = 0;
            for (size_t i = 0; i < t->n; i++)
                at += reference(d, t, t->payload[side == 0 ? i : t->n - 1 - i], want + at);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(file[i][side], want[i]);
            d = decoders_free(d);
        }
        world_close(&w);
    }
#endif
}

// ---- the renderer is hit in the middle ----

struct hit {
    struct world *w;
    int signal;
    unsigned times, done;
};

// The child of the process that makes them; 0: none.
static pid_t child_of(pid_t parent)
{
    char path[64], text[32] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    return n > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

static bool strike(void *ctx)
{
    struct hit *h = ctx;
    pid_t pid = child_of(renderer_pid(h->w->render->renderer));
    if (h->done < h->times && pid > 0) {
        assert_int_equal(kill(pid, h->signal), 0);
        h->done++;
    }
    return false;
}

// A call of one side in G.729, long enough; the child is hit after its 1024th packet.
static void hit_in_the_middle(int sig, enum recorder_stat counter, const char *why)
{
#ifndef RENDERER_IS_BUILT
    (void)sig;
    (void)counter;
    (void)why;
    (void)strike;
    skip();
#else
    struct talk *t = &talks[0];
    struct world w;
    struct hit h = {&w, sig, 1, 0};
    char reason[RENDER_REASON_BYTES];
    uint64_t before = stat_get(&recorder_stat[counter]);
    world_open(&w, RENDERER);
    pid_t program = renderer_pid(w.render->renderer);
    read_talk(t);
    (void)begin(&w, t, 1, 0);
    for (size_t i = 0; i < LONG; i++)
        put_rtp(&w, t, 1, i, t->payload[i % t->n]);
    w.render->cancelled = strike;
    w.render->cancelled_ctx = &h;
    int64_t from_us = mono_now_us();
    cut(&w);
    assert_true(mono_now_us() - from_us <
                WAIT_US + 20 * US_PER_S); // bounded; 20 s for a slow machine
    assert_int_equal(h.done, 1);
    assert_int_equal(stat_get(&recorder_stat[counter]), before + 1);
    assert_int_equal(renderer_pid(w.render->renderer), program);
    assert_int_equal(w.res.verdict, RENDER_READY);
    (void)snprintf(reason, sizeof reason,
                   "codec failed: 1 packets were not decoded, the renderer: %s", why);
    assert_string_equal(w.res.reason, reason);
    assert_int_equal(w.res.undecodable, 1); // so the payload is kept beside it
    assert_int_equal(w.render->window.gaps_total, 2);
    size_t lost = 0;
    for (size_t i = 0; i < 2; i++) {
        const struct gap *g = &w.render->window.gaps[i];
        if (g->channel == 1)
            continue; // the callee says nothing
        lost = (size_t)g->from / t->each;
        assert_int_equal(g->reason, GAP_CODEC);
        assert_int_equal(g->to - g->from, t->each);
    }
    assert_int_equal(lost, 1024);
    assert_int_equal(read_file(&w, file), LONG * t->each);
    struct decoders *d = decoders_new();
    for (size_t i = 0; i < LONG; i++) {
        if (i == lost) { // the next child begins anew
            d = decoders_free(d);
            d = decoders_new();
            memset(want, 0, 2 * t->each);
        } else {
            (void)reference(d, t, t->payload[i % t->n], want);
        }
        for (size_t k = 0; k < t->each; k++)
            assert_int_equal(file[i * t->each + k][0], want[k]);
    }
    d = decoders_free(d);
    for (int i = 0; i < 2000 && child_of(program) != 0; i++) // it ends with the recording
        (void)usleep(1000);
    assert_int_equal(child_of(program), 0);
    world_close(&w);
#endif
}

static void killed_in_the_middle(void **state)
{
    (void)state;
    hit_in_the_middle(SIGKILL, STAT_RENDER_DIED, "it died");
}

static void hangs_in_the_middle(void **state)
{
    (void)state;
    hit_in_the_middle(SIGSTOP, STAT_RENDER_SLOW, "it took too long");
}

// The process that makes the others goes: its child with it, the recording too, and the next one has both again.
static void the_program_itself_is_killed(void **state)
{
    (void)state;
    if (!is_built())
        skip();
    struct talk *t = &talks[0];
    struct world w;
    uint64_t starts = stat_get(&recorder_stat[STAT_RENDER_STARTS]);
    world_open(&w, RENDERER);
    read_talk(t);
    (void)begin(&w, t, 1, 0);
    for (size_t i = 0; i < t->n; i++)
        put_rtp(&w, t, 1, i, t->payload[i]);
    assert_int_equal(kill(renderer_pid(w.render->renderer), SIGKILL), 0);
    cut(&w);
    // Not again within a second: nothing was decoded, so there is no recording, and it says why.
    assert_int_equal(w.res.verdict, RENDER_FAILED);
    assert_non_null(strstr(w.res.reason, "codec failed: 40 packets were not decoded"));
    assert_int_equal(w.res.undecodable, 40);
    assert_int_equal(access(w.path, F_OK), -1);
    for (int64_t until_us = mono_now_us() + 10 * US_PER_S; mono_now_us() < until_us;) {
        cut(&w);
        if (w.res.verdict == RENDER_READY)
            break;
        (void)usleep(50000);
    }
    assert_int_equal(w.res.verdict, RENDER_READY);
    assert_string_equal(w.res.reason, "");
    assert_int_equal(stat_get(&recorder_stat[STAT_RENDER_STARTS]), starts + 2);
    world_close(&w);
}

// ---- a renderer in foreign hands: this program under another name ----

static int take_socket(void)
{
    char order;
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } ctl;
    struct iovec one = {&order, 1};
    struct msghdr m = {
        .msg_iov = &one, .msg_iovlen = 1, .msg_control = &ctl, .msg_controllen = sizeof ctl};
    int fd = -1;
    if (recvmsg(0, &m, 0) != 1)
        _exit(0);
    if (order == 'B')
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
    return fd;
}

static int foreign_hands(const char *name)
{
    static uint8_t buf[70000];
    static int16_t noise[8000];
    struct apart_ask a;
    if (strcmp(name, "rude") == 0)
        return (int)write(0, "hello", 5);
    if (strcmp(name, "nosy") == 0) { // what did it get? nothing but the socket
        for (int fd = 3; fd < 64; fd++)
            if (fcntl(fd, F_GETFD) >= 0)
                _exit(9);
        if (environ[0])
            _exit(9);
    }
    apart_put_hello(1u << APART_G729, buf);
    (void)!write(0, buf, APART_HELLO_BYTES);
    for (;;) {
        int fd = take_socket();
        while (fd >= 0) {
            ssize_t n = read(fd, buf, sizeof buf);
            if (n <= 0)
                break;
            if (!apart_parse_ask(span_of(buf, (size_t)n), &a))
                _exit(1);
            if (strcmp(name, "mute") == 0)
                continue;
            if (strcmp(name, "liar") ==
                0) // as long as it may be, with samples that nobody asked for
                n = (ssize_t)apart_put_answer(&a, 8000, noise, buf);
            else if (strcmp(name, "flood") == 0)
                n = sizeof buf;
            (void)!send(fd, buf, (size_t)n, MSG_DONTWAIT);
        }
        if (fd >= 0)
            close(fd);
    }
}

// Each time all is lost but the recorder, within its time, and after RENDERER_TRIES more nobody is asked again.
static void foreign_renderers(void **state)
{
    (void)state;
    static const struct {
        const char *name, *why;
        enum recorder_stat counter;
    } cases[] = {{"mute", "it took too long", STAT_RENDER_SLOW},
                 {"liar", "its answer made no sense", STAT_RENDER_NONSENSE},
                 {"flood", "its answer made no sense", STAT_RENDER_NONSENSE},
                 {"echo", "its answer made no sense", STAT_RENDER_NONSENSE}};
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        char self[512], path[600];
        struct talk *t = &talks[0];
        struct world w;
        static uint8_t frame[20] = "any bytes are G.729";
        uint64_t before = stat_get(&recorder_stat[cases[k].counter]);
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        assert_true(n > 0);
        self[n] = 0;
        char dir[] = "/tmp/renderer-test-XXXXXX";
        assert_non_null(mkdtemp(dir));
        (void)snprintf(path, sizeof path, "%s/%s", dir, cases[k].name);
        assert_int_equal(symlink(self, path), 0);
        world_open(&w, path);
        (void)begin(&w, t, 1, 0);
        for (size_t i = 0; i < LONG; i++)
            put_rtp(&w, t, 1, i, span_of(frame, sizeof frame));
        int64_t from_us = mono_now_us();
        cut(&w);
        assert_true(mono_now_us() - from_us < (RENDERER_TRIES + 1) * WAIT_US + 10 * US_PER_S);
        assert_int_equal(w.res.verdict, RENDER_FAILED);
        assert_int_equal(w.render->failed, LONG);
        assert_string_equal(renderer_why(w.render->renderer), cases[k].why);
        assert_int_equal(stat_get(&recorder_stat[cases[k].counter]), before + RENDERER_TRIES + 1);
        world_close(&w);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(dir), 0);
    }
}

static void what_it_is_started_with(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool good;
    } cases[] = {{"nosy", true}, {"rude", false}};
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        char self[512], path[600], dir[] = "/tmp/renderer-test-XXXXXX";
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        assert_true(n > 0);
        self[n] = 0;
        int leak = open("/dev/null", O_RDONLY); // without close-on-exec
        assert_non_null(mkdtemp(dir));
        (void)snprintf(path, sizeof path, "%s/%s", dir, cases[k].name);
        assert_int_equal(symlink(self, path), 0);
        struct renderer *r = renderer_new(path, WAIT_US);
        assert_int_equal(renderer_decodes(r, APART_G729), cases[k].good);
        assert_false(renderer_decodes(r, APART_G723));
        assert_false(renderer_decodes(r, -1));
        r = renderer_free(r);
        close(leak);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(dir), 0);
    }
}

// ---- without it ----

static void payload_is_kept_without_it(void **state)
{
    (void)state;
    static const char *const none[] = {"", "/nowhere/callmesh-render", "callmesh-not-there"};
    for (size_t k = 0; k < COUNT_OF(none); k++) {
        struct talk *t = &talks[0];
        struct world w;
        struct sink_sums sums;
        static uint8_t frame[20] = "any bytes are G.729";
        world_open(&w, none[k]);
        (void)begin(&w, t, 1, 0);
        for (size_t i = 0; i < 50; i++)
            put_rtp(&w, t, 1, i, span_of(frame, sizeof frame));
        cut(&w);
        assert_int_equal(w.res.verdict, RENDER_FAILED);
        assert_string_equal(w.res.reason, "codec G729 is not rendered");
        assert_int_equal(w.res.undecodable, 50);
        assert_int_equal(w.res.wav.frames, 50 * 160);
        assert_int_equal(render_dump(w.render, &w.job, w.path, &sums), 0);
        assert_true(sums.bytes > 50 * 32);
        world_close(&w);
    }
}

static void slots_come_to_an_end(void **state)
{
    (void)state;
    struct renderer *r = renderer_new("", WAIT_US);
    struct codec_apart *a = renderer_apart(r);
    for (unsigned i = 0; i < APART_SLOTS; i++)
        assert_int_equal(a->take(a), i);
    assert_int_equal(a->take(a), -ENOMEM);
    a->give(a, 77, APART_G729);
    assert_int_equal(a->take(a), 77);
    r = renderer_free(r);
}

int main(int argc, char **argv)
{
    const char *name = strrchr(argv[0], '/');
    struct stat st;
    if (argc == 1 && name && fstat(0, &st) == 0 && S_ISSOCK(st.st_mode) &&
        strstr(argv[0], "/renderer-test-"))
        return foreign_hands(name + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_of_each_codec),
        cmocka_unit_test(killed_in_the_middle),
        cmocka_unit_test(hangs_in_the_middle),
        cmocka_unit_test(the_program_itself_is_killed),
        cmocka_unit_test(foreign_renderers),
        cmocka_unit_test(what_it_is_started_with),
        cmocka_unit_test(payload_is_kept_without_it),
        cmocka_unit_test(slots_come_to_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
