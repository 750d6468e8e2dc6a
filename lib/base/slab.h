// slab.h: a fixed number of fixed slots, reserved at start. One owner thread; no lock.
// slab_take never allocates: NULL when full (the caller has a rule for that, and the slab counts it).
// A handle is slot index + generation: an old handle of a slot that was given back finds NULL, never another object.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slab;
typedef uint64_t slab_handle; // 0 is never a handle

// All memory now (zeroed, and touched so that it is really there). NULL when it cannot be had.
struct slab *slab_new(const char *name, size_t slots, size_t slot_size);
struct slab *slab_free(struct slab *s);
// A zeroed slot or NULL when full (refused is counted).
void *slab_take(struct slab *s);
void slab_give(struct slab *s, void *slot);
// For slots that are written over as a whole and that nobody has a handle of: as it was left, and given back to be the next one
// that is taken, while its memory is still near.
void *slab_take_as_left(struct slab *s);
void slab_give_first(struct slab *s, void *slot);
slab_handle slab_handle_of(const struct slab *s, const void *slot);
void *slab_get(const struct slab *s, slab_handle h);
// Slot by index 0 .. slots-1 when in use, else NULL: for sweeps.
void *slab_at(const struct slab *s, size_t index);
// Where slot 0 is: the others lie behind it, each slot_size rounded up to 16 bytes.
const void *slab_base(const struct slab *s);
size_t slab_index_of(const struct slab *s, const void *slot);

struct slab_stat {
    const char *name;
    size_t slots, slot_size, used, used_max, bytes;
    uint64_t taken, refused;
};
struct slab_stat slab_stat(const struct slab *s);
