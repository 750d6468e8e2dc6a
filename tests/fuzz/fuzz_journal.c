// A journal on disk whose files somebody has changed: three records of known bytes are written, then the input says where which
// bytes of which file become others (5 bytes a change: file, place (2), value, how many), or where a file is cut. Opened again, it gives
// only records as they were written, in order, each once; and it can be written on.
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "bus/journal.h"
#include "fuzz.h"

static char dir[64];
static const char *const files[] = {"journal", "000.seg", "001.seg"};

static struct journal *open_one(void)
{
    struct journal *j = NULL;
    char err[4400];
    struct journal_opts o = {.path = dir, .bytes = 128 << 10, .sync = true};
    return journal_open(&j, &o, err, sizeof err) == 0 ? j : NULL;
}

static void turns(struct journal *j)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < 20 && journal_turn(j, &lock) != JOURNAL_NOTHING; i++)
        ;
    pthread_mutex_unlock(&lock);
}

static void record_of(uint64_t seq, uint8_t out[40])
{
    for (int i = 0; i < 40; i++)
        out[i] = (uint8_t)(seq * 31 + (uint64_t)i);
}

static void change(struct cur *c)
{
    char path[128];
    uint8_t which = cur_u8(c);
    off_t at = cur_u16be(c);
    uint8_t value = cur_u8(c), count = cur_u8(c), bytes[64];
    (void)snprintf(path, sizeof path, "%s/%s", dir, files[which % 3]);
    if (which & 0x80) {
        (void)!truncate(path, at);
        return;
    }
    memset(bytes, value, sizeof bytes);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)!pwrite(fd, bytes, count % 64, at);
    close(fd);
}

static void read_all(struct journal *j)
{
    uint64_t from = 1, seq;
    struct span bytes;
    uint8_t want[40];
    for (int n = 0; journal_read(j, from, &seq, &bytes); n++) {
        fuzz_check(n < 8 && seq >= from && bytes.n == 40);
        record_of(seq, want);
        fuzz_check(memcmp(bytes.p, want, 40) == 0);
        from = seq + 1;
    }
}

static void append(struct journal *j)
{
    uint8_t bytes[40];
    record_of(journal_stat(j).next_seq, bytes);
    (void)journal_append(j, span_of(bytes, 10), span_of(bytes + 10, 30));
}

static void clear(void)
{
    char path[128];
    for (int i = -1; i < 8; i++) {
        if (i < 0)
            (void)snprintf(path, sizeof path, "%s/journal", dir);
        else
            (void)snprintf(path, sizeof path, "%s/%03d.seg", dir, i);
        unlink(path);
    }
    rmdir(dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!dir[0])
        (void)snprintf(dir, sizeof dir, "/dev/shm/callmesh-fuzz-%d", (int)getpid());
    clear();
    struct journal *j = open_one();
    fuzz_check(j);
    for (int i = 0; i < 3; i++)
        append(j);
    turns(j);
    journal_commit(j, 1);
    if (size > 0 && data[0] & 1)
        journal_close(j);
    journal_free(j);
    struct cur c = cur_of(span_of(data, size));
    cur_skip(&c, 1);
    for (int i = 0; i < 8 && cur_left(&c) >= 5; i++)
        change(&c);
    j = open_one();
    if (j) {
        struct journal_stat s = journal_stat(j);
        fuzz_check(s.next_seq > s.head_seq && s.committed_seq < s.next_seq);
        read_all(j);
        append(j);
        turns(j);
        read_all(j);
        journal_free(j);
    }
    clear();
    return 0;
}
