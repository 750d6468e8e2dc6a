// signals.h: the stop state of the process and the one thread that waits for signals. SIGTERM, SIGINT and SIGHUP ask to stop;
// the second one ends the process at once; 5 s after the first the watchdog does. It also ends a start that hangs.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// First thing in main: the signals wait for signals_start, in this thread and all that come after it. SIGPIPE is ignored.
void signals_block(void);
// 0 or negative errno. From here on the start is watched: when it has not come to its end after limit_us (0: not watched), a line says
// so and the process ends with EX_OSERR.
int signals_start(int64_t limit_us);
// It waits for others, however long: not counted. False: counted anew from now.
void signals_start_waits(bool waits);
void signals_started(void);
bool signals_stopping(void);
void signals_request_stop(void);
// Sleeps until stopping or for timeout_us.
void signals_wait(int64_t timeout_us);
// Stopping has begun for whatever reason: from now on the watchdog counts. Calls signals_request_stop.
void signals_arm_watchdog(void);
