/* config.c - SEEP_OPTIONS; the only place that asks for the environment. */
#include "config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "sys.h"
#include "text.h"

enum { RING_BYTES_DEFAULT = 64 << 20, RING_BYTES_MIN = 256 << 10, OPTION_BYTES = PATH_MAX };
static const uint64_t ring_bytes_max = 16ull << 30;
static const uint64_t sample_bytes_max = 1ull << 30;

/* Copy n bytes of an option's value, resolving %3A and %25. Other uses of % stay as they are. */
static void unescape(char *to, size_t cap, const char *from, size_t n) {
    size_t used = 0;
    for (size_t i = 0; i < n && used + 1 < cap; i++) {
        if (from[i] == '%' && i + 2 < n && (!strncmp(from + i, "%3A", 3) || !strncmp(from + i, "%25", 3))) {
            to[used++] = from[i + 1] == '3' ? ':' : '%';
            i += 2;
        } else {
            to[used++] = from[i];
        }
    }
    to[used] = '\0';
}

/* A number with an optional K, M or G (1024). Returns false if it is none or does not fit. */
static bool parse_size(const char *s, uint64_t *value) {
    uint64_t v = 0;
    const char *p = s;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (v > UINT64_MAX / 10 - 1) {
            return false;
        }
        v = v * 10 + (uint64_t)(*p - '0');
    }
    if (p == s) {
        return false;
    }
    unsigned shift = 0;
    switch (*p) {
    case 'k':
    case 'K':
        shift = 10;
        break;
    case 'm':
    case 'M':
        shift = 20;
        break;
    case 'g':
    case 'G':
        shift = 30;
        break;
    case '\0':
        break;
    default:
        return false;
    }
    if ((shift && p[1]) || v > UINT64_MAX >> shift) {
        return false;
    }
    *value = v << shift;
    return true;
}

static bool set_output(struct config *config, const char *value) {
    size_t n = strlen(value);
    if (n == 0 || n >= sizeof config->output) {
        return false;
    }
    memcpy(config->output, value, n + 1);
    return true;
}

static bool set_ring(struct config *config, const char *value) {
    uint64_t bytes;
    if (!parse_size(value, &bytes) || bytes < RING_BYTES_MIN || bytes > ring_bytes_max) {
        return false;
    }
    config->ring_bytes = bytes;
    return true;
}

static bool set_sample(struct config *config, const char *value) {
    uint64_t bytes;
    if (!parse_size(value, &bytes) || bytes > sample_bytes_max) {
        return false;
    }
    config->sample_bytes = bytes;
    return true;
}

static bool set_unwinder(struct config *config, const char *value) {
    static const char *const names[] = {
        [CONFIG_UNWINDER_REUSE] = "reuse",
        [CONFIG_UNWINDER_CFI] = "cfi",
        [CONFIG_UNWINDER_LIBUNWIND] = "libunwind",
        [CONFIG_UNWINDER_VERIFY] = "verify",
    };
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!strcmp(value, names[i])) {
            config->unwinder = (enum config_unwinder)i;
            return true;
        }
    }
    return false;
}

static bool set_only_pid(struct config *config, const char *value) {
    uint64_t pid;
    if (!parse_size(value, &pid) || pid == 0 || pid > INT32_MAX) {
        return false;
    }
    config->only_pid = (uint32_t)pid;
    return true;
}

static bool set_off(struct config *config, const char *value) {
    config->is_off = !*value;
    return config->is_off;
}

static const struct option {
    const char *key;
    bool (*set)(struct config *config, const char *value);
    const char *wants;
} options[] = {
    {"output", set_output, "a file name"},
    {"ring", set_ring, "a size from 256K to 16G"},
    {"sample", set_sample, "a size up to 1G, or 0 for every allocation"},
    {"unwinder", set_unwinder, "reuse, cfi, libunwind or verify"},
    {"only_pid", set_only_pid, "a process id"},
    {"off", set_off, "no value"},
};

static void set_option(struct config *config, const char *item, size_t n) {
    char key[32];
    static char value[OPTION_BYTES]; /* not on the stack: this may run below the first malloc of any thread */
    const char *equals = memchr(item, '=', n);
    size_t key_bytes = equals ? (size_t)(equals - item) : n;
    size_t kept = key_bytes < sizeof key ? key_bytes : sizeof key - 1;
    memcpy(key, item, kept);
    key[kept] = '\0';
    unescape(value, sizeof value, equals ? equals + 1 : item + n, equals ? n - key_bytes - 1 : 0);
    for (unsigned i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (kept == key_bytes && !strcmp(key, options[i].key)) {
            if (!options[i].set(config, value)) {
                sys_message("SEEP_OPTIONS: ", key, " wants ", options[i].wants, ", not \"", value, "\"; ignored", NULL);
            }
            return;
        }
    }
    sys_message("SEEP_OPTIONS: unknown option \"", key, "\"; ignored", NULL);
}

void config_read(struct config *config) {
    memset(config, 0, sizeof *config);
    config->ring_bytes = RING_BYTES_DEFAULT;
    const char *text = getenv("SEEP_OPTIONS");
    if (!text) {
        return;
    }
    if (strlen(text) >= sizeof config->options) {
        sys_message("SEEP_OPTIONS is longer than 4095 bytes; ignored", NULL);
        return;
    }
    memcpy(config->options, text, strlen(text) + 1);
    for (const char *item = text; *item;) {
        size_t n = strcspn(item, ":");
        if (n > 0) {
            set_option(config, item, n);
        }
        item += n + (item[n] == ':');
    }
}

bool config_output_path(const struct config *config, const char *program, uint32_t pid, char *path, size_t cap) {
    struct text text = text_over(path, cap);
    if (!*config->output) {
        text_add(&text, "seep.");
        text_add(&text, program);
        text_add(&text, ".");
        text_add_number(&text, pid);
        text_add(&text, ".seep");
        return !text.is_cut;
    }
    for (const char *p = config->output; *p; p++) {
        if (p[0] == '%' && p[1] == 'p') {
            text_add_number(&text, pid);
            p++;
        } else if (p[0] == '%' && p[1] == 'n') {
            text_add(&text, program);
            p++;
        } else {
            text_add_byte(&text, *p);
        }
    }
    return !text.is_cut;
}
