// heirs.h: a process whose state survives it. Now and then it forks: the older copy is parked and waits, the younger goes on. When the
// younger dies (kill -9, a crash, anything), the parked one forks again, and its child goes on from that state. So no table needs
// to be written with its own death in mind: what is parked is whole, because it was taken between two steps.
//
// A crash that comes twice at the same place is of that place's making: the successor is told to leave it out.
// One thread only. The cage must allow fork and wait.
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define HEIRS_SKIP_MAX                                                                             \
    16 // places left out since the last parked copy; one more: the copy itself is not trusted any more
#define HEIRS_FAULTS_MAX 64 // deaths of their own making since then: likewise

struct heirs_shared {
    _Atomic uint64_t place;      // what is being worked on: written by the worker, all the time
    _Atomic uint64_t generation; // of the copy that is parked; older ones end
    _Atomic uint64_t heir;       // number of the one process that may work
    _Atomic uint64_t numbers;    // given out
    _Atomic uint32_t restarts;   // successors that took over
    _Atomic uint32_t faults;     // of these, after a crash (not a kill)
    _Atomic uint32_t resets;     // no copy was left: begun with empty tables
    _Atomic uint32_t fork_failed;
    _Atomic uint64_t parked; // copies taken
    _Atomic int64_t cpu_us;  // of all that were parked, up to then
};

struct heirs {
    struct heirs_shared *shared;
    uint64_t generation, number; // of this process
    int parked_pid;              // of the copy it goes back to
    uint64_t fault_place;
    uint32_t faults;
    uint64_t skip[HEIRS_SKIP_MAX];
    uint32_t skips;
    const char *name; // as ps shows the one that works
};

// The root of the family: does not return; each time it is left without any descendant (and at first) a child runs
// `work` with what this process had at the call. `done` true and no child: exit 0.
__attribute__((noreturn)) void heirs_root(struct heirs *h, void (*work)(void *ctx, bool reset),
                                          void *ctx, const _Atomic bool *done);
// Parks a copy. Returns in the process that goes on: now in a younger one, and again each time one dies. True: this is a
// successor. False with errno: no fork now, nothing has changed.
enum heirs_result {
    HEIRS_GOES_ON,
    HEIRS_SUCCESSOR,
    HEIRS_NO_FORK
};
enum heirs_result heirs_park(struct heirs *h);
// The parked copy has died (somebody killed it): time for a new one.
bool heirs_orphan(const struct heirs *h);
// This place ended two processes: it is to be left out.
bool heirs_skips(const struct heirs *h, uint64_t place);
