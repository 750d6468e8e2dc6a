// mirror.h: the live mesh as callstate says it: a snapshot, then numbered changes; after a gap, or a new life of callstate, a
// snapshot again. Each call is kept as the JSON text that events, lists and single answers send. Limits: mirror.calls calls
// of at most MIRROR_TEXT bytes, mirror.harvesters harvesters; full: the call is not shown live (history has it), counted.
// Threads: the mesh thread writes; readers take the lock for one object at a time.
#pragma once
#include "api.h"

#define MIRROR_TEXT      5120
#define MIRROR_HARVESTER 8192

int mirror_start(void);
void mirror_stop(void);
// The mirror has heard from callstate within the last 10 s.
bool mirror_fresh(char *why, size_t cap);

struct mirror_info {
    uint64_t revision;
    bool ended;
    char codec[2][16]; // of the caller's and the callee's stream; "" unknown
};
// Copies of the one call; text may be NULL, else MIRROR_TEXT bytes (zero-ended, for call_json_close).
bool mirror_call(const struct uuid *id, struct mirror_info *ret, char *text, size_t *ret_text_n);
// Sweep over the calls that are not over: *slot starts at 0. False at the end.
bool mirror_next_active(uint64_t *slot, struct span sites, struct uuid *ret_id, char *text,
                        size_t *ret_text_n);
// Sweep over the harvesters; text at least MIRROR_HARVESTER bytes, a whole JSON object.
bool mirror_next_harvester(uint64_t *slot, char name[96], char site[64], bool *ret_up, char *text,
                           size_t *ret_text_n);
struct mirror_site {
    uint32_t harvesters, up, calls_active;
};
struct mirror_site mirror_site(const char *site);
// An event about this call with its text of now (listen.started, listen.ended). Any thread.
void mirror_emit_call(const struct uuid *id, const char *type);
