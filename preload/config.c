/* config.c - SEEP_OPTIONS; the only place that asks for the environment. */
#include "config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "sys.h"

enum { RING_BYTES_DEFAULT = 64 << 20, RING_BYTES_QUIET = 32 << 20, OPTION_BYTES = PATH_MAX };

static bool copy_path(char to[PATH_MAX], const char *value) {
    size_t n = strlen(value);
    if (n == 0 || n >= PATH_MAX) {
        return false;
    }
    memcpy(to, value, n + 1);
    return true;
}

static bool set_output(struct config *config, const char *value) {
    return copy_path(config->output, value);
}

static bool set_tree(struct config *config, const char *value) {
    return copy_path(config->tree, value);
}

static bool is_yes_or_no(const char *value) {
    return strcmp(value, "yes") == 0 || strcmp(value, "no") == 0;
}

static bool set_follow_exec(struct config *config, const char *value) {
    config->is_alone = strcmp(value, "no") == 0;
    return is_yes_or_no(value);
}

static bool set_seccomp(struct config *config, const char *value) {
    config->is_quiet = strcmp(value, "yes") == 0;
    return is_yes_or_no(value);
}

static bool set_openssl(struct config *config, const char *value) {
    config->has_no_openssl = strcmp(value, "no") == 0 || strcmp(value, "off") == 0;
    return config->has_no_openssl || strcmp(value, "yes") == 0;
}

static bool set_ring(struct config *config, const char *value) {
    return option_size(value, OPTION_RING_BYTES_MIN, OPTION_RING_BYTES_MAX, &config->ring_bytes);
}

static bool set_sample(struct config *config, const char *value) {
    return option_size(value, 0, OPTION_SAMPLE_BYTES_MAX, &config->sample_bytes);
}

static bool set_limit(struct config *config, const char *value) {
    return option_limit(value, &config->limit_bytes);
}

static bool set_unwinder(struct config *config, const char *value) {
    return option_unwinder(value, &config->unwinder);
}

static bool set_only_pid(struct config *config, const char *value) {
    uint64_t pid;
    if (!option_size(value, 1, INT32_MAX, &pid)) {
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
    {"limit", set_limit, "a size from 1M to 1024G, or 0 for no limit"},
    {"unwinder", set_unwinder, "reuse, cfi, libunwind or verify"},
    {"follow_exec", set_follow_exec, "yes or no"},
    {"seccomp", set_seccomp, "yes or no"},
    {"openssl", set_openssl, "yes or no"},
    {"tree", set_tree, "a file name"},
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
    struct text text = text_over(value, sizeof value);
    option_unescape(&text, equals ? equals + 1 : item + n, equals ? n - key_bytes - 1 : 0);
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

/* The number of a tunable. Returns whether it is there. */
static bool read_tunable(const char *tunables, const char *name, uint64_t *value) {
    const char *at = tunables ? strstr(tunables, name) : NULL;
    if (at) {
        *value = strtoull(at + strlen(name), NULL, 0);
    }
    return at != NULL;
}

static void read_options(struct config *config) {
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

void config_read(struct config *config) {
    memset(config, 0, sizeof *config);
    const char *tunables = getenv("GLIBC_TUNABLES");
    config->has_cache_blocks = read_tunable(tunables, "glibc.malloc.tcache_count=", &config->cache_blocks);
    read_tunable(tunables, "glibc.malloc.tcache_max=", &config->cache_bytes_max);
    read_options(config);
    if (config->ring_bytes == 0) {
        config->ring_bytes = config->is_quiet ? RING_BYTES_QUIET : RING_BYTES_DEFAULT;
    }
}

bool config_output_path(const struct config *config, const char *program, uint32_t pid, char *path, size_t cap) {
    struct text text = text_over(path, cap);
    option_trace_path(&text, config->output, program, pid);
    return !text.is_cut;
}
