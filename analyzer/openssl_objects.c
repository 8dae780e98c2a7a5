/* openssl_objects.c - see openssl_objects.h.
 *
 *   nodes --name--> creators on each stack --nearest, file--> candidates --size--> places --> the type of each stack
 */
#include "openssl_objects.h"

#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "openssl_rules.h"
#include "openssl_sums.h"
#include "tags.h"
#include "text.h"
#include "trace_format.h"

/* Blocks that may be objects: those of one line of OpenSSL's, as near to one creator in one library file as any. */
struct candidate {
    uint16_t creator;
    uint32_t object; /* of the library */
    uint32_t distance;
    uint64_t tag;
    uint64_t calls, bytes;
    bool is_chosen;
};

/* The size of a type's structure in one library file. */
struct known_size {
    uint32_t object;
    uint64_t size_bytes;
};

/* A creator on a stack: the innermost one of its rule. */
struct hit {
    uint16_t creator;
    uint32_t object;
    uint32_t distance; /* frames between it and the outermost allocating function */
};

/* What OpenSSL is doing on one stack. */
struct walk {
    uint64_t tag;
    const char *file; /* of the tag, without folders; NULL = it names none */
    uint32_t object;  /* of OpenSSL: of the innermost frame behind the allocating functions, or of these */
    struct hit hits[OPENSSL_N_RULES];
    size_t n_hits;
};

struct search {
    const struct profile *profile;
    struct symbolizer *symbolizer;
    struct blame *blame;
    uint16_t *meanings; /* by stack, of its own frame */
    uint16_t *callees;  /* by stack, of the function that its own frame has called */
    bool *is_openssl;   /* by object number: OpenSSL is in that file */
    struct candidate *candidates;
    size_t n_candidates, cap_candidates;
    struct known_size *sizes[OPENSSL_N_RULES];
    size_t n_sizes[OPENSSL_N_RULES], cap_sizes[OPENSSL_N_RULES];
};

/* Many stacks share a frame's node, and few addresses have many: a node is looked up once. */
static uint16_t meaning_at(struct search *s, uint32_t stack) {
    if (s->meanings[stack] == OPENSSL_FRAME_UNKNOWN) {
        const struct stack *frame = &s->profile->stacks[stack];
        s->meanings[stack] = openssl_meaning(symbolize_function(s->symbolizer, frame->module, frame->ip).function);
    }
    return s->meanings[stack];
}

/* What a frame's call instruction names is not on the stack where it ended in a jump. */
static uint16_t callee_meaning_at(struct search *s, uint32_t stack) {
    if (s->callees[stack] == OPENSSL_FRAME_UNKNOWN) {
        const struct stack *frame = &s->profile->stacks[stack];
        s->callees[stack] = openssl_meaning(symbolize_callee(s->symbolizer, frame->module, frame->ip));
    }
    return s->callees[stack];
}

static uint32_t object_at(const struct search *s, uint32_t stack) {
    return symbolizer_object(s->symbolizer, s->profile->stacks[stack].module);
}

/* Whether a frame's caller is a frame, too. */
static bool has_caller(const struct profile *p, uint32_t stack) {
    return p->stacks[stack].parent < stack && stack_is_frame(&p->stacks[p->stacks[stack].parent]);
}

/* A program may have given OpenSSL functions of its own, which then come first: go past them.
 *
 * frame    becomes the frame of CRYPTO_zalloc or the like, or the one that called such a function which is not on the stack
 * Returns  whether there is one */
static bool pass_own_functions(struct search *s, uint32_t *frame) {
    uint32_t at = *frame;
    for (unsigned n = 0; n < OPENSSL_OWN_FRAMES_MAX; n++) {
        if (meaning_at(s, at) == OPENSSL_FRAME_WRAPPER || callee_meaning_at(s, at) == OPENSSL_FRAME_WRAPPER) {
            *frame = at;
            return true;
        }
        if (!has_caller(s->profile, at)) {
            return false;
        }
        at = s->profile->stacks[at].parent;
    }
    return false;
}

/* Go past CRYPTO_zalloc and the like.
 *
 * frame    the stack; becomes the frame that called for memory
 * inner    becomes the object of the last function passed; 0 = none was
 * Returns  whether it called OpenSSL's allocator */
static bool pass_allocating(struct search *s, uint32_t *frame, uint64_t *tag, uint32_t *inner) {
    const struct profile *p = s->profile;
    *inner = 0;
    *tag = stack_tag(&p->stacks[*frame]);
    if (*tag && (*frame = p->stacks[*frame].parent, !stack_is_frame(&p->stacks[*frame]))) {
        return false;
    }
    bool is_openssl = pass_own_functions(s, frame);
    while (stack_is_frame(&p->stacks[*frame]) && meaning_at(s, *frame) == OPENSSL_FRAME_WRAPPER && has_caller(p, *frame)) {
        *inner = object_at(s, *frame);
        *frame = p->stacks[*frame].parent;
    }
    return *tag || is_openssl;
}

