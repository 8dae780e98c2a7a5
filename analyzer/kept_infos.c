/* kept_infos.c - see kept_infos.h. */
#include "kept_infos.h"

#include "diag.h"

enum { ONE_MS_NS = 1000000 };

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* Only what the wanted threads allocated. Where events are missing, the list of survivors may say less than the events do. */
static void take_part(struct profile_info *info, const struct by_thread_info *part) {
    if (part->calls == info->calls) { /* all of it */
        return;
    }
    uint64_t most = least(part->high, info->unreleased), most_at_peak = least(part->high_at_peak, info->live_at_peak);
    info->calls = part->calls;
    info->temporary = part->temporary;
    info->unreleased = least(part->low, most);
    info->live_at_peak = least(part->low_at_peak, most_at_peak);
    info->more_calls = part->folded_calls;
    info->more_unreleased = most - info->unreleased;
    info->more_at_peak = most_at_peak - info->live_at_peak;
    info->freed = info->calls - least(most, info->calls);
    info->birth_ns = UINT64_MAX; /* the list of survivors knows no threads */
}

/* As it was at the wanted mark. */
static void go_back(struct profile_info *info, const struct moments *m, size_t id) {
    struct moment_info then = id < m->n_then ? m->then[id] : (struct moment_info){0};
    info->unreleased = then.alive;
    info->more_unreleased = then.more;
    info->freed = info->calls - least(then.kept, info->calls);
    info->birth_ns = UINT64_MAX; /* of survivors at the end only */
}

/* As it was at the end, with all threads. */
static struct profile_info whole_info(const struct profile *p, const struct replay *r, size_t id) {
    const struct replay_info *from = &r->infos[id];
    return (struct profile_info){.cost = p->stacks[r->stack_of_info[id]].cost,
                                 .process = r->process_of_info && id < r->n_owned ? r->process_of_info[id] : 0,
                                 .size_bytes = p->sample_bytes ? r->own_sizes[id] : from->size_bytes,
                                 .counted_bytes = from->size_bytes,
                                 .calls = from->calls,
                                 .live_at_peak = from->live_at_peak,
                                 .unreleased = replay_unreleased(from),
                                 .temporary = from->temporary,
                                 .freed = from->calls - least(replay_unreleased(from), from->calls),
                                 .birth_ns = UINT64_MAX};
}

static void note_births(struct profile *p, const struct records *records) {
    for (size_t i = 0; i < records->n_survivors; i++) {
        const struct survivor *s = &records->survivors[i];
        if (s->info < p->n_kept_infos && s->birth_ms <= INT64_MAX / ONE_MS_NS) {
            p->kept_infos[s->info].birth_ns = s->birth_ms * ONE_MS_NS;
        }
    }
}

void kept_infos_build(struct profile *p, const struct replay *r, const struct moments *m, const struct records *records) {
    size_t range = 0;
    p->n_kept_infos = r->n_infos;
    p->kept_infos = xcalloc(r->n_infos, sizeof *p->kept_infos);
    p->is_alive_at_known = moments_knows_then(m);
    for (size_t id = 1; id < r->n_infos; id++) {
        if (r->stack_of_info[id] != REPLAY_STACK_LOST) {
            p->kept_infos[id] = whole_info(p, r, id);
        }
    }
    note_births(p, records);
    for (size_t id = 1; id < r->n_infos; id++) {
        struct profile_info *info = &p->kept_infos[id];
        while (range + 1 < m->n_ranges && m->ranges[range + 1].first_info <= id) {
            range++;
        }
        info->mark = range < m->n_ranges ? m->ranges[range].mark : 0;
        if (r->by_thread.is_chosen) {
            take_part(info, &r->by_thread.infos[id]);
        }
        if (m->alive_at) {
            go_back(info, m, id);
        }
    }
}
