/* suppression_match.c - see suppression_match.h.
 *
 *   name     ─ which patterns it matches, once for each distinct one        (struct hits)
 *   address  ─ its functions with the hits of their names, once for each    (struct spot)
 *   stack    ─ "leak:" rules: the lowest of its frames'; blocks: those whose first pattern its leaf has (or, if they begin with "...", whose longest one any frame
 *              has) are followed along the stack; a bit for each item that may come next
 */
#include "suppression_match.h"

#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "function_name.h"
#include "hash_mix.h"
#include "string_pool.h"
#include "tags.h"

/* What a name is; a name is held against the patterns of its role. */
enum role { ROLE_FUNCTION, ROLE_BARE_FUNCTION, ROLE_SOURCE, ROLE_MODULE };

/* The patterns that a name matches. */
struct hits {
    size_t first, n; /* its part of matcher.hit_patterns: of blocks */
    uint32_t rule;   /* the lowest "leak:" rule */
};

/* A function at an address. */
struct spot_frame {
    uint32_t function, symbol, bare, source; /* numbers of hits; 0 = there is no such name */
    uint32_t line;
    bool is_inlined;
};

struct spot {
    uint64_t ip;
    uint32_t module;      /* as in struct stack */
    uint32_t module_hits; /* number */
    size_t first, n;      /* its part of matcher.frames */
    uint32_t rule;        /* the lowest "leak:" rule of all its names */
};

/* Rules by the pattern that they are found by. */
struct start {
    uint32_t pattern, rule;
};

struct suppression_matcher {
    const struct suppression_rules *rules;
    const struct profile *profile;
    struct symbolizer *symbolizer;
    bool is_deep;
    bool has_leaks;               /* there are "leak:" rules: all frames count */
    bool has_any;                 /* there are blocks that begin with "..." */
    bool *is_used;                /* of the call */
    struct start *starts, *leaks; /* in order of patterns, then rules: of blocks, and of "leak:" */
    size_t n_starts, cap_starts, n_leaks, cap_leaks;
    struct string_pool names; /* role and name */
    struct hits *hits;        /* by number of the name */
    size_t n_hits, cap_hits;
    uint32_t *hit_patterns;
    size_t n_hit_patterns, cap_hit_patterns;
    struct spot_frame *frames;
    size_t n_frames, cap_frames;
    struct spot *spots;
    size_t n_spots, cap_spots;
    uint32_t *slots; /* open addressing: index of the spot + 1 */
    size_t n_slots;
    uint32_t *tried; /* by rule: the stack that it was tried for last + 1 */
};

static bool pattern_is_of(const struct suppression_pattern *pattern, enum role role) {
    switch (pattern->kind) {
    case PATTERN_LEAK:
        return role != ROLE_BARE_FUNCTION;
    case PATTERN_FUNCTION:
        return role == ROLE_FUNCTION || role == ROLE_BARE_FUNCTION;
    case PATTERN_MODULE:
        return role == ROLE_MODULE;
    default:
        return role == ROLE_SOURCE;
    }
}

static struct name_part whole(const char *text) {
    return (struct name_part){.start = text, .n = strlen(text)};
}

static bool pattern_matches(const struct suppression_pattern *pattern, const char *name) {
    if (pattern->kind == PATTERN_LEAK) {
        return suppression_template_matches(pattern->text, name);
    }
    const char *slash = pattern->kind == PATTERN_SOURCE && !strchr(pattern->text, '/') ? strrchr(name, '/') : NULL;
    return name_matches(whole(pattern->text), whole(slash ? slash + 1 : name));
}

/* The first of the starts of a pattern. */
static size_t first_start(const struct start *starts, size_t n, uint32_t pattern) {
    size_t low = 0;
    while (low < n) {
        size_t middle = low + (n - low) / 2;
        if (starts[middle].pattern < pattern) {
            low = middle + 1;
        } else {
            n = middle;
        }
    }
    return low;
}

/* A name matches a "leak:" pattern, and with it all rules of that pattern. */
static void note_leaks(struct suppression_matcher *m, struct hits *hits, uint32_t pattern) {
    for (size_t i = first_start(m->leaks, m->n_leaks, pattern); i < m->n_leaks && m->leaks[i].pattern == pattern; i++) {
        hits->rule = m->leaks[i].rule < hits->rule ? m->leaks[i].rule : hits->rule;
        if (m->is_used) {
            m->is_used[m->leaks[i].rule] = true;
        }
    }
}

