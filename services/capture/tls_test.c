// Over 450 lines: one bench, and all that can happen to a connection.
// Real TLS of two OpenSSL peers, taken apart: in pieces, out of order, with holes, with keys late or never; the tables full.
#include "tls.h"
#include <sys/mman.h>
#include <unistd.h>
#include "base/mono.h"
#include "tests/support/test.h"
#include "tls_crypto_kit.h"

#define START_US INT64_C(1700000000000000)
#define CLIENT   0
#define SERVER   1

struct segment {
    int from;
    uint32_t seq, n;
    uint8_t b[1500];
};

struct bench {
    struct capture_counts counts;
    struct tls *t;
    int keylog; // our end of what tls follows
    struct kit *kit;
    uint32_t seq[2];
    uint16_t port;  // of the client
    uint32_t piece; // bytes of a segment
    struct segment held[512];
    size_t nheld;
    bool hold;
    int64_t at_us, clock_us;
    char text[2][65536];
    size_t n[2];
    uint32_t next[2];
    unsigned holes, syn, rst;
    int64_t text_at_us;
    bool sip;
};

static void on_plain(void *ctx, const struct pkt *p)
{
    struct bench *b = ctx;
    int side = p->sport == 5061;
    assert_int_equal(p->protocol, 22);
    b->syn += (p->tcp_flags & 2) != 0;
    b->rst += (p->tcp_flags & 4) != 0;
    if (p->tcp_flags & 2)
        b->next[side] = p->tcp_seq + 1;
    if (p->payload.n == 0)
        return;
    b->holes += p->tcp_seq != b->next[side];
    assert_true(b->n[side] + p->payload.n < sizeof b->text[side]);
    memcpy(b->text[side] + b->n[side], p->payload.p, p->payload.n);
    b->n[side] += p->payload.n;
    b->text[side][b->n[side]] = 0;
    b->next[side] = p->tcp_seq + (uint32_t)p->payload.n;
    b->text_at_us = p->at_us;
    if (b->sip)
        tls_found_sip(b->t);
}

static struct pkt packet(struct bench *b, int from, uint32_t seq, struct span payload,
                         uint8_t flags)
{
    static const uint8_t ip[2][4] = {{10, 0, 0, 1}, {10, 0, 0, 2}};
    struct pkt p = {
        .protocol = 6, .at_us = b->at_us, .tcp_seq = seq, .tcp_flags = flags, .payload = payload};
    p.src.family = p.dst.family = 4;
    memcpy(p.src.b, ip[from], 4);
    memcpy(p.dst.b, ip[!from], 4);
    p.sport = from == CLIENT ? b->port : 5061;
    p.dport = from == CLIENT ? 5061 : b->port;
    return p;
}

static void give(struct bench *b, const struct segment *s)
{
    struct pkt p = packet(b, s->from, s->seq, span_of(s->b, s->n), 16);
    (void)tls_feed(b->t, &p, false);
}

static void on_wire(void *ctx, int from, struct span bytes)
{
    struct bench *b = ctx;
    while (bytes.n > 0) {
        struct segment *s = &b->held[b->nheld];
        *s = (struct segment){.from = from,
                              .seq = b->seq[from],
                              .n = (uint32_t)(bytes.n < b->piece ? bytes.n : b->piece)};
        memcpy(s->b, bytes.p, s->n);
        b->seq[from] += s->n;
        bytes = span_sub(bytes, s->n, bytes.n);
        if (b->hold)
            assert_true(++b->nheld < 512);
        else
            give(b, s);
    }
}

static void flag(struct bench *b, int from, uint8_t flags)
{
    struct pkt p = packet(b, from, b->seq[from], span_of(NULL, 0), flags);
    (void)tls_feed(b->t, &p, false);
}

static void tick(struct bench *b, int64_t us)
{
    b->at_us += us;
    int64_t now_us =
        mono_now_us() + US_PER_S; // ahead of the clock that a waiting connection reads itself
    b->clock_us = b->clock_us + us > now_us ? b->clock_us + us : now_us;
    tls_tick(b->t, b->at_us, b->clock_us);
}

