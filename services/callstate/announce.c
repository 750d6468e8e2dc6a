#include "announce.h"
#include "alerts.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "mesh.h"
#include "stats.h"

#define CHANGES_MAX   24
#define BYTES_MAX     (128u << 10)
#define ARENA_BYTES   (256u << 10) // the largest call takes 100 KiB; full: what is there goes first
#define CALL_PAUSE_US (100 * US_PER_MS)
#define DIGEST_US     (5 * US_PER_S)

struct announce {
    struct world *w;
    announce_send_fn send;
    void *ctx;
    struct arena *arena;
    Callmesh__V1__MeshChange *change[CHANGES_MAX];
    size_t n, bytes;
    int64_t digest_us; // wall
};

static void send_now(struct announce *a)
{
    if (!a->n)
        return;
    Callmesh__V1__MeshBatch b = CALLMESH__V1__MESH_BATCH__INIT;
    b.n_changes = a->n;
    b.changes = a->change;
    int r = a->send(a->ctx, &b);
    if (r)
        log_warn("mesh change not sent", "changes=%zu error=%d", a->n, r);
    else
        count_n(STAT_ANNOUNCED, a->n);
    a->n = a->bytes = 0;
    arena_reset(a->arena);
}

static void add(struct announce *a, Callmesh__V1__MeshChange *m)
{
    if (!m)
        return;
    a->change[a->n++] = m;
    a->bytes += protobuf_c_message_get_packed_size(&m->base);
    if (a->n == CHANGES_MAX || a->bytes > BYTES_MAX)
        send_now(a);
}

static void tell_call(struct announce *a, struct call *c)
{
    list_del(&c->tell_link);
    c->tell_now = false;
    c->told_us = a->w->wall_us;
    c->told_revision = c->revision;
    Callmesh__V1__MeshChange *m = mesh_call(a->arena, a->w, c);
    if (!m) { // no more room beside the others
        send_now(a);
        arena_reset(a->arena);
        m = mesh_call(a->arena, a->w, c);
    }
    add(a, m);
}

static void on_removed(void *ctx, const struct uuid *id)
{
    struct announce *a = ctx;
    Callmesh__V1__MeshChange *m = mesh_removed(a->arena, id);
    if (!m) {
        send_now(a);
        arena_reset(a->arena);
        m = mesh_removed(a->arena, id);
    }
    add(a, m);
}

// A recording is told whole; its arrays borrow from the feed's arena, so it goes at once.
static void on_recording(void *ctx, const Callmesh__V1__Recording *r)
{
    struct announce *a = ctx;
    union { // packing does not write
        const Callmesh__V1__Recording *in;
        Callmesh__V1__Recording *out;
    } u = {.in = r};
    Callmesh__V1__MeshChange m = CALLMESH__V1__MESH_CHANGE__INIT;
    m.change_case = CALLMESH__V1__MESH_CHANGE__CHANGE_RECORDING;
    m.recording = u.out;
    send_now(a);
    add(a, &m);
    send_now(a);
}

static void on_erase(void *ctx, const Callmesh__V1__Erase *e)
{
    struct announce *a = ctx;
    union { // packing does not write
        const Callmesh__V1__Erase *in;
        Callmesh__V1__Erase *out;
    } u = {.in = e};
    Callmesh__V1__MeshChange m = CALLMESH__V1__MESH_CHANGE__INIT;
    m.change_case = CALLMESH__V1__MESH_CHANGE__CHANGE_ERASE;
    m.erase = u.out;
    send_now(a);
    add(a, &m);
    send_now(a);
}

// Told at once: its texts stand on the teller's stack.
static void on_event(void *ctx, const struct event *e)
{
    struct announce *a = ctx;
    Callmesh__V1__MeshChange *m = mesh_event(a->arena, a->w, e);
    if (!m) {
        send_now(a);
        arena_reset(a->arena);
        m = mesh_event(a->arena, a->w, e);
    }
    add(a, m);
}

