// powercut CUTS FOLDER: cuts the power under a journal, again and again, and looks whether anything is missing that it had
// let be seen. The file system is ext4 in a file on a loop device; the cut is its "going down" ioctl without a flush of its
// log: what has not reached the device is gone. Needs root. Exit 0 well, 1 something was lost, 77 not possible here.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/loop.h>

#include "base/mono.h"
#include "bus/journal.h"

#define GOING_DOWN         _IOR('X', 125, uint32_t)
#define DOWN_WITHOUT_FLUSH 2u
#define JOURNAL_BYTES      (4u << 20)

static char image[512], mnt[512], path[600], loop_dev[64];
static int loop_fd = -1;

static int skip_line(const char *what)
{
    printf("skipped: %s: %s\n", what, strerror(errno));
    return 77;
}

static int loop_attach(void)
{
    int ctl = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int file = open(image, O_RDWR | O_CLOEXEC), n;
    for (int tries = 0; ctl >= 0 && file >= 0 && tries < 16; tries++) {
        if ((n = ioctl(ctl, LOOP_CTL_GET_FREE)) < 0)
            break;
        snprintf(loop_dev, sizeof(loop_dev), "/dev/loop%d", n);
        loop_fd = open(loop_dev, O_RDWR | O_CLOEXEC);
        if (loop_fd >= 0 && ioctl(loop_fd, LOOP_SET_FD, file) == 0)
            break;
        if (loop_fd >= 0)
            close(loop_fd);
        loop_fd = -1;
    }
    if (ctl >= 0)
        close(ctl);
    if (file >= 0)
        close(file);
    return loop_fd >= 0 ? 0 : -1;
}

static int prepare(const char *folder)
{
    char cmd[700];
    snprintf(image, sizeof(image), "%s/powercut.ext4", folder);
    snprintf(mnt, sizeof(mnt), "%s/powercut.mnt", folder);
    snprintf(path, sizeof(path), "%s/journal", mnt);
    if (geteuid() != 0) {
        errno = EPERM;
        return skip_line("root is needed");
    }
    int fd = open(image, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, 48 << 20) != 0)
        return skip_line(image);
    close(fd);
    snprintf(cmd, sizeof(cmd), "mkfs.ext4 -q -F '%s' >/dev/null 2>&1", image);
    if (system(cmd) != 0) {
        errno = ENOENT;
        return skip_line("mkfs.ext4");
    }
    mkdir(mnt, 0700);
    if (loop_attach() < 0)
        return skip_line("a loop device");
    return mount(loop_dev, mnt, "ext4", 0, NULL) == 0 ? 0 : skip_line("mount ext4");
}

static void tidy(void)
{
    umount2(mnt, MNT_DETACH);
    if (loop_fd >= 0)
        ioctl(loop_fd, LOOP_CLR_FD, 0);
    unlink(image);
    rmdir(mnt);
}

static size_t body(uint8_t *buf, uint64_t seq)
{
    size_t n = 8 + seq * 2654435761u % 3000;
    for (size_t i = 0; i < n; i++)
        buf[i] = (uint8_t)(seq * 31 + i * 7);
    memcpy(buf, &seq, 8);
    return n;
}

// The writer: appends, turns, and says through the pipe what may be seen, as a publisher would publish it.
static void writer(int out)
{
    char err[4400];
    uint8_t buf[3100];
    struct journal *j;
    struct journal_opts o = {.path = path, .bytes = JOURNAL_BYTES, .sync = true};
    if (journal_open(&j, &o, err, sizeof(err)) < 0)
        _exit(2);
    for (unsigned i = 0;; i++) {
        for (unsigned k = 0; k < 1 + i % 7; k++)
            journal_append(j, span_of(buf, body(buf, journal_stat(j).next_seq)), (struct span){0});
        if (i % 5 == 0)
            journal_commit(j, journal_stat(j).head_seq > 100 ? journal_stat(j).head_seq - 100 : 0);
        int64_t us = journal_turn(j, NULL);
        struct journal_stat st = journal_stat(j);
        uint64_t say[2] = {st.head_seq, st.io_failed};
        if (write(out, say, sizeof(say)) != sizeof(say))
            _exit(0);
        usleep(us > 0 && us < 3000 ? (useconds_t)us : 300);
    }
}

