// command.h: what a request makes callstate do, asked at once and answered with what came of it. One socket for all, a lock
// around it: a command is rare. From store workers only, never from the http thread: it may wait COMMAND_US.
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
enum command_result command_record(const struct uuid *call_id, const char *actor);
