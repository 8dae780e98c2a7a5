/* suppress_writer.c - see suppress_writer.h. */
#include "suppress_writer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "format_size.h"
#include "function_name.h"
#include "string_pool.h"
#include "suppression_file.h"
#include "tags.h"
#include "text.h"

enum { FIRST_FRAMES = 40, LAST_FRAMES = 20 }; /* of longer ways the rest is "..." */

static_assert(FIRST_FRAMES + LAST_FRAMES + 1 <= SUPPRESSION_ITEMS_MAX, "a rule must be readable");

/* A rule being made. */
struct way {
    uint32_t text; /* number in the pool */
    uint64_t bytes, blocks, n_stacks;
    char *name; /* of the last frame */
};

struct ways {
    const struct profile *profile;
    struct symbolizer *symbolizer;
    struct blame *blame;
    struct string_pool texts;
    struct way *ways; /* by number of their text, less 1 */
    size_t n, cap;
};

/* What a rule must not have as it is: what stands for other characters, and what ends lines. */
static void put_escaped(FILE *f, const char *s, size_t n) {
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        fputc(c == '*' || c == '?' || c < ' ' || c == 0x7f ? '?' : c, f);
    }
}

/* A function that the compiler has split or cloned goes by its own name: the parts differ from build to build. */
static struct name_part function_part(const char *name) {
    struct name_part whole = {.start = name, .n = strlen(name)};
    bool is_clone = strstr(name, " [clone ") != NULL || (!strpbrk(name, "( <") && strchr(name, '.'));
    struct name_part bare = is_clone ? function_bare_name(name) : whole;
    return bare.n ? bare : whole;
}

/* Whether a rule can say it: not if it is empty, or looks like more than a name. */
static bool is_sayable(const char *function) {
    return function && *function && *function != ' ' && !strstr(function, " obj:") && function[strlen(function) - 1] != ' ';
}

static void put_module(FILE *f, const char *path) {
    const char *base = path ? text_base_name(path) : "";
    const char *deleted = strstr(base, " (deleted)");
    fputs("obj:", f);
    if (*base) {
        fputs(base == path ? "" : "*/", f);
        put_escaped(f, base, deleted && deleted != base ? (size_t)(deleted - base) : strlen(base));
    } else {
        fputc('*', f); /* code in no file */
    }
    fputc('\n', f);
}

static void put_frame(FILE *f, const struct frame *frame, const char *module) {
    fputs("    ", f);
    if (is_sayable(frame->function)) {
        struct name_part name = function_part(frame->function);
        fputs("fun:", f);
        put_escaped(f, name.start, name.n);
        fputc(' ', f);
    }
    put_module(f, module);
}

static uint32_t caller_of(const struct profile *p, uint32_t i) {
    uint32_t parent = p->stacks[i].parent;
    return parent < i && stack_is_frame(&p->stacks[parent]) ? parent : 0;
}

static struct frame frame_at(const struct ways *w, uint32_t i) {
    return symbolize_function(w->symbolizer, w->profile->stacks[i].module, w->profile->stacks[i].ip);
}

/* The outermost frame that belongs to the way. */
static uint32_t last_of_way(struct ways *w, uint32_t leaf) {
    uint32_t last = blame_resolve(w->blame, blame_leaf(w->blame, leaf), false).stack;
    for (uint32_t i = last; i; i = caller_of(w->profile, i)) {
        last = i;
        if (is_sayable(frame_at(w, i).function)) {
            break;
        }
    }
    return last;
}

/* The frames of a rule, as text. */
static void put_way(FILE *f, const struct ways *w, uint32_t leaf, uint32_t last) {
    size_t n = 1, at = 0;
    for (uint32_t i = leaf; i && i != last; i = caller_of(w->profile, i)) {
        n++;
    }
    bool is_cut = n > FIRST_FRAMES + LAST_FRAMES;
    for (uint32_t i = leaf; i; i = caller_of(w->profile, i), at++) {
        if (!is_cut || at < FIRST_FRAMES || at + LAST_FRAMES >= n) {
            const struct stack *stack = &w->profile->stacks[i];
            struct frame frame = frame_at(w, i);
            put_frame(f, &frame, stack->module ? w->profile->modules[stack->module - 1].path : NULL);
        } else if (at == FIRST_FRAMES) {
            fputs("    ...\n", f);
        }
        if (i == last) {
            return;
        }
    }
}

/* Add a stack to the rule of its way. */
static void add_stack(struct ways *w, uint32_t stack, uint32_t leaf) {
    const struct cost *cost = profile_cost(w->profile, stack);
    char *text = NULL;
    size_t n_text = 0;
    uint32_t last = last_of_way(w, leaf);
    FILE *f = open_memstream(&text, &n_text);
    if (!f) {
        diag_error("out of memory for the names of a stack");
        exit(SEEP_EXIT_UNREADABLE);
    }
    put_way(f, w, leaf, last);
    fclose(f);
    uint32_t number = string_pool_id(&w->texts, text, n_text);
    free(text);
    if (number > w->n) {
        struct frame frame = frame_at(w, last);
        const char *name = is_sayable(frame.function) ? frame.function : "no names";
        w->ways = xgrow(w->ways, w->n, &w->cap, sizeof *w->ways);
        w->ways[w->n++] = (struct way){.text = number, .name = xstrndup(name, strlen(name))};
    }
    struct way *way = &w->ways[number - 1];
    way->bytes += cost->unreleased_bytes;
    way->blocks += cost->unreleased_blocks;
    way->n_stacks++;
}

static int by_bytes(const void *a, const void *b) {
    const struct way *x = a, *y = b;
    if (x->bytes != y->bytes) {
        return x->bytes > y->bytes ? -1 : 1;
    }
    return (x->text > y->text) - (x->text < y->text);
}

static void put_rule(FILE *f, const struct ways *w, const struct way *way) {
    char size[FORMAT_BYTES_MAX];
    fprintf(f, "\n# %s in %" PRIu64 " blocks, %" PRIu64 " stacks\n{\n    ", format_size(way->bytes, size), way->blocks,
            way->n_stacks);
    put_escaped(f, way->name, strlen(way->name));
    fprintf(f, "\n    Memcheck:Leak\n%s}\n", string_pool_text(&w->texts, way->text));
}

void suppress_write(FILE *f, const struct profile *profile, struct symbolizer *symbolizer, struct blame *blame,
                    struct suppress_summary *summary) {
    struct ways w = {.profile = profile, .symbolizer = symbolizer, .blame = blame};
    *summary = (struct suppress_summary){0};
    for (uint32_t i = 0; i < profile->n_stacks; i++) {
        const struct cost *cost = profile_cost(profile, i);
        uint32_t leaf = stack_leaf(profile->stacks, i);
        if (!cost->unreleased_blocks) {
            continue;
        }
        if (stack_is_frame(&profile->stacks[leaf])) {
            add_stack(&w, i, leaf);
            summary->bytes += cost->unreleased_bytes;
            summary->blocks += cost->unreleased_blocks;
        } else {
            summary->unnamed_bytes += cost->unreleased_bytes;
            summary->unnamed_blocks += cost->unreleased_blocks;
        }
    }
    if (w.n) {
        qsort(w.ways, w.n, sizeof *w.ways, by_bytes);
    }
    for (size_t i = 0; i < w.n; i++) {
        put_rule(f, &w, &w.ways[i]);
        free(w.ways[i].name);
    }
    summary->n_rules = w.n;
    free(w.ways);
    string_pool_free(&w.texts);
}
