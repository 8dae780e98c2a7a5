/* gate_limit.c - how limits are written; see gate.h. */
#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "gate.h"
#include "options.h"

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
        return *option_multiplier(s, &limit->most) == '\0';
    case GATE_MAX_TEMPORARY:
        limit->figure = GATE_TEMPORARY_PERCENT;
        return (*s == '\0' || strcmp(s, "%") == 0) && limit->most <= 100;
    default:
        return false;
    }
    s = option_multiplier(s, &limit->most);
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
    const char *unit = option_figure(figure + (limit->is_per_site ? 5 : 0), &limit->most);
    bool is_read = unit && read_unit(limit, code, unit) && limit->most <= OPTION_FIGURE_MAX;
    free(figure);
    if (!is_read) {
        diag_error("--%s: not %s, with site: before it for each site: %s", words[code].option, words[code].wants, text);
        return -1;
    }
    return 0;
}
