// seal_file KEYS RECORDINGS PATH < content: a file encrypted as the recorder does it, for http_test.py.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "vault/files.h"
#include "vault/keyring.h"

int main(int argc, char **argv)
{
    static uint8_t plain[SEAL_CHUNK + 1], out[SEAL_STRIDE];
    static struct keyring keys;
    struct seal s;
    struct data_key key;
    struct uuid id;
    char err[300] = "", full[1200];
    const char *base = argc == 4 ? strrchr(argv[3], '/') : NULL;
    if (!base || !uuid_parse(span_of(base + 1, 36), &id) ||
        keyring_open(&keys, argv[1], true, err, sizeof(err)) != 0 ||
        keyring_take(&keys, argv[3], &id, &key) != 0 || seal_init(&s) != 0 ||
        seal_begin(&s, &id, SEAL_AUDIO, &key, out) != 0) {
        (void)fprintf(stderr, "seal_file: %s\n", err);
        return 1;
    }
    (void)snprintf(full, sizeof(full), "%s/%s", argv[2], argv[3]);
    if (folders_make(full, 0755) != 0)
        return 1;
    FILE *f = fopen(full, "we");
    if (!f || fwrite(out, 1, SEAL_HEAD, f) != SEAL_HEAD)
        return 1;
    size_t n = fread(plain, 1, sizeof(plain), stdin);
    for (;;) {
        bool last = n <= SEAL_CHUNK;
        size_t part = last ? n : SEAL_CHUNK;
        if (seal_chunk(&s, plain, part, last, out) != 0 ||
            fwrite(out, 1, part + SEAL_TAG, f) != part + SEAL_TAG)
            return 1;
        if (last) {
            seal_deinit(&s);
            return fclose(f) == 0 ? 0 : 1;
        }
        plain[0] = plain[SEAL_CHUNK];
        n = 1 + fread(plain + 1, 1, SEAL_CHUNK, stdin);
    }
}
