// keyring_test.c: master keys come and go, recordings stay readable; destroyed is destroyed.
#include "vault/vault_kit.h"

static mode_t mode_of(const struct vkit *k, const char *name)
{
    char path[200];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/%s", k->keys_dir, name);
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 0777;
}

static void first_start_makes_keys(void **state)
{
    (void)state;
    struct vkit k;
    struct keyring again;
    char err[200] = "";
    vkit_open(&k);
    assert_int_equal(mode_of(&k, "master-1"), 0600);
    assert_int_equal(mode_of(&k, "signing"), 0600);
    assert_int_equal(mode_of(&k, "signing.pub"), 0644);
    assert_int_equal(keyring_version(&k.keys), 1);
    assert_int_equal(keyring_open(&again, k.keys_dir, true, err, sizeof(err)), 0);
    assert_memory_equal(again.public_key, k.keys.public_key, 32);
    assert_memory_equal(again.master[0].key, k.keys.master[0].key, 32);
    keyring_close(&again);
    vkit_close(&k);
}

static void rotation_wraps_anew_and_touches_no_audio(void **state)
{
    (void)state;
    struct vkit k;
    struct keyring other; // as api has it: opened before the rotation
    struct keyring_count c;
    struct data_key before[20], after;
    char err[200] = "", path[200];
    vkit_open(&k);
    for (uint64_t i = 0; i < 20; i++) {
        struct uuid id = vkit_id(i);
        vkit_path(&id, "wav.sealed", path, sizeof(path));
        assert_int_equal(keyring_take(&k.keys, path, &id, &before[i]), 0);
    }
    assert_int_equal(keyring_open(&other, k.keys_dir, false, err, sizeof(err)), 0);
    assert_int_equal(keyring_new_master(&k.keys), 0);
    assert_int_equal(keyring_forget(&k.keys, 1), -EBUSY);
    assert_int_equal(keyring_rewrap(&k.keys, &c), 0);
    assert_int_equal(c.rewrapped, 20);
    assert_int_equal(c.failed, 0);
    assert_int_equal(keyring_rewrap(&k.keys, &c), 0);
    assert_int_equal(c.kept, 20);
    assert_int_equal(keyring_forget(&k.keys, 1), 0);
    assert_int_equal(keyring_forget(&k.keys, 2), -EBUSY);
    for (uint64_t i = 0; i < 20; i++) {
        struct uuid id = vkit_id(i);
        vkit_path(&id, "json.sealed", path,
                  sizeof(path)); // any file of the recording names the key
        assert_int_equal(keyring_get(&other, path, &id, &after), 0);
        assert_memory_equal(&after, &before[i], sizeof(after));
    }
    keyring_close(&other);
    vkit_close(&k);
}

// Fill it, pass it, drain it: the one too many leaves nothing behind that another opening would stumble over.
static void masters_are_bounded(void **state)
{
    (void)state;
    struct vkit k;
    struct keyring other;
    struct keyring_count c;
    char err[256];
    vkit_open(&k);
    while (k.keys.masters < KEYRING_MASTERS)
        assert_int_equal(keyring_new_master(&k.keys), 0);
    assert_int_equal(keyring_new_master(&k.keys), -ENOSPC);
    assert_int_equal(keyring_version(&k.keys), KEYRING_MASTERS);
    assert_int_equal(keyring_open(&other, k.keys_dir, false, err, sizeof(err)), 0);
    assert_int_equal(other.masters, KEYRING_MASTERS);
    keyring_close(&other);
    assert_int_equal(keyring_rewrap(&k.keys, &c), 0);
    assert_int_equal(keyring_forget(&k.keys, 1), 0);
    assert_int_equal(keyring_new_master(&k.keys), 0);
    assert_int_equal(keyring_version(&k.keys), KEYRING_MASTERS + 1);
    vkit_close(&k);
}

