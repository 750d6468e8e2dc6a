// uuid.h: 16-byte ids, version 7 (RFC 9562): Unix ms in front, so an id says its day.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

struct uuid {
    uint8_t b[16];
};
// Deterministic: the time, and 74 bits of a hash of what the object is (the same events give the same id,
// whoever computes it, however often). hash input is up to the caller.
struct uuid uuid_v7_derived(int64_t wall_us, struct span identity);
// Of the recording of a call, whoever speaks of it: its recorder, or callstate of one that will never be.
struct uuid uuid_of_recording(const struct uuid *call_id);
// From the system's random source.
struct uuid uuid_v7_random(int64_t wall_us);
// 36 characters and a zero.
void uuid_format(const struct uuid *u, char buf[37]);
bool uuid_parse(struct span s, struct uuid *ret);
bool uuid_is_zero(const struct uuid *u);
int64_t uuid_time_us(const struct uuid *u);
// A number for this object in this revision; their sum says whether two tables are the same. Not against forgers.
uint64_t uuid_digest(const struct uuid *u, uint64_t revision);