static struct hits find_hits(struct suppression_matcher *m, enum role role, const char *name) {
    struct hits hits = {.first = m->n_hit_patterns, .rule = SUPPRESSION_NO_RULE};
    struct text_grams grams = text_grams_of(name);
    for (size_t i = 0; i < m->rules->n_patterns; i++) {
        const struct suppression_pattern *pattern = &m->rules->patterns[i];
        if (!text_grams_has(&grams, &pattern->needed) || !pattern_is_of(pattern, role) || !pattern_matches(pattern, name)) {
            continue;
        }
        if (pattern->kind == PATTERN_LEAK) {
            note_leaks(m, &hits, (uint32_t)i + 1);
        } else {
            m->hit_patterns = xgrow(m->hit_patterns, m->n_hit_patterns, &m->cap_hit_patterns, sizeof *m->hit_patterns);
            m->hit_patterns[m->n_hit_patterns++] = (uint32_t)i + 1;
        }
    }
    hits.n = m->n_hit_patterns - hits.first;
    return hits;
}

/* The number of a name's hits. */
static uint32_t hits_of(struct suppression_matcher *m, enum role role, const char *name, size_t n) {
    char *key = xalloc(n + 2);
    key[0] = (char)('0' + role);
    memcpy(key + 1, name, n);
    key[n + 1] = '\0';
    uint32_t number = string_pool_id(&m->names, key, n + 1);
    while (m->n_hits <= number) { /* the first is nobody's */
        m->hits = xgrow(m->hits, m->n_hits, &m->cap_hits, sizeof *m->hits);
        m->hits[m->n_hits] = m->n_hits == number ? find_hits(m, role, key + 1) : (struct hits){.rule = SUPPRESSION_NO_RULE};
        m->n_hits++;
    }
    free(key);
    return number;
}

/* The kernel names a file that is gone "PATH (deleted)". */
static uint32_t module_hits(struct suppression_matcher *m, const char *path) {
    static const char deleted[] = " (deleted)";
    size_t n = strlen(path), n_deleted = sizeof deleted - 1;
    n -= n > n_deleted && strcmp(path + n - n_deleted, deleted) == 0 ? n_deleted : 0;
    return hits_of(m, ROLE_MODULE, path, n);
}

static void take_rule(const struct suppression_matcher *m, uint32_t *rule, uint32_t hits) {
    *rule = hits && m->hits[hits].rule < *rule ? m->hits[hits].rule : *rule;
}

/* A function without a name is one that only "*" stands for. */
static void add_frame(struct suppression_matcher *m, struct spot *spot, const struct frame *frame, bool is_inlined) {
    struct spot_frame at = {.line = frame->line, .is_inlined = is_inlined};
    const char *function = frame->function ? frame->function : "";
    at.function = hits_of(m, ROLE_FUNCTION, function, strlen(function));
    if (frame->symbol && *frame->symbol) {
        at.symbol = hits_of(m, ROLE_FUNCTION, frame->symbol, strcspn(frame->symbol, "@"));
    }
    struct name_part bare = function_bare_name(function);
    if (bare.n != strlen(function)) {
        at.bare = hits_of(m, ROLE_BARE_FUNCTION, bare.start, bare.n);
    }
    if (frame->file) {
        at.source = hits_of(m, ROLE_SOURCE, frame->file, strlen(frame->file));
    }
    take_rule(m, &spot->rule, at.function);
    take_rule(m, &spot->rule, at.symbol);
    take_rule(m, &spot->rule, at.source);
    m->frames = xgrow(m->frames, m->n_frames, &m->cap_frames, sizeof *m->frames);
    m->frames[m->n_frames++] = at;
}

static struct spot look_at(struct suppression_matcher *m, const struct stack *stack) {
    struct spot spot = {.ip = stack->ip, .module = stack->module, .first = m->n_frames, .rule = SUPPRESSION_NO_RULE};
    const char *path = stack->module ? m->profile->modules[stack->module - 1].path : NULL;
    spot.module_hits = module_hits(m, path ? path : "");
    take_rule(m, &spot.rule, spot.module_hits);
    if (m->is_deep) {
        const struct location *location = symbolize(m->symbolizer, stack->module, stack->ip);
        for (uint32_t i = 0; i < location->n_frames; i++) {
            add_frame(m, &spot, &location->frames[i], i + 1 < location->n_frames);
        }
    } else {
        struct frame frame = symbolize_function(m->symbolizer, stack->module, stack->ip);
        add_frame(m, &spot, &frame, false);
    }
    spot.n = m->n_frames - spot.first;
    return spot;
}

static size_t spot_slot(const struct suppression_matcher *m, uint64_t ip, uint32_t module) {
    size_t slot = hash_mix(ip, module) & (m->n_slots - 1);
    for (; m->slots[slot]; slot = (slot + 1) & (m->n_slots - 1)) {
        const struct spot *spot = &m->spots[m->slots[slot] - 1];
        if (spot->ip == ip && spot->module == module) {
            break;
        }
    }
    return slot;
}

