#include "cutter.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/fail.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "depot/s3.h"
#include "stats.h"
#include "upload.h"

#define RETRY_US (2 * US_PER_S)

static bool cancelled(void *ctx)
{
    return thread_should_stop(&((struct cutter *)ctx)->thread);
}

int cutter_open(struct cutter *c, char *err, size_t err_cap)
{
    unsigned n = sink_clean(c->o.recordings_dir);
    if (n > 0)
        log_warn("unfinished recordings removed, their calls are cut again", "files=%u", n);
    c->reader = spool_reader_new(c->o.spool_dir);
    c->render = mem_take(sizeof(*c->render));
    c->renderer = renderer_new(c->o.renderer, c->o.renderer_wait_us);
    if (!c->reader || !c->render || !c->renderer ||
        render_init(c->render, c->reader, c->o.blocks, c->o.segments, c->o.grace_us,
                    c->o.drift_us) < 0) {
        (void)snprintf(err, err_cap, "no memory for the cutter");
        return -ENOMEM;
    }
    c->render->cancelled = cancelled;
    c->render->cancelled_ctx = c;
    c->render->keep_all = c->o.packets;
    c->render->renderer = c->renderer;
    int r = keyring_open(&c->keys, c->o.keys_dir, true, err, err_cap);
    if (r < 0)
        return r;
    r = keys_open(&c->srtp, c->o.control_url, c->o.name, c->o.site, err, err_cap);
    if (r < 0)
        return r;
    r = ledger_open(&c->ledger, c->o.recordings_dir, &c->keys);
    if (r < 0)
        (void)snprintf(err, err_cap, "chain in %s: %s", c->o.recordings_dir, strerror(-r));
    log_info("keeping", "encrypt=%d master_key=%u", c->o.encrypt, keyring_version(&c->keys));
    return r;
}

// Sleeps until the ring has something, or the time is over.
static void wait_jobs(struct cutter *c, int timeout_ms)
{
    struct pollfd p = {.fd = c->wake, .events = POLLIN};
    if (poll(&p, 1, timeout_ms) > 0) {
        uint64_t v;
        (void)!read(c->wake, &v, sizeof(v));
    }
}

static const char *absolute(struct cutter *c, const char *relative)
{
    (void)snprintf(c->path, sizeof(c->path), "%s/%s", c->o.recordings_dir, relative);
    return c->path;
}

// The file that the sink has just finished goes into the entry of the chain.
static void note_file(struct cutter *c, const char *relative)
{
    size_t i = c->files++;
    c->proof[i] = c->render->sink.proof;
    (void)snprintf(c->file_path[i], sizeof(c->file_path[i]), "%s", relative);
    c->file[i] = (struct ledger_file){.path = c->file_path[i], .proof = &c->proof[i]};
}

static int write_json(struct cutter *c)
{
    char relative[512];
    struct sink_sums sums;
    manifest_path(&c->manifest, "json", relative, sizeof(relative));
    size_t n = manifest_json(&c->manifest, c->json, sizeof(c->json));
    if (n == 0)
        return err_trace(-EMSGSIZE);
    c->render->seal.part = SEAL_MANIFEST;
    int r = sink_open(&c->render->sink, absolute(c, relative), &c->render->seal);
    if (r < 0)
        return r;
    sink_write(&c->render->sink, c->json, n);
    r = sink_commit(&c->render->sink, &sums);
    if (r == 0)
        note_file(c, relative);
    return r;
}

static int hand_to_upload(struct cutter *c)
{
    const char *files[3];
    for (size_t i = 0; i < c->files; i++)
        files[i] = c->file_path[i];
    return upload_add(c->o.recordings_dir, &c->manifest.id, files, c->files,
                      (uint64_t)wall_now_us());
}

