/* site_identity.c - see site_identity.h. */
#include "site_identity.h"

#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "hash_mix.h"
#include "stable_name.h"
#include "text.h"

static const char between[] = " < ";

void identity_add(struct identity *id, const char *name, const char *last) {
    if (id->n_names < IDENTITY_KEY_NAMES) {
        id->names[id->n_names] = name;
    }
    if (id->n_names < IDENTITY_PATH_MAX) {
        id->lasts[id->n_names++] = last;
    }
}

void identity_set_key(struct identity *id, struct string_pool *pool) {
    char buf[(STABLE_NAME_MAX + sizeof between) * (IDENTITY_KEY_NAMES + 1)];
    struct text key = text_over(buf, sizeof buf);
    for (uint32_t i = 0; i < id->n_names && i < IDENTITY_KEY_NAMES; i++) {
        text_add(&key, i ? between : "");
        text_add(&key, id->names[i]);
    }
    text_add(&key, " [");
    text_add(&key, id->module);
    text_add(&key, "]");
    id->key = string_pool_intern(pool, buf);
}

static const char *intern_part(struct string_pool *pool, const char *s, size_t n) {
    return string_pool_text(pool, string_pool_id(pool, s, n));
}

int identity_parse(struct identity *id, const char *key, struct string_pool *pool) {
    size_t n = strlen(key);
    const char *module = NULL;
    *id = (struct identity){.is_cut = true};
    for (const char *s = strstr(key, " ["); s; s = strstr(s + 1, " [")) {
        module = s;
    }
    if (!module || module == key || key[n - 1] != ']' || module + 3 > key + n - 1) {
        return -1;
    }
    id->key = string_pool_intern(pool, key);
    id->module = intern_part(pool, module + 2, (size_t)(key + n - 1 - (module + 2)));
    for (const char *s = key; s < module;) {
        const char *end = strstr(s, between);
        end = end && end < module ? end : module;
        if (end == s || end + sizeof between - 1 == module || end - s >= STABLE_NAME_MAX ||
            id->n_names == IDENTITY_KEY_NAMES) {
            return -1;
        }
        char last[STABLE_NAME_MAX];
        const char *name = intern_part(pool, s, (size_t)(end - s));
        identity_add(id, name, string_pool_intern(pool, stable_name_last(name, last)));
        s = end == module ? end : end + sizeof between - 1;
    }
    id->is_cut = id->n_names == IDENTITY_KEY_NAMES;
    return 0;
}

/* One side of a matching. */
struct side {
    const struct identity *const *ids;
    size_t n;
    uint32_t *match;        /* index into the other side */
    const char **mentioned; /* all last parts of all paths, and all modules, by address */
    size_t n_mentioned;
};

static void join(struct side *a, size_t i, struct side *b, size_t k) {
    a->match[i] = (uint32_t)k;
    b->match[k] = (uint32_t)i;
}

/* What one step compares: a number that is equal where the step may say the same, and the order among equal ones. */
struct ranked {
    uint64_t hash;
    uint32_t index;
    const char *key;
};

static int by_hash_and_key(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    return x->hash != y->hash ? (x->hash > y->hash ? 1 : -1) : strcmp(x->key, y->key);
}

static uint64_t hash_of_key(const struct identity *id) {
    return (uintptr_t)id->key;
}

/* What has no name is told by its module alone. */
static bool is_unnamed(const struct identity *id) {
    return strcmp(id->names[0], "??") == 0 || strncmp(id->names[0], "0x", 2) == 0 || id->names[0][0] == '(';
}

static uint64_t hash_of_names(const struct identity *id) {
    uint64_t hash = is_unnamed(id) ? (uintptr_t)id->module : 0;
    for (uint32_t i = 0; i < id->n_names && i < IDENTITY_KEY_NAMES; i++) {
        hash = hash_mix(hash, (uintptr_t)id->names[i]);
    }
    return hash;
}

static uint64_t hash_of_blamed(const struct identity *id) {
    return (uintptr_t)id->lasts[0];
}

/* The unmatched of a side, those of equal hash side by side. Memory: the caller frees it */
static struct ranked *rank(const struct side *side, uint64_t (*hash)(const struct identity *), size_t *n) {
    struct ranked *ranked = xcalloc(side->n, sizeof *ranked);
    *n = 0;
    for (uint32_t i = 0; i < side->n; i++) {
        if (side->match[i] == IDENTITY_NO_MATCH && side->ids[i]->n_names) {
            ranked[(*n)++] = (struct ranked){.hash = hash(side->ids[i]), .index = i, .key = side->ids[i]->key};
        }
    }
    qsort(ranked, *n, sizeof *ranked, by_hash_and_key);
    return ranked;
}

