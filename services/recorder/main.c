// main.c: settings, the rings between the threads, start and stop order. intake (media, owner of the spool), mesh (calls),
// cutter (files), report (results, disk), ear (keys of SRTP that is listened to).
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "certificate.h"
#include "cutter.h"
#include "daemon/daemon.h"
#include "intake.h"
#include "mesh.h"
#include "report.h"
#include "stats.h"
#include "upload.h"

#define ORDERS_RING 64u
#define JOBS_RING   64u
#define DONE_RING   256u // more than orders, jobs and the one at work together

static const struct conf_def defs[] = {
    {"bus.rtp-url", CONF_STR, "tcp://127.0.0.1:7645", 0, 0, "media of the harvesters; listened on",
     false},
    {"bus.rtp-ask-url", CONF_STR, "tcp://127.0.0.1:7646", 0, 0, "its sure path; listened on",
     false},
    {"bus.mesh-url", CONF_STR, "tcp://127.0.0.1:7643", 0, 0, "the mesh, from callstate; dialled",
     false},
    {"bus.renew-every", CONF_DURATION, "1h", 1000000, 86400000000,
     "how often the end of this machine's certificate is looked at", false},
    {"bus.renew-at", CONF_INT, "67", 1, 95,
     "percent of its life that are used when the next one is asked for: a third is left for a link "
     "that is broken",
     false},
    {"bus.control-url", CONF_STR, "tcp://127.0.0.1:7644", 0, 0,
     "snapshots, from callstate; dialled", false},
    {"bus.sig-url", CONF_STR, "tcp://127.0.0.1:7641", 0, 0, "reports to callstate; dialled", false},
    {"bus.sig-ask-url", CONF_STR, "tcp://127.0.0.1:7642", 0, 0, "their sure path; dialled", false},
    {"bus.live-url", CONF_STR, "tcp://127.0.0.1:7647", 0, 0,
     "tapped audio to api; dialled; empty: none", false},
    {"recordings.dir", CONF_STR, "recordings", 0, 0, "finished recordings and their manifests",
     false},
    {"recordings.encrypt", CONF_BOOL, "true", 0, 0,
     "AES-256-GCM with a key for each recording: a disk or backup that gets lost says nothing",
     false},
    {"recordings.packets", CONF_BOOL, "false", 0, 0,
     "keep each call's RTP packets beside its sound, for Wireshark: twice the disk and more",
     false},
    {"keys.dir", CONF_STR, "/var/lib/callmesh/keys", 0, 0,
     "master keys, data keys and the signing key; made at the first start", false},
    DEPOT_CONF,
    {"depot.keep-local", CONF_BOOL, "false", 0, 0,
     "keep the local files of what the store has; else they go when its length was read back",
     false},
    {"spool.dir", CONF_STR, "/var/lib/callmesh/spool", 0, 0,
     "the look-back: all media of the site, for a while", false},
    {"spool.bytes", CONF_BYTES, "4G", 4 << 20, INT64_MAX / 2,
     "size of the look-back: 4 GiB are 60 hours of one two-way G.711 call", false},
    {"spool.segment-bytes", CONF_BYTES, "64M", 1 << 20, 1 << 30,
     "one file of it; the oldest goes as a whole", false},
    {"spool.look-back", CONF_DURATION, "60m", 0, INT64_MAX / 2,
     "media older than this goes, unless a call that is up needs it; 0: only by size", false},
    {"spool.streams", CONF_INT, "8192", 16, 1 << 20,
     "streams with a block of 8 KiB in memory: 4,096 two-way calls", false},
    {"spool.chains", CONF_INT, "65536", 64, 1 << 24, "streams known in the look-back", false},
    {"spool.block-age", CONF_DURATION, "1s", 10000, INT64_MAX / 2,
     "a block is written at this age, full or not", false},
    {"spool.commit-every", CONF_DURATION, "250ms", 1000, INT64_MAX / 2,
     "how often harvesters are told what is safe here", false},
    {"spool.commit-bytes", CONF_BYTES, "16M", 64 << 10, 1 << 30,
     "and after so much of one feed: a file is read at full speed", false},
    {"mesh.calls", CONF_INT, "16384", 16, 1 << 22, "calls in the mirror of the mesh", false},
    {"mesh.snapshot-every", CONF_DURATION, "60s", 1000000, INT64_MAX / 2,
     "a snapshot without a reason, to be sure", false},
    {"cut.delay", CONF_DURATION, "1s", 0, INT64_MAX / 2,
     "feed time after the end of a call before it is cut; media until then belongs to it", false},
    {"cut.wait-max", CONF_DURATION, "60s", 0, INT64_MAX / 2,
     "how long a call waits for a harvester that is silent", false},
    {"cut.blocks", CONF_INT, "524288", 1024, 1 << 26,
     "blocks of one call: 36 hours of two-way audio", false},
    {"cut.segments", CONF_INT, "16384", 64, 1 << 24, "pieces of timelines of one call", false},
    {"cut.drift", CONF_DURATION, "20ms", 0, INT64_MAX / 2,
     "a sender's clock that runs away by less leaves its sound as captured, by more it is "
     "resampled",
     false},
    {"cut.renderer", CONF_STR, "callmesh-render", 0, 0,
     "the program that decodes G.729, G.723.1, iLBC and Speex, in a cage; without a slash it lies "
     "beside this one; empty: none",
     false},
    {"cut.renderer-wait", CONF_DURATION, "2s", 1000, INT64_MAX / 2,
     "how long a recording waits for it, beside a quarter of the sound that it gives", false},
    {"live.taps", CONF_INT, "256", 1, 65536, "calls that can be listened to at once", false},
    {"live.srtp", CONF_INT, "32", 1, 65536,
     "of these, calls of SRTP with keys in SDP: 31 KiB each, and 10 to 320 KiB of libsrtp2 while "
     "somebody listens",
     false},
    {"journal.dir", CONF_STR, "/var/lib/callmesh/journal", 0, 0, "journal of the reports", false},
    {"journal.bytes", CONF_BYTES, "16M", 1 << 20, INT64_MAX / 2,
     "its size: some 16,000 reports while callstate is away", false},
    {"disk.min-free", CONF_BYTES, "256M", 0, INT64_MAX / 2,
     "below this nothing new is cut and the look-back does not grow", false},
};

