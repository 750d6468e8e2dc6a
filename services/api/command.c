#include "command.h"

#include <stdatomic.h>

#include "api.h"
#include "base/log.h"
#include "base/mono.h"
#include "bus/bus.h"

// A socket belongs to the thread that asked by it first: one for each store worker, opened before any of them asks.
#define WORKERS_MAX 17
static struct {
    struct ask *ask[WORKERS_MAX];
    uint32_t opened;
    _Atomic uint32_t taken;
} cmd;

int command_start(void)
{
    char err[256] = "";
    int r = 0;
    while (r == 0 && cmd.opened < WORKERS_MAX && cmd.opened <= settings.db_threads) {
        r = ask_open(&cmd.ask[cmd.opened], settings.control_url, err, sizeof(err));
        cmd.opened += r == 0;
    }
    if (r)
        log_error("commands cannot be given", "error=\"%s\"", err);
    return r;
}

static const Callmesh__V1__ControlReply *ask(Callmesh__V1__ControlRequest *q)
{
    static _Thread_local struct ask *mine;
    static char name[] = "api";
    if (!mine) {
        uint32_t i = atomic_fetch_add(&cmd.taken, 1);
        if (i >= cmd.opened)
            return NULL;
        mine = cmd.ask[i];
    }
    q->protocol_version = BUS_PROTOCOL_VERSION;
    q->from = name;
    return ask_call(mine, q, COMMAND_US);
}

enum command_result command_record(const struct uuid *call_id, const char *actor)
{
    struct uuid id = *call_id;
    enum command_result r = COMMAND_UNHEARD;
    Callmesh__V1__RecordRequest record = CALLMESH__V1__RECORD_REQUEST__INIT;
    Callmesh__V1__ControlRequest q = CALLMESH__V1__CONTROL_REQUEST__INIT;
    record.call_id = (ProtobufCBinaryData){sizeof(id.b), id.b};
    record.actor = (char *)(uintptr_t)actor; // packed, not written to
    q.request_case = CALLMESH__V1__CONTROL_REQUEST__REQUEST_RECORD;
    q.record = &record;
    const Callmesh__V1__ControlReply *a = ask(&q);
    if (a && a->error[0])
        r = COMMAND_REFUSED;
    else if (a && a->reply_case == CALLMESH__V1__CONTROL_REPLY__REPLY_RECORD)
        r = a->record->known ? COMMAND_DONE : COMMAND_UNKNOWN;
    return r;
}

enum command_result command_pause(const struct uuid *call_id, int64_t until_us, const char *actor,
                                  const char *reason, int64_t *ret_until_us)
{
    struct uuid id = *call_id;
    enum command_result r = COMMAND_UNHEARD;
    Callmesh__V1__PauseRequest pause = CALLMESH__V1__PAUSE_REQUEST__INIT;
    Callmesh__V1__ControlRequest q = CALLMESH__V1__CONTROL_REQUEST__INIT;
    pause.call_id = (ProtobufCBinaryData){sizeof(id.b), id.b};
    pause.until_us = until_us;
    pause.actor = (char *)(uintptr_t)actor; // packed, not written to
    pause.reason = (char *)(uintptr_t)reason;
    q.request_case = CALLMESH__V1__CONTROL_REQUEST__REQUEST_PAUSE;
    q.pause = &pause;
    const Callmesh__V1__ControlReply *a = ask(&q);
    if (a && a->error[0])
        r = COMMAND_REFUSED;
    else if (a && a->reply_case == CALLMESH__V1__CONTROL_REPLY__REPLY_PAUSE)
        r = a->pause->known ? COMMAND_DONE : COMMAND_UNKNOWN;
    if (r == COMMAND_DONE)
        *ret_until_us = a->pause->until_us;
    return r;
}
