// keylog.h: follows a key log that grows, from a descriptor that is open already: who reads it needs no right to open files
// (pread, read and fstat are all that is called later). Lines go into tls_secrets. A file that shrinks (rotated by
// copying) is read from its beginning; a pipe is read as it comes. A bounded number of bytes at each call. One owner thread.
#pragma once
#include "tls_secrets.h"

#define KEYLOG_TURN_BYTES 65536 // of a call

struct keylog;
// 0 and a descriptor, or a sysexits code with one clear line in err.
int keylog_open(int *ret_fd, const char *name, char *err, size_t err_cap);
struct keylog *keylog_new(int fd); // owns fd; NULL: no memory
struct keylog *keylog_free(struct keylog *k);
// True: there may be more at once.
bool keylog_read(struct keylog *k, struct tls_secrets *to);
struct keylog_stat {
    uint64_t lines,
        bad; // bad: of a label that we need, but not as it should be; or longer than a line can be
    uint64_t restarts;
    int error; // errno of the last read, 0: none
};
struct keylog_stat keylog_stat(const struct keylog *k);
