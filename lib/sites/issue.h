// issue.h: a certificate for a site that joins, signed by the private authority (OpenSSL). The request's subject and wishes are
// not looked at: the name is the site's, the use is client authentication.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

#define ISSUE_PEM_MAX 8192

struct issuer;
// The authority's certificate and key, PEM files. 0 or negative errno with one clear line.
int issuer_open(struct issuer **ret, const char *ca_cert, const char *ca_key, char *err,
                size_t err_cap);
struct issuer *issuer_free(struct issuer *i);
const char *issuer_ca_pem(const struct issuer *i);

struct issued {
    char pem[ISSUE_PEM_MAX]; // the certificate, then the authority's
    uint8_t print[32];       // SHA-256 of the DER
    int64_t expires_us;
};
// 0, or -EINVAL: not a request for a P-256 key, or its own signature is wrong.
int issuer_sign(struct issuer *i, struct span csr_pem, const char *site, int64_t life_us,
                struct issued *ret);
