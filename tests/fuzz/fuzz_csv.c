// Lists of agents as CSV. Any text is read or refused with the line where it is wrong; known cells written as RFC 4180 says give themselves
// back. Input: as it stands, and as cells (0x1f between cells, 0x1e between lines).
#include <string.h>
#include "csv_read.h"
#include "fuzz.h"

#define COLUMNS 3
static const char *const columns[] = {"name", "team", "value"};

static void as_it_stands(struct span s)
{
    static char text[64 << 10];
    struct json j;
    size_t rows = 0, line = 0, lines = 1;
    const char *why = NULL;
    json_init(&j, text, sizeof text);
    for (size_t i = 0; i < s.n; i++)
        lines += s.p[i] == '\n';
    bool good = csv_read(s, columns, COLUMNS, &j, &rows, &line, &why);
    fuzz_check(rows < lines + 1 && line >= 1 && line <= lines + 1);
    fuzz_check(good || (why && why[0]));
    fuzz_check(!good || (!j.overflow && j.n >= 2 && j.buf[0] == '[' && j.buf[j.n - 1] == ']'));
    char small[64];
    struct json k;
    json_init(&k, small, sizeof small);
    size_t again = 0;
    if (csv_read(s, columns, COLUMNS, &k, &again, &line,
                 &why)) // where less has room it is the same or refused
        fuzz_check(good && again == rows && k.n == j.n && memcmp(small, text, k.n) == 0);
}

static size_t quoted(struct span cell, uint8_t *out)
{
    size_t n = 0;
    out[n++] = '"';
    for (size_t i = 0; i < cell.n; i++) {
        if (cell.p[i] == '"')
            out[n++] = '"';
        out[n++] = cell.p[i];
    }
    out[n++] = '"';
    return n;
}

// The cells of one line: as CSV behind out[n], and as the object that must come of it.
static size_t one_line(struct span line, uint8_t *out, struct json *want)
{
    size_t n = 0;
    json_obj(want);
    for (size_t c = 0; c < COLUMNS; c++) {
        size_t end = span_find(line, 0x1f);
        struct span cell = span_sub(line, 0, end < 256 ? end : 256);
        n += quoted(cell, out + n);
        json_kspan(want, columns[c], span_trim(cell));
        if (end >= line.n || c + 1 == COLUMNS)
            break;
        line = span_sub(line, end + 1, line.n);
        out[n++] = ',';
    }
    json_obj_end(want);
    out[n++] = '\r';
    out[n++] = '\n';
    return n;
}

static bool is_blank_line(struct span line)
{
    size_t end = span_find(line, 0x1f);
    return end >= line.n && span_trim(span_sub(line, 0, 256)).n == 0;
}

static void as_cells(struct span s)
{
    static uint8_t csv[32 << 10];
    static char text[64 << 10], wanted[64 << 10];
    struct json j, want;
    size_t n = (size_t)(stpcpy((char *)csv, "name,team,value\n") - (char *)csv), rows = 0,
           expected = 0, line = 0;
    const char *why = NULL;
    json_init(&j, text, sizeof text);
    json_init(&want, wanted, sizeof wanted);
    json_arr(&want);
    while (s.n && n + 3 * 2 * 260 < sizeof csv) {
        size_t end = span_find(s, 0x1e);
        struct span one = span_sub(s, 0, end);
        if (!is_blank_line(one)) {
            n += one_line(one, csv + n, &want);
            expected++;
        }
        s = span_sub(s, end < s.n ? end + 1 : end, s.n);
    }
    json_arr_end(&want);
    if (want.overflow)
        return;
    fuzz_check(csv_read(span_of(csv, n), columns, COLUMNS, &j, &rows, &line, &why));
    fuzz_check(rows == expected && j.n == want.n && memcmp(text, wanted, j.n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_it_stands(span_of(data, size));
    as_cells(span_of(data, size));
    return 0;
}
