// main.c: settings, opening in order (database, schema, state, sockets, threads), stopping in reverse. Over 450 lines: the table of settings is
// 90 of them, and the order of opening reads best in one place.
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "agents.h"
#include "alerts.h"
#include "daemon/daemon.h"
#include "housekeeping.h"
#include "lease.h"
#include "pause.h"
#include "restore.h"
#include "srtp_keys.h"
#include "sites/admit.h"
#include "sites/join.h"
#include "sites/renew.h"
#include "state.h"
#include "statistics.h"
#include "stats.h"
#include "store/packed.h"
#include "store/schema.h"

#define EXIT_UNAVAILABLE 69
#define EXIT_CREATE      73
#define EXIT_SCHEMA      76
#define KNOWN_MAX        4096
#define READ_BACK_TTLS   5
#define QUEUE_BYTES      (2u << 20) // more waits in the journals
#define ARENA_BYTES      (2u << 20) // an envelope of 64 kB, unpacked

static const struct conf_def defs[] = {
    {"bus.sig-url", CONF_STR, "tcp://127.0.0.1:7641", 0, 0, "sig and report feeds; listened on",
     false},
    {"bus.sig-ask-url", CONF_STR, "tcp://127.0.0.1:7642", 0, 0, "their sure path; listened on",
     false},
    {"bus.mesh-url", CONF_STR, "tcp://127.0.0.1:7643", 0, 0, "the mesh; listened on", false},
    {"bus.control-url", CONF_STR, "tcp://127.0.0.1:7644", 0, 0, "snapshots and taps; listened on",
     false},
    {"sites.join-url", CONF_STR, "", 0, 0,
     "wss:// address where machines with a token join a site; empty: none can", false},
    {"sites.ca-cert", CONF_STR, "", 0, 0, "PEM file: the authority that signs their certificates",
     false},
    {"sites.ca-key", CONF_STR, "", 0, 0, "PEM file: its private key", false},
    {"sites.certificate-life", CONF_DURATION, "365d", 10000000, 3153600000000000,
     "life of a site's certificate: the site renews it when a third is left, so one that was off "
     "for four months still can",
     false},
    {"sites.refresh", CONF_DURATION, "1s", 100000, 3600000000,
     "how often the table of admitted sites is read: a revocation counts after that", false},
    {"store.dsn", CONF_STR, "host=/var/run/postgresql dbname=callmesh", 0, 0,
     "PostgreSQL: libpq connection string", true},
    {"store.schema-dir", CONF_STR, "deploy/schema", 0, 0, "folder of the migrations NNNN_*.sql",
     false},
    {"store.batch-rows", CONF_INT, "400", 50, 5000,
     "SIP messages a transaction: larger gains nothing measurable", false},
    {"store.batch-time", CONF_DURATION, "20ms", 1000, 1000000,
     "age at which a batch goes: 50 commits a second", false},
    {"store.batches", CONF_INT, "2", 2, 16,
     "batches in memory, one filled while one is written; all in use: intake waits, the journals "
     "keep",
     false},
    {"store.timeout", CONF_DURATION, "30s", 100000, 600000000,
     "limit of one answer of the database", false},
    {"store.other-messages", CONF_STR, "all", 0, 0,
     "SIP outside calls to store: all, register, none", false},
    {"store.other-rate", CONF_INT, "200", 0, 1000000,
     "of them, a second of feed time and site; the rest is counted", false},
    {"alerts.every", CONF_DURATION, "10s", 100000, 3600000000,
     "between two looks at the rules of alerts", false},
    {"statistics.every", CONF_DURATION, "10s", 50000, 3600000000,
     "between two rounds in which sums of sites and trunks are made", false},
    {"statistics.keep-days", CONF_INT, "1095", 1, 36500,
     "how long these sums are kept; they do not need the calls any more", false},
    {"store.keep-digits", CONF_BOOL, "false", 0, 0,
     "store the digits of SIP INFO; false: a * for each, they may be of a card", false},
    {"store.pack", CONF_BOOL, "true", 0, 0,
     "SIP texts packed in their rows: 2.5 times shorter, for 3 to 4 us of each message", false},
    {"lease.ttl", CONF_DURATION, "3s", 500000, 60000000,
     "without a word of the leader for so long, a callstate that stands by takes over", false},
    {"limits.calls", CONF_INT, "10000", 16, 10000000,
     "calls in memory; full: the oldest ended leave, then refuse", false},
    {"limits.legs", CONF_INT, "16384", 16, 20000000, "dialogs, forks too", false},
    {"limits.streams", CONF_INT, "24576", 16, 20000000, "streams, joined or waiting for their SDP",
     false},
    {"limits.addresses", CONF_INT, "49152", 16, 20000000, "media addresses that SDP named", false},
    {"limits.pending", CONF_INT, "256", 16, 1000000,
     "messages waiting for their INVITE, 4 KiB each", false},
    {"limits.publishers", CONF_INT, "256", 2, 1024,
     "harvesters and recorders; each replayed file is one, its place is free again after a while",
     false},
    {"limits.extensions", CONF_INT, "4096", 16, 1000000,
     "extensions of agents in memory, twice; more: the rest is nobody", false},
    {"limits.taps", CONF_INT, "256", 1, 65536, "leases to hear a call", false},
    {"join.threshold", CONF_INT, "80", 0, 100,
     "score of evidence from which calls with different Call-IDs are one; 0: none are", false},
    {"join.window", CONF_DURATION, "3s", 100000, 60000000,
     "how far apart the two sides of a box may begin to be told by their numbers", false},
    {"join.headers", CONF_STR, "X-CID, X-Call-ID", 0, 0,
     "headers in which a box puts the Call-ID of its other side, or one value in both", false},
    {"join.call-id-suffixes", CONF_STR, "_b2b-1", 0, 0,
     "what a box appends to the Call-ID of its other side", false},
    {"join.park", CONF_STR, "park, orbit", 0, 0, "beginnings of numbers where calls are parked",
     false},
    {"policy.inside-digits", CONF_INT, "6", 0, 23,
     "a number of at most so many digits, or a name, is of the house: rules of recording by "
     "direction",
     false},
    {"pause.limit", CONF_DURATION, "600s", 1000000, 86400000000,
     "longest pause of a recording: who forgot to resume loses no more than this", false},
    {"pause.header", CONF_STR, "", 0, 0,
     "SIP header of a request whose value pauses or resumes its call; empty: none", false},
    {"pause.header-values", CONF_STR, "pause,resume", 0, 0,
     "its values: to pause, to resume, to record whatever the rules say, not to record; one that "
     "is "
     "left out or empty does nothing",
     false},
    {"pause.code", CONF_STR, "", 0, 0,
     "digits (at most 8, 0-9 * # A-D) by RFC 4733 or SIP INFO that pause the recording, where no "
     "rule of recording names others; the same as the other: turn it",
     false},
    {"pause.resume-code", CONF_STR, "", 0, 0, "digits that resume it", false},
    {"srtp.recorder-key", CONF_STR, "", 0, 0,
     "file: the bus.sign-key of the recorders at this place; they are told the keys of SRTP that "
     "SDP named, when they cut a call",
     false},
    {"timers.no-answer", CONF_DURATION, "32s", 1000000, 3600000000,
     "INVITE without any response: 64 * T1", false},
    {"timers.provisional", CONF_DURATION, "200s", 1000000, 7200000000,
     "since the last 1xx: Timer C is 180 s", false},
    {"timers.media-silence", CONF_DURATION, "300s", 1000000, 86400000000,
     "answered, with media, nothing heard", false},
    {"timers.idle", CONF_DURATION, "3600s", 1000000, 864000000000,
     "answered without media, or held: no SIP", false},
    {"timers.linger", CONF_DURATION, "60s", 0, 3600000000,
     "wall time that an ended call stays in the live mesh", false},
    {"timers.recorder-dead", CONF_DURATION, "30s", 1000000, 3600000000,
     "no life sign: there is no recorder", false},
    {"timers.recorder-slow", CONF_DURATION, "120s", 1000000, 86400000000,
     "pending this long, and no recorder is known: failed; ten times as long with one that says "
     "nothing of it",
     false},
    {"timers.recorder-away", CONF_DURATION, "72h", 1000000, 7776000000000,
     "a recorder that is away is waited for as long: its media are in the journals. Longer than a "
     "weekend",
     false},
};

