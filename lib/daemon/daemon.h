// daemon.h: the same main for all services: settings, log, signals, health port, start and stop order.
// A service is one table of callbacks. SIGTERM and SIGINT: readyz says 503, service.stop runs, exit 0 within 5 s
// (a watchdog calls _exit(1) after that); a second signal ends at once. SIGPIPE is ignored.
// Exit codes are sysexits: 64 usage, 66 no input, 69 unavailable, 71 the system refused something, 73 cannot create, 76 protocol (wrong schema), 77 permission, 78 configuration.
#pragma once
#include "base/conf.h"
#include "base/stat.h"

struct daemon_service {
    const char *name;     // "capture": the binary is callmesh-capture
    const char *summary;  // one sentence for --help
    const char *examples; // for --help, lines
    const struct conf_def *defs;
    size_t ndefs;
    // First of all, before any thread and any socket: a service of several processes makes them here. 0: this one goes on; or an
    // exit code after one clear line. NULL: one process.
    int (*split)(const struct conf *c);
    // Opens everything and starts threads. 0, or an exit code after one clear line (log_error).
    int (*start)(const struct conf *c);
    // The main thread's work; returns when there is nothing more to do (a file has ended) or daemon_stopping().
    // NULL: just wait for a signal. Its return value is the exit code.
    int (*run)(void);
    // Stops threads in reverse order, seals what is open.
    void (*stop)(void);
    // For /readyz?verbose: writes lines "name ok|reason" into buf, returns true when ready.
    bool (*ready)(char *buf, size_t cap);
};
// Common settings that every service has besides its own: config, log.level, log.format, site, node, start.limit, health.listen
// (host:port, empty: no health port), print-config, help, version. Health port: /livez /readyz /metrics /version.
int daemon_main(const struct daemon_service *s, int argc, char **argv);
bool daemon_stopping(void);
// Waits up to timeout_us or until stopping.
void daemon_wait(int64_t timeout_us);
void daemon_request_stop(void);
// Within start: from true to false it waits for another process, or works, however long that takes. What is outside must end within
// start.limit, or the process does (EX_OSERR, one line).
void daemon_start_waits(bool waits);
const char *daemon_version(void);
