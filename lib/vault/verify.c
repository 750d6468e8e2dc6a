#include "vault/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct seen {
    struct uuid id;
    char hour[LEDGER_HOUR];
    uint32_t turn; // later ones count
    uint64_t offset;
};

struct verify {
    const struct verify_opts *o;
    struct verify_result *r;
    char site[256];
    char hour[LEDGER_HOUR];
    bool has_prev;
    uint8_t prev[32];
    struct seen *seen;
    size_t seen_n, seen_cap;
    struct proof proof;
    char line[LEDGER_LINE];
    struct ledger_stored stored;
    uint8_t buf[64 * 1024];
};

__attribute__((format(printf, 3, 4))) static void broken(struct verify *v, const char *file,
                                                         const char *fmt, ...)
{
    va_list ap;
    v->r->broken = true;
    (void)snprintf(v->r->file, sizeof(v->r->file), "%s", file);
    va_start(ap, fmt);
    (void)vsnprintf(v->r->what, sizeof(v->r->what), fmt, ap);
    va_end(ap);
}

static void broken_line(struct verify *v, uint64_t n, uint64_t from, uint64_t to, const char *what)
{
    char file[400];
    (void)snprintf(file, sizeof(file), "chain/%s/%s.jsonl", v->site, v->hour);
    broken(v, file, "%s", what);
    v->r->has_entry = true;
    v->r->entry = n;
    v->r->from = from;
    v->r->to = to;
}

// ---- the chain

static int remember(struct verify *v, const struct ledger_line *l, uint64_t offset)
{
    if (v->seen_n == v->seen_cap) {
        size_t cap = v->seen_cap ? 2 * v->seen_cap : 1024;
        struct seen *more = realloc(v->seen, cap * sizeof(*more));
        if (!more)
            return -ENOMEM;
        v->seen = more;
        v->seen_cap = cap;
    }
    struct seen *s = &v->seen[v->seen_n];
    s->id = l->id;
    s->turn = (uint32_t)v->seen_n++;
    s->offset = offset;
    memcpy(s->hour, v->hour, sizeof(s->hour));
    return 0;
}

static bool check_begin(struct verify *v, const struct ledger_line *l, uint64_t from, uint64_t to)
{
    if (l->kind != LEDGER_BEGIN) {
        broken_line(v, l->n, from, to, "the hour does not begin with its first line");
        return false;
    }
    if (!span_eq(l->hour, span_str(v->hour))) {
        broken_line(v, l->n, from, to, "this is the file of another hour");
        return false;
    }
    return true;
}

// One line; expected: its number. False: broken.
static bool check_line(struct verify *v, struct span line, uint64_t expected, uint64_t from,
                       struct ledger_line *l)
{
    uint64_t to = from + line.n;
    if (!ledger_parse(line, l)) {
        broken_line(v, expected, from, to, "this is no line of a chain");
        return false;
    }
    if (!keyring_verify(v->o->public_key, l->signed_part.p, l->signed_part.n, l->signature)) {
        broken_line(v, expected, from, to, "the signature does not fit the entry");
        return false;
    }
    if (l->n != expected) {
        broken_line(v, expected, from, to,
                    "an entry is missing, doubled or moved: its number does not follow");
        return false;
    }
    if (v->has_prev && memcmp(l->prev, v->prev, sizeof(v->prev)) != 0) {
        broken_line(v, expected, from, to,
                    "the entry does not follow the one before (previous hash)");
        return false;
    }
    if (l->n == 0 && !check_begin(v, l, from, to))
        return false;
    memcpy(v->prev, l->hash, sizeof(v->prev));
    v->has_prev = true;
    if (v->o->head && memcmp(v->o->head, l->hash, 32) == 0)
        v->r->found_head = true;
    v->r->entries++;
    return true;
}

// The next line into v->line. 1; 0 end; -1 broken.
static int next_line(struct verify *v, FILE *f, uint64_t expected, uint64_t from, size_t *ret_n)
{
    size_t n = 0;
    int c;
    while ((c = getc_unlocked(f)) != EOF && c != '\n') {
        if (n == sizeof(v->line)) {
            broken_line(v, expected, from, from + n, "a line longer than any entry");
            return -1;
        }
        v->line[n++] = (char)c;
    }
    *ret_n = n;
    if (c == EOF && n > 0) {
        broken_line(v, expected, from, from + n, "the last entry has no end: it was cut");
        return -1;
    }
    return c == EOF ? 0 : 1;
}

