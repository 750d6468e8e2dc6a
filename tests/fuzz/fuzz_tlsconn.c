// TLS connections with a key log: ciphertext in, plaintext out, with holes and keys at any time. Input: length of the key log
// (2 bytes) and the log; then steps: what (1 byte), length (2 bytes), bytes. What: bit 0 the side, 1 FIN, 2 RST, 3 SYN,
// 4 lost on the way, 5 time passes, 6 the other connection, 7 the key log is told now. Tables are tiny.
#include <sys/mman.h>
#include <unistd.h>
#include "fuzz.h"
#include "tls.h"
#include "wire/tls.h"

static void on_plain(void *ctx, const struct pkt *p)
{
    struct tls **t = ctx;
    fuzz_check(p->protocol == 22 && p->payload.n <= TLS_RECORD_MAX);
    if (p->payload.n > 20 && fuzz_touch(p->payload) & 1)
        tls_found_sip(*t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct capture_counts counts = {0};
    struct tls *t = NULL;
    struct cur c = cur_of(span_of(data, size));
    struct span log = cur_take(&c, cur_u16be(&c));
    int fd = memfd_create("keys", 0), out = dup(fd);
    t = tls_new(&(struct tls_opts){.connections = 2,
                                   .hold_bytes = 32768,
                                   .wait_us = 2000000,
                                   .secrets = 2,
                                   .keylog_fd = fd,
                                   .counts = &counts,
                                   .on_plain = on_plain,
                                   .ctx = &t});
    fuzz_check(t && out >= 0);
    int64_t at_us = 1700000000000000, clock_us = 0;
    uint32_t seq[2][2] = {{1, 1}, {UINT32_MAX - 300, 5}};
    while (cur_left(&c) > 0 && !c.failed) {
        uint8_t what = cur_u8(&c);
        struct span bytes = cur_take(&c, cur_u16be(&c) % (cur_left(&c) + 1));
        int side = what & 1, other = what >> 6 & 1;
        if (what & 128) {
            fuzz_check(write(out, log.p, log.n) == (ssize_t)log.n);
            log.n = 0;
        }
        at_us += what & 32 ? 1500000 : 1000;
        clock_us += 100000;
        struct pkt p = {
            .src.family = 4, .dst.family = 4, .protocol = 6, .at_us = at_us, .payload = bytes};
        p.src.b[3] = (uint8_t)(side + 2 * other);
        p.dst.b[3] = (uint8_t)(!side + 2 * other);
        p.sport = side ? 5061 : 40000;
        p.dport = side ? 40000 : 5061;
        p.tcp_seq = seq[other][side];
        p.tcp_flags = (uint8_t)((what >> 1 & 1) | (what >> 3 & 1) << 1 | (what >> 2 & 1) << 2);
        seq[other][side] += (uint32_t)bytes.n;
        if (!(what & 16))
            (void)tls_feed(t, &p, false);
        if (what & (32 | 128))
            tls_tick(t, at_us, clock_us);
    }
    tls_end(t, at_us);
    fuzz_check(counts.n[CAPTURE_TLS_UP] == 0 && counts.n[CAPTURE_TLS_HELD] == 0);
    fuzz_check(counts.n[CAPTURE_TLS_DECRYPTED] <= counts.n[CAPTURE_TLS_RECORDS]);
    tls_free(t);
    close(out);
    return 0;
}
