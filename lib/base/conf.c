#include "base/conf.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include "base/fail.h"
#include "base/span.h"

#define NAME_MAX_BYTES  96
#define VALUE_MAX_BYTES 4096

struct value {
    char *text;
    int64_t num;      // also 0 and 1 of a boolean
    const char *from; // "default", "file", "environment", "command line"
};

struct conf {
    const struct conf_def *defs;
    size_t n;
    struct value *values;
    const char **rest;
    size_t nrest;
    char *err;
    size_t err_cap;
};

__attribute__((format(printf, 2, 3))) static bool fail(struct conf *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int r = vsnprintf(c->err, c->err_cap, fmt, ap);
    va_end(ap);
    must(r >= 0);
    return false;
}

static size_t index_of(const struct conf *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->defs[i].name, name) == 0)
            return i;
    return c->n;
}

// ---- numbers
// ------------------------------------------------------------------------------------------------------

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit byte_units[] = {{"", 1},        {"k", 1 << 10},          {"M", 1 << 20},
                                         {"G", 1 << 30}, {"T", INT64_C(1) << 40}, {NULL, 0}};
static const struct unit time_units[] = {{"us", 1},
                                         {"ms", 1000},
                                         {"s", 1000000},
                                         {"m", 60 * 1000000},
                                         {"h", INT64_C(3600000000)},
                                         {"d", INT64_C(86400000000)},
                                         {NULL, 0}};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

static const struct unit *units_of(enum conf_kind kind)
{
    return kind == CONF_BYTES ? byte_units : kind == CONF_DURATION ? time_units : no_units;
}

static bool parse_number(enum conf_kind kind, const char *text, int64_t *ret)
{
    bool negative = kind == CONF_INT && text[0] == '-';
    struct span s = span_str(text + negative);
    size_t digits = 0;
    while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
        digits++;
    uint64_t v;
    if (!span_u64(span_sub(s, 0, digits), INT64_MAX, &v))
        return false;
    const char *unit = text + negative + digits;
    for (const struct unit *u = units_of(kind); u->name; u++) {
        int64_t out;
        // 0 needs no unit, whatever the kind.
        if (strcmp(unit, u->name) != 0 && !(v == 0 && *unit == 0))
            continue;
        if (__builtin_mul_overflow((int64_t)v, u->factor, &out))
            return false;
        *ret = negative ? -out : out;
        return true;
    }
    return false;
}

// The largest unit that divides the number: the way a person would write it.
static void format_number(enum conf_kind kind, int64_t v, char *buf, size_t cap)
{
    const struct unit *best = units_of(kind);
    for (const struct unit *u = best; u->name; u++)
        if (v != 0 && v % u->factor == 0)
            best = u;
    snprintf(buf, cap, "%" PRId64 "%s", v / best->factor, best->name);
}

static bool parse_bool(const char *text, int64_t *ret)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(text, words[i]) == 0) {
            *ret = i & 1;
            return true;
        }
    return false;
}

// ---- setting one value
// ----------------------------------------------------------------------------------------------

// where: what the user wrote, for the message ("--rtp.queue", "CALLMESH_RTP_QUEUE", "[rtp] queue").
static bool set(struct conf *c, size_t i, const char *text, const char *from, const char *where)
{
    const struct conf_def *d = &c->defs[i];
    struct value *v = &c->values[i];
    const char *shown = d->secret ? "(secret)" : text;
    int64_t num = 0;
    if (strlen(text) > VALUE_MAX_BYTES)
        return fail(c, "%s: the value is longer than %d bytes", where, VALUE_MAX_BYTES);
    if (d->kind == CONF_BOOL) {
        if (!parse_bool(text, &num))
            return fail(c, "%s: \"%s\" is neither true nor false", where, shown);
    } else if (d->kind != CONF_STR) {
        char lo[32], hi[32];
        const char *form = d->kind == CONF_BYTES      ? " of bytes, like 64k, 16M or 8G"
                           : d->kind == CONF_DURATION ? " with a unit, like 20ms, 5s, 10m, 2h or 7d"
                                                      : "";
        format_number(d->kind, d->min, lo, sizeof(lo));
        format_number(d->kind, d->max, hi, sizeof(hi));
        if (!parse_number(d->kind, text, &num))
            return fail(c, "%s: \"%s\" is not a number%s; allowed are %s to %s", where, shown, form,
                        lo, hi);
        if (num < d->min || num > d->max)
            return fail(c, "%s: %s is out of range; allowed are %s to %s", where, shown, lo, hi);
    }
    char *copy = strdup(text);
    if (!copy)
        return fail(c, "out of memory");
    free(v->text);
    *v = (struct value){copy, num, from};
    return true;
}

static bool set_defaults(struct conf *c)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct conf_def *d = &c->defs[i];
        must(index_of(c, d->name) == i); // two settings of one name are our mistake
        if (!set(c, i, d->def ? d->def : d->kind == CONF_BOOL ? "false" : "", "default", d->name))
            return false;
    }
    return true;
}

