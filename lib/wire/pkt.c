// Addresses: compare, print, read.
#include "wire/pkt.h"
#include <arpa/inet.h>
#include <stdio.h>

bool ip_addr_eq(const struct ip_addr *a, const struct ip_addr *b)
{
    if (a->family != b->family)
        return false;
    return memcmp(a->b, b->b, a->family == 4 ? 4 : 16) == 0;
}

bool endpoint_eq(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && ip_addr_eq(&a->ip, &b->ip);
}

void ip_addr_format(const struct ip_addr *a, char *buf, size_t cap)
{
    const char *text = NULL;
    if (cap == 0)
        return;
    if (a->family == 4 || a->family == 6)
        text = inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->b, buf, (socklen_t)cap);
    if (!text)
        buf[0] = 0;
}

bool ip_addr_parse(struct span s, struct ip_addr *ret)
{
    struct ip_addr a = {.family = 0};
    char text[INET6_ADDRSTRLEN];
    if (s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']') {
        s = span_sub(s, 1, s.n - 2);
        a.family = 6;
    }
    if (s.n == 0 || s.n >= sizeof text || memchr(s.p, 0, s.n))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    if (memchr(s.p, ':', s.n))
        a.family = 6;
    else if (a.family == 6)
        return false;
    else
        a.family = 4;
    if (inet_pton(a.family == 4 ? AF_INET : AF_INET6, text, a.b) != 1)
        return false;
    *ret = a;
    return true;
}
