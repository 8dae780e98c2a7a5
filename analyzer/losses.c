/* losses.c - see losses.h. */
#include "losses.h"

uint64_t losses_n_events(const struct profile *p) {
    const uint64_t parts[] = {p->lost_events, p->n_events_missing, p->n_events_unknown, p->n_frees_unmatched};
    uint64_t n = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        n = parts[i] < UINT64_MAX - n ? n + parts[i] : UINT64_MAX;
    }
    return n;
}
