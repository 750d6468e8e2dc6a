// The journal by its promises: bounds, order, kills, bad bytes, power cuts. Over 450 lines: one test a promise, nothing else.
#include "journal_kit.h"

#include <signal.h>
#include <stddef.h>

#include <xxhash.h>

#define SMALL (128 << 10) // eight segments of 16 KiB

static void fill_and_overwrite(void **state)
{
    (void)state;
    struct journal *j = kit_open(NULL, 16384);
    struct journal_stat st = journal_stat(j);
    assert_int_equal(st.epoch, 1);
    assert_int_equal(st.first_seq, 1);
    assert_int_equal(st.head_seq, 0);
    kit_puts(j, 10);
    kit_check(j, 1, 0);
    journal_commit(j, 4);
    for (unsigned i = 0; i < 1000; i++) {
        kit_puts(j, 1);
        st = journal_stat(j);
        assert_true(st.bytes_used <= st.bytes);
        kit_check(j, st.first_seq, 0);
    }
    // What went and was not committed is counted exactly: all before the first but the four.
    assert_int_equal(st.overwritten, st.first_seq - 1 - 4);
    assert_true(st.first_seq > 900);
    journal_free(j);
}

static void keeps_uncommitted(void **state)
{
    (void)state;
    struct journal *j = kit_open_as(NULL, 8192, true, true);
    uint64_t refused = 0;
    for (unsigned i = 0; i < 2000; i++) {
        int r = kit_put(j);
        if (r != 0) {
            assert_int_equal(r, -EAGAIN);
            refused++;
            struct journal_stat st = journal_stat(j);
            kit_check(j, st.committed_seq + 1, 0); // all of them are still here
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
    assert_int_equal(journal_append(j, span_of(big, 8192 - 24), (struct span){0}), 0);
    assert_int_equal(journal_stat(j).first_seq, journal_stat(j).head_seq);
    free(big);
    journal_free(j);
}

// Only what a turn has made durable may be seen, and what went with the oldest segment is counted to the record.
static void overwrites_whole_segments(void **state)
{
    (void)state;
    for (int sync = 0; sync <= 1; sync++) {
        kit_clear();
        struct journal *j = kit_open_as(kit_path, 128 << 10, false, sync);
        kit_puts(j, 10);
        assert_int_equal(journal_stat(j).head_seq, 0);
        assert_true(kit_pump(j));
        kit_check(j, 1, 0);
        journal_commit(j, 7);
        struct journal_stat st;
        for (unsigned i = 0; i < 20; i++) {
            kit_puts(j, 100);
            assert_true(kit_pump(j));
            st = journal_stat(j);
            assert_true(st.bytes_used <= st.bytes);
            kit_check(j, st.first_seq, 0);
            assert_int_equal(st.overwritten, st.first_seq > 8 ? st.first_seq - 1 - 7 : 0);
        }
        assert_true(st.first_seq > 1000);
        journal_free(j);
    }
}

// A file source waits: nothing goes, the append is refused until the consumer has committed.
static void waits_on_disk(void **state)
{
    (void)state;
    struct journal *j = kit_open_as(kit_path, 128 << 10, true, true);
    uint64_t refused = 0;
    while (refused < 20) {
        if (kit_put(j) == 0)
            continue;
        refused++;
        while (journal_turn(j, NULL) == 0)
            ;
        struct journal_stat st = journal_stat(j);
        kit_check(j, st.committed_seq + 1, 0);
        journal_commit(j, st.head_seq);
        while (journal_turn(j, NULL) == 0)
            ;
    }
    assert_int_equal(journal_stat(j).overwritten, 0);
    journal_free(j);
}

// An empty stage begins at its front again when its end has no room: what was taken must follow it there.
static void the_stage_goes_round(void **state)
{
    (void)state;
    static uint8_t body[300 << 10];
    for (int sync = 0; sync <= 1; sync++) {
        kit_clear();
        struct journal *j = kit_open_as(kit_path, 16 << 20, false, sync);
        for (uint64_t n = 1; n <= 120; n++) {
            size_t len = (150 << 10) + n * 7919 % (150 << 10);
            memset(body, (int)n, len);
            assert_int_equal(journal_append(j, span_of(body, len), (struct span){0}), 0);
            journal_commit(j, n - 1);
            int64_t end = mono_now_us() + 5 * US_PER_S;
            while (journal_stat(j).head_seq < n && mono_now_us() < end)
                if (journal_turn(j, NULL) > 0)
                    usleep(1000);
            if (n % 10 == 0) // the lazy sync too, so that the stage is empty
                disk_drain(j);
            uint64_t seq = 0;
            struct span s = {0};
            assert_true(journal_read(j, n, &seq, &s));
            assert_int_equal(seq, n);
            assert_int_equal(s.n, len);
            assert_memory_equal(s.p, body, len);
        }
        assert_int_equal(journal_stat(j).head_seq, 120);
        journal_free(j);
    }
}

static void reopens(void **state)
{
    (void)state;
    for (int sync = 0; sync <= 1; sync++) {
        kit_clear();
        struct journal *j = kit_open_as(kit_path, 1 << 20, false, sync);
        struct journal_stat a = journal_stat(j), b;
        for (unsigned life = 1; life <= 30; life++) {
            kit_puts(j, life * 7);
            if (life % 2 == 0)
                assert_true(kit_pump(j));
            if (life % 3 == 0)
                journal_commit(j, journal_stat(j).head_seq - 5);
            if (life % 2)
                journal_close(j); // writes what is left
            b = journal_stat(j);
            journal_free(j); // without close: as a kill leaves it
            j = kit_open_as(kit_path, 1 << 20, false, sync);
            struct journal_stat c = journal_stat(j);
            assert_int_equal(c.epoch, life + 1);
            assert_int_equal(c.head_seq, b.head_seq);
            assert_int_equal(c.first_seq, b.first_seq);
            assert_int_equal(c.committed_seq, b.committed_seq);
            assert_int_equal(c.damaged, 0);
            assert_memory_equal(c.incarnation, a.incarnation, 16);
            kit_check(j, c.first_seq, 0);
        }
        char err[4400] = "";
        struct journal *second;
        struct journal_opts o = {.path = kit_path, .bytes = 1 << 20};
        assert_int_equal(journal_open(&second, &o, err, sizeof(err)), -EWOULDBLOCK);
        assert_non_null(strstr(err, "in use"));
        // Another size: what is there stays until it is overwritten, segment by segment.
        journal_free(j);
        for (uint64_t bytes = 256 << 10; bytes <= 4 << 20; bytes <<= 2) {
            j = kit_open_as(kit_path, bytes, false, sync);
            b = journal_stat(j);
            kit_check(j, b.first_seq, 0);
            for (unsigned i = 0; i < 12; i++) {
                kit_puts(j, 250);
                assert_true(kit_pump(j));
            }
            kit_check(j, journal_stat(j).first_seq, 0);
            journal_free(j);
        }
    }
}

// kill -9 at any instant: a child appends and turns for some time, then it is gone. What it said was to be seen is here.
static void killed_at_any_instant(void **state)
{
    (void)state;
    for (int sync = 0; sync <= 1; sync++) {
        kit_clear();
        uint64_t last = 0;
        for (unsigned round = 0; round < 60; round++) {
            int ready[2];
            assert_int_equal(pipe(ready), 0);
            pid_t pid = fork();
            assert_true(pid >= 0);
            if (pid == 0) {
                struct journal *j = kit_open_as(kit_path, 1 << 20, false, sync);
                for (;;) {
                    for (unsigned i = 0; i < 20; i++)
                        kit_put(j);
                    journal_turn(j, NULL);
                    uint64_t seen = journal_stat(j).head_seq;
                    if (write(ready[1], &seen, 8) != 8)
                        _exit(1);
                }
            }
            close(ready[1]);
            uint64_t seen = 0, n;
            assert_int_equal(read(ready[0], &seen, 8), 8);
            usleep(200 + round * 97 % 3000);
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
            while (read(ready[0], &n, 8) == 8)
                seen = n;
            close(ready[0]);
            struct journal *j = kit_open_as(kit_path, 1 << 20, false, sync);
            struct journal_stat st = journal_stat(j);
            assert_int_equal(st.damaged, 0);
            assert_true(st.head_seq >= seen && st.head_seq >= last);
            last = st.head_seq;
            kit_check(j, st.first_seq, 0);
            journal_free(j);
        }
        print_message("sync %d: killed 60 times in %llu records\n", sync, (unsigned long long)last);
    }
}

// Place in the first segment of the record of seq.
static off_t find_record(uint64_t seq, size_t *ret_n)
{
    uint8_t want[1024];
    char name[100];
    *ret_n = kit_body(want, seq);
    snprintf(name, sizeof(name), "%s/007.seg", kit_path);
    int fd = open(name, O_RDONLY);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    uint8_t *all = malloc((size_t)st.st_size);
    assert_int_equal(read(fd, all, (size_t)st.st_size), st.st_size);
    close(fd);
    const uint8_t *p = memmem(all, (size_t)st.st_size, want, *ret_n);
    assert_non_null(p);
    off_t at = p - all;
    free(all);
    return at;
}

static void change(const char *file, off_t at, size_t n, uint8_t flip)
{
    char name[100];
    snprintf(name, sizeof(name), "%s/%s", kit_path, file);
    int fd = open(name, O_RDWR);
    assert_true(fd >= 0);
    for (size_t i = 0; i < n; i++) {
        uint8_t b;
        assert_int_equal(pread(fd, &b, 1, at + (off_t)i), 1);
        b = flip ? b ^ flip : 0;
        assert_int_equal(pwrite(fd, &b, 1, at + (off_t)i), 1);
    }
    close(fd);
}

// A journal of twenty records, not closed.
static void twenty(void)
{
    char cmd[400];
    kit_clear();
    struct stat st;
    snprintf(cmd, sizeof(cmd), "%s/twenty", kit_base);
    if (stat(cmd, &st) != 0) {
        struct journal *j = kit_open(kit_path, SMALL);
        kit_puts(j, 20);
        assert_true(kit_pump(j));
        journal_free(j);
        assert_int_equal(rename(kit_path, cmd), 0);
    }
    snprintf(cmd, sizeof(cmd), "cp -r '%s/twenty' '%s'", kit_base, kit_path);
    assert_int_equal(system(cmd), 0);
}

// A bad byte costs one record, wherever it stands; its number is not used again, also when it is the last.
static void bad_bytes_cost_one_record(void **state)
{
    (void)state;
    for (int offset = -40; offset < 10; offset++) {
        for (uint64_t bad = 5; bad <= 20; bad += 15) {
            size_t n;
            twenty();
            change("007.seg", find_record(bad, &n) + offset, 1, 0x10);
            struct journal *j = kit_open(kit_path, SMALL);
            struct journal_stat st = journal_stat(j);
            assert_int_equal(st.damaged, 1);
            assert_int_equal(st.first_seq, 1);
            assert_int_equal(st.head_seq, 20);
            kit_check(j, 1, bad);
            kit_puts(j, 3);
            assert_true(kit_pump(j));
            kit_check(j, 1, bad);
            journal_free(j);
            j = kit_open(kit_path, SMALL); // and the hole stays a hole
            kit_check(j, 1, bad);
            journal_free(j);
        }
    }
    for (unsigned at = 0; at < sizeof(struct segment_head);
         at++) { // the segment's head costs nothing
        twenty();
        change("007.seg", at, 1, 0x10);
        struct journal *j = kit_open(kit_path, SMALL);
        assert_int_equal(journal_stat(j).damaged, 0);
        kit_check(j, 1, 0);
        journal_free(j);
    }
}

// The write of the last record was cut short, at each of its bytes: it never was, and its number is free.
static void torn_tail_at_every_byte(void **state)
{
    (void)state;
    size_t n;
    twenty();
    off_t at = find_record(20, &n) - (off_t)sizeof(struct record_head);
    size_t whole = n + sizeof(struct record_head);
    for (size_t cut = 0; cut < whole; cut++) {
        twenty();
        change("007.seg", at + (off_t)cut, whole - cut, 0);
        change("journal", MARK_SEEN, sizeof(struct journal_mark), 0); // it was not seen either
        struct journal *j = kit_open(kit_path, SMALL);
        struct journal_stat st = journal_stat(j);
        // Its last bytes may have been zeroes: then it is whole.
        assert_true(st.head_seq == 19 || (cut > whole - 2 && st.head_seq == 20));
        assert_int_equal(st.damaged, 0);
        kit_puts(j, 2);
        assert_true(kit_pump(j));
        kit_check(j, 1, 0);
        journal_free(j);
    }
}

static void truncated_segment(void **state)
{
    (void)state;
    struct journal *j = kit_open(kit_path, 1 << 20);
    kit_puts(j, 60);
    assert_true(kit_pump(j));
    journal_free(j);
    char name[100];
    snprintf(name, sizeof(name), "%s/007.seg", kit_path);
    assert_int_equal(truncate(name, 8192), 0);
    j = kit_open(kit_path, 1 << 20);
    struct journal_stat st = journal_stat(j);
    assert_int_equal(st.head_seq, 60);
    assert_true(st.damaged > 20 && st.damaged < 60);
    uint64_t seq, n = 0;
    struct span s;
    for (uint64_t from = 1; journal_read(j, from, &seq, &s); from = seq + 1)
        assert_int_equal(seq, ++n);
    assert_int_equal(n + st.damaged, 60);
    kit_puts(j, 60); // also of its numbers none is used again
    assert_true(kit_pump(j));
    assert_int_equal(journal_stat(j).head_seq, 120);
    journal_free(j);
}

// Without sync a power cut may cost what was written last. Its numbers were seen: they are lost, not used again.
static void power_cut_without_sync(void **state)
{
    (void)state;
    struct journal *j = kit_open_as(kit_path, SMALL, false, false);
    kit_puts(j, 10);
    assert_true(kit_pump(j)); // synced: the first has to be
    kit_puts(j, 10);
    assert_true(kit_pump(j)); // only written
    uint64_t synced = j->d->synced, promised = j->d->promised;
    assert_int_equal(synced, 10);
    assert_true(promised >= 20);
    journal_free(j);
    size_t n;
    off_t at = find_record(11, &n) - (off_t)sizeof(struct record_head);
    change("007.seg", at, (size_t)((16 << 10) - at), 0);
    change("journal", MARK_SEEN, sizeof(struct journal_mark), 0);
    char head[100];
    snprintf(head, sizeof(head), "%s/journal", kit_path);
    struct journal_head h;
    int fd = open(head, O_RDWR);
    assert_int_equal(pread(fd, &h, sizeof(h), 0), sizeof(h));
    h.boot_id[0] ^= 1;
    h.sum = XXH3_64bits(&h, offsetof(struct journal_head, sum));
    assert_int_equal(pwrite(fd, &h, sizeof(h), 0), sizeof(h));
    close(fd);
    j = kit_open_as(kit_path, SMALL, false, false);
    struct journal_stat st = journal_stat(j);
    assert_true(st.after_power_cut);
    assert_int_equal(st.head_seq, promised);
    assert_int_equal(st.damaged, promised - 10);
    kit_puts(j, 5);
    assert_true(kit_pump(j));
    uint64_t seq;
    struct span s;
    assert_true(journal_read(j, 11, &seq, &s));
    assert_int_equal(seq, promised + 1);
    journal_free(j);
}

static void not_a_journal(void **state)
{
    (void)state;
    char err[4400] = "", name[100];
    struct journal *j;
    struct journal_opts o = {.path = kit_path, .bytes = SMALL, .sync = true};
    struct stat st;
    FILE *f = fopen(kit_path, "w"); // a file in its place
    fputs("these are somebody's words\n", f);
    fclose(f);
    assert_int_equal(journal_open(&j, &o, err, sizeof(err)), -ENOTDIR);
    assert_non_null(strstr(err, "not a journal"));
    assert_int_equal(stat(kit_path, &st), 0);
    assert_int_equal(st.st_size, 27);
    unlink(kit_path);
    mkdir(kit_path, 0700); // somebody's file in its folder
    snprintf(name, sizeof(name), "%s/letters.txt", kit_path);
    fclose(fopen(name, "w"));
    assert_int_equal(journal_open(&j, &o, err, sizeof(err)), -EINVAL);
    assert_non_null(strstr(err, "letters.txt in it is not of a journal"));
    assert_null(strchr(err, '\n'));
    unlink(name);
    twenty(); // another file as its head
    change("journal", 0, 1, 1);
    assert_int_equal(journal_open(&j, &o, err, sizeof(err)), -EINVAL);
    assert_non_null(strstr(err, "its head is not one of a journal"));
    o.path = "/nonexistent/j";
    assert_int_equal(journal_open(&j, &o, err, sizeof(err)), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(fill_and_overwrite, kit_fresh),
        cmocka_unit_test_setup(keeps_uncommitted, kit_fresh),
        cmocka_unit_test_setup(overwrites_whole_segments, kit_fresh),
        cmocka_unit_test_setup(waits_on_disk, kit_fresh),
        cmocka_unit_test_setup(the_stage_goes_round, kit_fresh),
        cmocka_unit_test_setup(reopens, kit_fresh),
        cmocka_unit_test_setup(killed_at_any_instant, kit_fresh),
        cmocka_unit_test_setup(bad_bytes_cost_one_record, kit_fresh),
        cmocka_unit_test_setup(torn_tail_at_every_byte, kit_fresh),
        cmocka_unit_test_setup(truncated_segment, kit_fresh),
        cmocka_unit_test_setup(power_cut_without_sync, kit_fresh),
        cmocka_unit_test_setup(not_a_journal, kit_fresh),
    };
    return cmocka_run_group_tests(tests, kit_begin, kit_end);
}