static const struct spot *spot_at(struct suppression_matcher *m, uint32_t i) {
    const struct stack *stack = &m->profile->stacks[i];
    if (m->n_spots * 2 >= m->n_slots) {
        m->n_slots = m->n_slots ? m->n_slots * 2 : 1024;
        free(m->slots);
        m->slots = xcalloc(m->n_slots, sizeof *m->slots);
        for (size_t k = 0; k < m->n_spots; k++) {
            m->slots[spot_slot(m, m->spots[k].ip, m->spots[k].module)] = (uint32_t)k + 1;
        }
    }
    size_t slot = spot_slot(m, stack->ip, stack->module);
    if (!m->slots[slot]) {
        struct spot spot = look_at(m, stack);
        m->spots = xgrow(m->spots, m->n_spots, &m->cap_spots, sizeof *m->spots);
        m->spots[m->n_spots++] = spot;
        m->slots[slot] = (uint32_t)m->n_spots;
    }
    return &m->spots[m->slots[slot] - 1];
}

static bool hits_have(const struct suppression_matcher *m, uint32_t number, uint32_t pattern) {
    const struct hits *hits = &m->hits[number];
    for (size_t i = 0; number && i < hits->n; i++) {
        if (m->hit_patterns[hits->first + i] == pattern) {
            return true;
        }
    }
    return false;
}

static bool item_matches(const struct suppression_matcher *m, const struct suppression_item *item, const struct spot *spot,
                         const struct spot_frame *frame) {
    if (item->module && !hits_have(m, spot->module_hits, item->module)) {
        return false;
    }
    const struct suppression_pattern *pattern = &m->rules->patterns[item->pattern - 1];
    switch (pattern->kind) {
    case PATTERN_FUNCTION:
        return hits_have(m, frame->function, item->pattern) || hits_have(m, frame->symbol, item->pattern) ||
               hits_have(m, frame->bare, item->pattern);
    case PATTERN_SOURCE:
        return hits_have(m, frame->source, item->pattern) && (pattern->line == 0 || pattern->line == frame->line);
    default:
        return hits_have(m, spot->module_hits, item->pattern);
    }
}

/* Before an item that stands for any number of frames, the one behind it may come as well. */
static uint64_t with_gaps(const struct suppression_item *items, uint32_t n, uint64_t states) {
    for (uint32_t k = 0; k < n; k++) {
        states |= (states >> k & 1) && items[k].pattern == 0 ? (uint64_t)1 << (k + 1) : 0;
    }
    return states;
}

static uint64_t step(const struct suppression_matcher *m, const struct suppression_rule *rule, const struct spot *spot,
                     const struct spot_frame *frame, uint64_t states) {
    const struct suppression_item *items = &m->rules->items[rule->first_item];
    uint64_t next = frame->is_inlined ? states : 0;
    for (uint32_t k = 0; k < rule->n_items; k++) {
        if (!(states >> k & 1)) {
            continue;
        }
        if (items[k].pattern == 0) {
            next |= (uint64_t)1 << k;
        } else if (item_matches(m, &items[k], spot, frame)) {
            next |= (uint64_t)1 << (k + 1);
        }
    }
    return with_gaps(items, rule->n_items, next);
}

/* The frame that called this one; 0 = there is none (0 is the root). */
static uint32_t caller_of(const struct profile *p, uint32_t i) {
    uint32_t parent = p->stacks[i].parent;
    return parent < i && stack_is_frame(&p->stacks[parent]) ? parent : 0;
}

static bool block_matches(struct suppression_matcher *m, const struct suppression_rule *rule, uint32_t leaf) {
    const struct suppression_item *items = &m->rules->items[rule->first_item];
    uint64_t end = (uint64_t)1 << rule->n_items, states = rule->has_allocator ? 3 : 1;
    states = with_gaps(items, rule->n_items, states);
    for (uint32_t i = leaf; i && states && !(states & end); i = caller_of(m->profile, i)) {
        const struct spot *spot = spot_at(m, i);
        for (size_t k = 0; k < spot->n && states && !(states & end); k++) {
            states = step(m, rule, spot, &m->frames[spot->first + k], states);
        }
    }
    return (states & end) != 0;
}

/* Try the blocks that are found by a pattern of these hits. Returns the lowest that matches, or `best`. */
static uint32_t try_blocks(struct suppression_matcher *m, uint32_t number, uint32_t leaf, uint32_t stack, uint32_t best) {
    struct hits hits = m->hits[number];
    for (size_t i = 0; number && i < hits.n; i++) {
        uint32_t pattern = m->hit_patterns[hits.first + i];
        for (size_t k = first_start(m->starts, m->n_starts, pattern); k < m->n_starts && m->starts[k].pattern == pattern;
             k++) {
            uint32_t rule = m->starts[k].rule;
            if (m->tried[rule] == stack + 1 || (rule >= best && !m->is_used)) {
                continue;
            }
            m->tried[rule] = stack + 1;
            if (block_matches(m, &m->rules->rules[rule], leaf)) {
                best = rule < best ? rule : best;
                if (m->is_used) {
                    m->is_used[rule] = true;
                }
            }
        }
    }
    return best;
}