static size_t end_of_group(const struct ranked *ranked, size_t n, size_t first) {
    size_t end = first;
    while (end < n && ranked[end].hash == ranked[first].hash) {
        end++;
    }
    return end;
}

/* A group of each side that may be the same. */
struct group {
    const struct ranked *a, *b;
    size_t n_a, n_b;
};

typedef void match_group(struct side *a, struct side *b, const struct group *group);

static void match_in_order(struct side *a, struct side *b, const struct group *group) {
    for (size_t i = 0; i < group->n_a && i < group->n_b; i++) {
        join(a, group->a[i].index, b, group->b[i].index);
    }
}

static void for_groups(struct side *a, struct side *b, uint64_t (*hash)(const struct identity *), match_group *match) {
    size_t n_a, n_b;
    struct ranked *x = rank(a, hash, &n_a), *y = rank(b, hash, &n_b);
    for (size_t i = 0, k = 0; i < n_a && k < n_b;) {
        size_t end_a = end_of_group(x, n_a, i), end_b = end_of_group(y, n_b, k);
        if (x[i].hash == y[k].hash) {
            struct group group = {.a = x + i, .b = y + k, .n_a = end_a - i, .n_b = end_b - k};
            match(a, b, &group);
        }
        bool is_equal = x[i].hash == y[k].hash, is_less = x[i].hash < y[k].hash;
        i = is_equal || is_less ? end_a : i;
        k = is_equal || !is_less ? end_b : k;
    }
    free(x);
    free(y);
}

/* Longest common subsequence of two paths. */
static uint32_t in_common(const struct identity *a, const struct identity *b) {
    uint32_t row[IDENTITY_PATH_MAX + 1] = {0};
    for (uint32_t i = 0; i < a->n_names; i++) {
        uint32_t diagonal = 0;
        for (uint32_t k = 0; k < b->n_names; k++) {
            uint32_t above = row[k + 1];
            if (a->lasts[i] == b->lasts[k]) {
                row[k + 1] = diagonal + 1;
            } else if (row[k] > above) {
                row[k + 1] = row[k];
            }
            diagonal = above;
        }
    }
    return row[b->n_names];
}

struct pair {
    uint32_t a, b, place; /* place: in the order of keys */
    double likeness;      /* functions in common of all of both */
};

static int by_likeness(const void *a, const void *b) {
    const struct pair *x = a, *y = b;
    return x->likeness != y->likeness ? (x->likeness < y->likeness ? 1 : -1)
                                      : (x->place > y->place) - (x->place < y->place);
}

static int by_address(const void *a, const void *b) {
    uintptr_t x = (uintptr_t) * (const char *const *)a, y = (uintptr_t) * (const char *const *)b;
    return (x > y) - (x < y);
}

static void collect_mentioned(struct side *side) {
    for (size_t i = 0; i < side->n; i++) {
        side->n_mentioned += side->ids[i]->n_names + 1;
    }
    side->mentioned = xcalloc(side->n_mentioned, sizeof *side->mentioned);
    size_t n = 0;
    for (size_t i = 0; i < side->n; i++) {
        side->mentioned[n++] = side->ids[i]->module;
        for (uint32_t k = 0; k < side->ids[i]->n_names; k++) {
            side->mentioned[n++] = side->ids[i]->lasts[k];
        }
    }
    qsort(side->mentioned, n, sizeof *side->mentioned, by_address);
}

static bool mentions(const struct side *side, const char *name) {
    return bsearch(&name, side->mentioned, side->n_mentioned, sizeof *side->mentioned, by_address) != NULL;
}

/* The same module, or each has one that the other does not have: a program under another name. */
static bool may_be_same_module(const struct side *a, const struct identity *x, const struct side *b,
                               const struct identity *y) {
    return x->module == y->module || (!mentions(b, x->module) && !mentions(a, y->module));
}

/* Whether what two paths have in common says that they are of one site. */
static bool is_alike(const struct identity *a, const struct identity *b, uint32_t n_common) {
    uint32_t n_shorter = a->n_names < b->n_names ? a->n_names : b->n_names;
    return n_common > 1 || (n_common == n_shorter && a->names[0] == b->names[0]);
}

