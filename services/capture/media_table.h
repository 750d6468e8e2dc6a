// media_table.h: the addresses that SDP named for media, with what their payload types mean. Fixed slots, one owner
// thread. An address not named again ages out (streams that are up do not need it any more).
// Full: the address named longest ago goes, counted. Time is capture time, given.
#pragma once
#include "wire/pkt.h"
#include "wire/sdp.h"

#define MEDIA_FORMATS_MAX 12
struct media_format {
    uint32_t clock_rate;
    uint8_t payload_type;
    uint8_t channels;
    char codec[18];
};
struct media_addr {
    struct endpoint at;
    int64_t named_at_us;
    uint32_t prev, next; // by time of naming; slot index + 1
    uint8_t formats;
    bool srtp;
    struct media_format format[MEDIA_FORMATS_MAX];
};

struct media_table;
struct media_table *media_table_new(size_t slots, int64_t age_us);
struct media_table *media_table_free(struct media_table *t);
// Takes every RTP media line with an address and a port. Returns how many it named.
uint32_t media_table_name(struct media_table *t, const struct sdp *sdp, int64_t at_us);
// One address by other signalling than SDP.
void media_table_name_one(struct media_table *t, const struct endpoint *at,
                          const struct media_format *format, uint32_t formats, int64_t at_us);
// NULL: nobody named it. Valid until the next media_table_name.
const struct media_addr *media_table_find(const struct media_table *t, const struct ip_addr *ip,
                                          uint16_t port);
const struct media_format *media_addr_format(const struct media_addr *m, uint8_t payload_type);
// Forgets what is older than age; a bounded number a call.
void media_table_age(struct media_table *t, int64_t now_us);
struct media_table_stat {
    size_t used, slots, bytes;
    uint64_t evicted, aged;
};
struct media_table_stat media_table_stat(const struct media_table *t);
