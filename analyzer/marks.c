/* marks.c - see marks.h. */
#include "marks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "safe_text.h"

enum { NAMES_SHOWN = 8 };

static const char *name_of(const struct mark *mark) {
    return mark->name ? mark->name : "";
}

/* How many marks have that name, and which of them this one is, from 1. */
static size_t count_name(const struct profile *p, const struct mark *mark, size_t *which) {
    size_t n = 0;
    for (size_t i = 0; i < p->n_marks; i++) {
        n += strcmp(name_of(&p->marks[i]), name_of(mark)) == 0;
        if (&p->marks[i] == mark) {
            *which = n;
        }
    }
    return n;
}

const struct mark *mark_numbered(const struct profile *p, uint64_t number) {
    for (size_t i = 0; i < p->n_marks; i++) { /* mostly it is the place, too */
        size_t at = (size_t)(number - 1 + i) % p->n_marks;
        if (p->marks[at].number == number) {
            return &p->marks[at];
        }
    }
    return NULL;
}

static int compare_names(const void *a, const void *b) {
    const struct mark *x = *(const struct mark *const *)a, *y = *(const struct mark *const *)b;
    int order = strcmp(name_of(x), name_of(y));
    return order ? order : x < y ? -1 : x > y;
}

struct mark_place *mark_places(const struct profile *p) {
    struct mark_place *places = xcalloc(p->n_marks ? p->n_marks : 1, sizeof *places);
    const struct mark **sorted = xcalloc(p->n_marks ? p->n_marks : 1, sizeof(struct mark *));
    for (size_t i = 0; i < p->n_marks; i++) {
        sorted[i] = &p->marks[i];
    }
    qsort(sorted, p->n_marks, sizeof(struct mark *), compare_names);
    for (size_t first = 0, end; first < p->n_marks; first = end) {
        for (end = first + 1; end < p->n_marks && strcmp(name_of(sorted[end]), name_of(sorted[first])) == 0; end++) {
        }
        for (size_t i = first; i < end; i++) {
            places[sorted[i] - p->marks] = (struct mark_place){.which = i - first + 1, .of = end - first};
        }
    }
    free(sorted);
    return places;
}

char *mark_label(const struct profile *p, const struct mark *mark) {
    size_t which = 0, n = count_name(p, mark, &which), bytes = strlen(name_of(mark)) + 24;
    char *label = xalloc(bytes);
    if (n > 1) {
        snprintf(label, bytes, "%s#%zu", name_of(mark), which);
    } else {
        snprintf(label, bytes, "%s", name_of(mark));
    }
    return label;
}

/* A whole number, or 0. */
static uint64_t number_of(const char *text) {
    char *end;
    errno = 0;
    unsigned long long v = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
    return v && errno == 0 && *end == '\0' ? v : 0;
}

/* The which-th mark of a name of that length; with which 0 the only one. */
static const struct mark *find_named(const struct profile *p, const char *name, size_t length, uint64_t which, size_t *n) {
    const struct mark *found = NULL;
    *n = 0;
    for (size_t i = 0; i < p->n_marks; i++) {
        const char *its = name_of(&p->marks[i]);
        if (strlen(its) == length && memcmp(its, name, length) == 0 && ++*n == (which ? which : 1)) {
            found = &p->marks[i];
        }
    }
    return which || *n == 1 ? found : NULL;
}

static char *list_marks(const struct profile *p) {
    char *out = NULL;
    size_t n;
    FILE *f = open_memstream(&out, &n);
    if (!f) {
        return xstrndup("?", 1);
    }
    for (size_t i = 0; i < p->n_marks && i < NAMES_SHOWN; i++) {
        size_t at = i + 1 == NAMES_SHOWN ? p->n_marks - 1 : i;
        char *label = mark_label(p, &p->marks[at]);
        fputs(i == 0 ? "" : i + 1 == NAMES_SHOWN && p->n_marks > NAMES_SHOWN ? ", …, " : ", ", f);
        safe_text_put(f, label);
        free(label);
    }
    fclose(f);
    return out;
}

const struct mark *mark_find(const struct profile *p, const char *option, const char *text) {
    size_t n = 0, n_of_part;
    const char *hash = strrchr(text, '#');
    uint64_t which = hash ? number_of(hash + 1) : 0;
    const struct mark *mark = find_named(p, text, strlen(text), 0, &n);
    if (!mark && which) {
        mark = hash == text ? mark_numbered(p, which) : find_named(p, text, (size_t)(hash - text), which, &n_of_part);
    }
    if (!mark && n == 0 && number_of(text)) {
        mark = mark_numbered(p, number_of(text));
    }
    if (mark) {
        return mark;
    }
    char *asked = safe_text_copy(text), *list = list_marks(p);
    if (p->n_marks == 0) {
        diag_error("--%s %s: the trace has no marks", option, asked);
    } else if (n > 1) {
        diag_error("--%s %s: there are %zu of that name: %s#1 to %s#%zu", option, asked, n, asked, asked, n);
    } else {
        diag_error("--%s %s: no such mark; there are %" PRIu64 ": %s", option, asked, p->n_marks_reached, list);
    }
    free(asked);
    free(list);
    return NULL;
}
