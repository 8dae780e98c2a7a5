/* collector_start.c - see collector_start.h. */
#include "collector_start.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "ring_file.h"
#include "sys.h"
#include "text.h"

enum { READY_TIMEOUT_MS = 5000, REPLY_BYTES = 1024, NUMBER_BYTES = 24 };

/* seep-collect in the folder that this very object was loaded from. */
static bool find_collector(char *path, size_t cap) {
    Dl_info info;
    if (!dladdr((const void *)collector_start, &info) || !info.dli_fname) {
        return false;
    }
    const char *slash = strrchr(info.dli_fname, '/');
    struct text text = text_over(path, cap);
    for (const char *c = info.dli_fname; slash && c <= slash; c++) {
        text_add_byte(&text, *c);
    }
    text_add(&text, "seep-collect");
    return !text.is_cut;
}

/* The collector's answer: "ok", or why not. Returns its length, 0 if it went without one or did not come in time. */
static size_t read_reply(int fd, char *reply, size_t cap) {
    size_t n = 0;
    uint64_t until_ns = sys_mono_ns() + READY_TIMEOUT_MS * 1000000ull;
    while (n + 1 < cap) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        uint64_t now_ns = sys_mono_ns();
        int polled = poll(&ready, 1, now_ns < until_ns ? (int)((until_ns - now_ns) / 1000000) : 0);
        if (polled < 0 && errno == EINTR) {
            continue;
        }
        ssize_t got = polled > 0 ? read(fd, reply + n, cap - 1 - n) : 0;
        if (got <= 0) {
            break;
        }
        n += (size_t)got;
        if (memchr(reply, '\n', n)) {
            break;
        }
    }
    reply[n] = '\0';
    reply[strcspn(reply, "\n")] = '\0';
    return n;
}

/* A pipe whose ends are above 2 even where the host was started without 0, 1 or 2. */
static bool make_pipe(int ends[2]) {
    int low[2];
    if (pipe2(low, O_CLOEXEC) < 0) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, 3);
    }
    close(low[0]);
    close(low[1]);
    return ends[0] >= 0 && ends[1] >= 0;
}

static int spawn(const char *collector, int ring_fd, int status_fd, const char *ring_path, const char *output,
                 uint64_t limit_bytes, const char *options) {
    char ring_number[NUMBER_BYTES], status_number[NUMBER_BYTES], pid_number[NUMBER_BYTES], limit_number[NUMBER_BYTES];
    struct text text = text_over(ring_number, sizeof ring_number);
    text_add_number(&text, (uint64_t)ring_fd);
    text = text_over(status_number, sizeof status_number);
    text_add_number(&text, (uint64_t)status_fd);
    text = text_over(pid_number, sizeof pid_number);
    text_add_number(&text, ring->pid);
    text = text_over(limit_number, sizeof limit_number);
    text_add_number(&text, limit_bytes);
    const char *const argv[] = {"seep-collect", "--ring-fd", ring_number,  "--status-fd", status_number, "--output",
                                output,         "--pid",     pid_number,   "--ring-path", ring_path,     "--options",
                                options,        "--limit",   limit_number, NULL};
    char *args[sizeof argv / sizeof argv[0]];
    memcpy(args, argv, sizeof argv);
    return sys_spawn_detached(collector, args, ring_fd, status_fd);
}

bool collector_start(int ring_fd, const char *ring_path, const char *output, uint64_t limit_bytes, const char *options) {
    static char collector[PATH_MAX];
    static char reply[REPLY_BYTES];
    int ends[2];
    if (!find_collector(collector, sizeof collector) || access(collector, X_OK) < 0) {
        sys_message("cannot run ", collector, ": it must stand beside libseep.so; not tracing", NULL);
        return false;
    }
    if (!make_pipe(ends)) {
        sys_message("cannot make a pipe for the collector; not tracing", NULL);
        return false;
    }
    int result = spawn(collector, ring_fd, ends[1], ring_path, output, limit_bytes, options);
    close(ends[1]);
    size_t n = result == 0 ? read_reply(ends[0], reply, sizeof reply) : 0;
    close(ends[0]);
    if (n && !strcmp(reply, "ok")) {
        return true;
    }
    const char *why = n || !sys_has_filter() ? "" : " (a seccomp filter is already on)";
    sys_message(n ? reply : "cannot start ", n ? "" : collector, why, "; not tracing", NULL);
    return false;
}
