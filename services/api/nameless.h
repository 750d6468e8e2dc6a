// nameless.h: a file for a while: it has no name, so nobody else opens it and it is gone with its descriptor, whatever happens.
// In TMPDIR, or /tmp. Any thread.
#pragma once
#include <stdbool.h>
#include <stddef.h>

// A descriptor for reading and writing, or -1 with errno.
int nameless_open(void);
// All of it, at the file's place. False: no space, and errno says more.
bool nameless_write(int fd, const char *p, size_t n);
