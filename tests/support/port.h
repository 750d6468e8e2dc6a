// port.h: a port of loopback for a server that a test starts. Below the range that the kernel gives to outgoing connections (32768
// on): in it, another test's dialler could be given the number before the server that it was chosen for has it.
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// 0: none found.
static inline int test_free_port(void)
{
    for (int tries = 0; tries < 1000; tries++) {
        struct timespec t;
        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        uint64_t us = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
        uint16_t port = (uint16_t)(12000 + (us * 7919 + (uint64_t)getpid() * 104729) % 20000);
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons(port)};
        int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool is_free = s >= 0 && bind(s, (struct sockaddr *)&a, sizeof(a)) == 0;
        if (s >= 0)
            (void)close(s);
        if (is_free)
            return port;
        (void)usleep(7);
    }
    return 0;
}
