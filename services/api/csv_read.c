#include "csv_read.h"
#include <string.h>

#define CELL_MAX 256

struct reader {
    struct span in;
    size_t at, line;
    const char *why;
    uint8_t cell[CELL_MAX];
    size_t cell_n;
    bool last; // of its line
};

static bool wrong(struct reader *r, const char *why)
{
    r->why = why;
    return false;
}

static bool put(struct reader *r, uint8_t c)
{
    if (r->cell_n >= CELL_MAX)
        return wrong(r, "a cell is longer than 256 bytes");
    r->cell[r->cell_n++] = c;
    return true;
}

// What ends a cell: a comma, a line's end, or the end of the text.
static bool cell_end(struct reader *r)
{
    r->last = true;
    if (r->at >= r->in.n)
        return true;
    uint8_t c = r->in.p[r->at];
    if (c == '\r' && r->at + 1 < r->in.n && r->in.p[r->at + 1] == '\n')
        r->at++;
    c = r->in.p[r->at++];
    if (c == ',')
        r->last = false;
    else if (c != '\n')
        return wrong(r, "a quoted cell ends before its comma");
    return true;
}

static bool quoted(struct reader *r)
{
    while (r->at < r->in.n) {
        uint8_t c = r->in.p[r->at++];
        if (c == '"') {
            if (r->at >= r->in.n || r->in.p[r->at] != '"')
                return cell_end(r);
            r->at++;
        }
        if (!put(r, c))
            return false;
    }
    return wrong(r, "a quoted cell has no end");
}

static bool next_cell(struct reader *r)
{
    r->cell_n = 0;
    if (r->at < r->in.n && r->in.p[r->at] == '"') {
        r->at++;
        return quoted(r);
    }
    while (r->at < r->in.n) {
        uint8_t c = r->in.p[r->at];
        if (c == ',' || c == '\n' ||
            (c == '\r' && r->at + 1 < r->in.n && r->in.p[r->at + 1] == '\n'))
            break;
        if (c == '"')
            return wrong(r, "a quote stands within a cell that is not quoted");
        if (!put(r, c))
            return false;
        r->at++;
    }
    return cell_end(r);
}

static struct span cell_of(const struct reader *r)
{
    return span_trim(span_of(r->cell, r->cell_n));
}

static bool is_blank(const struct reader *r)
{
    return r->last && cell_of(r).n == 0;
}

// Which of the columns each place of a line is.
static bool header(struct reader *r, const char *const *columns, size_t n, uint8_t *place,
                   size_t *ret_places)
{
    size_t places = 0;
    do {
        size_t k = 0;
        if (places == CSV_COLUMNS_MAX)
            return wrong(r, "too many columns");
        if (!next_cell(r))
            return false;
        while (k < n && !span_eq(cell_of(r), span_str(columns[k])))
            k++;
        if (k == n)
            return wrong(r, "the header has a column that is not known");
        for (size_t i = 0; i < places; i++)
            if (place[i] == k)
                return wrong(r, "the header has a column twice");
        place[places++] = (uint8_t)k;
    } while (!r->last);
    *ret_places = places;
    return true;
}

// One line, its first cell read already.
static bool line(struct reader *r, const char *const *columns, const uint8_t *place, size_t places,
                 struct json *j)
{
    json_obj(j);
    for (size_t i = 0;; i++) {
        if (i == places)
            return wrong(r, "a line has more cells than the header");
        json_kspan(j, columns[place[i]], cell_of(r));
        if (r->last)
            break;
        if (!next_cell(r))
            return false;
    }
    json_obj_end(j);
    return true;
}

static bool lines(struct reader *r, const char *const *columns, size_t n, struct json *j,
                  size_t *ret_rows)
{
    uint8_t place[CSV_COLUMNS_MAX];
    size_t places = 0;
    if (!header(r, columns, n, place, &places))
        return false;
    json_arr(j);
    while (r->at < r->in.n && !j->overflow) {
        r->line++;
        if (!next_cell(r))
            return false;
        if (is_blank(r))
            continue;
        if (!line(r, columns, place, places, j))
            return false;
        (*ret_rows)++;
    }
    json_arr_end(j);
    return !j->overflow || wrong(r, "too much in one piece");
}

bool csv_read(struct span csv, const char *const *columns, size_t n, struct json *j,
              size_t *ret_rows, size_t *ret_line, const char **ret_why)
{
    struct reader r = {.in = csv, .line = 1, .why = ""};
    *ret_rows = 0;
    if (csv.n >= 3 && memcmp(csv.p, "\xef\xbb\xbf", 3) == 0)
        r.at = 3; // the mark that table programs write
    bool good = lines(&r, columns, n, j, ret_rows);
    *ret_line = r.line;
    *ret_why = r.why;
    return good;
}
