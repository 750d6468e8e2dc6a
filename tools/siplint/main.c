// callmesh-sip-lint: what our parser makes of a SIP message.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "report.h"

#define MESSAGE_MAX 65536 // one more than a message may have, so that too long is seen

enum {
    EXIT_GOOD = 0,
    EXIT_MALFORMED = 1,
    EXIT_USAGE = 64,
    EXIT_NO_FILE = 66,
    EXIT_IO = 74
};

static const char help[] =
    "callmesh-sip-lint: what callmesh makes of a SIP message\n\n"
    "usage: callmesh-sip-lint FILE... [--json]\n\n"
    "  FILE    one message a file, as it was on the wire; - is standard input\n"
    "  --json  one line of JSON a file\n\n"
    "A message is good when nothing in its form is wrong, its SDP included. A malformed one may "
    "still be usable:\n"
    "then callmesh counts the flaw and follows the call all the same.\n\n"
    "exit status: 0 all good, 1 malformed, 64 wrong use, 66 no such file\n\n"
    "examples:\n"
    "  callmesh-sip-lint invite.txt\n"
    "  callmesh-sip-lint --json *.sip | jq -r 'select(.ok | not) | [.file, .event, .offset] | "
    "@tsv'\n"
    "  printf 'OPTIONS sip:a@b SIP/2.0\\r\\n\\r\\n' | callmesh-sip-lint -\n";

static int file_read(const char *name, uint8_t *buf, size_t cap, size_t *ret_n)
{
    FILE *f = strcmp(name, "-") == 0 ? stdin : fopen(name, "rb");
    if (!f) {
        fprintf(stderr, "callmesh-sip-lint: %s: %s\n", name, strerror(errno));
        return EXIT_NO_FILE;
    }
    *ret_n = fread(buf, 1, cap, f);
    int bad = ferror(f);
    if (f != stdin)
        fclose(f);
    if (bad) {
        fprintf(stderr, "callmesh-sip-lint: %s: cannot be read\n", name);
        return EXIT_NO_FILE;
    }
    return EXIT_GOOD;
}

static int lint_file(const char *name, bool as_json)
{
    static uint8_t bytes[MESSAGE_MAX];
    static struct lint l;
    size_t n = 0;
    int r = file_read(name, bytes, sizeof bytes, &n);
    if (r != EXIT_GOOD)
        return r;
    l.file = name;
    l.usable = sip_parse(span_of(bytes, n), &l.m);
    struct span sdp = sip_sdp(&l.m);
    l.has_sdp = sdp.n > 0;
    l.event = l.m.event;
    l.offset = l.m.event_offset;
    if (l.has_sdp)
        (void)sdp_parse(sdp, &l.sdp);
    if (l.has_sdp && l.event == WIRE_NONE && l.sdp.event != WIRE_NONE) {
        l.event = l.sdp.event;
        l.offset = (uint32_t)(sdp.p - bytes);
    }
    if (!as_json) {
        report_text(&l);
    } else if (!report_json(&l)) {
        fprintf(stderr, "callmesh-sip-lint: %s: too much for one line\n", name);
        return EXIT_IO;
    }
    return l.event == WIRE_NONE ? EXIT_GOOD : EXIT_MALFORMED;
}

int main(int argc, char **argv)
{
    bool as_json = false, words = true;
    int files = 0, worst = EXIT_GOOD;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(help, stdout);
            return EXIT_GOOD;
        }
        if (strcmp(argv[i], "--json") == 0) {
            as_json = true;
        } else if (words && strcmp(argv[i], "--") == 0) {
            words = false;
        } else if (words && argv[i][0] == '-' && argv[i][1] != 0) {
            fprintf(stderr, "callmesh-sip-lint: unknown option %s; see --help\n", argv[i]);
            return EXIT_USAGE;
        } else {
            argv[1 + files++] = argv[i];
        }
    }
    if (files == 0) {
        fputs("callmesh-sip-lint: no file; see --help\n", stderr);
        return EXIT_USAGE;
    }
    for (int i = 0; i < files; i++) {
        int r = lint_file(argv[1 + i], as_json);
        worst = r > worst ? r : worst;
    }
    if (fflush(stdout) != 0 || ferror(stdout))
        return EXIT_IO;
    return worst;
}
