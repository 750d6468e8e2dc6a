#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mono.h"
#include "bus/bus.h"
#include "journal.h"

static char dir[] = "/tmp/callmesh-journal-XXXXXX";
static char path[64];

static int make_dir(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/j", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static int fresh(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static struct journal *open_it(const char *p, uint64_t bytes, bool keep)
{
    char err[256] = "";
    struct journal *j = NULL;
    if (journal_open(&j, p, bytes, keep, err, sizeof(err)) != 0)
        fail_msg("%s", err);
    return j;
}

// Bytes that say their seq, of a length that depends on it.
static size_t body(uint8_t *buf, uint64_t seq, size_t len)
{
    for (size_t i = 0; i < len; i++)
        buf[i] = (uint8_t)(seq * 31 + i * 7);
    if (len >= 8)
        memcpy(buf, &seq, 8);
    return len;
}

static size_t len_of(uint64_t seq)
{
    return 8 + seq * 2654435761u % 900;
}

static void put(struct journal *j)
{
    uint8_t buf[1024];
    uint64_t seq = journal_stat(j).head_seq + 1;
    size_t n = body(buf, seq, len_of(seq));
    assert_int_equal(journal_append(j, span_of(buf, 5), span_of(buf + 5, n - 5)), 0);
}

// Everything from `from` to the head but `missing` is there, unchanged.
static void check(struct journal *j, uint64_t from, uint64_t missing)
{
    uint8_t buf[1024];
    uint64_t seq, at = from;
    struct span s;
    while (journal_read(j, at, &seq, &s)) {
        if (at == missing)
            at++;
        assert_int_equal(seq, at);
        assert_int_equal(s.n, len_of(seq));
        body(buf, seq, s.n);
        assert_memory_equal(buf, s.p, s.n);
        at++;
    }
    assert_int_equal(at == missing ? at + 1 : at, journal_stat(j).head_seq + 1);
}

static void fill_and_overwrite(void **state)
{
    (void)state;
    struct journal *j = open_it(NULL, 16384, false);
    struct journal_stat st = journal_stat(j);
    assert_int_equal(st.epoch, 1);
    assert_int_equal(st.first_seq, 1);
    assert_int_equal(st.head_seq, 0);
    for (unsigned i = 0; i < 10; i++)
        put(j);
    check(j, 1, 0);
    journal_commit(j, 4);
    for (unsigned i = 0; i < 1000; i++) {
        put(j);
        st = journal_stat(j);
        assert_true(st.bytes_used <= st.bytes);
        check(j, st.first_seq, 0);
    }
    // What went and was not committed is counted exactly: all before the first but the four.
    assert_int_equal(st.overwritten, st.first_seq - 1 - 4);
    assert_true(st.first_seq > 900);
    journal_free(j);
}

static void keeps_uncommitted(void **state)
{
    (void)state;
    uint8_t buf[1024];
    struct journal *j = open_it(NULL, 8192, true);
    uint64_t refused = 0;
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t seq = journal_stat(j).head_seq + 1;
        size_t n = body(buf, seq, len_of(seq));
        int r = journal_append(j, span_of(buf, n), (struct span){0});
        if (r != 0) {
            assert_int_equal(r, -EAGAIN);
            refused++;
            struct journal_stat st = journal_stat(j);
            check(j, st.committed_seq + 1, 0); // all of them are still here
            journal_commit(j, st.committed_seq + 3);
        }
    }
    assert_true(refused > 100);
    assert_int_equal(journal_stat(j).overwritten, 0);
    uint8_t *big = calloc(1, 8192);
    assert_int_equal(journal_append(j, span_of(big, 8192), (struct span){0}), -EMSGSIZE);
    assert_int_equal(journal_append(j, span_of(big, 8192 - 24), (struct span){0}), -EAGAIN);
    journal_commit(j, UINT64_MAX);
    assert_int_equal(journal_stat(j).committed_seq, journal_stat(j).head_seq);
    assert_int_equal(journal_append(j, span_of(big, 8192 - 24), (struct span){0}),
                     0); // the whole ring
    assert_int_equal(journal_stat(j).first_seq, journal_stat(j).head_seq);
    free(big);
    journal_free(j);
}