static struct {
    const struct conf *conf;
    struct store *store;
    struct world *world;
    struct packer *packer;
    bool world_read; // a try to lead has put something into it
    struct pauses *pauses;
    struct persist *persist;
    struct housekeeping *housekeeping;
    struct statistics *statistics;
    struct ring *alerts; // housekeeping to state thread
    struct agents *agents;
    struct feed_sub *sub;
    struct cast_pub *mesh;
    struct answer *answer;
    struct control *control;
    struct srtp_keys *keys;
    struct state *state;
    struct known_cursor *known;
    size_t knowns;
    char holder[160];
    int64_t fence;
    struct admit *admit;
    struct policy_board policy;
    struct join *join;
    struct renew *renew;
} g;

static struct limits limits_of(const struct conf *c)
{
    const char *keep = conf_str(c, "store.other-messages");
    struct limits l = {
        .calls = (size_t)conf_int(c, "limits.calls"),
        .legs = (size_t)conf_int(c, "limits.legs"),
        .streams = (size_t)conf_int(c, "limits.streams"),
        .addresses = (size_t)conf_int(c, "limits.addresses"),
        .pending = (size_t)conf_int(c, "limits.pending"),
        .publishers = (size_t)conf_int(c, "limits.publishers"),
        .sites = (size_t)conf_int(c, "limits.publishers") * 2,
        .waits = (size_t)conf_int(c, "limits.calls") * 2,
        .taps = (size_t)conf_int(c, "limits.taps"),
        .no_answer_us = conf_int(c, "timers.no-answer"),
        .provisional_us = conf_int(c, "timers.provisional"),
        .media_silence_us = conf_int(c, "timers.media-silence"),
        .idle_us = conf_int(c, "timers.idle"),
        .hold_us = conf_int(c, "timers.idle"),
        .linger_us = conf_int(c, "timers.linger"),
        .recorder_dead_us = conf_int(c, "timers.recorder-dead"),
        .recorder_slow_us = conf_int(c, "timers.recorder-slow"),
        .recorder_away_us = conf_int(c, "timers.recorder-away"),
        .other_rate = (uint32_t)conf_int(c, "store.other-rate"),
        .other_keep = strcmp(keep, "none") == 0       ? 0
                      : strcmp(keep, "register") == 0 ? 1
                                                      : 2,
        .join_threshold = (int)conf_int(c, "join.threshold"),
        .join_window_us = conf_int(c, "join.window"),
        .inside_digits = (uint32_t)conf_int(c, "policy.inside-digits"),
    };
    (void)span_copy(span_str(conf_str(c, "join.headers")), l.join_headers, sizeof l.join_headers);
    (void)span_copy(span_str(conf_str(c, "join.call-id-suffixes")), l.join_suffixes,
                    sizeof l.join_suffixes);
    (void)span_copy(span_str(conf_str(c, "join.park")), l.park, sizeof l.park);
    return l;
}

