// /calls/{id}/vcon: a call as a vCon (IETF, draft-ietf-vcon-vcon-core), a view of what is stored and never stored itself. The names
// of the drafts move at almost every revision: which one is spoken stands in VCON_VERSION, and its pinned schema is the
// component VCon of openapi.yaml, which every answer in the tests is held against.
#include <stdio.h>

#include "api.h"
#include "db.h"
#include "rows.h"

#define VCON_VERSION "0.4.0" // core-03
#define STREAMS_MAX  40
#define REPORT_BYTES 65536
#define DIALOGS_MAX  50

// A UUID of version 8 from ours of version 7: the same time, the same hash, so the same vCon for the same call.
static void uuid8(struct json *j, const char *key, const struct uuid *id)
{
    struct uuid v8 = *id;
    v8.b[6] = (uint8_t)((v8.b[6] & 0x0F) | 0x80);
    json_kuuid(j, key, &v8);
}

static bool is_number(struct span s)
{
    if (s.n < 2 || s.p[0] != '+')
        return false;
    for (size_t i = 1; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return true;
}

static void party(struct json *j, struct span uri, struct span user, struct span name)
{
    char tel[64];
    json_obj(j);
    if (is_number(user) && user.n < 32) { // RFC 3966: global numbers only
        snprintf(tel, sizeof(tel), "tel:%.*s", (int)user.n, (const char *)user.p);
        json_kstr(j, "tel", tel);
    }
    if (uri.n > 0)
        json_kspan(j, "sip", uri);
    if (name.n > 0)
        json_kspan(j, "name", name);
    json_obj_end(j);
}

static void both_parties(struct json *j)
{
    json_key(j, "parties");
    json_arr(j);
    json_int(j, 0);
    json_int(j, 1);
    json_arr_end(j);
}

// "sha512-" and base64url without padding (RFC 4648 5), from hex digits.
static bool content_hash(struct span hex, char *ret, size_t cap)
{
    static const char sign[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    unsigned have = 0;
    size_t n = (size_t)snprintf(ret, cap, "sha512-");
    if (hex.n != 128)
        return false;
    for (size_t i = 0; i < hex.n; i++) {
        uint8_t c = hex.p[i];
        unsigned v = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                            : 16;
        if (v > 15)
            return false;
        bits = bits << 4 | v;
        have += 4;
        if (have >= 6 && n + 2 < cap) {
            have -= 6;
            ret[n++] = sign[bits >> have & 63];
        }
    }
    if (have > 0)
        ret[n++] = sign[bits << (6 - have) & 63];
    ret[n] = 0;
    return true;
}

// Where a player would find it: as the client reached us.
static void file_url(struct json *j, struct http_req *q, const char *id)
{
    const char *host = http_header_in(q, "Host");
    char url[256];
    if (!host || strlen(host) > 128 || strpbrk(host, "/\\@ \"<>"))
        return;
    snprintf(url, sizeof(url), "%s://%s/api/v1/recordings/%s/audio",
             settings.cookie_secure ? "https" : "http", host, id);
    json_kstr(j, "url", url);
}

// A recording: both sides in one file, the caller first.
static void recording_dialog(struct json *j, struct http_req *q, const struct store_result *r,
                             size_t i, const struct call_view *v)
{
    char text[120];
    json_obj(j);
    json_kstr(j, "type", "recording");
    json_ktime(j, "start", store_time(r, i, 1));
    json_kreal(j, "duration", store_real(r, i, 2), 3);
    both_parties(j);
    json_kstr(j, "mediatype", "audio/x-wav");
    snprintf(text, sizeof(text), "%s.wav", store_str(r, i, 0));
    json_kstr(j, "filename", text);
    file_url(j, q, store_str(r, i, 0));
    if (content_hash(store_span(r, i, 3), text, sizeof(text)))
        json_kstr(j, "content_hash", text);
    if (v->session_id.n > 0 && !memmem(v->session_id.p, v->session_id.n, "null", 4)) {
        json_key(j, "session_id");
        json_raw(j, v->session_id);
    }
    json_obj_end(j);
}

static const char *disposition(struct span result)
{
    static const struct {
        const char *ours, *theirs;
    } words[] = {{"no_answer", "no-answer"},
                 {"busy", "busy"},
                 {"canceled", "hung-up"},
                 {"rejected", "hung-up"}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (span_eq(result, span_str(words[i].ours)))
            return words[i].theirs;
    }
    return "failed";
}

static void incomplete_dialog(struct json *j, const struct call_view *v)
{
    json_obj(j);
    json_kstr(j, "type", "incomplete");
    json_ktime(j, "start", v->started_us);
    both_parties(j);
    json_kstr(j, "disposition", disposition(v->result));
    json_obj_end(j);
}

// What was measured, as the API says it elsewhere: text in the vCon.
static void report(struct json *j, const struct store_result *streams)
{
    static char text[REPORT_BYTES]; // the file worker alone
    struct json in;
    json_init(&in, text, sizeof(text));
    json_obj(&in);
    json_key(&in, "streams");
    json_arr(&in);
    for (size_t i = 0; i < store_rows(streams); i++)
        row_stream(&in, streams, i);
    json_arr_end(&in);
    json_obj_end(&in);
    json_obj(j);
    json_kstr(j, "type", "report");
    json_kstr(j, "vendor", "callmesh");
    json_kstr(j, "schema", "urn:callmesh:api:v1:Stream");
    json_kstr(j, "mediatype", "application/json");
    json_kstr(j, "encoding", "json");
    json_kspan(j, "body", in.overflow ? span_str("{\"streams\":[]}") : span_of(text, in.n));
    json_obj_end(j);
}

static void whole(struct json *j, struct http_req *q, const struct call_view *v,
                  const struct store_result *recordings, const struct store_result *streams)
{
    char subject[200];
    snprintf(subject, sizeof(subject), "Call from %.*s to %.*s",
             (int)(v->from_user.n < 80 ? v->from_user.n : 80), (const char *)v->from_user.p,
             (int)(v->to_user.n < 80 ? v->to_user.n : 80), (const char *)v->to_user.p);
    json_obj(j);
    json_kstr(j, "vcon", VCON_VERSION);
    uuid8(j, "uuid", &v->id);
    json_ktime(j, "created_at", v->ended_us ? v->ended_us : v->started_us);
    json_kstr(j, "subject", subject);
    json_key(j, "parties");
    json_arr(j);
    party(j, v->from_uri, v->from_user, v->from_name);
    party(j, v->to_uri, v->to_user, v->to_name);
    json_arr_end(j);
    json_key(j, "dialog");
    json_arr(j);
    for (size_t i = 0; i < store_rows(recordings); i++)
        recording_dialog(j, q, recordings, i, v);
    if (v->answered_us == 0 && v->ended_us != 0)
        incomplete_dialog(j, v);
    json_arr_end(j);
    json_key(j, "analysis");
    json_arr(j);
    if (store_rows(streams) > 0)
        report(j, streams);
    json_arr_end(j);
    json_obj_end(j);
}

static struct store_result *ask(struct store *st, struct http_req *q, const char *sql,
                                int64_t limit)
{
    struct store_args a;
    store_args_init(&a);
    store_arg_uuid(&a, &req_of(q)->id);
    if (limit)
        store_arg_int(&a, limit);
    return db_query(st, q, sql, &a);
}

static void job_vcon(struct store *st, struct http_req *q)
{
    char id[37];
    struct store_result *rec = NULL, *streams = NULL;
    struct store_result *call = ask(
        st, q,
        "SELECT " ROW_CALL " FROM (SELECT * FROM calls WHERE id = $1 LIMIT 1) c " ROW_CALL_JOIN, 0);
    if (call && store_rows(call) == 0) {
        api_not_found(q, "call");
        goto out;
    }
    if (call)
        rec = ask(st, q,
                  "SELECT id, started_at, duration_seconds, sha512 FROM recordings WHERE status = "
                  "'ready' AND call_id " OF_PARTS("$1") " ORDER BY started_at, id LIMIT $2",
                  DIALOGS_MAX);
    if (rec)
        streams =
            ask(st, q,
                "SELECT " ROW_STREAM
                " FROM streams WHERE call_id " OF_PARTS("$1") " ORDER BY first_at, id LIMIT $2",
                STREAMS_MAX);
    uuid_format(&req_of(q)->id, id);
    if (streams && db_audit(st, q, "vcon", id, "sent")) {
        struct call_row row;
        struct json *j = http_json(q);
        row_call(call, 0, &row);
        if (j) {
            whole(j, q, &row.view, rec, streams);
            http_reply_json_as(q, 200, "application/vcon+json");
            http_header(q, "Content-Disposition", "inline; filename=\"%s.vcon.json\"", id);
        }
    }
out:
    store_result_free(streams);
    store_result_free(rec);
    store_result_free(call);
}

enum http_next on_call_vcon(struct http_req *q)
{
    return api_path_id(q) ? db_submit_file(q, job_vcon, NULL) : HTTP_DONE;
}
