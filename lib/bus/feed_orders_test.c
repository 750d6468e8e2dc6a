// Orders of a consumer to its publishers: a level that comes with the replies, whoever begins anew.
#include "feed_kit.h"
#include <pthread.h>
#include <string.h>

static struct {
    pthread_mutex_t lock;
    uint64_t version, have; // of the last Ask
    uint8_t bytes[BUS_ORDERS_MAX];
    size_t n;
} said = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint64_t give(void *ctx, const char *site, uint64_t have, uint8_t *buf, size_t cap,
                     size_t *ret_n)
{
    (void)ctx;
    pthread_mutex_lock(&said.lock);
    uint64_t v = said.version;
    said.have = have;
    if (v != have && strcmp(site, "main") == 0 && said.n <= cap) {
        memcpy(buf, said.bytes, said.n);
        *ret_n = said.n;
    }
    pthread_mutex_unlock(&said.lock);
    return v;
}

static void say(uint64_t version, size_t pauses)
{
    Callmesh__V1__Orders o = CALLMESH__V1__ORDERS__INIT;
    Callmesh__V1__PauseOrder one = CALLMESH__V1__PAUSE_ORDER__INIT, *list[64];
    uint8_t id[400] = {7};
    ProtobufCBinaryData call_id = {sizeof id, id};
    one.sip_call_ids = &call_id;
    one.n_sip_call_ids = 1;
    one.until_us = (int64_t)version;
    for (size_t i = 0; i < pauses; i++)
        list[i] = &one;
    o.pauses = list;
    o.n_pauses = pauses;
    pthread_mutex_lock(&said.lock);
    said.version = version;
    said.n = callmesh__v1__orders__get_packed_size(&o);
    assert_true(said.n <= sizeof said.bytes);
    callmesh__v1__orders__pack(&o, said.bytes);
    pthread_mutex_unlock(&said.lock);
}

static struct feed_sub *consumer(const struct ports *p)
{
    char err[256] = "";
    struct feed_sub *s = NULL;
    struct feed_msg m;
    struct feed_sub_opts o = {.name = "test", .sub_url = p->pub, .ask_url = p->ask, .orders = give};
    if (feed_sub_open(&s, &o, err, sizeof err) != 0)
        fail_msg("%s", err);
    assert_int_equal(feed_sub_next(s, 1000, &m), 0);
    return s;
}

static const Callmesh__V1__Orders *await(struct feed_pub *f, uint64_t *have, int64_t *ret_us)
{
    int64_t t0 = mono_now_us();
    const Callmesh__V1__Orders *o = NULL;
    while (!(o = feed_pub_orders(f, have)) && mono_now_us() - t0 < 10 * US_PER_S)
        usleep(1000);
    *ret_us = mono_now_us() - t0;
    return o;
}

static void a_level_that_every_life_hears(void **state)
{
    (void)state;
    struct ports p = kit_ports();
    uint64_t have = 0;
    int64_t us;
    struct feed_sub *s = consumer(&p);
    struct feed_pub *f = kit_pub(&p, "main/a", NULL, 1 << 20, false);
    usleep(300000);
    assert_null(feed_pub_orders(f, &have)); // none are given yet
    say(100, 2);
    const Callmesh__V1__Orders *o = await(f, &have, &us);
    assert_non_null(o);
    print_message("an order to a quiet publisher: %.0f ms\n", (double)us / 1e3);
    assert_int_equal(o->n_pauses, 2);
    assert_int_equal(o->pauses[1]->until_us, 100);
    assert_int_equal(have, 100);
    usleep(600000);
    assert_null(feed_pub_orders(f, &have)); // the same is not said again
    say(101, 64);                           // as much as there can be
    o = await(f, &have, &us);
    assert_non_null(o);
    assert_int_equal(o->n_pauses, 64);
    // Another owner of the same life asks as one that knows nothing.
    uint64_t fresh = 0;
    o = feed_pub_orders(f, &fresh);
    assert_non_null(o);
    assert_int_equal(fresh, 101);
    // Another life of the publisher, with another name: told at its first Ask.
    struct feed_pub *g = kit_pub(&p, "main/b", NULL, 1 << 20, false);
    fresh = 0;
    o = await(g, &fresh, &us);
    assert_non_null(o);
    assert_int_equal(o->n_pauses, 64);
    say(102, 0);
    o = await(f, &have, &us);
    assert_non_null(o);
    assert_int_equal(o->n_pauses, 0);
    feed_pub_stop(f);
    feed_pub_stop(g);
    feed_sub_stop(s);
}

static uint64_t heard(void)
{
    pthread_mutex_lock(&said.lock);
    uint64_t have = said.have;
    pthread_mutex_unlock(&said.lock);
    return have;
}

// Who keeps orders on disk has them when they are there: until then they come with each reply.
static void the_consumer_hears_what_is_kept(void **state)
{
    (void)state;
    struct ports p = kit_ports();
    char err[256] = "";
    uint64_t have = 0;
    int64_t us;
    said.version = 0;
    struct feed_sub *s = consumer(&p);
    struct feed_pub *f = NULL;
    struct feed_pub_opts o = {.publisher = "main/k",
                              .site = "main",
                              .kind = CALLMESH__V1__KIND__KIND_SIG,
                              .pub_url = p.pub,
                              .ask_url = p.ask,
                              .journal_bytes = 1 << 20,
                              .keeps_orders = true};
    assert_int_equal(feed_pub_open(&f, &o, err, sizeof err), 0);
    say(200, 1);
    assert_non_null(await(f, &have, &us));
    usleep(900000); // two Asks of a quiet feed
    assert_int_equal(heard(), 0);
    feed_pub_orders_kept(f, have);
    for (int i = 0; i < 5000 && heard() != 200; i++)
        usleep(1000);
    assert_int_equal(heard(), 200);
    feed_pub_stop(f);
    feed_sub_stop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_level_that_every_life_hears),
                                       cmocka_unit_test(the_consumer_hears_what_is_kept),
                                       cmocka_unit_test(kit_nothing_is_held)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
