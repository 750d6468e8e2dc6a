// callmesh-capture: packets in, SIP messages and RTP streams out. An interface is read by processes of their own (live.h); of a
// file and of listeners alone the main thread is the worker.
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "cage/fence.h"
#include "cage/sandbox.h"
#include "daemon/daemon.h"
#include "inputs.h"
#include "keylog.h"
#include "live_report.h"
#include "live_sender.h"
#include "pause.h"
#include "report.h"
#include "sender.h"
#include "settings.h"
#include "worker.h"

#define POLL_US     (5 * US_PER_MS)
#define IDLE_US     (20 * US_PER_MS) // the same with no batch open: a packet ends the wait
#define TICK_US     (200 * US_PER_MS)
#define PROGRESS_US (10 * US_PER_S)

static struct {
    const struct conf *conf;
    struct inputs *inputs;
    struct sender *sender; // NULL: no bus
    struct outbox *outbox;
    struct worker *worker;
    struct report *report; // NULL: nothing is printed
    const char *input;
    bool live, json;
    int keylog_fd; // 0: none
    char publisher[96];
    struct live *split; // an interface: the worker is another process, we are the sender
    int64_t start_mono_us, progress_us;
} g;

// "<site>/<node>-<input>", with what is not a letter, digit or one of ._- made '_'.
static void name_publisher(const char *site, const char *node, const char *input)
{
    const char *base = strrchr(input, '/');
    snprintf(g.publisher, sizeof g.publisher, "%s/%s-%s", site, node,
             base                 ? base + 1
             : strcmp(input, "-") ? input
                                  : "stdin");
    for (char *p = g.publisher; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("._-/", *p))
            *p = '_';
}

static int open_inputs(const struct conf *c)
{
    char err[1024] = "";
    int r = inputs_open(&g.inputs, c, err, sizeof err);
    if (r) {
        log_error(err, "%s", "");
        return r;
    }
    g.live = inputs_live(g.inputs);
    g.input = inputs_name(g.inputs);
    return 0;
}

static int open_sender(const struct conf *c)
{
    char err[512] = "";
    struct sender_opts o = {
        .publisher = g.publisher,
        .site = conf_str(c, "site"),
        .sig_url = conf_str(c, "bus.sig-url"),
        .sig_ask_url = conf_str(c, "bus.sig-ask-url"),
        .rtp_url = conf_str(c, "bus.rtp-url"),
        .rtp_ask_url = conf_str(c, "bus.rtp-ask-url"),
        .journal_dir = conf_str(c, "journal.dir"),
        .sig_journal_bytes = (uint64_t)conf_int(c, "journal.sig-bytes"),
        .rtp_journal_bytes = (uint64_t)conf_int(c, "journal.rtp-bytes"),
        .live = g.live,
    };
    int r = sender_open(&g.sender, &o, err, sizeof err);
    if (r) {
        log_error(err, "%s", "");
        return r;
    }
    struct outbox_sink sink = sender_sink(g.sender);
    g.outbox = outbox_new(&sink);
    if (!g.outbox)
        log_error("no memory for the batches", "%s", "");
    return g.outbox ? 0 : EX_OSERR;
}

static void say_hello(void)
{
    struct outbox_hello h = {g.publisher, daemon_version(), g.input, g.live, wall_now_us()};
    outbox_hello(g.outbox, &h);
}

// 0: none is set, or it is open. Before all else that could need fewer rights.
static int open_keylog(const struct conf *c)
{
    char err[512] = "";
    const char *name = conf_str(c, "capture.tls-keylog");
    int r = *name ? keylog_open(&g.keylog_fd, name, err, sizeof err) : 0;
    if (r)
        log_error(err, "%s", "");
    return r;
}

static struct live live;

// What stood when we were killed in mid-pause; before the first packet.
static void find_pauses(const struct conf *c, struct pauses *ret)
{
    sender_pauses_found(conf_str(c, "journal.dir"), g.publisher, conf_int(c, "capture.pause-doubt"),
                        ret);
}

static const char *const bus_urls[] = {"bus.sig-url", "bus.sig-ask-url", "bus.rtp-url",
                                       "bus.rtp-ask-url"};

