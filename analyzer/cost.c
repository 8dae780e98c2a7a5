/* cost.c - sums of figures; see struct cost in profile.h. */
#include "profile.h"

void cost_add(struct cost *to, const struct cost *cost) {
    to->calls += cost->calls;
    to->allocated_bytes += cost->allocated_bytes;
    to->peak_bytes += cost->peak_bytes;
    to->unreleased_bytes += cost->unreleased_bytes;
    to->unreleased_blocks += cost->unreleased_blocks;
    to->temporary += cost->temporary;
    to->suppressed_bytes += cost->suppressed_bytes;
    to->suppressed_blocks += cost->suppressed_blocks;
    to->oldest_birth_ns = cost->oldest_birth_ns < to->oldest_birth_ns ? cost->oldest_birth_ns : to->oldest_birth_ns;
}

struct cost cost_whole(const struct cost *cost) {
    struct cost whole = *cost;
    whole.unreleased_bytes += cost->suppressed_bytes;
    whole.unreleased_blocks += cost->suppressed_blocks;
    whole.suppressed_bytes = whole.suppressed_blocks = 0;
    return whole;
}
