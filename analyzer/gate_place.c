/* gate_place.c - see gate_place.h. */
#include "gate_place.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "diag.h"
#include "safe_text.h"

/* Take "." and ".." out of an absolute path, in place. */
static void resolve_dots(char *path) {
    char *to = path;
    for (const char *s = path; *s;) {
        s += strspn(s, "/");
        size_t n = strcspn(s, "/");
        if (n == 2 && strncmp(s, "..", 2) == 0) {
            while (to > path && *--to != '/') {
            }
        } else if (n && !(n == 1 && *s == '.')) {
            *to++ = '/';
            memmove(to, s, n);
            to += n;
        }
        s += n;
    }
    *to = '\0';
}

static char *workspace(void) {
    const char *given = getenv("GITHUB_WORKSPACE");
    char *folder = given && given[0] == '/' ? xstrndup(given, strlen(given)) : getcwd(NULL, 0);
    if (folder) {
        resolve_dots(folder);
    }
    return folder;
}

char *gate_place_relative(const char *file) {
    char *folder = workspace(), *path = NULL, *relative = NULL;
    if (!folder) {
        return NULL;
    }
    if (asprintf(&path, "%s%s%s", file[0] == '/' ? "" : folder, file[0] == '/' ? "" : "/", file) < 0) {
        free(folder);
        return NULL;
    }
    resolve_dots(path);
    size_t n = strlen(folder);
    if (strncmp(path, folder, n) == 0 && path[n] == '/' && path[n + 1] && access(path, F_OK) == 0) {
        relative = xstrndup(path + n + 1, strlen(path + n + 1));
    }
    free(path);
    free(folder);
    return relative;
}

static bool take_own(struct gate_place *place, const struct frame *frame) {
    char *relative = frame->file && frame->line ? gate_place_relative(frame->file) : NULL;
    if (!relative) {
        return false;
    }
    free(place->file);
    *place = (struct gate_place){.file = relative, .line = frame->line, .is_own = true};
    return true;
}

/* From the blamed frame of the culprit's first stack outward. */
static void look_outward(const struct gate_verdict *v, const struct site_stack *first, struct gate_place *place) {
    const struct stack *stacks = v->analysis.profile.stacks;
    if (!stack_is_frame(&stacks[first->leaf])) {
        return;
    }
    struct blame_frame blamed = blame_resolve(v->sites.blame, first->leaf, false);
    uint32_t frame = blamed.frame;
    for (uint32_t i = blamed.stack; i < v->analysis.profile.n_stacks && stack_is_frame(&stacks[i]); i = stacks[i].parent) {
        const struct location *location = symbolize(v->analysis.symbolizer, stacks[i].module, stacks[i].ip);
        for (; frame < location->n_frames; frame++) {
            if (take_own(place, &location->frames[frame])) {
                return;
            }
        }
        frame = 0;
        if (stacks[i].parent >= i) {
            return;
        }
    }
}

struct gate_place gate_place_of(const struct gate_verdict *v, const struct gate_check *check,
                                const struct gate_culprit *culprit) {
    struct gate_place place = {0};
    struct place blamed = gate_culprit_place(v, check, culprit);
    const struct frame *frame = blamed.location ? &blamed.location->frames[blamed.frame] : NULL;
    if (frame && frame->file && !take_own(&place, frame)) {
        place = (struct gate_place){.file = xstrndup(frame->file, strlen(frame->file)), .line = frame->line};
    }
    struct site_stack first;
    if (!place.is_own && culprit->site->n_stacks && blamed.location) {
        site_rank_stacks(&v->sites, culprit->site, check->order, 1, &first);
        look_outward(v, &first, &place);
    }
    return place;
}

void gate_place_put_function(FILE *f, const struct place *place) {
    const struct frame *frame = place->location ? &place->location->frames[place->frame] : NULL;
    if (frame && frame->function) {
        safe_text_put_function(f, frame->function);
    } else if (place->location) {
        fprintf(f, "0x%" PRIx64, place->ip - 1);
    } else {
        fputs("??", f);
    }
}
