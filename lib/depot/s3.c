// With libcurl 7.88 a signature is valid only if: x-amz-content-sha256 is a header of ours, query parameters are sorted,
// one without a value has its "=", and all but unreserved characters are percent-encoded in keys and values.
#include "depot/s3.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "depot/s3_priv.h"
#include "depot/s3_text.h"

#define CONNECT_S 10L
#define STALL_S   30L // so long under 1 kB/s is an end

struct s3 *s3_new(const struct s3_opts *o)
{
    static _Atomic bool begun;
    if (!atomic_exchange(&begun, true))
        (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    struct s3 *s = mem_take(sizeof(*s));
    if (!s)
        return NULL;
    s->o = *o;
    if (s->o.part_bytes == 0)
        s->o.part_bytes = S3_PART_BYTES;
    s->curl = curl_easy_init();
    (void)snprintf(s->credentials, sizeof(s->credentials), "%s:%s", o->access_key, o->secret_key);
    (void)snprintf(s->provider, sizeof(s->provider), "aws:amz:%s:s3", o->region);
    return s->curl ? s : s3_free(s);
}

struct s3 *s3_free(struct s3 *s)
{
    if (!s)
        return NULL;
    if (s->curl)
        curl_easy_cleanup(s->curl);
    explicit_bzero(s->credentials, sizeof(s->credentials));
    mem_give(s, sizeof(*s));
    return NULL;
}

const char *s3_why(const struct s3 *s)
{
    return s->why;
}

struct s3_stat s3_stat(const struct s3 *s)
{
    return s->stat;
}

// ---- bytes to and from libcurl

static size_t give(char *buf, size_t size, size_t count, void *ctx)
{
    struct s3 *s = ctx;
    uint64_t left = s->q->n - s->sent, want = (uint64_t)size * count;
    ssize_t n =
        pread(s->q->fd, buf, (size_t)(want < left ? want : left), (off_t)(s->q->offset + s->sent));
    if (n < 0 || (n == 0 && left > 0))
        return CURL_READFUNC_ABORT; // the file is shorter than it was
    s->sent += (uint64_t)n;
    return (size_t)n;
}

static int rewind_to(void *ctx, curl_off_t at, int origin)
{
    struct s3 *s = ctx;
    if (origin != SEEK_SET || at < 0 || (uint64_t)at > s->q->n)
        return CURL_SEEKFUNC_FAIL;
    s->sent = (uint64_t)at;
    return CURL_SEEKFUNC_OK;
}

static size_t take(char *p, size_t size, size_t count, void *ctx)
{
    struct s3 *s = ctx;
    size_t n = size * count;
    long status = 0;
    (void)curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
    if (s->q->into && status / 100 == 2) {
        if (n > s->q->n - s->got) // it sends more than was asked for: the range was not understood
            return 0;
        memcpy(s->q->into + s->got, p, n);
        s->got += n;
        return n;
    }
    if (n > S3_ANSWER - s->answer_n)
        return 0;
    memcpy(s->answer + s->answer_n, p, n);
    s->answer_n += n;
    return n;
}

static size_t on_header(char *p, size_t size, size_t count, void *ctx)
{
    struct s3 *s = ctx;
    struct span h = span_of(p, size * count);
    if (span_istarts(h, SPAN_LIT("etag:")))
        (void)s3_etag(span_sub(h, 5, h.n), s->etag, sizeof(s->etag));
    if (span_istarts(h, SPAN_LIT("content-length:")))
        (void)span_u64(span_trim(span_sub(h, 15, h.n)), INT64_MAX, &s->length);
    return size * count;
}

static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    const struct s3 *s = ctx;
    return s->o.stop && atomic_load(s->o.stop);
}

// ---- one request

static void hex(const uint8_t *p, char *buf)
{
    for (size_t i = 0; i < 32; i++)
        (void)snprintf(buf + 2 * i, 3, "%02x", p[i]);
}

// The header that says what the body is. Over TLS the body need not be read twice.
static bool body_hash(struct s3 *s, const struct s3_request *q, char *buf, size_t cap)
{
    uint8_t sum[EVP_MAX_MD_SIZE];
    char text[65];
    bool put = strcmp(q->method, "PUT") == 0;
    if (put && strncmp(s->o.endpoint, "https:", 6) == 0) {
        (void)snprintf(buf, cap, "x-amz-content-sha256: UNSIGNED-PAYLOAD");
        return true;
    }
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1;
    for (uint64_t at = 0; ok && put && at < q->n;) {
        size_t want = q->n - at < sizeof(s->copy) ? (size_t)(q->n - at) : sizeof(s->copy);
        ssize_t n = pread(q->fd, s->copy, want, (off_t)(q->offset + at));
        ok = n > 0 && EVP_DigestUpdate(c, s->copy, (size_t)n) == 1;
        at += ok ? (uint64_t)n : 0;
    }
    if (ok && !put && q->body.n > 0)
        ok = EVP_DigestUpdate(c, q->body.p, q->body.n) == 1;
    ok = ok && EVP_DigestFinal_ex(c, sum, NULL) == 1;
    EVP_MD_CTX_free(c);
    if (ok) {
        hex(sum, text);
        (void)snprintf(buf, cap, "x-amz-content-sha256: %s", text);
    }
    return ok;
}

static bool make_url(struct s3 *s, const struct s3_request *q)
{
    char key[3072], whole[2048];
    int n = snprintf(whole, sizeof(whole), "%s/%s%s", s->o.bucket, s->o.prefix, q->key);
    if (n < 0 || (size_t)n >= sizeof(whole) || !s3_encode(whole, true, key, sizeof(key)))
        return false;
    n = snprintf(s->url, sizeof(s->url), "%s/%s%s%s", s->o.endpoint, key, q->query[0] ? "?" : "",
                 q->query);
    return n > 0 && (size_t)n < sizeof(s->url);
}