// ---- environment
// --------------------------------------------------------------------------------------------------

static void env_name(const char *name, const char *suffix, char buf[NAME_MAX_BYTES + 32])
{
    int n = snprintf(buf, NAME_MAX_BYTES + 32, "CALLMESH_%s%s", name, suffix);
    must(n > 0 && n < NAME_MAX_BYTES + 32);
    for (char *p = buf; *p; p++)
        *p = *p == '.' || *p == '-' ? '_' : (char)toupper((unsigned char)*p);
}

// A file that holds one value; line ends at its end do not count.
static bool set_from_file(struct conf *c, size_t i, const char *path, const char *where)
{
    char buf[VALUE_MAX_BYTES + 2];
    FILE *f = fopen(path, "re");
    if (!f)
        return fail(c, "%s: cannot read %s: %s", where, path, strerror(errno));
    size_t n = fread(buf, 1, sizeof(buf) - 1, f);
    bool bad = ferror(f) != 0;
    fclose(f);
    if (bad)
        return fail(c, "%s: cannot read %s", where, path);
    while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == '\r'))
        n--;
    buf[n] = 0;
    if (strlen(buf) != n)
        return fail(c, "%s: %s holds a zero byte", where, path);
    return set(c, i, buf, "environment", where);
}

static bool is_env_of_another(const struct conf *c, const char *env)
{
    char own[NAME_MAX_BYTES + 32];
    for (size_t i = 0; i < c->n; i++) {
        env_name(c->defs[i].name, "", own);
        if (strcmp(own, env) == 0)
            return true;
    }
    return false;
}

static bool set_environment(struct conf *c)
{
    for (size_t i = 0; i < c->n; i++) {
        char plain[NAME_MAX_BYTES + 32], file[NAME_MAX_BYTES + 32];
        env_name(c->defs[i].name, "", plain);
        env_name(c->defs[i].name, "_FILE", file);
        const char *v = getenv(plain);
        const char *path = is_env_of_another(c, file) ? NULL : getenv(file);
        if (v && path)
            return fail(c, "%s and %s are both set; keep one", plain, file);
        if (v && !set(c, i, v, "environment", plain))
            return false;
        if (path && !set_from_file(c, i, path, file))
            return false;
    }
    return true;
}

// ---- file
// -----------------------------------------------------------------------------------------------------------

struct ini_state {
    struct conf *c;
    const char *path;
    FILE *f;
    int line;
    bool bad; // c->err says why
    bool *seen;
};

// inih gives up on long lines in silence and takes indented lines as continuations: lines reach it
// checked and trimmed.
static char *read_line(char *str, int num, void *stream)
{
    struct ini_state *st = stream;
    if (st->bad || !fgets(str, num, st->f))
        return NULL;
    st->line++;
    size_t n = strlen(str);
    if (n + 1 >= (size_t)num && str[n - 1] != '\n') {
        st->bad = true;
        fail(st->c, "%s line %d: longer than %d characters", st->path, st->line, num - 2);
        return NULL;
    }
    size_t skip = strspn(str, " \t");
    memmove(str, str + skip, n - skip + 1);
    return str;
}

static int on_ini(void *user, const char *section, const char *name, const char *value)
{
    struct ini_state *st = user;
    char full[NAME_MAX_BYTES + 1], where[512];
    if (st->bad)
        return 0;
    int n = snprintf(full, sizeof(full), "%s%s%s", section, *section ? "." : "", name);
    size_t i = n > 0 && (size_t)n < sizeof(full) ? index_of(st->c, full) : st->c->n;
    snprintf(where, sizeof(where), "%s line %d: %s", st->path, st->line, full);
    st->bad = true;
    if (i == st->c->n || strcmp(full, "config") == 0)
        fail(st->c, "%s line %d: unknown setting \"%s\"", st->path, st->line, full);
    else if (st->seen[i])
        fail(st->c, "%s is set twice", where);
    else
        st->bad = !set(st->c, i, value, "file", where);
    st->seen[i < st->c->n ? i : 0] = true;
    return !st->bad;
}

static bool set_file(struct conf *c, const char *path)
{
    struct ini_state st = {.c = c, .path = path, .f = fopen(path, "re")};
    if (!st.f)
        return fail(c, "--config: cannot read %s: %s", path, strerror(errno));
    st.seen = calloc(c->n, sizeof(*st.seen));
    int r = st.seen ? ini_parse_stream(read_line, &st, on_ini, &st) : -2;
    bool bad_read = ferror(st.f) != 0;
    free(st.seen);
    fclose(st.f);
    if (st.bad)
        return false;
    if (bad_read)
        return fail(c, "--config: cannot read %s", path);
    if (r > 0)
        return fail(c, "%s line %d: neither [section] nor name = value", path, r);
    return r == 0 || fail(c, "out of memory");
}

