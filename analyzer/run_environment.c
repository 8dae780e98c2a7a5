/* run_environment.c - see run_environment.h. The syntax of SEEP_OPTIONS is preload/config.h's. */
#include "run_environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diag.h"

enum { OPTIONS_BYTES_MAX = 4096 }; /* what the shim takes, with the terminator */

/* A line being put together; once something does not fit it stays cut. */
struct line {
    char *text;
    size_t n, cap;
    bool is_cut;
};

static void line_add(struct line *line, const char *s) {
    size_t n = strlen(s);
    if (n >= line->cap - line->n) {
        line->is_cut = true;
        return;
    }
    memcpy(line->text + line->n, s, n + 1);
    line->n += n;
}

/* The reverse of line_add_escaped(). */
static char *unescaped(const char *from, size_t n) {
    char *text = xstrndup(from, n), *to = text;
    for (const char *p = text; *p; p++) {
        bool is_escaped = strncmp(p, "%3A", 3) == 0 || strncmp(p, "%25", 3) == 0;
        *to++ = !is_escaped ? *p : p[1] == '3' ? ':' : '%';
        p += is_escaped ? 2 : 0;
    }
    *to = '\0';
    return text;
}

char *run_environment_option(const char *key) {
    const char *item = getenv("SEEP_OPTIONS");
    size_t n_key = strlen(key);
    char *value = NULL;
    while (item && *item) {
        size_t n = strcspn(item, ":");
        if (n >= n_key && strncmp(item, key, n_key) == 0 && (n == n_key || item[n_key] == '=')) {
            free(value);
            value = n == n_key ? xstrndup("", 0) : unescaped(item + n_key + 1, n - n_key - 1);
        }
        item += n + (item[n] == ':');
    }
    return value;
}

int run_find_shim(char path[PATH_MAX]) {
    static const char *const places[] = {"libseep.so", "../lib/seep/libseep.so"};
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) {
        diag_error("cannot find libseep.so: /proc/self/exe: %s", strerror(errno));
        return -1;
    }
    self[n] = '\0';
    *strrchr(self, '/') = '\0'; /* the kernel gives a full path */
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        int n_path = snprintf(path, PATH_MAX, "%s/%s", self, places[i]);
        if (n_path >= PATH_MAX || access(path, R_OK) != 0) {
            continue;
        }
        if (strpbrk(path, " :")) {
            diag_error("cannot preload %s: LD_PRELOAD knows no spaces and colons in names; install seep elsewhere", path);
            return -1;
        }
        return 0;
    }
    diag_error("cannot find libseep.so: neither in %s nor in %s/../lib/seep; install it there", self, self);
    return -1;
}

int run_trace_path(const struct run_options *options, const char *program, pid_t pid, char path[PATH_MAX]) {
    struct line line = {.text = path, .cap = PATH_MAX};
    char number[16];
    snprintf(number, sizeof number, "%d", (int)pid);
    const char *slash = strrchr(program, '/');
    const char *name = slash ? slash + 1 : program;
    path[0] = '\0';
    if (!options->output) {
        line_add(&line, "seep.");
        line_add(&line, name);
        line_add(&line, ".");
        line_add(&line, number);
        line_add(&line, ".seep");
    }
    for (const char *p = options->output; p && *p; p++) {
        bool is_pid = p[0] == '%' && p[1] == 'p', is_name = p[0] == '%' && p[1] == 'n';
        line_add(&line, is_pid ? number : is_name ? name : (char[2]){*p});
        p += is_pid || is_name;
    }
    if (line.is_cut) {
        diag_error("run: the name of the trace is too long: %s", path);
        return -1;
    }
    return 0;
}

int run_check_trace_path(const char *path) {
    struct stat st;
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    snprintf(dir, sizeof dir, "%.*s", (int)n, path);
    const char *where = n ? dir : slash ? "/" : ".";
    if (stat(where, &st) != 0) {
        diag_error("cannot write %s: directory %s: %s", path, where, strerror(errno));
        return -1;
    }
    if (!S_ISDIR(st.st_mode)) {
        diag_error("cannot write %s: %s is not a directory", path, where);
        return -1;
    }
    if (lstat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode)) {
            diag_error("cannot write %s: is a directory; name a file in it with -o", path);
        } else if (!S_ISREG(st.st_mode)) {
            diag_error("cannot write %s: is not a regular file; choose another name with -o", path);
        } else {
            diag_error("%s already exists; seep never overwrites a trace; choose another name with -o", path);
        }
        return -1;
    }
    if (access(where, W_OK | X_OK) != 0) {
        diag_error("cannot write %s: directory %s: %s", path, where, strerror(errno));
        return -1;
    }
    return 0;
}

/* Add a value in which the shim's separator and its escape are escaped. */
static void line_add_escaped(struct line *line, const char *s) {
    for (; *s; s++) {
        line_add(line, *s == ':' ? "%3A" : *s == '%' ? "%25" : (char[2]){*s});
    }
}

/* The full name, since the collector may have another current directory. */
static void line_add_full_path(struct line *line, const char *path) {
    char cwd[PATH_MAX];
    if (path[0] != '/' && getcwd(cwd, sizeof cwd)) {
        line_add_escaped(line, cwd);
        line_add(line, "/");
    }
    line_add_escaped(line, path);
}

static void line_add_option(struct line *line, const char *key, const char *value) {
    if (value) {
        line_add(line, key);
        line_add_escaped(line, value);
    }
}

int run_set_environment(const struct run_options *options, const char *shim, const char *trace) {
    char text[OPTIONS_BYTES_MAX] = "", preload[2 * PATH_MAX] = "", number[16];
    struct line line = {.text = text, .cap = sizeof text};
    const char *before = getenv("SEEP_OPTIONS");
    if (before && *before) {
        line_add(&line, before);
        line_add(&line, ":");
    }
    snprintf(number, sizeof number, "%d", (int)getpid());
    line_add(&line, "output=");
    line_add_full_path(&line, trace);
    line_add_option(&line, ":only_pid=", number);
    line_add_option(&line, ":ring=", options->ring);
    line_add_option(&line, ":sample=", options->sample);
    line_add_option(&line, ":unwinder=", options->unwinder);

    struct line libraries = {.text = preload, .cap = sizeof preload};
    const char *others = getenv("LD_PRELOAD");
    line_add(&libraries, shim);
    if (others && *others) {
        line_add(&libraries, ":");
        line_add(&libraries, others);
    }
    if (line.is_cut || libraries.is_cut) {
        diag_error("run: %s would be too long", line.is_cut ? "SEEP_OPTIONS" : "LD_PRELOAD");
        return -1;
    }
    if (setenv("SEEP_OPTIONS", text, 1) != 0 || setenv("LD_PRELOAD", preload, 1) != 0) {
        diag_error("run: cannot set the environment: %s", strerror(errno));
        return -1;
    }
    return 0;
}
