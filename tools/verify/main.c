// callmesh-verify: proves a folder of recordings with the public key alone, offline. Exit 0 proven, 1 something does not fit (it
// is named), 2 the recording or the head is not in the chain, 64 usage, 66 no such folder or key.
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "vault/keyring.h"
#include "vault/report.h"
#include "vault/verify.h"

static void usage(FILE *f)
{
    (void)fputs(
        "usage: callmesh-verify [RECORDING] [--site S] [--from HOUR] [--to HOUR] --dir FOLDER "
        "--public-key FILE\n"
        "                       [--head HASH] [--absent-ok] [--json]\n\n"
        "  RECORDING     an id: only its files are read (the chain of its site all the same)\n"
        "  --site S      one site; --from and --to: hours of writing, UTC, as 20261128T00\n"
        "  --public-key  of the recorder: keys.dir/signing.pub, kept where the recorder cannot "
        "write\n"
        "  --head HASH   chain_hash of a recording as the API told it: this entry must be there\n"
        "  --report FILE signed reports (completeness), one a line, instead of a folder; the daily "
        "ones of a site must follow each other\n"
        "  --absent-ok   files may be elsewhere (an object store)\n",
        f);
}

static const char *report;

static const char *report_words[] = {
    [REPORT_GOOD] = "proven",
    [REPORT_UNREADABLE] = "this is no report",
    [REPORT_FORGED] = "the signature does not fit: changed, or another key",
    [REPORT_UNCHAINED] = "it does not follow the one before: changed, left out or swapped"};

// A report a line. 0 good, 1 not, and the first that is not is named.
static int check_report(const uint8_t key[32])
{
    struct report_chain chain = {.n = 0};
    FILE *f = fopen(report, "r");
    char *text = NULL, *kept = NULL; // the line before: the chain borrows its site
    size_t room = 0;
    unsigned long long lines = 0;
    enum report_result r = REPORT_GOOD;
    if (!f) {
        (void)fprintf(stderr, "callmesh-verify: %s: %s\n", report, strerror(errno));
        return 66;
    }
    for (ssize_t n; r == REPORT_GOOD && (n = getline(&text, &room, f)) >= 0;) {
        r = report_check(span_trim(span_of(text, (size_t)n)), key, &chain);
        free(kept);
        kept = text;
        text = NULL;
        room = 0;
        lines++;
    }
    bool good = r == REPORT_GOOD && lines > 0 && !ferror(f);
    if (good)
        (void)printf("proven: %s: %llu report%s\n", report, lines, lines == 1 ? "" : "s");
    else
        (void)printf("BROKEN: %s: line %llu: %s\n", report, lines,
                     lines ? report_words[r] : "there is none");
    free(text);
    free(kept);
    (void)fclose(f);
    return !good;
}

