#include "sip_text.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include "base/log.h"
#include "store/packed.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct unpacker *unpacker;

int sip_text_open(void)
{
    unpacker = unpacker_new();
    return unpacker ? 0 : -ENOMEM;
}

void sip_text_close(void)
{
    unpacker = unpacker_free(unpacker);
}

size_t sip_text(const struct store_result *r, size_t row, size_t col, size_t form_col, uint8_t *dst,
                size_t cap)
{
    static const char cannot[] = "(this message cannot be read: a newer version packed it, or its "
                                 "row is damaged)\r\n";
    bool bad;
    (void)pthread_mutex_lock(&lock);
    size_t n = unpacker_row(unpacker, r, row, col, form_col, dst, cap, &bad);
    (void)pthread_mutex_unlock(&lock);
    if (!bad)
        return n;
    log_warn("a SIP message cannot be read from its row", "form=%lld",
             (long long)store_int(r, row, form_col));
    n = sizeof(cannot) - 1 < cap ? sizeof(cannot) - 1 : cap;
    memcpy(dst, cannot, n);
    return n;
}
