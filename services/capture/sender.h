// sender.h: the outbox's batches onto the two feeds of lib/bus. File inputs wait for the consumers (memory journals);
// live inputs never wait (journals on disk, the oldest goes and is declared). One owner thread.
#pragma once
#include "outbox.h"

struct sender_opts {
    const char *publisher, *site;
    const char *sig_url, *sig_ask_url, *rtp_url, *rtp_ask_url;
    const char *journal_dir; // live only
    uint64_t sig_journal_bytes, rtp_journal_bytes;
    bool live;
};
struct sender;
// 0, or a sysexits code with one clear line in err.
int sender_open(struct sender **ret, const struct sender_opts *o, char *err, size_t err_cap);
struct outbox_sink sender_sink(struct sender *s);
// A batch that is packed already. 0, or negative errno: nothing more can be sent.
int sender_send(struct sender *s, bool media, struct span packed);
struct sender_seq {
    uint64_t head, durable; // the newest envelope; the newest that a kill cannot take away
};
struct sender_seq sender_seq(struct sender *s, bool media);
// True: everything is committed by the consumers. Waits at most timeout_us.
bool sender_flush(struct sender *s, int64_t timeout_us);
// What callstate wants to be paused, when that has changed: into *ret, with its version.
struct pauses;
bool sender_pauses(struct sender *s, struct pauses *ret);
// Behind it, each turn: *p is put on disk (pause_file.h) once, then callstate hears that we have it. First the workers, then the disk: a slow disk
// must not let a card number out.
void sender_keep_pauses(struct sender *s, const struct pauses *p);
// What was paused when the last harvester of this name ended, at most `doubt_us` in doubt; said in the log.
void sender_pauses_found(const char *journal_dir, const char *publisher, int64_t doubt_us,
                         struct pauses *ret);
struct sender_stat {
    uint64_t sig_open, rtp_open; // batches not yet committed
    uint64_t overwritten;        // lost by a full journal
    uint64_t too_large;          // a batch that the bus refused: never expected, counted
    bool sig_connected, rtp_connected;
};
struct sender_stat sender_stat(struct sender *s);
void sender_stop(struct sender *s);
