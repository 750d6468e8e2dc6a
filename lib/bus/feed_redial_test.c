// A path that dies without a word: between publisher and consumer stands a relay of ours, which at one moment carries
// nothing more on the connections that stand and closes none of them, as a vanished host or a firewall's forgotten
// entry does. New connections it serves. The publisher must drop the old ones and dial again by itself.
#include "feed_kit.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#define PAIRS 32

struct relay {
    int listener[2], port[2]; // SUB's and REP's
    struct pair {
        int side[2];
        bool dead;
    } pair[PAIRS];
    int pairs;
    _Atomic bool stop, hush; // hush: all that stand now go silent; cleared when done
    _Atomic int accepted;
    pthread_t thread;
};

static int port_of(const char *url)
{
    return (int)strtol(strrchr(url, ':') + 1, NULL, 10);
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons((uint16_t)port)};
}

static void take_connection(struct relay *r, int which)
{
    int in = accept(r->listener[which], NULL, NULL);
    int out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(in >= 0 && out >= 0 && r->pairs < PAIRS);
    struct sockaddr_in a = loopback(r->port[which]);
    assert_int_equal(connect(out, (struct sockaddr *)&a, sizeof(a)), 0);
    r->pair[r->pairs++] = (struct pair){.side = {in, out}};
    atomic_fetch_add(&r->accepted, 1);
}

static void carry(struct pair *p, int from)
{
    uint8_t buf[16384];
    ssize_t n = recv(p->side[from], buf, sizeof(buf), 0);
    if (n > 0 && send(p->side[!from], buf, (size_t)n, MSG_NOSIGNAL) == n)
        return;
    close(p->side[0]);
    close(p->side[1]);
    p->side[0] = p->side[1] = -1;
    p->dead = true;
}

static void *relay_body(void *arg)
{
    struct relay *r = arg;
    while (!atomic_load(&r->stop)) {
        if (atomic_load(&r->hush)) {
            for (int i = 0; i < r->pairs; i++)
                r->pair[i].dead = true; // open, and never looked at again
            atomic_store(&r->hush, false);
        }
        struct pollfd fd[2 + 2 * PAIRS];
        int n = r->pairs;
        for (int i = 0; i < 2; i++)
            fd[i] = (struct pollfd){.fd = r->listener[i], .events = POLLIN};
        for (int i = 0; i < 2 * n; i++)
            fd[2 + i] = (struct pollfd){.fd = r->pair[i / 2].dead ? -1 : r->pair[i / 2].side[i % 2],
                                        .events = POLLIN};
        if (poll(fd, (nfds_t)(2 + 2 * n), 20) <= 0)
            continue;
        for (int i = 0; i < 2 * n; i++)
            if (fd[2 + i].revents && !r->pair[i / 2].dead)
                carry(&r->pair[i / 2], i % 2);
        for (int i = 0; i < 2; i++)
            if (fd[i].revents)
                take_connection(r, i);
    }
    return NULL;
}

static void relay_start(struct relay *r, const struct ports *front, const struct ports *back)
{
    int listen_on[2] = {port_of(front->pub), port_of(front->ask)};
    r->port[0] = port_of(back->pub);
    r->port[1] = port_of(back->ask);
    for (int i = 0; i < 2; i++) {
        struct sockaddr_in a = loopback(listen_on[i]);
        int on = 1;
        r->listener[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(r->listener[i], SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        assert_int_equal(bind(r->listener[i], (struct sockaddr *)&a, sizeof(a)), 0);
        assert_int_equal(listen(r->listener[i], 8), 0);
    }
    assert_int_equal(pthread_create(&r->thread, NULL, relay_body, r), 0);
}

static void half_open_is_dialled_again(void **state)
{
    (void)state;
    static struct relay r;
    struct ports front = kit_ports(), back = kit_ports();
    struct feed_sub *sub = kit_sub(&back, 2);
    relay_start(&r, &front, &back);
    struct feed_pub *f = kit_pub(&front, "a", NULL, 1 << 20, false);
    uint8_t buf[200] = {0};
    struct kit_count k = {0};
    for (uint64_t i = 1; i <= 20; i++)
        assert_int_equal(feed_pub_send_packed(f, kit_payload(buf, sizeof(buf), i)), 0);
    kit_take(sub, &k, 20, 1, 0, 5 * US_PER_S);
    assert_int_equal(k.taken, 20);
    assert_int_equal(atomic_load(&r.accepted), 2);

    atomic_store(&r.hush, true);
    while (atomic_load(&r.hush))
        usleep(1000);
    int64_t began = mono_now_us();
    for (uint64_t i = 21; i <= 40; i++)
        assert_int_equal(feed_pub_send_packed(f, kit_payload(buf, sizeof(buf), i)), 0);
    kit_take(sub, &k, 20, 1, 0, 15 * US_PER_S);
    int64_t took = mono_now_us() - began;
    assert_int_equal(k.taken, 40);
    assert_int_equal(k.lost, 0);
    for (int i = 0; i < 1500 && atomic_load(&r.accepted) < 4; i++)
        usleep(10000); // the data may be there by the first path that came back
    assert_int_equal(atomic_load(&r.accepted), 4); // both paths, once each
    assert_true(feed_pub_flush(f, 5 * US_PER_S));
    print_message("half-open: all there %.1f s after the path died\n", (double)took / 1e6);

    feed_pub_stop(f);
    feed_sub_stop(sub);
    atomic_store(&r.stop, true);
    pthread_join(r.thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(half_open_is_dialled_again)};
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    fflush(NULL);
    _exit(r); // with its sockets open, as the services do
}
