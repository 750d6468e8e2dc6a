#include "inputs.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include "base/mono.h"

#define POLLFDS_MAX 80 // an interface, three mirrors, HEP: two and 64 connections
#define SLACK_US                                                                                   \
    (100 * US_PER_MS) // a packet is in our hands at most so long after it was on the wire
#define HEP_SLACK_US (1 * US_PER_S) // HEP agents gather, and the network takes its time

struct input {
    struct source *source;
    char name[288], label[320];
    bool hep;
    uint64_t packets, bytes, duplicates;
    uint64_t seen_kernel; // last reading of the source's 32-bit counter
    struct stat_def def[3];
    struct stat_cell cell[3];
};

struct inputs {
    struct input one[INPUTS_MAX];
    size_t n;
    bool live;
    const char *error;
    char name[512];
    uint64_t drop_kernel;
};

static void input_register(struct input *i)
{
    // A name is a file, an interface or an address: what could end the label is left out.
    size_t n = (size_t)snprintf(i->label, sizeof i->label, "input=\"");
    for (const char *p = i->name; *p && n + 2 < sizeof i->label; p++)
        if (*p != '"' && *p != '\\' && (unsigned char)*p >= ' ')
            i->label[n++] = *p;
    i->label[n++] = '"';
    i->label[n] = 0;
    i->def[0] = (struct stat_def){"capture_input_packets_total", i->label,
                                  "packets, or HEP messages, of an input", STAT_COUNTER};
    i->def[1] =
        (struct stat_def){"capture_input_bytes_total", i->label, "bytes of an input", STAT_COUNTER};
    i->def[2] = (struct stat_def){"capture_input_duplicates_total", i->label,
                                  "packets of an input that a mirror showed twice", STAT_COUNTER};
    stat_register(i->def, i->cell, 3);
}

typedef int (*open_fn)(struct source **, const struct source_opts *, char *, size_t);

static int input_add(struct inputs *in, const char *prefix, const struct source_opts *o,
                     open_fn open, char *err, size_t err_cap)
{
    struct input *i = &in->one[in->n];
    if (!*o->name)
        return 0;
    int r = open ? open(&i->source, o, err, err_cap) : 0;
    if (r)
        return r;
    i->hep = open == source_hep_open;
    snprintf(i->name, sizeof i->name, "%s%s", prefix, o->name);
    size_t n = strlen(in->name);
    snprintf(in->name + n, sizeof in->name - n, "%s%s", n ? "+" : "", i->name);
    input_register(i);
    in->n++;
    return 0;
}

// The interface is read by the workers (live_worker.c): it has its place and its name here, no source.
static int open_live(struct inputs *in, const struct conf *c, const char *interface, char *err,
                     size_t err_cap)
{
    const struct {
        const char *prefix;
        struct source_opts o;
        open_fn open;
    } all[] = {
        {"", {.name = interface}, NULL},
        {"hep:",
         {.name = conf_str(c, "hep"),
          .connections = (uint32_t)conf_int(c, "capture.hep-connections"),
          .silence_us = conf_int(c, "capture.hep-silence")},
         source_hep_open},
        {"vxlan:", {.name = conf_str(c, "vxlan"), .link_type = LINK_VXLAN}, source_mirror_open},
        {"geneve:", {.name = conf_str(c, "geneve"), .link_type = LINK_GENEVE}, source_mirror_open},
        {"tzsp:", {.name = conf_str(c, "tzsp"), .link_type = LINK_TZSP}, source_mirror_open},
    };
    _Static_assert(sizeof all / sizeof all[0] == INPUTS_MAX, "one place for each");
    int r = 0;
    for (size_t i = 0; r == 0 && i < INPUTS_MAX; i++)
        r = input_add(in, all[i].prefix, &all[i].o, all[i].open, err, err_cap);
    return r;
}

static const struct {
    const char *setting, *prefix;
} listeners[] = {{"hep", "hep:"}, {"vxlan", "vxlan:"}, {"geneve", "geneve:"}, {"tzsp", "tzsp:"}};

