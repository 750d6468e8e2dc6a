// Wire bytes to text: whatever comes in, span_utf8 gives clean UTF-8 within its space, json_span one valid JSON string,
// and a log value never more than one line (through the same json_span).
#include "base/fail.h"
#include "base/json.h"
#include "base/span.h"
#include "base/uuid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_clean(const char *text, size_t n)
{
    struct span s = span_of(text, n);
    must(text[n] == 0);
    while (s.n > 0) {
        bool good;
        size_t len = span_utf8_char(s, &good);
        must(good && len <= s.n);
        must(s.p[0] == '\t' || (s.p[0] >= 0x20 && s.p[0] != 0x7F));
        s = span_sub(s, len, SIZE_MAX);
    }
}

// RFC 8259 section 7, by hand: quotes, no control character, known escapes, UTF-8.
static void check_json(struct span s)
{
    must(s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"');
    s = span_sub(s, 1, s.n - 2);
    while (s.n > 0) {
        bool good;
        size_t len = span_utf8_char(s, &good);
        must(good && s.p[0] >= 0x20 && s.p[0] != '"');
        if (s.p[0] == '\\') {
            must(s.n >= 2 && s.p[1] != 0 && strchr("\"\\nrtu", s.p[1]));
            len = s.p[1] == 'u' ? 6 : 2;
            must(len <= s.n);
        }
        s = span_sub(s, len, SIZE_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[8192], json[65536];
    if (size > 8192)
        size = 8192;
    struct span s = span_of(data, size);
    size_t cap = size ? 1 + data[0] * 8u : 1;
    check_clean(text, span_utf8(s, text, cap));
    check_clean(text, span_utf8(s, text, sizeof(text)));

    struct json j;
    json_init(&j, json, sizeof(json));
    json_span(&j, s);
    must(!j.overflow && j.n == strlen(json));
    check_json(span_of(json, j.n));
    json_init(&j, json, cap);
    json_kspan(&j, "k", s);
    must(j.n < cap);

    struct uuid u;
    if (uuid_parse(s, &u)) {
        char again[37];
        uuid_format(&u, again);
        must(span_ieq(s, span_of(again, 36)));
    }
    return 0;
}
