// recordings.h: /recordings: lists and wave forms (recordings.c), the audio (recording_audio.c). Limits: 32 wave forms remembered
// (the oldest goes), one computed at a time.
#pragma once
#include <sys/stat.h>

#include "api.h"

int recordings_init(void);
int recording_audio_init(void);

// The row of the recording in the path, by a question with its id as $1. NULL: the problem is set. A worker.
struct store_result *recordings_one(struct store *st, struct http_req *q, const char *sql);

// A file beneath recordings.dir, or -1 with errno.
int recordings_beneath(const char *path);

#define RECORDINGS_FROM_DEPOT (-2)
// The file of the row (path, sha256, status); RECORDINGS_FROM_DEPOT: not here, the object store may have it; or -1 with the
// problem set.
int recordings_open_file(struct http_req *q, const struct store_result *r, struct stat *ret_st);