static struct intake intake;
static struct mesh mesh;
static struct cutter cutter;
static struct report reporter;
static struct upload upload;
static struct certificate certificate;
static struct feeds feeds;
static struct ears *ears;
static char name[160], journal_path[4096];

static int make_dir(const char *dir)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/", dir);
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(path, 0750) != 0 && errno != EEXIST)
            return -errno;
        *p = '/';
    }
    return access(dir, W_OK) == 0 ? 0 : -errno;
}

static int make_dirs(const struct conf *c)
{
    static const char *const dirs[] = {"spool.dir", "recordings.dir", "journal.dir", "keys.dir"};
    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
        int r = make_dir(conf_str(c, dirs[i]));
        if (r < 0) {
            log_error("folder cannot be used", "%s=%s error=\"%s\"", dirs[i], conf_str(c, dirs[i]),
                      strerror(-r));
            return r == -EACCES ? 77 : 73;
        }
    }
    return 0;
}

static void settings(const struct conf *c)
{
    const char *site = conf_str(c, "site"), *node = conf_str(c, "node");
    (void)snprintf(name, sizeof(name), "%s/recorder-%s", site, node);
    // One recorder per site and node: the name of its journal has no other signs than a file name may have.
    (void)snprintf(journal_path, sizeof(journal_path), "%s/recorder.journal",
                   conf_str(c, "journal.dir"));
    intake.o = (struct intake_opts){.spool_dir = conf_str(c, "spool.dir"),
                                    .spool_bytes = (uint64_t)conf_int(c, "spool.bytes"),
                                    .segment_bytes = (uint64_t)conf_int(c, "spool.segment-bytes"),
                                    .look_back_us = conf_int(c, "spool.look-back"),
                                    .chains = (size_t)conf_int(c, "spool.chains"),
                                    .blocks = (size_t)conf_int(c, "spool.streams"),
                                    .rtp_url = conf_str(c, "bus.rtp-url"),
                                    .rtp_ask_url = conf_str(c, "bus.rtp-ask-url"),
                                    .block_age_us = conf_int(c, "spool.block-age"),
                                    .commit_us = conf_int(c, "spool.commit-every"),
                                    .commit_bytes = (uint64_t)conf_int(c, "spool.commit-bytes")};
    // Four segments at least, or a spool would forget a quarter of itself at once.
    if (intake.o.segment_bytes > intake.o.spool_bytes / 4)
        intake.o.segment_bytes = intake.o.spool_bytes / 4;
    mesh.o = (struct mesh_opts){.mesh_url = conf_str(c, "bus.mesh-url"),
                                .control_url = conf_str(c, "bus.control-url"),
                                .name = name,
                                .site = site,
                                .calls = (size_t)conf_int(c, "mesh.calls"),
                                .cut_delay_us = conf_int(c, "cut.delay"),
                                .wait_max_us = conf_int(c, "cut.wait-max"),
                                .snapshot_every_us = conf_int(c, "mesh.snapshot-every")};
    cutter.o = (struct cutter_opts){.spool_dir = intake.o.spool_dir,
                                    .recordings_dir = conf_str(c, "recordings.dir"),
                                    .name = name,
                                    .keys_dir = conf_str(c, "keys.dir"),
                                    .control_url = conf_str(c, "bus.control-url"),
                                    .site = site,
                                    .encrypt = conf_bool(c, "recordings.encrypt"),
                                    .packets = conf_bool(c, "recordings.packets"),
                                    .blocks = (size_t)conf_int(c, "cut.blocks"),
                                    .segments = (size_t)conf_int(c, "cut.segments"),
                                    .grace_us = conf_int(c, "cut.delay"),
                                    .drift_us = conf_int(c, "cut.drift"),
                                    .renderer = conf_str(c, "cut.renderer"),
                                    .renderer_wait_us = conf_int(c, "cut.renderer-wait")};
    certificate = (struct certificate){.cert = conf_str(c, "bus.tls-cert"),
                                       .key = conf_str(c, "bus.tls-key"),
                                       .ca = conf_str(c, "bus.tls-ca"),
                                       .sign_key = conf_str(c, "bus.sign-key"),
                                       .control_url = conf_str(c, "bus.control-url"),
                                       .name = name,
                                       .site = site,
                                       .every_us = conf_int(c, "bus.renew-every"),
                                       .used_percent = conf_int(c, "bus.renew-at")};
    reporter.o = (struct report_opts){.name = name,
                                      .site = site,
                                      .sig_url = conf_str(c, "bus.sig-url"),
                                      .ask_url = conf_str(c, "bus.sig-ask-url"),
                                      .journal_path = journal_path,
                                      .journal_bytes = (uint64_t)conf_int(c, "journal.bytes"),
                                      .recordings_dir = cutter.o.recordings_dir,
                                      .spool_dir = intake.o.spool_dir,
                                      .disk_min_free = (uint64_t)conf_int(c, "disk.min-free")};
}

