#include "vault/keyring.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fail.h"
#include "vault/files.h"

#define HEX_KEY 64u

void hex_put(char *dst, const uint8_t *p, size_t n)
{
    (void)sodium_bin2hex(dst, 2 * n + 1, p, n);
}

static int nibble(uint8_t d)
{
    return d >= '0' && d <= '9' ? d - '0' : d >= 'a' && d <= 'f' ? d - 'a' + 10 : -1;
}

bool hex_get(struct span s, uint8_t *ret, size_t n)
{
    if (s.n != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int hi = nibble(s.p[2 * i]), lo = nibble(s.p[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        ret[i] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

static int read_hex(const char *path, uint8_t ret[32])
{
    uint8_t text[HEX_KEY + 1];
    size_t n = 0;
    int r = file_read(path, text, sizeof(text), &n);
    if (r == 0 && !hex_get(span_trim(span_of(text, n)), ret, 32))
        r = -EBADMSG;
    sodium_memzero(text, sizeof(text));
    return r;
}

static int write_hex(const char *path, const uint8_t key[32], mode_t mode)
{
    char text[HEX_KEY + 2];
    hex_put(text, key, 32);
    text[HEX_KEY] = '\n';
    int r = file_replace(path, text, HEX_KEY + 1, mode);
    sodium_memzero(text, sizeof(text));
    return r;
}

// ---- master keys

static int add_master(struct keyring *k, uint32_t version)
{
    char path[1100];
    if (k->masters == KEYRING_MASTERS)
        return -ENOSPC;
    (void)snprintf(path, sizeof(path), "%s/master-%u", k->dir, version);
    int r = read_hex(path, k->master[k->masters].key);
    if (r == 0)
        k->master[k->masters++].version = version;
    return r;
}

static int load_masters(struct keyring *k)
{
    DIR *d = opendir(k->dir);
    if (!d)
        return -errno;
    int r = 0;
    k->masters = 0;
    for (struct dirent *e; r == 0 && (e = readdir(d));) {
        uint32_t v;
        if (strncmp(e->d_name, "master-", 7) == 0 &&
            span_u32(span_str(e->d_name + 7), UINT32_MAX, &v) && v > 0)
            r = add_master(k, v);
    }
    (void)closedir(d);
    return r;
}

static size_t newest(const struct keyring *k)
{
    size_t best = 0;
    for (size_t i = 1; i < k->masters; i++)
        best = k->master[i].version > k->master[best].version ? i : best;
    return best;
}

uint32_t keyring_version(const struct keyring *k)
{
    return k->masters ? k->master[newest(k)].version : 0;
}

static const uint8_t *master_key(const struct keyring *k, uint32_t version)
{
    for (size_t i = 0; i < k->masters; i++) {
        if (k->master[i].version == version)
            return k->master[i].key;
    }
    return NULL;
}

int keyring_new_master(struct keyring *k)
{
    uint8_t key[32];
    char path[1100];
    if (k->masters == KEYRING_MASTERS)
        return -ENOSPC; // before its file is there: a ring with one too many would not open again
    (void)snprintf(path, sizeof(path), "%s/master-%u", k->dir, keyring_version(k) + 1);
    randombytes_buf(key, sizeof(key));
    int r = write_hex(path, key, 0600);
    sodium_memzero(key, sizeof(key));
    return r < 0 ? err_trace(r) : load_masters(k);
}

// ---- opening

static int load_signing(struct keyring *k, bool create)
{
    char path[1100], pub[1100];
    uint8_t seed[crypto_sign_SEEDBYTES];
    (void)snprintf(path, sizeof(path), "%s/signing", k->dir);
    (void)snprintf(pub, sizeof(pub), "%s/signing.pub", k->dir);
    int r = read_hex(path, seed);
    if (r == -ENOENT && create) {
        randombytes_buf(seed, sizeof(seed));
        r = write_hex(path, seed, 0600);
    }
    if (r == 0) {
        (void)crypto_sign_seed_keypair(k->public_key, k->secret_key, seed);
        k->can_sign = true;
        if (create && access(pub, R_OK) != 0)
            r = write_hex(pub, k->public_key, 0644);
    } else if (!create) {
        r = keyring_read_public(pub, k->public_key);
        r = r == -ENOENT ? 0 : r;
    }
    sodium_memzero(seed, sizeof(seed));
    return r;
}

int keyring_open(struct keyring *k, const char *dir, bool create, char *err, size_t err_cap)
{
    memset(k, 0, sizeof(*k));
    (void)pthread_mutex_init(&k->lock, NULL);
    (void)snprintf(k->dir, sizeof(k->dir), "%s", dir);
    int r = sodium_init() < 0 ? -EIO : 0;
    if (r == 0 && create && mkdir(dir, 0700) != 0 && errno != EEXIST)
        r = -errno;
    if (r == 0)
        r = load_masters(k);
    if (r == 0 && k->masters == 0 && create)
        r = keyring_new_master(k);
    if (r == 0)
        r = load_signing(k, create);
    if (r < 0)
        (void)snprintf(err, err_cap, "keys.dir=%s: %s", dir,
                       r == -EBADMSG ? "a key file is not 64 hex digits" : strerror(-r));
    return r;
}

void keyring_close(struct keyring *k)
{
    (void)pthread_mutex_destroy(&k->lock);
    sodium_memzero(k, sizeof(*k));
}

// ---- data keys

static void put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++, v >>= 8)
        p[i] = (uint8_t)v;
}

struct key_file {
    uint32_t version;
    uint8_t state;
    struct uuid id;
    const uint8_t *bytes;
};

static const uint8_t magic[8] = {'C', 'M', 'K', 'E', 'Y', '0', '0', '1'};

static bool parse_key(struct span s, struct key_file *ret)
{
    struct cur c = cur_of(s);
    struct span m = cur_take(&c, sizeof(magic));
    ret->version = cur_u32le(&c);
    ret->state = cur_u8(&c);
    cur_skip(&c, 3);
    struct span id = cur_take(&c, 16);
    ret->bytes = s.p;
    if (c.failed || s.n != KEYRING_FILE || !span_eq(m, span_of(magic, sizeof(magic))) ||
        ret->state < 1 || ret->state > 2)
        return false;
    memcpy(&ret->id, id.p, 16);
    return true;
}

static int unwrap(struct keyring *k, const struct key_file *f, struct data_key *ret)
{
    if (f->state == 2)
        return KEYRING_E_DESTROYED;
    const uint8_t *master = master_key(k, f->version);
    if (!master && load_masters(k) == 0) // a new one since we looked
        master = master_key(k, f->version);
    if (!master)
        return KEYRING_E_MASTER;
    memcpy(ret->id, f->bytes + 32, 16);
    return seal_unwrap(master, f->bytes + 48, span_of(f->bytes, 48), f->bytes + 60, ret->key) == 0
               ? KEYRING_OK
               : KEYRING_E_BAD;
}

static int wrap(struct keyring *k, const struct uuid *id, const struct data_key *d,
                uint8_t out[KEYRING_FILE])
{
    size_t m = newest(k);
    memset(out, 0, KEYRING_FILE);
    memcpy(out, magic, sizeof(magic));
    put_u32(out + 8, k->master[m].version);
    out[12] = 1;
    memcpy(out + 16, id, 16);
    memcpy(out + 32, d->id, 16);
    randombytes_buf(out + 48, 12);
    return seal_wrap(k->master[m].key, out + 48, span_of(out, 48), d->key, out + 60);
}

static void key_path(const struct keyring *k, const char *path, char *buf, size_t cap)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    int n = (int)(base - path) + (int)strcspn(base, ".");
    (void)snprintf(buf, cap, "%s/data/%.*s.key", k->dir, n, path);
}

static int read_key(const char *file, uint8_t bytes[KEYRING_FILE], struct key_file *ret)
{
    size_t n = 0;
    int r = file_read(file, bytes, KEYRING_FILE, &n);
    if (r == -ENOENT)
        return KEYRING_E_NONE;
    if (r == -EFBIG || (r == 0 && !parse_key(span_of(bytes, n), ret)))
        return KEYRING_E_BAD;
    return r;
}

int keyring_get(struct keyring *k, const char *path, const struct uuid *id, struct data_key *ret)
{
    char file[2200];
    uint8_t bytes[KEYRING_FILE];
    struct key_file f;
    key_path(k, path, file, sizeof(file));
    int r = read_key(file, bytes, &f);
    if (r != 0)
        return r;
    if (memcmp(&f.id, id, sizeof(*id)) != 0)
        return KEYRING_E_BAD;
    (void)pthread_mutex_lock(&k->lock);
    r = unwrap(k, &f, ret);
    (void)pthread_mutex_unlock(&k->lock);
    return r;
}

int keyring_take(struct keyring *k, const char *path, const struct uuid *id, struct data_key *ret)
{
    int r = keyring_get(k, path, id, ret);
    if (r != KEYRING_E_NONE)
        return r;
    char file[2200];
    uint8_t bytes[KEYRING_FILE];
    r = load_masters(k); // the newest may be newer than we know
    if (r == 0 && k->masters == 0)
        return KEYRING_E_MASTER;
    randombytes_buf(ret->id, sizeof(ret->id));
    randombytes_buf(ret->key, sizeof(ret->key));
    key_path(k, path, file, sizeof(file));
    if (r == 0)
        r = folders_make(file, 0700);
    if (r == 0)
        r = wrap(k, id, ret, bytes);
    return r == 0 ? file_replace(file, bytes, sizeof(bytes), 0600) : r;
}

int keyring_destroy(struct keyring *k, const char *path, const struct uuid *id)
{
    char file[2200];
    uint8_t bytes[KEYRING_FILE] = {0};
    key_path(k, path, file, sizeof(file));
    int r = folders_make(file, 0700);
    memcpy(bytes, magic, sizeof(magic));
    bytes[12] = 2;
    memcpy(bytes + 16, id, 16);
    // In place first: where the file system writes over a block, the wrapped key is gone from the disk too.
    if (r == 0)
        r = file_overwrite(file, bytes, sizeof(bytes));
    return r == 0 || r == -ENOENT ? file_replace(file, bytes, sizeof(bytes), 0600) : r;
}

bool keyring_can_sign(struct keyring *k)
{
    (void)pthread_mutex_lock(&k->lock);
    if (!k->can_sign)
        (void)load_signing(k, false);
    bool can = k->can_sign;
    (void)pthread_mutex_unlock(&k->lock);
    return can;
}

void keyring_sign(const struct keyring *k, const void *p, size_t n, uint8_t ret[KEYRING_SIGNATURE])
{
    must(k->can_sign);
    (void)crypto_sign_detached(ret, NULL, p, n, k->secret_key);
}

bool keyring_verify(const uint8_t public_key[KEYRING_PUBLIC], const void *p, size_t n,
                    const uint8_t signature[KEYRING_SIGNATURE])
{
    return crypto_sign_verify_detached(signature, p, n, public_key) == 0;
}

int keyring_read_public(const char *path, uint8_t ret[KEYRING_PUBLIC])
{
    return sodium_init() < 0 ? -EIO : read_hex(path, ret);
}

// ---- all data keys

struct walk {
    struct keyring *k;
    struct keyring_count *c;
    uint32_t version;
    bool rewrap;
};

static int look(void *ctx, const char *file)
{
    struct walk *w = ctx;
    struct data_key d;
    uint8_t bytes[KEYRING_FILE];
    struct key_file f;
    size_t len = strlen(file);
    if (len < 4 || strcmp(file + len - 4, ".key") != 0)
        return 0;
    int r = read_key(file, bytes, &f);
    if (r == 0 && f.state == 2) {
        w->c->destroyed++;
        return 0;
    }
    if (r == 0 && f.version == w->version)
        w->c->with_version++;
    if (r == 0 && (!w->rewrap || f.version == keyring_version(w->k))) {
        w->c->kept++;
        return 0;
    }
    if (r == 0)
        r = unwrap(w->k, &f, &d);
    struct uuid id = f.id;
    if (r == 0)
        r = wrap(w->k, &id, &d, bytes);
    if (r == 0)
        r = file_replace(file, bytes, sizeof(bytes), 0600);
    sodium_memzero(&d, sizeof(d));
    if (r == 0) {
        w->c->rewrapped++;
    } else if (w->c->failed++ == 0) {
        (void)snprintf(w->c->first_failed, sizeof(w->c->first_failed), "%s", file);
    }
    return 0;
}

static int walk(struct keyring *k, uint32_t version, bool rewrap, struct keyring_count *ret)
{
    char dir[1100];
    memset(ret, 0, sizeof(*ret));
    struct walk w = {k, ret, version, rewrap};
    (void)snprintf(dir, sizeof(dir), "%s/data", k->dir);
    int r = load_masters(k);
    return r < 0 ? r : files_each(dir, look, &w);
}

int keyring_rewrap(struct keyring *k, struct keyring_count *ret)
{
    return walk(k, 0, true, ret);
}

int keyring_users(struct keyring *k, uint32_t version, struct keyring_count *ret)
{
    return walk(k, version, false, ret);
}

int keyring_forget(struct keyring *k, uint32_t version)
{
    char path[1100];
    uint8_t zero[HEX_KEY + 1] = {0};
    struct keyring_count c;
    int r = keyring_users(k, version, &c);
    if (r < 0)
        return r;
    if (c.with_version > 0 || c.failed > 0 || version == keyring_version(k))
        return -EBUSY;
    (void)snprintf(path, sizeof(path), "%s/master-%u", k->dir, version);
    r = file_overwrite(path, zero, sizeof(zero));
    if (r == 0 && unlink(path) != 0)
        r = -errno;
    return r < 0 ? r : load_masters(k);
}
