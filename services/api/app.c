#include "app.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "assets.h"
#include "audio.h"
#include "auth.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "bus/bus.h"
#include "command.h"
#include "depot/conf.h"
#include "db.h"
#include "events.h"
#include "formats.h"
#include "keeper.h"
#include "listen.h"
#include "mirror.h"
#include "recordings.h"
#include "sites/admit.h"

struct api_settings settings;
struct http_server *http;
static struct admit *admit; // NULL: no recorder of a site comes by wss://

static const struct conf_def defs[] = {
    {"store.dsn", CONF_STR, "host=/var/run/postgresql dbname=callmesh", 0, 0,
     "PostgreSQL, a libpq connection string", true},
    {"store.threads", CONF_INT, "2", 1, 16,
     "questions to PostgreSQL at one time; each has a connection", false},
    {"store.queue", CONF_INT, "256", 1, 4096,
     "requests that may wait for PostgreSQL; more are answered 503", false},
    {"sites.refresh", CONF_DURATION, "1s", 100000, 3600000000,
     "how often the table of admitted sites is read: a revocation counts after that", false},
    {"http.listen", CONF_STR, "127.0.0.1:8080", 0, 0, "host:port of the API and the dashboard",
     false},
    {"http.connections", CONF_INT, "1024", 8, 65536, "connections at one time; about 16 KiB each",
     false},
    {"http.timeout", CONF_DURATION, "15s", 1000000, 3600000000,
     "a connection without progress is closed", false},
    {"http.stream-timeout", CONF_DURATION, "30s", 1000000, 3600000000,
     "the same for events and listening", false},
    {"http.replies", CONF_INT, "32", 2, 1024,
     "answers being made or sent at one time; more are answered 503", false},
    {"http.reply-bytes", CONF_BYTES, "512k", 131072, 16777216,
     "largest JSON answer: 200 calls need about 400 KiB", false},
    {"http.assets-dir", CONF_STR, "", 0, 0, "folder of the built dashboard (empty: none)", false},
    {"http.cookie-secure", CONF_BOOL, "false", 0, 0,
     "set when browsers come by HTTPS: the session cookie is Secure", false},
    {"bus.mesh-url", CONF_STR, "tcp://127.0.0.1:7643", 0, 0, "the live mesh of callstate (dialled)",
     false},
    {"bus.control-url", CONF_STR, "tcp://127.0.0.1:7644", 0, 0,
     "snapshots and taps of callstate (dialled)", false},
    {"bus.live-url", CONF_STR, "tcp://127.0.0.1:7647", 0, 0,
     "tapped audio of the recorders (listened on)", false},
    {"recordings.dir", CONF_STR, "var/recordings", 0, 0, "folder of the recordings (read)", false},
    DEPOT_CONF,
    {"retention.every", CONF_DURATION, "1m", 100000, 86400000000,
     "how often it is looked for recordings that are to go", false},
    {"completeness.at", CONF_DURATION, "3h", 0, 86400000000,
     "so long after the day (UTC) its report is written: what was cut late is in it", false},
    {"completeness.wait", CONF_DURATION, "24h", 0, 30 * 86400000000,
     "and so much longer a harvester is waited for that has not sent all of the day", false},
    {"completeness.every", CONF_DURATION, "1m", 100000, 86400000000,
     "how often it is looked for reports that are due", false},
    {"keys.dir", CONF_STR, "/var/lib/callmesh/keys", 0, 0,
     "keys of the recordings, made by the recorder (read)", false},
    {"audio.readers", CONF_INT, "32", 1, 4096,
     "encrypted recordings sent at one time; 200 KiB each", false},
    {"formats.renderings", CONF_INT, "2", 1, 64,
     "recordings made in another format at one time, each a thread at low priority; more are "
     "answered 503",
     false},
    {"formats.bytes", CONF_BYTES, "1G", 1 << 20, INT64_MAX / 2,
     "what was made is kept in TMPDIR up to here, encrypted: 95 hours of Ogg, 6 of FLAC", false},
    {"formats.keep", CONF_DURATION, "10m", 1000000, 86400000000,
     "and so long after it was last asked for", false},
    {"auth.first-start-file", CONF_STR, "", 0, 0,
     "also write the first login and API key to this file (mode 0600)", false},
    {"auth.login-per-minute", CONF_INT, "10", 1, 100000,
     "sign-in attempts a minute for an address and for a login", false},
    {"auth.session", CONF_DURATION, "12h", 60000000, 2592000000000,
     "how long a browser session lasts: a working day", false},
    {"mirror.calls", CONF_INT, "8192", 16, 1048576, "calls shown live; 3.2 KiB each", false},
    {"mirror.harvesters", CONF_INT, "64", 1, 1024, "harvesters shown live; 8.4 KiB each", false},
    {"events.ring", CONF_BYTES, "8M", 262144, 1073741824,
     "events that a reader can come back to: about 6000", false},
    {"events.index", CONF_INT, "16384", 64, 1048576,
     "event ids that a reader can come back to; 8 bytes each", false},
    {"events.clients", CONF_INT, "512", 1, 65536, "readers of events at one time", false},
    {"listen.taps", CONF_INT, "64", 1, 4096, "calls heard at one time", false},
    {"listen.ring-bytes", CONF_BYTES, "256k", 16384, 16777216,
     "audio kept for each heard call: about 13 s of G.711", false},
    {"listen.clients", CONF_INT, "512", 1, 65536, "listeners at one time", false},
    {"listen.max-lag", CONF_DURATION, "1s", 100000, 60000000,
     "a listener further behind is moved to live", false},
    {"listen.lease", CONF_DURATION, "10s", 4000000, 600000000,
     "a tap ends so long after the last renewal (each 3 s)", false},
};

