// The torture messages of RFC 4475, rebuilt from their description.
// `good` is the RFC's word on the form: what it calls malformed must be named here, and what is only wrong for a
// proxy or registrar (section 3.2, 3.3) must not be. Usable or not is ours: a listener reads more than a server.
#include "wire/sip_torture_kit.h"

#define V   "Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK390skdjuw\r\n"
#define F   "From: <sip:caller@example.net>;tag=323\r\n"
#define T   "To: <sip:user@example.com>\r\n"
#define MF  "Max-Forwards: 70\r\n"
#define ID  "Call-ID: torture.98asdh@192.0.2.1\r\n"
#define INV "CSeq: 8 INVITE\r\n"
#define OPT "CSeq: 8 OPTIONS\r\n"
#define REG "CSeq: 8 REGISTER\r\n"
#define CT  "Contact: <sip:caller@host5.example.net>\r\n"
#define SDP                                                                                        \
    "v=0\r\no=mhandley 29739 7272939 IN IP4 192.0.2.3\r\ns=-\r\nc=IN IP4 192.0.2.4\r\n"            \
    "t=0 0\r\nm=audio 49217 RTP/AVP 0 12\r\nm=video 3227 RTP/AVP 31\r\na=rtpmap:31 LPC\r\n"
#define BODY "Content-Type: application/sdp\r\n\r\n" SDP

