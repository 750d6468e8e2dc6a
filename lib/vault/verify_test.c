// verify_test.c: a byte flipped anywhere is found, and said where. TAMPER_FLIPS=N sets how many random places (2000).
#include "vault/vault_kit.h"

#define HOUR_US (3600 * US_PER_S)
#define T0      INT64_C(1790000000000000)

static struct verify_result res;

static void make(struct vkit *k)
{
    vkit_open(k);
    vkit_recording(k, 1, SEAL_CHUNK + 5000, true, T0);
    vkit_recording(k, 2, 3000, false, T0 + 1000);
    vkit_recording(k, 3, 1, true, T0 + HOUR_US);
    vkit_recording(k, 1, 2 * SEAL_CHUNK, true, T0 + HOUR_US); // cut again: this one counts
}

static void whole_is_whole(void **state)
{
    (void)state;
    struct vkit k;
    make(&k);
    vkit_verify(&k, &res);
    assert_false(res.broken);
    assert_int_equal(res.hours, 2);
    assert_int_equal(res.entries, 6);
    assert_int_equal(res.recordings, 3);
    assert_int_equal(res.files, 6);
    // The wrong key proves nothing.
    struct verify_opts o = {.dir = k.rec_dir};
    memset(o.public_key, 7, 32);
    assert_int_equal(verify_run(&o, &res), 0);
    assert_true(res.broken);
    assert_non_null(strstr(res.what, "signature"));
    vkit_close(&k);
}

struct target {
    char file[300]; // relative
    off_t size;
};
static struct target targets[64];
static size_t targets_n;

static int note(void *ctx, const char *path)
{
    const struct vkit *k = ctx;
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    if (strstr(path, "signing.pub"))
        return 0;
    (void)snprintf(targets[targets_n].file, sizeof(targets[0].file), "%s",
                   path + strlen(k->rec_dir) + 1);
    targets[targets_n++].size = st.st_size;
    return 0;
}

static void flip_and_find(struct vkit *k, const struct target *t, off_t at)
{
    char full[500];
    uint8_t b, x;
    (void)snprintf(full, sizeof(full), "%s/%s", k->rec_dir, t->file);
    int fd = open(full, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &b, 1, at), 1);
    x = b ^ (uint8_t)(1u << rnd_below(&k->rnd, 8));
    assert_int_equal(pwrite(fd, &x, 1, at), 1);
    vkit_verify(k, &res);
    if (!res.broken || strcmp(res.file, t->file) != 0 || at < (off_t)res.from || at > (off_t)res.to)
        fail_msg("flip of byte %lld of %s: broken=%d file=%s what=%s bytes %llu to %llu",
                 (long long)at, t->file, res.broken, res.file, res.what,
                 (unsigned long long)res.from, (unsigned long long)res.to);
    assert_true(res.has_entry);
    assert_int_equal(pwrite(fd, &b, 1, at), 1);
    (void)close(fd);
}

static void a_flipped_byte_is_found_wherever_it_is(void **state)
{
    (void)state;
    struct vkit k;
    const char *env = getenv("TAMPER_FLIPS");
    uint64_t flips = 2000, count = 0;
    if (env)
        (void)span_u64(span_str(env), 10000000, &flips);
    make(&k);
    targets_n = 0;
    assert_int_equal(files_each(k.rec_dir, note, &k), 0);
    assert_int_equal(targets_n, 2 + 6);
    for (size_t i = 0; i < targets_n; i++) {
        // Every byte of a chain, every third of a head, the tags at the end.
        bool chain = strncmp(targets[i].file, "chain/", 6) == 0;
        for (off_t at = 0; at < targets[i].size; at += chain ? 1 : 3, count++) {
            if (!chain && at > 150 && at < targets[i].size - 50)
                at = targets[i].size - 50;
            flip_and_find(&k, &targets[i], at);
        }
    }
    for (uint64_t i = 0; i < flips; i++, count++) {
        const struct target *t = &targets[rnd_below(&k.rnd, targets_n)];
        flip_and_find(&k, t, (off_t)rnd_below(&k.rnd, (uint64_t)t->size));
    }
    vkit_verify(&k, &res);
    assert_false(res.broken);
    print_message("%llu flips, each found at its place\n", (unsigned long long)count);
    vkit_close(&k);
}

static void ledger_path(const struct vkit *k, size_t which, char *buf, size_t cap)
{
    targets_n = 0;
    assert_int_equal(files_each(k->rec_dir, note, (void *)(uintptr_t)k), 0);
    const char *found[8];
    size_t n = 0;
    for (size_t i = 0; i < targets_n; i++) {
        if (strncmp(targets[i].file, "chain/", 6) == 0)
            found[n++] = targets[i].file;
    }
    assert_int_equal(n, 2);
    if (strcmp(found[0], found[1]) > 0) {
        const char *x = found[0];
        found[0] = found[1];
        found[1] = x;
    }
    (void)snprintf(buf, cap, "%s/%s", k->rec_dir, found[which]);
}

