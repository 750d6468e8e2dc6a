// mesh.h: objects of the world as messages of the mesh (protos/callmesh/v1/mesh.proto), in a given arena. NULL: the arena is full.
// The views borrow from the world: pack before anything changes.
#pragma once
#include "base/arena.h"
#include "world.h"

Callmesh__V1__MeshChange *mesh_call(struct arena *a, const struct world *w, const struct call *c);
Callmesh__V1__MeshChange *mesh_removed(struct arena *a, const struct uuid *id);
Callmesh__V1__MeshChange *mesh_harvester(struct arena *a, const struct world *w,
                                         const struct publisher *p);
// Copies what the event holds: it may be packed later.
struct event;
Callmesh__V1__MeshChange *mesh_event(struct arena *a, const struct world *w, const struct event *e);
Callmesh__V1__CallStory *mesh_story(struct arena *a, const struct call *c); // mesh_story.c
Callmesh__V1__MeshChange *mesh_tap(struct arena *a, const struct tap *t);
