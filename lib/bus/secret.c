#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sodium.h>
#include <unistd.h>

#include "guard.h"
#include "sign.h"

_Static_assert(SECRET_OVERHEAD == crypto_box_SEALBYTES, "sealed box");
_Static_assert(SECRET_BOX_KEY == crypto_box_PUBLICKEYBYTES, "key of a box");

#define IMAGE_BYTES 32

int secret_box_new(struct secret_box *ret)
{
    if (sodium_init() < 0)
        return -EIO;
    return crypto_box_keypair(ret->public, ret->private) == 0 ? 0 : -EIO;
}

void secret_wipe(void *p, size_t n)
{
    sodium_memzero(p, n);
}

static void add(crypto_generichash_state *h, struct span s)
{
    uint8_t n[4] = {(uint8_t)(s.n >> 24), (uint8_t)(s.n >> 16), (uint8_t)(s.n >> 8), (uint8_t)s.n};
    (void)crypto_generichash_update(h, n,
                                    sizeof(n)); // so that no two questions are one row of bytes
    (void)crypto_generichash_update(h, s.p, s.n);
}

static void image_of(const struct secret_question *q, uint8_t ret[IMAGE_BYTES])
{
    crypto_generichash_state h;
    (void)crypto_generichash_init(&h, NULL, 0, IMAGE_BYTES);
    add(&h, SPAN_LIT("callmesh question 1"));
    add(&h, q->what);
    add(&h, q->site);
    add(&h, q->subject);
    add(&h, q->box_key);
    (void)crypto_generichash_final(&h, ret, IMAGE_BYTES);
}

int secret_sign(const struct secret_question *q, uint8_t ret[SECRET_SIGNATURE])
{
    uint8_t image[IMAGE_BYTES];
    if (!sign_ready())
        return -ENOKEY;
    image_of(q, image);
    sign_bytes(span_of(image, sizeof(image)), ret);
    return 0;
}

enum secret_asker secret_check(const struct secret_question *q, struct span signature,
                               const uint8_t *house)
{
    uint8_t key[BUS_KEY_BYTES], image[IMAGE_BYTES];
    enum secret_asker asker = SECRET_SITE;
    if (signature.n != SECRET_SIGNATURE || sodium_init() < 0)
        return SECRET_NOBODY;
    if (house && memcmp(signature.p, house, BUS_KEY_ID) == 0) {
        memcpy(key, house, sizeof(key));
        asker = SECRET_HOUSE;
    } else {
        enum guard_answer a = guard_key(q->site, signature.p, key);
        if (a != GUARD_GOOD)
            return a == GUARD_REVOKED ? SECRET_REVOKED : SECRET_NOBODY;
    }
    image_of(q, image);
    bool good =
        crypto_sign_verify_detached(signature.p + BUS_KEY_ID, image, sizeof(image), key) == 0;
    return good ? asker : SECRET_WRONG;
}

int secret_public_of(const char *path, uint8_t ret[BUS_KEY_BYTES])
{
    char hex[129] = "";
    uint8_t seed[crypto_sign_SEEDBYTES], secret[crypto_sign_SECRETKEYBYTES];
    size_t n = 0;
    const char *end = hex;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t got = read(fd, hex, sizeof(hex) - 1);
    close(fd);
    bool good = got > 0 && sodium_init() >= 0 &&
                sodium_hex2bin(seed, sizeof(seed), hex, (size_t)got, NULL, &n, &end) == 0 &&
                n == sizeof(seed) && end[strspn(end, " \r\n\t")] == '\0' &&
                crypto_sign_seed_keypair(ret, secret, seed) == 0;
    sodium_memzero(hex, sizeof(hex));
    sodium_memzero(seed, sizeof(seed));
    sodium_memzero(secret, sizeof(secret));
    return good ? 0 : -EINVAL;
}

bool secret_seal(struct span plain, struct span box_key, uint8_t *out)
{
    return box_key.n == SECRET_BOX_KEY && sodium_init() >= 0 &&
           crypto_box_seal(out, plain.p, plain.n, box_key.p) == 0;
}

size_t secret_open(const struct secret_box *box, struct span sealed, uint8_t *out)
{
    if (sealed.n < SECRET_OVERHEAD ||
        crypto_box_seal_open(out, sealed.p, sealed.n, box->public, box->private) != 0)
        return 0;
    return sealed.n - SECRET_OVERHEAD;
}