static int write_files(struct cutter *c)
{
    struct manifest *m = &c->manifest;
    char site[JOB_SITE_BYTES];
    int r = 0;
    c->files = 0;
    if (c->result.verdict == RENDER_READY) {
        manifest_path(m, "wav", m->path, sizeof(m->path));
        r = render_write(c->render, &c->job, absolute(c, m->path), &c->result);
        if (r == 0 && c->result.verdict == RENDER_READY) { // it may be too long for the form
            note_file(c, m->path);
            m->stored_bytes = c->proof[0].bytes;
        }
    }
    if (r == 0 && c->render->tracks > 0 && (c->result.undecodable > 0 || c->o.packets)) {
        manifest_path(m, "rtp", m->dump_path, sizeof(m->dump_path));
        r = render_dump(c->render, &c->job, absolute(c, m->dump_path), &m->dump);
        if (r == 0)
            note_file(c, m->dump_path);
    }
    if (r == 0)
        r = write_json(c);
    if (r < 0)
        return r;
    manifest_site(&c->job, site);
    r = ledger_add_recording(&c->ledger, site, wall_now_us(), &m->id, c->file, c->files, &m->chain);
    if (r < 0)
        return r;
    count(STAT_CHAIN, 1);
    return c->o.upload ? hand_to_upload(c) : 0;
}

// The data key of the recording, whatever is written. False: it was erased and is not made again.
static int take_key(struct cutter *c)
{
    char path[512];
    struct manifest *m = &c->manifest;
    manifest_path(m, "key", path, sizeof(path));
    int r = c->o.encrypt ? keyring_take(&c->keys, path, &m->id, &c->key)
                         : keyring_get(&c->keys, path, &m->id, &c->key);
    if (r == KEYRING_E_DESTROYED) {
        c->result.verdict = RENDER_FAILED;
        (void)snprintf(c->result.reason, sizeof(c->result.reason), "it was erased");
        return KEYRING_E_DESTROYED;
    }
    m->key = r == 0 && c->o.encrypt ? &c->key : NULL;
    c->render->seal = (struct sink_seal){.key = m->key, .recording = m->id};
    if (r == 0 || (!c->o.encrypt && r > 0))
        return 0;
    log_error("no key for a recording", "key=%s reason=%d", path, r);
    return r < 0 ? r : -ENOKEY;
}

// Files, unless there is nothing to keep.
static int keep(struct cutter *c)
{
    if (c->result.verdict == RENDER_EMPTY)
        return 0;
    int r = take_key(c);
    return r == 0 ? write_files(c) : r == KEYRING_E_DESTROYED ? 0 : r;
}

static void tally(const struct cutter *c)
{
    const struct render_result *r = &c->result;
    switch (r->verdict) {
    case RENDER_READY:
        count(STAT_REC_READY, 1);
        count(STAT_REC_BYTES, r->sums.bytes);
        count(STAT_REC_GAPS, c->render->window.gaps_total);
        break;
    case RENDER_EMPTY:
        count(STAT_REC_EMPTY, 1);
        break;
    case RENDER_FAILED:
        count(STAT_REC_FAILED, 1);
        break;
    }
    count(STAT_REC_MISSING, r->missing > 0);
    count(STAT_SRTP_CLEAR, r->srtp.clear);
    count(STAT_SRTP_DUP, r->srtp.duplicates);
    count(STAT_SRTP_FAILED, r->srtp.failed);
    count(STAT_RENDER_LOST, c->render->failed);
    for (int i = 0; i < 2; i++) {
        count(STAT_REC_LATE_DUP, r->channel[i].late_or_duplicate);
        count(STAT_REC_LOST, r->channel[i].lost);
    }
}

static void push_report(struct cutter *c, size_t n)
{
    c->item.n = (uint32_t)n;
    while (!ring_push(c->reports, &c->item) && !thread_should_stop(&c->thread))
        (void)poll(NULL, 0, 10);
}

static void report(struct cutter *c)
{
    size_t n = manifest_pack(&c->manifest, c->item.bytes, sizeof(c->item.bytes));
    if (n == 0) {
        log_error("report too large", "gaps=%zu", c->render->window.gaps_n);
        return;
    }
    push_report(c, n);
}

