/* tags.h - the source files and lines that OpenSSL gives with its allocations and frees.
 *
 * trace_reader -> records -> [tags] -> profile. An allocation's tag is a stack of its own, the innermost one, which is no frame (trace_format.h). Where blocks of an
 * info were freed the trace tells in sums, since the events do not say.
 */
#ifndef SEEP_TAGS_H
#define SEEP_TAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile.h"
#include "trace_format.h"
#include "varint.h"

struct replay;

/* As FREED_AT has it. */
struct freed_info {
    uint64_t place; /* trace_tag_place() */
    uint64_t n;
    uint32_t info;
};

/* What has been read and has no place in the profile yet. */
struct tags {
    struct freed_info *freed;
    size_t n_freed, cap_freed, cap_files;
};

void tags_free(struct tags *tags);

/* Read a SOURCE_FILE or a FREED_AT record. Return false where it is malformed. */
bool tags_read_file(struct profile *p, struct tags *tags, struct byte_reader *in);
bool tags_read_freed(struct tags *tags, struct byte_reader *in);

/* Fill in p->freed. Context: costs have been made, stacks been merged */
void tags_finish(struct profile *p, struct tags *tags, const struct replay *replay);

/* The tag of a stack with costs; 0 = it has none. */
static inline uint64_t stack_tag(const struct stack *stack) {
    return trace_is_tag(stack->ip) ? stack->ip : 0;
}

/* Where its frames begin. */
static inline uint32_t stack_leaf(const struct stack *stacks, uint32_t stack) {
    return stack_tag(&stacks[stack]) && stacks[stack].parent < stack ? stacks[stack].parent : stack;
}

/* The name of a tag's file as it is shown: from the last folder on that is one of OpenSSL's own. NULL = not known. tag: or a place */
const char *tag_file(const struct profile *p, uint64_t tag);

/* Where blocks of a cost were freed, most first. Returns how many. */
size_t freed_of(const struct profile *p, uint32_t cost, const struct freed_place **freed);

#endif
