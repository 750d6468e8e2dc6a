// rows.h: objects of the world become rows of the open batch. The caller has looked for room (world_batch_full).
#pragma once
#include "world.h"

// Ends a row; one that did not fit is counted.
void rows_done(struct world *w, struct table *t);
void rows_message(struct world *w, const struct message *m);
void rows_assign(struct world *w, const struct message *m);
void rows_stream(struct world *w, const struct stream *s);
// The call and its legs, when they are due or it leaves memory; its open_calls row (gone: that is taken out).
void rows_call(struct world *w, struct call *c, bool leaves, bool gone);
void rows_open_gone(struct world *w, const struct uuid *id);
void rows_publisher(struct world *w, const struct publisher *p);
void rows_site(struct world *w, const struct site *s);
// first_seq: of the envelopes before seq that are gone; 0: the loss is not one of envelopes.
void rows_loss(struct world *w, const struct publisher *p, uint64_t seq, int n, uint64_t first_seq,
               const Callmesh__V1__Loss *l);
void rows_quarantine(struct world *w, const struct publisher *p, uint64_t seq, int n,
                     const char *reason, struct span body);
struct event;
struct call_story;
void rows_event(struct world *w, const struct event *e);
void rows_evidence(struct world *w, const struct call *c, const struct call *other,
                   const struct evidence *e, const char *detail);
// The Call-IDs of the call and, of a head, of its parts, with tabs between; whole ones only, but for the first.
struct span rows_call_ids(const struct call *c, char *buf, size_t cap);
void rows_story_columns(struct table *t, const struct call *c, const struct call_story *s);
const char *end_reason_name(int reason); // NULL: none yet
const char *relation_name(int relation);
const char *transfer_kind_name(int kind);
const char *transfer_result_name(int result); // NULL: not known
const char *evidence_name(int kind);
void rows_recording(struct world *w, const char *site, const Callmesh__V1__Recording *r);
void rows_recording_state(struct world *w, const char *site, const struct uuid *call_id, int state);
// Everything that is marked dirty, before the batch is sealed.
void rows_flush_dirty(struct world *w);
const char *call_state_name(int state);
const char *call_result_name(int result); // NULL: none yet
const char *hangup_name(int by);          // NULL: none yet
const char *transport_name(int transport);
