// A file in one PUT, or in parts. Which parts the store has is asked of the store (ListParts), not remembered: a part
// counts when its size is what it must be.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "depot/s3_priv.h"
#include "depot/s3_text.h"

struct upload {
    struct s3 *s;
    const char *key;
    int fd;
    uint64_t bytes, part;
    uint32_t parts;
    char *id;
    s3_save_fn save;
    void *ctx;
};

static uint64_t part_length(const struct upload *u, uint32_t n)
{
    return n < u->parts ? u->part : u->bytes - (uint64_t)(u->parts - 1) * u->part;
}

static int put_whole(struct upload *u)
{
    struct s3_request q = {.method = "PUT", .key = u->key, .query = "", .fd = u->fd, .n = u->bytes};
    return s3_do(u->s, &q);
}

static int begin(struct upload *u)
{
    struct s3_request q = {.method = "POST", .key = u->key, .query = "uploads=", .fd = -1};
    struct span id;
    size_t at = 0;
    int r = s3_do(u->s, &q);
    if (r != S3_OK)
        return r;
    if (!s3_xml_next(span_of(u->s->answer, u->s->answer_n), "UploadId", &at, &id) || id.n == 0 ||
        id.n >= S3_UPLOAD_ID) {
        (void)snprintf(u->s->why, sizeof(u->s->why), "POST: no upload id in the answer");
        return S3_E_AWAY;
    }
    (void)span_copy(id, u->id, S3_UPLOAD_ID);
    u->save(u->ctx, u->id);
    return S3_OK;
}

static bool query(const struct upload *u, uint32_t part, char *buf, size_t cap)
{
    char id[3 * S3_UPLOAD_ID];
    if (!s3_encode(u->id, false, id, sizeof(id)))
        return false;
    int n = part ? snprintf(buf, cap, "partNumber=%u&uploadId=%s", part, id)
                 : snprintf(buf, cap, "uploadId=%s", id);
    return n > 0 && (size_t)n < cap;
}

static void note_part(struct upload *u, struct span part)
{
    struct span number, etag, size;
    size_t a = 0, b = 0, c = 0;
    uint64_t n = 0, bytes = 0;
    if (!s3_xml_next(part, "PartNumber", &a, &number) || !s3_xml_next(part, "ETag", &b, &etag) ||
        !s3_xml_next(part, "Size", &c, &size) || !span_u64(number, u->parts, &n) || n == 0 ||
        !span_u64(size, INT64_MAX, &bytes) || bytes != part_length(u, (uint32_t)n))
        return;
    if (s3_etag(etag, u->s->etags[n], sizeof(u->s->etags[n])))
        u->s->stat.parts_resumed++;
}

// What is there of an upload that was begun. S3_E_NONE: the store knows nothing of it.
static int list_parts(struct upload *u)
{
    char text[2048];
    if (!query(u, 0, text, sizeof(text)))
        return S3_E_NONE;
    struct s3_request q = {.method = "GET", .key = u->key, .query = text, .fd = -1};
    int r = s3_do(u->s, &q);
    struct span xml = span_of(u->s->answer, u->s->answer_n), part;
    for (size_t at = 0; r == S3_OK && s3_xml_next(xml, "Part", &at, &part);)
        note_part(u, part);
    return r;
}

static int put_part(struct upload *u, uint32_t n)
{
    char text[2048];
    if (!query(u, n, text, sizeof(text)))
        return S3_E_REFUSED;
    struct s3_request q = {.method = "PUT",
                           .key = u->key,
                           .query = text,
                           .fd = u->fd,
                           .offset = (uint64_t)(n - 1) * u->part,
                           .n = part_length(u, n)};
    int r = s3_do(u->s, &q);
    if (r != S3_OK)
        return r;
    if (u->s->etag[0] == '\0') {
        (void)snprintf(u->s->why, sizeof(u->s->why), "PUT: a part without an ETag");
        return S3_E_AWAY;
    }
    (void)snprintf(u->s->etags[n], sizeof(u->s->etags[n]), "%s", u->s->etag);
    return S3_OK;
}

static int complete(struct upload *u)
{
    struct s3 *s = u->s;
    char text[2048];
    size_t at = 0;
    struct span code;
    size_t n = (size_t)snprintf(s->complete, sizeof(s->complete), "<CompleteMultipartUpload>");
    for (uint32_t i = 1; i <= u->parts && n < sizeof(s->complete); i++)
        n += (size_t)snprintf(s->complete + n, sizeof(s->complete) - n,
                              "<Part><PartNumber>%u</PartNumber><ETag>\"%s\"</ETag></Part>", i,
                              s->etags[i]);
    if (n < sizeof(s->complete))
        n += (size_t)snprintf(s->complete + n, sizeof(s->complete) - n,
                              "</CompleteMultipartUpload>");
    if (n >= sizeof(s->complete) || !query(u, 0, text, sizeof(text)))
        return S3_E_REFUSED;
    struct s3_request q = {
        .method = "POST", .key = u->key, .query = text, .fd = -1, .body = span_of(s->complete, n)};
    int r = s3_do(s, &q);
    // Long work is answered 200 at once, and an error may stand in the body.
    if (r == S3_OK && s3_xml_next(span_of(s->answer, s->answer_n), "Code", &at, &code)) {
        (void)snprintf(s->why, sizeof(s->why), "POST: %.*s", (int)(code.n < 80 ? code.n : 80),
                       (const char *)code.p);
        return S3_E_AWAY;
    }
    return r;
}

static int put_parts(struct upload *u)
{
    int r = u->id[0] ? list_parts(u) : S3_E_NONE;
    if (r == S3_E_NONE || r == S3_E_REFUSED) {
        memset(u->s->etags, 0, sizeof(u->s->etags));
        r = begin(u);
    }
    for (uint32_t n = 1; n <= u->parts && r == S3_OK; n++) {
        if (u->s->etags[n][0] == '\0')
            r = put_part(u, n);
    }
    if (r == S3_OK)
        r = complete(u);
    if (r == S3_E_NONE) { // forgotten by the store in the middle: from the start
        u->id[0] = '\0';
        u->save(u->ctx, "");
        return S3_E_AWAY;
    }
    return r;
}

int s3_upload(struct s3 *s, const char *path, const char *key, char *upload_id, s3_save_fn save,
              void *ctx)
{
    struct stat st;
    struct upload u = {
        .s = s, .key = key, .part = s->o.part_bytes, .id = upload_id, .save = save, .ctx = ctx};
    u.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (u.fd < 0 || fstat(u.fd, &st) != 0) {
        (void)snprintf(s->why, sizeof(s->why), "%s: %s", path, strerror(errno));
        if (u.fd >= 0)
            (void)close(u.fd);
        return S3_E_REFUSED;
    }
    u.bytes = (uint64_t)st.st_size;
    while (u.bytes / u.part >= S3_PARTS) // larger parts instead of more
        u.part *= 2;
    u.parts = (uint32_t)((u.bytes + u.part - 1) / u.part);
    memset(s->etags, 0, sizeof(s->etags));
    int r = u.parts <= 1 ? put_whole(&u) : put_parts(&u);
    (void)close(u.fd);
    return r;
}
