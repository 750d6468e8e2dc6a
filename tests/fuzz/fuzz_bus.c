// What a site's publishers say to the centre: envelopes, and Asks with envelopes in them, in any order. The input is a
// row of messages, each after two bytes of length; the first bit of the length says by which path. Whatever comes, what the
// owner gets is dense for each publisher, and the account's numbers hold together.
#include <stdio.h>

#include "fuzz.h"

#include "bus/account.h"
#include "bus/bus.h"
#include "bus/count.h"

#define PLACES 4u

static struct queue *queue;
static struct accounts *accounts;
static uint64_t next[PLACES];
static uint32_t slots[PLACES];

static void owner_takes(uint32_t n)
{
    struct queue_note note;
    struct span bytes;
    struct envelope e;
    while (n-- > 0 && queue_front(queue, &note, &bytes)) {
        uint32_t i = BUS_SLOT_INDEX(note.slot);
        fuzz_check(i < PLACES);
        fuzz_check(envelope_read(bytes, &e));
        fuzz_inside(e.payload, bytes);
        fuzz_touch(e.payload);
        if (next[i] != 0 && slots[i] == note.slot)
            fuzz_check(e.seq == next[i] + note.lost_before);
        next[i] = e.seq + 1;
        slots[i] = note.slot;
        struct account *ac = accounts_by_slot(accounts, note.slot);
        fuzz_check(ac != NULL);
        if (n % 3 == 0)
            account_commit(ac, e.seq);
        queue_pop(queue);
    }
}

static void on_ask(struct span bytes, int64_t now)
{
    struct ask_msg a;
    const char *error = NULL;
    if (!ask_read(bytes, &a))
        return;
    fuzz_inside(a.publisher, bytes);
    fuzz_inside(a.incarnation, bytes);
    fuzz_inside(a.site, bytes);
    struct account *ac = accounts_on_ask(accounts, &a, now, now, &error);
    fuzz_check((ac == NULL) == (error != NULL));
    if (!ac)
        return;
    account_on_backfill(accounts, ac, &a);
    fuzz_check(ac->committed_seq < ac->next_seq);
    fuzz_check(ac->pending_lost <= ac->lost);
    account_wants_backfill(ac, now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    queue = queue_new(65536, 64);
    accounts = accounts_new(PLACES, 3, queue, count_in_cells());
    memset(next, 0, sizeof next);
    struct cur c = cur_of(span_of(data, size));
    for (int64_t now = 1; cur_left(&c) > 2; now += 300000) {
        uint16_t head = cur_u16be(&c);
        size_t n = head & 0x7fff;
        struct span m = cur_take(&c, n < cur_left(&c) ? n : cur_left(&c));
        struct envelope e;
        if (head & 0x8000)
            on_ask(m, now);
        else if (envelope_read(m, &e))
            accounts_on_live(accounts, &e, m);
        if (now % 2)
            owner_takes(8);
    }
    owner_takes(UINT32_MAX);
    accounts = accounts_free(accounts);
    queue = queue_free(queue);
    return 0;
}
