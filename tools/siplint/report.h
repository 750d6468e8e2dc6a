// report.h: what the parser made of one message, in words or as one line of JSON.
#pragma once
#include <stdbool.h>
#include "wire/sdp.h"
#include "wire/sip.h"

struct lint {
    const char *file;
    bool usable;
    enum wire_event event; // of the message, or else of its SDP
    uint32_t offset;       // in the file; for an SDP where it begins
    struct sip_msg m;
    bool has_sdp;
    struct sdp sdp;
};

void report_text(const struct lint *l);
// False: it did not fit into the buffer for a line.
bool report_json(const struct lint *l);
