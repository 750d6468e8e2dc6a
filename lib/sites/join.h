// join.h: the socket on which a machine with a token becomes part of a site: it shows the token, a request for a certificate and
// its signing key; it gets the certificate. All is in PostgreSQL, with a line in the audit. Runs on the thread of its own
// socket, one request at a time, with its own connection.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct join;
struct join_opts {
    const char *url; // wss://, listened on; who comes shows no certificate
    const char *dsn, *app;
    const char *ca_cert, *ca_key; // PEM files
    int64_t certificate_us;       // its life
};
int join_open(struct join **ret, const struct join_opts *o, char *err, size_t err_cap);
void join_stop(struct join *j);
