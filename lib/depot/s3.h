// s3.h: objects in a store that speaks S3, by libcurl with its own signatures (SigV4, path style). A file goes up in one PUT or in
// parts and is never in memory as a whole; a range comes down into the caller's buffer. An upload that was interrupted goes on
// where the store has it. One owner thread for each struct s3 (it keeps its connection).
// Limits: S3_PARTS parts of a file (they grow with it), S3_ANSWER bytes of an answer that is no object.
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define S3_PARTS      1000u // a page of ListParts
#define S3_PART_BYTES (8u << 20)
#define S3_ANSWER     (512u << 10)
#define S3_UPLOAD_ID  512u

enum s3_error {
    S3_OK = 0,
    S3_E_AWAY = 1,    // no answer, or one that asks to come again (5xx, 429): later
    S3_E_REFUSED = 2, // 4xx: it will not do; s3_why says what it said
    S3_E_NONE = 3,    // no such object
    S3_E_STOPPED = 4, // *stop became true
};

struct s3_opts {
    const char *endpoint; // "https://host[:port]"
    const char *bucket, *prefix, *region;
    const char *access_key, *secret_key;
    const char *ca_file;      // "" the system's
    uint64_t part_bytes;      // 0: S3_PART_BYTES
    const _Atomic bool *stop; // may be NULL
};

struct s3;
struct s3 *s3_new(const struct s3_opts *o); // strings are borrowed; NULL: no memory
struct s3 *s3_free(struct s3 *s);
// The last thing that went wrong, one line.
const char *s3_why(const struct s3 *s);

// The file as object prefix + key. upload_id (S3_UPLOAD_ID bytes): "" or what a former try left there; `save` is told when it
// changes, before any part is sent, so that it can be kept over a crash.
typedef void (*s3_save_fn)(void *ctx, const char *upload_id);
int s3_upload(struct s3 *s, const char *path, const char *key, char *upload_id, s3_save_fn save,
              void *ctx);
int s3_size(struct s3 *s, const char *key, uint64_t *ret_bytes);
// Bytes offset .. offset + n - 1 (fewer at the end) into buf.
int s3_read(struct s3 *s, const char *key, uint64_t offset, void *buf, size_t n, size_t *ret_n);
int s3_delete(struct s3 *s, const char *key); // an object that is not there: S3_OK

struct s3_stat {
    uint64_t requests, bytes_up, bytes_down, parts_resumed;
};
struct s3_stat s3_stat(const struct s3 *s);