static const struct torture rows[] = {
    // 3.1.1 valid
    {"wsinv",
     SPAN_LIT(
         "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\nTO :\r\n"
         " sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\n"
         "from   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = "
         "98asjd8\r\n"
         "MaX-fOrWaRdS: 0068\r\nCall-ID: wsinv.ndaksdj@192.0.2.1\r\nContent-Length   : 150\r\n"
         "cseq: 0009\r\n  INVITE\r\nVia  : SIP  /   2.0\r\n /UDP\r\n    "
         "192.0.2.2;branch=390skdjuw\r\n"
         "s :\r\nNewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
         "UnknownHeaderWithUnusualValue: ;;,,;;,;\r\nContent-Type: application/sdp\r\nRoute:\r\n"
         " <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n"
         "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n"
         " SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n"
         "m:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue "
         ";\r\n"
         "  secondparam ; q = 0.33\r\n\r\nv=0\r\no=mhandley 29739 7272939 IN IP4 "
         "192.0.2.3\r\ns=-\r\n"
         "c=IN IP4 192.0.2.4\r\nt=0 0\r\nm=audio 49217 RTP/AVP 0 12\r\nm=video 3227 RTP/AVP 31\r\n"
         "a=rtpmap:31 LPC\r\n"),
     true, true, WIRE_NONE},
    {"intmeth",
     SPAN_LIT("!interesting-Method0123456789_*+`.%indeed'~ "
              "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/"
              ";;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com SIP/2.0\r\n"
              "Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~\r\n"
              "To: \"BEL:\\\x07 NUL:\\\0 DEL:\\\x7f\" "
              "<sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com>\r\n"
              "From: token1~` token2'+_ token3*%!.- "
              "<sip:mundane@example.com>;fromParam''~+*_!.-%=\"work\";"
              "tag=_token~1'+`*%!-.\r\nCall-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{\r\n"
              "CSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~\r\nMax-Forwards: 255\r\n"
              "extensionHeader-!.%*+_`'~:\xef\xbb\xbf\xe5\xa4\xa7\xe5\x81\x9c\xe9\x9b\xbb\r\n"
              "Content-Length: 0\r\n\r\n"),
     true, true, WIRE_NONE},
    {"esc01",
     SPAN_LIT("INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0\r\n" V F
              "To: sip:%75se%72@example.com\r\n" MF ID INV
              "Contact: <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>\r\n" BODY),
     true, true, WIRE_NONE},
    {"escnull",
     SPAN_LIT("REGISTER sip:example.com SIP/2.0\r\n" V "To: sip:null-%00-null@example.com\r\n"
              "From: sip:null-%00-null@example.com;tag=839923423\r\n" MF ID REG
              "Contact: <sip:%00@host5.example.com>\r\nContact: "
              "<sip:%00%00@host5.example.com>\r\nL:0\r\n\r\n"),
     true, true, WIRE_NONE},
    {"esc02",
     SPAN_LIT("RE%47IST%45R sip:registrar.example.com SIP/2.0\r\n" V
              "To: \"%Z%45\" <sip:resource@example.com>\r\n"
              "From: \"%Z%45\" <sip:resource@example.com>;tag=f232jadfj23\r\n" MF ID
              "CSeq: 29344 RE%47IST%45R\r\nContact: "
              "<sip:alias1@host1.example.com>\r\nContent-Length: 0\r\n\r\n"),
     true, true, WIRE_NONE},
    {"lwsdisp",
     SPAN_LIT("OPTIONS sip:user@example.com SIP/2.0\r\n" V T
              "From: caller<sip:caller@example.com>;tag=323\r\n" MF ID OPT "l: 0\r\n\r\n"),
     true, true, WIRE_NONE},
    {"dblreq",
     SPAN_LIT("REGISTER sip:example.com SIP/2.0\r\n" V T F MF ID REG CT "Content-Length: 0\r\n\r\n"
              "INVITE sip:joe@example.com SIP/2.0\r\n" V T F MF ID INV "\r\n"),
     true, true, WIRE_NONE},
    {"semiuri",
     SPAN_LIT("OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0\r\n" V
              "To: sip:j_user@example.com\r\n" F MF ID OPT "l: 0\r\n\r\n"),
     true, true, WIRE_NONE},
    {"transports",
     SPAN_LIT("OPTIONS sip:user@example.com SIP/2.0\r\nVia: SIP/2.0/UDP "
              "t1.example.com;branch=z9hG4bKkdjuw\r\n"
              "Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf\r\n"
              "Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj\r\n"
              "Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en\r\n" T F MF ID OPT
              "l: 0\r\n\r\n"),
     true, true, WIRE_NONE},
    {"mpart01",
     SPAN_LIT(
         "MESSAGE sip:kumiko@example.org SIP/2.0\r\n" V T F MF ID "CSeq: 127 MESSAGE\r\n"
         "Content-Type: multipart/mixed;boundary=7a9cbec02ceef655\r\n\r\n--7a9cbec02ceef655\r\n"
         "Content-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\nHello\r\n"
         "--7a9cbec02ceef655\r\nContent-Type: application/octet-stream\r\n\r\n\x30\x82\0\r\n"
         "--7a9cbec02ceef655--\r\n"),
     true, true, WIRE_NONE},
    {"unreason",
     SPAN_LIT(
         "SIP/2.0 200 = 2**3 * 5**2 \xd0\xbd\xd0\xbe \xd1\x81\xd1\x82\xd0\xbe\r\n" V T F ID INV CT
         "Content-Length: 0\r\n\r\n"),
     true, true, WIRE_NONE},
    {"noreason", SPAN_LIT("SIP/2.0 100 \r\n" V T F ID INV "Content-Length: 0\r\n\r\n"), true, true,
     WIRE_NONE},
    // 3.1.2 invalid
    {"badinv01",
     SPAN_LIT("INVITE sip:user@example.com SIP/2.0\r\nTo: sip:j.user@example.com\r\n" F MF ID INV
              "Via: SIP/2.0/UDP 192.0.2.15;;,;,,\r\nContact: \"Joe\" "
              "<sip:joe@example.org>;;;;\r\n" BODY),
     false, true, WIRE_SIP_VIA},
    {"clerr",
     SPAN_LIT("INVITE sip:user@example.com SIP/2.0\r\n" V T F MF ID INV CT
              "Content-Length: 9999\r\nContent-Type: application/sdp\r\n\r\n" SDP),
     false, true, WIRE_SIP_BODY_SHORT},
    {"ncl",
     SPAN_LIT("INVITE sip:user@example.com SIP/2.0\r\n" V T F MF ID INV CT
              "Content-Length: -999\r\n" BODY),
     false, true, WIRE_SIP_CONTENT_LENGTH},
    {"scalar02",
     SPAN_LIT("REGISTER sip:example.com SIP/2.0\r\n" V T F "Max-Forwards: 300\r\n" ID
              "CSeq: 36893488147419103232 REGISTER\r\nContact: "
              "<sip:user@host129.example.com>;expires=280297596632815\r\n\r\n"),
     false, false, WIRE_SIP_CSEQ},
    {"scalarlg",
     SPAN_LIT("SIP/2.0 503 Service Unavailable\r\n" V T F ID
              "CSeq: 9292394834772304023312 OPTIONS\r\n"
              "Retry-After: 949302838503028349304023988\r\nContent-Length: 0\r\n\r\n"),
     false, false, WIRE_SIP_CSEQ},
    {"quotbal",
     SPAN_LIT(
         "INVITE sip:user@example.com SIP/2.0\r\nTo: \"Mr. J. User <sip:j.user@example.com>\r\n" V F
             MF ID INV CT BODY),
     false, true, WIRE_SIP_FROM_TO},
    {"ltgtruri", SPAN_LIT("INVITE <sip:user@example.com> SIP/2.0\r\n" V T F MF ID INV CT BODY),
     false, true, WIRE_SIP_URI},
    {"lwsruri", SPAN_LIT("INVITE sip:user@example.com; lr SIP/2.0\r\n" V T F MF ID INV CT BODY),
     false, true, WIRE_SIP_URI},
    {"lwsstart", SPAN_LIT("INVITE  sip:user@example.com  SIP/2.0\r\n" V T F MF ID INV CT BODY),
     false, true, WIRE_SIP_START_LINE},
    {"trws",
     SPAN_LIT("OPTIONS sip:remote-target@example.com SIP/2.0  \r\n" V T F MF ID OPT "l: 0\r\n\r\n"),
     false, true, WIRE_SIP_START_LINE},
    {"escruri",
     SPAN_LIT("INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0\r\n" V T F MF ID INV
                  CT BODY),
     false, true, WIRE_SIP_URI},
    {"baddate",
     SPAN_LIT("INVITE sip:user@example.com SIP/2.0\r\n" V T F MF ID INV
              "Date: Fri, 01 Jan 2010 16:00:00 EST\r\n" CT BODY),
     false, true, WIRE_SIP_DATE},
    {"regbadct",
     SPAN_LIT("REGISTER sip:example.com SIP/2.0\r\n" V T F MF ID REG
              "Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E\r\nl: 0\r\n\r\n"),
     false, true, WIRE_SIP_URI},
    {"badaspec",
     SPAN_LIT("OPTIONS sip:user@example.org SIP/2.0\r\n" V
              "To: \"Watson, Thomas\" < sip:t.watson@example.org >\r\n" F MF ID OPT "l: 0\r\n\r\n"),
     false, true, WIRE_SIP_FROM_TO},
    {"baddn",
     SPAN_LIT("OPTIONS sip:t.watson@example.org SIP/2.0\r\n" V
              "From: Bell, Alexander <sip:a.g.bell@example.com>;tag=433423\r\n" T MF ID OPT
              "l: 0\r\n\r\n"),
     false, true, WIRE_SIP_FROM_TO},
    {"badvers",
     SPAN_LIT("OPTIONS sip:t.watson@example.org SIP/7.0\r\n" V T F MF ID OPT "l: 0\r\n\r\n"), false,
     false, WIRE_SIP_VERSION},
    {"mismatch01",
     SPAN_LIT("OPTIONS sip:user@example.com SIP/2.0\r\n" V T F MF ID INV "l: 0\r\n\r\n"), false,
     true, WIRE_SIP_CSEQ},
    {"mismatch02", SPAN_LIT("NEWMETHOD sip:user@example.com SIP/2.0\r\n" V T F MF ID INV CT BODY),
     false, true, WIRE_SIP_CSEQ},
    {"bigcode",
     SPAN_LIT("SIP/2.0 4294967301 better not break the receiver\r\n" V T F ID INV "l: 0\r\n\r\n"),
     false, false, WIRE_SIP_STATUS},
    // 3.2 and 3.3: well-formed, wrong in meaning
    {"badbranch",
     SPAN_LIT(
         "OPTIONS sip:user@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK\r\n" T F
             MF ID OPT "l: 0\r\n\r\n"),
     true, true, WIRE_NONE},
    {"insuf",
     SPAN_LIT("INVITE sip:user@example.com SIP/2.0\r\n" MF "CSeq: 193942 INVITE\r\n" V BODY), false,
     false, WIRE_SIP_CALL_ID},
    {"unkscm",
     SPAN_LIT("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0\r\n" V T F MF ID OPT
              "l: 0\r\n\r\n"),
     true, true, WIRE_NONE},
    {"novelsc",
     SPAN_LIT("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0\r\n" V T F MF ID OPT "l: 0\r\n\r\n"),
     true, true, WIRE_NONE},
    {"unksm2",
     SPAN_LIT("REGISTER sip:example.com SIP/2.0\r\nTo: isbn:2983792873\r\nFrom: "
              "<http://www.example.com>;tag=3234233\r\n" ID REG V MF
              "Contact: <name:John_Smith>\r\nl: 0\r\n\r\n"),
     true, true, WIRE_NONE},
    {"bext01",
     SPAN_LIT("OPTIONS sip:user@example.com SIP/2.0\r\n" V T F MF ID OPT
              "Require: nothingSupportsThis, nothingSupportsThisEither\r\nl: 0\r\n\r\n"),
     true, true, WIRE_NONE},
    {"invut",
     SPAN_LIT("INVITE sip:user@example.com SIP/2.0\r\n" V T F MF ID INV CT
              "Content-Type: application/unknownformat\r\n\r\n<audio>\r\n</audio>\r\n"),
     true, true, WIRE_NONE},
    {"regaut01",
     SPAN_LIT("REGISTER sip:example.com SIP/2.0\r\n" V T F MF ID REG CT
              "Authorization: NoOneKnowsThisScheme opaque-data=here\r\nl: 0\r\n\r\n"),
     true, true, WIRE_NONE},
    {"multi01",
     SPAN_LIT("INVITE sip:user@company.com SIP/2.0\r\n" CT V MF
              "CSeq: 5 INVITE\r\nCall-ID: multi01.98asdh@192.0.2.1\r\n"
              "CSeq: 59 INVITE\r\nCall-ID: multi01.98asdh@192.0.2.2\r\n" F
              "From: sip:u2@example.com;tag=2992\r\nTo: sip:user@example.com\r\nTo: "
              "sip:u2@example.com\r\n" BODY),
     false, false, WIRE_SIP_CALL_ID},
    {"mcl01",
     SPAN_LIT("OPTIONS sip:user@example.com SIP/2.0\r\n" V T F MF ID OPT
              "Content-Length: 13\r\nContent-Length: 5\r\n\r\nThere's no way to know how many "
              "octets\r\n"),
     false, false, WIRE_SIP_CONTENT_LENGTH},
    {"bcast",
     SPAN_LIT("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\r\n"
              "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23\r\n" T F ID INV CT BODY),
     true, true, WIRE_NONE},
    {"zeromf",
     SPAN_LIT("OPTIONS sip:user@example.com SIP/2.0\r\n" V T F "Max-Forwards: 0\r\n" ID OPT
              "l: 0\r\n\r\n"),
     true, true, WIRE_NONE},
    {"cparam01",
     SPAN_LIT("REGISTER sip:example.com SIP/2.0\r\n" V T F MF ID REG
              "Contact: sip:+19725552222@gw1.example.net;unknownparam\r\nl: 0\r\n\r\n"),
     true, true, WIRE_NONE},
    {"cparam02",
     SPAN_LIT("REGISTER sip:example.com SIP/2.0\r\n" V T F MF ID REG
              "Contact: <sip:+19725552222@gw1.example.net;unknownparam>\r\nl: 0\r\n\r\n"),
     true, true, WIRE_NONE},
    {"regescrt",
     SPAN_LIT("REGISTER sip:example.com SIP/2.0\r\n" V T F MF ID REG
              "Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>\r\nl: 0\r\n\r\n"),
     true, true, WIRE_NONE},
    {"sdp01",
     SPAN_LIT("INVITE sip:user@example.com SIP/2.0\r\n" V T F MF ID INV CT
              "Accept: text/nobodyKnowsThis\r\n" BODY),
     true, true, WIRE_NONE},
    // 3.4: a client of RFC 2543
    {"inv2543",
     SPAN_LIT("INVITE sip:UserB@example.com SIP/2.0\r\nVia: SIP/2.0/UDP iftgw.example.com\r\n"
              "From: <sip:+13035551111@ift.client.example.net;user=phone>\r\nRecord-Route: "
              "<sip:UserB@example.com;"
              "maddr=ss1.example.com>\r\nTo: sip:+16505552222@ss1.example.net;user=phone\r\n"
              "Call-ID: inv2543.1717@ift.client.example.com\r\nCSeq: 56 INVITE\r\n" BODY),
     true, true, WIRE_NONE},
};

