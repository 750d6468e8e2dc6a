// The table of endpoints, and what is common to them.
#include <stdio.h>

#include "api.h"
#include "openapi.h"

#define V1 "/api/v1"
#define G  .method = HTTP_GET, .head = true
#define P  .method = HTTP_POST
#define D  .method = HTTP_DELETE
#define U  .method = HTTP_PUT

const struct route api_routes[] = {
    {G, .pattern = V1 "/calls", .scope = SCOPE_CALLS_READ, .handler = on_calls},
    {G, .pattern = V1 "/calls/active", .scope = SCOPE_CALLS_READ, .handler = on_calls_active},
    {.method = HTTP_GET,
     .pattern = V1 "/calls/export",
     .scope = SCOPE_CALLS_READ,
     .handler = on_calls_export},
    {G, .pattern = V1 "/calls/{id}", .scope = SCOPE_CALLS_READ, .handler = on_call},
    {G, .pattern = V1 "/calls/{id}/legs", .scope = SCOPE_CALLS_READ, .handler = on_call_legs},
    {G, .pattern = V1 "/calls/{id}/streams", .scope = SCOPE_QUALITY_READ,
     .handler = on_call_streams},
    {G, .pattern = V1 "/calls/{id}/quality", .scope = SCOPE_QUALITY_READ,
     .handler = on_call_quality},
    {G, .pattern = V1 "/calls/{id}/recordings", .scope = SCOPE_RECORDINGS_READ,
     .handler = on_call_recordings},
    {G, .pattern = V1 "/calls/{id}/messages", .scope = SCOPE_MESSAGES_READ,
     .handler = on_call_messages},
    {G, .pattern = V1 "/calls/{id}/ladder", .scope = SCOPE_MESSAGES_READ,
     .handler = on_call_ladder},
    {G, .pattern = V1 "/calls/{id}/events", .scope = SCOPE_CALLS_READ, .handler = on_call_events},
    {G, .pattern = V1 "/calls/{id}/evidence", .scope = SCOPE_CALLS_READ,
     .handler = on_call_evidence},
    {P, .pattern = V1 "/calls/{id}/record", .scope = SCOPE_RECORDINGS_CONTROL,
     .handler = on_call_record},
    {.method = HTTP_GET,
     .pattern = V1 "/calls/{id}/vcon",
     .scope = SCOPE_RECORDINGS_READ,
     .handler = on_call_vcon},
    {.method = HTTP_GET,
     .pattern = V1 "/calls/{id}/pcapng",
     .scope = SCOPE_MESSAGES_READ,
     .handler = on_call_pcapng},
    {P, .pattern = V1 "/calls/{id}/pause", .scope = SCOPE_RECORDINGS_CONTROL,
     .handler = on_call_pause},
    {P, .pattern = V1 "/calls/{id}/resume", .scope = SCOPE_RECORDINGS_CONTROL,
     .handler = on_call_resume},
    {P, .pattern = V1 "/calls/{id}/listen-tickets", .scope = SCOPE_CALLS_LISTEN,
     .handler = on_listen_ticket},
    {.method = HTTP_GET, .pattern = V1 "/calls/{id}/listen", .open = true, .handler = on_listen},
    {G, .pattern = V1 "/streams", .scope = SCOPE_QUALITY_READ, .handler = on_streams},
    {G, .pattern = V1 "/recordings", .scope = SCOPE_RECORDINGS_READ, .handler = on_recordings},
    {D, .pattern = V1 "/recordings/{id}", .scope = SCOPE_RECORDINGS_DELETE,
     .handler = on_recording_delete},
    {G, .pattern = V1 "/retention-policies", .scope = SCOPE_RETENTION_WRITE,
     .handler = on_policies},
    {P, .pattern = V1 "/retention-policies", .scope = SCOPE_RETENTION_WRITE,
     .handler = on_policies},
    {P, .pattern = V1 "/retention-policies/dry-run", .scope = SCOPE_RETENTION_WRITE,
     .handler = on_dry_run},
    {D, .pattern = V1 "/retention-policies/{id}", .scope = SCOPE_RETENTION_WRITE,
     .handler = on_policy_remove},
    {G, .pattern = V1 "/recording-rules", .scope = SCOPE_RECORDINGS_READ, .handler = on_rules},
    {P, .pattern = V1 "/recording-rules", .scope = SCOPE_POLICY_WRITE, .handler = on_rules},
    {G, .pattern = V1 "/recording-rules/changes", .scope = SCOPE_RECORDINGS_READ,
     .handler = on_rule_changes},
    {U, .pattern = V1 "/recording-rules/{id}", .scope = SCOPE_POLICY_WRITE, .handler = on_rule},
    {D, .pattern = V1 "/recording-rules/{id}", .scope = SCOPE_POLICY_WRITE, .handler = on_rule},
    {G, .pattern = V1 "/holds", .scope = SCOPE_HOLDS_WRITE, .handler = on_holds},
    {P, .pattern = V1 "/holds", .scope = SCOPE_HOLDS_WRITE, .handler = on_holds},
    {P, .pattern = V1 "/holds/{id}/release", .scope = SCOPE_HOLDS_WRITE,
     .handler = on_hold_release},
    {G, .pattern = V1 "/erasures", .scope = SCOPE_RECORDINGS_DELETE, .handler = on_erasures},
    {P, .pattern = V1 "/erasures", .scope = SCOPE_RECORDINGS_DELETE, .handler = on_erasures},
    {G, .pattern = V1 "/deletions", .scope = SCOPE_RECORDINGS_DELETE, .handler = on_deletions},
    {G, .pattern = V1 "/agents", .scope = SCOPE_AGENTS_READ, .handler = on_agents},
    {P, .pattern = V1 "/agents", .scope = SCOPE_AGENTS_WRITE, .handler = on_agents},
    {P, .pattern = V1 "/agents/import", .scope = SCOPE_AGENTS_WRITE, .handler = on_agents_import},
    {G, .pattern = V1 "/agents/{id}", .scope = SCOPE_AGENTS_READ, .handler = on_agent},
    {U, .pattern = V1 "/agents/{id}", .scope = SCOPE_AGENTS_WRITE, .handler = on_agent},
    {D, .pattern = V1 "/agents/{id}", .scope = SCOPE_AGENTS_WRITE, .handler = on_agent},
    {G, .pattern = V1 "/teams", .scope = SCOPE_AGENTS_READ, .handler = on_teams},
    {G, .pattern = V1 "/stats/completeness", .scope = SCOPE_RECORDINGS_READ,
     .handler = on_completeness},
    {G, .pattern = V1 "/stats/completeness/reports", .scope = SCOPE_RECORDINGS_READ,
     .handler = on_completeness_reports},
    {G, .pattern = V1 "/recordings/{id}", .scope = SCOPE_RECORDINGS_READ, .handler = on_recording},
    {G, .pattern = V1 "/recordings/{id}/audio", .scope = SCOPE_RECORDINGS_DOWNLOAD,
     .handler = on_recording_audio},
    {G, .pattern = V1 "/recordings/{id}/peaks", .scope = SCOPE_RECORDINGS_READ,
     .handler = on_recording_peaks},
    {G, .pattern = V1 "/harvesters", .scope = SCOPE_SITES_READ, .handler = on_harvesters},
    {G, .pattern = V1 "/harvesters/{name*}", .scope = SCOPE_SITES_READ, .handler = on_harvester},
    {G, .pattern = V1 "/sites", .scope = SCOPE_SITES_READ, .handler = on_sites},
    {G, .pattern = V1 "/registrations", .scope = SCOPE_SITES_READ, .handler = on_registrations},
    {G, .pattern = V1 "/losses", .scope = SCOPE_SITES_READ, .handler = on_losses},
    {G, .pattern = V1 "/alerts", .scope = SCOPE_SITES_READ, .handler = on_alerts},
    {G, .pattern = V1 "/alert-rules", .scope = SCOPE_SITES_READ, .handler = on_alert_rules},
    {P, .pattern = V1 "/alert-rules", .scope = SCOPE_ALERTS_WRITE, .handler = on_alert_rules},
    {D, .pattern = V1 "/alert-rules/{name*}", .scope = SCOPE_ALERTS_WRITE,
     .handler = on_alert_rule_remove},
    {.method = HTTP_GET,
     .pattern = V1 "/statistics",
     .scope = SCOPE_QUALITY_READ,
     .handler = on_statistics},
    {G, .pattern = V1 "/trunks", .scope = SCOPE_SITES_READ, .handler = on_trunks},
    {P, .pattern = V1 "/trunks", .scope = SCOPE_SITES_WRITE, .handler = on_trunks},
    {D, .pattern = V1 "/trunks/{name*}", .scope = SCOPE_SITES_WRITE, .handler = on_trunk_remove},
    {G, .pattern = V1 "/dial-plans", .scope = SCOPE_SITES_READ, .handler = on_dial_plans},
    {P, .pattern = V1 "/dial-plans", .scope = SCOPE_SITES_WRITE, .handler = on_dial_plans},
    {D, .pattern = V1 "/dial-plans/{site*}", .scope = SCOPE_SITES_WRITE,
     .handler = on_dial_plan_remove},
    {.method = HTTP_GET, .pattern = V1 "/events", .scope = SCOPE_EVENTS_READ, .handler = on_events},
    {P, .pattern = V1 "/login", .open = true, .handler = on_login},
    {P, .pattern = V1 "/logout", .handler = on_logout},
    {G, .pattern = V1 "/me", .handler = on_me},
    {G, .pattern = V1 "/openapi.json", .open = true, .handler = on_openapi},
};
const size_t api_nroutes = sizeof(api_routes) / sizeof(api_routes[0]);

enum http_next api_not_found(struct http_req *q, const char *what)
{
    return http_problem(q, 404, "not_found", "there is no such %s", what);
}

bool api_path_id(struct http_req *q)
{
    if (uuid_parse(q->param, &req_of(q)->id))
        return true;
    http_problem(q, 400, "bad_parameter", "an id is a UUID");
    return false;
}

enum http_next on_openapi(struct http_req *q)
{
    http_reply_text(q, 200, "application/json", span_of(openapi_json, openapi_json_n));
    http_header(q, "Cache-Control", "no-cache");
    return HTTP_DONE;
}