static void match_alike(struct side *a, struct side *b, const struct group *group) {
    size_t n_a = group->n_a < IDENTITY_TRIED_MAX ? group->n_a : IDENTITY_TRIED_MAX;
    size_t n_b = group->n_b < IDENTITY_TRIED_MAX ? group->n_b : IDENTITY_TRIED_MAX, n = 0;
    struct pair *pairs = xcalloc(n_a * n_b, sizeof *pairs);
    for (size_t i = 0; i < n_a; i++) {
        for (size_t k = 0; k < n_b; k++) {
            const struct identity *x = a->ids[group->a[i].index], *y = b->ids[group->b[k].index];
            uint32_t common = in_common(x, y);
            if (is_alike(x, y, common) && (!is_unnamed(x) || may_be_same_module(a, x, b, y))) {
                pairs[n] = (struct pair){.a = group->a[i].index,
                                         .b = group->b[k].index,
                                         .place = (uint32_t)n,
                                         .likeness = 2. * common / (x->n_names + y->n_names)};
                n++;
            }
        }
    }
    qsort(pairs, n, sizeof *pairs, by_likeness);
    for (size_t i = 0; i < n; i++) {
        if (a->match[pairs[i].a] == IDENTITY_NO_MATCH && b->match[pairs[i].b] == IDENTITY_NO_MATCH) {
            join(a, pairs[i].a, b, pairs[i].b);
        }
    }
    free(pairs);
}

/* How many functions at the beginning of a path the other side does not have at all. */
static uint32_t n_vanished(const struct identity *id, const struct side *other) {
    uint32_t n = 0;
    while (n < id->n_names && !mentions(other, id->lasts[n])) {
        n++;
    }
    return n;
}

/* Whether a path without its first n functions is all of another, as far as both are known. */
static bool is_rest(const struct identity *a, uint32_t n, const struct identity *b) {
    if (!a->is_cut && !b->is_cut && a->n_names - n != b->n_names) {
        return false;
    }
    for (uint32_t i = 0; i + n < a->n_names && i < b->n_names; i++) {
        if (a->lasts[i + n] != b->lasts[i]) {
            return false;
        }
    }
    return true;
}

/* Step 4: those of a whose blamed function b does not have, nor perhaps its next callers. */
static void match_vanished(struct side *a, struct side *b) {
    size_t n_a, n_b;
    struct ranked *x = rank(a, hash_of_blamed, &n_a), *y = rank(b, hash_of_blamed, &n_b);
    for (size_t i = 0; i < n_a; i++) {
        const struct identity *id = a->ids[x[i].index];
        uint32_t n = n_vanished(id, b);
        if (n == 0 || n == id->n_names) {
            continue;
        }
        struct ranked wanted = {.hash = (uintptr_t)id->lasts[n], .key = ""};
        size_t low = 0;
        for (size_t high = n_b; low < high;) { /* the first that is not less */
            size_t middle = (low + high) / 2;
            if (by_hash_and_key(&y[middle], &wanted) < 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        for (; low < n_b && y[low].hash == wanted.hash; low++) {
            const struct identity *rest = b->ids[y[low].index];
            if (b->match[y[low].index] == IDENTITY_NO_MATCH && is_rest(id, n, rest) && may_be_same_module(a, id, b, rest)) {
                join(a, x[i].index, b, y[low].index);
                break;
            }
        }
    }
    free(x);
    free(y);
}

void identity_match(const struct identity *const *a, size_t n_a, const struct identity *const *b, size_t n_b,
                    uint32_t *match) {
    struct side x = {.ids = a, .n = n_a, .match = match}, y = {.ids = b, .n = n_b, .match = xcalloc(n_b, sizeof *match)};
    memset(x.match, 0xff, n_a * sizeof *match);
    memset(y.match, 0xff, n_b * sizeof *match);
    collect_mentioned(&x);
    collect_mentioned(&y);
    for_groups(&x, &y, hash_of_key, match_in_order);
    for_groups(&x, &y, hash_of_names, match_in_order);
    for_groups(&x, &y, hash_of_blamed, match_alike);
    match_vanished(&x, &y);
    match_vanished(&y, &x);
    free(x.mentioned);
    free(y.mentioned);
    free(y.match);
}