static void reopens(void **state)
{
    (void)state;
    struct journal *j = open_it(path, 65536, false);
    struct journal_stat a = journal_stat(j), b;
    for (unsigned life = 1; life <= 40; life++) {
        for (unsigned i = 0; i < life * 7; i++)
            put(j);
        if (life % 3 == 0)
            journal_commit(j, journal_stat(j).head_seq - 5);
        b = journal_stat(j);
        if (life % 2)
            journal_close(j);
        journal_free(j); // without close: as a kill leaves it
        j = open_it(path, 65536, false);
        struct journal_stat c = journal_stat(j);
        assert_int_equal(c.epoch, life + 1);
        assert_int_equal(c.head_seq, b.head_seq);
        assert_int_equal(c.first_seq, b.first_seq);
        assert_int_equal(c.committed_seq, b.committed_seq);
        assert_int_equal(c.damaged, 0);
        assert_memory_equal(c.incarnation, a.incarnation, 16);
        check(j, c.first_seq, 0);
    }
    char err[256] = "";
    struct journal *second;
    assert_int_equal(journal_open(&second, path, 65536, false, err, sizeof(err)), -EWOULDBLOCK);
    assert_non_null(strstr(err, "in use"));
    // Another size: kept while something is uncommitted, then taken; seq goes on.
    journal_free(j);
    j = open_it(path, 131072, false);
    assert_int_equal(journal_stat(j).bytes, 65536);
    journal_commit(j, UINT64_MAX);
    b = journal_stat(j);
    journal_free(j);
    j = open_it(path, 131072, false);
    assert_int_equal(journal_stat(j).bytes, 131072);
    assert_int_equal(journal_stat(j).head_seq, b.head_seq);
    assert_int_equal(journal_stat(j).first_seq, b.head_seq + 1);
    put(j);
    check(j, b.head_seq + 1, 0);
    journal_free(j);
}

// kill -9 at any instant: a child appends for some time, then it is gone.
static void killed_at_any_instant(void **state)
{
    (void)state;
    uint64_t last = 0;
    for (unsigned round = 0; round < 60; round++) {
        int ready[2];
        assert_int_equal(pipe(ready), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct journal *j = open_it(path, 32768, false);
            uint8_t b = 1;
            if (write(ready[1], &b, 1) != 1)
                _exit(1);
            for (;;)
                put(j);
        }
        uint8_t b;
        assert_int_equal(read(ready[0], &b, 1), 1);
        close(ready[0]);
        close(ready[1]);
        usleep(200 + round * 97 % 1500);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        struct journal *j = open_it(path, 32768, false);
        struct journal_stat st = journal_stat(j);
        assert_int_equal(st.damaged, 0);
        assert_true(st.head_seq > last);
        last = st.head_seq;
        check(j, st.first_seq, 0);
        put(j); // which may overwrite the oldest
        check(j, journal_stat(j).first_seq, 0);
        journal_free(j);
    }
    print_message("killed 60 times in %llu appends\n", (unsigned long long)last);
}

// Position in the file of the record of seq: its bytes begin with the seq.
static off_t find_record(uint64_t seq)
{
    uint8_t want[1024];
    size_t n = body(want, seq, len_of(seq));
    int fd = open(path, O_RDONLY);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    uint8_t *all = malloc((size_t)st.st_size);
    assert_int_equal(read(fd, all, (size_t)st.st_size), st.st_size);
    close(fd);
    const uint8_t *p = memmem(all + 4096, (size_t)st.st_size - 4096, want, n);
    assert_non_null(p);
    off_t at = p - all;
    free(all);
    return at;
}

static void flip(off_t at)
{
    int fd = open(path, O_RDWR);
    uint8_t b;
    assert_int_equal(pread(fd, &b, 1, at), 1);
    b ^= 0x10;
    assert_int_equal(pwrite(fd, &b, 1, at), 1);
    close(fd);
}

