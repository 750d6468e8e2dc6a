#include "base/conf.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/test.h"

static const struct conf_def defs[] = {
    {"config", CONF_STR, "", 0, 0, "file", false},
    {"site", CONF_STR, "main", 0, 0, "place", false},
    {"bus.sig-url", CONF_STR, "tcp://127.0.0.1:7641", 0, 0, "where", false},
    {"rtp.queue", CONF_INT, "256", -5, 1000, "how many", false},
    {"journal.bytes", CONF_BYTES, "64M", 1 << 20, INT64_C(1) << 40, "how much", false},
    {"idle", CONF_DURATION, "20ms", 0, INT64_C(86400000000), "how long", false},
    {"verbose", CONF_BOOL, "false", 0, 0, "more", false},
    {"store.dsn", CONF_STR, "", 0, 0, "database", true},
};

static char err[512];
static char path[64];

static struct conf *load(const char *const *args)
{
    char *argv[16] = {(char[]){"prog"}};
    static char copies[16][4096 + 128];
    int argc = 1;
    for (; *args; args++, argc++) {
        snprintf(copies[argc], sizeof(copies[argc]), "%s", *args);
        argv[argc] = copies[argc];
    }
    memset(err, 0, sizeof(err));
    return conf_load(defs, COUNT_OF(defs), argc, argv, err, sizeof(err));
}
#define LOAD(...) load((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int clean(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/tmp/callmesh-conf-%d", (int)getpid());
    static const char *const names[] = {"CALLMESH_SITE",      "CALLMESH_BUS_SIG_URL",
                                        "CALLMESH_RTP_QUEUE", "CALLMESH_STORE_DSN",
                                        "CALLMESH_CONFIG",    "CALLMESH_STORE_DSN_FILE"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        unsetenv(names[i]);
    unlink(path);
    return 0;
}

static void defaults(void **state)
{
    (void)state;
    struct conf *c = LOAD();
    assert_non_null(c);
    assert_string_equal(conf_str(c, "site"), "main");
    assert_string_equal(conf_str(c, "store.dsn"), "");
    assert_int_equal(conf_int(c, "rtp.queue"), 256);
    assert_int_equal(conf_int(c, "journal.bytes"), 64 << 20);
    assert_int_equal(conf_int(c, "idle"), 20000);
    assert_false(conf_bool(c, "verbose"));
    const char *const *rest;
    assert_int_equal(conf_rest(c, &rest), 0);
    conf_free(c);
    assert_null(conf_free(NULL));
}

static void command_line(void **state)
{
    (void)state;
    struct conf *c = LOAD("--rtp.queue", "-5", "a.pcap", "--idle=2h", "--verbose", "-",
                          "--journal.bytes=8G", "--", "--site", "x");
    assert_non_null(c);
    assert_int_equal(conf_int(c, "rtp.queue"), -5);
    assert_int_equal(conf_int(c, "idle"), INT64_C(7200000000));
    assert_int_equal(conf_int(c, "journal.bytes"), INT64_C(8) << 30);
    assert_true(conf_bool(c, "verbose"));
    assert_string_equal(conf_str(c, "site"), "main");
    const char *const *rest;
    assert_int_equal(conf_rest(c, &rest), 4);
    assert_string_equal(rest[0], "a.pcap");
    assert_string_equal(rest[1], "-");
    assert_string_equal(rest[2], "--site");
    assert_string_equal(rest[3], "x");
    conf_free(c);
    c = LOAD("--verbose=no", "--site=a=b", "--site", "last");
    assert_false(conf_bool(c, "verbose"));
    assert_string_equal(conf_str(c, "site"), "last");
    conf_free(c);
}

static void strongest_source_wins(void **state)
{
    (void)state;
    write_file(
        "; comment\nsite = from-file\n\n[bus]\n  sig-url = tcp://file:1 ; why\n[rtp]\n\tqueue = 7\n"
        "[journal]\nbytes=2M\n");
    setenv("CALLMESH_BUS_SIG_URL", "tcp://env:1", 1);
    setenv("CALLMESH_RTP_QUEUE", "8", 1);
    setenv("CALLMESH_CONFIG", path, 1);
    struct conf *c = LOAD("--rtp.queue=9");
    assert_string_equal(err, "");
    assert_non_null(c);
    assert_string_equal(conf_str(c, "site"), "from-file");
    assert_string_equal(conf_str(c, "bus.sig-url"), "tcp://env:1");
    assert_int_equal(conf_int(c, "rtp.queue"), 9);
    assert_int_equal(conf_int(c, "journal.bytes"), 2 << 20);
    conf_free(c);
}

static void secrets_from_files(void **state)
{
    (void)state;
    write_file("host=/run password='x y'\n\n");
    setenv("CALLMESH_STORE_DSN_FILE", path, 1);
    struct conf *c = LOAD();
    assert_non_null(c);
    assert_string_equal(conf_str(c, "store.dsn"), "host=/run password='x y'");
    conf_free(c);
    setenv("CALLMESH_STORE_DSN", "x", 1);
    assert_null(LOAD());
    assert_string_equal(err,
                        "CALLMESH_STORE_DSN and CALLMESH_STORE_DSN_FILE are both set; keep one");
    unsetenv("CALLMESH_STORE_DSN");
    unlink(path);
    assert_null(LOAD());
    assert_non_null(strstr(err, "CALLMESH_STORE_DSN_FILE: cannot read /tmp/callmesh-conf-"));
}