// What a process that reads a file will open and whom it will call, and no more than that. Before any thread.
static int fence(const struct conf *c)
{
    static const char *const files[] = {"read",         "capture.tls-keylog", "bus.tls-ca",
                                        "bus.tls-cert", "bus.tls-key",        "bus.sign-key"};
    struct fence f = {0};
    char err[256];
    int r = fence_allow_listen(&f, conf_str(c, "health.listen"));
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        fence_allow_read(&f, conf_str(c, files[i]));
    fence_allow_read(&f, "/proc/self");              // memory in use
    fence_allow_read(&f, "/sys/devices/system/cpu"); // nng: how many threads
    fence_allow_read(&f, "/etc/ssl/openssl.cnf");
    fence_allow_names(&f);
    for (size_t i = 0;
         r == 0 && !conf_bool(c, "no-bus") && i < sizeof bus_urls / sizeof bus_urls[0]; i++)
        r = fence_allow_urls(&f, conf_str(c, bus_urls[i]));
    if (r == -EINVAL) // who opens it says what is wrong with it
        return 0;
    if (r < 0)
        log_warn("the file is read without a fence", "reason=\"more than %d ports\"", FENCE_PORTS);
    if (r < 0)
        return 0;
    if (sandbox_fence(&f, err, sizeof err) < 0)
        log_warn("the file is read without a fence", "step=\"%s\"", err);
    return 0;
}

// An interface is read by processes of their own (live.h). Before any thread.
static int split(const struct conf *c)
{
    char err[512] = "";
    const char *interface;
    int r = inputs_describe(c, live.input, sizeof live.input, &interface, err, sizeof err);
    live.lanes = (uint32_t)conf_int(c, "capture.workers");
    live.json = conf_bool(c, "json");
    live.no_bus = conf_bool(c, "no-bus");
    if (r == 0 && *interface && live.json && live.lanes > 1) {
        snprintf(err, sizeof err, "--json of an interface wants --capture.workers 1");
        r = EX_USAGE;
    }
    if (r) {
        log_error(err, "%s", "");
        return r;
    }
    if (!*interface)
        return *conf_str(c, "read") ? fence(c) : 0;
    r = open_keylog(c);
    if (r)
        return r;
    live.keylog_fd = g.keylog_fd;
    live.conf = c;
    name_publisher(conf_str(c, "site"), conf_str(c, "node"), live.input);
    snprintf(live.publisher, sizeof live.publisher, "%s", g.publisher);
    find_pauses(c, &live.found);
    r = keeper_split(&live, interface);
    g.split = r == 0 ? &live : NULL;
    return r;
}

static int start_split(const struct conf *c)
{
    g.live = true;
    g.input = live.input;
    int r = live.no_bus ? 0 : open_sender(c);
    return r ? r : live_sender_start(&live, g.sender);
}

static int start(const struct conf *c)
{
    g.conf = c;
    g.json = conf_bool(c, "json");
    g.start_mono_us = g.progress_us = mono_now_us();
    capture_stats_register();
    if (g.split)
        return start_split(c);
    mem_want_huge_pages(); // an interface's workers are forked, this one is not
    int r = open_inputs(c);
    if (r || (r = open_keylog(c)) != 0)
        return r;
    name_publisher(conf_str(c, "site"), conf_str(c, "node"), g.input);
    if (!conf_bool(c, "no-bus") && (r = open_sender(c)) != 0)
        return r;
    if (g.json || !g.live)
        g.report =
            report_new((size_t)conf_int(c, "report.streams"), conf_str(c, "site"), g.publisher);
    struct worker_opts o = {
        .link_type = inputs_link_type(g.inputs),
        .live = g.live,
        .publisher = g.publisher,
        .out = g.outbox,
        .streams = (size_t)conf_int(c, "capture.streams"),
        .stream_idle_us = conf_int(c, "capture.stream-idle"),
        .media_addresses = (size_t)conf_int(c, "capture.media-addresses"),
        .media_age_us = conf_int(c, "capture.media-age"),
        .fragments = (uint32_t)conf_int(c, "capture.fragments"),
        .tcp = (uint32_t)conf_int(c, "capture.tcp"),
        .signalled_calls = (size_t)conf_int(c, "capture.signalled-calls"),
        .framed_tcp = (uint32_t)conf_int(c, "capture.framed-tcp"),
        .peers = (size_t)conf_int(c, "capture.peers"),
        .sip_unknown =
            g.live ? (uint32_t)conf_int(c, "capture.sip-unknown") : 0, // a file is no flood
        .duplicate_window_us = conf_int(c, "capture.duplicate-window"),
        .duplicate_entries = (size_t)conf_int(c, "capture.duplicate-entries"),
        .tls = (size_t)conf_int(c, "capture.tls-connections"),
        .tls_hold_bytes = (uint32_t)conf_int(c, "capture.tls-hold"),
        .tls_wait_us = conf_int(c, "capture.tls-wait"),
        .tls_secrets = (size_t)conf_int(c, "capture.tls-secrets"),
        .tls_keylog_fd = g.keylog_fd,
        .keep_digits = conf_bool(c, "capture.keep-digits"),
        .hep_key = conf_str(c, "capture.hep-key"),
        .on_stream = g.report ? report_stream : NULL,
        .ctx = g.report,
    };
    g.worker = worker_new(&o);
    if (!g.worker || (!g.report && (g.json || !g.live))) {
        log_error("no memory for the tables", "%s", "");
        return EX_OSERR;
    }
    static struct pauses found;
    if (g.live && g.sender)
        find_pauses(c, &found);
    worker_pauses(g.worker, &found);
    log_info("tables",
             "input=%s publisher=%s streams=%zu media_addresses=%zu fragments=%u tcp=%u bytes=%zu",
             g.input, g.publisher, o.streams, o.media_addresses, o.fragments, o.tcp,
             worker_bytes(g.worker) + (g.outbox ? outbox_bytes() : 0));
    if (!link_known(o.link_type))
        log_warn("link type is not known: no packet will be read", "input=%s dlt=%d", g.input,
                 o.link_type);
    if (g.outbox)
        say_hello();
    return 0;
}