// Who may come in from outside, before anyone can; and which sites share their addresses, before any is met.
static int admit_sites(const struct conf *c)
{
    struct admit_opts o = {.dsn = conf_str(c, "store.dsn"),
                           .app = "callmesh-callstate-sites",
                           .every_us = conf_int(c, "sites.refresh")};
    return g.admit ? 0 : admit_start(&g.admit, &o);
}

// With commas between.
static void read_words(struct span list)
{
    for (size_t i = 0; list.n && i < sizeof g.world->pause_word / sizeof g.world->pause_word[0];
         i++) {
        size_t n = span_find(list, ',');
        (void)span_copy(span_trim(span_sub(list, 0, n)), g.world->pause_word[i],
                        sizeof g.world->pause_word[i]);
        list = span_sub(list, n + 1, SIZE_MAX);
    }
}

static bool make_world(const struct conf *c)
{
    struct limits lim = limits_of(c);
    g.world = world_new(&lim);
    if (!g.world)
        return false;
    g.world->wall_us = wall_now_us();
    g.world->realm = admit_realm;
    g.world->policy = &g.policy;
    g.world->pauses = g.pauses;
    g.world->packer = g.packer;
    g.world->keep_digits = conf_bool(c, "store.keep-digits");
    g.world->pause_limit_us = conf_int(c, "pause.limit");
    (void)span_copy(span_str(conf_str(c, "pause.header")), g.world->pause_header,
                    sizeof g.world->pause_header);
    read_words(span_str(conf_str(c, "pause.header-values")));
    (void)span_copy(span_str(conf_str(c, "pause.code")), g.world->pause_code,
                    sizeof g.world->pause_code);
    (void)span_copy(span_str(conf_str(c, "pause.resume-code")), g.world->resume_code,
                    sizeof g.world->resume_code);
    return true;
}

// What a try read back is the past as soon as another has led: the next try begins with nothing.
static bool forget_world(const struct conf *c)
{
    struct batch *batch = g.world->batch;
    g.world = world_free(g.world);
    if (!make_world(c))
        return false;
    batch_reset(batch);
    g.world->batch = batch;
    g.world_read = false;
    return true;
}

