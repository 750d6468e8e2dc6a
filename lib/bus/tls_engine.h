// tls_engine.h: TLS 1.3 for nng's wss carrier by OpenSSL, put in place of the library's own engine (mbed TLS 2.28: TLS 1.2,
// no reason when it refuses, no name of the peer). The engine counts each refusal by its reason, and asks the guard whether
// the certificate is one of a site that is admitted, at the handshake and again whenever the guard's table has changed: a
// revoked site loses the connections that stand.
// Threads: nng calls the engine under the lock of each connection; nothing here is shared but the guard.
#pragma once

// The files of the own certificate and key as they were read for the settings: each handshake looks whether the certificate's is another one
// since, and shows that, when it fits the key. Before the first socket; "" for none.
void tls_engine_files(const char *cert, const char *key);
// Before the first wss socket, once. 0 or negative errno.
int tls_engine_register(void);