static bool send_failed(void)
{
    return g.outbox && outbox_error(g.outbox) != 0;
}

static void look_at_drops(void)
{
    inputs_publish(g.inputs, g.worker);
    if (!g.sender)
        return;
    struct sender_stat b = sender_stat(g.sender);
    worker_dropped(g.worker, CAPTURE_DROP_JOURNAL, b.overwritten);
    worker_dropped(g.worker, CAPTURE_DROP_BUS, b.too_large);
}

static void look_at_pauses(void)
{
    static struct pauses p;
    if (g.sender && sender_pauses(g.sender, &p))
        worker_pauses(g.worker, &p);
    if (g.sender)
        sender_keep_pauses(g.sender, &p);
}

static int run_live(void)
{
    int64_t tick_us = 0;
    while (!daemon_stopping() && !send_failed()) {
        bool open = g.outbox && outbox_is_open(g.outbox);
        enum source_result r = inputs_read(g.inputs, open ? POLL_US : IDLE_US, g.worker);
        if (r == SOURCE_FAILED) {
            log_error("a listener cannot be read any more", "input=%s why=\"%s\"", g.input,
                      inputs_error(g.inputs));
            return EX_UNAVAILABLE;
        }
        int64_t now_us = mono_now_us();
        if (now_us >= tick_us) {
            look_at_drops();
            look_at_pauses();
            // With an empty ring all up to now has been seen; behind, only what the packets say.
            int64_t seen_us = r == SOURCE_IDLE ? wall_now_us() : worker_last_at_us(g.worker);
            worker_tick(g.worker, seen_us - inputs_slack_us(g.inputs), now_us);
            tick_us = now_us + TICK_US;
        }
        if (g.outbox)
            outbox_close_old(g.outbox, now_us);
    }
    look_at_drops();
    return 0;
}

// One line on a terminal, kept in place; elsewhere a line in the log each ten seconds.
static void show_progress(const char *what)
{
    int64_t now_us = mono_now_us();
    bool terminal = isatty(STDERR_FILENO);
    if (now_us - g.progress_us < (terminal ? US_PER_S / 2 : PROGRESS_US))
        return;
    g.progress_us = now_us;
    struct source_stat s = inputs_stat(g.inputs);
    struct sender_stat b = g.sender ? sender_stat(g.sender) : (struct sender_stat){0};
    unsigned long long packets = worker_counts(g.worker)->n[CAPTURE_PACKETS],
                       open = b.sig_open + b.rtp_open;
    int percent = s.size ? (int)(100.0 * (double)s.position / (double)s.size) : -1;
    const char *wait = b.sig_open && !b.sig_connected   ? "callstate does not answer"
                       : b.rtp_open && !b.rtp_connected ? "the recorder does not answer"
                                                        : "";
    if (terminal)
        fprintf(stderr, "\r%s: %s %d %%, %llu packets, %llu batches not yet taken%s%s\033[K",
                g.input, what, percent, packets, open, *wait ? ", " : "", wait);
    else
        log_info(what, "input=%s percent=%d packets=%llu batches_open=%llu why=%s", g.input,
                 percent, packets, open, wait);
}

