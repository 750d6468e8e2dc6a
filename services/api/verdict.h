// verdict.h: how a call sounded, in a sentence and by segments, from what its taps saw of each direction. Pure; any thread.
//
//   caller --- tap 1 --- tap 2 --- callee      what the caller said: lost before tap 1, between the taps, behind tap 2
//
// Before the first tap: its own count. Between two taps: the difference of their counts. Behind the last: what the receiver says by RTCP
// beyond it. What a harvester lost itself is known apart and nobody heard it, so it counts in no segment.
// Limits: 8 places a direction, in the order in which the sound came by; further ones are not looked at.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VERDICT_PLACES 8

// One direction at one tap.
struct heard {
    char tap[100];
    double packets, lost; // lost by the network before it
    double mos;           // worst; 0: not rated
    double jitter_ms, late_pct;
    bool reported; // far_lost: by the receiver's RTCP
    double far_lost;
};

struct direction { // what one side said
    size_t n;
    struct heard at[VERDICT_PLACES]; // as the sound came by
};

struct verdict_in {
    struct direction said[2]; // by the caller, by the callee
    bool answered;
    const char *one_way; // "caller", "callee": only this one was heard; "": both, or nobody
    double capture_lost;
    bool capture_lost_bound;
};

struct segment {
    const char *from, *to; // caller, callee or a tap
    double lost_pct;
};

// Segments of a direction, at most VERDICT_PLACES + 1; side: 0 the caller's, 1 the callee's.
size_t verdict_segments(const struct direction *d, int side, struct segment *ret);
double verdict_loss_pct(const struct direction *d); // that the receiver had, as far as it is known
double verdict_mos(const struct direction *d);      // the worst; 0: not rated
void verdict_sentence(const struct verdict_in *v, char *buf, size_t cap);