static int open_all(const struct conf *c, char *err, size_t err_cap)
{
    mem_want_huge_pages();
    feeds_init(&feeds);
    intake.feeds = mesh.feeds = &feeds;
    intake.orders = mesh.orders = ring_new(ORDERS_RING, sizeof(struct order));
    intake.jobs = cutter.jobs = ring_new(JOBS_RING, sizeof(struct job));
    cutter.erases = mesh.erases = ring_new(ERASE_RING, sizeof(struct erase));
    cutter.done = mesh.done = ring_new(DONE_RING, sizeof(struct done));
    if (!intake.orders || !intake.jobs || !cutter.done || !cutter.erases)
        return -ENOMEM;
    cutter.wake = ring_eventfd(cutter.jobs);
    if (cutter.wake < 0)
        return -errno;
    mesh.wanted_us = &intake.wanted_us;
    mesh.heard_us = &reporter.heard_us;
    reporter.disk_low = &intake.disk_low;
    reporter.newest = &intake.newest;
    cutter.disk_low = &intake.disk_low;
    intake.live = live_new(conf_str(c, "bus.live-url"), name, conf_str(c, "site"),
                           (size_t)conf_int(c, "live.taps"), err, err_cap);
    struct ears_opts eo = {.control_url = conf_str(c, "bus.control-url"),
                           .name = name,
                           .site = conf_str(c, "site"),
                           .calls = (size_t)conf_int(c, "live.srtp")};
    ears = intake.live ? ears_new(&eo, err, err_cap) : NULL;
    if (ears)
        live_ears(intake.live, ears);
    int r = ears ? upload_open(&upload, err, err_cap) : -ENOMEM;
    if (r == 0 && upload.o.depot.on && !(cutter.s3 = s3_new(&upload.o.depot.s3)))
        r = -ENOMEM;
    if (r == 0)
        r = report_open(&reporter, err, err_cap);
    if (r == 0) {
        cutter.reports = reporter.items;
        r = cutter_open(&cutter, err, err_cap);
    }
    if (r == 0)
        r = mesh_open(&mesh, err, err_cap);
    if (r == 0)
        r = intake_open(&intake, err, err_cap);
    return r;
}

