#include "keeper.h"

#include <string.h>
#include <unistd.h>

#include "api.h"
#include "base/log.h"
#include "base/mono.h"
#include "base/stat.h"
#include "base/thread.h"
#include "bus/bus.h"
#include "callmesh/v1/control.pb-c.h"
#include "completeness.h"
#include "db.h"
#include "formats.h"

enum {
    M_DUE,
    M_TOLD,
    M_UNHEARD,
    M_DONE,
    M_COUNT
};
static const struct stat_def stat_defs[M_COUNT] = {
    [M_DUE] = {"deletions_due_total", NULL, "recordings that were to go", STAT_COUNTER},
    [M_TOLD] = {"deletions_told_total", NULL, "orders to the recorders", STAT_COUNTER},
    [M_UNHEARD] = {"deletions_unheard_total", NULL, "orders that callstate did not take",
                   STAT_COUNTER},
    [M_DONE] = {"deletions_done_total", NULL, "recordings gone, with their certificate",
                STAT_COUNTER},
};
static struct stat_cell stats[M_COUNT]; // keeper thread

static struct {
    struct thread thread;
    struct store *store;
    struct ask *ask;
} keeper;

static struct store_result *ask_store(const char *sql, const struct store_args *a)
{
    struct store_result *r = NULL;
    int e = store_connect(keeper.store);
    if (e == STORE_OK)
        e = store_query(keeper.store, sql, a, &r);
    if (e == STORE_OK)
        return r;
    if (e != STORE_E_AWAY)
        log_error("retention cannot be done now", "error=\"%s\"", store_error(keeper.store));
    return NULL;
}

static uint64_t rows_of(const char *sql)
{
    struct store_args a;
    store_args_init(&a);
    struct store_result *r = ask_store(sql, &a);
    uint64_t n = r ? store_rows(r) : 0;
    store_result_free(r);
    return n;
}

static void enter_due(void)
{
    stat_add(&stats[M_DUE],
             rows_of("INSERT INTO deletions (recording_id, call_id, site, path, basis, reason, "
                     "actor) SELECT id, call_id, site, path, CASE fate WHEN 'erase' THEN "
                     "'erasure' ELSE 'retention' END, CASE fate WHEN 'erase' THEN legal_basis ELSE "
                     "policy END, 'system' FROM recording_fates f WHERE fate IN ('erase', "
                     "'expired') AND (EXISTS (SELECT 1 FROM retention_policies) OR EXISTS (SELECT "
                     "1 FROM erasures)) AND NOT EXISTS (SELECT 1 FROM deletions d WHERE "
                     "d.recording_id = f.id) ORDER BY started_at LIMIT 200 ON CONFLICT DO NOTHING "
                     "RETURNING recording_id"));
}

static bool tell(const struct store_result *r, size_t row)
{
    struct uuid id, call;
    char name[] = "api";
    Callmesh__V1__Erase e = CALLMESH__V1__ERASE__INIT;
    Callmesh__V1__ControlRequest q = CALLMESH__V1__CONTROL_REQUEST__INIT;
    store_uuid(r, row, 0, &id);
    store_uuid(r, row, 1, &call);
    e.recording_id = (ProtobufCBinaryData){sizeof(id.b), id.b};
    e.call_id = (ProtobufCBinaryData){sizeof(call.b), call.b};
    // protobuf-c packs them and does not write to them.
    e.site = (char *)(uintptr_t)store_str(r, row, 2);
    e.basis = (char *)(uintptr_t)store_str(r, row, 3);
    e.actor = (char *)(uintptr_t)store_str(r, row, 4);
    e.reason = (char *)(uintptr_t)store_str(r, row, 5);
    e.asked_at_us = store_time(r, row, 6);
    q.protocol_version = BUS_PROTOCOL_VERSION;
    q.from = name;
    q.request_case = CALLMESH__V1__CONTROL_REQUEST__REQUEST_ERASE;
    q.erase = &e;
    const Callmesh__V1__ControlReply *a = ask_call(keeper.ask, &q, 2 * US_PER_S);
    bool ok = a && !a->error[0] && a->reply_case == CALLMESH__V1__CONTROL_REPLY__REPLY_ERASE &&
              a->erase->told;
    stat_add(&stats[ok ? M_TOLD : M_UNHEARD], 1);
    if (ok)
        formats_forget(&id);
    return ok;
}

// Looked at again at this moment: a hold may have come since it was entered.
static void tell_open(struct thread *t)
{
    struct store_args a;
    store_args_init(&a);
    struct store_result *r = ask_store(
        "SELECT d.recording_id, d.call_id, d.site, d.basis, d.actor, d.reason, d.asked_at FROM "
        "deletions d JOIN recording_fates f ON f.id = d.recording_id WHERE d.done_at IS NULL AND "
        "(d.told_at IS NULL OR d.told_at < now() - interval '30 s') AND f.fate NOT IN "
        "('compliance', 'held') ORDER BY d.told_at NULLS FIRST, d.asked_at LIMIT 64",
        &a);
    for (size_t i = 0; r && i < store_rows(r) && !thread_should_stop(t); i++) {
        struct uuid id;
        if (!tell(r, i))
            break;
        store_uuid(r, i, 0, &id);
        store_args_init(&a);
        store_arg_uuid(&a, &id);
        store_result_free(
            ask_store("UPDATE deletions SET told_at = now() WHERE recording_id = $1", &a));
    }
    store_result_free(r);
}

static void close_done(void)
{
    stat_add(&stats[M_DONE],
             rows_of("WITH n AS (UPDATE deletions d SET done_at = now(), chain_hour = "
                     "r.chain_hour, chain_n = r.chain_n, chain_hash = r.chain_hash FROM recordings "
                     "r WHERE r.id = d.recording_id AND r.status = 'deleted' AND d.done_at IS NULL "
                     "RETURNING d.recording_id, d.actor, d.basis), a AS (INSERT INTO audit (actor, "
                     "action, object, result) SELECT actor, 'recording.deleted', "
                     "recording_id::text, basis FROM n) SELECT 1 FROM n"));
}

static void body(struct thread *t, void *arg)
{
    (void)arg;
    int64_t next_us = 0, scan_us = 0, report_us = 0;
    while (!thread_should_stop(t)) {
        int64_t now = mono_now_us();
        if (now >= next_us && db_ready()) {
            if (now >= scan_us) {
                enter_due();
                scan_us = mono_now_us() + settings.retention_every_us;
            }
            if (now >= report_us) // more than one round of days is due: go on
                report_us = completeness_round(keeper.store) > 0
                                ? 0
                                : mono_now_us() + settings.completeness_every_us;
            tell_open(t);
            close_done();
            next_us = mono_now_us() + US_PER_S;
        }
        usleep(100000);
    }
}

int keeper_start(void)
{
    char err[200] = "";
    struct store_opts o = {.dsn = settings.dsn,
                           .app = "callmesh-api-keeper",
                           .connect_timeout_us = 3 * US_PER_S,
                           .timeout_us = 60 * US_PER_S};
    stat_register(stat_defs, stats, M_COUNT);
    completeness_register();
    keeper.store = store_new(&o);
    if (!keeper.store || ask_open(&keeper.ask, settings.control_url, err, sizeof(err)) ||
        thread_start(&keeper.thread, "api-keeper", body, NULL)) {
        log_error("retention cannot start", "why=\"%s\"", err);
        return -1;
    }
    return 0;
}

void keeper_stop(void)
{
    thread_ask_stop(&keeper.thread);
    thread_join(&keeper.thread);
    keeper.store = store_free(keeper.store);
}
