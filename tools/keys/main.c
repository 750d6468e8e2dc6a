// callmesh-keys: list, rotate and forget master keys; print the content of a stored file. Beside running services: they look into keys.dir when they meet a key
// that they do not know. Exit 0, 1 not done (said why), 64 usage, 66 no such folder.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "vault/keyring.h"
#include "vault/reader.h"

static struct keyring keys;

static int say(const struct keyring_count *c, int r)
{
    if (r < 0)
        (void)fprintf(stderr, "callmesh-keys: %s\n", strerror(-r));
    if (c->failed > 0)
        (void)fprintf(stderr, "callmesh-keys: %llu data keys could not be wrapped; the first: %s\n",
                      (unsigned long long)c->failed, c->first_failed);
    return r < 0 || c->failed > 0;
}

static int list(void)
{
    struct keyring_count c;
    for (uint32_t v = 1; v <= keyring_version(&keys); v++) {
        int r = keyring_users(&keys, v, &c);
        if (r < 0)
            return say(&c, r);
        (void)printf("master-%u %llu data keys%s\n", v, (unsigned long long)c.with_version,
                     v == keyring_version(&keys) ? " (in use)" : "");
    }
    (void)printf("%llu data keys destroyed\n", (unsigned long long)c.destroyed);
    return 0;
}

static int rotate(void)
{
    struct keyring_count c = {0};
    int r = keyring_new_master(&keys);
    if (r == 0)
        r = keyring_rewrap(&keys, &c);
    if (r == 0)
        (void)printf("master-%u in use; %llu data keys wrapped by it, %llu had been, %llu are "
                     "destroyed\n",
                     keyring_version(&keys), (unsigned long long)c.rewrapped,
                     (unsigned long long)c.kept, (unsigned long long)c.destroyed);
    return say(&c, r);
}

static int forget(const char *text)
{
    uint32_t v;
    if (!span_u32(span_str(text), UINT32_MAX, &v))
        return 64;
    int r = keyring_forget(&keys, v);
    if (r == -EBUSY)
        (void)fprintf(stderr,
                      "callmesh-keys: master-%u is in use or still wraps data keys: rotate "
                      "first\n",
                      v);
    else if (r < 0)
        (void)fprintf(stderr, "callmesh-keys: master-%u: %s\n", v, strerror(-r));
    else
        (void)printf("master-%u destroyed\n", v);
    return r < 0;
}

// The content of a stored file on stdout.
static int cat(const char *dir, const char *path)
{
    static struct reader reader;
    static uint8_t buf[SEAL_CHUNK];
    char full[4200];
    struct reader_source src;
    (void)snprintf(full, sizeof(full), "%s/%s", dir, path);
    int fd = open(full, O_RDONLY | O_CLOEXEC);
    int r = fd < 0 ? -errno : reader_init(&reader);
    if (r == 0)
        r = reader_source_fd(&src, fd);
    if (r == 0)
        r = reader_open(&reader, &src, path, &keys);
    ssize_t n = 0;
    for (uint64_t at = 0; r == 0 && (n = reader_read(&reader, at, buf, sizeof(buf))) > 0;) {
        r = fwrite(buf, 1, (size_t)n, stdout) == (size_t)n ? 0 : -EIO;
        at += (uint64_t)n;
    }
    r = r == 0 && n < 0 ? (int)n : r;
    if (r != 0)
        (void)fprintf(stderr, "callmesh-keys: %s: %s\n", full,
                      r == -EBADMSG              ? "it is not what was written"
                      : r == KEYRING_E_DESTROYED ? "its key was destroyed"
                      : r > 0                    ? "its key is not here"
                                                 : strerror(-r));
    return r != 0;
}

int main(int argc, char **argv)
{
    static const char text[] =
        "usage: callmesh-keys FOLDER list | rotate | forget N | cat RECORDINGS PATH\n";
    char err[320] = "";
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        (void)fputs(text, stdout);
        return 0;
    }
    const char *what = argc >= 3 ? argv[2] : "";
    bool good = argc == 3   ? strcmp(what, "list") == 0 || strcmp(what, "rotate") == 0
                : argc == 4 ? strcmp(what, "forget") == 0
                            : argc == 5 && strcmp(what, "cat") == 0;
    if (!good) {
        (void)fputs(text, stderr);
        return 64;
    }
    (void)umask(077);
    // What is written belongs to whoever owns the folder: root must not leave files that the recorder cannot read.
    struct stat st;
    if (stat(argv[1], &st) == 0 && geteuid() == 0 && st.st_uid != 0 &&
        (setegid(st.st_gid) != 0 || seteuid(st.st_uid) != 0)) {
        (void)fprintf(stderr, "callmesh-keys: cannot become the owner of %s\n", argv[1]);
        return 1;
    }
    if (keyring_open(&keys, argv[1], false, err, sizeof(err)) < 0) {
        (void)fprintf(stderr, "callmesh-keys: %s\n", err);
        return 66;
    }
    int r = argc == 5                   ? cat(argv[3], argv[4])
            : argc == 4                 ? forget(argv[3])
            : strcmp(what, "list") == 0 ? list()
                                        : rotate();
    keyring_close(&keys);
    return r;
}