static char text[4 * LEDGER_LINE];

// The file with line `drop` left out, or lines a and a + 1 swapped.
static void edit(const char *path, int drop, int swap)
{
    char *line[16];
    size_t n = 0, lines = 0;
    assert_int_equal(file_read(path, text, sizeof(text) - 1, &n), 0);
    text[n] = '\0';
    for (char *p = text, *end; (end = strchr(p, '\n')); p = end + 1) {
        *end = '\0';
        line[lines++] = p;
    }
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    for (int i = 0; i < (int)lines; i++) {
        int k = swap >= 0 && i == swap ? i + 1 : swap >= 0 && i == swap + 1 ? i - 1 : i;
        if (i != drop)
            assert_true(fprintf(f, "%s\n", line[k]) > 0);
    }
    assert_int_equal(fclose(f), 0);
}

static void left_out_swapped_cut(void **state)
{
    (void)state;
    struct vkit k;
    char path[500], other[500];
    static const struct {
        int drop, swap;
        uint64_t entry;
    } cases[] = {{0, -1, 0}, {1, -1, 1}, {-1, 0, 0}, {-1, 1, 1}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        make(&k);
        ledger_path(&k, 0, path, sizeof(path));
        edit(path, cases[i].drop, cases[i].swap);
        vkit_verify(&k, &res);
        assert_true(res.broken);
        assert_int_equal(res.entry, cases[i].entry);
        vkit_close(&k);
    }
    // The last entry of an hour left out: the next hour does not follow.
    make(&k);
    ledger_path(&k, 0, path, sizeof(path));
    edit(path, 2, -1);
    vkit_verify(&k, &res);
    assert_true(res.broken);
    assert_non_null(strstr(res.what, "does not follow"));
    // An hour left out; the first one too.
    assert_int_equal(unlink(path), 0);
    vkit_verify(&k, &res);
    assert_true(res.broken);
    vkit_close(&k);
    // The end of the chain cut off: seen by the head that was told to others.
    make(&k);
    struct ledger_pos head = k.chain.end[0].pos;
    ledger_path(&k, 1, path, sizeof(path));
    struct verify_opts o = {.dir = k.rec_dir, .head = head.hash};
    memcpy(o.public_key, k.keys.public_key, 32);
    assert_int_equal(verify_run(&o, &res), 0);
    assert_true(!res.broken && res.found_head);
    edit(path, 2, -1);
    assert_int_equal(verify_run(&o, &res), 0);
    assert_false(
        res.found_head); // and the entry before it of the same recording is not what lies there
    // Half a line at the end.
    ledger_path(&k, 1, path, sizeof(path));
    ledger_path(&k, 0, other, sizeof(other));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 20), 0);
    vkit_verify(&k, &res);
    assert_true(res.broken);
    assert_non_null(strstr(res.what, "cut"));
    vkit_close(&k);
}

static void a_file_gone_cut_or_longer_is_named(void **state)
{
    (void)state;
    struct vkit k;
    char path[200], full[300];
    struct uuid id = vkit_id(2);
    make(&k);
    vkit_path(&id, "wav", path, sizeof(path));
    (void)snprintf(full, sizeof(full), "%s/%s", k.rec_dir, path);
    assert_int_equal(truncate(full, 2999), 0);
    vkit_verify(&k, &res);
    assert_true(res.broken);
    assert_string_equal(res.file, path);
    assert_string_equal(res.what, "cut at byte 2999 of 3000");
    assert_memory_equal(&res.id, &id, sizeof(id));
    assert_int_equal(truncate(full, 3001), 0);
    vkit_verify(&k, &res);
    assert_string_equal(res.what, "3001 bytes, recorded were 3000");
    assert_int_equal(unlink(full), 0);
    vkit_verify(&k, &res);
    assert_string_equal(res.what, "the file is not there");
    struct verify_opts o = {.dir = k.rec_dir, .absent_ok = true};
    memcpy(o.public_key, k.keys.public_key, 32);
    assert_int_equal(verify_run(&o, &res), 0);
    assert_true(!res.broken && res.absent == 1);
    vkit_close(&k);
}