// One try: schema, lease, state. SCHEMA_E_AWAY and LEASE_E_HELD: again.
static int try_to_lead(const struct conf *c, char *err, size_t cap)
{
    int made = 0;
    int r = schema_apply(g.store, conf_str(c, "store.schema-dir"), err, cap);
    if (r != SCHEMA_OK)
        return r;
    // Longer while the state is read back: with thousands of open calls on a busy machine that takes longer than a silence may,
    // and two that take the lease from each other in turn would never lead.
    r = lease_take(g.store, g.holder, READ_BACK_TTLS * conf_int(c, "lease.ttl"), &g.fence);
    if (r)
        return r == LEASE_E_HELD ? r : SCHEMA_E_AWAY;
    if (admit_sites(c) < 0)
        return SCHEMA_E_AWAY;
    r = policy_refresh(&g.policy, g.store); // before the first call
    (void)policy_current(&g.policy);
    if (!r)
        r = partitions_make(g.store, wall_now_us(), -1, 7, &made);
    g.world_read = !r;
    if (!r)
        r = restore_world(g.store, g.world, g.known, KNOWN_MAX, &g.knowns);
    // Still ours? From here on it lasts as long as it always does.
    if (!r)
        r = lease_renew(g.store, g.fence, conf_int(c, "lease.ttl"));
    return r == STORE_E_DATA ? LEASE_E_HELD : r ? SCHEMA_E_AWAY : SCHEMA_OK;
}

static void say_why_waiting(int r)
{
    if (r == LEASE_E_HELD)
        log_info("standing by: another callstate leads", "holder=%s", g.holder);
    else
        log_warn("database is away: waiting for it", "error=\"%s\"", store_error(g.store));
}

// Tries until this one leads or someone stops us; nobody is listened to before. 0 or an exit code.
static int open_database(const struct conf *c)
{
    int64_t said_us = 0;
    int said = 0;
    for (;;) {
        char err[512] = "";
        int r = try_to_lead(c, err, sizeof err);
        if (r == SCHEMA_OK) {
            persist_set_lease(g.persist, g.fence, conf_int(c, "lease.ttl"));
            gauge(STAT_LEADER, 1);
            gauge(STAT_FENCE, (uint64_t)g.fence);
            log_info("leading", "holder=%s fence=%lld", g.holder, (long long)g.fence);
            return 0;
        }
        if (r == SCHEMA_E_VERSION || r == SCHEMA_E_FILES || r == SCHEMA_E_SQL) {
            log_error("the database cannot be used", "why=\"%s\"", err);
            return r == SCHEMA_E_VERSION ? EXIT_SCHEMA : EXIT_CREATE;
        }
        if (r != said || (r != LEASE_E_HELD && mono_now_us() - said_us > 10 * US_PER_S)) {
            said = r;
            said_us = mono_now_us();
            say_why_waiting(r);
        }
        if (g.world_read && !forget_world(c))
            return EXIT_CREATE;
        if (daemon_stopping())
            return EXIT_UNAVAILABLE;
        daemon_wait(200 * US_PER_MS);
    }
}

static int open_bus(const struct conf *c)
{
    char err[256] = "";
    struct feed_sub_opts so = {.name = "callstate",
                               .sub_url = conf_str(c, "bus.sig-url"),
                               .ask_url = conf_str(c, "bus.sig-ask-url"),
                               .publishers_max = (uint32_t)conf_int(c, "limits.publishers"),
                               .queue_bytes = QUEUE_BYTES,
                               .arena_bytes = ARENA_BYTES,
                               .orders = pause_orders,
                               .orders_ctx = g.world->pauses};
    if (feed_sub_open(&g.sub, &so, err, sizeof err) ||
        cast_pub_open(&g.mesh, conf_str(c, "bus.mesh-url"), true, "callstate", conf_str(c, "site"),
                      CALLMESH__V1__KIND__KIND_MESH, err, sizeof err)) {
        log_error("cannot listen", "why=\"%s\"", err);
        return EXIT_UNAVAILABLE;
    }
    // The oldest first: where the bus has fewer places than there are cursors, the latest stay.
    for (size_t i = g.knowns; i > 0; i--) {
        const struct known_cursor *k = &g.known[i - 1];
        if (i <= (size_t)conf_int(c, "limits.publishers"))
            feed_sub_set_cursor(g.sub, k->publisher, span_of(k->incarnation, sizeof k->incarnation),
                                k->at.seq);
    }
    return 0;
}