int inputs_describe(const struct conf *c, char *name, size_t cap, const char **ret_interface,
                    char *err, size_t err_cap)
{
    const char *interface = conf_str(c, "capture.interface"), *file = conf_str(c, "read");
    if (!*interface)
        interface = conf_str(c, "interface");
    size_t n = (size_t)snprintf(name, cap, "%s", interface);
    for (size_t i = 0; i < sizeof listeners / sizeof listeners[0] && n < cap; i++)
        if (*conf_str(c, listeners[i].setting))
            n += (size_t)snprintf(name + n, cap - n, "%s%s%s", n ? "+" : "", listeners[i].prefix,
                                  conf_str(c, listeners[i].setting));
    if ((n > 0) == (*file != 0)) {
        snprintf(err, err_cap,
                 "tell one input: --read FILE, or --interface IF and listeners (--hep, --vxlan, "
                 "--geneve, --tzsp HOST:PORT)");
        return EX_USAGE;
    }
    *ret_interface = interface;
    return 0;
}

static int open_all(struct inputs *in, const struct conf *c, char *err, size_t err_cap)
{
    char *end, name[sizeof in->name];
    const char *interface, *file = conf_str(c, "read");
    int r = inputs_describe(c, name, sizeof name, &interface, err, err_cap);
    if (r)
        return r;
    in->live = !*file;
    double speed = strtod(conf_str(c, "speed"), &end);
    if (*end || end == conf_str(c, "speed") || !(speed >= 0 && speed <= 1e6)) {
        snprintf(err, err_cap, "--speed is a number from 0 to 1000000, not %s",
                 conf_str(c, "speed"));
        return EX_USAGE;
    }
    if (in->live)
        return open_live(in, c, interface, err, err_cap);
    struct source_opts o = {.name = file, .filter = conf_str(c, "filter"), .speed = speed};
    return input_add(in, "", &o, source_file_open, err, err_cap);
}

int inputs_open(struct inputs **ret, const struct conf *c, char *err, size_t err_cap)
{
    struct inputs *in = calloc(1, sizeof *in);
    if (!in) {
        snprintf(err, err_cap, "no memory");
        return EX_OSERR;
    }
    int r = open_all(in, c, err, err_cap);
    if (r) {
        inputs_close(in);
        return r;
    }
    *ret = in;
    return 0;
}

// The cells stay registered for ever, so the struct is only given back when nothing was registered.
struct inputs *inputs_close(struct inputs *in)
{
    if (in) {
        for (size_t i = 0; i < in->n; i++)
            in->one[i].source = source_close(in->one[i].source);
        if (in->n == 0)
            free(in);
    }
    return NULL;
}

bool inputs_live(const struct inputs *in)
{
    return in->live;
}

const char *inputs_name(const struct inputs *in)
{
    return in->name;
}

int inputs_link_type(const struct inputs *in)
{
    return source_link_type(in->one[0].source);
}

int64_t inputs_slack_us(const struct inputs *in)
{
    for (size_t i = 0; i < in->n; i++)
        if (in->one[i].hep)
            return HEP_SLACK_US;
    return SLACK_US;
}

static void on_packet(void *ctx, const struct source_packet *p)
{
    worker_packet(ctx, p);
}

static void on_hep(void *ctx, const struct source_packet *p)
{
    worker_hep(ctx, p);
}

static enum source_result input_read(struct inputs *in, struct input *i, int64_t timeout_us,
                                     struct worker *w)
{
    struct worker_seen before = worker_seen(w);
    worker_set_link_type(w, source_link_type(i->source));
    enum source_result r = source_read(i->source, timeout_us, i->hep ? on_hep : on_packet, w);
    struct worker_seen after = worker_seen(w);
    i->packets += after.packets - before.packets;
    i->bytes += after.bytes - before.bytes;
    i->duplicates += after.duplicates - before.duplicates;
    if (r == SOURCE_FAILED)
        in->error = source_error(i->source);
    return r;
}

int inputs_pollfds(const struct inputs *in, struct pollfd *fds, int cap)
{
    int n = 0;
    for (size_t i = 0; i < in->n; i++)
        if (in->one[i].source)
            n += source_pollfds(in->one[i].source, fds + n, cap - n);
    return n;
}