/* Of each rule the innermost creator counts. */
static void add_hit(struct walk *w, uint16_t meaning, uint32_t object, uint32_t distance) {
    if (meaning < OPENSSL_FRAME_CREATOR) {
        return;
    }
    for (size_t i = 0; i < w->n_hits; i++) {
        if (openssl_code_rule(w->hits[i].creator) == openssl_code_rule(meaning)) {
            return;
        }
    }
    w->hits[w->n_hits++] = (struct hit){.creator = meaning, .object = object, .distance = distance};
}

/* Follow a stack outward through OpenSSL, up to the frame outside, which still says what it called.
 *
 * Returns  whether it is OpenSSL that allocates here */
static bool walk_stack(struct search *s, uint32_t stack, struct walk *w) {
    const struct profile *p = s->profile;
    uint32_t frame = stack, inner;
    w->n_hits = 0;
    if (!pass_allocating(s, &frame, &w->tag, &inner)) {
        return false;
    }
    const char *path = w->tag ? tag_file(p, w->tag) : NULL;
    w->file = path ? text_base_name(path) : NULL;
    w->object = s->is_openssl[object_at(s, frame)] ? object_at(s, frame) : inner;
    for (uint32_t distance = 0;; distance++) {
        uint32_t object = object_at(s, frame);
        if (s->is_openssl[inner]) {
            add_hit(w, callee_meaning_at(s, frame), inner, distance);
        }
        if (!s->is_openssl[object]) {
            break;
        }
        add_hit(w, meaning_at(s, frame), object, distance);
        if (!has_caller(p, frame)) {
            break;
        }
        inner = object;
        frame = p->stacks[frame].parent;
    }
    return true;
}

/* A library without tags has no file to agree with. */
static bool is_file_of(const struct openssl_rule *rule, const struct walk *w) {
    return !w->file || strcmp(w->file, rule->file) == 0;
}

/* OpenSSL is in the files that have its creators; its providers and engines have none. */
static void mark_libraries(struct search *s) {
    const struct profile *p = s->profile;
    bool *is_visited = xcalloc(p->n_stacks, sizeof *is_visited);
    for (uint32_t i = 0; i < p->n_stacks; i++) {
        uint32_t frame = i, inner;
        uint64_t tag;
        if (!profile_cost(p, i)->calls || !pass_allocating(s, &frame, &tag, &inner)) {
            continue;
        }
        const char *file = tag ? tag_file(p, tag) : NULL;
        if (file && (strncmp(file, "providers/", 10) == 0 || strncmp(file, "engines/", 8) == 0)) {
            s->is_openssl[object_at(s, frame)] = true;
        }
        if (callee_meaning_at(s, frame) >= OPENSSL_FRAME_CREATOR) {
            s->is_openssl[inner] = true;
        }
        while (!is_visited[frame]) { /* what is further out than a frame that has been visited has been, too */
            is_visited[frame] = true;
            if (meaning_at(s, frame) >= OPENSSL_FRAME_CREATOR) {
                s->is_openssl[object_at(s, frame)] = true;
            }
            frame = has_caller(p, frame) ? p->stacks[frame].parent : frame;
        }
    }
    free(is_visited);
    s->is_openssl[0] = false;
}

/* Blocks further from the creator than others of its file are parts of what it makes. */
static void add_candidate(struct search *s, const struct hit *hit, uint64_t tag, const struct cost *cost) {
    size_t kept = 0;
    struct candidate *same = NULL;
    for (size_t i = 0; i < s->n_candidates; i++) {
        struct candidate *c = &s->candidates[i];
        bool is_same_creator = c->creator == hit->creator && c->object == hit->object;
        if (is_same_creator && c->distance < hit->distance) {
            return; /* nothing has been left out yet: those of one creator are all at one distance */
        }
        if (is_same_creator && c->distance > hit->distance) {
            continue;
        }
        s->candidates[kept] = *c;
        same = is_same_creator && c->tag == tag ? &s->candidates[kept] : same;
        kept++;
    }
    s->n_candidates = kept;
    if (!same) {
        s->candidates = xgrow(s->candidates, s->n_candidates, &s->cap_candidates, sizeof *s->candidates);
        same = &s->candidates[s->n_candidates++];
        *same = (struct candidate){.creator = hit->creator, .object = hit->object, .distance = hit->distance, .tag = tag};
    }
    same->calls += cost->calls;
    same->bytes += cost->allocated_bytes;
}

