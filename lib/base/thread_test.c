#include "base/thread.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fail.h"
#include "tests/support/test.h"

struct seen {
    _Atomic int rounds;
    char name[16];
    int blocked;
};

static void body(struct thread *t, void *arg)
{
    struct seen *s = arg;
    sigset_t now;
    pthread_getname_np(pthread_self(), s->name, sizeof(s->name));
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    s->blocked = sigismember(&now, SIGTERM);
    do {
        atomic_fetch_add(&s->rounds, 1);
        sched_yield();
    } while (!thread_should_stop(t));
}

static void starts_and_stops(void **state)
{
    (void)state;
    struct thread t = {0};
    struct seen s = {0};
    sigset_t mine;
    thread_join(&t); // never started
    for (int i = 0; i < 3; i++) {
        assert_int_equal(thread_start(&t, "fifteen-letters", body, &s), 0);
        thread_join(&t);
        thread_join(&t);
        assert_true(s.rounds > i);
    }
    assert_string_equal(s.name, "fifteen-letters");
    assert_int_equal(s.blocked, 1);
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    assert_int_equal(sigismember(&mine, SIGTERM), 0);
}

// In a child: must() ends the process. Returns what it wrote.
static void expect_abort(void (*fn)(void), const char *text)
{
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fd[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        fn();
        _exit(0);
    }
    close(fd[1]);
    char out[1024];
    size_t n = 0;
    for (ssize_t r; n < sizeof(out) - 1 && (r = read(fd[0], out + n, sizeof(out) - 1 - n)) > 0;)
        n += (size_t)r;
    out[n] = 0;
    close(fd[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(out, text));
}

static struct owner owner;

static void claim(struct thread *t, void *arg)
{
    (void)t;
    (void)arg;
    thread_must_own(&owner);
}

static void claim_elsewhere(void)
{
    struct thread t = {0};
    thread_must_own(&owner);
    thread_start(&t, "stranger", claim, NULL);
    thread_join(&t);
}

static void owner_is_fixed_until_reset(void **state)
{
    (void)state;
    thread_must_own(&owner);
    thread_must_own(&owner);
    owner_reset(&owner);
    struct thread t = {0};
    assert_int_equal(thread_start(&t, "claims", claim, NULL), 0);
    thread_join(&t);
    owner_reset(&owner);
    expect_abort(claim_elsewhere, "thread stranger");
}

static void break_a_rule(void)
{
    err_trace(-5);
    int two = 2;
    must(two == 3);
}

static void assertions_name_the_place(void **state)
{
    (void)state;
    assert_int_equal(err_trace(0), 0);
    assert_int_equal(err_trace(-7), -7);
    expect_abort(break_a_rule, "failed: two == 3");
    expect_abort(break_a_rule, "last error -5 at ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_and_stops),
        cmocka_unit_test(owner_is_fixed_until_reset),
        cmocka_unit_test(assertions_name_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
