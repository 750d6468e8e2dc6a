// The messages of the feeds through the generated decoder: first byte which. What is taken is checked, packed and taken again with the
// same bytes; how much a decoder makes of one byte is bounded.
#include <stdio.h>
#include "callmesh/v1/capture.pb-c.h"
#include "callmesh/v1/control.pb-c.h"
#include "callmesh/v1/envelope.pb-c.h"
#include "callmesh/v1/live.pb-c.h"
#include "callmesh/v1/mesh.pb-c.h"
#include "callmesh/v1/recorder.pb-c.h"
#include "fuzz.h"

#define D(name) &callmesh__v1__##name##__descriptor
static const ProtobufCMessageDescriptor *const messages[] = {
    D(sig_batch),      D(rtp_batch),   D(mesh_batch),   D(report_batch),    D(live_batch),
    D(envelope),       D(ask),         D(ask_reply),    D(control_request), D(control_reply),
    D(snapshot_reply), D(sip_message), D(stream_report)};
static size_t taken;

static void *take(void *ctx, size_t n)
{
    (void)ctx;
    taken += n;
    return taken < (64u << 20) ? malloc(n ? n : 1) : NULL;
}

static void give(void *ctx, void *p)
{
    (void)ctx;
    free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ProtobufCAllocator a = {take, give, NULL};
    if (size < 1)
        return 0;
    const ProtobufCMessageDescriptor *d =
        messages[data[0] % (sizeof messages / sizeof messages[0])];
    taken = 0;
    ProtobufCMessage *m = protobuf_c_message_unpack(d, &a, size - 1, data + 1);
    fuzz_check(taken <= 65536 + size * 1024);
    if (!m)
        return 0;
    fuzz_check(protobuf_c_message_check(m));
    size_t n = protobuf_c_message_get_packed_size(m);
    uint8_t *one = malloc(n + 1), *two = malloc(n + 1);
    fuzz_check(one && two && protobuf_c_message_pack(m, one) == n);
    protobuf_c_message_free_unpacked(m, &a);
    taken = 0;
    m = protobuf_c_message_unpack(d, &a, n, one);
    if (m) { // the library packs an unknown field 0 that it does not take again
        fuzz_check(protobuf_c_message_get_packed_size(m) == n);
        fuzz_check(protobuf_c_message_pack(m, two) == n && memcmp(one, two, n) == 0);
        protobuf_c_message_free_unpacked(m, &a);
    }
    free(one);
    free(two);
    return 0;
}
