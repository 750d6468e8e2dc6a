// What clients send, and WAV files: the first byte says which reader gets the rest.
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fail.h"
#include "body.h"
#include "http/query.h"
#include "http/range.h"
#include "peaks.h"
#include "rtpdump.h"
#include "sdes.h"
#include "numbers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_range(struct span s)
{
    for (uint64_t size = 0; size < 1000; size = size * 3 + 1) {
        uint64_t first = 0, last = 0;
        if (range_parse(s, size, &first, &last) == RANGE_PART)
            must(first <= last && last < size);
    }
}

static void fuzz_query(struct span s)
{
    static const char *const words[] = {"busy", "answered"};
    int64_t us = 0;
    struct span rest = s, v;
    if (query_time(s, &us))
        must(us > -86400 * INT64_C(1000000));
    for (size_t n = 0; query_list_next(&rest, &v); n++)
        must(v.n > 0 && n < s.n);
    (void)query_words_known(s, words, 2);
    (void)query_etag_match(s, SPAN_LIT("\"abc\""), true);
    char digits[40];
    must(number_digits(s, digits, sizeof(digits)) < sizeof(digits));
}

static void fuzz_body(struct span s)
{
    char a[16], b[16];
    struct body_field f[] = {{"a", a, sizeof(a), false}, {"b", b, sizeof(b), false}};
    if (body_read(s, f, 2))
        must(strlen(a) < sizeof(a) && strlen(b) < sizeof(b));
}

static void fuzz_file(struct span s)
{
    static struct peaks p;
    static struct rtpdump d;
    static struct reader reader;
    struct reader_source src;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    must(fd >= 0 && write(fd, s.p, s.n) == (ssize_t)s.n);
    must(reader_init(&reader) == 0 && reader_source_fd(&src, fd) == 0 &&
         reader_open(&reader, &src, "x.wav", NULL) == 0);
    if (peaks_make(&reader, 20, &p) == 0)
        must(p.length <= PEAKS_MAX && p.channels >= 1 && p.channels <= 2);
    size_t total = 0;
    for (int e = rtpdump_open(&d, &reader); e == 0 && d.has; e = rtpdump_next(&d)) {
        (void)rtpdump_ssrc(&d);
        must(d.n <= RTPDUMP_PACKET && (total += d.n) < s.n);
    }
    reader_deinit(&reader);
    close(fd);
}

// Blotting twice says the same as once, and touches nothing but what it blots.
static void fuzz_sdes(struct span s)
{
    static uint8_t once[65536], twice[65536];
    size_t n = s.n < sizeof(once) ? s.n : sizeof(once);
    memcpy(once, s.p, n);
    sdes_blot(once, n);
    memcpy(twice, once, n);
    sdes_blot(twice, n);
    must(memcmp(once, twice, n) == 0);
    for (size_t i = 0; i < n; i++)
        must(once[i] == s.p[i] || once[i] == 'x');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct span s = span_of(data + 1, size - 1);
    switch (data[0] & 3) {
    case 0:
        fuzz_range(s);
        break;
    case 1:
        fuzz_query(s);
        break;
    case 2:
        fuzz_body(s);
        break;
    default:
        fuzz_file(s);
        fuzz_sdes(s);
    }
    return 0;
}
