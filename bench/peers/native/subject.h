/* What the C and C++ peers do alike to be measured by taut-bench (the contract is
 * bench/SUBJECTS.md): command line, core, announcement, end. The other peers have the crate
 * `subject` for it. Included by one source file a program. */
#ifndef TAUT_PEERS_SUBJECT_H
#define TAUT_PEERS_SUBJECT_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { subject_buffer_bytes = 64 * 1024 };

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

/* Reads `MODE --core N`, where the mode is one of two, pins this thread and all that it starts to
 * the core, and tells whether the mode is the second one. Bad arguments and a core that can't be
 * had end the process. */
static int subject_start(int count, char **arguments, const char *first, const char *second) {
    char *end = NULL;
    long core = count == 4 ? strtol(arguments[3], &end, 10) : -1;
    int is_second = count == 4 && strcmp(arguments[1], second) == 0;
    int is_mode = is_second || (count == 4 && strcmp(arguments[1], first) == 0);
    if (!is_mode || strcmp(arguments[2], "--core") != 0 || *arguments[3] == '\0' || *end != '\0') {
        subject_fail("usage: %s|%s --core N", first, second);
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
    return is_second;
}

static void *subject_wait_for_end(void *unused) {
    char ignored[256];
    ssize_t length;
    do {
        length = read(STDIN_FILENO, ignored, sizeof ignored);
    } while (length > 0 || (length < 0 && errno == EINTR));
    if (length < 0) {
        subject_fail("can't read stdin: %s", strerror(errno));
    }
    /* Without the destructors of a loop that another thread still runs. */
    _exit(0);
    return unused;
}

/* Announces an echo server that listens on `port`, and ends the process with status 0 as soon as
 * stdin reaches its end. A thread waits for that; it sleeps in `read` and shares the core. The
 * texts are put into JSON as they are: they have no quotation marks. */
static void subject_announce(unsigned port, const char *version, const char *settings) {
    pthread_t waiting;
    int error = pthread_create(&waiting, NULL, subject_wait_for_end, NULL);
    if (error != 0) {
        subject_fail("can't start the thread that waits for the end of stdin: %s", strerror(error));
    }
    pthread_detach(waiting);
    printf("{\"listening\":\"127.0.0.1:%u\",\"version\":\"%s\",\"settings\":\"%s\"}\n", port,
           version, settings);
    if (fflush(stdout) != 0) {
        subject_fail("can't write to stdout: %s", strerror(errno));
    }
}

#endif
