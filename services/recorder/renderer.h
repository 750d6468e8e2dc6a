// renderer.h: callmesh-render as the recorder has it: a process of its own that decodes what libavcodec and libspeex know, one
// child of it for each recording, in a cage. What it says is as hostile as what it was given. One thread (cutter).
// Limits: a recording waits for it no longer than wait_us and a quarter of the sound that it gave; a child that died, hung
// or made no sense is followed by another one RENDERER_TRIES times in a recording (then the rest is not decoded); the program
// itself is started again after 1 s, doubling to 60 s; APART_SLOTS decoders (full: not decoded).
#pragma once
#include <sys/types.h>
#include "media/codec.h"

#define RENDERER_TRIES 3u

struct renderer;

// program: path; without a slash it lies beside this one. NULL: no memory. One that does not start decodes nothing.
struct renderer *renderer_new(const char *program, int64_t wait_us);
struct renderer *renderer_free(struct renderer *r); // fine with NULL
// It has this one of enum apart_codec. False for a NULL renderer.
bool renderer_decodes(const struct renderer *r, int codec);
// Of a recording; fine with NULL.
void renderer_begin(struct renderer *r);
void renderer_end(struct renderer *r);
// For codec_open_apart, between begin and end.
struct codec_apart *renderer_apart(struct renderer *r);
// What went wrong last since begin, NULL: nothing.
const char *renderer_why(const struct renderer *r);
// For tests: the process that makes the others, 0: none.
pid_t renderer_pid(const struct renderer *r);
