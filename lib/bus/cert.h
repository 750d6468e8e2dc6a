// cert.h: a process's own certificate as a file: how much of its life is left, the request for the next one, and putting that in its place. The key stays, so
// one file changes, by one rename: whoever is killed when, certificate and key fit. New connections of every process that reads this
// file show the new one (tls_context.c looks at each handshake); those that stand go on.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

#define CERT_REQUEST_MAX 2048

struct cert_life {
    int64_t from_us, until_us; // wall clock
};
// 0 or negative errno.
int cert_life(const char *cert_path, struct cert_life *ret);
// A request (PEM, PKCS #10) that proves the key. 0 or negative errno; *ret_n bytes.
int cert_request(const char *key_path, char *buf, size_t cap, size_t *ret_n);
// pem: a certificate and its authority's. It must be for this key, by the authority in ca_path, and good for longer than the one that is
// there; else -EINVAL, and why. Another negative errno: it could not be written.
int cert_replace(const char *cert_path, const char *key_path, const char *ca_path, struct span pem,
                 const char **ret_why);