static void tell_keys(struct bench *b)
{
    assert_int_equal(write(b->keylog, b->kit->log, b->kit->log_n), (ssize_t)b->kit->log_n);
    tick(b, 100000);
}

static void connect_again(struct bench *b, int version, const char *suites)
{
    if (b->kit)
        kit_free(b->kit);
    b->port++;
    b->seq[0] = UINT32_MAX - 1000; // wraps within the handshake
    b->seq[1] = 77;
    b->kit = kit_new(version, suites, on_wire, b);
}

struct start {
    int version;
    const char *suites;
    size_t connections, secrets;
    bool no_keylog;
};

static struct bench *bench_new(const struct start *s)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->piece = 1400;
    b->at_us = START_US;
    b->clock_us = mono_now_us();
    b->port = 40000;
    int fd = memfd_create("keys", 0);
    assert_true(fd > 0);
    b->keylog = dup(fd);
    if (s->no_keylog)
        close(fd);
    b->t = tls_new(&(struct tls_opts){
        .connections = s->connections ? s->connections : 4,
        .hold_bytes = 32768,
        .wait_us = 5000000,
        .secrets = s->secrets ? s->secrets : 4,
        .keylog_fd = s->no_keylog ? -1 : fd,
        .counts = &b->counts,
        .on_plain = on_plain,
        .ctx = b,
    });
    assert_non_null(b->t);
    connect_again(b, s->version, s->suites);
    return b;
}

static void bench_free(struct bench *b)
{
    tls_end(b->t, b->at_us);
    assert_int_equal(b->counts.n[CAPTURE_TLS_UP], 0);
    assert_int_equal(b->counts.n[CAPTURE_TLS_HELD], 0);
    assert_int_equal(b->syn, b->rst ? b->syn : 0); // what begins, ends
    tls_free(b->t);
    if (b->kit)
        kit_free(b->kit);
    close(b->keylog);
    free(b);
}

static uint64_t n(const struct bench *b, enum capture_stat s)
{
    return b->counts.n[s];
}

static const struct start both_versions[] = {
    {.version = TLS1_2_VERSION},
    {.version = TLS1_3_VERSION},
};

static const struct start all[] = {
    {.version = TLS1_2_VERSION, .suites = "ECDHE-ECDSA-AES128-GCM-SHA256"},
    {.version = TLS1_2_VERSION, .suites = "ECDHE-ECDSA-AES256-GCM-SHA384"},
    {.version = TLS1_2_VERSION, .suites = "ECDHE-ECDSA-CHACHA20-POLY1305"},
    {.version = TLS1_2_VERSION, .suites = "ECDHE-ECDSA-AES128-SHA"},
    {.version = TLS1_2_VERSION, .suites = "ECDHE-ECDSA-AES256-SHA"},
    {.version = TLS1_2_VERSION, .suites = "ECDHE-ECDSA-AES128-SHA256"},
    {.version = TLS1_2_VERSION, .suites = "ECDHE-ECDSA-AES256-SHA384"},
    {.version = TLS1_3_VERSION, .suites = "TLS_AES_128_GCM_SHA256"},
    {.version = TLS1_3_VERSION, .suites = "TLS_AES_256_GCM_SHA384"},
    {.version = TLS1_3_VERSION, .suites = "TLS_CHACHA20_POLY1305_SHA256"},
};

// Both say numbered lines by turns; true when all of them arrived.
static void talk(struct bench *b, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        char line[400];
        int k = snprintf(line, sizeof line, "<%u>%*s\n", i, (int)(i * 7 % 300), "");
        assert_true(k > 0);
        kit_say(b->kit, i & 1, line);
    }
}

static bool heard(const struct bench *b, unsigned i)
{
    char word[16];
    snprintf(word, sizeof word, "<%u>", i);
    return strstr(b->text[i & 1], word) != NULL;
}

static unsigned heard_of(const struct bench *b, unsigned from, unsigned to)
{
    unsigned k = 0;
    for (unsigned i = from; i < to; i++)
        k += heard(b, i);
    return k;
}

// Keys first: no library logs later than it uses them.
static void handshake(struct bench *b)
{
    bool was = b->hold;
    size_t first = b->nheld;
    b->hold = true;
    kit_pump(b->kit);
    tell_keys(b);
    b->hold = was;
    if (was)
        return;
    for (size_t i = first; i < b->nheld; i++)
        give(b, &b->held[i]);
    b->nheld = first;
}