static int check_hour(struct verify *v)
{
    char path[1400];
    struct ledger_line l;
    (void)snprintf(path, sizeof(path), "%s/chain/%s/%s.jsonl", v->o->dir, v->site, v->hour);
    FILE *f = fopen(path, "re");
    if (!f)
        return -errno;
    uint64_t from = 0, n = 0;
    size_t len = 0;
    int r = 0, got = 0;
    while (r == 0 && (got = next_line(v, f, n, from, &len)) > 0 &&
           check_line(v, span_of(v->line, len), n, from, &l)) {
        if (l.kind == LEDGER_RECORDING || l.kind == LEDGER_ERASED)
            r = remember(v, &l, from);
        from += len + 1;
        n++;
    }
    (void)fclose(f);
    v->r->hours++;
    if (r == 0 && !v->r->broken && n == 0)
        broken_line(v, 0, 0, 0, "an empty hour");
    return r;
}

// ---- the files

static bool check_piece(struct verify *v, const struct ledger_stored *s)
{
    const struct proof *want = &s->proof, *have = &v->proof;
    if (have->pieces != want->pieces || have->level != want->level) {
        broken(v, s->path, "the entry's list of pieces does not fit its number of bytes");
        return false;
    }
    for (uint32_t i = 0; i < have->pieces; i++) {
        if (memcmp(have->piece[i], want->piece[i], PROOF_HASH) == 0)
            continue;
        proof_range(have, i, &v->r->from, &v->r->to);
        broken(v, s->path, "bytes %llu to %llu (piece %u) are not what was recorded",
               (unsigned long long)v->r->from, (unsigned long long)v->r->to - 1, i);
        return false;
    }
    if (memcmp(have->root, want->root, PROOF_HASH) == 0)
        return true;
    broken(v, s->path, "the entry's root does not fit its pieces");
    return false;
}

static int hash_file(struct verify *v, int fd, const struct ledger_stored *s)
{
    proof_begin(&v->proof, s->proof.lead, s->proof.chunk);
    for (;;) {
        ssize_t n = read(fd, v->buf, sizeof(v->buf));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            break;
        if (n > 0)
            proof_add(&v->proof, v->buf, (size_t)n);
    }
    proof_end(&v->proof);
    return 0;
}

static bool inside(const char *path)
{
    return path[0] != '/' && !strstr(path, "..");
}

// Size first: what was cut off or added is said as such.
static int check_file(struct verify *v, const struct ledger_stored *s)
{
    char path[1800];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/%s", v->o->dir, s->path);
    int fd = inside(s->path) ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd < 0 || fstat(fd, &st) != 0) {
        if (fd >= 0)
            (void)close(fd);
        v->r->absent++;
        if (!v->o->absent_ok)
            broken(v, s->path, "the file is not there");
        return 0;
    }
    int r = hash_file(v, fd, s);
    (void)close(fd);
    uint64_t size = v->proof.bytes, want = s->proof.bytes;
    v->r->files++;
    v->r->bytes += size;
    if (r == 0 && size == want) {
        (void)check_piece(v, s);
    } else if (r == 0) {
        v->r->from = size < want ? size : want;
        v->r->to = size < want ? want : size;
        broken(v, s->path,
               size < want ? "cut at byte %llu of %llu" : "%llu bytes, recorded were %llu",
               (unsigned long long)size, (unsigned long long)want);
    }
    return r;
}

static int check_erased(struct verify *v, const struct ledger_line *l)
{
    (void)l;
    v->r->erased++;
    return 0;
}

