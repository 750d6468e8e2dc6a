// log.h: one line per event on stderr: logfmt or JSON, level, fields. Any thread; a line is one write().
// error = someone must act; warn = we decided something for you; info = a life event; debug = off.
// Rate limited per call site (10 a second, then the count of what was left out). Never a line per packet,
// never audio, digits, tokens or message bodies. Text from outside goes in quotes, key=\"%s\": it may hold spaces.
// Control characters, bad UTF-8 and line ends never reach the output. A line is at most 2 KiB, then it is cut.
#pragma once
#include <stdint.h>

enum log_level {
    LOG_ERROR,
    LOG_WARN,
    LOG_INFO,
    LOG_DEBUG
};
enum log_format {
    LOG_TEXT,
    LOG_JSON
};

// service: not copied. Before it is called: level info, text, service "callmesh".
void log_setup(const char *service, enum log_level level, enum log_format format);

struct log_site {
    int64_t window_us;
    uint32_t count, suppressed;
};
// fmt gives the message and then key=value fields: log_info("call open", "site=%s call=%s", site, id)
__attribute__((format(printf, 4, 5))) void log_line(struct log_site *site, enum log_level level,
                                                    const char *msg, const char *fmt, ...);
#define LOG_AT(level, msg, ...)                                                                    \
    do {                                                                                           \
        static struct log_site log_site_;                                                          \
        log_line(&log_site_, (level), (msg), __VA_ARGS__);                                         \
    } while (0)
// The fields may be "%s", "" when there are none.
#define log_error(msg, ...) LOG_AT(LOG_ERROR, (msg), __VA_ARGS__)
#define log_warn(msg, ...)  LOG_AT(LOG_WARN, (msg), __VA_ARGS__)
#define log_info(msg, ...)  LOG_AT(LOG_INFO, (msg), __VA_ARGS__)
#define log_debug(msg, ...) LOG_AT(LOG_DEBUG, (msg), __VA_ARGS__)
