// Slab and map with a naive model beside them, small enough that both are full again and again: a slot is given once, a handle of a
// slot given back is nobody's, a refused take or put changes nothing and is counted. Input: one byte a step: what (2 bits), key.
#include "base/map.h"
#include "base/slab.h"
#include "fuzz.h"

#define SLOTS 13
#define KEYS  64

static bool key_is(const void *ctx, uint64_t value, const void *key)
{
    (void)ctx;
    return value == *(const uint64_t *)key + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slab *slab = slab_new("fuzz", SLOTS, 24);
    struct map *map = map_new(SLOTS, key_is, NULL);
    uint8_t *slot[KEYS] = {0};
    uint64_t refused = 0, map_refusals = 0;
    bool mapped[KEYS] = {0};
    size_t used = 0, entries = 0;
    fuzz_check(slab && map);
    for (size_t i = 0; i < size; i++) {
        uint64_t key = data[i] & (KEYS - 1), hash = map_hash(&key, sizeof key);
        switch (data[i] >> 6) {
        case 0:
        case 1:
            if (slot[key])
                break;
            slot[key] = slab_take(slab);
            fuzz_check((slot[key] != NULL) == (used < SLOTS));
            if (!slot[key]) {
                refused++;
                break;
            }
            used++;
            memset(slot[key], (int)key, 24);
            break;
        case 2:
            if (mapped[key]) {
                fuzz_check(map_get(map, hash, &key) == key + 1);
                map_del(map, hash, key + 1);
                mapped[key] = false;
                entries--;
            } else if (map_put(map, hash, key + 1)) {
                mapped[key] = true;
                entries++;
            } else {
                fuzz_check(entries >= SLOTS);
                map_refusals++;
            }
            break;
        default:
            if (!slot[key])
                break;
            for (int k = 0; k < 24; k++)
                fuzz_check(slot[key][k] == key);
            slab_give(slab, slot[key]);
            slot[key] = NULL;
            used--;
        }
        fuzz_check(map_get(map, hash, &key) == (mapped[key] ? key + 1 : 0));
    }
    fuzz_check(slab_stat(slab).used == used && slab_stat(slab).refused == refused);
    fuzz_check(map_refused(map) == map_refusals);
    map_free(map);
    slab_free(slab);
    return 0;
}
