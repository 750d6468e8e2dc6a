// What is paused outlives the harvester: whole, full, torn at every byte, turned at every byte, old, without a disk.
#include "pause_file.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/support/test.h"

#define NOW    INT64_C(1700000000000000)
#define MINUTE INT64_C(60000000)

static char dir[64], path[128];
static struct pauses full, got;

static void fill(void)
{
    full = (struct pauses){.version = 0x0102030405060708, .n = PAUSE_ORDERS};
    for (uint32_t i = 0; i < PAUSE_ORDERS; i++) {
        struct pause_order *o = &full.order[i];
        *o = (struct pause_order){
            .until_us = NOW + i, .addrs = PAUSE_ADDRS, .call_ids = PAUSE_CALL_IDS};
        for (uint32_t k = 0; k < PAUSE_ADDRS; k++) {
            o->at[k].ip.family = k & 1 ? 6 : 4;
            o->at[k].ip.b[0] = (uint8_t)i;
            o->at[k].ip.b[k & 1 ? 15 : 3] = (uint8_t)k;
            o->at[k].port = (uint16_t)(40000 + k);
        }
        for (uint32_t k = 0; k < PAUSE_CALL_IDS; k++)
            o->call_id[k] = UINT64_MAX - i * 10 - k;
    }
}

static void put_file(const void *p, size_t n)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void all_of_it_and_no_more_than_there_is_room_for(void **state)
{
    (void)state;
    static uint8_t bytes[PAUSE_FILE_MAX];
    fill();
    assert_int_equal(pause_file_put(&full, bytes), PAUSE_FILE_MAX);
    assert_int_equal(pause_file_write(path, &full), 0);
    assert_int_equal(pause_file_read(path, NOW - 1, MINUTE, &got), PAUSE_FOUND);
    assert_memory_equal(&got, &full, sizeof got);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    // What is over has gone: of 64 whose times are a microsecond apart, the first half.
    assert_int_equal(pause_file_read(path, NOW + 31, MINUTE, &got), PAUSE_FOUND);
    assert_int_equal(got.n, 32);
    assert_int_equal(got.order[0].until_us, NOW + 32);
    assert_false(pauses_has(&got, &full.order[31].at[0], &full.order[31].at[0]));
    assert_true(pauses_has(&got, &full.order[32].at[1], &full.order[31].at[0]));
    // Nothing stands any more: the file says that too.
    assert_int_equal(pause_file_write(path, &(struct pauses){.version = 9}), 0);
    assert_int_equal(pause_file_read(path, NOW, MINUTE, &got), PAUSE_FOUND);
    assert_true(got.version == 9 && !pauses_any(&got));
}

static void torn_or_turned_anywhere(void **state)
{
    (void)state;
    static uint8_t bytes[PAUSE_FILE_MAX];
    fill();
    full.n = 2;
    full.order[1].addrs = 3;
    size_t n = pause_file_put(&full, bytes);
    assert_true(pause_file_get(span_of(bytes, n), &got));
    for (size_t i = 0; i < n; i++) {
        assert_false(pause_file_get(span_of(bytes, i), &got));
        assert_false(pauses_any(&got));
        bytes[i] ^= 0x10;
        assert_false(pause_file_get(span_of(bytes, n), &got));
        bytes[i] ^= 0x10;
    }
    // Longer than it says, and longer than there can be.
    assert_false(pause_file_get(span_of(bytes, n + 1), &got));
    static uint8_t long_one[PAUSE_FILE_MAX + 100];
    put_file(long_one, sizeof long_one);
    assert_int_equal(pause_file_read(path, NOW, MINUTE, &got), PAUSE_FOUND_BROKEN);
}

static void who_is_paused_is_not_known(void **state)
{
    (void)state;
    struct stat st;
    put_file("CMPAUSE1 and then nothing that", 30);
    assert_int_equal(stat(path, &st), 0);
    int64_t changed_us = st.st_mtim.tv_sec * INT64_C(1000000);
    assert_int_equal(pause_file_read(path, changed_us + 5000000, MINUTE, &got), PAUSE_FOUND_BROKEN);
    assert_true(got.version == PAUSE_VERSION_DOUBT && pauses_any(&got));
    assert_int_equal(got.doubt_until_us, changed_us + MINUTE);
    struct endpoint any = {.ip = {.family = 4}, .port = 1};
    assert_true(pauses_has(&got, &any, &any));
    assert_false(pauses_expire(&got, changed_us + MINUTE - 1));
    assert_true(pauses_expire(&got, changed_us + MINUTE));
    assert_false(pauses_has(&got, &any, &any));
    // So old that no pause in it can stand: no doubt.
    assert_int_equal(pause_file_read(path, changed_us + MINUTE, MINUTE, &got), PAUSE_FOUND_BROKEN);
    assert_false(pauses_any(&got));
    // A clock that was set back: not for longer than from now.
    assert_int_equal(pause_file_read(path, NOW, MINUTE, &got), PAUSE_FOUND_BROKEN);
    assert_int_equal(got.doubt_until_us, NOW + MINUTE);
    // Something that is no file.
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(pause_file_read(path, NOW, MINUTE, &got), PAUSE_FOUND_BROKEN);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(pause_file_read(path, NOW, MINUTE, &got), PAUSE_FOUND_NONE);
    assert_false(pauses_any(&got));
}

static void what_was_there_stays_when_it_cannot_be_written(void **state)
{
    (void)state;
    char tmp[160];
    fill();
    full.n = 1;
    assert_int_equal(pause_file_write(path, &full), 0);
    snprintf(tmp, sizeof tmp, "%s.new", path);
    assert_int_equal(mkdir(tmp, 0700), 0);
    assert_true(pause_file_write(path, &(struct pauses){.version = 1}) < 0);
    assert_int_equal(rmdir(tmp), 0);
    assert_int_equal(symlink("/dev/full", tmp), 0);
    assert_true(pause_file_write(path, &(struct pauses){.version = 1}) < 0); // no link is followed
    assert_int_equal(unlink(tmp), 0);
    assert_int_equal(pause_file_read(path, NOW - 1, MINUTE, &got), PAUSE_FOUND);
    assert_true(got.n == 1 && got.version == full.version);
    assert_int_equal(pause_file_write("/nowhere/at/all", &full), -2);
}

static void its_name(void **state)
{
    (void)state;
    char buf[64], small[20];
    assert_true(pause_file_path(buf, sizeof buf, "/var/x", "site/node-eth1"));
    assert_string_equal(buf, "/var/x/pauses-site_node-eth1");
    assert_false(pause_file_path(small, sizeof small, "/var/x", "site/node-eth1"));
}

static int start(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/pause-file-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/pauses-x", dir);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_and_no_more_than_there_is_room_for),
        cmocka_unit_test(torn_or_turned_anywhere),
        cmocka_unit_test(who_is_paused_is_not_known),
        cmocka_unit_test(what_was_there_stays_when_it_cannot_be_written),
        cmocka_unit_test(its_name),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
