// wheel.h: timers inside the objects they belong to (intrusive, no allocation). One owner thread.
// Time is given by the caller (feed time or monotonic), never read here: tests need no sleeping.
// Resolution: tick_us at creation; a timer fires in the first wheel_advance at or after its time, in time order by tick.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct wheel_timer {
    struct wheel_timer *next, *prev; // owned by the wheel while armed
    int64_t at_us;
};
typedef void (*wheel_fn)(void *ctx, struct wheel_timer *t);

struct wheel;
struct wheel *wheel_new(int64_t tick_us, int64_t now_us);
struct wheel *wheel_free(struct wheel *w);
void wheel_arm(struct wheel *w, struct wheel_timer *t, int64_t at_us); // re-arms when armed
void wheel_disarm(struct wheel *w, struct wheel_timer *t);             // fine when not armed
bool wheel_armed(const struct wheel_timer *t);
// Fires what is due up to now_us (never goes backwards; a jump of years costs a bounded sweep). The handler
// may arm and disarm any timer, its own too; what it arms fires in the next call at the earliest, so a timer fires at
// most once a call (a last sweep is `while (wheel_advance(...))`). Returns how many fired.
uint64_t wheel_advance(struct wheel *w, int64_t now_us, wheel_fn fn, void *ctx);
