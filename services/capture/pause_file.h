// pause_file.h: what is paused, on disk: a harvester that is started anew in mid-pause knows it before its first packet, also when callstate
// does not answer. One file for each publisher beside its journals, replaced as a whole (written, synced, renamed), with a checksum.
// Read by the keeper before it makes a worker, or by the one thread that does all; written by the sender. No thread of its own.
// Limits: PAUSE_ORDERS calls, so at most PAUSE_FILE_MAX bytes. A disk that takes nothing: the pauses are in force all the same, tried again each
// second, counted (capture_pauses_unsaved).
#pragma once
#include <stddef.h>
#include "pause.h"

#define PAUSE_FILE_MAX (20 + PAUSE_ORDERS * (12 + 19 * PAUSE_ADDRS + 8 * PAUSE_CALL_IDS) + 8)

// "<dir>/pauses-<publisher>", with what a file name cannot hold made '_'. False: too long.
bool pause_file_path(char *buf, size_t cap, const char *dir, const char *publisher);
// The whole of it, synced. 0, or negative errno: what was there before is still there.
int pause_file_write(const char *path, const struct pauses *p);

enum pause_found {
    PAUSE_FOUND_NONE, // no file: nothing was ever paused here
    PAUSE_FOUND,
    PAUSE_FOUND_BROKEN // who is paused cannot be known: all media is held back (pause.h), at most for doubt_us from the file's last change
};
// What stands at now_us (wall clock). What is over is left out.
enum pause_found pause_file_read(const char *path, int64_t now_us, int64_t doubt_us,
                                 struct pauses *ret);
// Its form, for tests. How many bytes were written; false: these bytes are no such file.
size_t pause_file_put(const struct pauses *p, uint8_t buf[static PAUSE_FILE_MAX]);
bool pause_file_get(struct span bytes, struct pauses *ret);
