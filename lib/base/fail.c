#include "base/fail.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

// The note: where this thread last passed an error on.
static _Thread_local const char *note_file;
static _Thread_local int note_line, note_error;

void fail_at(const char *file, int line, const char *what)
{
    char thread[16] = "?", buf[512];
    pthread_getname_np(pthread_self(), thread, sizeof(thread));
    int n = note_file ? snprintf(buf, sizeof(buf),
                                 "%s:%d: failed: %s (thread %s; last error %d at %s:%d)\n", file,
                                 line, what, thread, note_error, note_file, note_line)
                      : snprintf(buf, sizeof(buf), "%s:%d: failed: %s (thread %s)\n", file, line,
                                 what, thread);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof(buf) ? (size_t)n : sizeof(buf) - 1;
    if (write(STDERR_FILENO, buf, len) < 0)
        abort(); // nothing is left to tell it to
    abort();
}

int err_trace_at(int r, const char *file, int line)
{
    if (r < 0) {
        note_file = file;
        note_line = line;
        note_error = r;
        log_debug("error passed on", "at=%s:%d error=%d", file, line, r);
    }
    return r;
}
