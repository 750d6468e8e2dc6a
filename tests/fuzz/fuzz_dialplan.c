// Telephone numbers. The first line of an input is a plan (the parts in the order of struct dialplan_text, | between), the rest a number.
// Whatever both are: a number that comes out has at most fifteen digits and, written in E.164, is itself again by every plan.
#include "fuzz.h"
#include "number/dialplan.h"

static bool plan_of(struct span line, struct dialplan *ret)
{
    struct span part[11];
    const char *why = NULL;
    for (size_t i = 0; i < 11; i++) {
        size_t end = span_find(line, '|');
        part[i] = span_sub(line, 0, end);
        line = span_sub(line, end < line.n ? end + 1 : end, line.n);
    }
    struct dialplan_text t = {part[0], part[1], part[2], part[3], part[4], part[5],
                              part[6], part[7], part[8], part[9], part[10]};
    bool good = dialplan_read(&t, ret, &why);
    fuzz_check(good || (why && why[0]));
    return good;
}

static void one(const struct dialplan *p, struct span number, enum dial_way way)
{
    uint64_t n = 1, again = 1;
    char text[DIAL_E164_TEXT];
    enum dial_kind k = dialplan_number(p, number, way, &n);
    size_t len = dial_e164_text(n, text);
    fuzz_check(n == 0 || len > 1);
    fuzz_check((k == DIAL_E164) == (n != 0) || (k == DIAL_EXTENSION && p->base.n));
    if (k == DIAL_E164 && len >= 8)
        fuzz_check(dialplan_number(p, span_of(text, len), way, &again) != DIAL_E164 || again == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span all = span_of(data, size);
    size_t end = span_find(all, '\n');
    struct span number = span_sub(all, end < size ? end + 1 : 0, size);
    struct dialplan p;
    bool good = plan_of(span_sub(all, 0, end), &p);
    for (enum dial_way way = DIAL_SHOWN; way <= DIAL_DIALLED; way++) {
        one(NULL, number, way);
        if (good)
            one(&p, number, way);
    }
    return 0;
}
