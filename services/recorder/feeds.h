// feeds.h: the publishers of the rtp feed: how far each has come, in capture time. Written by intake, read by mesh (is the
// media of this call all here?). Names change only when a publisher comes (a mutex, not on the packet path); times are atomic.
// Limit: FEEDS_MAX publishers; full: the one seen longest ago goes when nothing of it is unwritten, else refused, counted.
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "job.h"

#define FEEDS_MAX      128u
#define FEEDS_QUIET_US INT64_C(3000000)

struct stream;

struct feeds_question {
    const char *site;
    const char *const *harvesters;
    size_t n;
    bool live;
    int64_t until_us;          // capture time
    int64_t since_us, wall_us; // wall clock: the call waits since, now
    int64_t silent_us;         // after this long a publisher counts as silent
};

struct feed {
    bool used;
    bool bound; // has a slot of the bus in this life
    uint32_t slot;
    uint64_t key; // hash of publisher and incarnation
    uint64_t epoch;
    char publisher[96];
    char site[JOB_SITE_BYTES];
    uint8_t incarnation[16];
    uint64_t taken_seq, committed_seq;
    uint64_t bytes;     // taken since the last commit
    int64_t durable_us; // watermark at a moment when all that was taken was on disk
    struct stream *dirty_first,
        *dirty_last; // streams with unwritten blocks, in order of their first packet
    _Atomic int64_t watermark_us;
    _Atomic int64_t seen_us;    // wall clock
    _Atomic int64_t drained_us; // wall clock since when nothing was under way; 0: something is
    _Atomic bool ended;         // end_of_input, or another incarnation has taken its place
};

struct feeds {
    pthread_mutex_t names;
    struct feed feed[FEEDS_MAX];
    uint64_t refused;
};

void feeds_init(struct feeds *f);
uint64_t feeds_key(const char *publisher, const uint8_t incarnation[16]);
// Intake. The feed of a slot, or of a publisher that was here before the restart, or a new one; NULL when full.
struct feed *feeds_bind(struct feeds *f, uint32_t slot, const char *publisher,
                        const uint8_t incarnation[16], const char *site);
// Of a publisher's name alone.
uint64_t feeds_name(const char *publisher);
// Intake. Has a publisher of this name sent media here?
bool feeds_heard(const struct feeds *f, uint64_t name);
struct feed *feeds_by_key(struct feeds *f, uint64_t key);

enum feeds_state {
    FEEDS_PASSED,  // all that matter are past the moment
    FEEDS_BEHIND,  // one that is alive is not
    FEEDS_SILENT,  // one that is not past it has not been heard for a while
    FEEDS_UNKNOWN, // no publisher of this site
};
// Mesh. Have the publishers of the site passed until_us? When harvesters names some of them, only those matter.
// A live publisher that has had nothing under way for FEEDS_QUIET_US since `since_us` (wall; the call had ended by then) has said
// all: without media it may have no reason to say how late it is.
enum feeds_state feeds_passed(struct feeds *f, const struct feeds_question *q);
