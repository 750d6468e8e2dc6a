// sandbox.h: what the processes that read hostile bytes give up. One way only: nothing given up comes back, not by exec either.
#pragma once
#include <stdbool.h>
#include <stddef.h>

// Every capability, for good (no_new_privs), and being looked into by others of the same user. After the rings are open.
// 0 or negative errno.
int sandbox_drop_rights(void);

// The worker's cage, for a process that will read hostile bytes. What it has is its memory, what is open already and what is
// named in sandbox.c; the rest of the system ends the process (seccomp), and files and network are out of reach a second time
// (Landlock, where the kernel has it). Also: an own user where root started us. 0 or negative errno; err has the
// step that failed.
int sandbox_enter(char *err, size_t err_cap);
// The same for a process that reads a capture and sends nothing (--no-bus): for all its threads, of which one answers on the
// health port that is open. Besides what the worker has: that port and its callers, its place in the file, whether it writes to a
// terminal; and not to fork.
int sandbox_enter_reader(char *err, size_t err_cap);
// The same for a process that decodes audio: its memory, and reading and writing what is open already; not to fork, no thread, no
// file, no socket.
int sandbox_enter_decoder(char *err, size_t err_cap);
// What a process keeps that only makes such processes: no right of root's, and a user of its own where root started us. 0 or
// negative errno.
int sandbox_enter_nursery(void);
// A process that reads a capture and sends it over the bus has both: the fence (fence.h) before its first thread, and this one when all is
// open. Besides what the reader has: TCP and UDP to where the fence lets it go, the files that names of hosts are looked up in. It
// listens on nothing more, starts nothing, writes no file.
struct fence;
int sandbox_fence(const struct fence *f, char *err, size_t err_cap);
int sandbox_enter_bus_reader(char *err, size_t err_cap);
bool sandbox_is_built_in(
    void); // false under sanitizers, which need calls of their own: sandbox_enter does nothing then