static struct sip_msg m;

static void rfc4475(void **state)
{
    (void)state;
    torture_run(rows, COUNT_OF(rows));
}

static const struct torture *find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    fail_msg("%s", name);
    return NULL;
}

// What is inside some of them.
static void rfc4475_values(void **state)
{
    static struct sdp sdp;
    struct sip_addr a;
    struct sip_via v;
    char text[64] = {0};
    (void)state;
    assert_true(sip_parse(find("wsinv")->text, &m));
    assert_span(m.from_tag, "98asjd8");
    assert_span(m.to_tag, "1918181833n");
    assert_span(m.via_branch, "390skdjuw");
    assert_int_equal(m.cseq, 9);
    assert_span(m.call_id, "wsinv.ndaksdj@192.0.2.1");
    assert_true(m.has_content_length && m.content_length == 150 && m.body.n == 150);
    assert_true(sdp_parse(sip_sdp(&m), &sdp) && sdp.medias == 2);
    assert_int_equal(sdp.media[0].rtp_at.port, 49217);
    assert_true(sip_via_parse(sip_header_value(&m, SIP_H_VIA, 1), &v));
    assert_span(v.host, "spindle.example.com");
    (void)sip_unfold(sip_header_by_name(&m, SPAN_LIT("newfangledheader"), 0), text,
                     sizeof text - 1);
    assert_string_equal(text, "newfangled value continued newfangled value");
    assert_true(sip_parse(find("intmeth")->text, &m));
    assert_span(m.from_tag, "_token~1'+`*%!-.");
    assert_span(m.call_id, "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{");
    assert_true(sip_addr_parse(m.from, &a));
    assert_span(a.display, "token1~` token2'+_ token3*%!.-");
    assert_true(sip_parse(find("esc02")->text, &m));
    assert_int_equal(m.method, SIP_METHOD_OTHER); // escapes do not make a REGISTER
    assert_true(sip_parse(find("dblreq")->text, &m));
    assert_int_equal(m.method, SIP_REGISTER);
    assert_int_equal(m.body.n, 0);
    assert_true(sip_parse(find("quotbal")->text, &m));
    assert_span(m.from_tag, "323");
}

