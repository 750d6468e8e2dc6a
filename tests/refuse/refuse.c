// refuse.c: the N-th resource of a kind is refused, in a program that knows nothing of it (LD_PRELOAD). Which one says the environment:
//   REFUSE_STATE=FILE   struct state below, made by run.py, shared with all processes of the service
// Counting spans all threads and processes of a service, for it is one count in shared memory.
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum kind {
    MALLOC,
    MMAP,
    OPEN,
    SOCKET,
    DESCRIPTOR, // epoll, eventfd, pipes, timers
    THREAD,
    PROCESS,
    KINDS
};

struct state { // as run.py packs it: 8 bytes each, then the text
    uint64_t kind, nth, for_ever;
    _Atomic uint64_t frozen; // counts no more: the start is over
    _Atomic uint64_t fired;
    _Atomic uint64_t seen[KINDS];
    uint64_t at;     // where in that file
    char where[256]; // whose call it was
};

static struct state *state;

// Before anything of the program: a constructor's own calls go past the functions below.
__attribute__((constructor)) static void attach(void)
{
    const char *name = getenv("REFUSE_STATE");
    long fd = name ? syscall(SYS_openat, AT_FDCWD, name, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    long p = syscall(SYS_mmap, NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (p > 0)
        state = (struct state *)(uintptr_t)p;
}

static void remember(const void *caller)
{
    Dl_info info;
    if (!dladdr(caller, &info) || !info.dli_fname)
        return;
    state->at = (uint64_t)((uintptr_t)caller - (uintptr_t)info.dli_fbase);
    strncpy(state->where, info.dli_fname, sizeof state->where - 1);
}

static bool refuse(enum kind k, const void *caller)
{
    if (!state || atomic_load(&state->frozen))
        return false;
    uint64_t n = atomic_fetch_add(&state->seen[k], 1) + 1;
    if (state->kind != k || !state->nth || n < state->nth || (n > state->nth && !state->for_ever))
        return false;
    if (atomic_fetch_add(&state->fired, 1) == 0)
        remember(caller);
    return true;
}

#define REFUSED(kind, error)                                                                       \
    (refuse(kind, __builtin_return_address(0)) ? (errno = (error), true) : false)
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

// ---- memory ----

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);

void *malloc(size_t n)
{
    return REFUSED(MALLOC, ENOMEM) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return REFUSED(MALLOC, ENOMEM) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return REFUSED(MALLOC, ENOMEM) ? NULL : __libc_realloc(p, n);
}

void *aligned_alloc(size_t align, size_t n)
{
    return REFUSED(MALLOC, ENOMEM) ? NULL : __libc_memalign(align, n);
}

int posix_memalign(void **ret, size_t align, size_t n)
{
    void *p = refuse(MALLOC, __builtin_return_address(0)) ? NULL : __libc_memalign(align, n);
    if (p)
        *ret = p;
    return p ? 0 : ENOMEM;
}

void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t from)
{
    return REFUSED(MMAP, ENOMEM) ? MAP_FAILED : REAL(mmap)(at, n, prot, flags, fd, from);
}

void *mmap64(void *at, size_t n, int prot, int flags, int fd, off64_t from)
{
    return REFUSED(MMAP, ENOMEM) ? MAP_FAILED : REAL(mmap64)(at, n, prot, flags, fd, from);
}

// ---- files ----

#define OPEN_MODE(flags, mode)                                                                     \
    do {                                                                                           \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        if ((flags) & (O_CREAT | __O_TMPFILE))                                                     \
            mode = va_arg(more, mode_t);                                                           \
        va_end(more);                                                                              \
    } while (0)

int open(const char *name, int flags, ...)
{
    mode_t mode = 0;
    OPEN_MODE(flags, mode);
    return REFUSED(OPEN, EMFILE) ? -1 : REAL(open)(name, flags, mode);
}

int open64(const char *name, int flags, ...)
{
    mode_t mode = 0;
    OPEN_MODE(flags, mode);
    return REFUSED(OPEN, EMFILE) ? -1 : REAL(open64)(name, flags, mode);
}

int openat(int dir, const char *name, int flags, ...)
{
    mode_t mode = 0;
    OPEN_MODE(flags, mode);
    return REFUSED(OPEN, EMFILE) ? -1 : REAL(openat)(dir, name, flags, mode);
}

int openat64(int dir, const char *name, int flags, ...)
{
    mode_t mode = 0;
    OPEN_MODE(flags, mode);
    return REFUSED(OPEN, EMFILE) ? -1 : REAL(openat64)(dir, name, flags, mode);
}

FILE *fopen(const char *name, const char *mode)
{
    return REFUSED(OPEN, EMFILE) ? NULL : REAL(fopen)(name, mode);
}

FILE *fopen64(const char *name, const char *mode)
{
    return REFUSED(OPEN, EMFILE) ? NULL : REAL(fopen64)(name, mode);
}

DIR *opendir(const char *name)
{
    return REFUSED(OPEN, EMFILE) ? NULL : REAL(opendir)(name);
}

// ---- sockets and other descriptors ----

int socket(int domain, int type, int protocol)
{
    return REFUSED(SOCKET, EMFILE) ? -1 : REAL(socket)(domain, type, protocol);
}

int socketpair(int domain, int type, int protocol, int ret[2])
{
    return REFUSED(SOCKET, EMFILE) ? -1 : REAL(socketpair)(domain, type, protocol, ret);
}

int listen(int fd, int backlog)
{
    return REFUSED(SOCKET, EADDRINUSE) ? -1 : REAL(listen)(fd, backlog);
}

int epoll_create1(int flags)
{
    return REFUSED(DESCRIPTOR, EMFILE) ? -1 : REAL(epoll_create1)(flags);
}

int eventfd(unsigned int value, int flags)
{
    return REFUSED(DESCRIPTOR, EMFILE) ? -1 : REAL(eventfd)(value, flags);
}

int pipe(int ret[2])
{
    return REFUSED(DESCRIPTOR, EMFILE) ? -1 : REAL(pipe)(ret);
}

int pipe2(int ret[2], int flags)
{
    return REFUSED(DESCRIPTOR, EMFILE) ? -1 : REAL(pipe2)(ret, flags);
}

int timerfd_create(int clock, int flags)
{
    return REFUSED(DESCRIPTOR, EMFILE) ? -1 : REAL(timerfd_create)(clock, flags);
}

// ---- threads and processes ----

int pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*run)(void *), void *ctx)
{
    return refuse(THREAD, __builtin_return_address(0)) ? EAGAIN
                                                       : REAL(pthread_create)(ret, attr, run, ctx);
}

pid_t fork(void)
{
    return REFUSED(PROCESS, EAGAIN) ? -1 : REAL(fork)();
}
