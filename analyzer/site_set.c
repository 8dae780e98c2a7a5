/* site_set.c - see site_set.h. */
#include "site_set.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "hash_mix.h"
#include "stable_name.h"
#include "trace_format.h"

/* A function as stacks have it, and what it is called. */
struct known_function {
    const char *function, *module; /* equal strings are equal pointers, in one symbolizer */
    const char *name, *last;       /* NULL = left out of paths */
};

struct building {
    struct site_set *set;
    const struct analysis *analysis;
    const struct blame_rules *rules;
    struct string_pool *pool;
    const struct profile *other;
    size_t cap_sites;
    uint32_t *slots; /* hash over sites by key: index + 1 */
    size_t n_slots;
    struct known_function *functions; /* open addressing */
    size_t n_functions, cap_functions;
};

static size_t function_slot(const struct building *b, const char *function, const char *module) {
    size_t slot = hash_mix((uintptr_t)function, (uintptr_t)module) & (b->cap_functions - 1);
    while (b->functions[slot].function &&
           (b->functions[slot].function != function || b->functions[slot].module != module)) {
        slot = (slot + 1) & (b->cap_functions - 1);
    }
    return slot;
}

static void grow_functions(struct building *b) {
    struct known_function *old = b->functions;
    size_t n_old = b->cap_functions;
    b->cap_functions = n_old ? n_old * 2 : 1024;
    b->functions = xcalloc(b->cap_functions, sizeof *b->functions);
    for (size_t i = 0; i < n_old; i++) {
        if (old[i].function) {
            b->functions[function_slot(b, old[i].function, old[i].module)] = old[i];
        }
    }
    free(old);
}

/* Whether callers of that kind are no part of a path. */
static bool is_left_out(const struct building *b, const struct frame *frame, const char *module) {
    return (module && blame_module_kind(b->rules, module) != MODULE_OTHER) ||
           blame_function_kind(b->rules, frame->function, frame->symbol) != FUNCTION_OTHER ||
           (frame->file && blame_is_template_file(frame->file));
}

static const char *intern_last(const struct building *b, const char *name) {
    char last[STABLE_NAME_MAX];
    return string_pool_intern(b->pool, stable_name_last(name, last));
}

static const struct known_function *know(struct building *b, const struct frame *frame, const char *module) {
    if (b->n_functions * 2 >= b->cap_functions) {
        grow_functions(b);
    }
    struct known_function *known = &b->functions[function_slot(b, frame->function, module)];
    if (!known->function) {
        char name[STABLE_NAME_MAX];
        *known = (struct known_function){.function = frame->function, .module = module};
        b->n_functions++;
        if (!is_left_out(b, frame, module)) {
            known->name = string_pool_intern(b->pool, stable_name(frame->function, name));
            known->last = intern_last(b, known->name);
        }
    }
    return known;
}

static const struct module *module_of(const struct profile *p, uint32_t stack) {
    uint32_t module = p->stacks[stack].module;
    return module && module <= p->n_modules ? &p->modules[module - 1] : NULL;
}

/* Whether the other trace has the same build of a file. */
static bool is_shared_build(const struct building *b, const struct module *module) {
    for (size_t i = 0; b->other && module->build_id_bytes && i < b->other->n_modules; i++) {
        const struct module *theirs = &b->other->modules[i];
        if (theirs->build_id_bytes == module->build_id_bytes &&
            memcmp(theirs->build_id, module->build_id, module->build_id_bytes) == 0) {
            return true;
        }
    }
    return false;
}

static const char *unnamed(const struct building *b, const struct location *location, uint32_t stack) {
    const struct module *module = module_of(&b->analysis->profile, stack);
    char name[48];
    if (!module || !location->object || !is_shared_build(b, module)) {
        return "??";
    }
    uint32_t id = 0;
    for (size_t i = 0; i < 4 && i < module->build_id_bytes; i++) {
        id = id << 8 | module->build_id[i];
    }
    snprintf(name, sizeof name, "0x%" PRIx64 "@%08" PRIx32, location->offset, id);
    return string_pool_intern(b->pool, name);
}

/* Recursion: names has those of the path. */
static bool is_met(const char *const *names, uint32_t n, const char *name) {
    for (uint32_t i = 0; i < n; i++) {
        if (names[i] == name) {
            return true;
        }
    }
    return false;
}

/* The names of the blamed function and module. */
static void begin_identity(struct building *b, struct identity *id, const struct location *location,
                           struct blame_frame at) {
    const struct frame *frame = &location->frames[at.frame];
    char buf[STABLE_NAME_MAX];
    id->module = string_pool_intern(b->pool, location->module ? stable_module(location->module, buf) : "??");
    const char *name =
        string_pool_intern(b->pool, frame->function ? stable_name(frame->function, buf) : unnamed(b, location, at.stack));
    identity_add(id, name, intern_last(b, name));
}

/* What starts a program is the same everywhere. */
static bool is_main(const char *name) {
    return strcmp(name, "main") == 0 || strcmp(name, "main.main") == 0;
}

/* Go outward from the blamed frame until there are max names. */
static void walk_path(struct building *b, struct identity *id, struct blame_frame at, uint32_t max) {
    const struct stack *stacks = b->analysis->profile.stacks;
    const char *names[IDENTITY_PATH_MAX] = {id->names[0]};
    uint32_t first = at.frame + 1;
    for (uint32_t i = at.stack; stack_is_frame(&stacks[i]) && id->n_names < max; i = stacks[i].parent) {
        const struct location *location = symbolize(b->analysis->symbolizer, stacks[i].module, stacks[i].ip);
        for (uint32_t k = first; k < location->n_frames && id->n_names < max; k++) {
            const struct frame *frame = &location->frames[k];
            const struct known_function *known = frame->function ? know(b, frame, location->module) : NULL;
            if (known && known->name && !is_met(names, id->n_names, known->name)) {
                names[id->n_names] = known->name;
                identity_add(id, known->name, known->last);
            }
            if (is_main(id->lasts[id->n_names - 1])) {
                return;
            }
        }
        first = 0;
        if (stacks[i].parent >= i) {
            return;
        }
    }
}

