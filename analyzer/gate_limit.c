/* gate_limit.c - how limits are written; see gate.h.
 *
 * K, M, G and T are of 1000, as in reports, so that a figure can be copied from one; KiB, MiB, GiB and TiB are of 1024.
 */
#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "gate.h"

#define LARGEST 9007199254740992. /* 2^53: up to there each whole number is exact */

/* Read digits with an optional fraction. Returns what follows, NULL if there is no number. */
static const char *read_number(const char *s, double *value) {
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

/* A multiplier: K, M, G, T, or one of them with "iB" or "B". Returns what follows. */
static const char *read_multiplier(const char *s, double *value) {
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

static bool is_blocks(const char *s) {
    return strcmp(s, "block") == 0 || strcmp(s, "blocks") == 0;
}

/* What follows the number must fit the option. */
static bool read_unit(struct gate_limit *limit, enum gate_limit_code code, const char *s) {
    s += strspn(s, " ");
    switch (code) {
    case GATE_MAX_UNRELEASED:
        limit->figure = is_blocks(s) ? GATE_UNRELEASED_BLOCKS : GATE_UNRELEASED_BYTES;
        if (is_blocks(s)) {
            return true;
        }
        break;
    case GATE_MAX_GROWTH:
        limit->figure = is_blocks(s) ? GATE_GROWTH_BLOCKS : GATE_GROWTH_BYTES;
        if (is_blocks(s)) {
            return true;
        }
        break;
    case GATE_MAX_PEAK:
        limit->figure = GATE_PEAK_BYTES;
        break;
    case GATE_MAX_CALLS:
        limit->figure = GATE_CALLS;
        return *read_multiplier(s, &limit->most) == '\0';
    case GATE_MAX_TEMPORARY:
        limit->figure = GATE_TEMPORARY_PERCENT;
        return (*s == '\0' || strcmp(s, "%") == 0) && limit->most <= 100;
    default:
        return false;
    }
    s = read_multiplier(s, &limit->most);
    return *s == '\0' || strcmp(s, "B") == 0;
}

/* How much of the end is "/mark" or "/hour"; without either it is per mark. */
static size_t n_step_bytes(struct gate_limit *limit, enum gate_limit_code code, const char *text) {
    const char *slash = code == GATE_MAX_GROWTH ? strchr(text, '/') : NULL;
    limit->is_per_hour = slash && strcmp(slash, "/hour") == 0;
    return limit->is_per_hour || (slash && strcmp(slash, "/mark") == 0) ? strlen(slash) : 0;
}

int gate_limit_read(struct gate_limit *limit, enum gate_limit_code code, const char *text) {
    static const struct {
        const char *option, *wants;
    } words[] = {
        [GATE_MAX_UNRELEASED] = {"max-unreleased", "bytes (64K, 1.5M, 64KiB) or blocks (3blocks)"},
        [GATE_MAX_PEAK] = {"max-peak", "bytes (64K, 1.5M, 64KiB)"},
        [GATE_MAX_CALLS] = {"max-calls", "a number (5000, 5K)"},
        [GATE_MAX_GROWTH] = {"max-growth", "bytes (64K/mark, 1.5M/hour) or blocks (0.1blocks/mark)"},
        [GATE_MAX_TEMPORARY] = {"max-temporary-ratio", "percent, 0 to 100"},
    };
    *limit = (struct gate_limit){.is_per_site = strncmp(text, "site:", 5) == 0};
    size_t n = strlen(text) - n_step_bytes(limit, code, text);
    char *figure = xstrndup(text, n);
    const char *unit = read_number(figure + (limit->is_per_site ? 5 : 0), &limit->most);
    bool is_read = unit && read_unit(limit, code, unit) && limit->most <= LARGEST;
    free(figure);
    if (!is_read) {
        diag_error("--%s: not %s, with site: before it for each site: %s", words[code].option, words[code].wants, text);
        return -1;
    }
    return 0;
}