static int check_entry(struct verify *v, const struct seen *s)
{
    char path[1400];
    struct ledger_line l;
    size_t n = 0, at = 0;
    memcpy(v->hour, s->hour, sizeof(v->hour));
    (void)snprintf(path, sizeof(path), "%s/chain/%s/%s.jsonl", v->o->dir, v->site, s->hour);
    FILE *f = fopen(path, "re");
    if (!f)
        return -errno;
    int r = fseeko(f, (off_t)s->offset, SEEK_SET) == 0 ? next_line(v, f, 0, s->offset, &n) : -1;
    (void)fclose(f);
    if (r <= 0 || !ledger_parse(span_of(v->line, n), &l)) // it was good a moment ago
        return v->r->broken ? 0 : -EIO;
    v->r->id = l.id;
    v->r->found_recording = true;
    if (l.kind == LEDGER_ERASED)
        return check_erased(v, &l);
    v->r->recordings++;
    bool bad = false;
    r = 0;
    while (r == 0 && !v->r->broken && ledger_next_file(&l, &at, &v->stored, &bad))
        r = check_file(v, &v->stored);
    if (r == 0 && bad && !v->r->broken)
        broken_line(v, l.n, s->offset, s->offset + n, "the entry's list of files cannot be read");
    if (v->r->broken) {
        v->r->has_entry = true;
        v->r->entry = l.n;
    } else {
        memset(&v->r->id, 0, sizeof(v->r->id));
    }
    return r;
}

// By id, the latest first.
static int by_id(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    int c = memcmp(&x->id, &y->id, sizeof(x->id));
    return c ? c : x->turn < y->turn ? 1 : -1;
}

static int by_turn(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    return x->turn < y->turn ? -1 : x->turn > y->turn;
}

static int check_files(struct verify *v)
{
    size_t n = 0;
    if (v->seen_n == 0)
        return 0;
    qsort(v->seen, v->seen_n, sizeof(*v->seen), by_id);
    for (size_t i = 0; i < v->seen_n; i++) {
        bool latest = i == 0 || memcmp(&v->seen[i].id, &v->seen[i - 1].id, 16) != 0;
        bool asked = !v->o->recording || memcmp(&v->seen[i].id, v->o->recording, 16) == 0;
        if (latest && asked)
            v->seen[n++] = v->seen[i];
    }
    qsort(v->seen, n, sizeof(*v->seen), by_turn);
    int r = 0;
    for (size_t i = 0; i < n && r == 0 && !v->r->broken; i++)
        r = check_entry(v, &v->seen[i]);
    return r;
}

// ---- folders

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_hour(const struct dirent *e)
{
    return strlen(e->d_name) == 17 && strcmp(e->d_name + 11, ".jsonl") == 0;
}

static int is_site(const struct dirent *e)
{
    return e->d_name[0] != '.' && strcmp(e->d_name, "signing.pub") != 0;
}

static int check_site(struct verify *v)
{
    char dir[1300];
    struct dirent **list = NULL;
    (void)snprintf(dir, sizeof(dir), "%s/chain/%s", v->o->dir, v->site);
    int n = scandir(dir, &list, is_hour, by_name), r = n < 0 ? -errno : 0;
    v->has_prev = false;
    v->seen_n = 0;
    bool first = true;
    for (int i = 0; i < n; i++) {
        (void)snprintf(v->hour, sizeof(v->hour), "%.11s", list[i]->d_name);
        bool in = (!v->o->from || strcmp(v->hour, v->o->from) >= 0) &&
                  (!v->o->to || strcmp(v->hour, v->o->to) <= 0);
        if (r == 0 && in && !v->r->broken) {
            // The very first hour of a chain follows nothing.
            if (first && !v->o->from) {
                memset(v->prev, 0, sizeof(v->prev));
                v->has_prev = true;
            }
            r = check_hour(v);
            first = false;
        }
        free(list[i]);
    }
    free(list);
    v->r->chains++;
    return r == 0 && !v->r->broken ? check_files(v) : r;
}

int verify_run(const struct verify_opts *o, struct verify_result *ret)
{
    char dir[1200];
    struct dirent **list = NULL;
    memset(ret, 0, sizeof(*ret));
    struct verify *v = calloc(1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    v->o = o;
    v->r = ret;
    int r = proof_init(&v->proof);
    (void)snprintf(dir, sizeof(dir), "%s/chain", o->dir);
    int n = r == 0 ? scandir(dir, &list, is_site, by_name) : 0;
    if (n < 0)
        r = -errno;
    for (int i = 0; i < n; i++) {
        if (r == 0 && !ret->broken && (!o->site || strcmp(o->site, list[i]->d_name) == 0)) {
            (void)snprintf(v->site, sizeof(v->site), "%s", list[i]->d_name);
            r = check_site(v);
        }
        free(list[i]);
    }
    free(list);
    proof_deinit(&v->proof);
    free(v->seen);
    free(v);
    return r;
}