// ---- command line
// ---------------------------------------------------------------------------------------------------

// One option at argv[*at]; *at moves over a value that stands apart. With `only` the others are
// just passed over.
static bool set_option(struct conf *c, int argc, char **argv, int *at, const char *only)
{
    char name[NAME_MAX_BYTES + 1], where[NAME_MAX_BYTES + 4];
    const char *arg = argv[*at] + 2, *eq = strchr(arg, '=');
    size_t n = eq ? (size_t)(eq - arg) : strlen(arg);
    if (strcmp(argv[*at], "-h") == 0) {
        arg = "help";
        n = 4;
    }
    span_copy(span_of(arg, n), name, sizeof(name));
    size_t i = n < sizeof(name) ? index_of(c, name) : c->n;
    if (i == c->n)
        return fail(c, "unknown option --%s; --help shows all", name);
    snprintf(where, sizeof(where), "--%s", name);
    const char *value = eq ? eq + 1 : "true";
    if (!eq && c->defs[i].kind != CONF_BOOL) {
        if (*at + 1 >= argc || strncmp(argv[*at + 1], "--", 2) == 0)
            return fail(c, "%s needs a value", where);
        value = argv[++*at];
    }
    return (only && strcmp(only, name) != 0) || set(c, i, value, "command line", where);
}

static bool set_command_line(struct conf *c, int argc, char **argv, const char *only)
{
    c->nrest = 0;
    for (int at = 1; at < argc; at++) {
        const char *a = argv[at];
        if (strcmp(a, "--") == 0) {
            while (++at < argc)
                c->rest[c->nrest++] = argv[at];
            return true;
        }
        if (a[0] != '-' || a[1] == 0)
            c->rest[c->nrest++] = a;
        else if (a[1] != '-' && strcmp(a, "-h") != 0)
            return fail(c, "unknown option %s; --help shows all", a);
        else if (!set_option(c, argc, argv, &at, only))
            return false;
    }
    return true;
}

// ---- the whole
// --------------------------------------------------------------------------------------------------------

// Weakest first. The file's name itself may come from the environment or the command line.
static bool load(struct conf *c, int argc, char **argv)
{
    size_t file = index_of(c, "config");
    if (!set_defaults(c))
        return false;
    if (file < c->n) {
        if (!set_environment(c) || !set_command_line(c, argc, argv, "config"))
            return false;
        if (*c->values[file].text && !set_file(c, c->values[file].text))
            return false;
    }
    return set_environment(c) && set_command_line(c, argc, argv, NULL);
}

struct conf *conf_load(const struct conf_def *defs, size_t n, int argc, char **argv, char *err,
                       size_t err_cap)
{
    struct conf *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->defs = defs;
    c->n = n;
    c->err = err;
    c->err_cap = err_cap;
    c->values = calloc(n ? n : 1, sizeof(*c->values));
    c->rest = calloc((size_t)argc + 1, sizeof(*c->rest));
    bool good = c->values && c->rest ? load(c, argc, argv) : fail(c, "out of memory");
    c->err = NULL; // borrowed for this call only
    c->err_cap = 0;
    return good ? c : conf_free(c);
}

struct conf *conf_free(struct conf *c)
{
    if (!c)
        return NULL;
    for (size_t i = 0; c->values && i < c->n; i++)
        free(c->values[i].text);
    free(c->values);
    free(c->rest);
    free(c);
    return NULL;
}

static const struct value *value_of(const struct conf *c, const char *name)
{
    size_t i = index_of(c, name);
    must(i < c->n);
    return &c->values[i];
}

const char *conf_str(const struct conf *c, const char *name)
{
    return value_of(c, name)->text;
}

int64_t conf_int(const struct conf *c, const char *name)
{
    return value_of(c, name)->num;
}

bool conf_bool(const struct conf *c, const char *name)
{
    return value_of(c, name)->num != 0;
}

size_t conf_rest(const struct conf *c, const char *const **ret_argv)
{
    *ret_argv = c->rest;
    return c->nrest;
}

void conf_print_help(const struct conf_def *defs, size_t n)
{
    static const char *const kinds[] = {" TEXT", " N", " BYTES", " TIME", ""};
    for (size_t i = 0; i < n; i++) {
        char left[NAME_MAX_BYTES + 16];
        snprintf(left, sizeof(left), "--%s%s", defs[i].name, kinds[defs[i].kind]);
        printf("  %-32s %s", left, defs[i].help ? defs[i].help : "");
        if (defs[i].def && *defs[i].def && defs[i].kind != CONF_BOOL)
            printf(" [%s]", defs[i].def);
        printf("\n");
    }
}

void conf_print(const struct conf *c)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct value *v = &c->values[i];
        const char *text = c->defs[i].kind == CONF_BOOL ? v->num ? "true" : "false" : v->text;
        printf("%s = %s  (%s)\n", c->defs[i].name, c->defs[i].secret && *text ? "********" : text,
               v->from);
    }
}
