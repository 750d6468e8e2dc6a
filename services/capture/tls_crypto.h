// tls_crypto.h: the only file of capture that knows a crypto library (OpenSSL's libcrypto, EVP): keys from secrets, records
// from ciphertext, TLS 1.2 and 1.3. All contexts are made at start; a record only sets key and nonce in them, so a
// connection costs no memory of the library's. Nothing is ever encrypted or signed here. One owner thread.
#pragma once
#include "wire/tls.h"

enum tls_cipher {
    TLS_AES_128_GCM,
    TLS_AES_256_GCM,
    TLS_CHACHA20_POLY1305,
    TLS_AES_128_CBC,
    TLS_AES_256_CBC,
    TLS_CIPHER_COUNT
};
enum tls_hash {
    TLS_SHA1,
    TLS_SHA256,
    TLS_SHA384,
    TLS_HASH_COUNT
};
struct tls_suite {
    uint16_t id; // IANA
    uint8_t cipher, mac,
        prf; // enum tls_cipher; enum tls_hash of CBC's HMAC, and of the PRF or HKDF
    bool v13;
};
// NULL: not read (stream ciphers, CCM, Camellia, ...).
const struct tls_suite *tls_suite_find(uint16_t id);

struct tls_keys {                  // of one direction
    const struct tls_suite *suite; // NULL: none
    bool encrypt_then_mac;
    uint8_t key[32], iv[16], mac[48];
};

struct tls_crypto;
struct tls_crypto *tls_crypto_new(void); // NULL: no memory, or the library lacks something
struct tls_crypto *tls_crypto_free(struct tls_crypto *c);

// TLS 1.2: client's keys, then server's. False: the library refused.
bool tls_keys_12(struct tls_crypto *c, const struct tls_suite *s, const uint8_t master[48],
                 const uint8_t *client_random, const uint8_t *server_random,
                 struct tls_keys ret[2]);
// TLS 1.3: of one traffic secret, as long as the suite's hash.
bool tls_keys_13(struct tls_crypto *c, const struct tls_suite *s, const uint8_t *secret,
                 struct tls_keys *ret);
// The secret after a KeyUpdate (RFC 8446 7.2), in place.
bool tls_secret_next(struct tls_crypto *c, const struct tls_suite *s, uint8_t *secret);
size_t tls_secret_bytes(const struct tls_suite *s);

struct tls_plain {
    uint8_t type;
    struct span text; // in the crypto's own buffer, until the next call
};
// False: the record is not what these keys and this number made.
bool tls_open(struct tls_crypto *c, const struct tls_keys *k, uint64_t number,
              const struct tls_record *r, struct tls_plain *ret);
