// nameless.h: a file for a while: it has no name, so nobody else opens it and it is gone with its descriptor, whatever happens.
// In TMPDIR, or /tmp. Any thread.
#pragma once

// A descriptor for reading and writing, or -1 with errno.
int nameless_open(void);
