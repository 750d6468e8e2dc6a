#include "command.h"

#include <pthread.h>

#include "api.h"
#include "base/log.h"
#include "base/mono.h"
#include "bus/bus.h"

static struct {
    pthread_mutex_t lock;
    struct ask *ask;
} cmd = {.lock = PTHREAD_MUTEX_INITIALIZER};

int command_start(void)
{
    char err[256] = "";
    int r = ask_open(&cmd.ask, settings.control_url, err, sizeof(err));
    if (r)
        log_error("commands cannot be given", "error=\"%s\"", err);
    return r;
}

// Under the lock.
static const Callmesh__V1__ControlReply *ask(Callmesh__V1__ControlRequest *q)
{
    static char name[] = "api";
    q->protocol_version = BUS_PROTOCOL_VERSION;
    q->from = name;
    return cmd.ask ? ask_call(cmd.ask, q, COMMAND_US) : NULL;
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
    pthread_mutex_lock(&cmd.lock);
    const Callmesh__V1__ControlReply *a = ask(&q);
    if (a && a->error[0])
        r = COMMAND_REFUSED;
    else if (a && a->reply_case == CALLMESH__V1__CONTROL_REPLY__REPLY_RECORD)
        r = a->record->known ? COMMAND_DONE : COMMAND_UNKNOWN;
    pthread_mutex_unlock(&cmd.lock);
    return r;
}