static void destroyed_stays_destroyed(void **state)
{
    (void)state;
    struct vkit k;
    struct data_key d;
    struct keyring_count c;
    char path[200];
    struct uuid id = vkit_id(1), id2 = vkit_id(2);
    vkit_open(&k);
    vkit_path(&id, "wav.sealed", path, sizeof(path));
    assert_int_equal(keyring_get(&k.keys, path, &id, &d), KEYRING_E_NONE);
    assert_int_equal(keyring_take(&k.keys, path, &id, &d), 0);
    assert_int_equal(keyring_get(&k.keys, path, &id2, &d), KEYRING_E_BAD); // of another recording
    assert_int_equal(keyring_destroy(&k.keys, path, &id), 0);
    assert_int_equal(keyring_get(&k.keys, path, &id, &d), KEYRING_E_DESTROYED);
    assert_int_equal(keyring_take(&k.keys, path, &id, &d), KEYRING_E_DESTROYED);
    assert_int_equal(keyring_new_master(&k.keys), 0);
    assert_int_equal(keyring_rewrap(&k.keys, &c), 0);
    assert_int_equal(c.destroyed, 1);
    assert_int_equal(keyring_get(&k.keys, path, &id, &d), KEYRING_E_DESTROYED);
    // Also one that never had a key: nothing may come later.
    vkit_path(&id2, "wav", path, sizeof(path));
    assert_int_equal(keyring_destroy(&k.keys, path, &id2), 0);
    assert_int_equal(keyring_take(&k.keys, path, &id2, &d), KEYRING_E_DESTROYED);
    vkit_close(&k);
}

static void each_byte_of_a_key_file_counts(void **state)
{
    (void)state;
    struct vkit k;
    struct data_key d;
    char path[200], full[400];
    struct uuid id = vkit_id(1);
    vkit_open(&k);
    vkit_path(&id, "wav.sealed", path, sizeof(path));
    assert_int_equal(keyring_take(&k.keys, path, &id, &d), 0);
    vkit_path(&id, "key", path, sizeof(path));
    (void)snprintf(full, sizeof(full), "%s/data/%s", k.keys_dir, path);
    int fd = open(full, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    for (off_t at = 0; at < 108; at++) { // the rest is zero and read by nobody
        uint8_t b, x;
        assert_int_equal(pread(fd, &b, 1, at), 1);
        x = b ^ 0x10;
        assert_int_equal(pwrite(fd, &x, 1, at), 1);
        assert_int_not_equal(keyring_get(&k.keys, path, &id, &d), 0);
        assert_int_equal(pwrite(fd, &b, 1, at), 1);
    }
    assert_int_equal(keyring_get(&k.keys, path, &id, &d), 0);
    for (off_t n = 0; n < 128; n++) {
        assert_int_equal(ftruncate(fd, n), 0);
        assert_int_not_equal(keyring_get(&k.keys, path, &id, &d), 0);
    }
    (void)close(fd);
    vkit_close(&k);
}

static void a_broken_or_missing_master_is_said(void **state)
{
    (void)state;
    struct vkit k;
    struct keyring other;
    struct data_key d;
    char path[200], name[200], err[200] = "";
    struct uuid id = vkit_id(1);
    vkit_open(&k);
    vkit_path(&id, "wav.sealed", path, sizeof(path));
    assert_int_equal(keyring_take(&k.keys, path, &id, &d), 0);
    (void)snprintf(name, sizeof(name), "%s/master-1", k.keys_dir);
    assert_int_equal(truncate(name, 10), 0);
    assert_int_equal(keyring_open(&other, k.keys_dir, false, err, sizeof(err)), -EBADMSG);
    assert_non_null(strstr(err, "64 hex digits"));
    assert_int_equal(unlink(name), 0);
    assert_int_equal(keyring_open(&other, k.keys_dir, false, err, sizeof(err)), 0);
    assert_int_equal(keyring_get(&other, path, &id, &d), KEYRING_E_MASTER);
    keyring_close(&other);
    vkit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_start_makes_keys),
        cmocka_unit_test(rotation_wraps_anew_and_touches_no_audio),
        cmocka_unit_test(masters_are_bounded),
        cmocka_unit_test(destroyed_stays_destroyed),
        cmocka_unit_test(each_byte_of_a_key_file_counts),
        cmocka_unit_test(a_broken_or_missing_master_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
