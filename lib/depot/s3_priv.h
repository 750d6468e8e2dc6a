// s3_priv.h: what s3.c and s3_upload.c share.
#pragma once
#include <curl/curl.h>
#include "base/span.h"
#include "depot/s3.h"

struct s3_request {
    const char *method;      // GET HEAD PUT POST DELETE
    const char *key, *query; // query: encoded and sorted, or ""
    int fd;                  // PUT: bytes offset .. offset + n - 1 of it
    uint64_t offset, n;
    struct span body; // POST
    uint8_t *into;    // GET: at most n bytes; NULL: into s->answer
};

struct s3 {
    struct s3_opts o;
    CURL *curl;
    struct s3_stat stat;
    char url[4096], credentials[512], provider[128], error[CURL_ERROR_SIZE], why[640];
    uint8_t answer[S3_ANSWER + 1];
    size_t answer_n;
    uint64_t length; // Content-Length of a HEAD
    char etag[80];
    // of the request at work
    const struct s3_request *q;
    uint64_t sent;
    size_t got;
    uint8_t copy[64 * 1024];
    // of the upload at work
    char etags[S3_PARTS + 1][80];
    char complete[S3_PARTS * 144 + 128];
};

// S3_* after one request.
int s3_do(struct s3 *s, const struct s3_request *q);