static void find_candidates(struct search *s, struct openssl_objects *objects) {
    struct walk w;
    for (uint32_t i = 0; i < s->profile->n_stacks; i++) {
        const struct cost *cost = profile_cost(s->profile, i);
        if (!cost->calls || !walk_stack(s, i, &w)) {
            continue;
        }
        objects->n_calls += cost->calls;
        for (size_t k = 0; k < w.n_hits; k++) {
            if (is_file_of(&openssl_rules[openssl_code_rule(w.hits[k].creator)], &w)) {
                add_candidate(s, &w.hits[k], w.tag, cost);
            }
        }
    }
}

/* The size of each of them; 0 = they differ. */
static uint64_t common_size(uint64_t bytes, uint64_t calls) {
    return calls && bytes % calls == 0 ? bytes / calls : 0;
}

static uint64_t known_size(const struct search *s, size_t rule, uint32_t object) {
    for (size_t i = 0; i < s->n_sizes[rule]; i++) {
        if (s->sizes[rule][i].object == object) {
            return s->sizes[rule][i].size_bytes;
        }
    }
    return 0;
}

/* An object is made at each call of its creator and its parts at some: most calls, and of as many the line that comes first. */
static void learn_size(struct search *s, size_t rule, uint32_t object, bool from_parsers) {
    const struct candidate *best = NULL;
    for (size_t i = 0; i < s->n_candidates; i++) {
        const struct candidate *c = &s->candidates[i];
        if (openssl_code_rule(c->creator) == rule && c->object == object &&
            openssl_code_is_parser(c->creator) == from_parsers && common_size(c->bytes, c->calls) &&
            (!best || c->calls > best->calls || (c->calls == best->calls && c->tag < best->tag))) {
            best = c;
        }
    }
    if (best) {
        s->sizes[rule] = xgrow(s->sizes[rule], s->n_sizes[rule], &s->cap_sizes[rule], sizeof *s->sizes[rule]);
        s->sizes[rule][s->n_sizes[rule]++] =
            (struct known_size){.object = object, .size_bytes = common_size(best->bytes, best->calls)};
    }
}

static void learn_sizes(struct search *s) {
    for (unsigned from_parsers = 0; from_parsers < 2; from_parsers++) {
        for (size_t i = 0; i < s->n_candidates; i++) {
            size_t rule = openssl_code_rule(s->candidates[i].creator);
            if (!known_size(s, rule, s->candidates[i].object)) {
                learn_size(s, rule, s->candidates[i].object, from_parsers);
            }
        }
    }
}

/* Of each creator's candidates of the right size the line that comes first. A parser that has only filled in has none. */
static void choose_candidates(struct search *s) {
    for (size_t i = 0; i < s->n_candidates; i++) {
        struct candidate *c = &s->candidates[i];
        c->is_chosen = common_size(c->bytes, c->calls) == known_size(s, openssl_code_rule(c->creator), c->object);
        for (size_t k = 0; k < s->n_candidates && c->is_chosen; k++) {
            const struct candidate *other = &s->candidates[k];
            c->is_chosen = other->creator != c->creator || other->object != c->object || other->tag >= c->tag ||
                           common_size(other->bytes, other->calls) != common_size(c->bytes, c->calls);
        }
    }
}

static bool is_chosen(const struct search *s, const struct hit *hit, uint64_t tag) {
    for (size_t i = 0; i < s->n_candidates; i++) {
        const struct candidate *c = &s->candidates[i];
        if (c->is_chosen && c->creator == hit->creator && c->object == hit->object && c->distance == hit->distance &&
            c->tag == tag) {
            return true;
        }
    }
    return false;
}

/* Which rule says that a stack's blocks are objects; OPENSSL_N_RULES = none. */
static size_t rule_of(const struct search *s, const struct walk *w, const struct cost *cost) {
    for (size_t r = 0; r < OPENSSL_N_RULES; r++) {
        if (!openssl_rules[r].creators[0] && w->file && is_file_of(&openssl_rules[r], w)) {
            return r;
        }
        for (size_t k = 0; k < w->n_hits; k++) {
            if (openssl_code_rule(w->hits[k].creator) == r && is_chosen(s, &w->hits[k], w->tag)) {
                return r;
            }
        }
        if (openssl_rules[r].has_telling_size && w->file && is_file_of(&openssl_rules[r], w)) {
            uint64_t size = known_size(s, r, w->object);
            if (size && common_size(cost->allocated_bytes, cost->calls) == size) {
                return r;
            }
        }
        if (openssl_rules[r].least_bytes && w->file && is_file_of(&openssl_rules[r], w) &&
            common_size(cost->allocated_bytes, cost->calls) >= openssl_rules[r].least_bytes) {
            return r;
        }
    }
    return OPENSSL_N_RULES;
}

