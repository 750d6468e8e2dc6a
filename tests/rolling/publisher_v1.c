// publisher-v1 PUB_URL ASK_URL PUBLISHER [--version N] [--future]: one call, as a harvester of the first release says it.
// Prints "committed N" and exits 0, or the consumer's refusal and exits 3.
// --version: another protocol version. --future: an event and fields that no version knows yet, among good ones.
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/reqrep0/req.h>
#include "callmesh/v1/capture.pb-c.h"
#include "callmesh/v1/envelope.pb-c.h"

#define ENVELOPES 9

static char publisher[96], site[64];
static uint8_t birth[16];
static uint32_t version = 1;
static bool future;
static uint8_t *packed[ENVELOPES];
static size_t packed_n[ENVELOPES];
static int64_t start_us;

static void fail(const char *what, int r)
{
    (void)fprintf(stderr, "%s: %s\n", what, nng_strerror(r));
    _exit(1);
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

// ---- what is said ---------------------------------------------------------------------------------------------------

static void make(int seq, Callmesh__V1__SigEvent *e)
{
    Callmesh__V1__SigBatch b = CALLMESH__V1__SIG_BATCH__INIT;
    Callmesh__V1__SigEvent unknown = CALLMESH__V1__SIG_EVENT__INIT;
    Callmesh__V1__SigEvent *list[2] = {&unknown, e};
    uint8_t word[] = "a word of tomorrow";
    ProtobufCMessageUnknownField later = {.tag = 99,
                                          .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED};
    uint8_t bytes[sizeof word + 1] = {sizeof word};
    memcpy(bytes + 1, word, sizeof word);
    later.data = bytes;
    later.len = sizeof bytes;
    unknown.base.n_unknown_fields = 1;
    unknown.base.unknown_fields = &later;
    b.events = future && seq == 3 ? list : list + 1;
    b.n_events = future && seq == 3 ? 2 : 1;
    if (future && seq == 4) { // a known event with a field of tomorrow
        e->base.n_unknown_fields = 1;
        e->base.unknown_fields = &later;
    }
    uint8_t payload[8192];
    Callmesh__V1__Envelope v = CALLMESH__V1__ENVELOPE__INIT;
    v.protocol_version = version;
    v.publisher = publisher;
    v.site = site;
    v.incarnation = (ProtobufCBinaryData){sizeof birth, birth};
    v.epoch = 1;
    v.seq = (uint64_t)seq;
    v.kind = CALLMESH__V1__KIND__KIND_SIG;
    v.sent_at_us = now_us();
    v.first_of_epoch = seq == 1;
    v.payload = (ProtobufCBinaryData){callmesh__v1__sig_batch__pack(&b, payload), payload};
    if (future && seq == 5) {
        v.base.n_unknown_fields = 1;
        v.base.unknown_fields = &later;
    }
    packed_n[seq - 1] = callmesh__v1__envelope__get_packed_size(&v);
    packed[seq - 1] = malloc(packed_n[seq - 1]);
    callmesh__v1__envelope__pack(&v, packed[seq - 1]);
}

static void make_sip(int seq, int at_ms, bool from_caller, const char *start, const char *cseq,
                     bool to_tag)
{
    char raw[1024];
    int n = snprintf(raw, sizeof raw,
                     "%s\r\nVia: SIP/2.0/UDP 10.9.0.1:5060;branch=z9hG4bK-%s\r\nFrom: "
                     "<sip:anna@v1.example>;tag=a\r\nTo: <sip:bert@v1.example>%s\r\nCall-ID: %s\r\n"
                     "CSeq: %s\r\nContent-Length: 0\r\n\r\n",
                     start, strchr(cseq, ' ') + 1, to_tag ? ";tag=b" : "", publisher, cseq);
    uint8_t a[4] = {10, 9, 0, 1}, b[4] = {10, 9, 0, 2};
    Callmesh__V1__Endpoint caller = CALLMESH__V1__ENDPOINT__INIT,
                           callee = CALLMESH__V1__ENDPOINT__INIT;
    caller.ip = (ProtobufCBinaryData){4, a};
    callee.ip = (ProtobufCBinaryData){4, b};
    caller.port = callee.port = 5060;
    Callmesh__V1__SipMessage m = CALLMESH__V1__SIP_MESSAGE__INIT;
    m.at_us = start_us + at_ms * 1000;
    m.src = from_caller ? &caller : &callee;
    m.dst = from_caller ? &callee : &caller;
    m.transport = CALLMESH__V1__TRANSPORT__TRANSPORT_UDP;
    m.raw = (ProtobufCBinaryData){(size_t)n, (uint8_t *)raw};
    Callmesh__V1__SigEvent e = CALLMESH__V1__SIG_EVENT__INIT;
    e.event_case = CALLMESH__V1__SIG_EVENT__EVENT_SIP;
    e.sip = &m;
    make(seq, &e);
}

static void make_all(void)
{
    char input[] = "eth0", old[] = "0.1.0";
    Callmesh__V1__SigEvent e = CALLMESH__V1__SIG_EVENT__INIT;
    Callmesh__V1__Hello h = CALLMESH__V1__HELLO__INIT;
    h.harvester = publisher;
    h.version = old;
    h.input = input;
    h.live = true;
    h.started_at_us = start_us;
    e.event_case = CALLMESH__V1__SIG_EVENT__EVENT_HELLO;
    e.hello = &h;
    make(1, &e);
    make_sip(2, 0, true, "INVITE sip:bert@v1.example SIP/2.0", "1 INVITE", false);
    make_sip(3, 100, false, "SIP/2.0 180 Ringing", "1 INVITE", true);
    make_sip(4, 1000, false, "SIP/2.0 200 OK", "1 INVITE", true);
    make_sip(5, 1100, true, "ACK sip:bert@v1.example SIP/2.0", "1 ACK", true);
    make_sip(6, 4000, true, "BYE sip:bert@v1.example SIP/2.0", "2 BYE", true);
    make_sip(7, 4100, false, "SIP/2.0 200 OK", "2 BYE", true);
    Callmesh__V1__Tick t = CALLMESH__V1__TICK__INIT;
    t.at_us = start_us + 5000000;
    e = (Callmesh__V1__SigEvent)CALLMESH__V1__SIG_EVENT__INIT;
    e.event_case = CALLMESH__V1__SIG_EVENT__EVENT_TICK;
    e.tick = &t;
    make(8, &e);
    Callmesh__V1__EndOfInput end = CALLMESH__V1__END_OF_INPUT__INIT;
    end.at_us = start_us + 5000000;
    end.sip_messages = 6;
    e = (Callmesh__V1__SigEvent)CALLMESH__V1__SIG_EVENT__INIT;
    e.event_case = CALLMESH__V1__SIG_EVENT__EVENT_END;
    e.end = &end;
    make(9, &e);
}

// ---- the sure path --------------------------------------------------------------------------------------------------

static Callmesh__V1__AskReply *ask(nng_socket s, uint64_t from, uint64_t committed)
{
    ProtobufCBinaryData list[ENVELOPES];
    Callmesh__V1__Ask a = CALLMESH__V1__ASK__INIT;
    a.protocol_version = version;
    a.publisher = publisher;
    a.site = site;
    a.incarnation = (ProtobufCBinaryData){sizeof birth, birth};
    a.epoch = a.first_seq = 1;
    a.head_seq = ENVELOPES;
    a.kind = CALLMESH__V1__KIND__KIND_SIG;
    a.sent_at_us = now_us();
    a.waiting = a.paused = true;
    a.committed_seq = committed;
    a.backfill_from_seq = from;
    a.backfill = list;
    for (uint64_t k = from; from && k <= ENVELOPES; k++)
        list[a.n_backfill++] = (ProtobufCBinaryData){packed_n[k - 1], packed[k - 1]};
    nng_msg *m;
    size_t n = callmesh__v1__ask__get_packed_size(&a);
    int r = nng_msg_alloc(&m, n);
    if (r == 0)
        callmesh__v1__ask__pack(&a, nng_msg_body(m));
    if (r == 0)
        r = nng_sendmsg(s, m, 0);
    if (r == 0)
        r = nng_recvmsg(s, &m, 0);
    if (r != 0)
        fail("ask", r);
    Callmesh__V1__AskReply *reply =
        callmesh__v1__ask_reply__unpack(NULL, nng_msg_len(m), nng_msg_body(m));
    nng_msg_free(m);
    return reply;
}

static int talk(nng_socket s)
{
    uint64_t from = 0, committed = 0;
    for (int i = 0; i < 100 && committed < ENVELOPES; i++) {
        Callmesh__V1__AskReply *r = ask(s, from, committed);
        if (!r)
            return 1;
        if (r->error && r->error[0]) {
            printf("refused: %s\n", r->error);
            return 3;
        }
        committed = r->committed_seq;
        from = r->next_seq <= ENVELOPES ? r->next_seq : 0;
        callmesh__v1__ask_reply__free_unpacked(r, NULL);
    }
    printf("committed %llu\n", (unsigned long long)committed);
    return committed == ENVELOPES ? 0 : 2;
}

int main(int argc, char **argv)
{
    for (int i = 4; i < argc; i++) {
        if (strcmp(argv[i], "--future") == 0)
            future = true;
        else if (strcmp(argv[i], "--version") == 0 && i + 1 < argc)
            version = (uint32_t)strtoul(argv[++i], NULL, 10);
    }
    if (argc < 4 || !strchr(argv[3], '/') || getrandom(birth, sizeof birth, 0) != sizeof birth)
        return 64;
    (void)snprintf(publisher, sizeof publisher, "%s", argv[3]);
    (void)snprintf(site, sizeof site, "%.*s", (int)(strchr(argv[3], '/') - argv[3]), argv[3]);
    start_us = now_us() - 6000000;
    make_all();
    nng_socket req, pub;
    int r = nng_req0_open(&req);
    if (r == 0)
        r = nng_socket_set_ms(req, NNG_OPT_RECVTIMEO, 10000);
    if (r == 0)
        r = nng_dial(req, argv[2], NULL, 0);
    if (r == 0)
        r = nng_pub0_open(&pub);
    if (r == 0)
        r = nng_dial(pub, argv[1], NULL, 0);
    if (r != 0)
        fail("dial", r);
    int code = talk(req);
    (void)fflush(stdout);
    _exit(code);
}
