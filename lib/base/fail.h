// fail.h: assertions that stay on in release. For what only we can break: invariants, owners, handles,
// table sizes. Nothing that a packet, peer, file, database or full memory can cause may reach one.
// On failure: file, line, condition, thread and the module's last note go to stderr, then abort().
#pragma once

__attribute__((noreturn, cold)) void fail_at(const char *file, int line, const char *what);

#define must(x) (__builtin_expect(!!(x), 1) ? (void)0 : fail_at(__FILE__, __LINE__, #x))

// Leaves a trace of where a negative errno came from (debug log level) and returns it unchanged.
#define err_trace(r) err_trace_at((r), __FILE__, __LINE__)
int err_trace_at(int r, const char *file, int line);
