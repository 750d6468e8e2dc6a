// app.h: the service as the daemon sees it: its settings, what start opens, what stop closes.
#pragma once
#include "daemon/daemon.h"

extern const struct daemon_service api_service;
