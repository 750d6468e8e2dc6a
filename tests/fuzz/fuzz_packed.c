// The text of a message in a row: any bytes as a packed one are read within the room or said to be bad; what is packed comes back.
#include "base/fail.h"
#include "store/packed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct packer *p;
    static struct unpacker *u;
    static uint8_t out[PACKED_RAW_MAX];
    enum packed_form form;
    bool bad;
    if (!p) {
        p = packer_new();
        u = unpacker_new();
    }
    must(p && u);
    must(unpacker_unpack(u, PACKED_1, span_of(data, size), out, sizeof out, &bad) <= sizeof out);
    must(unpacker_unpack(u, PACKED_1, span_of(data, size), out, 100, &bad) <= 100);
    if (size == 0 || size > PACKED_RAW_MAX)
        return 0;
    struct span stored = packer_pack(p, span_of(data, size), &form);
    must(stored.n <= size);
    must(unpacker_unpack(u, form, stored, out, sizeof out, &bad) == size && !bad);
    must(memcmp(out, data, size) == 0);
    return 0;
}
