// s3_cli ENDPOINT BUCKET PREFIX put FILE KEY STATE | get KEY OFFSET N | size KEY | delete KEY: for s3_test.py. Keys from
// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, region from AWS_REGION, part size from S3_PART_BYTES, CA from S3_CA. The upload id
// lives in STATE. Exit: the S3_* value; the reason on stderr; put prints how many parts were there already.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "depot/s3.h"

static void save(void *ctx, const char *id)
{
    FILE *f = fopen(ctx, "we");
    if (f) {
        (void)fputs(id, f);
        (void)fclose(f);
    }
}

static int put(struct s3 *s, char **a)
{
    static char id[S3_UPLOAD_ID];
    FILE *f = fopen(a[2], "re");
    if (f) {
        id[fread(id, 1, sizeof(id) - 1, f)] = '\0';
        (void)fclose(f);
    }
    int r = s3_upload(s, a[0], a[1], id, save, a[2]);
    (void)printf("%llu\n", (unsigned long long)s3_stat(s).parts_resumed);
    return r;
}

static int get(struct s3 *s, char **a)
{
    static char buf[1 << 20];
    size_t n = 0;
    int r = s3_read(s, a[0], strtoull(a[1], NULL, 10), buf, strtoull(a[2], NULL, 10), &n);
    (void)fwrite(buf, 1, n, stdout);
    return r;
}

static const char *env(const char *name, const char *other)
{
    const char *v = getenv(name);
    return v ? v : other;
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 64;
    struct s3_opts o = {.endpoint = argv[1],
                        .bucket = argv[2],
                        .prefix = argv[3],
                        .region = env("AWS_REGION", "us-east-1"),
                        .access_key = env("AWS_ACCESS_KEY_ID", ""),
                        .secret_key = env("AWS_SECRET_ACCESS_KEY", ""),
                        .ca_file = env("S3_CA", ""),
                        .part_bytes = strtoull(env("S3_PART_BYTES", "0"), NULL, 10)};
    struct s3 *s = s3_new(&o);
    if (!s)
        return 70;
    int r = 64;
    if (strcmp(argv[4], "put") == 0 && argc == 8) {
        r = put(s, argv + 5);
    } else if (strcmp(argv[4], "get") == 0 && argc == 8) {
        r = get(s, argv + 5);
    } else if (strcmp(argv[4], "size") == 0) {
        uint64_t n = 0;
        r = s3_size(s, argv[5], &n);
        (void)printf("%llu\n", (unsigned long long)n);
    } else if (strcmp(argv[4], "delete") == 0) {
        r = s3_delete(s, argv[5]);
    }
    if (r != 0)
        (void)fprintf(stderr, "%s\n", s3_why(s));
    s3_free(s);
    return r;
}