static void every_suite_in_pieces_of_any_size(void **state)
{
    (void)state;
    static const uint32_t pieces[] = {16, 17, 100, 1400};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        for (size_t k = 0; k < 4; k++) {
            struct bench *b = bench_new(&all[i]);
            b->piece = pieces[k];
            handshake(b);
            talk(b, 0, 40);
            tick(b, 100000);
            assert_int_equal(heard_of(b, 0, 40), 40);
            assert_int_equal(b->holes, 0);
            assert_int_equal(b->syn, 2);
            assert_int_equal(n(b, CAPTURE_TLS_OPAQUE), 0);
            assert_int_equal(n(b, CAPTURE_TLS), 1);
            flag(b, CLIENT, 17);
            flag(b, SERVER, 17);
            assert_int_equal(b->rst, 2);
            bench_free(b);
        }
}

static void keys_change_as_often_as_they_like(void **state)
{
    (void)state;
    struct bench *b = bench_new(&both_versions[1]);
    handshake(b);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(SSL_key_update(b->kit->ssl[i & 1], i % 3 ? SSL_KEY_UPDATE_NOT_REQUESTED
                                                                  : SSL_KEY_UPDATE_REQUESTED),
                         1);
        talk(b, 4 * i, 4 * i + 4);
    }
    assert_int_equal(heard_of(b, 0, 80), 80);
    assert_int_equal(n(b, CAPTURE_TLS_OPAQUE_RECORDS), 0);
    bench_free(b);
}

static void a_second_handshake_has_its_own_keys(void **state)
{
    (void)state;
    struct bench *b = bench_new(&(struct start){.version = TLS1_2_VERSION});
    SSL_clear_options(b->kit->ssl[0], SSL_OP_NO_RENEGOTIATION);
    SSL_set_options(b->kit->ssl[1], SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
    handshake(b);
    talk(b, 0, 4);
    size_t log = b->kit->log_n;
    assert_int_equal(SSL_renegotiate(b->kit->ssl[0]), 1);
    b->hold = true;
    (void)SSL_do_handshake(b->kit->ssl[0]);
    kit_pump(b->kit);
    talk(b, 4, 8);
    assert_true(b->kit->log_n > log);
    memmove(b->kit->log, b->kit->log + log, b->kit->log_n - log);
    b->kit->log_n -= log;
    tell_keys(b);
    for (size_t i = 0; i < b->nheld; i++)
        give(b, &b->held[i]);
    assert_int_equal(heard_of(b, 0, 8), 8);
    assert_int_equal(n(b, CAPTURE_TLS_OPAQUE_RECORDS), 0);
    bench_free(b);
}

static void doubled_and_swapped(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        struct bench *b = bench_new(&both_versions[v]);
        b->piece = 300;
        b->hold = true;
        handshake(b);
        talk(b, 0, 60);
        give(b, &b->held[0]); // what begins a direction comes first
        for (size_t i = 1; i + 1 < b->nheld; i += 2) {
            bool first_of_server = b->held[i + 1].seq == 77 || b->held[i].seq == 77;
            give(b, &b->held[first_of_server ? i : i + 1]);
            give(b, &b->held[first_of_server ? i + 1 : i]);
            give(b, &b->held[i]);
        }
        give(b, &b->held[b->nheld - 1]);
        assert_int_equal(heard_of(b, 0, 60), 60);
        assert_int_equal(b->holes, 0);
        bench_free(b);
    }
}

