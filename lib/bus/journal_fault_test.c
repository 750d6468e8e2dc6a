// The journal when the disk refuses: a full file system, a failed sync, and every single call failing once.
#include "journal_kit.h"

#include <inttypes.h>
#include <sys/mount.h>

// ---- the N-th call fails ------------------------------------------------------------------------------------------

static struct {
    long calls, fail_at, times; // 1 is the next call
    bool syncs_only;
    int error;
    int bad_fd[8]; // a sync of it failed: another one must never come
    unsigned bad_n;
    uint64_t read; // bytes
} fault;

static bool fails(bool sync)
{
    if (fault.syncs_only && !sync)
        return false;
    fault.calls++;
    bool now =
        fault.fail_at && fault.calls >= fault.fail_at && fault.calls < fault.fail_at + fault.times;
    if (now)
        errno = fault.error;
    return now;
}

static int f_open(const char *path, int flags, mode_t mode)
{
    return fails(false) ? -1 : journal_io_real.open(path, flags, mode);
}
static ssize_t f_pwrite(int fd, const void *p, size_t n, off_t at)
{
    if (fails(false)) {
        if (n > 16) // half of it gets there
            (void)journal_io_real.pwrite(fd, p, n / 2, at);
        return -1;
    }
    return journal_io_real.pwrite(fd, p, n, at);
}
static ssize_t f_pread(int fd, void *p, size_t n, off_t at)
{
    fault.read += n;
    return fails(false) ? -1 : journal_io_real.pread(fd, p, n, at);
}
static int f_fdatasync(int fd)
{
    return fails(true) ? -1 : journal_io_real.fdatasync(fd);
}
static int f_fsync(int fd)
{
    return fails(false) ? -1 : journal_io_real.fsync(fd);
}
static int f_reserve(int fd, off_t n)
{
    return fails(false) ? fault.error : journal_io_real.reserve(fd, n);
}
static int f_rename(const char *a, const char *b)
{
    return fails(false) ? -1 : journal_io_real.rename(a, b);
}
static int f_unlink(const char *path)
{
    return fails(false) ? -1 : journal_io_real.unlink(path);
}
static const struct journal_io faulty = {f_open,  f_pwrite,  f_pread,  f_fdatasync,
                                         f_fsync, f_reserve, f_rename, f_unlink};

static void fault_at(long n, long times, int error, bool syncs_only)
{
    memset(&fault, 0, sizeof(fault));
    fault.fail_at = n;
    fault.times = times;
    fault.error = error;
    fault.syncs_only = syncs_only;
    journal_io = &faulty;
}

// A life of a journal: opened, written, read, overwritten, closed, opened again. Whatever fails: what was seen is there.
static bool one_life(bool sync)
{
    char err[4400] = "";
    struct journal *j;
    struct journal_opts o = {.path = kit_path, .bytes = 128 << 10, .sync = sync};
    int r = journal_open(&j, &o, err, sizeof(err));
    if (r < 0) { // said in one line; the next start is well
        assert_true(strlen(err) > 10);
        assert_null(strchr(err, '\n'));
        journal_io = &journal_io_real;
        journal_free(kit_open_as(kit_path, 128 << 10, false, sync));
        return false;
    }
    for (unsigned i = 0; i < 12; i++) {
        kit_puts(j, 40);
        for (int tries = 0; tries < 50 && !kit_pump(j); tries++)
            ;
        struct journal_stat st = journal_stat(j);
        assert_int_equal(st.head_seq, (i + 1) * 40);
        uint64_t seq, from = st.first_seq, missing = 0;
        struct span s;
        for (; journal_read(j, from, &seq, &s); from = seq + 1)
            missing += seq != from;
        assert_true(missing <= 1); // a read that failed once
        kit_check(j, st.first_seq, 0);
        assert_int_equal(st.overwritten, st.first_seq - 1);
    }
    uint64_t head = journal_stat(j).head_seq;
    bool failed = journal_stat(j).io_failed > 0;
    journal_free(j); // as killed
    long calls = fault.calls;
    journal_io = &journal_io_real;
    j = kit_open_as(kit_path, 128 << 10, false, sync);
    assert_int_equal(journal_stat(j).damaged, 0);
    assert_int_equal(journal_stat(j).head_seq, head);
    kit_check(j, journal_stat(j).first_seq, 0);
    journal_free(j);
    return !failed && calls < fault.fail_at; // it was not reached: all have been tried
}

static void every_call_fails_once(void **state)
{
    (void)state;
    for (int sync = 0; sync <= 1; sync++) {
        long n = 1;
        for (;; n++) {
            kit_fresh(NULL);
            fault_at(n, 1, n % 2 ? EIO : ENOSPC, false);
            if (one_life(sync))
                break;
            assert_true(n < 2000);
        }
        print_message("sync %d: each of %ld calls has failed once\n", sync, n - 1);
        assert_true(n > 60);
    }
}