static void error_lines(void **state)
{
    static const struct {
        const char *args[3];
        const char *line;
    } cases[] = {
        {{"--nope"}, "unknown option --nope; --help shows all"},
        {{"--nope=1"}, "unknown option --nope; --help shows all"},
        {{"-x"}, "unknown option -x; --help shows all"},
        {{"--site"}, "--site needs a value"},
        {{"--site", "--verbose"}, "--site needs a value"},
        {{"--rtp.queue=1001"}, "--rtp.queue: 1001 is out of range; allowed are -5 to 1000"},
        {{"--rtp.queue="}, "--rtp.queue: \"\" is not a number; allowed are -5 to 1000"},
        {{"--rtp.queue=1k"}, "--rtp.queue: \"1k\" is not a number; allowed are -5 to 1000"},
        {{"--rtp.queue=0x10"}, "--rtp.queue: \"0x10\" is not a number; allowed are -5 to 1000"},
        {{"--rtp.queue=99999999999999999999"},
         "--rtp.queue: \"99999999999999999999\" is not a number; allowed are -5 to 1000"},
        {{"--journal.bytes=1k"}, "--journal.bytes: 1k is out of range; allowed are 1M to 1T"},
        {{"--journal.bytes=1.5G"},
         "--journal.bytes: \"1.5G\" is not a number of bytes, like 64k, 16M or 8G; allowed are 1M "
         "to 1T"},
        {{"--journal.bytes=9999999999T"},
         "--journal.bytes: \"9999999999T\" is not a number of bytes, like 64k, 16M or 8G; allowed "
         "are 1M to 1T"},
        {{"--idle=5"},
         "--idle: \"5\" is not a number with a unit, like 20ms, 5s, 10m, 2h or 7d; allowed are 0us "
         "to 1d"},
        {{"--idle=2d"}, "--idle: 2d is out of range; allowed are 0us to 1d"},
        {{"--verbose=maybe"}, "--verbose: \"maybe\" is neither true nor false"},
        {{"--config=/nonexistent"},
         "--config: cannot read /nonexistent: No such file or directory"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_null(load(cases[i].args));
        assert_string_equal(err, cases[i].line);
    }
    setenv("CALLMESH_RTP_QUEUE", "many", 1);
    assert_null(LOAD());
    assert_string_equal(err,
                        "CALLMESH_RTP_QUEUE: \"many\" is not a number; allowed are -5 to 1000");
}

// The longest value, and one byte more.
static void values_are_bounded(void **state)
{
    static char text[4096 + 16];
    (void)state;
    for (int more = 0; more < 2; more++) {
        memset(text, 'x', sizeof(text));
        memcpy(text, "--site=", 7);
        text[7 + 4096 + more] = '\0';
        struct conf *c = LOAD(text);
        assert_int_equal(c == NULL, more);
        if (c)
            assert_int_equal(strlen(conf_str(c, "site")), 4096);
        else
            assert_non_null(strstr(err, "--site: the value is longer than 4096 bytes"));
        conf_free(c);
    }
}

static void file_error_lines(void **state)
{
    static const struct {
        const char *text, *line;
    } cases[] = {
        {"[bus]\nnope = 1\n", " line 2: unknown setting \"bus.nope\""},
        {"config = x\n", " line 1: unknown setting \"config\""},
        {"\n\nsite\n", " line 3: neither [section] nor name = value"},
        {"[rtp\n", " line 1: neither [section] nor name = value"},
        {"[rtp]\nqueue = x\n", " line 2: rtp.queue: \"x\" is not a number; allowed are -5 to 1000"},
        {"site = a\n site = b\n", " line 2: site is set twice"},
    };
    char config[128], want[256];
    (void)state;
    snprintf(config, sizeof(config), "--config=%s", path);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        write_file(cases[i].text);
        assert_null(LOAD(config));
        snprintf(want, sizeof(want), "%s%s", path, cases[i].line);
        assert_string_equal(err, want);
    }
    char longline[400] = "site = ";
    memset(longline + 7, 'x', sizeof(longline) - 8);
    write_file(longline);
    assert_null(LOAD(config));
    snprintf(want, sizeof(want), "%s line 1: longer than 198 characters", path);
    assert_string_equal(err, want);
}

static void secrets_are_not_shown(void **state)
{
    (void)state;
    struct conf *c = LOAD("--store.dsn=password=hunter2", "--verbose");
    assert_non_null(c);
    fflush(stdout);
    int real = dup(STDOUT_FILENO), fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    dup2(fd, STDOUT_FILENO);
    conf_print(c);
    conf_print_help(defs, COUNT_OF(defs));
    fflush(stdout);
    dup2(real, STDOUT_FILENO);
    close(real);
    char b[4096];
    ssize_t n = pread(fd, b, sizeof(b) - 1, 0);
    close(fd);
    assert_true(n > 0);
    b[n] = 0;
    assert_null(strstr(b, "hunter2"));
    assert_non_null(strstr(b, "store.dsn = ********  (command line)\n"));
    assert_non_null(strstr(b, "verbose = true  (command line)\n"));
    assert_non_null(strstr(b, "rtp.queue = 256  (default)\n"));
    assert_non_null(strstr(b, "  --rtp.queue N "));
    conf_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults, clean, clean),
        cmocka_unit_test_setup_teardown(command_line, clean, clean),
        cmocka_unit_test_setup_teardown(strongest_source_wins, clean, clean),
        cmocka_unit_test_setup_teardown(secrets_from_files, clean, clean),
        cmocka_unit_test_setup_teardown(values_are_bounded, clean, clean),
        cmocka_unit_test_setup_teardown(error_lines, clean, clean),
        cmocka_unit_test_setup_teardown(file_error_lines, clean, clean),
        cmocka_unit_test_setup_teardown(secrets_are_not_shown, clean, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
