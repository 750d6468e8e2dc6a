// The main of fuzz targets outside libFuzzer: every file of the given folders (and files) goes in once as it is,
// and MUTATIONS times changed by a generator with a fixed start, so a failure repeats. Ends with a line of counts.
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (1u << 20)
#ifndef MUTATIONS // fewer for targets that build much for each input
#define MUTATIONS 2000
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t files, mutations;
static uint64_t state;

// splitmix64
static uint64_t draw(void)
{
    uint64_t z = (state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static size_t below(size_t n)
{
    return n ? (size_t)(draw() % n) : 0;
}

// In a block of exactly its size, so that Asan sees the first byte too far.
static void give(const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    if (!copy)
        abort();
    memcpy(copy, data, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static size_t remove_part(uint8_t *b, size_t n)
{
    size_t from = below(n), len = 1 + below(n - from < 64 ? n - from : 64);
    if (len > n - from)
        len = n - from;
    memmove(b + from, b + from + len, n - from - len);
    return n - len;
}

static size_t double_part(uint8_t *b, size_t n)
{
    size_t from = below(n), len = 1 + below(n - from < 64 ? n - from : 64);
    if (len > n - from || len > INPUT_MAX - n)
        return n;
    memmove(b + from + len, b + from, n - from);
    return n + len;
}

static size_t mutate(uint8_t *b, size_t n)
{
    static const uint8_t odd[] = {0,   1,   0x7F, 0x80, 0xFF, '\r', '\n', ' ', '\t', ':', ';',
                                  ',', '=', '"',  '<',  '>',  '@',  '%',  '-', '0',  '9'};
    for (size_t i = 1 + below(4); i > 0; i--) {
        size_t kind = below(7);
        if (n == 0) {
            b[n++] = (uint8_t)draw();
            continue;
        }
        switch (kind) {
        case 0:
            b[below(n)] ^= (uint8_t)(1u << below(8));
            break;
        case 1:
            b[below(n)] = (uint8_t)draw();
            break;
        case 2:
            b[below(n)] = odd[below(sizeof(odd))];
            break;
        case 3:
            n = below(n + 1); // cut short
            break;
        case 4:
            n = remove_part(b, n);
            break;
        case 5:
            n = double_part(b, n);
            break;
        default: {
            size_t from = below(n), to = below(n), len = 1 + below(16);
            size_t room = n - (from > to ? from : to);
            memmove(b + to, b + from, len < room ? len : room);
        }
        }
    }
    return n;
}

static void run_file(const char *path)
{
    static uint8_t seed[INPUT_MAX], work[INPUT_MAX];
    FILE *f = fopen(path, "rb");
    if (!f) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    size_t n = fread(seed, 1, sizeof(seed), f);
    fclose(f);
    give(seed, n);
    files++;
    state = 1;
    for (size_t i = 0; i < n; i++)
        state = state * 31 + seed[i];
    for (int i = 0; i < MUTATIONS; i++) {
        memcpy(work, seed, n);
        give(work, mutate(work, n));
        mutations++;
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void run_folder(const char *path)
{
    char *names[4096];
    size_t n = 0;
    DIR *d = opendir(path);
    if (!d) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    for (struct dirent *e; (e = readdir(d)) && n < sizeof(names) / sizeof(names[0]);) {
        char full[4096];
        struct stat st;
        snprintf(full, sizeof(full), "%s/%s", path, e->d_name);
        if (e->d_name[0] != '.' && stat(full, &st) == 0 && S_ISREG(st.st_mode))
            names[n++] = strdup(full);
    }
    closedir(d);
    qsort(names, n, sizeof(names[0]), by_name);
    for (size_t i = 0; i < n; i++) {
        run_file(names[i]);
        free(names[i]);
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
            run_folder(argv[i]);
        else
            run_file(argv[i]);
    }
    printf("%llu files, %llu mutations: no failure\n", (unsigned long long)files,
           (unsigned long long)mutations);
    if (files == 0)
        fprintf(stderr, "no seeds: give a folder or files\n");
    return files == 0;
}
