// health.h: what the health port says: /livez, /readyz (?verbose), /metrics, /version. Runs on the thread of http/small.
#pragma once
#include "daemon/daemon.h"

enum health_state {
    HEALTH_STARTING,
    HEALTH_RUNNING,
    HEALTH_STOPPING
};

// Registers the process's own gauges; opens the port unless listen is empty. 0, or negative errno with one line in err.
int health_start(const struct daemon_service *s, const char *listen, const char *site,
                 const char *node, char *err, size_t err_cap);
void health_set(enum health_state state); // any thread
void health_stop(void);
// Resident memory of this process now.
uint64_t health_rss_bytes(void);
