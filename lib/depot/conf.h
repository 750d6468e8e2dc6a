// conf.h: the settings of the object store, the same for the recorder (writes) and the api (reads).
#pragma once
#include "base/conf.h"
#include "depot/s3.h"

// Rows of a conf_def table.
#define DEPOT_CONF                                                                                 \
    {"depot.url",                                                                                  \
     CONF_STR,                                                                                     \
     "",                                                                                           \
     0,                                                                                            \
     0,                                                                                            \
     "s3://bucket/prefix: finished recordings go there; empty: they stay in recordings.dir",       \
     false},                                                                                       \
        {"depot.endpoint",                                                                         \
         CONF_STR,                                                                                 \
         "https://s3.amazonaws.com",                                                               \
         0,                                                                                        \
         0,                                                                                        \
         "the store; buckets by path; http:// only where nobody listens",                          \
         false},                                                                                   \
        {"depot.region", CONF_STR, "us-east-1", 0, 0, "region of the signatures", false},          \
        {"depot.access-key", CONF_STR, "", 0, 0, "", true},                                        \
        {"depot.secret-key", CONF_STR, "", 0, 0, "", true},                                        \
    {                                                                                              \
        "depot.ca-file", CONF_STR, "", 0, 0, "certificate authorities; empty: the system's", false \
    }

struct depot_conf {
    bool on;
    struct s3_opts s3;
    char bucket[128], prefix[512]; // prefix ends in '/', or is empty
};

// 0, or -EINVAL after one clear line in err. The strings of c are borrowed. ret stays where it is: s3 points into it.
int depot_conf_read(const struct conf *c, struct depot_conf *ret, char *err, size_t err_cap);