// True: all is committed, or there is no bus.
static bool wait_until_taken(void)
{
    while (g.sender && !sender_flush(g.sender, US_PER_S / 2)) {
        if (daemon_stopping())
            return false;
        show_progress("waiting for the consumers");
    }
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    return true;
}

static void more_json(struct json *j)
{
    json_key(j, "inputs");
    inputs_json(g.inputs, j);
    report_hep_agents(j, worker_hep_agents(g.worker));
}

static void print_report(bool truncated)
{
    struct report_input in = {
        .file = g.input,
        .counts = worker_counts(g.worker),
        .sip = worker_sip(g.worker),
        .truncated = truncated,
        .elapsed_us = mono_now_us() - g.start_mono_us,
        .more = more_json,
    };
    if (g.report && g.json)
        report_print_json(g.report, &in, stdout);
    else if (g.report)
        report_print_text(g.report, &in, stdout);
}

// Nothing is opened any more, but with a bus by the threads that look up names and dial again.
// Where there is no seccomp (an old container runtime, valgrind) the file is read all the same, and that is said.
static void cage(void)
{
    char err[256];
    if ((g.sender ? sandbox_enter_bus_reader : sandbox_enter_reader)(err, sizeof err) != 0)
        log_warn("the file is read without a cage", "step=\"%s\"", err);
}

static int run_file(void)
{
    bool truncated = false;
    cage();
    enum source_result r = SOURCE_MORE;
    while (r != SOURCE_END && r != SOURCE_FAILED && !daemon_stopping() && !send_failed()) {
        r = inputs_read(g.inputs, POLL_US, g.worker);
        if (g.outbox)
            outbox_close_old(g.outbox, mono_now_us());
        show_progress("reading");
    }
    if (r == SOURCE_FAILED) {
        truncated = true;
        log_warn("the file is cut or broken; all before that was read", "input=%s why=\"%s\"",
                 g.input, inputs_error(g.inputs));
    }
    look_at_drops();
    worker_end(g.worker, truncated);
    bool taken = !send_failed() && wait_until_taken();
    print_report(truncated);
    if (taken && r != SOURCE_MORE)
        return 0;
    log_warn("stopped before the input was read and taken", "input=%s", g.input);
    return EX_TEMPFAIL;
}

static int run(void)
{
    if (g.split)
        return live_sender_run();
    if (!g.live)
        return run_file();
    int r = run_live();
    worker_end(g.worker, false);
    print_report(false);
    return r;
}

static void stop(void)
{
    if (g.sender)
        sender_stop(g.sender);
}

static bool ready(char *buf, size_t cap)
{
    if (g.split ? !live_sender_ready() : !g.worker) {
        snprintf(buf, cap, "input opening\n");
        return false;
    }
    struct sender_stat b = g.sender
                               ? sender_stat(g.sender)
                               : (struct sender_stat){.sig_connected = true, .rtp_connected = true};
    // Without a consumer the journals hold what comes: the harvester is still doing its work.
    snprintf(buf, cap, "input ok\nsig %s\nrtp %s\n",
             b.sig_connected ? "ok" : "callstate does not answer, the journal keeps it",
             b.rtp_connected ? "ok" : "the recorder does not answer, the journal keeps it");
    return true;
}

int main(int argc, char **argv)
{
    const struct daemon_service service = {
        .name = "capture",
        .summary = "watches an interface or reads a capture file: SIP messages and RTP streams out",
        .examples = "callmesh-capture --interface eth1\n"
                    "callmesh-capture --hep :9060 --vxlan :4789\n"
                    "callmesh-capture --read call.pcap --no-bus --json\n"
                    "tcpdump -w - -i eth1 udp | callmesh-capture --read - --no-bus\n",
        .defs = capture_settings,
        .ndefs = capture_settings_count,
        .split = split,
        .start = start,
        .run = run,
        .stop = stop,
        .ready = ready,
    };
    return daemon_main(&service, argc, argv);
}
