// api.h: what the files of this service share: the one process-wide state, and what a request carries from step to step.
// Threads: http (the main thread: handlers, feeds), mesh (mirror.c), live and taps (listen.c), store workers (db.c).
#pragma once
#include "base/conf.h"
#include "base/uuid.h"
#include "http/problem.h"
#include "http/query.h"
#include "http/reply.h"
#include "http/server.h"
#include "store/conn.h"

enum {
    SCOPE_CALLS_READ = 1u << 0,
    SCOPE_CALLS_LISTEN = 1u << 1,
    SCOPE_RECORDINGS_READ = 1u << 2,
    SCOPE_RECORDINGS_DOWNLOAD = 1u << 3,
    SCOPE_MESSAGES_READ = 1u << 4,
    SCOPE_QUALITY_READ = 1u << 5,
    SCOPE_SITES_READ = 1u << 6,
    SCOPE_EVENTS_READ = 1u << 7,
    SCOPE_RECORDINGS_DELETE = 1u << 8,
    SCOPE_RETENTION_WRITE = 1u << 9,
    SCOPE_HOLDS_WRITE = 1u << 10,
    SCOPE_POLICY_WRITE = 1u << 11,
    SCOPE_RECORDINGS_CONTROL = 1u << 12,
    SCOPE_ALERTS_WRITE = 1u << 13,
    SCOPE_AGENTS_READ = 1u << 14,
    SCOPE_AGENTS_WRITE = 1u << 15,
    SCOPE_SITES_WRITE = 1u << 16,
    SCOPE_ALL = (1u << 17) - 1,
    SCOPE_KEEPING =
        SCOPE_RECORDINGS_DELETE | SCOPE_RETENTION_WRITE | SCOPE_HOLDS_WRITE | SCOPE_POLICY_WRITE,
};

// Who asks. known = false: nobody.
struct who {
    bool known, user; // user: by session; else an API key
    char name[65];    // login, or name of the key
    char actor[80];   // for the audit: user:login or key:prefix
    char role[16];
    uint32_t scopes;
    int64_t expires_us; // wall clock; 0: never
};

struct req;
// Runs on a store worker, which owns the request meanwhile. It sets a reply, or leaves it to the step after.
typedef void (*db_fn)(struct store *s, struct http_req *q);

struct req {
    struct who who;
    db_fn job;
    struct http_req *next_job;
    uint8_t secret_sha256[32]; // of the key or the session, for auth.c
    bool by_session;
    struct uuid id; // of the call or recording in the path
    uint64_t sweep; // active calls: next slot of the mirror
    int step;
    int fd; // audio: handed from the worker to the reply
    unsigned pps;
    int format;       // enum encode_format of the audio asked for, or FORMAT_STORED
    int64_t until_us; // waiting for a format (formats.c)
    struct http_req *next_waiting;
};
#define FORMAT_STORED (-1)

static inline struct req *req_of(struct http_req *q)
{
    _Static_assert(sizeof(struct req) <= HTTP_USER_BYTES, "a request's user bytes");
    return (struct req *)(void *)q->user;
}

struct api_settings {
    const char *dsn, *listen, *mesh_url, *control_url, *live_url, *recordings_dir, *assets_dir,
        *first_start_file, *node, *keys_dir;
    bool cookie_secure;
    int64_t login_per_minute, session_us, max_lag_us, tap_lease_us, retention_every_us,
        completeness_at_us, completeness_wait_us, completeness_every_us;
    uint32_t mirror_calls, mirror_harvesters, taps, tap_bytes, listeners, events_bytes,
        events_index, sse_clients;
    uint32_t db_threads, db_queue, audio_readers, formats_renderings;
    uint64_t formats_bytes;
    int64_t formats_keep_us;
};
extern struct api_settings settings;
extern struct http_server *http;

// Handlers, by file.
enum http_next auth_first(struct http_req *q);
enum http_next on_login(struct http_req *q);
enum http_next on_logout(struct http_req *q);
enum http_next on_me(struct http_req *q);
enum http_next on_calls(struct http_req *q);
enum http_next on_calls_active(struct http_req *q);
enum http_next on_call(struct http_req *q);
enum http_next on_call_legs(struct http_req *q);
enum http_next on_call_streams(struct http_req *q);
enum http_next on_call_recordings(struct http_req *q);
enum http_next on_call_messages(struct http_req *q);
enum http_next on_call_ladder(struct http_req *q);
enum http_next on_call_events(struct http_req *q);
enum http_next on_call_evidence(struct http_req *q);
enum http_next on_call_vcon(struct http_req *q);
enum http_next on_call_pcapng(struct http_req *q);
enum http_next on_calls_export(struct http_req *q);
enum http_next on_listen_ticket(struct http_req *q);
enum http_next on_listen(struct http_req *q);
enum http_next on_streams(struct http_req *q);
enum http_next on_recordings(struct http_req *q);
enum http_next on_recording(struct http_req *q);
enum http_next on_recording_audio(struct http_req *q);
enum http_next on_recording_peaks(struct http_req *q);
enum http_next on_recording_delete(struct http_req *q);
enum http_next on_policies(struct http_req *q);
enum http_next on_policy_remove(struct http_req *q);
enum http_next on_dry_run(struct http_req *q);
enum http_next on_holds(struct http_req *q);
enum http_next on_hold_release(struct http_req *q);
enum http_next on_erasures(struct http_req *q);
enum http_next on_deletions(struct http_req *q);
enum http_next on_agents(struct http_req *q);
enum http_next on_agents_import(struct http_req *q);
enum http_next on_agent(struct http_req *q);
enum http_next on_teams(struct http_req *q);
enum http_next on_completeness(struct http_req *q);
enum http_next on_completeness_reports(struct http_req *q);
enum http_next on_rules(struct http_req *q);
enum http_next on_rule_changes(struct http_req *q);
enum http_next on_rule(struct http_req *q);
enum http_next on_call_record(struct http_req *q);
enum http_next on_call_pause(struct http_req *q);
enum http_next on_call_resume(struct http_req *q);
enum http_next on_harvesters(struct http_req *q);
enum http_next on_harvester(struct http_req *q);
enum http_next on_sites(struct http_req *q);
enum http_next on_registrations(struct http_req *q);
enum http_next on_losses(struct http_req *q);
enum http_next on_call_quality(struct http_req *q);
enum http_next on_alerts(struct http_req *q);
enum http_next on_alert_rules(struct http_req *q);
enum http_next on_alert_rule_remove(struct http_req *q);
enum http_next on_statistics(struct http_req *q);
enum http_next on_trunks(struct http_req *q);
enum http_next on_trunk_remove(struct http_req *q);
enum http_next on_dial_plans(struct http_req *q);
enum http_next on_dial_plan_remove(struct http_req *q);
enum http_next on_events(struct http_req *q);
enum http_next on_openapi(struct http_req *q);
enum http_next on_asset(struct http_req *q);

extern const struct route api_routes[];
extern const size_t api_nroutes;

// The id in the path into req_of(q)->id; a text that is no UUID: false, and the 400 is set.
bool api_path_id(struct http_req *q);
enum http_next api_not_found(struct http_req *q, const char *what);
