// sig_sink URL ASK_URL: takes a sig feed, commits all of it at once and keeps nothing, so that capture and a recorder can be
// measured by themselves (take_in.py): no callstate and no PostgreSQL beside them on the same cores. Ends when its input does.
#include <poll.h>
#include <stdio.h>
#include <unistd.h>
#include "base/mono.h"
#include "bus/bus.h"

int main(int argc, char **argv)
{
    char err[256] = "usage: sig_sink URL ASK_URL";
    struct feed_sub *s = NULL;
    if (argc == 3) {
        struct feed_sub_opts o = {.name = "sig_sink", .sub_url = argv[1], .ask_url = argv[2]};
        if (feed_sub_open(&s, &o, err, sizeof(err)) < 0)
            s = NULL;
    }
    if (!s) {
        (void)fprintf(stderr, "%s\n", err);
        return 1;
    }
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    struct feed_msg m;
    while (poll(&in, 1, 0) == 0) {
        if (feed_sub_next(s, 100 * US_PER_MS, &m) > 0)
            feed_sub_commit(s, m.slot, m.env->seq);
    }
    feed_sub_stop(s);
    _exit(0); // the sockets stay open (rule of the bus)
}