// One bad byte costs one record, wherever it stands: length, kind, seq, sum or bytes.
static void bad_bytes_cost_one_record(void **state)
{
    (void)state;
    static const int offsets[] = {-24, -23, -22, -20, -16, -9, -8, -1, 0, 7, 8};
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        for (uint64_t bad = 5; bad <= 20; bad += 15) { // in the middle, and the last
            unlink(path);
            struct journal *j = open_it(path, 65536, false);
            for (unsigned k = 0; k < 20; k++)
                put(j);
            journal_free(j);
            flip(find_record(bad) + offsets[i]);
            j = open_it(path, 65536, false);
            struct journal_stat st = journal_stat(j);
            assert_int_equal(st.damaged, 1);
            assert_int_equal(st.first_seq, 1);
            assert_int_equal(st.head_seq, 20); // its number is not used again
            check(j, 1, bad);
            put(j);
            check(j, 1, bad);
            journal_free(j);
            j = open_it(path, 65536, false); // and the hole stays a hole
            check(j, 1, bad);
            journal_free(j);
        }
    }
}

static void truncated_file(void **state)
{
    (void)state;
    struct journal *j = open_it(path, 65536, false);
    for (unsigned k = 0; k < 60; k++)
        put(j);
    journal_free(j);
    assert_int_equal(truncate(path, 4096 + 8192), 0);
    j = open_it(path, 65536, false);
    struct journal_stat st = journal_stat(j);
    assert_int_equal(st.head_seq, 60);
    assert_true(st.damaged > 20 && st.damaged < 60);
    uint8_t buf[1024];
    uint64_t seq, n = 0;
    struct span s;
    for (uint64_t from = 1; journal_read(j, from, &seq, &s); from = seq + 1) {
        assert_int_equal(seq, ++n);
        body(buf, seq, len_of(seq));
        assert_memory_equal(buf, s.p, s.n);
    }
    assert_int_equal(n + st.damaged, 60);
    journal_free(j);
}

static void other_boot(void **state)
{
    (void)state;
    struct journal *j = open_it(path, 65536, false);
    struct journal_stat a = journal_stat(j);
    for (unsigned k = 0; k < 5; k++)
        put(j);
    journal_close(j);
    journal_free(j);
    char boot[37] = "", all[4096];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY);
    assert_int_equal(read(fd, boot, 36), 36);
    close(fd);
    for (unsigned closed = 1; closed <= 1; closed--) { // 1, then 0
        fd = open(path, O_RDWR);
        assert_int_equal(pread(fd, all, sizeof(all), 0), 4096);
        const char *at = memmem(all, sizeof(all), boot, 36);
        assert_non_null(at);
        assert_int_equal(pwrite(fd, "x", 1, at - all), 1);
        close(fd);
        j = open_it(path, 65536, false);
        struct journal_stat b = journal_stat(j);
        assert_int_equal(b.reborn, !closed);
        assert_int_equal(b.head_seq, closed ? 5 : 0);
        assert_int_equal(memcmp(a.incarnation, b.incarnation, 16) != 0, !closed);
        journal_free(j); // not closed: the next round is the power cut
    }
}

static void not_a_journal(void **state)
{
    (void)state;
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("these are somebody's words\n", f);
    fclose(f);
    char err[256] = "";
    struct journal *j;
    assert_int_equal(journal_open(&j, path, 65536, false, err, sizeof(err)), -EINVAL);
    assert_non_null(strstr(err, "not a journal"));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 27000);
    assert_int_equal(journal_open(&j, "/nonexistent/j", 65536, false, err, sizeof(err)), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(fill_and_overwrite, fresh),
        cmocka_unit_test_setup(keeps_uncommitted, fresh),
        cmocka_unit_test_setup(reopens, fresh),
        cmocka_unit_test_setup(killed_at_any_instant, fresh),
        cmocka_unit_test_setup(bad_bytes_cost_one_record, fresh),
        cmocka_unit_test_setup(truncated_file, fresh),
        cmocka_unit_test_setup(other_boot, fresh),
        cmocka_unit_test_setup(not_a_journal, fresh),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
