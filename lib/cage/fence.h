// fence.h: Landlock. What a process can open and whom it can call from here on; its threads and children too, those that it makes later. So it is
// put up before the first thread: a fence around one thread of several keeps nobody in. What is open already stays open.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define FENCE_PATHS 24
#define FENCE_PORTS 16

struct fence { // all zero: nothing is allowed
    const char
        *read[FENCE_PATHS]; // files, or folders with all in them; what is not there is passed over
    size_t reads;
    uint16_t connect[FENCE_PORTS], bind[FENCE_PORTS]; // TCP
    size_t connects, binds;
};
void fence_allow_read(struct fence *f, const char *path); // "": nothing
// The ports of "tcp://host:7641,wss://host/path": 0, or -EINVAL when one has none that can be read, -ENOSPC for too many.
int fence_allow_urls(struct fence *f, const char *urls);
// "host:port" or ":port"; "": nothing.
int fence_allow_listen(struct fence *f, const char *listen);
// What a process that resolves names of hosts reads for it.
void fence_allow_names(struct fence *f);
// 0, also where the kernel has no Landlock (TCP from Linux 6.7 on); negative errno. Needs no_new_privs, or CAP_SYS_ADMIN.
int fence_close(const struct fence *f);
