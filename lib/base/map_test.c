#include "base/map.h"

#include "tests/support/test.h"

// A value v (1 .. N) has the key keys[v].
#define N 500
static uint64_t keys[N + 1];

static bool same_key(const void *ctx, uint64_t value, const void *key)
{
    (void)ctx;
    return keys[value] == *(const uint64_t *)key;
}

static void fill_pass_drain(void **state)
{
    (void)state;
    struct map *m = map_new(N, same_key, NULL);
    for (uint64_t v = 1; v <= N; v++) {
        keys[v] = v * 7919;
        assert_true(map_put(m, map_hash(&keys[v], 8), v));
    }
    assert_false(map_put(m, 1, 1));
    assert_int_equal(map_refused(m), 1);
    assert_int_equal(map_used(m), N);
    for (uint64_t v = 1; v <= N; v++) {
        map_prefetch(m, map_hash(&keys[v], 8));
        assert_int_equal(map_get(m, map_hash(&keys[v], 8), &keys[v]), v);
        assert_true(map_del(m, map_hash(&keys[v], 8), v));
        assert_false(map_del(m, map_hash(&keys[v], 8), v));
        assert_int_equal(map_get(m, map_hash(&keys[v], 8), &keys[v]), 0);
    }
    assert_int_equal(map_used(m), 0);
    assert_true(map_put(m, map_hash(&keys[1], 8), 1));
    map_free(m);
}

// Against an array of flags. hash_bits makes collisions: 0 puts everything in one chain.
static void against_model(uint64_t hash_mask, uint64_t start)
{
    struct map *m = map_new(N, same_key, NULL);
    struct rnd r = {start};
    bool in[N + 1] = {false};
    size_t used = 0;
    for (uint64_t v = 1; v <= N; v++)
        keys[v] = rnd_u64(&r);
    for (int i = 0; i < 20000; i++) {
        uint64_t v = 1 + rnd_below(&r, N);
        uint64_t hash = (keys[v] >> 7) & hash_mask;
        if (in[v]) {
            assert_int_equal(map_get(m, hash, &keys[v]), v);
            assert_true(map_del(m, hash, v));
        } else {
            assert_int_equal(map_get(m, hash, &keys[v]), 0);
            assert_true(map_put(m, hash, v));
        }
        in[v] = !in[v];
        used += in[v] ? 1 : (size_t)-1;
        assert_int_equal(map_used(m), used);
    }
    for (uint64_t v = 1; v <= N; v++)
        assert_int_equal(map_get(m, (keys[v] >> 7) & hash_mask, &keys[v]), in[v] ? v : 0);
    map_free(m);
}

static void random_operations(void **state)
{
    (void)state;
    against_model(UINT64_MAX, 1);
    against_model(0x1F, 2);
    against_model(0x3FF, 3); // homes at the end of the table: chains wrap around
    against_model(0, 4);
}

static void hash_depends_on_every_byte(void **state)
{
    (void)state;
    uint8_t k[40] = {0};
    uint64_t h = map_hash(k, sizeof(k));
    assert_int_equal(map_hash(k, sizeof(k)), h);
    for (size_t i = 0; i < sizeof(k); i++) {
        k[i] = 1;
        assert_true(map_hash(k, sizeof(k)) != h);
        k[i] = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fill_pass_drain),
        cmocka_unit_test(random_operations),
        cmocka_unit_test(hash_depends_on_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