// Each segment lost in its turn, in small ones a record's header, its middle, its end, or several records.
static void a_hole_costs_what_was_in_it(void **state)
{
    (void)state;
    static const uint32_t pieces[] = {50, 700, 1400};
    for (size_t v = 0; v < 2; v++)
        for (size_t k = 0; k < 3; k++)
            for (size_t lost = 0; lost < 8; lost++) {
                struct bench *b = bench_new(&both_versions[v]);
                handshake(b);
                talk(b, 0, 4);
                b->piece = pieces[k];
                b->hold = true;
                char big[6000];
                memset(big, 'x', sizeof big - 1);
                big[sizeof big - 1] = 0;
                kit_say(b->kit, CLIENT, big);
                size_t of_big = b->nheld;
                talk(b, 4, 60);
                for (size_t i = 0; i < b->nheld; i++)
                    if (i != lost * of_big / 8 && i != lost * of_big / 8 + 1)
                        give(b, &b->held[i]);
                tick(b, 4000000);
                b->hold = false;
                talk(b, 60, 80);
                tick(b, 100000);
                assert_int_equal(heard_of(b, 60, 80), 20);
                assert_in_range(heard_of(b, 4, 60), 50, 56);
                assert_true(n(b, CAPTURE_TLS_HOLES) > 0);
                assert_in_range(b->holes, 1, 2);
                bench_free(b);
            }
}

// So many records lost in a row that the number of the next is not found: within the tries it goes on, beyond them that
// direction is given up, and the other is not.
static void a_hole_of_more_records_than_are_tried(void **state)
{
    (void)state;
    static const struct {
        unsigned lost;
        bool found;
    } rows[] = {{250, true}, {300, false}};
    for (size_t v = 0; v < 2; v++)
        for (size_t i = 0; i < 2; i++) {
            struct bench *b = bench_new(&both_versions[v]);
            handshake(b);
            b->hold = true;
            for (unsigned k = 0; k < rows[i].lost; k++)
                kit_say(b->kit, CLIENT, "lost\n");
            b->nheld = 0;
            b->hold = false;
            talk(b, 0, 200);
            tick(b, 4000000);
            talk(b, 200, 400);
            tick(b, 4000000);
            assert_true(n(b, CAPTURE_TLS_HOLES) > 0);
            unsigned client = 0;
            for (unsigned k = 200; k < 400; k += 2)
                client += heard(b, k);
            assert_int_equal(client, rows[i].found ? 100 : 0);
            assert_int_equal(heard_of(b, 200, 400), client + 100);
            assert_int_equal(n(b, CAPTURE_TLS_OPAQUE), !rows[i].found);
            bench_free(b);
        }
}

static void keys_that_come_late(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        struct bench *b = bench_new(&both_versions[v]);
        kit_pump(b->kit);
        talk(b, 0, 10);
        int64_t then_us = b->at_us;
        tick(b, 3000000);
        assert_int_equal(b->n[0] + b->n[1], 0);
        assert_true(n(b, CAPTURE_TLS_HELD) > 0);
        flag(b, CLIENT, 17); // and the connection is over
        flag(b, SERVER, 4);
        tell_keys(b);
        assert_int_equal(heard_of(b, 0, 10), 10);
        assert_int_equal(b->text_at_us, then_us); // of its segment, not of its keys
        assert_int_equal(n(b, CAPTURE_TLS_OPAQUE), 0);
        assert_int_equal(n(b, CAPTURE_TLS_UP), 0);
        bench_free(b);
    }
}

static void keys_that_never_come(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++)
        for (int log = 0; log < 2; log++) {
            struct start s = both_versions[v];
            s.no_keylog = !log;
            struct bench *b = bench_new(&s);
            kit_pump(b->kit);
            talk(b, 0, 10);
            if (log) {
                assert_int_equal(n(b, CAPTURE_TLS_OPAQUE), 0);
                tick(b, 1000);
                tick(b, 6000000);
            }
            assert_int_equal(n(b, CAPTURE_TLS_OPAQUE), 1);
            uint64_t so_far = n(b, CAPTURE_TLS_OPAQUE_RECORDS);
            assert_true(so_far >= 10);
            talk(b, 10, 20);
            assert_int_equal(n(b, CAPTURE_TLS_OPAQUE_RECORDS), so_far + 10);
            assert_int_equal(n(b, CAPTURE_TLS_HELD), 0);
            assert_int_equal(b->n[0] + b->n[1], 0);
            if (log) { // better late than never
                tell_keys(b);
                talk(b, 20, 30);
                assert_int_equal(heard_of(b, 20, 30), 10);
            }
            bench_free(b);
        }
}