static void read_settings(const struct conf *c)
{
    settings = (struct api_settings){
        .dsn = conf_str(c, "store.dsn"),
        .db_threads = (uint32_t)conf_int(c, "store.threads"),
        .db_queue = (uint32_t)conf_int(c, "store.queue"),
        .listen = conf_str(c, "http.listen"),
        .assets_dir = conf_str(c, "http.assets-dir"),
        .cookie_secure = conf_bool(c, "http.cookie-secure"),
        .mesh_url = conf_str(c, "bus.mesh-url"),
        .control_url = conf_str(c, "bus.control-url"),
        .live_url = conf_str(c, "bus.live-url"),
        .recordings_dir = conf_str(c, "recordings.dir"),
        .completeness_at_us = conf_int(c, "completeness.at"),
        .completeness_wait_us = conf_int(c, "completeness.wait"),
        .completeness_every_us = conf_int(c, "completeness.every"),
        .retention_every_us = conf_int(c, "retention.every"),
        .keys_dir = conf_str(c, "keys.dir"),
        .audio_readers = (uint32_t)conf_int(c, "audio.readers"),
        .formats_renderings = (uint32_t)conf_int(c, "formats.renderings"),
        .formats_bytes = (uint64_t)conf_int(c, "formats.bytes"),
        .formats_keep_us = conf_int(c, "formats.keep"),
        .first_start_file = conf_str(c, "auth.first-start-file"),
        .login_per_minute = conf_int(c, "auth.login-per-minute"),
        .session_us = conf_int(c, "auth.session"),
        .mirror_calls = (uint32_t)conf_int(c, "mirror.calls"),
        .mirror_harvesters = (uint32_t)conf_int(c, "mirror.harvesters"),
        .events_bytes = (uint32_t)conf_int(c, "events.ring"),
        .events_index = (uint32_t)conf_int(c, "events.index"),
        .sse_clients = (uint32_t)conf_int(c, "events.clients"),
        .taps = (uint32_t)conf_int(c, "listen.taps"),
        .tap_bytes = (uint32_t)conf_int(c, "listen.ring-bytes"),
        .listeners = (uint32_t)conf_int(c, "listen.clients"),
        .max_lag_us = conf_int(c, "listen.max-lag"),
        .tap_lease_us = conf_int(c, "listen.lease"),
    };
}

