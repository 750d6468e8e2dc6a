// A worker that counts in memory of its own, dies in every way at every place, and whose count must be right: the family is real
// processes; what each step did is a mark in shared memory.
#include "heirs.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "tests/support/test.h"

#define STEPS 400

static struct shared {
    struct heirs_shared heirs;
    _Atomic bool done;
    _Atomic uint64_t begun; // steps written down, as live_decide.c does
    _Atomic uint32_t tries[STEPS];
    uint64_t sum, skipped, resets_seen;
    int worker_pid, parked_pid;
} * all;

static struct {
    uint64_t poison, second_poison; // steps that crash whoever does them; STEPS: none
    uint64_t sum, at, skipped;      // private: what a successor must find as it was
    bool kill_parked, always;
} run;
static struct heirs family;

static void crash(void)
{
    signal(SIGSEGV, SIG_DFL); // cmocka has one of its own
    raise(SIGSEGV);
}

static void step(uint64_t at)
{
    uint64_t place = at << 20;
    atomic_store(&all->heirs.place, place);
    atomic_fetch_add(&all->tries[at], 1);
    if (heirs_skips(&family, place)) {
        run.skipped++;
        return;
    }
    if (at == run.poison || at == run.second_poison || run.always)
        crash();
    run.sum += at;
}

static void work(void *ctx, bool reset)
{
    (void)ctx;
    if (reset) {
        all->resets_seen++;
        run.always = false;
        run.at = atomic_load(&all->begun);
    }
    while (heirs_park(&family) == HEIRS_NO_FORK)
        ;
    while (run.at < STEPS) {
        if (run.at % 20 == 19 && run.at >= atomic_load(&all->begun))
            heirs_park(&family);
        all->worker_pid = (int)getpid();
        all->parked_pid = family.parked_pid;
        if (run.at >= atomic_load(&all->begun))
            atomic_store(&all->begun, run.at + 1);
        step(run.at);
        run.at++;
        if (run.kill_parked)
            nanosleep(&(struct timespec){0, 300000}, NULL);
        if (heirs_orphan(&family))
            heirs_park(&family);
    }
    all->sum = run.sum;
    all->skipped = run.skipped;
    atomic_store(&all->done, true);
}

static pid_t start(void)
{
    all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(all, MAP_FAILED);
    family = (struct heirs){.shared = &all->heirs, .name = "test-worker"};
    pid_t root = fork();
    assert_true(root >= 0);
    if (root == 0) {
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        heirs_root(&family, work, NULL, &all->done);
    }
    return root;
}

static void finish(pid_t root)
{
    int status;
    assert_int_equal(waitpid(root, &status, 0), root);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static uint64_t sum_of_all(void)
{
    return (uint64_t)STEPS * (STEPS - 1) / 2;
}

static void setup_run(uint64_t poison)
{
    memset(&run, 0, sizeof run);
    run.poison = poison;
    run.second_poison = STEPS;
}

static void test_without_deaths_the_count_is_right(void **state)
{
    (void)state;
    setup_run(STEPS);
    finish(start());
    assert_int_equal(all->sum, sum_of_all());
    assert_int_equal(all->heirs.restarts, 0);
    assert_int_equal(all->heirs.resets, 0);
}

// A step that crashes two is left out, and no other.
static void test_a_place_that_ends_two_is_left_out(void **state)
{
    (void)state;
    static const uint64_t places[] = {0, 1, 48, 49, 50, 123, STEPS - 1};
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        setup_run(places[i]);
        finish(start());
        assert_int_equal(all->sum, sum_of_all() - places[i]);
        assert_int_equal(all->skipped, 1);
        assert_int_equal(all->heirs.faults, 2);
        assert_int_equal(all->heirs.restarts, 2);
        assert_int_equal(all->heirs.resets, 0);
        assert_int_equal(all->tries[places[i]], 3);
    }
}

static void test_two_bad_places_between_two_parkings(void **state)
{
    (void)state;
    setup_run(60);
    run.second_poison = 75;
    finish(start());
    assert_int_equal(all->sum, sum_of_all() - 60 - 75);
    assert_int_equal(all->skipped, 2);
    assert_int_equal(all->heirs.faults, 4);
}

// A state that crashes everywhere is not trusted for ever: the root begins anew.
static void test_a_state_that_always_crashes_is_given_up(void **state)
{
    (void)state;
    setup_run(STEPS);
    run.always = true;
    finish(start());
    assert_int_equal(all->resets_seen, 1);
    assert_int_equal(all->heirs.resets, 1);
    assert_true(all->heirs.faults <= HEIRS_FAULTS_MAX + 1);
}

static void kill_now_and_then(pid_t root, const int *victim)
{
    struct rnd rnd = {5};
    int status, kills = 0;
    while (waitpid(root, &status, WNOHANG) == 0) {
        nanosleep(&(struct timespec){0, 5000000 + (long)rnd_below(&rnd, 40000000)}, NULL);
        int pid = *(const volatile int *)victim;
        kills += pid > 1 && !atomic_load(&all->done) && kill(pid, SIGKILL) == 0;
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(kills > 3);
}

static void test_killed_workers_change_nothing(void **state)
{
    (void)state;
    setup_run(STEPS);
    run.kill_parked = true;
    pid_t root = start();
    kill_now_and_then(root, &all->worker_pid);
    assert_int_equal(all->sum, sum_of_all());
    assert_int_equal(all->heirs.faults, 0);
    assert_int_equal(all->heirs.resets, 0);
}

static void test_killed_copies_are_parked_anew(void **state)
{
    (void)state;
    setup_run(STEPS);
    run.kill_parked = true;
    pid_t root = start();
    kill_now_and_then(root, &all->parked_pid);
    assert_int_equal(all->sum, sum_of_all());
    assert_int_equal(all->heirs.resets, 0);
    assert_true(all->heirs.parked > STEPS / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_deaths_the_count_is_right),
        cmocka_unit_test(test_a_place_that_ends_two_is_left_out),
        cmocka_unit_test(test_two_bad_places_between_two_parkings),
        cmocka_unit_test(test_a_state_that_always_crashes_is_given_up),
        cmocka_unit_test(test_killed_workers_change_nothing),
        cmocka_unit_test(test_killed_copies_are_parked_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