static void wait_all(const struct inputs *in, int64_t timeout_us)
{
    struct pollfd fds[POLLFDS_MAX];
    int n = inputs_pollfds(in, fds, POLLFDS_MAX);
    (void)poll(fds, (nfds_t)n, timeout_us < 1000 ? 1 : (int)(timeout_us / 1000));
}

enum source_result inputs_read(struct inputs *in, int64_t timeout_us, struct worker *w)
{
    if (in->n == 1)
        return input_read(in, &in->one[0], timeout_us, w);
    enum source_result all = SOURCE_IDLE;
    for (size_t i = 0; i < in->n; i++) {
        enum source_result r = input_read(in, &in->one[i], 0, w);
        if (r == SOURCE_FAILED)
            return r;
        if (r == SOURCE_MORE)
            all = r;
    }
    if (all == SOURCE_IDLE)
        wait_all(in, timeout_us);
    return all;
}

struct read_call {
    const struct inputs_sink *to;
    const struct input *input;
    size_t place;
};

static void on_any(void *ctx, const struct source_packet *p)
{
    const struct read_call *call = ctx;
    call->to->packet(call->to->ctx, call->place, call->input->hep,
                     source_link_type(call->input->source), p);
}

enum source_result inputs_read_to(struct inputs *in, const struct inputs_sink *to)
{
    enum source_result all = SOURCE_IDLE;
    for (size_t i = 0; i < in->n; i++) {
        struct read_call call = {to, &in->one[i], i};
        if (!in->one[i].source)
            continue;
        enum source_result r = source_read(in->one[i].source, 0, on_any, &call);
        if (r == SOURCE_FAILED) {
            in->error = source_error(in->one[i].source);
            return r;
        }
        if (r == SOURCE_MORE)
            all = r;
    }
    return all;
}

bool inputs_listen(const struct inputs *in)
{
    return in->n > 1 || in->one[0].source;
}

void inputs_set_seen(struct inputs *in, size_t i, uint64_t packets, uint64_t bytes,
                     uint64_t duplicates)
{
    stat_set(&in->one[i].cell[2], duplicates);
    stat_set(&in->one[i].cell[0], packets);
    stat_set(&in->one[i].cell[1], bytes);
}

const char *inputs_error(const struct inputs *in)
{
    return in->error ? in->error : "";
}

struct source_stat inputs_stat(struct inputs *in)
{
    return source_stat(in->one[0].source);
}

struct inputs_lost inputs_lost(struct inputs *in)
{
    struct inputs_lost sum = {0};
    for (size_t k = 0; k < in->n; k++) {
        struct input *i = &in->one[k];
        if (!i->source)
            continue;
        struct source_stat s = source_stat(i->source);
        in->drop_kernel += (uint32_t)(s.dropped_kernel - i->seen_kernel);
        i->seen_kernel = s.dropped_kernel;
        sum.connections += s.connections;
        sum.refused += s.refused;
        sum.evicted += s.evicted;
    }
    sum.kernel = in->drop_kernel;
    return sum;
}

void inputs_publish(struct inputs *in, struct worker *w)
{
    struct inputs_lost lost = inputs_lost(in);
    for (size_t k = 0; k < in->n; k++)
        inputs_set_seen(in, k, in->one[k].packets, in->one[k].bytes, in->one[k].duplicates);
    worker_dropped(w, CAPTURE_DROP_KERNEL, lost.kernel);
    worker_dropped(w, CAPTURE_HEP_CONNECTIONS, lost.connections);
    worker_dropped(w, CAPTURE_HEP_REFUSED, lost.refused);
    worker_dropped(w, CAPTURE_HEP_EVICTED, lost.evicted);
}

void inputs_json(const struct inputs *in, struct json *j)
{
    json_arr(j);
    for (size_t i = 0; i < in->n; i++) {
        json_obj(j);
        json_kstr(j, "input", in->one[i].name);
        json_kuint(j, "packets", in->one[i].packets);
        json_kuint(j, "bytes", in->one[i].bytes);
        json_kuint(j, "duplicates", in->one[i].duplicates);
        json_obj_end(j);
    }
    json_arr_end(j);
}
