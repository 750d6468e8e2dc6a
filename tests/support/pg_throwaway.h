// pg_throwaway.h: a throw-away PostgreSQL for one test program (pg_throwaway.sh), in a folder under
// /tmp that is removed.
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pg_throwaway {
    char dir[64];
    char dsn[256];
    char script[512];
};

static inline int pg_throwaway_do(struct pg_throwaway *t, const char *what)
{
    char cmd[800];
    (void)snprintf(cmd, sizeof cmd, "'%s' %s '%s'", t->script, what, t->dir);
    FILE *f = popen(cmd, "r");
    if (!f)
        return -1;
    if (strcmp(what, "start") == 0 && fgets(t->dsn, sizeof t->dsn, f))
        t->dsn[strcspn(t->dsn, "\n")] = 0;
    return pclose(f);
}

// file: __FILE__ of the test, two or three folders below the top; up: how many.
static inline int pg_throwaway_start(struct pg_throwaway *t, const char *file, int up)
{
    (void)snprintf(t->script, sizeof t->script, "%s", file);
    for (int i = 0; i <= up; i++) {
        char *slash = strrchr(t->script, '/');
        if (slash)
            *slash = 0;
    }
    size_t n = strlen(t->script);
    (void)snprintf(t->script + n, sizeof t->script - n, "/tests/support/pg_throwaway.sh");
    (void)snprintf(t->dir, sizeof t->dir, "/tmp/callmesh-pg-XXXXXX");
    if (!mkdtemp(t->dir))
        return -1;
    t->dsn[0] = 0;
    return pg_throwaway_do(t, "start") || !t->dsn[0] ? -1 : 0;
}

// The folder of the migrations, of the same checkout.
static inline const char *pg_throwaway_schema(const struct pg_throwaway *t, char *buf, size_t cap)
{
    const char *support = strstr(t->script, "/tests/support/");
    (void)snprintf(buf, cap, "%.*s/deploy/schema", (int)(support - t->script), t->script);
    return buf;
}

static inline void pg_throwaway_end(struct pg_throwaway *t)
{
    (void)pg_throwaway_do(t, "kill");
    char cmd[128];
    if (getenv("CALLMESH_KEEP"))
        return; // to look at the logs in it
    (void)snprintf(cmd, sizeof cmd, "rm -rf '%s'", t->dir);
    if (system(cmd))
        (void)fprintf(stderr, "%s stays\n", t->dir);
}
