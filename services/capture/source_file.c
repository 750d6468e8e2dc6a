#include <errno.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include "base/mono.h"
#include "source_priv.h"

#define FILE_BUFFER_BYTES (256 * 1024)
#define READ_PACKETS      512 // a call of source_read; keeps the loop around it awake

void source_on_packet(unsigned char *user, const struct pcap_pkthdr *h, const unsigned char *data)
{
    const struct source_call *call = (const void *)user;
    struct source_packet p = {
        .frame = {data, h->caplen},
        .at_us = (int64_t)h->ts.tv_sec * US_PER_S + h->ts.tv_usec,
        .wire_length = h->len,
    };
    call->fn(call->ctx, &p);
}

int source_set_filter(struct source *s, const char *filter, char *err, size_t err_cap)
{
    struct bpf_program prog;
    if (!*filter)
        return 0;
    if (pcap_compile(s->pcap, &prog, filter, 1, PCAP_NETMASK_UNKNOWN) != 0) {
        snprintf(err, err_cap, "filter \"%s\": %s", filter, pcap_geterr(s->pcap));
        return EX_USAGE;
    }
    int r = pcap_setfilter(s->pcap, &prog);
    pcap_freecode(&prog);
    if (r == 0)
        return 0;
    snprintf(err, err_cap, "filter \"%s\": %s", filter, pcap_geterr(s->pcap));
    return EX_USAGE;
}

// libpcap says -1 for a file that stops inside a packet and for one that is broken; both end here, with what was read kept.
static enum source_result file_result(struct source *s, int n)
{
    if (n > 0)
        return SOURCE_MORE;
    if (n == 0)
        return SOURCE_END;
    snprintf(s->error, sizeof s->error, "%s", pcap_geterr(s->pcap));
    return SOURCE_FAILED;
}

// One packet when its time has come; the wait is bounded so that the caller can look around.
static enum source_result file_read_paced(struct source *s, int64_t timeout_us,
                                          const struct source_call *call)
{
    if (!s->held) {
        int r = pcap_next_ex(s->pcap, &s->held, &s->held_data);
        if (r != 1) {
            s->held = NULL;
            return file_result(s, r == PCAP_ERROR_BREAK ? 0 : r);
        }
    }
    int64_t at_us = (int64_t)s->held->ts.tv_sec * US_PER_S + s->held->ts.tv_usec;
    int64_t now_us = mono_now_us();
    if (!s->first_mono_us) {
        s->first_mono_us = now_us;
        s->first_at_us = at_us;
    }
    int64_t due_us = s->first_mono_us + (int64_t)((double)(at_us - s->first_at_us) / s->speed);
    if (due_us > now_us) {
        int64_t wait_us = due_us - now_us < timeout_us ? due_us - now_us : timeout_us;
        nanosleep(&(struct timespec){wait_us / US_PER_S, wait_us % US_PER_S * 1000}, NULL);
        if (due_us > now_us + wait_us)
            return SOURCE_IDLE;
    }
    union {
        const struct source_call *in;
        unsigned char *out;
    } user = {.in = call};
    struct pcap_pkthdr *h = s->held;
    s->held = NULL;
    source_on_packet(user.out, h, s->held_data);
    return SOURCE_MORE;
}

static enum source_result file_read(struct source *s, int64_t timeout_us, source_fn fn, void *ctx)
{
    struct source_call call = {fn, ctx};
    if (s->speed > 0)
        return file_read_paced(s, timeout_us, &call);
    return file_result(
        s, pcap_dispatch(s->pcap, READ_PACKETS, source_on_packet, (unsigned char *)&call));
}

static struct source_stat file_stat(struct source *s)
{
    long at = s->size ? ftell(s->fp) : 0;
    return (struct source_stat){.position = at > 0 ? (uint64_t)at : 0, .size = s->size};
}

void source_close_pcap(struct source *s)
{
    bool ours = s->fp != stdin;
    pcap_close(s->pcap); // closes fp, but not standard input, which keeps its buffer
    if (ours)
        free(s->buffer);
}

static const struct source_ops file_ops = {file_read, file_stat, source_close_pcap, NULL};

int source_file_open(struct source **ret, const struct source_opts *o, char *err, size_t err_cap)
{
    char pcap_err[PCAP_ERRBUF_SIZE];
    struct stat st;
    bool pipe = strcmp(o->name, "-") == 0;
    FILE *fp = pipe ? stdin : fopen(o->name, "rb");
    if (!fp || fstat(fileno(fp), &st) != 0 || S_ISDIR(st.st_mode)) {
        int why = fp ? EISDIR : errno;
        snprintf(err, err_cap, "%s: %s", o->name, strerror(why));
        if (fp && !pipe)
            fclose(fp);
        return why == EACCES ? EX_NOPERM : EX_NOINPUT;
    }
    struct source *s = calloc(1, sizeof *s);
    char *buffer = malloc(FILE_BUFFER_BYTES);
    if (!s || !buffer) {
        snprintf(err, err_cap, "no memory");
        free(buffer);
        free(s);
        if (!pipe)
            fclose(fp);
        return EX_OSERR;
    }
    // glibc heeds the size only with a buffer that is given: with NULL it reads 4 KiB at a time.
    setvbuf(fp, buffer, _IOFBF, FILE_BUFFER_BYTES);
    __fsetlocking(fp, FSETLOCKING_BYCALLER); // one thread reads it: no lock at each packet
    s->pcap = pcap_fopen_offline(fp, pcap_err);
    s->buffer = buffer;
    s->fp = fp;
    s->ops = &file_ops;
    s->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    s->speed = o->speed;
    s->fd = -1;
    if (!s->pcap) {
        snprintf(err, err_cap, "%s: not a capture file: %s", o->name, pcap_err);
        fclose(fp); // standard input too: its buffer goes
        free(s->buffer);
        free(s);
        return EX_DATAERR;
    }
    int r = source_set_filter(s, o->filter, err, err_cap);
    if (r) {
        source_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

struct source *source_close(struct source *s)
{
    if (s) {
        s->ops->close(s);
        free(s);
    }
    return NULL;
}

struct source *source_new(const struct source_ops *ops, int link_type, void *own)
{
    struct source *s = calloc(1, sizeof *s);
    if (s) {
        s->ops = ops;
        s->fd = -1;
        s->link_type = link_type;
        s->own = own;
    }
    return s;
}

int source_link_type(const struct source *s)
{
    return s->pcap ? pcap_datalink(s->pcap) : s->link_type;
}

int source_pollfds(const struct source *s, struct pollfd *fds, int cap)
{
    return s->ops->pollfds ? s->ops->pollfds(s, fds, cap) : 0;
}

enum source_result source_read(struct source *s, int64_t timeout_us, source_fn fn, void *ctx)
{
    return s->ops->read(s, timeout_us, fn, ctx);
}

const char *source_error(const struct source *s)
{
    return s->error;
}

struct source_stat source_stat(struct source *s)
{
    return s->ops->stat(s);
}
