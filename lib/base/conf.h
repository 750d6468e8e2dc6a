// conf.h: settings as one table per service: name, kind, default, minimum, maximum, text. Sources, strongest
// first: command line (--name value or --name=value), environment (CALLMESH_NAME, '.' and '-' become '_'; CALLMESH_NAME_FILE
// names a file that holds it, for secrets), the file given by --config (inih), default. Unknown keys and values out of
// range are errors with one clear line. Read once at start, before threads; then const.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_kind {
    CONF_STR,
    CONF_INT,
    CONF_BYTES,
    CONF_DURATION,
    CONF_BOOL
};
// CONF_BYTES takes 64k, 16M, 8G; CONF_DURATION takes 20ms, 5s, 10m, 2h, 7d and is kept in us.

struct conf_def {
    const char
        *name; // "bus.sig-url": on the command line --bus.sig-url, in a file [bus] sig-url = ...
    enum conf_kind kind;
    const char *def;
    int64_t min, max; // numbers only
    const char *help; // with the reason of the default
    bool secret;      // masked by --print-config
};

struct conf;
// Positional arguments go to argv_rest (not copied). Returns NULL after one clear line on stderr in `err`.
struct conf *conf_load(const struct conf_def *defs, size_t n, int argc, char **argv, char *err,
                       size_t err_cap);
struct conf *conf_free(struct conf *c);
const char *conf_str(const struct conf *c, const char *name); // never NULL
int64_t conf_int(const struct conf *c, const char *name);     // INT, BYTES, DURATION (us)
bool conf_bool(const struct conf *c, const char *name);
size_t conf_rest(const struct conf *c, const char *const **ret_argv);
// --help body: one line a setting, with default and help. --print-config: each value with where it came from.
void conf_print_help(const struct conf_def *defs, size_t n);
void conf_print(const struct conf *c);
