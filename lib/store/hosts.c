// Several hosts in one connection string: libpq tries them in their order, and PQconnectPoll has one deadline for all. A first host
// that takes the connection and then says nothing (a stopped machine, a firewall) would use it up each time; so after a late
// attempt the next one begins with the next host.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "store/conn_priv.h"

static unsigned commas(const char *s)
{
    unsigned n = 0;
    for (; s && *s; s++)
        n += *s == ',';
    return n;
}

// "a,b,c" by 1 is "b,c,a". A list of another length (one port for all hosts) stays.
static void rotate(const char *list, unsigned hosts, unsigned by, char *buf, size_t cap)
{
    const char *p = list;
    buf[0] = 0;
    if (!list || strlen(list) + 2 > cap)
        return;
    if (commas(list) + 1 != hosts) {
        (void)snprintf(buf, cap, "%s", list);
        return;
    }
    for (; by > 0; by--)
        p += strcspn(p, ",") + 1;
    if (p == list)
        (void)snprintf(buf, cap, "%s", list);
    else
        (void)snprintf(buf, cap, "%s,%.*s", p, (int)(p - list - 1), list);
}

void store_hosts(const struct store *s, struct store_hosts *ret)
{
    memset(ret, 0, sizeof *ret);
    PQconninfoOption *all = PQconninfoParse(s->dsn, NULL), *o;
    const char *host = NULL, *addr = NULL, *port = NULL;
    for (o = all; o && o->keyword; o++) {
        host = strcmp(o->keyword, "host") == 0 ? o->val : host;
        addr = strcmp(o->keyword, "hostaddr") == 0 ? o->val : addr;
        port = strcmp(o->keyword, "port") == 0 ? o->val : port;
    }
    unsigned hosts = commas(addr && *addr ? addr : host) + 1, by = s->late % hosts;
    if (hosts > 1 && by > 0) {
        rotate(host, hosts, by, ret->host, sizeof ret->host);
        rotate(addr, hosts, by, ret->addr, sizeof ret->addr);
        rotate(port, hosts, by, ret->port, sizeof ret->port);
    }
    PQconninfoFree(all);
}
