#include "sdes.h"

#include <string.h>
#include <strings.h>

static size_t line_end(const uint8_t *p, size_t n)
{
    size_t i = 0;
    while (i < n && p[i] != '\r' && p[i] != '\n')
        i++;
    return i;
}

static int begins(const uint8_t *p, size_t n, const char *word)
{
    size_t k = strlen(word);
    return n >= k && strncasecmp((const char *)p, word, k) == 0;
}

// All from `at` on.
static void blot_rest(uint8_t *line, size_t n, size_t at)
{
    if (at < n)
        memset(line + at, 'x', n - at);
}

// Each inline: to the bar or the end of the word; a line may have several (RFC 4568 9.1).
static void blot_inline(uint8_t *line, size_t n)
{
    static const char word[] = "inline:";
    for (size_t i = 0; i < n; i++) {
        if (!begins(line + i, n - i, word))
            continue;
        for (i += sizeof(word) - 1; i < n && !strchr(" \t|;", line[i]); i++)
            line[i] = 'x';
    }
}

static void blot_line(uint8_t *line, size_t n)
{
    const uint8_t *colon;
    if (begins(line, n, "a=crypto:"))
        blot_inline(line, n);
    else if (begins(line, n, "a=key-mgmt:"))
        blot_rest(line, n, sizeof("a=key-mgmt:") - 1);
    else if (begins(line, n, "k=") && (colon = memchr(line, ':', n)))
        blot_rest(line, n, (size_t)(colon - line) + 1);
}

void sdes_blot(uint8_t *p, size_t n)
{
    while (n > 0) {
        size_t k = line_end(p, n);
        blot_line(p, k);
        k += k < n;
        p += k;
        n -= k;
    }
}
