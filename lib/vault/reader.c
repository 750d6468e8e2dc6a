#include "vault/reader.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fail.h"

#define NO_CHUNK UINT64_MAX

int reader_init(struct reader *r)
{
    memset(r, 0, sizeof(*r));
    r->at = NO_CHUNK;
    return seal_init(&r->seal);
}

void reader_deinit(struct reader *r)
{
    seal_deinit(&r->seal);
}

static ssize_t read_fd(void *ctx, uint64_t offset, void *buf, size_t n)
{
    ssize_t got = pread((int)(intptr_t)ctx, buf, n, (off_t)offset);
    return got < 0 ? -errno : got;
}

int reader_source_fd(struct reader_source *ret, int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -errno;
    *ret = (struct reader_source){
        .read = read_fd, .ctx = (void *)(intptr_t)fd, .bytes = (uint64_t)st.st_size};
    return 0;
}

// All n bytes, or -EBADMSG.
static int read_all(struct reader *r, uint64_t offset, uint8_t *buf, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = r->source.read(r->source.ctx, offset + done, buf + done, n - done);
        if (got == -EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? (int)got : -EBADMSG;
        done += (size_t)got;
    }
    return 0;
}

static int take_chunk(struct reader *r, uint64_t chunk)
{
    uint64_t last = r->content ? (r->content - 1) / SEAL_CHUNK : 0;
    size_t n = chunk < last ? SEAL_CHUNK : (size_t)(r->content - last * SEAL_CHUNK);
    r->at = NO_CHUNK;
    int e = read_all(r, SEAL_HEAD + chunk * SEAL_STRIDE, r->cipher, n + SEAL_TAG);
    if (e == 0)
        e = seal_read(&r->seal, chunk, chunk == last, r->cipher, n, r->plain);
    if (e < 0)
        return e;
    r->at = chunk;
    r->plain_n = n;
    return 0;
}

static bool is_sealed(const char *path)
{
    size_t n = strlen(path), k = sizeof(SEAL_SUFFIX) - 1;
    return n > k && strcmp(path + n - k, SEAL_SUFFIX) == 0;
}

// The recording that the name of the file says: a file under another's name is refused.
static bool id_of(const char *path, struct uuid *ret)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    return uuid_parse(span_of(base, strcspn(base, ".")), ret);
}

static uint8_t part_of(const char *path)
{
    return strstr(path, ".json.")  ? SEAL_MANIFEST
           : strstr(path, ".rtp.") ? SEAL_PAYLOAD
                                   : SEAL_AUDIO;
}

int reader_open(struct reader *r, const struct reader_source *source, const char *path,
                struct keyring *keys)
{
    uint8_t head[SEAL_HEAD];
    struct seal_head h;
    struct data_key key;
    struct uuid id;
    r->source = *source;
    r->at = NO_CHUNK;
    r->sealed = is_sealed(path);
    r->content = source->bytes;
    if (!r->sealed)
        return 0;
    if (!keys)
        return KEYRING_E_NONE;
    if (!seal_content(source->bytes, &r->content))
        return -EBADMSG;
    int e = read_all(r, 0, head, sizeof(head));
    if (e < 0)
        return e;
    if (!seal_parse(span_of(head, sizeof(head)), &h) || !id_of(path, &id) ||
        memcmp(&id, &h.recording, sizeof(id)) != 0 || h.part != part_of(path))
        return -EBADMSG;
    e = keyring_get(keys, path, &id, &key);
    if (e == 0)
        e = seal_open(&r->seal, head, &key);
    explicit_bzero(&key, sizeof(key));
    return e == 0 ? take_chunk(r, r->content ? (r->content - 1) / SEAL_CHUNK : 0) : e;
}

int reader_open_with(struct reader *r, const struct reader_source *source,
                     const struct data_key *key)
{
    uint8_t head[SEAL_HEAD];
    r->source = *source;
    r->at = NO_CHUNK;
    r->sealed = true;
    if (!seal_content(source->bytes, &r->content))
        return -EBADMSG;
    int e = read_all(r, 0, head, sizeof(head));
    if (e == 0)
        e = seal_open(&r->seal, head, key);
    return e == 0 ? take_chunk(r, r->content ? (r->content - 1) / SEAL_CHUNK : 0) : e;
}

ssize_t reader_read(struct reader *r, uint64_t offset, void *buf, size_t n)
{
    if (offset >= r->content)
        return 0;
    if (n > r->content - offset)
        n = (size_t)(r->content - offset);
    if (!r->sealed)
        return r->source.read(r->source.ctx, offset, buf, n);
    uint64_t chunk = offset / SEAL_CHUNK;
    if (chunk != r->at) {
        int e = take_chunk(r, chunk);
        if (e < 0)
            return e;
    }
    size_t from = (size_t)(offset % SEAL_CHUNK), part = r->plain_n - from;
    must(from < r->plain_n);
    part = part < n ? part : n;
    memcpy(buf, r->plain + from, part);
    return (ssize_t)part;
}