static int open_http(const struct conf *c)
{
    struct http_opts o = {
        .listen = settings.listen,
        .connections = (uint32_t)conf_int(c, "http.connections"),
        .connection_memory = 8192,
        .timeout_s = (uint32_t)(conf_int(c, "http.timeout") / US_PER_S),
        .stream_timeout_s = (uint32_t)(conf_int(c, "http.stream-timeout") / US_PER_S),
        .stream_sndbuf = 8192,
        .replies = (uint32_t)conf_int(c, "http.replies"),
        .reply_bytes = (size_t)conf_int(c, "http.reply-bytes"),
        .routes = api_routes,
        .nroutes = api_nroutes,
        .first = auth_first,
        .unrouted = on_asset,
    };
    char err[320] = "no memory";
    int r = http_server_open(&http, &o, err, sizeof(err));
    if (r)
        log_error("cannot serve HTTP", "error=\"%s\"", err);
    return r == -EACCES || r == -EPERM ? 77 : r == -EINVAL ? 78 : r ? 69 : 0;
}

static int start(const struct conf *c)
{
    read_settings(c);
    int r = open_http(c); // before the threads: a taken port is the likeliest mistake
    if (r)
        return r;
    if (auth_init() || events_start() || audio_start(c) || formats_start() || recordings_init() ||
        recording_audio_init() || assets_init()) {
        log_error("not enough memory for the tables", "%s", "");
        return 69;
    }
    struct admit_opts ao = {
        .dsn = settings.dsn, .app = "callmesh-api-sites", .every_us = conf_int(c, "sites.refresh")};
    if (strstr(settings.live_url, "wss://") && admit_start(&admit, &ao)) {
        log_error("the table of sites cannot be read", "%s", "");
        return 69;
    }
    if (listen_start() || mirror_start())
        return 69;
    if (db_start() || keeper_start() || command_start()) {
        log_error("the store workers could not start", "%s", "");
        return 69;
    }
    mem_ready();
    log_info("listening", "http=%s port=%u assets=%s", settings.listen, http_server_port(http),
             settings.assets_dir[0] ? settings.assets_dir : "none");
    return 0;
}

static int run(void)
{
    while (!daemon_stopping() && !db_fatal())
        http_server_step(http, 100 * US_PER_MS);
    return db_fatal();
}

static void stop(void)
{
    http_server_stop(http, 2 * US_PER_S);
    keeper_stop();
    db_stop();
    formats_stop();
    audio_stop();
    listen_stop();
    admit_stop(admit);
    mirror_stop();
    http_server_stop(http, 100 * US_PER_MS); // what the last jobs woke
    http = http_server_free(http);
}

static bool ready(char *buf, size_t cap)
{
    char why[256], mesh[256] = "ok";
    db_why_not(why, sizeof(why));
    bool store_ok = db_ready(), mesh_ok = mirror_fresh(mesh, sizeof(mesh));
    snprintf(buf, cap, "store %s\nmesh %s\n", store_ok ? "ok" : why, mesh_ok ? "ok" : mesh);
    return store_ok && mesh_ok;
}

const struct daemon_service api_service = {
    .name = "api",
    .summary =
        "The mesh of calls over HTTP: searches, events, recordings, listening, the dashboard.",
    .examples = "  callmesh-api --store.dsn 'host=/run/postgresql dbname=callmesh' "
                "--recordings.dir /var/lib/callmesh/recordings\n"
                "  callmesh-api --http.listen 0.0.0.0:8080 --http.assets-dir "
                "/usr/share/callmesh/dashboard\n",
    .defs = defs,
    .ndefs = sizeof(defs) / sizeof(defs[0]),
    .start = start,
    .run = run,
    .stop = stop,
    .ready = ready,
};
