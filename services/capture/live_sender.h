// live_sender.h: the sender of live capture: takes the workers' batches into the journals of the two feeds, gives the workers what
// the listeners hear, publishes the counters and balances the books. One thread.
#pragma once
#include "live.h"
#include "sender.h"

// 0, or an exit code after one line.
int live_sender_start(struct live *l, struct sender *s); // s: NULL without bus
int live_sender_run(void);                               // until stopped and empty: the exit code
bool live_sender_ready(void);
