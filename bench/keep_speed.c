// keep_speed FOLDER [MB]: what keeping costs while writing: the same bytes written plain without any hash, by the recorder's sink plain
// (three hashes), and encrypted. MB per CPU second of this process, best of three, without fsync's wait.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/mono.h"
#include "sink.h"

#define PIECE 320u // what a renderer writes at a time

static uint8_t data[PIECE * 205];
static struct sink sink;

static double plain_write(const char *path, uint64_t bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int64_t t0 = cpu_now_us();
    for (uint64_t n = 0; n < bytes && fd >= 0; n += sizeof(data))
        (void)!write(fd, data, sizeof(data));
    double s = (double)(cpu_now_us() - t0) / 1e6;
    (void)close(fd);
    (void)unlink(path);
    return (double)bytes / 1e6 / s;
}

static double by_sink(const char *path, uint64_t bytes, const struct sink_seal *seal)
{
    struct sink_sums sums;
    if (sink_open(&sink, path, seal) != 0)
        exit(1);
    int64_t t0 = cpu_now_us();
    for (uint64_t n = 0; n < bytes; n += PIECE)
        sink_write(&sink, data + n % sizeof(data), PIECE);
    double s = (double)(cpu_now_us() - t0) / 1e6;
    if (sink_commit(&sink, &sums) != 0)
        exit(1);
    (void)unlink(path);
    return (double)bytes / 1e6 / s;
}

int main(int argc, char **argv)
{
    char path[4100];
    struct data_key key = {{1}, {2}};
    struct sink_seal seal = {.key = &key, .recording = {{3}}, .part = SEAL_AUDIO};
    uint64_t bytes = (argc > 2 ? strtoull(argv[2], NULL, 10) : 256) * 1000000;
    double best[3] = {0};
    if (argc < 2 || sink_init(&sink) != 0)
        return 64;
    (void)snprintf(path, sizeof(path), "%s/keep_speed.tmp", argv[1]);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7 + (i >> 8));
    for (int i = 0; i < 3; i++) {
        double v[3] = {plain_write(path, bytes), by_sink(path, bytes, NULL),
                       by_sink(path, bytes, &seal)};
        for (int k = 0; k < 3; k++)
            best[k] = v[k] > best[k] ? v[k] : best[k];
    }
    (void)printf("{\"write_mb_per_cpu_s\":%.0f,\"hashed_mb_per_cpu_s\":%.0f,"
                 "\"encrypted_and_hashed_mb_per_cpu_s\":%.0f}\n",
                 best[0], best[1], best[2]);
    sink_deinit(&sink);
    return 0;
}
