// What a folder of recordings, a key file or a store may put before us: a line of the chain with its files, the head of an
// encrypted file, a key file, XML of an object store. The first byte says which.
#include <string.h>
#include "depot/s3_text.h"
#include "fuzz.h"
#include "vault/keyring.h"
#include "vault/ledger.h"
#include "vault/report.h"

static void fuzz_line(struct span s)
{
    static struct ledger_stored file;
    struct ledger_line l;
    size_t at = 0, before = 0;
    bool bad = false;
    static const uint8_t key[32] = {1};
    struct report_chain chain = {.n = 0};
    fuzz_check(report_check(s, key, &chain) != REPORT_GOOD); // nobody signs with this one
    if (!ledger_parse(s, &l))
        return;
    fuzz_inside(l.signed_part, s);
    fuzz_inside(l.files, s);
    fuzz_inside(l.hour, s);
    fuzz_touch(l.files);
    while (ledger_next_file(&l, &at, &file, &bad)) {
        fuzz_check(at > before && at <= l.files.n);
        fuzz_check(file.proof.pieces <= PROOF_PIECES && strlen(file.path) < sizeof(file.path));
        before = at;
    }
}

static void fuzz_xml(struct span s)
{
    struct span part, v;
    char tag[40];
    size_t at = 0, before = 0;
    while (s3_xml_next(s, "Part", &at, &part)) {
        size_t in = 0;
        fuzz_inside(part, s);
        fuzz_check(at > before && at <= s.n);
        before = at;
        if (s3_xml_next(part, "ETag", &in, &v) && s3_etag(v, tag, sizeof(tag)))
            fuzz_check(strlen(tag) > 0 && !strpbrk(tag, "<>&\"'"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct span s = span_of(data + 1, size - 1);
    struct seal_head head;
    uint64_t content = 0;
    switch (data[0] % 3) {
    case 0:
        fuzz_line(s);
        break;
    case 1:
        if (seal_parse(s, &head))
            fuzz_check(head.part >= SEAL_AUDIO && head.part <= SEAL_PAYLOAD);
        if (seal_content(size, &content))
            fuzz_check(content < size);
        break;
    default:
        fuzz_xml(s);
    }
    return 0;
}
