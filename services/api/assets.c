#include "assets.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api.h"
#include "base/log.h"
#include "beneath.h"

static int dir = -1; // http thread

static const char no_dashboard[] =
    "callmesh-api is running. The dashboard is not built, or http.assets-dir does not name its "
    "folder.\n\n"
    "  cd dashboard && npm ci && npm run build\n"
    "  callmesh-api --http.assets-dir dashboard/dist ...\n\n"
    "The API answers under /api/v1; its description is /api/v1/openapi.json.\n";

int assets_init(void)
{
    if (!settings.assets_dir[0])
        return 0;
    dir = open(settings.assets_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        log_warn("http.assets-dir is not there: no dashboard", "dir=%s", settings.assets_dir);
    return 0;
}

const char *assets_type(const char *path)
{
    static const struct {
        const char *ext, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".json", "application/json"},
        {".webmanifest", "application/manifest+json"},
        {".woff2", "font/woff2"},
        {".wasm", "application/wasm"},
        {".wav", "audio/wav"},
        {".txt", "text/plain; charset=utf-8"},
        {".map", "application/json"},
    };
    size_t n = strlen(path);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        size_t e = strlen(types[i].ext);
        if (n > e && strcmp(path + n - e, types[i].ext) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

static int open_regular(const char *path, struct stat *ret)
{
    int fd = beneath_open(dir, path);
    if (fd >= 0 && fstat(fd, ret) == 0 && S_ISREG(ret->st_mode))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool takes_gzip(struct http_req *q)
{
    const char *accept = http_header_in(q, "Accept-Encoding");
    return accept && strstr(accept, "gzip") != NULL;
}

static enum http_next send_file(struct http_req *q, const char *path)
{
    char gz[1100], etag[64];
    struct stat st;
    bool zipped = false;
    int fd = -1;
    if (takes_gzip(q) && snprintf(gz, sizeof(gz), "%s.gz", path) < (int)sizeof(gz)) {
        fd = open_regular(gz, &st);
        zipped = fd >= 0;
    }
    if (fd < 0)
        fd = open_regular(path, &st);
    if (fd < 0)
        return http_problem(q, 404, "not_found", "no such page");
    bool hashed = strncmp(path, "assets/", 7) == 0;
    const char *none = http_header_in(q, "If-None-Match");
    snprintf(etag, sizeof(etag), "\"%llx-%llx%s\"", (unsigned long long)st.st_size,
             (unsigned long long)st.st_mtim.tv_sec * 1000000000u +
                 (unsigned long long)st.st_mtim.tv_nsec,
             zipped ? "-gz" : "");
    if (none && query_etag_match(span_str(none), span_str(etag), true)) {
        close(fd);
        http_reply_empty(q, 304);
    } else {
        http_reply_file(q, 200, assets_type(path), fd, 0, (uint64_t)st.st_size);
    }
    http_header(q, "ETag", "%s", etag);
    http_header(q, "Cache-Control", "%s",
                hashed ? "public, max-age=31536000, immutable" : "no-cache");
    http_header(q, "Vary", "Accept-Encoding");
    if (zipped)
        http_header(q, "Content-Encoding", "gzip");
    http_header(q, "Content-Security-Policy",
                "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; object-src "
                "'none'; base-uri 'none'; "
                "frame-ancestors 'none'");
    http_header(q, "Referrer-Policy", "same-origin");
    return HTTP_DONE;
}

enum http_next on_asset(struct http_req *q)
{
    const char *path = q->path + strspn(q->path, "/");
    if (strncmp(path, "api/", 4) == 0 || strcmp(path, "api") == 0)
        return http_problem(q, 404, "not_found", "no such endpoint; see /api/v1/openapi.json");
    if (q->method != HTTP_GET && q->method != HTTP_HEAD) {
        http_problem(q, 405, "method_not_allowed", "pages are read with GET");
        http_header(q, "Allow", "GET, HEAD");
        return HTTP_DONE;
    }
    if (dir < 0 && path[0] == 0)
        return http_reply_text(q, 200, "text/plain; charset=utf-8",
                               span_of(no_dashboard, sizeof(no_dashboard) - 1));
    if (dir < 0)
        return http_problem(q, 404, "not_found", "no such page");
    const char *slash = strrchr(path, '/');
    bool page = strchr(slash ? slash : path, '.') == NULL;
    return send_file(q, page ? "index.html" : path);
}