static int open_renew(const struct conf *c)
{
    char err[256] = "";
    struct renew_opts o = {.dsn = conf_str(c, "store.dsn"),
                           .app = "callmesh-callstate-renew",
                           .ca_cert = conf_str(c, "sites.ca-cert"),
                           .ca_key = conf_str(c, "sites.ca-key"),
                           .certificate_us = conf_int(c, "sites.certificate-life")};
    int r = o.ca_cert[0] ? renew_open(&g.renew, &o, err, sizeof err) : 0;
    if (r < 0)
        log_error("certificates cannot be renewed", "why=\"%s\"", err[0] ? err : strerror(-r));
    return r < 0 ? EXIT_UNAVAILABLE : 0;
}

static int open_join(const struct conf *c)
{
    char err[256] = "";
    struct join_opts jo = {.url = conf_str(c, "sites.join-url"),
                           .dsn = conf_str(c, "store.dsn"),
                           .app = "callmesh-callstate-join",
                           .ca_cert = conf_str(c, "sites.ca-cert"),
                           .ca_key = conf_str(c, "sites.ca-key"),
                           .certificate_us = conf_int(c, "sites.certificate-life")};
    int r = jo.url[0] ? join_open(&g.join, &jo, err, sizeof err) : 0;
    if (r < 0)
        log_error("sites cannot join", "why=\"%s\"", err[0] ? err : strerror(-r));
    return r < 0 ? EXIT_UNAVAILABLE : 0;
}

static void on_committed(void *ctx, uint32_t bus_slot, uint64_t seq)
{
    (void)ctx;
    feed_sub_commit(g.sub, bus_slot, seq);
}

static void while_waiting(void *ctx)
{
    (void)ctx;
    if (g.state)
        state_while_waiting(g.state);
}

static int open_state(const struct conf *c)
{
    g.known = mem_take(KNOWN_MAX * sizeof *g.known);
    policy_board_init(&g.policy);
    g.pauses = pauses_new(admit_realm);
    if (conf_bool(c, "store.pack") && !(g.packer = packer_new()))
        return EXIT_CREATE;
    return g.known && g.pauses && make_world(c) ? 0 : EXIT_CREATE;
}

static int open_persist(const struct conf *c)
{
    struct persist_opts o = {.store = g.store,
                             .rows = (size_t)conf_int(c, "store.batch-rows"),
                             .batches = (size_t)conf_int(c, "store.batches"),
                             .publishers = (size_t)conf_int(c, "limits.publishers"),
                             .batch_us = conf_int(c, "store.batch-time"),
                             .while_waiting = while_waiting,
                             .committed = on_committed};
    g.persist = persist_new(&o);
    if (!g.persist)
        return EXIT_CREATE;
    persist_open(g.persist, g.world);
    return 0;
}

// For the database, for its turn to lead, for a change of the schema: however long it takes.
static int wait_for_database(const struct conf *c)
{
    daemon_start_waits(true);
    int r = open_database(c);
    daemon_start_waits(false);
    return r;
}

static int open_agents(const struct conf *c)
{
    g.agents = agents_new(conf_str(c, "store.dsn"), (size_t)conf_int(c, "limits.extensions"));
    if (!g.agents)
        return EXIT_CREATE;
    if (agents_load(g.agents, g.store))
        log_warn("the list of agents could not be read yet", "error=\"%s\"", store_error(g.store));
    agents_adopt(g.agents, g.world);
    return 0;
}

