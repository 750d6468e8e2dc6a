// audio.h: encrypted recordings on their way to a client. A fixed set of readers, each with one chunk decrypted; two workers
// read and decrypt, so that the HTTP thread waits for no disk and no store. Limits: audio.readers (full: 503 readers_full,
// counted), one request in each.
#pragma once
#include "api.h"
#include "vault/reader.h"

struct audio_slot;

// Threads and readers; a keys.dir that cannot be read is a warning: encrypted recordings are then answered 503.
int audio_start(const struct conf *c);
void audio_stop(void);
// The keys, or NULL. For whoever opens a reader of his own (wave forms).
struct keyring *audio_keys(void);
// There is an object store to ask for what is not in recordings.dir.
bool audio_has_depot(void);
// Takes the descriptor (also when it fails); -1: from the object store. NULL: the problem is set. Any worker.
struct audio_slot *audio_open(struct http_req *q, int fd, const char *path);
// The same for a file of ours that this key opens (formats.h).
struct audio_slot *audio_open_with(struct http_req *q, int fd, const char *path,
                                   const struct data_key *key);
struct reader *audio_reader(struct audio_slot *s);
const char *audio_path(const struct audio_slot *s);
uint64_t audio_content(const struct audio_slot *s);
void audio_give(struct audio_slot *s);
// n bytes of the content from `first` on as the reply; the slot goes back when the reply is over.
enum http_next audio_reply(struct http_req *q, struct audio_slot *s, unsigned status,
                           const char *type, uint64_t first, uint64_t n);
// The problem that stands for a reader that did not open.
void audio_problem(struct http_req *q, const char *path, int error);
