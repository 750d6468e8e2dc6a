// command.h: what a request makes callstate do, asked at once and answered with what came of it. From store workers only (each has
// a socket of its own), never from the http thread: it may wait COMMAND_US.
#pragma once
#include "base/uuid.h"
#include "callmesh/v1/control.pb-c.h"

#define COMMAND_US 2000000

int command_start(void);

enum command_result {
    COMMAND_DONE,
    COMMAND_UNKNOWN, // callstate has no such call in memory
    COMMAND_UNHEARD, // no answer
    COMMAND_REFUSED, // *ret_why says it
};
// until_us: wall clock, 0 resumes; *ret_until_us: what callstate made of it.
enum command_result command_pause(const struct uuid *call_id, int64_t until_us, const char *actor,
                                  const char *reason, int64_t *ret_until_us);
enum command_result command_record(const struct uuid *call_id, const char *actor);