// A long request: names, values and URIs of many hundred bytes (3.1.1.7).
static const struct torture *longreq(void)
{
    static char text[8000], longs[1001];
    static struct torture t = {"longreq", {NULL, 0}, true, true, WIRE_NONE};
    memset(longs, 'l', 1000);
    int n = snprintf(
        text, sizeof text,
        "INVITE sip:user@example.com SIP/2.0\r\nTo: \"I have a user name of %s proportion\" "
        "<sip:user@example.com:6000;unknownparam1=%s>\r\nF: "
        "sip:amazinglylongcallername%.200s@example.net"
        ";tag=12982%.500s424;unknownheaderparamname%.80s=unknown%.80s\r\n"
        "Call-ID: longreq.one%.400squitealengthycallid\r\nCSeq: 3882340 INVITE\r\n"
        "Unknown-%.300s-Name: unknown-%.300s-value\r\n"
        "Via: SIP/2.0/TCP sip33.example.com\r\nv: SIP/2.0/TCP sip32.example.com\r\n\r\n",
        longs, longs, longs, longs, longs, longs, longs, longs, longs);
    assert_true(n > 0 && (size_t)n < sizeof text);
    t.text = span_of(text, (size_t)n);
    return &t;
}

static void rfc4475_longreq(void **state)
{
    (void)state;
    torture_run(longreq(), 1);
    assert_true(sip_parse(longreq()->text, &m));
    assert_int_equal(m.from_tag.n, 508);
    assert_int_equal(m.call_id.n, 11 + 400 + 19);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return torture_write(rows, COUNT_OF(rows), argv[2]) || torture_write(longreq(), 1, argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc4475),
        cmocka_unit_test(rfc4475_values),
        cmocka_unit_test(rfc4475_longreq),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
