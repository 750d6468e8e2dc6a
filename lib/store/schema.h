// schema.h: the version of the database and the day partitions.
#pragma once
#include "store/conn.h"

#define STORE_SCHEMA_VERSION 20

enum {
    SCHEMA_OK = 0,
    SCHEMA_E_AWAY = 1,
    SCHEMA_E_VERSION = 2,
    SCHEMA_E_FILES = 3,
    SCHEMA_E_SQL = 4
};

// The version of the database, 0 when it is empty. STORE_OK or an error of conn.h.
int schema_version(struct store *s, int *ret_version);
// For services that do not own the schema: SCHEMA_OK when it is ours, else one line in err that
// names both versions.
int schema_check(struct store *s, char *err, size_t err_cap);
// For the owner: brings an empty or older database to our version by the files NNNN_*.sql of the
// folder, all in one transaction, one starter at a time (the second waits for the first and finds
// the work done). Refuses a newer one.
int schema_apply(struct store *s, const char *folder, char *err, size_t err_cap);

// Makes the partition of each day from_day .. to_day (0 is the day of now_us, UTC) of the
// partitioned tables. A day whose rows already lie in the default partition keeps lying there.
// *ret_made counts new partitions.
int partitions_make(struct store *s, int64_t now_us, int from_day, int to_day, int *ret_made);