// One try. Negative: not done, the same job again later.
static int cut(struct cutter *c)
{
    struct manifest *m = &c->manifest;
    memset(m, 0, sizeof(*m));
    m->id = uuid_of_recording(&c->job.call_id);
    m->job = &c->job;
    m->result = &c->result;
    m->window = &c->render->window;
    m->recorder = c->o.name;
    c->render->window.gaps_n = 0;
    c->render->window.gaps_total = 0;
    if (keys_fetch(&c->srtp, &c->job, &c->thread.stop))
        return -EAGAIN;
    render_keys(c->render, c->srtp.key, c->srtp.n, c->srtp.why);
    render_learn(c->render, &c->job, &c->result);
    int r = cancelled(c) ? -ECANCELED : keep(c); // cancelled: what was learnt is not the whole
    render_keys(c->render, NULL, 0, "");
    keys_wipe(&c->srtp);
    if (r < 0)
        return r;
    tally(c);
    report(c);
    char id[37];
    uuid_format(&c->job.call_id, id);
    static const char *const names[] = {
        [RENDER_READY] = "ready", [RENDER_EMPTY] = "empty", [RENDER_FAILED] = "failed"};
    log_info("recording",
             "call=%s status=%s seconds=%.3f bytes=%llu streams=%u gaps=%llu reason=\"%s\"", id,
             names[c->result.verdict], (double)c->result.wav.frames / c->result.wav.sample_rate,
             (unsigned long long)c->result.sums.bytes, c->job.streams,
             (unsigned long long)c->render->window.gaps_total, c->result.reason);
    return 0;
}

static void work(struct cutter *c)
{
    struct done d = {.call_id = c->job.call_id, .result = JOB_ABANDONED};
    while (!thread_should_stop(&c->thread)) {
        int r = atomic_load(c->disk_low) ? -ENOSPC : cut(c);
        if (r == 0) {
            static const enum job_result results[] = {[RENDER_READY] = JOB_READY,
                                                      [RENDER_EMPTY] = JOB_EMPTY,
                                                      [RENDER_FAILED] = JOB_FAILED};
            d.result = results[c->result.verdict];
            break;
        }
        if (r == -EAGAIN)
            d.result = JOB_NO_KEYS;
        if (r == -EAGAIN || r == -ECANCELED)
            break;
        if (!atomic_load(c->disk_low))
            log_error("recording could not be written, trying again", "path=%s error=\"%s\"",
                      c->path, strerror(-r));
        for (int64_t until = mono_now_us() + RETRY_US;
             mono_now_us() < until && !thread_should_stop(&c->thread);)
            (void)poll(NULL, 0, 50);
    }
    (void)ring_push(c->done, &d); // has room for all calls that can be on their way
}

static void erase_one(struct cutter *c, const struct erase *e)
{
    struct erase_with w = {
        .recordings_dir = c->o.recordings_dir, .keys = &c->keys, .ledger = &c->ledger, .s3 = c->s3};
    struct ledger_pos pos;
    char id[37];
    int r = erase_recording(&w, e, &pos);
    uuid_format(&e->recording_id, id);
    if (r == ERASE_E_NOT_OURS)
        return; // another recorder's
    if (r != ERASE_DONE) {
        count(STAT_ERASE_FAILED, 1);
        log_error("a recording could not be erased, it will be tried again",
                  "recording=%s why=\"%s\"", id, r == ERASE_E_STORE ? s3_why(c->s3) : strerror(-r));
        return;
    }
    count(STAT_ERASED, 1);
    log_info("recording erased", "recording=%s basis=%s actor=%s chain=%s/%llu", id, e->basis,
             e->actor, pos.hour, (unsigned long long)pos.n);
    push_report(c, manifest_pack_erased(e, c->o.name, &pos, c->item.bytes, sizeof(c->item.bytes)));
}

static void body(struct thread *t, void *arg)
{
    struct cutter *c = arg;
    struct erase e;
    while (!thread_should_stop(t)) {
        while (ring_pop(c->erases, &e) && !thread_should_stop(t))
            erase_one(c, &e);
        if (ring_pop(c->jobs, &c->job))
            work(c);
        else
            wait_jobs(c, 100);
    }
}

int cutter_start(struct cutter *c)
{
    return thread_start(&c->thread, "cutter", body, c);
}

void cutter_stop(struct cutter *c)
{
    thread_join(&c->thread);
    if (c->render)
        render_deinit(c->render);
    c->renderer = renderer_free(c->renderer);
    keyring_close(&c->keys);
    c->reader = spool_reader_free(c->reader);
}
