#include "file_fence.h"
#include <errno.h>

#include "base/log.h"
#include "cage/fence.h"
#include "cage/sandbox.h"

static const char *const bus_urls[] = {"bus.sig-url", "bus.sig-ask-url", "bus.rtp-url",
                                       "bus.rtp-ask-url"};

int file_fence(const struct conf *c)
{
    static const char *const files[] = {"read",         "capture.tls-keylog", "bus.tls-ca",
                                        "bus.tls-cert", "bus.tls-key",        "bus.sign-key"};
    struct fence f = {0};
    char err[256];
    int r = fence_allow_listen(&f, conf_str(c, "health.listen"));
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        fence_allow_read(&f, conf_str(c, files[i]));
    fence_allow_read(&f, "/proc/self");              // memory in use
    fence_allow_read(&f, "/sys/devices/system/cpu"); // nng: how many threads
    fence_allow_read(&f, "/etc/ssl/openssl.cnf");
    fence_allow_names(&f);
    for (size_t i = 0;
         r == 0 && !conf_bool(c, "no-bus") && i < sizeof bus_urls / sizeof bus_urls[0]; i++)
        r = fence_allow_urls(&f, conf_str(c, bus_urls[i]));
    if (r == -EINVAL) // who opens it says what is wrong with it
        return 0;
    if (r < 0) {
        log_warn("the file is read without a fence", "reason=\"more than %d ports\"", FENCE_PORTS);
        return 0;
    }
    if (sandbox_fence(&f, err, sizeof err) < 0)
        log_warn("the file is read without a fence", "step=\"%s\"", err);
    return 0;
}
