#include "depot/conf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int refuse(char *err, size_t cap, const char *what)
{
    (void)snprintf(err, cap, "%s", what);
    return -EINVAL;
}

int depot_conf_read(const struct conf *c, struct depot_conf *ret, char *err, size_t err_cap)
{
    const char *url = conf_str(c, "depot.url"), *endpoint = conf_str(c, "depot.endpoint");
    memset(ret, 0, sizeof(*ret));
    if (url[0] == '\0')
        return 0;
    if (strncmp(url, "s3://", 5) != 0 || url[5] == '\0' || url[5] == '/')
        return refuse(err, err_cap, "depot.url is s3://bucket/prefix");
    if (strncmp(endpoint, "http://", 7) != 0 && strncmp(endpoint, "https://", 8) != 0)
        return refuse(err, err_cap, "depot.endpoint begins with https:// (or http://)");
    if (endpoint[strlen(endpoint) - 1] == '/')
        return refuse(err, err_cap, "depot.endpoint has no path and ends without a /");
    if (!conf_str(c, "depot.access-key")[0] || !conf_str(c, "depot.secret-key")[0])
        return refuse(err, err_cap, "depot.access-key and depot.secret-key are missing");
    size_t bucket = strcspn(url + 5, "/");
    const char *prefix = url + 5 + bucket;
    prefix += *prefix == '/';
    size_t n = strlen(prefix);
    if (bucket >= sizeof(ret->bucket) || n + 2 > sizeof(ret->prefix))
        return refuse(err, err_cap, "depot.url is too long");
    memcpy(ret->bucket, url + 5, bucket);
    (void)snprintf(ret->prefix, sizeof(ret->prefix), "%s%s", prefix,
                   n > 0 && prefix[n - 1] != '/' ? "/" : "");
    ret->s3 = (struct s3_opts){.endpoint = endpoint,
                               .bucket = ret->bucket,
                               .prefix = ret->prefix,
                               .region = conf_str(c, "depot.region"),
                               .access_key = conf_str(c, "depot.access-key"),
                               .secret_key = conf_str(c, "depot.secret-key"),
                               .ca_file = conf_str(c, "depot.ca-file")};
    ret->on = true;
    return 0;
}