static void add_place(struct search *s, struct openssl_type *type, uint64_t tag, const struct cost *cost) {
    struct openssl_place place = {.file = tag ? tag_file(s->profile, tag) : NULL,
                                  .line = tag ? trace_tag_line(tag) : 0,
                                  .size_bytes = common_size(cost->allocated_bytes, cost->calls),
                                  .cost = *cost};
    openssl_type_add_place(type, &place);
}

/* Objects are put down to the application's function, past the libraries that made them for it. */
static void add_maker(struct search *s, struct openssl_type *type, uint32_t stack, const struct cost *cost) {
    const struct stack *stacks = s->profile->stacks;
    uint32_t leaf = stack_leaf(stacks, stack);
    if (!cost->unreleased_blocks || !stack_is_frame(&stacks[leaf])) {
        return;
    }
    struct blame_frame owner = blame_resolve(s->blame, leaf, true);
    const struct stack *frame = &stacks[owner.stack];
    struct openssl_maker maker = {.location = symbolize(s->symbolizer, frame->module, frame->ip),
                                  .frame = owner.frame,
                                  .ip = frame->ip,
                                  .blocks = cost->unreleased_blocks,
                                  .bytes = cost->unreleased_bytes};
    openssl_type_add_maker(type, &maker);
}

static void count_objects(struct search *s, struct openssl_objects *objects) {
    struct walk w;
    for (uint32_t i = 0; i < s->profile->n_stacks; i++) {
        const struct cost whole = cost_whole(profile_cost(s->profile, i)), *cost = &whole; /* alive, hidden or not */
        if (!cost->calls || !walk_stack(s, i, &w)) {
            continue;
        }
        size_t rule = rule_of(s, &w, cost);
        if (rule < OPENSSL_N_RULES) {
            struct openssl_type *type = &objects->types[rule];
            objects->type_of[i] = (uint8_t)(rule + 1);
            cost_add(&type->cost, cost);
            type->held_bytes += cost->unreleased_bytes;
            add_place(s, type, w.tag, cost);
            add_maker(s, type, i, cost);
        }
        for (size_t k = 0; k < w.n_hits; k++) {
            if (openssl_code_rule(w.hits[k].creator) != rule) {
                objects->types[openssl_code_rule(w.hits[k].creator)].held_bytes += cost->unreleased_bytes;
            }
        }
    }
}

/* Leave out the types that were not met. */
static void drop_unmet(struct openssl_objects *objects, size_t n_stacks) {
    uint8_t renumbered[OPENSSL_N_RULES + 1] = {0};
    for (size_t r = 0; r < OPENSSL_N_RULES; r++) {
        struct openssl_type *type = &objects->types[r];
        if (type->cost.calls) {
            openssl_type_finish(type);
            objects->types[objects->n_types++] = *type;
            renumbered[r + 1] = (uint8_t)objects->n_types;
        }
    }
    for (size_t i = 0; i < n_stacks; i++) {
        objects->type_of[i] = renumbered[objects->type_of[i]];
    }
}

void openssl_objects_find(struct openssl_objects *objects, const struct profile *profile, struct symbolizer *symbolizer,
                          struct blame *blame) {
    struct search s = {.profile = profile, .symbolizer = symbolizer, .blame = blame};
    s.meanings = xcalloc(profile->n_stacks, sizeof *s.meanings);
    s.callees = xcalloc(profile->n_stacks, sizeof *s.callees);
    s.is_openssl = xcalloc(profile->n_modules + 1, sizeof *s.is_openssl);
    *objects = (struct openssl_objects){.types = xcalloc(OPENSSL_N_RULES, sizeof *objects->types),
                                        .type_of = xcalloc(profile->n_stacks, 1)};
    for (size_t r = 0; r < OPENSSL_N_RULES; r++) {
        objects->types[r] = (struct openssl_type){.name = openssl_rules[r].name, .cost.oldest_birth_ns = UINT64_MAX};
    }
    mark_libraries(&s);
    find_candidates(&s, objects);
    learn_sizes(&s);
    choose_candidates(&s);
    count_objects(&s, objects);
    drop_unmet(objects, profile->n_stacks);
    for (size_t r = 0; r < OPENSSL_N_RULES; r++) {
        free(s.sizes[r]);
    }
    free(s.candidates);
    free(s.is_openssl);
    free(s.callees);
    free(s.meanings);
}

void openssl_objects_free(struct openssl_objects *objects) {
    for (size_t i = 0; i < objects->n_types; i++) {
        free(objects->types[i].places);
        free(objects->types[i].makers);
    }
    free(objects->types);
    free(objects->type_of);
    *objects = (struct openssl_objects){0};
}