uint32_t suppression_match(struct suppression_matcher *m, uint32_t stack, bool *is_used) {
    uint32_t leaf = stack_leaf(m->profile->stacks, stack), best = SUPPRESSION_NO_RULE;
    m->is_used = is_used;
    if (!stack_is_frame(&m->profile->stacks[leaf])) {
        return best;
    }
    for (uint32_t i = leaf; i && (m->has_leaks || m->has_any || i == leaf); i = caller_of(m->profile, i)) {
        struct spot spot = *spot_at(m, i);
        best = spot.rule < best ? spot.rule : best;
        if (m->n_starts == 0 || !(i == leaf || m->has_any)) {
            continue;
        }
        best = try_blocks(m, spot.module_hits, leaf, stack, best);
        for (size_t k = 0; k < spot.n; k++) {
            struct spot_frame frame = m->frames[spot.first + k];
            best = try_blocks(m, frame.function, leaf, stack, best);
            best = try_blocks(m, frame.symbol, leaf, stack, best);
            best = try_blocks(m, frame.bare, leaf, stack, best);
            best = try_blocks(m, frame.source, leaf, stack, best);
        }
    }
    return best;
}

static void add_start(struct start **starts, size_t *n, size_t *cap, uint32_t pattern, uint32_t rule) {
    *starts = xgrow(*starts, *n, cap, sizeof **starts);
    (*starts)[(*n)++] = (struct start){.pattern = pattern, .rule = rule};
}

static void add_block_start(struct suppression_matcher *m, const struct suppression_item *item, uint32_t rule) {
    add_start(&m->starts, &m->n_starts, &m->cap_starts, item->pattern, rule);
}

/* Of a block that may begin anywhere, the item that the fewest frames are likely to match: the longest. */
static const struct suppression_item *rarest_item(const struct suppression_matcher *m, const struct suppression_item *items,
                                                  uint32_t n) {
    const struct suppression_item *best = NULL;
    size_t n_best = 0;
    for (uint32_t k = 0; k < n; k++) {
        size_t n_text = items[k].pattern ? strlen(m->rules->patterns[items[k].pattern - 1].text) : 0;
        if (n_text > n_best) {
            best = &items[k];
            n_best = n_text;
        }
    }
    return best;
}

/* By which patterns a rule is found: one that the leaf has, or, if it begins with "...", one that any frame has. */
static void note_starts(struct suppression_matcher *m, uint32_t number) {
    const struct suppression_rule *rule = &m->rules->rules[number];
    const struct suppression_item *items = &m->rules->items[rule->first_item];
    uint32_t first = rule->has_allocator; /* may be left out */
    if (rule->n_items == 2 && items[0].pattern == 0 && m->rules->patterns[items[1].pattern - 1].kind == PATTERN_LEAK) {
        add_start(&m->leaks, &m->n_leaks, &m->cap_leaks, items[1].pattern, number);
        m->has_leaks = true;
        return;
    }
    if (items[first].pattern == 0) {
        m->has_any = true;
        add_block_start(m, rarest_item(m, items + first, rule->n_items - first), number);
        return;
    }
    for (uint32_t k = 0; k <= first; k++) {
        add_block_start(m, &items[k], number);
    }
}

static int by_pattern(const void *a, const void *b) {
    const struct start *x = a, *y = b;
    if (x->pattern != y->pattern) {
        return x->pattern < y->pattern ? -1 : 1;
    }
    return (x->rule > y->rule) - (x->rule < y->rule);
}

struct suppression_matcher *suppression_matcher_open(const struct suppression_rules *rules, const struct profile *profile,
                                                     struct symbolizer *symbolizer, bool is_deep) {
    struct suppression_matcher *m = xcalloc(1, sizeof *m);
    *m = (struct suppression_matcher){.rules = rules, .profile = profile, .symbolizer = symbolizer, .is_deep = is_deep};
    m->tried = xcalloc(rules->n_rules, sizeof *m->tried);
    for (uint32_t i = 0; i < rules->n_rules; i++) {
        note_starts(m, i);
    }
    if (m->n_starts) {
        qsort(m->starts, m->n_starts, sizeof *m->starts, by_pattern);
    }
    if (m->n_leaks) {
        qsort(m->leaks, m->n_leaks, sizeof *m->leaks, by_pattern);
    }
    return m;
}

void suppression_matcher_close(struct suppression_matcher *m) {
    string_pool_free(&m->names);
    free(m->starts);
    free(m->leaks);
    free(m->hits);
    free(m->hit_patterns);
    free(m->frames);
    free(m->spots);
    free(m->slots);
    free(m->tried);
    free(m);
}