// More ciphertext than may wait: the oldest goes, the newest is read when the keys come.
static void the_hold_is_full(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        struct bench *b = bench_new(&both_versions[v]);
        kit_pump(b->kit);
        talk(b, 0, 600);
        tick(b, 1000);
        assert_in_range(n(b, CAPTURE_TLS_HELD), 32768, 2 * 32768);
        uint64_t dropped = n(b, CAPTURE_TLS_OPAQUE_RECORDS);
        assert_in_range(dropped, 100, 500);
        tell_keys(b);
        assert_int_equal(n(b, CAPTURE_TLS_HELD), 0);
        assert_int_equal(heard_of(b, 500, 600), 100);
        assert_false(heard(b, 0));
        assert_int_equal(n(b, CAPTURE_TLS_OPAQUE), 1);
        talk(b, 600, 610);
        assert_int_equal(heard_of(b, 600, 610), 10);
        bench_free(b);
    }
}

static void the_table_is_full(void **state)
{
    (void)state;
    struct bench *b = bench_new(&(struct start){.version = TLS1_3_VERSION, .connections = 3});
    b->sip = true;
    handshake(b);
    talk(b, 0, 2);
    struct kit *sip = b->kit;
    uint16_t sip_port = b->port;
    uint32_t sip_seq[2] = {b->seq[0], b->seq[1]};
    b->kit = NULL;
    for (int i = 0; i < 20; i++) { // browsers come and go
        connect_again(b, TLS1_3_VERSION, NULL);
        kit_pump(b->kit);
    }
    tick(b, 1000);
    assert_int_equal(n(b, CAPTURE_TLS_UP), 3);
    assert_int_equal(n(b, CAPTURE_TLS_EVICTED), 18);
    assert_int_equal(n(b, CAPTURE_DROP_TLS), 0);
    kit_free(b->kit);
    b->kit = sip;
    b->port = sip_port;
    memcpy(b->seq, sip_seq, sizeof sip_seq);
    talk(b, 2, 10); // the one with SIP is still read
    assert_int_equal(heard_of(b, 0, 10), 10);
    bench_free(b);

    b = bench_new(&(struct start){.version = TLS1_3_VERSION, .connections = 3});
    b->sip = true;
    for (int i = 0; i < 4; i++) {
        handshake(b);
        talk(b, 0, 2);
        if (i < 3)
            connect_again(b, TLS1_3_VERSION, NULL);
    }
    assert_int_equal(n(b, CAPTURE_DROP_TLS), 1); // said: SIP was lost
    bench_free(b);
}

static void secrets_beyond_the_table_are_forgotten(void **state)
{
    (void)state;
    struct bench *b = bench_new(&(struct start){.version = TLS1_2_VERSION, .secrets = 2});
    struct kit *first = b->kit;
    b->hold = true;
    kit_pump(first);
    tell_keys(b);
    for (int i = 0; i < 2; i++) { // two more connections' secrets
        size_t was = b->nheld;
        struct kit *other = kit_new(TLS1_2_VERSION, NULL, on_wire, b);
        b->kit = other;
        kit_pump(other);
        tell_keys(b);
        kit_free(other);
        b->nheld = was;
    }
    assert_int_equal(n(b, CAPTURE_TLS_SECRETS), 2);
    assert_int_equal(n(b, CAPTURE_TLS_SECRETS_EVICTED), 1);
    assert_int_equal(n(b, CAPTURE_TLS_KEYS), 3);
    b->kit = first;
    for (size_t i = 0; i < b->nheld; i++)
        give(b, &b->held[i]);
    tick(b, 6000000);
    tick(b, 6000000);
    assert_int_equal(n(b, CAPTURE_TLS_OPAQUE), 1);
    bench_free(b);
}

