// drift.h: how fast a sender's clock runs against the capture's, out of capture time minus RTP time of its packets. Of each
// 128 packets the one that came through quickest counts; a line is held as long as those stay within 10 ms of it. A crystal
// leaves the line slowly (it bends: a new line begins where this one ends), a network that has become slower leaves it at
// once (that is delay and moves no sound). The caller's state, of fixed size; any thread.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define DRIFT_WINDOW  128u  // packets: 2.6 s of 20 ms
#define DRIFT_TUBE_US 10000 // what the quickest packets may stand off the line
#define DRIFT_BEND_US 5000  // beyond that: so much is a bend, more is the network
#define DRIFT_STEP    16u   // windows off the line: the path is another one for good
#define DRIFT_POINTS                                                                               \
    24u // windows (a minute) from which the best line counts, not the nearest to before
#define DRIFT_ONE  INT64_C(100000000)  // of a slope
#define DRIFT_MOST (DRIFT_ONE / 200.0) // 5,000 ppm: no clock of a telephone is worse
#define DRIFT_BACK                                                                                 \
    (DRIFT_ONE / 5000.0) // 200 ppm: how fast sound comes back that a bend has left off its place

struct drift {
    double before;            // slope of the line before, where one begins
    double lo, hi;            // slopes that keep every point in the tube
    double xx, xy;            // least squares through the first point
    int64_t from_us, last_us; // RTP time of the first point, and of the newest
    int64_t offset_us;        // delay of the first point
    int64_t home_us;          // and what it would be if the lines before had been right to the end
    int64_t least_us, least_at_us;
    uint32_t window, points, outside;
    bool based, homed; // they stand
};

void drift_begin(struct drift *d);
// A line that goes on where d ends. bent: and it knows what the delay should be; else the path is another one.
void drift_join(struct drift *d, bool bent);
// One packet: its RTP time since the line's begin, and capture time - RTP time there. True: here a new line must
// join, bent or not.
bool drift_on(struct drift *d, int64_t rtp_us, int64_t delay_us, bool *ret_bent);
// In parts of DRIFT_ONE: what RTP time must be stretched by to be capture time. Negative: the sender's clock is fast.
double drift_slope(const struct drift *d);
