// seal_test.c: files by their form: content back by any range, and nothing out of a file that was touched.
#include "vault/vault_kit.h"

static struct reader reader;

static int open_file(struct vkit *k, const char *path, int *ret_fd)
{
    char full[300];
    struct reader_source src;
    (void)snprintf(full, sizeof(full), "%s/%s", k->rec_dir, path);
    *ret_fd = open(full, O_RDWR | O_CLOEXEC);
    assert_true(*ret_fd >= 0);
    assert_int_equal(reader_source_fd(&src, *ret_fd), 0);
    return reader_open(&reader, &src, path, &k->keys);
}

static void check_content(uint64_t from, uint64_t to)
{
    static uint8_t buf[100000];
    while (from < to) {
        ssize_t n = reader_read(&reader, from, buf,
                                to - from < sizeof(buf) ? (size_t)(to - from) : sizeof(buf));
        assert_true(n > 0);
        for (ssize_t i = 0; i < n; i++)
            assert_int_equal(buf[i], vkit_byte(from + (uint64_t)i));
        from += (uint64_t)n;
    }
}

static void any_length_comes_back(void **state)
{
    (void)state;
    static struct proof p;
    struct vkit k;
    vkit_open(&k);
    static const uint64_t sizes[] = {0,
                                     1,
                                     15,
                                     16,
                                     17,
                                     SEAL_CHUNK - 1,
                                     SEAL_CHUNK,
                                     SEAL_CHUNK + 1,
                                     2 * SEAL_CHUNK,
                                     3 * SEAL_CHUNK + 5};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        char path[200];
        int fd;
        struct uuid id = vkit_id(i);
        vkit_path(&id, "wav.sealed", path, sizeof(path));
        vkit_file(&k, &id, path, SEAL_AUDIO, sizes[i], &p);
        assert_int_equal(open_file(&k, path, &fd), 0);
        assert_int_equal(reader.content, sizes[i]);
        check_content(0, sizes[i]);
        for (int r = 0; r < 50 && sizes[i]; r++) {
            uint64_t a = rnd_below(&k.rnd, sizes[i]), b = a + rnd_below(&k.rnd, sizes[i] - a + 1);
            check_content(a, b);
        }
        assert_int_equal(reader_read(&reader, sizes[i], path, 1), 0);
        (void)close(fd);
    }
    vkit_close(&k);
}

// A range touches its chunks and no others: the file around it may be gone.
static void a_range_needs_its_chunks_only(void **state)
{
    (void)state;
    static struct proof p;
    struct vkit k;
    char path[200];
    int fd;
    struct uuid id = vkit_id(1);
    vkit_open(&k);
    vkit_path(&id, "wav.sealed", path, sizeof(path));
    vkit_file(&k, &id, path, SEAL_AUDIO, 5 * SEAL_CHUNK + 9, &p);
    assert_int_equal(open_file(&k, path, &fd), 0);
    uint8_t x = 0xAA;
    assert_int_equal(pwrite(fd, &x, 1, SEAL_HEAD + 2 * SEAL_STRIDE + 77), 1);
    check_content(0, 2 * SEAL_CHUNK);
    check_content(3 * SEAL_CHUNK, 5 * SEAL_CHUNK + 9);
    assert_int_equal(reader_read(&reader, 2 * SEAL_CHUNK + 4, &x, 1), -EBADMSG);
    (void)close(fd);
    vkit_close(&k);
}

static void flip(int fd, off_t at, uint8_t with)
{
    uint8_t b;
    assert_int_equal(pread(fd, &b, 1, at), 1);
    b ^= with;
    assert_int_equal(pwrite(fd, &b, 1, at), 1);
}

// Reads all; true when it came out.
static bool reads(struct vkit *k, const char *path)
{
    static uint8_t buf[SEAL_CHUNK];
    int fd, e = open_file(k, path, &fd);
    ssize_t n = 1;
    for (uint64_t at = 0; e == 0 && (n = reader_read(&reader, at, buf, sizeof(buf))) > 0;)
        at += (uint64_t)n;
    (void)close(fd);
    return e == 0 && n == 0;
}

static void each_byte_counts(void **state)
{
    (void)state;
    static struct proof p;
    struct vkit k;
    char path[200];
    int fd;
    struct uuid id = vkit_id(1);
    vkit_open(&k);
    vkit_path(&id, "wav.sealed", path, sizeof(path));
    vkit_file(&k, &id, path, SEAL_AUDIO, SEAL_CHUNK + 700, &p);
    off_t size = SEAL_HEAD + SEAL_STRIDE + 700 + SEAL_TAG;
    assert_true(reads(&k, path));
    assert_int_equal(open_file(&k, path, &fd), 0);
    for (off_t at = 0; at < size; at += at < 256 || at > (off_t)SEAL_STRIDE ? 1 : 301) {
        uint8_t with = (uint8_t)(1u << rnd_below(&k.rnd, 8));
        flip(fd, at, with);
        assert_false(reads(&k, path));
        flip(fd, at, with);
    }
    assert_true(reads(&k, path));
    (void)close(fd);
    vkit_close(&k);
}

