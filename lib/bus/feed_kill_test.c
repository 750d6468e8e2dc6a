// Feeds under kill -9: of publishers with a journal file, and of consumers that keep their cursor with what they stored.
// The other process is this program again with a role as its first argument.
#include "feed_kit.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>

extern char **environ;

static pid_t run_role(char **argv)
{
    pid_t pid;
    argv[0] = (char[]){"/proc/self/exe"};
    assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
    return pid;
}

static int end_role(pid_t pid, int sig)
{
    int status;
    if (sig)
        kill(pid, sig);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// ---- roles --------------------------------------------------------------------------------------------------------

// publisher PUB ASK JOURNAL TO PAUSE_US: goes on where the journal ends, until number TO; 0 when all is committed.
static int publisher_role(char **a)
{
    struct ports p;
    snprintf(p.pub, sizeof(p.pub), "%s", a[2]);
    snprintf(p.ask, sizeof(p.ask), "%s", a[3]);
    uint64_t to = strtoull(a[5], NULL, 10);
    useconds_t pause = (useconds_t)strtoull(a[6], NULL, 10);
    struct feed_pub *f = kit_pub(&p, "site/capture", a[4], 1 << 20, true);
    uint8_t buf[300];
    for (uint64_t n; (n = feed_pub_stat(f).head_seq + 1) <= to;) {
        if (feed_pub_send_packed(f, kit_payload(buf, 8 + n % 290, n)) != 0)
            return 2;
        if (pause)
            usleep(pause);
    }
    bool all = feed_pub_flush(f, 20 * US_PER_S);
    feed_pub_stop(f);
    return all ? 0 : 3;
}

// What a consumer stores: the publisher's incarnation, then every number. One write() is its transaction.
struct store {
    int fd;
    uint8_t incarnation[16];
    uint64_t count;
};

static struct store store_open(const char *path)
{
    struct store st = {.fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
    off_t n = lseek(st.fd, 0, SEEK_END);
    if (n > 0 && pread(st.fd, st.incarnation, 16, 0) == 16)
        st.count = (uint64_t)(n - 16) / 8;
    return st;
}

// consumer PUB ASK STORE TO COMMIT_EVERY: stores numbers until TO; commits after each write.
static int consumer_role(char **a)
{
    struct ports p;
    snprintf(p.pub, sizeof(p.pub), "%s", a[2]);
    snprintf(p.ask, sizeof(p.ask), "%s", a[3]);
    struct store st = store_open(a[4]);
    uint64_t to = strtoull(a[5], NULL, 10), every = strtoull(a[6], NULL, 10), batch[64], n = 0;
    struct feed_sub *s = kit_sub(&p, 4);
    if (st.count > 0)
        feed_sub_set_cursor(s, "site/capture", span_of(st.incarnation, 16), st.count);
    struct feed_msg m;
    while (st.count < to) {
        if (feed_sub_next(s, 10 * US_PER_S, &m) != 1)
            return 4;
        if (m.lost_before != 0 || m.new_epoch != (m.env->seq == 1))
            return 5;
        if (st.count + n == 0 && write(st.fd, m.env->incarnation.data, 16) != 16)
            return 6;
        batch[n++] = kit_number(m.payload);
        if (n == every || st.count + n == to) {
            if (write(st.fd, batch, n * 8) != (ssize_t)(n * 8))
                return 6;
            st.count += n;
            n = 0;
            feed_sub_commit(s, m.slot, m.env->seq);
        }
    }
    // All is stored; stay, so that the publisher hears it, from this life's cursor if need be.
    if (feed_sub_next(s, 800000, &m) != 0)
        return 7;
    feed_sub_stop(s);
    return 0;
}

// ---- tests --------------------------------------------------------------------------------------------------------

static void publisher_killed(void **state)
{
    (void)state;
    struct ports p = kit_ports();
    char journal[] = "/tmp/callmesh-feed-XXXXXX", to[24], pause[] = "100", rm[64];
    assert_non_null(mkdtemp(journal));
    struct feed_sub *sub = kit_sub(&p, 4);
    struct kit_count k = {0};
    uint32_t kills = 0;
    for (uint64_t round = 1; round <= 12; round++) {
        snprintf(to, sizeof(to), "%u", 12000u);
        char *argv[] = {NULL, (char[]){"publisher"}, p.pub, p.ask, journal, to, pause, NULL};
        pid_t pid = run_role(argv);
        if (round < 12) {
            uint64_t until = k.taken + 100 + round * 7919 % 700; // at another place each time
            while (k.taken < until)
                kit_take(sub, &k, 1 + k.taken % 20, 7, 0, 10000);
            end_role(pid, SIGKILL);
            kills++;
        } else {
            kit_take(sub, &k, 12000 - k.taken, 16, 0, 5 * US_PER_S);
            assert_int_equal(end_role(pid, 0), 0);
        }
    }
    assert_int_equal(k.taken, 12000); // dense and without doubles: kit_take looked at each
    assert_int_equal(k.lost, 0);
    assert_true(k.new_epochs > 6);
    print_message("publisher killed %u times: 12000 of 12000, %u lives seen\n", kills,
                  k.new_epochs);
    feed_sub_stop(sub);
    snprintf(rm, sizeof(rm), "rm -rf '%s'", journal);
    assert_int_equal(system(rm), 0);
}

struct live_sender {
    struct feed_pub *f;
    uint64_t n;
};

static void *live_body(void *arg)
{
    struct live_sender *s = arg;
    uint8_t buf[300];
    for (uint64_t i = 1; i <= s->n; i++) {
        if (feed_pub_send_packed(s->f, kit_payload(buf, 8 + i % 290, i)) != 0)
            return NULL;
        usleep(100);
    }
    return NULL;
}

static void consumer_killed(void **state)
{
    (void)state;
    struct ports p = kit_ports();
    char path[] = "/tmp/callmesh-store-XXXXXX";
    close(mkstemp(path));
    struct live_sender s = {.f = kit_pub(&p, "site/capture", NULL, 8 << 20, false), .n = 8000};
    pthread_t t;
    pthread_create(&t, NULL, live_body, &s);
    char to[] = "8000", every[] = "9";
    char *argv[] = {NULL, (char[]){"consumer"}, p.pub, p.ask, path, to, every, NULL};
    for (unsigned round = 0; round < 10; round++) {
        pid_t pid = run_role(argv);
        usleep(60000 + round * 7919 % 50000);
        end_role(pid, SIGKILL);
    }
    pid_t pid = run_role(argv);
    pthread_join(t, NULL);
    if (!feed_pub_flush(s.f, 20 * US_PER_S)) {
        struct feed_pub_stat fs = feed_pub_stat(s.f);
        int status = 0;
        pid_t ended = waitpid(pid, &status, WNOHANG);
        fail_msg("head %llu committed %llu connected %d; consumer ended %d with %d, stored %llu",
                 (unsigned long long)fs.head_seq, (unsigned long long)fs.committed_seq,
                 fs.connected, ended == pid, WEXITSTATUS(status),
                 (unsigned long long)store_open(path).count);
    }
    assert_int_equal(end_role(pid, 0), 0);
    struct store st = store_open(path);
    assert_int_equal(st.count, 8000);
    for (uint64_t i = 0, v; i < 8000; i++) {
        assert_int_equal(pread(st.fd, &v, 8, (off_t)(16 + i * 8)), 8);
        assert_int_equal(v, i + 1);
    }
    assert_int_equal(feed_pub_stat(s.f).overwritten, 0);
    print_message("consumer killed 10 times: 8000 of 8000 stored, each once\n");
    close(st.fd);
    unlink(path);
    feed_pub_stop(s.f);
}

int main(int argc, char **argv)
{
    if (argc > 6 && strcmp(argv[1], "publisher") == 0)
        return publisher_role(argv);
    if (argc > 6 && strcmp(argv[1], "consumer") == 0)
        return consumer_role(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publisher_killed),
        cmocka_unit_test(consumer_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
