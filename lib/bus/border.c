#include "border.h"

#include "count.h"
#include "guard.h"
#include "sign.h"
#include "sock.h"

static void count_refused(struct stat_cell *cells, enum sign_answer why)
{
    static const enum count_in cell[] = {[SIGN_NONE] = IN_REFUSED_UNSIGNED,
                                         [SIGN_UNKNOWN] = IN_REFUSED_UNKNOWN,
                                         [SIGN_REVOKED] = IN_REFUSED_REVOKED,
                                         [SIGN_WRONG] = IN_REFUSED_SIGNATURE};
    count_add(&cells[cell[why]], 1);
}

static bool must_sign(enum sock_path path)
{
    return path == SOCK_TLS && guard_loaded();
}

bool border_live(struct stat_cell *cells, const nng_msg *m, const struct envelope *e)
{
    enum sock_path path = sock_path_of(m);
    if (path == SOCK_GONE) {
        count_add(&cells[IN_DROP_UNKNOWN], 1);
        return false; // comes again by the sure path
    }
    if (!must_sign(path))
        return true;
    enum sign_answer r = sign_check_envelope(e);
    if (r != SIGN_GOOD)
        count_refused(cells, r);
    return r == SIGN_GOOD;
}

// Each envelope of an Ask has its own signature.
static bool backfill_good(struct stat_cell *cells, const struct ask_msg *a, const char **ret_error)
{
    struct ask_msg all = *a; // the caller reads from the beginning
    struct span bytes;
    struct envelope e;
    while (ask_next_envelope(&all, &bytes)) {
        if (!envelope_read(bytes, &e))
            break; // the account counts it
        enum sign_answer r = sign_check_envelope(&e);
        if (r != SIGN_GOOD) {
            count_refused(cells, r);
            *ret_error = sign_answer_text(r);
            return false;
        }
    }
    return true;
}

bool border_ask(struct stat_cell *cells, const nng_msg *q, struct ask_msg *a,
                const char **ret_error)
{
    enum sock_path path = sock_path_of(q);
    if (path == SOCK_GONE) {
        *ret_error = "connection closed";
        return false;
    }
    if (!must_sign(path))
        return true;
    enum sign_answer r = sign_check_ask(a);
    if (r != SIGN_GOOD) {
        count_refused(cells, r);
        *ret_error = sign_answer_text(r);
        return false;
    }
    a->checked = true;
    return backfill_good(cells, a, ret_error);
}
