// rtpdump.h: packet after packet out of a recorder's .rtp file ("#!rtpplay1.0"; times in ms from its head). What is not as it
// should be ends it with -EBADMSG. One owner thread; packets over RTPDUMP_PACKET bytes are such.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/reader.h"

#define RTPDUMP_PACKET 8192u

struct rtpdump {
    struct reader *in; // borrowed
    uint64_t offset;   // of the next packet's head
    int64_t zero_us;
    bool has; // the packet below
    int64_t at_us;
    size_t n;
    uint8_t packet[RTPDUMP_PACKET];
};

// And the first packet. 0 or negative errno.
int rtpdump_open(struct rtpdump *d, struct reader *in);
// has is false at the end. 0 or negative errno.
int rtpdump_next(struct rtpdump *d);
uint32_t rtpdump_ssrc(const struct rtpdump *d); // 0: too short for one
