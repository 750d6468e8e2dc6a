// sip_torture_kit.h: test kit. Tables of torture messages with the verdict of their RFC: run through the parser, or written as
// files with their verdicts, for callmesh-sip-lint (tools/siplint/torture_test.py).
#pragma once
#include <stdio.h>
#include "tests/support/test.h"
#include "wire/sdp.h"
#include "wire/sip.h"
#include "wire/wire_testing.h"

struct torture {
    const char *name;
    struct span text;
    bool good;   // the RFC's word on the form
    bool usable; // ours: a listener reads more than a server
    enum wire_event event;
};

static inline void torture_run(const struct torture *rows, size_t n)
{
    static struct sip_msg m;
    for (size_t i = 0; i < n; i++) {
        const struct torture *t = &rows[i];
        struct span s = guard_new(t->text);
        bool usable = sip_parse(s, &m);
        if (usable != t->usable || m.event != t->event)
            fail_msg("%s: usable %d, %s at %u", t->name, usable, wire_event_name(m.event),
                     m.event_offset);
        if (t->good != (m.event == WIRE_NONE))
            fail_msg("%s: the RFC says %s", t->name, t->good ? "well-formed" : "malformed");
        (void)sip_sdp(&m);
        guard_free(s);
    }
}

// NAME.sip for each message, and a line in verdicts.tsv: name, good, usable, event. Returns an exit status.
static inline int torture_write(const struct torture *rows, size_t n, const char *dir)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/verdicts.tsv", dir);
    FILE *verdicts = fopen(path, "a");
    if (!verdicts)
        return 1;
    for (size_t i = 0; i < n; i++) {
        const struct torture *t = &rows[i];
        (void)snprintf(path, sizeof path, "%s/%s.sip", dir, t->name);
        FILE *f = fopen(path, "wb");
        if (!f || fwrite(t->text.p, 1, t->text.n, f) != t->text.n || fclose(f) != 0)
            return 1;
        (void)fprintf(verdicts, "%s\t%d\t%d\t%s\n", t->name, t->good, t->usable,
                      wire_event_name(t->event));
    }
    return fclose(verdicts) != 0;
}