/* With the names of the key alone, or all of them. */
static struct blame_frame identify(struct building *b, struct identity *id, uint32_t leaf, uint32_t max) {
    const struct profile *p = &b->analysis->profile;
    struct blame_frame at = {0};
    *id = (struct identity){0};
    if (!stack_is_frame(&p->stacks[leaf])) {
        const char *name = string_pool_intern(b->pool, "(no stack)");
        id->module = string_pool_intern(b->pool, "??");
        identity_add(id, name, name);
    } else {
        at = blame_resolve(b->analysis->blame, leaf, false);
        begin_identity(b, id, symbolize(b->analysis->symbolizer, p->stacks[at.stack].module, p->stacks[at.stack].ip), at);
        if (!is_main(id->lasts[0])) {
            walk_path(b, id, at, max);
        }
    }
    identity_set_key(id, b->pool);
    return at;
}

static size_t site_slot(const struct building *b, const char *key) {
    size_t slot = hash_mix((uintptr_t)key, 0) & (b->n_slots - 1);
    while (b->slots[slot] && b->set->sites[b->slots[slot] - 1].id.key != key) {
        slot = (slot + 1) & (b->n_slots - 1);
    }
    return slot;
}

static struct known_site *find_site(struct building *b, const char *key) {
    if (b->set->n * 2 >= b->n_slots) {
        free(b->slots);
        b->n_slots = b->n_slots ? b->n_slots * 2 : 1024;
        b->slots = xcalloc(b->n_slots, sizeof *b->slots);
        for (size_t i = 0; i < b->set->n; i++) {
            b->slots[site_slot(b, b->set->sites[i].id.key)] = (uint32_t)i + 1;
        }
    }
    size_t slot = site_slot(b, key);
    if (!b->slots[slot]) {
        b->set->sites = xgrow(b->set->sites, b->set->n, &b->cap_sites, sizeof *b->set->sites);
        b->set->sites[b->set->n++] = (struct known_site){.id.key = key, .cost.oldest_birth_ns = UINT64_MAX};
        b->slots[slot] = (uint32_t)b->set->n;
    }
    return &b->set->sites[b->slots[slot] - 1];
}

static bool is_heavier(const struct cost *a, const struct cost *b) {
    return a->unreleased_bytes != b->unreleased_bytes ? a->unreleased_bytes > b->unreleased_bytes : a->calls > b->calls;
}

static void add_stack(struct building *b, uint32_t stack) {
    const struct profile *p = &b->analysis->profile;
    const struct cost *cost = profile_cost(p, stack);
    uint32_t leaf = blame_leaf(b->analysis->blame, stack);
    struct identity id;
    identify(b, &id, leaf, IDENTITY_KEY_NAMES);
    struct known_site *site = find_site(b, id.key);
    b->set->keys[stack] = id.key;
    if (site->cost.calls == 0 || is_heavier(cost, profile_cost(p, site->stack))) {
        site->stack = stack;
        site->leaf = leaf;
    }
    cost_add(&site->cost, cost);
    if (p->estimates) {
        estimate_add(&site->estimate, &p->estimates[p->stacks[stack].cost]);
    }
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const struct known_site *)a)->id.key, ((const struct known_site *)b)->id.key);
}

void site_set_build(struct site_set *set, const struct analysis *a, const struct blame_rules *rules,
                    struct string_pool *pool, const struct profile *other) {
    struct building b = {.set = set, .analysis = a, .rules = rules, .pool = pool, .other = other};
    const struct profile *p = &a->profile;
    *set = (struct site_set){.keys = xcalloc(p->n_stacks, sizeof *set->keys)};
    for (uint32_t i = 0; i < p->n_stacks; i++) {
        if (profile_cost(p, i)->calls) {
            add_stack(&b, i);
        }
    }
    for (size_t i = 0; i < set->n; i++) {
        struct known_site *site = &set->sites[i];
        struct blame_frame at = identify(&b, &site->id, site->leaf, IDENTITY_PATH_MAX);
        if (stack_is_frame(&p->stacks[site->leaf])) {
            const struct stack *stack = &p->stacks[at.stack];
            site->blamed = (struct place){
                .location = symbolize(a->symbolizer, stack->module, stack->ip), .frame = at.frame, .ip = stack->ip};
        }
    }
    if (set->n) {
        qsort(set->sites, set->n, sizeof *set->sites, by_key);
    }
    free(b.slots);
    free(b.functions);
}

const struct known_site *site_set_of(const struct site_set *set, uint32_t stack) {
    struct known_site wanted = {.id.key = set->keys[stack]};
    return wanted.id.key && set->n ? bsearch(&wanted, set->sites, set->n, sizeof *set->sites, by_key) : NULL;
}

void site_set_free(struct site_set *set) {
    free(set->sites);
    free(set->keys);
    *set = (struct site_set){0};
}

static const struct identity **identities(const struct site_set *set) {
    const struct identity **ids = xcalloc(set->n, sizeof *ids);
    for (size_t i = 0; i < set->n; i++) {
        ids[i] = &set->sites[i].id;
    }
    return ids;
}

void site_set_match(const struct site_set *a, const struct site_set *b, uint32_t *match) {
    const struct identity **x = identities(a), **y = identities(b);
    identity_match(x, a->n, y, b->n, match);
    free(x);
    free(y);
}
