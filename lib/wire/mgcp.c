#include "wire/mgcp.h"

#define TRANSACTION_MAX 999999999 // RFC 3435 3.2.1.2
#define ELEMENTS_MAX    64

static const struct {
    const char *word;
    enum mgcp_verb verb;
} verbs[] = {{"CRCX", MGCP_CRCX},  {"MDCX", MGCP_MDCX},  {"DLCX", MGCP_DLCX},  {"RQNT", MGCP_RQNT},
             {"NTFY", MGCP_NTFY},  {"EPCF", MGCP_OTHER}, {"AUEP", MGCP_OTHER}, {"AUCX", MGCP_OTHER},
             {"RSIP", MGCP_OTHER}, {"MESG", MGCP_OTHER}};

// A line without its end; LF alone ends it too (RFC 3435 3.1).
static bool line_next(struct span *rest, struct span *ret)
{
    if (rest->n == 0)
        return false;
    size_t n = span_find(*rest, '\n');
    *ret = span_sub(*rest, 0, n);
    *rest = span_sub(*rest, n + 1, rest->n);
    if (ret->n > 0 && ret->p[ret->n - 1] == '\r')
        ret->n--;
    return true;
}

// Up to the next blank.
static struct span word_next(struct span *line)
{
    *line = span_trim(*line);
    size_t n = 0;
    while (n < line->n && line->p[n] != ' ' && line->p[n] != '\t')
        n++;
    struct span word = span_sub(*line, 0, n);
    *line = span_sub(*line, n, line->n);
    return word;
}

static enum mgcp_verb verb_of(struct span word)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (span_ieq(word, span_str(verbs[i].word)))
            return verbs[i].verb;
    return MGCP_RESPONSE;
}

bool mgcp_sniff(struct span s)
{
    if (s.n < 8 || s.p[4] != ' ' || verb_of(span_sub(s, 0, 4)) == MGCP_RESPONSE)
        return false;
    struct span line;
    return line_next(&s, &line) && span_find_span(line, SPAN_LIT(" MGCP ")) < line.n;
}

bool mgcp_next(struct span *rest, struct span *ret_message)
{
    struct span at = *rest, line;
    while (at.n > 0 && (at.p[0] == '\r' || at.p[0] == '\n')) // between messages
        at = span_sub(at, 1, at.n);
    const uint8_t *begin = at.p;
    if (at.n == 0)
        return false;
    for (;;) {
        size_t n = (size_t)(at.p - begin);
        if (!line_next(&at, &line)) {
            *ret_message = span_of(begin, n);
            *rest = at;
            return true;
        }
        if (line.n == 1 && line.p[0] == '.') {
            *ret_message = span_of(begin, n);
            *rest = at;
            return true;
        }
    }
}

// "200 1234 OK", "250 1234 /package text"
static bool response_line(struct span line, struct mgcp_msg *m)
{
    return span_u32(word_next(&line), 999, &m->status) && m->status >= 100 &&
           span_u32(word_next(&line), TRANSACTION_MAX, &m->transaction);
}

// "CRCX 1204 aaln/1@gateway MGCP 1.0"
static bool command_line(struct span line, struct mgcp_msg *m)
{
    (void)word_next(&line);
    if (!span_u32(word_next(&line), TRANSACTION_MAX, &m->transaction))
        return false;
    m->endpoint = word_next(&line);
    return m->endpoint.n > 0 && span_ieq(word_next(&line), SPAN_LIT("MGCP"));
}

// The first of each kind counts.
static void parameter(struct span line, struct mgcp_msg *m)
{
    size_t colon = span_find(line, ':');
    struct span value = span_trim(span_sub(line, colon + 1, line.n));
    if (colon != 1 || colon == line.n)
        return; // extensions and parameters of two letters
    switch (line.p[0] & 0xDF) {
    case 'C':
        m->call_id = m->call_id.n ? m->call_id : value;
        break;
    case 'I':
        m->connection = m->connection.n ? m->connection : value;
        break;
    case 'M':
        m->mode = m->mode.n ? m->mode : value;
        break;
    case 'O':
        m->observed = m->observed.n ? m->observed : value;
        break;
    case 'S':
        m->has_signals = true;
        m->signals = m->signals.n ? m->signals : value;
        break;
    default:
        break;
    }
}

enum wire_event mgcp_parse(struct span message, struct mgcp_msg *ret)
{
    *ret = (struct mgcp_msg){0};
    struct span rest = message, line;
    if (!line_next(&rest, &line))
        return WIRE_MGCP_START_LINE;
    struct span first = line;
    ret->verb = verb_of(word_next(&first));
    if (!(ret->verb == MGCP_RESPONSE ? response_line(line, ret) : command_line(line, ret)))
        return WIRE_MGCP_START_LINE;
    for (int i = 0; i < MGCP_LINES_MAX; i++) {
        if (!line_next(&rest, &line))
            return WIRE_NONE;
        if (line.n == 0) {
            ret->sdp = rest;
            return WIRE_NONE;
        }
        parameter(line, ret);
    }
    return rest.n == 0 ? WIRE_NONE : WIRE_MGCP_LINES_MANY;
}

// Where this element ends: a comma outside of brackets and quotes.
static size_t element_end(struct span s)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t b = s.p[i];
        if (b == '"')
            quoted = !quoted;
        else if (quoted)
            continue;
        else if (b == '(')
            depth++;
        else if (b == ')' && depth > 0)
            depth--;
        else if (b == ',' && depth == 0)
            return i;
    }
    return s.n;
}

bool mgcp_list_next(struct span *rest, struct span *ret_name, struct span *ret_parameters)
{
    for (int i = 0; i < ELEMENTS_MAX && rest->n > 0; i++) {
        size_t end = element_end(*rest);
        struct span e = span_trim(span_sub(*rest, 0, end));
        *rest = span_sub(*rest, end + 1, rest->n);
        if (e.n == 0)
            continue;
        size_t open = span_find(e, '('), slash = span_find(span_sub(e, 0, open), '/');
        struct span inside = span_sub(e, open + 1, e.n);
        if (inside.n > 0 && inside.p[inside.n - 1] == ')')
            inside.n--;
        struct span name = span_sub(e, 0, open);
        if (slash < name.n)
            name = span_sub(name, slash + 1, name.n);
        *ret_name = span_sub(name, 0, span_find(name, '@')); // @connection
        *ret_parameters = inside;
        return true;
    }
    return false;
}