static void cut_swapped_and_foreign_files_are_refused(void **state)
{
    (void)state;
    static struct proof p;
    struct vkit k;
    char path[200], other[200], full[300], full2[300];
    int fd;
    struct uuid id = vkit_id(1), id2 = vkit_id(2);
    vkit_open(&k);
    vkit_path(&id, "wav.sealed", path, sizeof(path));
    vkit_path(&id2, "wav.sealed", other, sizeof(other));
    (void)snprintf(full, sizeof(full), "%s/%s", k.rec_dir, path);
    (void)snprintf(full2, sizeof(full2), "%s/%s", k.rec_dir, other);
    vkit_file(&k, &id2, other, SEAL_AUDIO, 10, &p);
    static const off_t cuts[] = {0,
                                 8,
                                 SEAL_HEAD,
                                 SEAL_HEAD + 8,
                                 SEAL_HEAD + SEAL_TAG,
                                 SEAL_HEAD + SEAL_STRIDE,
                                 SEAL_HEAD + 2 * SEAL_STRIDE,
                                 SEAL_HEAD + 2 * SEAL_STRIDE + 99};
    for (size_t i = 0; i < COUNT_OF(cuts); i++) {
        vkit_file(&k, &id, path, SEAL_AUDIO, 2 * SEAL_CHUNK + 100, &p);
        assert_int_equal(truncate(full, cuts[i]), 0);
        assert_int_equal(open_file(&k, path, &fd), -EBADMSG);
        (void)close(fd);
    }
    // Two chunks in each other's place.
    static uint8_t a[SEAL_STRIDE], b[SEAL_STRIDE];
    vkit_file(&k, &id, path, SEAL_AUDIO, 2 * SEAL_CHUNK + 100, &p);
    assert_int_equal(open_file(&k, path, &fd), 0);
    assert_int_equal(pread(fd, a, sizeof(a), SEAL_HEAD), sizeof(a));
    assert_int_equal(pread(fd, b, sizeof(b), SEAL_HEAD + SEAL_STRIDE), sizeof(b));
    assert_int_equal(pwrite(fd, b, sizeof(b), SEAL_HEAD), sizeof(b));
    assert_int_equal(pwrite(fd, a, sizeof(a), SEAL_HEAD + SEAL_STRIDE), sizeof(a));
    (void)close(fd);
    assert_false(reads(&k, path));
    // Another recording's file under this one's name; the payload under the audio's.
    assert_int_equal(rename(full2, full), 0);
    assert_int_equal(open_file(&k, path, &fd), -EBADMSG);
    (void)close(fd);
    vkit_file(&k, &id, path, SEAL_PAYLOAD, 10, &p);
    assert_int_equal(open_file(&k, path, &fd), -EBADMSG);
    (void)close(fd);
    vkit_close(&k);
}

static void a_file_written_again_has_another_key(void **state)
{
    (void)state;
    struct vkit k;
    struct seal s;
    struct data_key key;
    struct uuid id = vkit_id(1);
    uint8_t head[SEAL_HEAD], one[20], two[20];
    vkit_open(&k);
    assert_int_equal(keyring_take(&k.keys, "lab/1/1/1/x.wav", &id, &key), 0);
    assert_int_equal(seal_init(&s), 0);
    assert_int_equal(seal_begin(&s, &id, SEAL_AUDIO, &key, head), 0);
    assert_int_equal(seal_chunk(&s, (const uint8_t *)"abcd", 4, true, one), 0);
    assert_int_equal(seal_begin(&s, &id, SEAL_AUDIO, &key, head), 0);
    assert_int_equal(seal_chunk(&s, (const uint8_t *)"abcd", 4, true, two), 0);
    assert_memory_not_equal(one, two, 4);
    seal_deinit(&s);
    vkit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_length_comes_back),
        cmocka_unit_test(a_range_needs_its_chunks_only),
        cmocka_unit_test(each_byte_counts),
        cmocka_unit_test(cut_swapped_and_foreign_files_are_refused),
        cmocka_unit_test(a_file_written_again_has_another_key),
    };
    assert_int_equal(reader_init(&reader), 0);
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    reader_deinit(&reader);
    return r;
}
