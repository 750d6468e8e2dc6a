#include "certificate.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include "base/log.h"
#include "base/mono.h"
#include "bus/cert.h"
#include "bus/secret.h"
#include "stats.h"

#define ANSWER_US (5 * US_PER_S)
#define STEP_MS   100

static const Callmesh__V1__ControlReply *ask(struct certificate *c)
{
    static char csr[CERT_REQUEST_MAX]; // one thread
    uint8_t signature[SECRET_SIGNATURE];
    size_t n;
    int r = cert_request(c->key, csr, sizeof(csr), &n);
    struct secret_question s = {
        .what = SPAN_LIT("renew"), .site = span_str(c->site), .subject = span_of(csr, r ? 0 : n)};
    if (r == 0)
        r = secret_sign(&s, signature);
    if (r < 0) {
        log_error("no next certificate can be asked for", "key=%s error=\"%s\"", c->key,
                  strerror(-r));
        return NULL;
    }
    Callmesh__V1__RenewRequest q = CALLMESH__V1__RENEW_REQUEST__INIT;
    Callmesh__V1__ControlRequest m = CALLMESH__V1__CONTROL_REQUEST__INIT;
    q.site = (char *)(uintptr_t)c->site; // packed, not written to
    q.csr = (ProtobufCBinaryData){n, (uint8_t *)csr};
    q.signature = (ProtobufCBinaryData){sizeof(signature), signature};
    m.protocol_version = BUS_PROTOCOL_VERSION;
    m.from = (char *)(uintptr_t)c->name;
    m.request_case = CALLMESH__V1__CONTROL_REQUEST__REQUEST_RENEW;
    m.renew = &q;
    return ask_call(c->ask, &m, ANSWER_US);
}

// True: it is there. NULL in *ret_why: it is not due at the centre, or nobody answers.
static bool renew(struct certificate *c, const char **ret_why)
{
    const Callmesh__V1__ControlReply *a = ask(c);
    *ret_why = NULL;
    if (!a || strcmp(a->error, SECRET_LATER) == 0)
        return false;
    if (a->error[0] != '\0' || a->reply_case != CALLMESH__V1__CONTROL_REPLY__REPLY_RENEW) {
        *ret_why = a->error[0] != '\0' ? a->error : "callstate does not know the question";
        return false;
    }
    if (a->renew->certificate.len == 0)
        return false;
    int r = cert_replace(c->cert, c->key, c->ca,
                         span_of(a->renew->certificate.data, a->renew->certificate.len), ret_why);
    if (r < 0 && !*ret_why)
        *ret_why = strerror(-r);
    return r == 0;
}

static void say_days(struct certificate *c, const struct cert_life *l, int64_t wall_us)
{
    int64_t left = l->until_us - wall_us;
    gauge(STAT_CERTIFICATE_S, left > 0 ? (uint64_t)(left / US_PER_S) : 0);
    bool late = left < (l->until_us - l->from_us) / 5;
    if (late && !c->late)
        log_warn("the certificate of this machine nears its end and is not renewed",
                 "file=%s hours=%lld", c->cert, (long long)(left / US_PER_S / 3600));
    c->late = late;
}

void certificate_look(struct certificate *c, int64_t wall_us)
{
    struct cert_life l;
    const char *why;
    int r = cert_life(c->cert, &l);
    if (r < 0) {
        log_error("the certificate of this machine cannot be read", "file=%s error=\"%s\"", c->cert,
                  strerror(-r));
        return;
    }
    if (wall_us - l.from_us > (l.until_us - l.from_us) / 100 * c->used_percent) {
        if (renew(c, &why)) {
            count(STAT_CERTIFICATE_RENEWED, 1);
            (void)cert_life(c->cert, &l);
            log_info("the certificate of this machine is renewed", "file=%s days=%lld", c->cert,
                     (long long)((l.until_us - wall_us) / US_PER_S / 86400));
            c->said = false;
        } else if (why) {
            count(STAT_CERTIFICATE_FAILED, 1);
            if (!c->said)
                log_warn("the certificate of this machine is not renewed", "why=\"%s\"", why);
            c->said = true;
        }
    }
    say_days(c, &l, wall_us);
}

static void body(struct thread *t, void *arg)
{
    struct certificate *c = arg;
    while (!thread_should_stop(t)) {
        certificate_look(c, wall_now_us());
        for (int64_t until = mono_now_us() + c->every_us;
             mono_now_us() < until && !thread_should_stop(t);)
            (void)poll(NULL, 0, STEP_MS);
    }
}

int certificate_start(struct certificate *c, char *err, size_t err_cap)
{
    if (c->cert[0] == '\0' || c->sign_key[0] == '\0')
        return 0;
    int r = ask_open(&c->ask, c->control_url, err, err_cap);
    return r < 0 ? r : thread_start(&c->thread, "certificate", body, c);
}

void certificate_stop(struct certificate *c)
{
    if (c->ask)
        thread_join(&c->thread);
}
