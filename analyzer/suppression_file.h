/* suppression_file.h - the rules of suppression files, as LeakSanitizer and valgrind have them.
 *
 *   # comment                                {
 *   leak:PATTERN                                 name
 *                                                Memcheck:Leak
 *                                                match-leak-kinds: …
 *                                                fun:FUNCTION      obj:MODULE      src:FILE[:LINE]      ...
 *                                            }
 *
 * A rule is a list of items that the frames of a stack are held against, leaf first; "..." stands for any number of frames, and behind the last item
 * any may follow. "leak:" is one item that may stand anywhere. seep's own rules say "fun:FUNCTION obj:MODULE" of one frame, which valgrind cannot.
 * Blocks of other tools, or of Memcheck for anything but leaks, are passed over.
 *
 * Equal patterns are one, so that a name is held against each only once.
 */
#ifndef SEEP_SUPPRESSION_FILE_H
#define SEEP_SUPPRESSION_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attributes.h"
#include "string_pool.h"
#include "suppression_pattern.h"

enum {
    SUPPRESSION_ITEMS_MAX = 63, /* states of a match are bits of a word */
    SUPPRESSION_FILE_BYTES_MAX = 64 << 20,
};

enum pattern_kind {
    PATTERN_LEAK,     /* LeakSanitizer's: of function, symbol, source file or module */
    PATTERN_FUNCTION, /* the others: of the whole name */
    PATTERN_MODULE,
    PATTERN_SOURCE,
};

struct suppression_pattern {
    const char *text;
    enum pattern_kind kind;
    uint32_t line; /* of a PATTERN_SOURCE; 0 = any */
    struct text_grams needed;
};

/* Numbers of patterns, from 1. */
struct suppression_item {
    uint32_t pattern; /* 0 = any number of frames */
    uint32_t module;  /* that the same frame must be in; 0 = any */
};

struct suppression_rule {
    const char *text; /* "leak:PATTERN", or the name of the block */
    const char *file; /* as it was given */
    uint32_t line;    /* from 1; 0 = built in */
    uint32_t first_item, n_items;
    bool has_allocator; /* the first item is an allocation function, which stacks of seep do not have: it may be left out */
};

struct suppression_rules {
    struct suppression_rule *rules;
    struct suppression_item *items;
    struct suppression_pattern *patterns; /* of number 1 first */
    size_t n_rules, cap_rules, n_items, cap_items, n_patterns, cap_patterns;
    struct string_pool texts;        /* names */
    struct string_pool pattern_keys; /* kind and text; the id is the pattern's number */
};

/* Add the rules of a file. They start as zeroed memory.
 * Returns   0, or -1 after a message that has the file and the line
 * Memory    suppression_rules_free(), also after -1 */
MUST_CHECK int suppression_rules_read(struct suppression_rules *rules, const char *path);

/* The same of n bytes; name stands for the path. error: what is wrong, if anything is. Returns 0 or the bad line. */
MUST_CHECK uint32_t suppression_rules_parse(struct suppression_rules *rules, const char *bytes, size_t n, const char *name,
                                            const char **error);

void suppression_rules_free(struct suppression_rules *rules);

#endif
