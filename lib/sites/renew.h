// renew.h: the next certificate for a machine whose own nears its end. It asks on the control socket, so by its present certificate, and signs with
// its site's key; what it gets is for the same site, and in the table before it is in the answer. Runs on the asking socket's thread, with a
// connection to the database of its own (at most its timeout, 2 s). A question sent again by somebody else gets what is public.
#pragma once
#include "base/arena.h"
#include "bus/bus.h"

struct renew;
struct renew_opts {
    const char *dsn, *app;
    const char *ca_cert, *ca_key; // PEM files
    int64_t certificate_us;       // life of the new one
};
int renew_open(struct renew **ret, const struct renew_opts *o, char *err, size_t err_cap);
struct renew *renew_free(struct renew *r);
// r NULL: this centre signs none.
void renew_answer(struct renew *r, const Callmesh__V1__RenewRequest *q,
                  Callmesh__V1__ControlReply *reply, struct arena *a);
