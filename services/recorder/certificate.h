// certificate.h: the certificate of this machine, renewed before its end: when a third of its life is left (`bus.renew-at`), callstate is asked for the next one, over the
// control socket (so by the present one), signed with the site's key; what it gives is checked and put in the place of the file.
// capture, which reads the same file, shows it at its next connection as the recorder does. Own thread, `bus.renew-every`; nothing to do
// where there is no own certificate.
#pragma once
#include <stdint.h>
#include "base/thread.h"
#include "bus/bus.h"

struct certificate {
    const char *cert, *key, *ca, *sign_key; // files; cert "": there is none, and no thread
    const char *control_url, *name, *site;
    int64_t every_us, used_percent;
    // of the thread
    struct thread thread;
    struct ask *ask;
    bool late, said;
};
// 0 or negative errno.
int certificate_start(struct certificate *c, char *err, size_t err_cap);
void certificate_stop(struct certificate *c);
// One look; also for tests.
void certificate_look(struct certificate *c, int64_t wall_us);