static void on_alert(void *ctx, const struct alert *in)
{
    struct announce *a = ctx;
    struct alert c = *in; // protobuf-c wants it writable
    Callmesh__V1__Alert p = CALLMESH__V1__ALERT__INIT;
    Callmesh__V1__MeshChange m = CALLMESH__V1__MESH_CHANGE__INIT;
    p.id = c.id;
    p.rule = c.rule;
    p.kind = c.kind;
    p.site = c.site;
    p.subject = c.subject;
    p.value = c.value;
    p.threshold = c.threshold;
    p.raised_at_us = c.raised_us;
    p.cleared_at_us = c.cleared_us;
    m.change_case = CALLMESH__V1__MESH_CHANGE__CHANGE_ALERT;
    m.alert = &p;
    send_now(a);
    add(a, &m);
    send_now(a);
}

static void on_tap(void *ctx, const struct tap *t)
{
    struct announce *a = ctx;
    add(a, mesh_tap(a->arena, t));
    send_now(a);
}

struct announce *announce_new(struct world *w, announce_send_fn send, void *ctx)
{
    struct announce *a = mem_take(sizeof *a);
    if (!a)
        return NULL;
    a->w = w;
    a->send = send;
    a->ctx = ctx;
    a->arena = arena_new(ARENA_BYTES);
    if (!a->arena)
        return announce_free(a);
    w->doors = (struct doors){.ctx = a,
                              .call_removed = on_removed,
                              .recording = on_recording,
                              .tap = on_tap,
                              .erase = on_erase,
                              .event = on_event,
                              .alert = on_alert};
    return a;
}

struct announce *announce_free(struct announce *a)
{
    if (!a)
        return NULL;
    arena_free(a->arena);
    mem_give(a, sizeof *a);
    return NULL;
}

// What mirrors have been told, summed up; behind everything else, so that it holds at this number of the feed.
static void tell_digest(struct announce *a)
{
    Callmesh__V1__MeshDigest d = CALLMESH__V1__MESH_DIGEST__INIT;
    Callmesh__V1__MeshChange m = CALLMESH__V1__MESH_CHANGE__INIT;
    for (size_t i = 0; i < a->w->lim.calls; i++) {
        const struct call *c = slab_at(a->w->calls, i);
        if (!c || !c->told_revision)
            continue;
        d.calls++;
        d.sum += uuid_digest(&c->id, c->told_revision);
    }
    m.change_case = CALLMESH__V1__MESH_CHANGE__CHANGE_DIGEST;
    m.digest = &d;
    add(a, &m);
    send_now(a);
}

void announce_flush(struct announce *a)
{
    struct world *w = a->w;
    while (!list_empty(&w->tell_now))
        tell_call(a, LIST_OBJECT(struct call, tell_link, w->tell_now.next));
    // The list is in order of marking, so looking at a bounded number from its start is fair.
    struct link *l = w->tell_later.next;
    for (int looked = 0; l != &w->tell_later && looked < 256; looked++) {
        struct call *c = LIST_OBJECT(struct call, tell_link, l);
        l = l->next;
        if (w->wall_us - c->told_us >= CALL_PAUSE_US)
            tell_call(a, c);
    }
    for (size_t i = 0; i < w->lim.publishers; i++) {
        struct publisher *p = &w->publisher[i];
        if (!p->used || p->is_recorder || !p->tell ||
            w->wall_us - p->told_wall_us < (p->ended ? 0 : US_PER_S))
            continue;
        p->tell = false;
        p->told_wall_us = w->wall_us;
        add(a, mesh_harvester(a->arena, w, p));
    }
    send_now(a);
    if (w->wall_us - a->digest_us >= DIGEST_US || w->wall_us < a->digest_us) {
        a->digest_us = w->wall_us;
        tell_digest(a);
    }
}
