// vault_kit.h: a folder with keys, sealed recordings and their chain, made as the recorder makes them. Only for tests.
#pragma once
#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <errno.h>
#include "base/mono.h"
#include "vault/ledger.h"
#include "vault/files.h"
#include "vault/reader.h"
#include "vault/verify.h"

struct vkit {
    char dir[64], keys_dir[96], rec_dir[96];
    struct keyring keys;
    struct ledger chain;
    struct rnd rnd;
};

static inline void vkit_open(struct vkit *k)
{
    char err[200] = "";
    memset(k, 0, sizeof(*k));
    k->rnd.state = 42;
    (void)snprintf(k->dir, sizeof(k->dir), "/tmp/vault-XXXXXX");
    assert_non_null(mkdtemp(k->dir));
    (void)snprintf(k->keys_dir, sizeof(k->keys_dir), "%s/keys", k->dir);
    (void)snprintf(k->rec_dir, sizeof(k->rec_dir), "%s/rec", k->dir);
    assert_int_equal(mkdir(k->rec_dir, 0750), 0);
    assert_int_equal(keyring_open(&k->keys, k->keys_dir, true, err, sizeof(err)), 0);
    assert_int_equal(ledger_open(&k->chain, k->rec_dir, &k->keys), 0);
}

static inline void vkit_close(struct vkit *k)
{
    char cmd[100];
    keyring_close(&k->keys);
    (void)snprintf(cmd, sizeof(cmd), "rm -rf %s", k->dir);
    assert_int_equal(system(cmd), 0);
}

static inline struct uuid vkit_id(uint64_t n)
{
    return uuid_v7_derived(INT64_C(1700000000000000), span_of(&n, sizeof(n)));
}

// A byte of the content at a place: different from its neighbours and the same each time.
static inline uint8_t vkit_byte(uint64_t at)
{
    return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

static inline void vkit_path(const struct uuid *id, const char *ext, char *buf, size_t cap)
{
    char text[37];
    uuid_format(id, text);
    (void)snprintf(buf, cap, "lab/2023/11/14/%s.%s", text, ext);
}

// n bytes of content into the file, sealed or plain by its name; its proof.
static inline void vkit_file(struct vkit *k, const struct uuid *id, const char *path,
                             enum seal_part part, uint64_t n, struct proof *p)
{
    static uint8_t plain[SEAL_CHUNK], out[SEAL_STRIDE];
    char full[300];
    struct seal s;
    struct data_key key;
    bool sealed = strstr(path, SEAL_SUFFIX) != NULL;
    (void)snprintf(full, sizeof(full), "%s/%s", k->rec_dir, path);
    assert_int_equal(folders_make(full, 0750), 0);
    int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    assert_true(fd >= 0);
    assert_int_equal(proof_init(p), 0);
    proof_begin(p, sealed ? SEAL_HEAD : 0, sealed ? SEAL_STRIDE : SEAL_CHUNK);
    assert_int_equal(seal_init(&s), 0);
    if (sealed) {
        assert_int_equal(keyring_take(&k->keys, path, id, &key), 0);
        assert_int_equal(seal_begin(&s, id, part, &key, out), 0);
        proof_add(p, out, SEAL_HEAD);
        assert_int_equal(write(fd, out, SEAL_HEAD), SEAL_HEAD);
    }
    for (uint64_t at = 0; at < n || (at == 0 && sealed); at += SEAL_CHUNK) {
        size_t len = n - at < SEAL_CHUNK ? (size_t)(n - at) : SEAL_CHUNK;
        for (size_t i = 0; i < len; i++)
            plain[i] = vkit_byte(at + i);
        if (sealed)
            assert_int_equal(seal_chunk(&s, plain, len, at + len == n, out), 0);
        else
            memcpy(out, plain, len);
        len += sealed ? SEAL_TAG : 0;
        proof_add(p, out, len);
        assert_int_equal(write(fd, out, len), len);
    }
    proof_end(p);
    seal_deinit(&s);
    proof_deinit(p);
    (void)close(fd);
}

// A recording of audio and manifest, in the chain.
static inline void vkit_recording(struct vkit *k, uint64_t n, uint64_t audio_bytes, bool sealed,
                                  int64_t wall_us)
{
    static struct proof audio, manifest;
    char a[200], m[200];
    struct uuid id = vkit_id(n);
    struct ledger_pos pos;
    vkit_path(&id, sealed ? "wav.sealed" : "wav", a, sizeof(a));
    vkit_path(&id, sealed ? "json.sealed" : "json", m, sizeof(m));
    vkit_file(k, &id, a, SEAL_AUDIO, audio_bytes, &audio);
    vkit_file(k, &id, m, SEAL_MANIFEST, 900, &manifest);
    struct ledger_file files[] = {{a, &audio}, {m, &manifest}};
    assert_int_equal(ledger_add_recording(&k->chain, "lab", wall_us, &id, files, 2, &pos), 0);
}

static inline void vkit_verify(struct vkit *k, struct verify_result *r)
{
    struct verify_opts o = {.dir = k->rec_dir};
    memcpy(o.public_key, k->keys.public_key, 32);
    assert_int_equal(verify_run(&o, r), 0);
}
