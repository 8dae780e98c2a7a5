/* kept_infos.c - see kept_infos.h. */
#include "kept_infos.h"

#include "diag.h"

enum { ONE_MS_NS = 1000000 };

void kept_infos_build(struct profile *p, const struct replay *r, const struct moments *m, const struct records *records) {
    size_t range = 0;
    p->n_kept_infos = r->n_infos;
    p->kept_infos = xcalloc(r->n_infos, sizeof *p->kept_infos);
    for (size_t id = 1; id < r->n_infos; id++) {
        while (range + 1 < m->n_ranges && m->ranges[range + 1].first_info <= id) {
            range++;
        }
        const struct replay_info *from = &r->infos[id];
        if (r->stack_of_info[id] == REPLAY_STACK_LOST) {
            continue;
        }
        p->kept_infos[id] =
            (struct profile_info){.cost = p->stacks[r->stack_of_info[id]].cost,
                                  .mark = range < m->n_ranges ? m->ranges[range].mark : 0,
                                  .process = r->process_of_info && id < r->n_owned ? r->process_of_info[id] : 0,
                                  .size_bytes = p->sample_bytes ? r->own_sizes[id] : from->size_bytes,
                                  .counted_bytes = from->size_bytes,
                                  .calls = from->calls,
                                  .live_at_peak = from->live_at_peak,
                                  .unreleased = replay_unreleased(from),
                                  .temporary = from->temporary,
                                  .birth_ns = UINT64_MAX};
    }
    for (size_t i = 0; i < records->n_survivors; i++) {
        const struct survivor *s = &records->survivors[i];
        if (s->info < r->n_infos && s->birth_ms <= INT64_MAX / ONE_MS_NS) {
            p->kept_infos[s->info].birth_ns = s->birth_ms * ONE_MS_NS;
        }
    }
}
