// mono.h: the two clocks. int64_t microseconds; the unit stands in each name (_us), and a wall time
// (Unix epoch, what packets and rows carry) is never compared with a monotonic one (timeouts).
#pragma once
#include <stddef.h>
#include <stdint.h>

#define US_PER_S  INT64_C(1000000)
#define US_PER_MS INT64_C(1000)

int64_t mono_now_us(void);
int64_t wall_now_us(void);
// CPU time of this process, us.
int64_t cpu_now_us(void);
// "2026-11-20T20:00:00.123Z" into buf (at least 32 bytes); returns length. Years 1970 to 9999, clamped.
size_t wall_format(int64_t wall_us, char *buf, size_t cap);