static int read_options(int argc, char **argv, struct verify_opts *o, struct uuid *id,
                        uint8_t head[32], const char **key, bool *json)
{
    static const struct option longs[] = {{"dir", required_argument, NULL, 'd'},
                                          {"public-key", required_argument, NULL, 'k'},
                                          {"site", required_argument, NULL, 's'},
                                          {"from", required_argument, NULL, 'f'},
                                          {"to", required_argument, NULL, 't'},
                                          {"head", required_argument, NULL, 'H'},
                                          {"absent-ok", no_argument, NULL, 'a'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"report", required_argument, NULL, 'r'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (c) {
        case 'd':
            o->dir = optarg;
            break;
        case 'k':
            *key = optarg;
            break;
        case 's':
            o->site = optarg;
            break;
        case 'f':
            o->from = optarg;
            break;
        case 't':
            o->to = optarg;
            break;
        case 'H':
            if (!hex_get(span_str(optarg), head, 32))
                return 64;
            o->head = head;
            break;
        case 'a':
            o->absent_ok = true;
            break;
        case 'r':
            report = optarg;
            break;
        case 'j':
            *json = true;
            break;
        case 'h':
            usage(stdout);
            return -1;
        default:
            return 64;
        }
    }
    if (optind < argc) {
        if (!uuid_parse(span_str(argv[optind]), id) || optind + 1 < argc)
            return 64;
        o->recording = id;
    }
    return (o->dir || report) && *key ? 0 : 64;
}

static void print_json(const struct verify_result *r, const char *result)
{
    static char buf[4096];
    struct json j;
    json_init(&j, buf, sizeof(buf));
    json_obj(&j);
    json_kstr(&j, "result", result);
    json_kuint(&j, "chains", r->chains);
    json_kuint(&j, "hours", r->hours);
    json_kuint(&j, "entries", r->entries);
    json_kuint(&j, "recordings", r->recordings);
    json_kuint(&j, "files", r->files);
    json_kuint(&j, "bytes", r->bytes);
    json_kuint(&j, "erased", r->erased);
    json_kuint(&j, "absent", r->absent);
    json_key(&j, "broken");
    if (r->broken) {
        json_obj(&j);
        json_kstr(&j, "file", r->file);
        json_kstr(&j, "what", r->what);
        json_key(&j, "entry");
        r->has_entry ? json_uint(&j, r->entry) : json_null(&j);
        json_kuint(&j, "from_byte", r->from);
        json_kuint(&j, "to_byte", r->to);
        json_key(&j, "recording");
        uuid_is_zero(&r->id) ? json_null(&j) : json_uuid(&j, &r->id);
        json_obj_end(&j);
    } else {
        json_null(&j);
    }
    json_obj_end(&j);
    (void)printf("%.*s\n", (int)j.n, j.buf);
}

static void print_text(const struct verify_result *r, const char *result)
{
    if (r->broken) {
        char id[37] = "";
        if (!uuid_is_zero(&r->id))
            uuid_format(&r->id, id);
        (void)printf("BROKEN: %s: %s", r->file, r->what);
        if (r->has_entry)
            (void)printf("; entry %llu", (unsigned long long)r->entry);
        if (r->to > 0)
            (void)printf("; bytes %llu to %llu", (unsigned long long)r->from,
                         (unsigned long long)r->to);
        (void)printf("%s%s\n", id[0] ? "; recording " : "", id);
        return;
    }
    (void)printf("%s: %llu recordings, %llu files, %llu bytes as signed; %llu erased; %llu "
                 "entries in %llu hours of %llu sites\n",
                 result, (unsigned long long)r->recordings, (unsigned long long)r->files,
                 (unsigned long long)r->bytes, (unsigned long long)r->erased,
                 (unsigned long long)r->entries, (unsigned long long)r->hours,
                 (unsigned long long)r->chains);
    if (r->absent > 0)
        (void)printf("%llu files are not here\n", (unsigned long long)r->absent);
}

int main(int argc, char **argv)
{
    struct verify_opts o = {0};
    struct verify_result r;
    struct uuid id;
    uint8_t head[32];
    const char *key = NULL;
    bool json = false;
    int e = read_options(argc, argv, &o, &id, head, &key, &json);
    if (e == 64)
        usage(stderr);
    if (e != 0)
        return e < 0 ? 0 : e;
    e = keyring_read_public(key, o.public_key);
    if (e < 0) {
        (void)fprintf(stderr, "callmesh-verify: %s: %s\n", key,
                      e == -EBADMSG ? "this is no public key (64 hex digits)" : strerror(-e));
        return 66;
    }
    if (report)
        return check_report(o.public_key);
    e = verify_run(&o, &r);
    if (e < 0) {
        (void)fprintf(stderr, "callmesh-verify: %s/chain: %s\n", o.dir, strerror(-e));
        return 66;
    }
    bool missing = !r.broken && ((o.recording && !r.found_recording) || (o.head && !r.found_head));
    const char *result = r.broken ? "broken" : missing ? "not in the chain" : "proven";
    if (json)
        print_json(&r, result);
    else
        print_text(&r, result);
    return r.broken ? 1 : missing ? 2 : 0;
}
