#include "sign.h"

#include <errno.h>
#include <string.h>
#include <sodium.h>

#define HASH_BYTES 32
#define TAG_BYTES  20
#define IMAGE_MAX  (TAG_BYTES + ENVELOPE_HEAD_MAX + HASH_BYTES)

static const char envelope_tag[TAG_BYTES] = "callmesh envelope 1";
static const char ask_tag[TAG_BYTES] = "callmesh ask 1";

_Static_assert(crypto_sign_PUBLICKEYBYTES == BUS_KEY_BYTES, "key");
_Static_assert(crypto_sign_BYTES + BUS_KEY_ID == ENVELOPE_SIGNATURE, "signature");

static struct {
    bool ready;
    uint8_t secret[crypto_sign_SECRETKEYBYTES], public[BUS_KEY_BYTES];
} g;

int sign_setup(const char *hex)
{
    uint8_t seed[crypto_sign_SEEDBYTES];
    size_t n = 0;
    const char *end = hex;
    if (sodium_init() < 0)
        return -EINVAL;
    int r = sodium_hex2bin(seed, sizeof(seed), hex, strlen(hex), NULL, &n, &end);
    bool good = r == 0 && n == sizeof(seed) && end[strspn(end, " \r\n\t")] == 0;
    if (good)
        crypto_sign_seed_keypair(g.public, g.secret, seed);
    sodium_memzero(seed, sizeof(seed));
    g.ready = good;
    return good ? 0 : -EINVAL;
}

bool sign_ready(void)
{
    return g.ready;
}

const uint8_t *sign_public_key(void)
{
    return g.ready ? g.public : NULL;
}

static size_t envelope_image(uint8_t buf[IMAGE_MAX], const struct envelope *e)
{
    struct envelope bare = *e;
    bare.signature = (struct span){0};
    memcpy(buf, envelope_tag, TAG_BYTES);
    size_t n = TAG_BYTES + envelope_head(buf + TAG_BYTES, &bare);
    crypto_generichash(buf + n, HASH_BYTES, e->payload.p, e->payload.n, NULL, 0);
    return n + HASH_BYTES;
}

static size_t ask_image(uint8_t buf[IMAGE_MAX], const struct ask_msg *a)
{
    struct ask_msg bare = *a;
    bare.signature = (struct span){0};
    memcpy(buf, ask_tag, TAG_BYTES);
    return TAG_BYTES + ask_head(buf + TAG_BYTES, &bare);
}

static void sign_image(const uint8_t *image, size_t n, uint8_t ret[ENVELOPE_SIGNATURE])
{
    memcpy(ret, g.public, BUS_KEY_ID);
    crypto_sign_detached(ret + BUS_KEY_ID, NULL, image, n, g.secret);
}

void sign_bytes(struct span bytes, uint8_t ret[ENVELOPE_SIGNATURE])
{
    sign_image(bytes.p, bytes.n, ret);
}

void sign_envelope(const struct envelope *e, uint8_t ret[ENVELOPE_SIGNATURE])
{
    uint8_t image[IMAGE_MAX];
    sign_image(image, envelope_image(image, e), ret);
}

void sign_ask(const struct ask_msg *a, uint8_t ret[ENVELOPE_SIGNATURE])
{
    uint8_t image[IMAGE_MAX];
    sign_image(image, ask_image(image, a), ret);
}

// The publisher's name begins with its site's: else one site's key could open an account in the name of another.
static bool of_site(struct span publisher, struct span site)
{
    return site.n > 0 && publisher.n > site.n && memcmp(publisher.p, site.p, site.n) == 0 &&
           publisher.p[site.n] == '/';
}

static enum sign_answer key_of(struct span publisher, struct span site, struct span signature,
                               uint8_t key[BUS_KEY_BYTES])
{
    if (signature.n == 0)
        return SIGN_NONE;
    if (signature.n != ENVELOPE_SIGNATURE)
        return SIGN_WRONG;
    if (!of_site(publisher, site))
        return SIGN_UNKNOWN;
    switch (guard_key(site, signature.p, key)) {
    case GUARD_GOOD:
        return SIGN_GOOD;
    case GUARD_REVOKED:
        return SIGN_REVOKED;
    default:
        return SIGN_UNKNOWN;
    }
}

static enum sign_answer check(struct span signature, const uint8_t *image, size_t n,
                              const uint8_t key[BUS_KEY_BYTES])
{
    return crypto_sign_verify_detached(signature.p + BUS_KEY_ID, image, n, key) == 0 ? SIGN_GOOD
                                                                                     : SIGN_WRONG;
}

enum sign_answer sign_check_envelope(const struct envelope *e)
{
    uint8_t key[BUS_KEY_BYTES], image[IMAGE_MAX];
    enum sign_answer r = key_of(e->publisher, e->site, e->signature, key);
    return r == SIGN_GOOD ? check(e->signature, image, envelope_image(image, e), key) : r;
}

enum sign_answer sign_check_ask(const struct ask_msg *a)
{
    uint8_t key[BUS_KEY_BYTES], image[IMAGE_MAX];
    enum sign_answer r = key_of(a->publisher, a->site, a->signature, key);
    return r == SIGN_GOOD ? check(a->signature, image, ask_image(image, a), key) : r;
}

const char *sign_answer_text(enum sign_answer a)
{
    switch (a) {
    case SIGN_NONE:
        return "not signed: this site has no bus.sign-key, or has not joined";
    case SIGN_UNKNOWN:
        return "signed with a key that is not registered for this site";
    case SIGN_REVOKED:
        return "this site's key is revoked";
    case SIGN_WRONG:
        return "the signature is wrong";
    default:
        return "";
    }
}
