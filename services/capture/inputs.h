// inputs.h: all that one process listens to: one capture file, or an interface and listeners (HEP, VXLAN, GENEVE, TZSP)
// together, read in turn by the worker's thread. Each input counts its own packets and bytes. One owner thread.
#pragma once
#include "base/conf.h"
#include "base/json.h"
#include "source.h"
#include "worker.h"

#define INPUTS_MAX 5

struct inputs;
// Opens what the settings name, but no interface: that one, input 0, is read by others and only has its name and counters here.
// 0, or a sysexits code with one line in err.
int inputs_open(struct inputs **ret, const struct conf *c, char *err, size_t err_cap);
// What the settings name, without opening it: "eth0+hep::9060", or an error as above. *ret_interface: "" for none.
int inputs_describe(const struct conf *c, char *name, size_t cap, const char **ret_interface,
                    char *err, size_t err_cap);
struct inputs *inputs_close(struct inputs *in);
bool inputs_live(const struct inputs *in);
const char *inputs_name(const struct inputs *in); // "eth0", or "eth0+hep:0.0.0.0:9060"
int inputs_link_type(const struct inputs *in);    // of the first
// How late after its capture time a packet may come here.
int64_t inputs_slack_us(const struct inputs *in);
// Gives a bounded number of packets of each to the worker; waits at most timeout_us when there are none.
enum source_result inputs_read(struct inputs *in, int64_t timeout_us, struct worker *w);
// The same into a function. input: its place.
struct inputs_sink {
    void (*packet)(void *ctx, size_t input, bool hep, int link_type, const struct source_packet *p);
    void *ctx;
};
enum source_result inputs_read_to(struct inputs *in, const struct inputs_sink *to);
bool inputs_listen(const struct inputs *in); // is there any listener
int inputs_pollfds(const struct inputs *in, struct pollfd *fds, int cap);
struct inputs_lost {
    uint64_t kernel, connections, refused, evicted;
};
struct inputs_lost inputs_lost(struct inputs *in);
// Input `i` has given so much (read by others).
void inputs_set_seen(struct inputs *in, size_t i, uint64_t packets, uint64_t bytes,
                     uint64_t duplicates);
const char *inputs_error(const struct inputs *in); // of the one that failed
struct source_stat inputs_stat(struct inputs *in); // of the first: position in the file
// Drops and connections of all go to the worker's counters, packets and bytes of each to /metrics.
void inputs_publish(struct inputs *in, struct worker *w);
void inputs_json(const struct inputs *in, struct json *j); // an array
