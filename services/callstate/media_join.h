// media_join.h: the addresses that SDP names meet the streams that were seen. Rules in docs/architecture.md: within the
// leg's time (5 s before its first SDP to 5 s after its end) (1) the stream's destination was named, (2) its source was named,
// (3) it is the reverse of a stream joined already. An address belongs to the latest dialog that named it.
// Streams and SDP may come in any order: streams wait unjoined in the stream table, addresses in the address table.
// Limits: streams, addresses, 32 streams a call; full: the stream stays unjoined (its row is written all the same), counted.
#pragma once
#include "callmesh/v1/capture.pb-c.h"
#include "world.h"

// The addresses and formats of an SDP that `side` of this leg has sent; joins the streams that waited for them.
void media_on_sdp(struct world *w, struct leg *l, enum side side, const struct sdp *sdp,
                  int64_t at_us);
// A report of a stream: finds or makes its entry, brings it up to date, tries to join it.
void media_on_report(struct world *w, uint16_t publisher, const Callmesh__V1__StreamReport *r);
// media_format.c. Codec and clock of a payload type as this leg's SDP has it (the receiver's own first), else by RFC 3551.
bool media_format(const struct stream *s, uint8_t payload_type, struct format *ret);
struct format media_leg_format(const struct leg_format *f);
// Of a leg that goes.
void media_forget_formats(struct leg *l);
// Ties a stream to a leg; also used when state is read back.
void media_join(struct world *w, struct stream *s, struct leg *l, enum side side);
// ssrc 0: any stream there; else that one only.
bool media_add_address(struct world *w, struct leg *l, enum side side, const struct endpoint *at,
                       uint32_t ssrc, int64_t at_us);
// An address that other signalling than SDP has named, and what its payload types mean.
void media_on_address(struct world *w, struct leg *l, enum side side, const struct endpoint *at,
                      uint32_t ssrc, int64_t at_us);
void media_on_format(struct leg *l, enum side side, const struct sdp_format *f);
struct stream *media_stream_by_id(struct world *w, const struct uuid *id);
struct stream *media_stream_new(struct world *w, uint16_t site, const struct uuid *id,
                                const struct endpoint *src, const struct endpoint *dst);
// Its row is due.
void media_touch(struct world *w, struct stream *s);
// Its call leaves memory: the stream keeps its ids (and its words for payload types) for the reports that still come.
void media_detach(struct world *w, struct stream *s);
// Gives slots back.
void media_forget_stream(struct world *w, struct stream *s);
void media_forget_addresses(struct world *w, struct leg *l);
// Streams without a call that have ended are forgotten by a bounded hand, `n` slots a call.
void media_sweep(struct world *w, size_t n);
size_t media_unjoined(const struct world *w);
// Does the harvester see both directions? Signalling of a call both ways says so, or media both ways between two endpoints.
void media_both_ways_message(struct world *w, const struct message *m);
// The side that alone was heard after the answer (at least 50 packets, more than 3 s) by who sees both, or SIDE_NONE.
enum side media_one_way(const struct call *c);
// The least MOS of its streams. False: none is rated; ret is not touched.
bool media_mos_min(const struct call *c, double *ret);
// Keeps what the far end says; NULL: nothing.
void media_take_rtcp(struct stream *s, const Callmesh__V1__RtcpSummary *r);
// Keeps what the harvester says of its sound; NULL: nothing.
void media_take_quality(struct stream *s, const Callmesh__V1__StreamQuality *q);
// RTCP that came since the report before is a life sign of its call.
void media_note_rtcp(struct stream *s, uint64_t before, int64_t feed_us);
// A report of a stream of a call: whether its packets so far came before the answer, and whether its harvester sees both ways.
void media_heard_report(struct world *w, struct stream *s);
