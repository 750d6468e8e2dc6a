// job.h: what goes between the threads of the recorder, by value in rings: mesh -> intake (cut this, tap that),
// intake -> cutter (the same job with the places of its media), cutter -> mesh (done), cutter -> report (packed events).
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/uuid.h"
#include "spool.h"

#define JOB_STREAMS_MAX 32u // as Call.streams
#define JOB_MAP_MAX     12u
#define JOB_LOSSES_MAX  16u
#define JOB_SITE_BYTES  64u
#define JOB_PAUSES_MAX  4u // as Call.pauses

enum job_side {
    JOB_CALLER = 1,
    JOB_CALLEE = 2
};

// What a payload type means in a stream (a=rtpmap).
struct job_codec {
    uint8_t payload_type;
    char name[15]; // as registered, cut
    uint32_t clock;
    uint8_t channels, flags; // enum codec_flag
};

struct job_stream {
    struct uuid id;
    uint8_t side; // enum job_side, 0 unknown
    bool srtp;    // the payload is encrypted
    uint8_t maps;
    struct job_codec map[JOB_MAP_MAX];
    char codec[15]; // by callstate, "" unknown
    int64_t first_at_us;
    uint64_t reported;  // packets by the harvester's report
    uint64_t harvester; // feeds_name of the publisher that reported it
    // From here on intake fills in.
    bool known;     // media of it is in the spool, or was
    bool elsewhere; // its harvester has never sent media to this recorder: another one's
    struct spool_pos head;
    uint32_t blocks;
    uint64_t packets;
};

struct job_loss {
    int64_t from_us, to_us;
};

struct job {
    struct uuid call_id;
    char site[JOB_SITE_BYTES];
    int64_t started_us, ended_us;
    int64_t from_us;    // media before it is not wanted; 0: all of the call's is
    char rule[64];      // of recording, that says so; "" none
    uint8_t key_rounds; // times that it was put back for want of its SRTP keys
    uint32_t streams, losses, pauses;
    struct job_pause {
        int64_t from_us, to_us; // with what the order needed to reach the harvesters
        char by[40], reason[40];
    } pause[JOB_PAUSES_MAX];
    struct job_stream stream[JOB_STREAMS_MAX];
    struct job_loss loss[JOB_LOSSES_MAX]; // what the harvesters declared as lost within the call
};

enum order_kind {
    ORDER_CUT,
    ORDER_TAP,
    ORDER_UNTAP
};

// mesh -> intake. TAP and UNTAP: call_id and streams of job; lease_us by the wall clock.
struct order {
    enum order_kind kind;
    int64_t lease_us;
    struct job job;
};

enum job_result {
    JOB_READY,
    JOB_FAILED,
    JOB_EMPTY,
    JOB_ABANDONED,
    JOB_NO_KEYS // put back: its SRTP keys could not be had yet
};

struct done {
    struct uuid call_id;
    enum job_result result;
};
