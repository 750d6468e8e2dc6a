// tls.h: this process's TLS settings and signing key (bus_secure), as nng and sign.c want them. Set once before the first
// socket, then read only.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>

// The settings for wss:// listeners; to_all: who comes shows no certificate. NULL: not set.
nng_tls_config *tls_listen_config(bool to_all);
nng_tls_config *tls_dial_config(void);
