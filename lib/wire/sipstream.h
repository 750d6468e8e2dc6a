// sipstream.h: SIP over TCP cut into messages in given slots (RFC 3261 7.5, 18.3): segments split, joined, doubled,
// reordered, with holes, joined mid-stream. Framed by Content-Length; keep-alive CRLFs (RFC 5626) skipped. Or by the
// frames of WebSocket (RFC 7118), with or without the handshake.
// Protocols with a length in front of each message (TPKT, SCCP) come out of the same table when opts.frame is given.
// One owner thread; memory fixed; full: the connection idle longest goes, counted.
#pragma once
#include "wire/pkt.h"

struct sipstream;
// How long is the message that begins here? 0: more bytes are needed to say (at most 16 are ever needed); negative: none begins here.
typedef int32_t (*sipstream_frame_fn)(struct span head);
struct sipstream_opts {
    uint32_t connections; // directions, default 1024
    uint32_t bytes;       // of reassembly for each direction, default 65536 + 16384
    int64_t idle_us;      // default 3600 s of capture time
    // NULL: SIP. Else messages of this form; one longer than `bytes` is resynchronised over. After a hole the next
    // segment that begins with a message is taken.
    sipstream_frame_fn frame;
};
struct sipstream *sipstream_new(const struct sipstream_opts *o);
struct sipstream *sipstream_free(struct sipstream *s);

// Called for each whole message; the span is valid during the call. truncated: it was cut by a hole or the bound.
typedef void (*sipstream_fn)(void *ctx, const struct pkt *p, struct span message, bool truncated);
// Feeds one TCP packet. A direction that never begins with SIP costs a slot only while it might (its first bytes
// decide); *ret_event as in frag_join.
void sipstream_feed(struct sipstream *s, const struct pkt *p, sipstream_fn fn, void *ctx,
                    enum wire_event *ret_event);
// Is this packet's direction in the table: SIP, or becoming it?
bool sipstream_has(const struct sipstream *s, const struct pkt *p);
// End of input: what could be read of unfinished messages is not given out; it is counted.
void sipstream_flush(struct sipstream *s);
struct sipstream_stat {
    uint64_t segments, messages, reordered, duplicate_bytes, holes, resyncs, evicted, unfinished;
    uint32_t used, slots;
    size_t bytes;
};
struct sipstream_stat sipstream_stat(const struct sipstream *s);