// What was seen is there, dense and unchanged, from the journal's first record on.
static int verify(uint64_t seen, struct journal_stat *ret)
{
    char err[4400];
    uint8_t want[3100];
    struct journal *j;
    struct journal_opts o = {.path = path, .bytes = JOURNAL_BYTES, .sync = true};
    if (journal_open(&j, &o, err, sizeof(err)) < 0) {
        printf("not opened: %s\n", err);
        return 1;
    }
    struct journal_stat st = *ret = journal_stat(j);
    uint64_t at = st.first_seq, seq;
    struct span s;
    int bad = 0;
    for (; journal_read(j, at, &seq, &s); at = seq + 1)
        if (seq != at && seq <= seen)
            bad = printf("record %" PRIu64 " is missing\n", at);
        else if (s.n != body(want, seq) || memcmp(s.p, want, s.n) != 0)
            bad = printf("record %" PRIu64 " has changed\n", seq);
    if (at <= seen)
        bad = printf("the end is missing: %" PRIu64 " of %" PRIu64 "\n", at - 1, seen);
    journal_free(j);
    return bad ? 1 : 0;
}

static int cut(unsigned n, uint64_t *seen)
{
    int ready[2];
    uint64_t say[2];
    if (pipe(ready) != 0)
        return 1;
    pid_t pid = fork();
    if (pid == 0) {
        close(ready[0]);
        writer(ready[1]);
    }
    close(ready[1]);
    int dir = open(mnt, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int64_t end = 0; // begins with the first new record
    uint64_t got = 0;
    bool cut_done = false;
    // What was said before the cut returned was durable before; what failed afterwards is not seen by rule.
    while (read(ready[0], say, sizeof(say)) == (ssize_t)sizeof(say)) {
        if (say[0] > got)
            got = say[0];
        if (end == 0 && got > *seen)
            end = mono_now_us() + 20000 + n * 7919 % 400 * 1000;
        if (!cut_done && end != 0 && mono_now_us() > end) {
            uint32_t how = DOWN_WITHOUT_FLUSH;
            if (ioctl(dir, GOING_DOWN, &how) != 0)
                break;
            cut_done = true;
            end = mono_now_us() + 30000; // it runs on into the dead disk, and must not say more
        } else if (cut_done && mono_now_us() > end) {
            break;
        }
    }
    close(dir);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(ready[0]);
    if (!cut_done)
        return printf("no cut: %s\n", strerror(errno)) ? 1 : 1;
    *seen = got;
    for (int tries = 0; umount(mnt) != 0 && tries < 100; tries++)
        usleep(20000);
    if (mount(loop_dev, mnt, "ext4", 0, NULL) != 0)
        return printf("mount after the cut: %s\n", strerror(errno)) ? 1 : 1;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: powercut CUTS FOLDER\n");
        return 64;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    int r = prepare(argv[2]);
    uint64_t seen = 0, lost = 0;
    unsigned cuts = (unsigned)strtoul(argv[1], NULL, 10);
    for (unsigned i = 0; r == 0 && i < cuts; i++) {
        struct journal_stat st = {0};
        uint64_t before = seen;
        r = cut(i, &seen);
        if (r == 0)
            r = verify(seen, &st);
        lost += st.damaged;
        if (r == 0)
            printf("cut %u: %" PRIu64 " seen before it, all there; head %" PRIu64 ", epoch %" PRIu64
                   "\n",
                   i + 1, seen - before, st.head_seq, st.epoch);
        if (st.head_seq > seen)
            seen = st.head_seq;
    }
    if (r == 0)
        printf("%u cuts, %" PRIu64 " records, none lost that was seen; %" PRIu64
               " that were not seen are declared\n",
               cuts, seen, lost);
    tidy();
    return r;
}