static int start(const struct conf *c)
{
    mem_keep_small();
    g.conf = c;
    (void)snprintf(g.holder, sizeof g.holder, "%s/%s", conf_str(c, "site"), conf_str(c, "node"));
    stats_setup();
    int r = open_state(c);
    if (r) {
        log_error("not enough memory for the tables", "calls=%lld",
                  (long long)conf_int(c, "limits.calls"));
        return r;
    }
    struct store_opts o = {.dsn = conf_str(c, "store.dsn"),
                           .app = "callmesh-callstate",
                           .timeout_us = conf_int(c, "store.timeout")};
    g.store = store_new(&o);
    r = g.store ? open_persist(c) : EXIT_CREATE;
    if (r) {
        log_error("not enough memory for the batches of the store", "batches=%lld rows=%lld",
                  (long long)conf_int(c, "store.batches"),
                  (long long)conf_int(c, "store.batch-rows"));
        return r;
    }
    r = wait_for_database(c);
    if (!r)
        r = open_agents(c);
    if (!r)
        r = open_join(c);
    if (!r)
        r = open_renew(c);
    if (!r)
        r = open_bus(c);
    if (r)
        return r;
    char err[256] = "out of memory";
    struct srtp_keys_opts ko = {.dsn = conf_str(c, "store.dsn"),
                                .recorder_key = conf_str(c, "srtp.recorder-key")};
    g.keys = srtp_keys_new(&ko, err, sizeof err);
    if (!g.keys) {
        log_error("cannot start", "why=\"%s\"", err);
        return EXIT_CREATE;
    }
    g.control = control_new(g.world, g.mesh, g.keys, g.renew);
    g.alerts = ring_new(ALERTS_QUEUE, sizeof(struct alert));
    struct state_opts so = {.world = g.world,
                            .sub = g.sub,
                            .mesh = g.mesh,
                            .persist = g.persist,
                            .control = g.control,
                            .alerts = g.alerts,
                            .agents = g.agents,
                            .known = g.known,
                            .knowns = g.knowns};
    g.state = g.control && g.alerts ? state_new(&so) : NULL;
    struct housekeeping_opts ho = {.dsn = conf_str(c, "store.dsn"),
                                   .alerts_us = conf_int(c, "alerts.every"),
                                   .alerts = g.alerts,
                                   .board = &g.policy};
    g.housekeeping = housekeeping_new(&ho);
    struct statistics_opts to = {.dsn = conf_str(c, "store.dsn"),
                                 .every_us = conf_int(c, "statistics.every"),
                                 .keep_days = conf_int(c, "statistics.keep-days")};
    g.statistics = statistics_new(&to);
    if (!g.state || !g.housekeeping || !g.statistics || persist_start(g.persist) ||
        state_start(g.state) || housekeeping_start(g.housekeeping) || agents_start(g.agents) ||
        statistics_start(g.statistics) ||
        answer_open(&g.answer, conf_str(c, "bus.control-url"), control_answer, g.control, err,
                    sizeof err)) {
        log_error("cannot start", "why=\"%s\"", err);
        return EXIT_UNAVAILABLE;
    }
    log_info(
        "tables",
        "calls=%zu legs=%zu streams=%zu addresses=%zu pending=%zu publishers=%zu world_bytes=%zu"
        " batch_bytes=%zu total_bytes=%llu",
        g.world->lim.calls, g.world->lim.legs, g.world->lim.streams, g.world->lim.addresses,
        g.world->lim.pending, g.world->lim.publishers, g.world->memory, persist_memory(g.persist),
        (unsigned long long)mem_total());
    mem_ready();
    return 0;
}

static int run(void)
{
    while (!daemon_stopping())
        daemon_wait(US_PER_S);
    return persist_lost(g.persist) ? EXIT_UNAVAILABLE : 0;
}

static void stop(void)
{
    if (g.control)
        control_close(g.control);
    if (g.answer)
        answer_stop(g.answer);
    bool all = true;
    housekeeping_stop(g.housekeeping);
    statistics_stop(g.statistics);
    if (g.state) {
        all = state_stop(g.state, 2 * US_PER_S);
        all &= persist_stop(g.persist, all ? 2 * US_PER_S : 0);
        if (all && !persist_lost(g.persist))
            lease_release(g.store, g.fence);
    }
    agents_stop(g.agents);
    if (g.sub)
        feed_sub_stop(g.sub);
    join_stop(g.join);
    g.renew = renew_free(g.renew);
    admit_stop(g.admit);
    log_info("stopped", "stored=%s",
             all ? "all" : "not all: the journals of the sites give the rest again");
}

static bool ready(char *buf, size_t cap)
{
    bool up = persist_up(g.persist);
    (void)snprintf(buf, cap, "database %s\n", up ? "ok" : "away");
    return up;
}

int main(int argc, char **argv)
{
    static const struct daemon_service service = {
        .name = "callstate",
        .summary =
            "The director: dialogs and calls of all sites, their media, their place in PostgreSQL.",
        .examples = "  callmesh-callstate --store.dsn 'host=/run/postgresql dbname=callmesh'\n",
        .defs = defs,
        .ndefs = sizeof defs / sizeof defs[0],
        .start = start,
        .run = run,
        .stop = stop,
        .ready = ready,
    };
    return daemon_main(&service, argc, argv);
}
