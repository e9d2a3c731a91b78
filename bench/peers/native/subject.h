/* What the C and C++ peers do alike to be measured by taut-bench (the contract is
 * bench/SUBJECTS.md): command line, core, announcement, what was received, end. The other peers
 * have the crate `subject` for it. Included by one source file a program. */
#ifndef TAUT_PEERS_SUBJECT_H
#define TAUT_PEERS_SUBJECT_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    subject_buffer_bytes = 64 * 1024,
    /* What is asked of the kernel for a socket of datagrams; it grants what the host allows. */
    subject_datagram_buffer_bytes = 4 << 20,
};

enum subject_role { subject_echo, subject_sink, subject_udp_sink };

/* A mode of a program; where it `spins`, its loop asks the kernel without rest. */
struct subject_mode {
    const char *name;
    enum subject_role role;
    int spins;
};

/* One sentence on stderr, and the end of the process with status 1. */
__attribute__((noreturn, format(printf, 1, 2)))
static void subject_fail(const char *format, ...) {
    va_list values;
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fputc('\n', stderr);
    exit(1);
}

/* The soft limit of open files is 1024 on most systems, the harness opens up to 10 000
 * connections. Where the hard limit is lower, accepting says so. */
static void subject_allow_many_connections(void) {
    struct rlimit limit;
    int known = getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    if (known != 0 || setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        subject_fail("can't raise the limit of open files: %s", strerror(errno));
    }
}

__attribute__((noreturn))
static void subject_refuse(const struct subject_mode *modes, size_t mode_count) {
    for (size_t index = 0; index < mode_count; index++) {
        fprintf(stderr, "%s%s", index == 0 ? "usage: " : "|", modes[index].name);
    }
    subject_fail(" --core N");
}

/* Reads `MODE --core N`, where the mode is one of those, pins this thread and all that it starts to
 * the core, and returns the mode. Bad arguments and a core that can't be had end the process. */
static const struct subject_mode *subject_start(int count, char **arguments,
                                                const struct subject_mode *modes,
                                                size_t mode_count) {
    char *end = NULL;
    long core = count == 4 ? strtol(arguments[3], &end, 10) : -1;
    const struct subject_mode *mode = NULL;
    for (size_t index = 0; count == 4 && index < mode_count; index++) {
        if (strcmp(arguments[1], modes[index].name) == 0) {
            mode = &modes[index];
        }
    }
    if (mode == NULL || strcmp(arguments[2], "--core") != 0 || *arguments[3] == '\0' ||
        *end != '\0') {
        subject_refuse(modes, mode_count);
    }
    if (core < 0 || core >= CPU_SETSIZE) {
        subject_fail("no core %ld: the highest is %d", core, CPU_SETSIZE - 1);
    }
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET((size_t)core, &only);
    if (sched_setaffinity(0, sizeof only, &only) != 0) {
        subject_fail("can't pin to core %ld: %s", core, strerror(errno));
    }
    subject_allow_many_connections();
    return mode;
}

/* What `subject_received` has added up. */
static uint64_t subject_total;

/* Adds to what the line `count` is answered with. One thread alone calls it. */
static inline void subject_received(uint64_t amount) {
    uint64_t total = __atomic_load_n(&subject_total, __ATOMIC_RELAXED) + amount;
    __atomic_store_n(&subject_total, total, __ATOMIC_RELAXED);
}

/* A socket for datagrams that does not block; the kernel chooses its port, which is told. */
static int subject_datagrams(unsigned *port) {
    int datagrams = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int bytes = subject_datagram_buffer_bytes;
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (datagrams < 0 ||
        setsockopt(datagrams, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) != 0 ||
        bind(datagrams, (const struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(datagrams, (struct sockaddr *)&address, &length) != 0) {
        subject_fail("no socket: %s", strerror(errno));
    }
    *port = ntohs(address.sin_port);
    return datagrams;
}

static void subject_flush(void) {
    if (fflush(stdout) != 0) {
        subject_fail("can't write to stdout: %s", strerror(errno));
    }
}

static void *subject_answer(void *unused) {
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) >= 0) {
        if (strcmp(line, "count\n") != 0) {
            subject_fail("a server is asked for its count, not %s", line);
        }
        printf("%llu\n",
               (unsigned long long)__atomic_load_n(&subject_total, __ATOMIC_RELAXED));
        subject_flush();
    }
    if (ferror(stdin)) {
        subject_fail("can't read stdin: %s", strerror(errno));
    }
    /* Without the destructors of a loop that another thread still runs. */
    _exit(0);
    return unused;
}

/* Announces a server that listens on `port`, answers each line `count` with what was received, and
 * ends the process with status 0 as soon as stdin reaches its end. A thread waits for both; it
 * sleeps in `read` and shares the core. The texts are put into JSON as they are: they have no
 * quotation marks. */
static void subject_announce(const struct subject_mode *mode, unsigned port, const char *version,
                             const char *settings) {
    pthread_t answering;
    int error = pthread_create(&answering, NULL, subject_answer, NULL);
    if (error != 0) {
        subject_fail("can't start the thread that reads stdin: %s", strerror(error));
    }
    pthread_detach(answering);
    const char *transport = mode->role == subject_udp_sink ? "udp:" : "";
    printf("{\"listening\":\"%s127.0.0.1:%u\",\"version\":\"%s\",\"settings\":\"%s\"}\n",
           transport, port, version, settings);
    subject_flush();
}

#endif
