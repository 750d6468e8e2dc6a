// Settings: the input is a settings file, as --config gives it. It is taken, or refused with a line that says why; what is taken lies
// within the limits of its table.
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/conf.h"
#include "fuzz.h"

static const struct conf_def defs[] = {
    {"site", CONF_STR, "main", 0, 0, "", false},
    {"bus.queue", CONF_INT, "256", 1, 8192, "", false},
    {"journal.bytes", CONF_BYTES, "64M", 1 << 20, INT64_C(1) << 40, "", false},
    {"call.idle", CONF_DURATION, "60s", 1000000, INT64_C(3600) * 1000000, "", false},
    {"log.json", CONF_BOOL, "no", 0, 0, "", false},
    {"store.dsn", CONF_STR, "", 0, 0, "", true},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64], name[] = "fuzz", option[] = "--config", err[512] = "";
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    fuzz_check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    char *argv[] = {name, option, path, NULL};
    struct conf *c = conf_load(defs, sizeof defs / sizeof defs[0], 3, argv, err, sizeof err);
    close(fd);
    if (!c) {
        fuzz_check(err[0] && memchr(err, 0, sizeof err));
        return 0;
    }
    for (size_t i = 1; i < 4; i++) {
        int64_t v = conf_int(c, defs[i].name);
        fuzz_check(v >= defs[i].min && v <= defs[i].max);
    }
    fuzz_check(strlen(conf_str(c, "site")) <= 4096);
    (void)conf_bool(c, "log.json");
    conf_free(c);
    return 0;
}