// A failed fdatasync is not repeated on that file: the segment ends, the same records go into another.
static void failed_sync_moves_on(void **state)
{
    (void)state;
    for (int sync = 0; sync <= 1; sync++) {
        kit_fresh(NULL);
        struct journal *j = kit_open_as(kit_path, 1 << 20, false, sync);
        kit_puts(j, 10);
        assert_true(kit_pump(j));
        uint64_t serial = j->d->live[0].serial;
        if (!sync) { // written and seen, not synced
            kit_puts(j, 10);
            assert_true(kit_pump(j));
        }
        fault_at(1, 1, EIO, true);
        uint64_t before = journal_stat(j).head_seq;
        if (sync) {
            kit_puts(j, 10);
            assert_false(kit_pump(j));
            assert_int_equal(journal_stat(j).head_seq, before); // not durable: not seen
        } else {
            j->d->lazy_us = 0;
            assert_true(journal_turn(j, NULL) > 0);
        }
        assert_int_equal(journal_stat(j).io_failed, 1);
        assert_int_equal(j->d->live[0].serial, serial);
        assert_int_equal(j->d->live[0].last, 10);
        kit_check(j, 1, 0); // what was seen is read from memory meanwhile
        assert_true(kit_pump(j));
        while (journal_turn(j, NULL) == 0)
            ;
        assert_int_equal(j->d->live[1].first, 11);
        assert_int_equal(j->d->live_n, 2);
        kit_check(j, 1, 0);
        assert_int_equal(journal_stat(j).head_seq, 20);
        journal_free(j);
        journal_io = &journal_io_real;
        j = kit_open_as(kit_path, 1 << 20, false, sync);
        assert_int_equal(journal_stat(j).damaged, 0);
        kit_check(j, 1, 0);
        journal_free(j);
    }
}

// A disk that refuses for long: nothing new is seen, the stage holds what it can, the oldest goes and is counted; then on.
static void disk_away_for_long(void **state)
{
    (void)state;
    struct journal *j = kit_open(kit_path, 256 << 10);
    kit_puts(j, 100);
    assert_true(kit_pump(j));
    fault_at(1, 1000000, EIO, false);
    for (unsigned i = 0; i < 100; i++) {
        kit_puts(j, 20);
        journal_turn(j, NULL);
    }
    journal_io = &journal_io_real;
    struct journal_stat st = journal_stat(j);
    assert_int_equal(st.head_seq, 100);
    assert_int_equal(st.next_seq, 2101);
    assert_true(st.overwritten > 500);
    uint64_t lost = st.overwritten;
    for (int tries = 0; tries < 50 && !kit_pump(j); tries++)
        ;
    // All that was there is there, then what the failing disk cost, to the record.
    uint64_t seq, n = 0;
    struct span s;
    st = journal_stat(j);
    assert_int_equal(st.head_seq, 2100);
    for (uint64_t from = st.first_seq; journal_read(j, from, &seq, &s); from = seq + 1)
        n++;
    assert_int_equal(n + st.overwritten, 2100);
    assert_true(st.overwritten >= lost);
    journal_free(j);
}

// ---- a full file system -------------------------------------------------------------------------------------------

static void full_file_system(void **state)
{
    (void)state;
    char err[4400] = "", mnt[80], path[90];
    snprintf(mnt, sizeof(mnt), "%s/small", kit_base);
    snprintf(path, sizeof(path), "%s/j", mnt);
    mkdir(mnt, 0700);
    if (mount("tmpfs", mnt, "tmpfs", 0, "size=400k") != 0) {
        print_message("skipped: a tmpfs cannot be mounted here (%s)\n", strerror(errno));
        skip();
    }
    struct journal *j = kit_open(path, 1 << 20); // room for less than half: it goes on with that
    assert_true(journal_stat(j).io_failed > 0);
    assert_true(j->d->spare_n >= 2 && j->d->spare_n < 8);
    for (unsigned i = 0; i < 60; i++) {
        kit_puts(j, 50);
        assert_true(kit_pump(j));
        struct journal_stat st = journal_stat(j);
        kit_check(j, st.first_seq, 0);
        assert_int_equal(st.overwritten, st.first_seq - 1);
    }
    assert_true(journal_stat(j).overwritten > 1000);
    journal_free(j);
    j = kit_open(path, 1 << 20);
    kit_check(j, journal_stat(j).first_seq, 0);
    assert_int_equal(journal_stat(j).head_seq, 3000);
    journal_free(j);
    struct journal_opts o = {.path = path, .bytes = 8 << 20, .sync = true};
    snprintf(path, sizeof(path), "%s/k", mnt); // and none at all: refused, one line
    int r = journal_open(&j, &o, err, sizeof(err));
    assert_int_equal(umount(mnt), 0);
    assert_int_equal(r, -ENOSPC);
    assert_non_null(strstr(err, "No space left"));
}

// A start reads each segment about once, those that were never used too: they are reserved in full, and their length
// must not be paid again for each place where a record could stand.
static void a_start_reads_each_byte_once(void **state)
{
    (void)state;
    const uint64_t bytes = 4 << 20;
    struct journal *j = kit_open(kit_path, bytes); // eight segments
    kit_puts(j, 10);                               // one of them is used
    while (!kit_pump(j))
        ;
    journal_free(j);
    fault_at(0, 0, 0, false);
    j = kit_open(kit_path, bytes);
    journal_io = &journal_io_real;
    print_message("a journal of %" PRIu64 " bytes: %" PRIu64 " read at the start\n", bytes,
                  fault.read);
    assert_true(fault.read >= bytes / 2);
    assert_true(fault.read <= 2 * bytes);
    assert_int_equal(journal_stat(j).head_seq, 10);
    journal_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_call_fails_once, kit_fresh),
        cmocka_unit_test_setup(failed_sync_moves_on, kit_fresh),
        cmocka_unit_test_setup(a_start_reads_each_byte_once, kit_fresh),
        cmocka_unit_test_setup(disk_away_for_long, kit_fresh),
        cmocka_unit_test_setup(full_file_system, kit_fresh),
    };
    return cmocka_run_group_tests(tests, kit_begin, kit_end);
}