static void a_restart_goes_on_where_the_chain_ends(void **state)
{
    (void)state;
    struct vkit k;
    char path[500];
    make(&k);
    // Killed in the middle of a line: never told to anyone, cut off at the next start.
    ledger_path(&k, 1, path, sizeof(path));
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "{\"n\":3,\"prev\":\"00", 17), 17);
    (void)close(fd);
    assert_int_equal(ledger_open(&k.chain, k.rec_dir, &k.keys), 0);
    vkit_recording(&k, 9, 100, true, T0 + HOUR_US + 5);
    // A clock that went back stays in the newest hour.
    vkit_recording(&k, 10, 100, true, T0 - 50 * HOUR_US);
    // Erased: the files may go, the entry stays.
    struct uuid id = vkit_id(2);
    struct ledger_erased e = {.basis = "gdpr_17", .actor = "user:ann", .reason = "asked \"twice\""};
    struct ledger_pos pos;
    assert_int_equal(ledger_add_erased(&k.chain, "lab", T0 + 2 * HOUR_US, &id, &e, &pos), 0);
    char f[200], full[300];
    static const char *const exts[] = {"wav", "json"};
    for (size_t i = 0; i < 2; i++) {
        vkit_path(&id, exts[i], f, sizeof(f));
        (void)snprintf(full, sizeof(full), "%s/%s", k.rec_dir, f);
        assert_int_equal(unlink(full), 0);
    }
    vkit_verify(&k, &res);
    assert_false(res.broken);
    assert_int_equal(res.hours, 3);
    assert_int_equal(res.recordings, 4);
    assert_int_equal(res.erased, 1);
    struct verify_opts o = {.dir = k.rec_dir, .recording = &id};
    memcpy(o.public_key, k.keys.public_key, 32);
    assert_int_equal(verify_run(&o, &res), 0);
    assert_true(res.found_recording && res.erased == 1 && res.files == 0);
    vkit_close(&k);
}

// More sites than open ends: those that were put away are read again.
static void many_sites(void **state)
{
    (void)state;
    struct vkit k;
    static struct proof p;
    struct ledger_pos pos;
    vkit_open(&k);
    struct uuid id = vkit_id(1);
    vkit_file(&k, &id, "x.wav", SEAL_AUDIO, 10, &p);
    struct ledger_file f = {"x.wav", &p};
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < (int)LEDGER_SITES + 5; i++) {
            char site[20];
            (void)snprintf(site, sizeof(site), "site-%d", i);
            assert_int_equal(ledger_add_recording(&k.chain, site, T0, &id, &f, 1, &pos), 0);
            assert_int_equal(pos.n, round + 1);
        }
    }
    vkit_verify(&k, &res);
    assert_false(res.broken);
    assert_int_equal(res.chains, LEDGER_SITES + 5);
    vkit_close(&k);
}

// Pieces become larger, their number stays; a changed byte is still found in its piece.
static void a_long_file_has_few_pieces(void **state)
{
    (void)state;
    static struct proof p, q;
    static uint8_t chunk[64];
    for (uint64_t chunks = 1; chunks < 3000; chunks = chunks * 3 + 1) {
        uint64_t bad = chunks * 2 / 3;
        assert_int_equal(proof_init(&p), 0);
        assert_int_equal(proof_init(&q), 0);
        proof_begin(&p, 10, 64);
        proof_begin(&q, 10, 64);
        proof_add(&p, chunk, 10);
        proof_add(&q, chunk, 10);
        for (uint64_t i = 0; i < chunks; i++) {
            memset(chunk, (int)(i & 0xFF), sizeof(chunk));
            proof_add(&p, chunk, sizeof(chunk));
            chunk[5] ^= i == bad;
            proof_add(&q, chunk, sizeof(chunk));
        }
        proof_end(&p);
        proof_end(&q);
        assert_true(p.pieces <= PROOF_PIECES);
        assert_memory_not_equal(p.root, q.root, PROOF_HASH);
        uint32_t differ = 0;
        for (uint32_t i = 0; i < p.pieces; i++) {
            uint64_t from, to, at = 10 + bad * 64 + 5;
            proof_range(&p, i, &from, &to);
            bool same = memcmp(p.piece[i], q.piece[i], PROOF_HASH) == 0;
            assert_int_equal(same, at < from || at >= to);
            differ += !same;
        }
        assert_int_equal(differ, 1);
        proof_deinit(&p);
        proof_deinit(&q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_is_whole),
        cmocka_unit_test(a_flipped_byte_is_found_wherever_it_is),
        cmocka_unit_test(left_out_swapped_cut),
        cmocka_unit_test(a_file_gone_cut_or_longer_is_named),
        cmocka_unit_test(a_restart_goes_on_where_the_chain_ends),
        cmocka_unit_test(many_sites),
        cmocka_unit_test(a_long_file_has_few_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
