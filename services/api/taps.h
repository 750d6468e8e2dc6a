// taps.h: the fixed set of rings of tapped calls (listen.h says the rules). taps_* may be called by any thread; the lock is held
// for a few table look-ups, or for one batch of frames.
#pragma once
#include "base/fanring.h"
#include "base/uuid.h"
#include "callmesh/v1/live.pb-c.h"

// Frame of docs/api.md: u8 kind, u8 flags, u16 length, then length bytes.
#define FRAME_TEXT       1
#define FRAME_AUDIO      2
#define FRAME_FLAG_GAP   1
#define FRAME_FLAG_MOVED 2
#define FRAME_HEAD       4
#define FRAME_AUDIO_HEAD 16

struct tap {
    bool used, ended;
    struct uuid call_id;
    struct fanring *ring;
    uint32_t listeners;
    int64_t renew_us;   // monotonic: next lease
    int64_t last_at_us; // atomic: capture time of the newest frame
    struct {
        bool known;
        uint16_t seq;
        uint32_t ssrc;
    } side[2];
    bool gap; // a batch of the recorder is missing
};

int taps_init(uint32_t n, uint32_t ring_bytes);
// For one more listener; makes the tap. NULL: all rings are taken (counted).
struct tap *taps_join(const struct uuid *call_id, bool *ret_first);
void taps_leave(struct tap *t, bool *ret_last);
unsigned taps_listeners(const struct uuid *call_id);
void taps_state(const struct uuid *call_id, const char *state, bool ended);
void taps_frames(const Callmesh__V1__LiveFrame *const *frames, size_t n, bool gap);
// The next tap whose lease must be renewed (or ended: *ret_end). False: none is due.
bool taps_due(int64_t now_us, struct uuid *ret_call_id, bool *ret_end);
// What came of it: known = false: no such call, its listeners are closed. After an end the ring is given back, unless
// somebody came meanwhile.
void taps_leased(const struct uuid *call_id, bool end, bool answered, bool known, int64_t next_us);
size_t taps_used(void);
uint64_t taps_refused(void);
uint64_t taps_frame_count(void);

// Pure. Length of the frame; 0: does not fit.
size_t frame_text(uint8_t *buf, size_t cap, const char *text, size_t n);
size_t frame_audio(uint8_t *buf, size_t cap, const Callmesh__V1__LiveFrame *f, uint8_t flags);