static int start(const struct conf *c)
{
    char err[256] = "";
    recorder_stats_register();
    settings(c);
    int r = make_dirs(c);
    if (r != 0)
        return r;
    r = depot_conf_read(c, &upload.o.depot, err, sizeof(err));
    if (r < 0) {
        log_error("cannot start", "why=\"%s\"", err);
        return 78;
    }
    upload.o.recordings_dir = cutter.o.recordings_dir;
    upload.o.keep_local = conf_bool(c, "depot.keep-local");
    cutter.o.upload = upload.o.depot.on;
    r = open_all(c, err, sizeof(err));
    if (r < 0) {
        log_error("cannot start", "error=\"%s\" why=\"%s\"", strerror(-r), err);
        return r == -EADDRINUSE ? 69 : 73;
    }
    log_info("sizes",
             "memory=%llu spool_bytes=%llu segment_bytes=%llu streams=%zu chains=%zu calls=%zu "
             "taps=%lld cut_blocks=%zu",
             (unsigned long long)mem_total(), (unsigned long long)intake.o.spool_bytes,
             (unsigned long long)intake.o.segment_bytes, intake.o.blocks, intake.o.chains,
             mesh.o.calls, (long long)conf_int(c, "live.taps"), cutter.o.blocks);
    r = report_start(&reporter);
    if (r == 0)
        r = upload_start(&upload);
    if (r == 0)
        r = cutter_start(&cutter);
    if (r == 0)
        r = ears_start(ears);
    if (r == 0)
        r = intake_start(&intake);
    if (r == 0)
        r = mesh_start(&mesh);
    if (r == 0)
        r = certificate_start(&certificate, err, sizeof(err));
    if (r < 0) {
        log_error("thread not started", "error=\"%s\"", strerror(-r));
        return 69;
    }
    return 0;
}

static void stop(void)
{
    thread_ask_stop(&cutter.thread);
    certificate_stop(&certificate);
    mesh_stop(&mesh);
    intake_stop(&intake);
    ears_stop(ears);
    ears = ears_free(ears);
    cutter_stop(&cutter);
    upload_stop(&upload);
    report_stop(&reporter);
}

static bool ready(char *buf, size_t cap)
{
    bool up = atomic_load(&mesh.up), room = !atomic_load(&intake.disk_low);
    (void)snprintf(buf, cap, "mesh %s\ndisk %s\nspool ok\n",
                   up ? "ok" : "callstate does not answer", room ? "ok" : "nearly full");
    return up && room;
}

int main(int argc, char **argv)
{
    static const struct daemon_service service = {
        .name = "recorder",
        .summary = "takes all media of a site into a bounded look-back and makes a stereo "
                   "recording of each ended call",
        .examples = "  callmesh-recorder --recordings.dir /srv/recordings --spool.dir /srv/spool "
                    "--spool.bytes 50G\n",
        .defs = defs,
        .ndefs = sizeof(defs) / sizeof(defs[0]),
        .start = start,
        .stop = stop,
        .ready = ready};
    return daemon_main(&service, argc, argv);
}