static void set_method(struct s3 *s, const struct s3_request *q)
{
    CURL *c = s->curl;
    if (strcmp(q->method, "PUT") == 0) {
        (void)curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
        (void)curl_easy_setopt(c, CURLOPT_READFUNCTION, give);
        (void)curl_easy_setopt(c, CURLOPT_READDATA, s);
        (void)curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, rewind_to);
        (void)curl_easy_setopt(c, CURLOPT_SEEKDATA, s);
        (void)curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->n);
    } else if (strcmp(q->method, "POST") == 0) {
        (void)curl_easy_setopt(c, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.n);
        (void)curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->body.n ? (const char *)q->body.p : "");
    } else if (strcmp(q->method, "HEAD") == 0) {
        (void)curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
    } else if (strcmp(q->method, "DELETE") == 0) {
        (void)curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, "DELETE");
    }
}

static struct curl_slist *headers(const struct s3_request *q, const char *hash)
{
    char range[80];
    struct curl_slist *h = curl_slist_append(NULL, hash);
    if (h && q->into) {
        (void)snprintf(range, sizeof(range), "Range: bytes=%llu-%llu",
                       (unsigned long long)q->offset, (unsigned long long)(q->offset + q->n - 1));
        h = curl_slist_append(h, range);
    }
    return h ? curl_slist_append(h, "Content-Type: application/octet-stream") : NULL;
}

static void set_common(struct s3 *s)
{
    CURL *c = s->curl;
    curl_easy_reset(c); // keeps connections
    (void)curl_easy_setopt(c, CURLOPT_URL, s->url);
    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(c, CURLOPT_AWS_SIGV4, s->provider);
    (void)curl_easy_setopt(c, CURLOPT_USERPWD, s->credentials);
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    (void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1024L);
    (void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, STALL_S);
    // Not "Expect:" as a header without a value: it would be signed, and not sent.
    (void)curl_easy_setopt(c, CURLOPT_EXPECT_100_TIMEOUT_MS, 1L);
    (void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, s->error);
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, s);
    (void)curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(c, CURLOPT_HEADERDATA, s);
    (void)curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFODATA, s);
    if (s->o.ca_file && s->o.ca_file[0])
        (void)curl_easy_setopt(c, CURLOPT_CAINFO, s->o.ca_file);
}

// What an answer means. The <Code> of S3's error is worth more than the status alone.
static int judge(struct s3 *s, const struct s3_request *q, CURLcode r)
{
    long status = 0;
    struct span code = {(const uint8_t *)"", 0};
    size_t at = 0;
    if (r != CURLE_OK) {
        (void)snprintf(s->why, sizeof(s->why), "%s: %s", q->method,
                       s->error[0] ? s->error : curl_easy_strerror(r));
        return r == CURLE_ABORTED_BY_CALLBACK && s->o.stop && atomic_load(s->o.stop) ? S3_E_STOPPED
                                                                                     : S3_E_AWAY;
    }
    (void)curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
    (void)s3_xml_next(span_of(s->answer, s->answer_n), "Code", &at, &code);
    if (status / 100 == 2)
        return S3_OK;
    (void)snprintf(s->why, sizeof(s->why), "%s: status %ld %.*s", q->method, status,
                   (int)(code.n < 80 ? code.n : 80), (const char *)code.p);
    if (status == 404)
        return S3_E_NONE;
    return status >= 500 || status == 429 || status == 408 ? S3_E_AWAY : S3_E_REFUSED;
}

int s3_do(struct s3 *s, const struct s3_request *q)
{
    char hash[128];
    s->q = q;
    s->sent = 0;
    s->got = s->answer_n = 0;
    s->length = 0;
    s->error[0] = s->etag[0] = '\0';
    if (s->o.stop && atomic_load(s->o.stop))
        return S3_E_STOPPED;
    if (!make_url(s, q) || !body_hash(s, q, hash, sizeof(hash))) {
        (void)snprintf(s->why, sizeof(s->why),
                       "%s: the name is too long or the file cannot be read", q->method);
        return S3_E_REFUSED;
    }
    set_common(s);
    set_method(s, q);
    struct curl_slist *h = headers(q, hash);
    (void)curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, h);
    CURLcode r = h ? curl_easy_perform(s->curl) : CURLE_OUT_OF_MEMORY;
    s->stat.requests++;
    s->stat.bytes_up += s->sent;
    s->stat.bytes_down += s->got;
    s->answer[s->answer_n] = '\0';
    int verdict = judge(s, q, r);
    (void)curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(h);
    return verdict;
}

// ---- the small ones

int s3_size(struct s3 *s, const char *key, uint64_t *ret_bytes)
{
    struct s3_request q = {.method = "HEAD", .key = key, .query = "", .fd = -1};
    int r = s3_do(s, &q);
    if (r == S3_OK)
        *ret_bytes = s->length;
    return r;
}

int s3_read(struct s3 *s, const char *key, uint64_t offset, void *buf, size_t n, size_t *ret_n)
{
    struct s3_request q = {
        .method = "GET", .key = key, .query = "", .fd = -1, .offset = offset, .n = n, .into = buf};
    int r = n > 0 ? s3_do(s, &q) : S3_OK;
    *ret_n = r == S3_OK && n > 0 ? s->got : 0;
    return r;
}

int s3_delete(struct s3 *s, const char *key)
{
    struct s3_request q = {.method = "DELETE", .key = key, .query = "", .fd = -1};
    int r = s3_do(s, &q);
    return r == S3_E_NONE ? S3_OK : r;
}