static void a_log_is_followed(void **state)
{
    (void)state;
    struct bench *b = bench_new(&both_versions[0]);
    kit_pump(b->kit);
    char junk[900];
    memset(junk, 'A', sizeof junk);
    junk[sizeof junk - 1] = '\n';
    assert_int_equal(write(b->keylog, junk, sizeof junk),
                     (ssize_t)sizeof junk); // longer than any line
    dprintf(b->keylog, "# a comment\r\n\nCLIENT_RANDOM 12 34\nEXPORTER_SECRET x y\n");
    tick(b, 100000);
    assert_int_equal(n(b, CAPTURE_TLS_KEYS_BAD), 2);
    assert_int_equal(n(b, CAPTURE_TLS_KEYS), 0);
    dprintf(b->keylog, "#%511s\n", "a comment of the longest line");
    tick(b, 100000);
    assert_int_equal(n(b, CAPTURE_TLS_KEYS_BAD), 2);
    dprintf(b->keylog, "#%512s\n", "and one byte more");
    tick(b, 100000);
    assert_int_equal(n(b, CAPTURE_TLS_KEYS_BAD), 3);
    for (size_t i = 0; i < b->kit->log_n; i++) { // byte by byte
        assert_int_equal(n(b, CAPTURE_TLS_KEYS), 0);
        assert_int_equal(write(b->keylog, b->kit->log + i, 1), 1);
        tick(b, 100000);
    }
    assert_int_equal(n(b, CAPTURE_TLS_KEYS), 1);
    assert_int_equal(ftruncate(b->keylog, 0), 0); // rotated by copying
    assert_int_equal(lseek(b->keylog, 0, SEEK_SET), 0);
    tell_keys(b);
    assert_int_equal(n(b, CAPTURE_TLS_KEYS), 2);
    bench_free(b);
}

static void what_is_no_tls_stays_with_its_reader(void **state)
{
    (void)state;
    struct bench *b = bench_new(&both_versions[0]);
    b->hold = true;
    kit_pump(b->kit);
    struct pkt hello = packet(b, CLIENT, 1, span_of(b->held[0].b, b->held[0].n), 16);
    assert_false(tls_feed(b->t, &hello, true)); // SIP over TCP whose body looks like it
    struct pkt sip = packet(b, CLIENT, 1, SPAN_LIT("OPTIONS sip:a SIP/2.0\r\n"), 16);
    assert_false(tls_feed(b->t, &sip, false));
    struct pkt data = packet(b, CLIENT, 1, SPAN_LIT("\x17\x03\x03\x00\x05hello"),
                             16); // its beginning was not seen
    assert_false(tls_feed(b->t, &data, false));
    assert_int_equal(n(b, CAPTURE_TLS), 0);
    assert_true(tls_feed(b->t, &hello, false));
    assert_int_equal(n(b, CAPTURE_TLS), 1);
    flag(b, CLIENT, 2); // the same ports again
    assert_false(tls_feed(b->t, &sip, false));
    bench_free(b);
}

static void garbage_behind_a_hello_ends_in_nothing(void **state)
{
    (void)state;
    for (int log = 0; log < 2; log++) {
        struct bench *b = bench_new(&(struct start){.version = TLS1_3_VERSION, .no_keylog = !log});
        handshake(b);
        uint8_t junk[1400];
        uint32_t x = 1;
        for (int i = 0; i < 2000; i++) {
            for (size_t k = 0; k < sizeof junk; k++)
                junk[k] = (uint8_t)((x = x * 1103515245 + 12345) >> 16);
            if (i % 3 == 0)
                memcpy(junk, "\x17\x03\x03\x01\x00", 5);
            on_wire(b, i & 1, span_of(junk, sizeof junk));
        }
        assert_int_equal(b->n[0] + b->n[1], 0);
        tick(b, 10000);
        assert_true(n(b, CAPTURE_TLS_HELD) <= 65536);
        bench_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_suite_in_pieces_of_any_size),
        cmocka_unit_test(keys_change_as_often_as_they_like),
        cmocka_unit_test(a_second_handshake_has_its_own_keys),
        cmocka_unit_test(doubled_and_swapped),
        cmocka_unit_test(a_hole_costs_what_was_in_it),
        cmocka_unit_test(a_hole_of_more_records_than_are_tried),
        cmocka_unit_test(keys_that_come_late),
        cmocka_unit_test(keys_that_never_come),
        cmocka_unit_test(the_hold_is_full),
        cmocka_unit_test(the_table_is_full),
        cmocka_unit_test(secrets_beyond_the_table_are_forgotten),
        cmocka_unit_test(a_log_is_followed),
        cmocka_unit_test(what_is_no_tls_stays_with_its_reader),
        cmocka_unit_test(garbage_behind_a_hello_ends_in_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
