/* options.c - see options.h. */
#include "options.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "diag.h"

int option_format(const char *text, bool *is_json) {
    *is_json = strcmp(text, "json") == 0;
    if (!*is_json && strcmp(text, "text") != 0) {
        diag_error("--format: not one of text, json: %s", text);
        return -1;
    }
    return 0;
}

int option_number(const char *option, const char *text, unsigned long long max, unsigned long long *value) {
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    if (errno || *end || text[0] < '0' || text[0] > '9' || *value > max) {
        diag_error("--%s: not a number from 0 to %llu: %s", option, max, text);
        return -1;
    }
    return 0;
}

int option_count(const char *option, const char *text, size_t *value) {
    unsigned long long number = 0;
    int status = option_number(option, text, UINT32_MAX, &number);
    *value = status == 0 ? (size_t)number : *value;
    return status;
}

pid_t option_pid(const char *text) {
    char *end;
    long pid = *text >= '0' && *text <= '9' ? strtol(text, &end, 10) : 0;
    return pid > 0 && pid <= INT_MAX && !*end ? (pid_t)pid : 0;
}

const char *option_figure(const char *s, double *value) {
    size_t n = strspn(s, "0123456789");
    size_t n_fraction = s[n] == '.' ? strspn(s + n + 1, "0123456789") : 0;
    if (n == 0 || (s[n] == '.' && n_fraction == 0)) {
        return NULL;
    }
    n += n_fraction ? n_fraction + 1 : 0;
    char *digits = xstrndup(s, n);
    *value = strtod(digits, NULL);
    free(digits);
    return s + n;
}

const char *option_multiplier(const char *s, double *value) {
    static const char letters[] = "KMGT";
    const char *letter = *s ? strchr(letters, *s) : NULL;
    if (!letter) {
        return s;
    }
    double base = s[1] == 'i' ? 1024. : 1000.;
    for (const char *l = letters; l <= letter; l++) {
        *value *= base;
    }
    return s[1] == 'i' ? s + 2 : s + 1;
}

int option_bytes(const char *option, const char *text, uint64_t *bytes) {
    double value = 0;
    const char *rest = option_figure(text, &value);
    rest = rest ? option_multiplier(rest, &value) : NULL;
    if (!rest || (*rest && strcmp(rest, "B") != 0) || value > OPTION_FIGURE_MAX) {
        diag_error("--%s: not a size as 500, 64K, 1.5M or 64KiB: %s", option, text);
        return -1;
    }
    *bytes = (uint64_t)value;
    return 0;
}

int option_age(const char *option, const char *text, uint64_t *ns) {
    static const char units[] = "smhd";
    static const uint64_t seconds[] = {1, 60, 3600, 86400};
    enum { DIGITS_MAX = 6, NS_PER_SECOND = 1000000000 };
    size_t n = strspn(text, "0123456789");
    const char *unit = text[n] ? strchr(units, text[n]) : NULL;
    if (n == 0 || n > DIGITS_MAX || !unit || text[n + 1]) {
        diag_error("--%s: not an age as 10s, 5m, 2h or 1d, of at most %d digits: %s", option, DIGITS_MAX, text);
        return -1;
    }
    uint64_t number = 0;
    for (size_t i = 0; i < n; i++) {
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    *ns = number * seconds[unit - units] * NS_PER_SECOND;
    return 0;
}

int option_word(const char *option, const char *text, const char *const *names, int n, const char *list) {
    for (int i = 0; i < n; i++) {
        if (strcmp(text, names[i]) == 0) {
            return i;
        }
    }
    diag_error("--%s: not one of %s: %s", option, list, text);
    return -1;
}

static int check_directory(const char *option, const char *path) {
    struct stat st;
    int error = stat(path, &st) != 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
    if (error) {
        diag_error("--%s: %s: %s", option, path, strerror(error));
        return -1;
    }
    return 0;
}

int option_sysroot(const char *option, const char *text, const char **sysroot) {
    *sysroot = text;
    return check_directory(option, text);
}

int option_debug_dirs(const char *text, char **dirs) {
    size_t n_dirs = *dirs ? strlen(*dirs) : 0, n_text = strlen(text);
    *dirs = xrealloc(*dirs, n_dirs + n_text + 2, 1);
    (*dirs)[n_dirs] = ':';
    char *dir = *dirs + n_dirs + 1;
    memcpy(dir, text, n_text + 1);
    for (size_t n; *dir; dir += n + (dir[n] == ':')) {
        n = strcspn(dir, ":");
        char *path = xstrndup(dir, n);
        int result = n ? check_directory("debug-dir", path) : 0;
        free(path);
        if (result != 0) {
            return -1;
        }
    }
    return 0;
}

void option_refuse(const char *command, int code, const char *argument) {
    if (code == ':') {
        diag_error("%s: '%s' needs a value; see seep %s --help", command, argument, command);
    } else {
        diag_error("%s: cannot make sense of '%s'; see seep %s --help", command, argument, command);
    }
}
