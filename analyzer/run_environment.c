/* run_environment.c - see run_environment.h. */
#include "run_environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diag.h"
#include "option_syntax.h"

char *run_environment_option(const char *key) {
    const char *item = getenv("SEEP_OPTIONS");
    size_t n_key = strlen(key);
    char *value = NULL;
    while (item && *item) {
        size_t n = strcspn(item, ":");
        if (n >= n_key && strncmp(item, key, n_key) == 0 && (n == n_key || item[n_key] == '=')) {
            free(value);
            value = xstrndup(item, n);
            struct text text = text_over(value, n + 1);
            option_unescape(&text, item + n_key + 1, n > n_key ? n - n_key - 1 : 0);
        }
        item += n + (item[n] == ':');
    }
    return value;
}

/* The folder of this executable. */
static int find_self(char self[PATH_MAX]) {
    ssize_t n = readlink("/proc/self/exe", self, PATH_MAX - 1);
    if (n <= 0) {
        return -1;
    }
    self[n] = '\0';
    *strrchr(self, '/') = '\0'; /* the kernel gives a full path */
    return 0;
}

int run_find_companion(const char *name, char path[PATH_MAX]) {
    static const char *const places[] = {"", "../lib/seep/"};
    char self[PATH_MAX];
    if (find_self(self) != 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        int n_path = snprintf(path, PATH_MAX, "%s/%s%s", self, places[i], name);
        if (n_path < PATH_MAX && access(path, R_OK) == 0) {
            return 0;
        }
    }
    errno = ENOENT;
    return -1;
}

int run_find_shim(char path[PATH_MAX], char *why, size_t cap) {
    char self[PATH_MAX];
    if (find_self(self) != 0) {
        snprintf(why, cap, "cannot find libseep.so: /proc/self/exe: %s", strerror(errno));
        return -1;
    }
    if (run_find_companion("libseep.so", path) != 0) {
        snprintf(why, cap, "cannot find libseep.so: neither in %s nor in %s/../lib/seep; install it there", self, self);
        return -1;
    }
    if (strpbrk(path, " :")) {
        snprintf(why, cap, "cannot preload %s: LD_PRELOAD knows no spaces and colons in names; install seep elsewhere",
                 path);
        return -1;
    }
    return 0;
}

int run_trace_path(const struct run_options *options, const char *program, pid_t pid, char path[PATH_MAX]) {
    struct text text = text_over(path, PATH_MAX);
    option_trace_path(&text, options->output ? options->output : "", program, (uint64_t)pid);
    if (text.is_cut) {
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

/* The full name, since the collector may have another current directory. */
static void add_full_path(struct text *text, const char *path) {
    char cwd[PATH_MAX];
    if (path[0] != '/' && getcwd(cwd, sizeof cwd)) {
        option_escape(text, cwd);
        text_add(text, "/");
    }
    option_escape(text, path);
}

static void add_option(struct text *text, const char *key, const char *value) {
    if (value) {
        text_add(text, key);
        option_escape(text, value);
    }
}

/* What is there already, but for the tree that seep run itself may be in: this is to be another one. */
static void add_options_of_others(struct text *line, const char *item) {
    static const char tree[] = "tree=";
    while (*item) {
        size_t n = strcspn(item, ":");
        if (n && strncmp(item, tree, sizeof tree - 1) != 0) {
            for (size_t i = 0; i < n; i++) {
                text_add_byte(line, item[i]);
            }
            text_add(line, ":");
        }
        item += n + (item[n] == ':');
    }
}

int run_set_environment(const struct run_options *options, const char *shim, const char *trace) {
    char options_text[OPTIONS_BYTES_MAX], preload[2 * PATH_MAX];
    struct text line = text_over(options_text, sizeof options_text);
    const char *before = getenv("SEEP_OPTIONS");
    if (before) {
        add_options_of_others(&line, before);
    }
    text_add(&line, "output=");
    add_full_path(&line, trace);
    add_option(&line, ":ring=", options->ring);
    add_option(&line, ":sample=", options->sample);
    add_option(&line, ":limit=", options->limit);
    add_option(&line, ":unwinder=", options->unwinder);
    add_option(&line, ":follow_exec=", options->is_alone ? "no" : NULL);
    add_option(&line, ":seccomp=", options->is_quiet ? "yes" : NULL);
    add_option(&line, ":openssl=", options->is_without_openssl ? "no" : NULL);

    struct text libraries = text_over(preload, sizeof preload);
    const char *others = getenv("LD_PRELOAD");
    text_add(&libraries, shim);
    if (others && *others) {
        text_add(&libraries, ":");
        text_add(&libraries, others);
    }
    if (line.is_cut || libraries.is_cut) {
        diag_error("run: %s would be too long", line.is_cut ? "SEEP_OPTIONS" : "LD_PRELOAD");
        return -1;
    }
    if (setenv("SEEP_OPTIONS", options_text, 1) != 0 || setenv("LD_PRELOAD", preload, 1) != 0) {
        diag_error("run: cannot set the environment: %s", strerror(errno));
        return -1;
    }
    return 0;
}
