// plant.h: bugs planted on purpose, to see that the tests of faults find them. Only in programs of their own
// (callmesh-callstate-plant-NAME, cmake -DCALLMESH_PLANTS=ON, never installed); in callmesh-callstate all of this is nothing.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#if defined(CALLMESH_PLANT_DROP)
#define PLANT_DROP true
#else
#define PLANT_DROP false
#endif
#if defined(CALLMESH_PLANT_DOUBLE)
#define PLANT_DOUBLE true
#else
#define PLANT_DOUBLE false
#endif
#if defined(CALLMESH_PLANT_CURSOR)
#define PLANT_CURSOR true
#else
#define PLANT_CURSOR false
#endif
#if defined(CALLMESH_PLANT_FENCE)
#define PLANT_FENCE true
#else
#define PLANT_FENCE false
#endif

// True for one in 500.
static inline bool plant_now(bool planted)
{
    static uint32_t n;
    return planted && ++n % 500 == 0;
}
