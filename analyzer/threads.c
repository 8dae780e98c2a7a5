/* threads.c - see threads.h. */
#include "threads.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "safe_text.h"

enum { NAMES_SHOWN = 8 };

static bool is_of_figures(const struct profile *p, const struct thread *thread) {
    return thread->process < p->n_processes ? profile_is_chosen(p, &p->processes[thread->process]) : p->pid == 0;
}

static bool is_called(const struct thread *thread, const char *text) {
    char number[16];
    snprintf(number, sizeof number, "%" PRIu32, thread->tid);
    return (thread->tid && strcmp(number, text) == 0) ||
           (thread->name && (strcmp(thread->name, text) == 0 || fnmatch(text, thread->name, 0) == 0));
}

/* Threads that are called the same are named once.
 * Memory   the caller frees it */
static char *list_threads(const struct profile *p) {
    char *out = NULL;
    size_t n, n_shown = 0;
    const char *shown[NAMES_SHOWN];
    FILE *f = open_memstream(&out, &n);
    if (!f) {
        return xstrndup("?", 1);
    }
    for (size_t i = 0; i < p->n_threads; i++) {
        const char *name = p->threads[i].name;
        bool is_new = name && is_of_figures(p, &p->threads[i]);
        for (size_t k = 0; k < n_shown && is_new; k++) {
            is_new = strcmp(shown[k], name) != 0;
        }
        if (is_new && n_shown == NAMES_SHOWN) {
            fputs(", …", f);
            break;
        }
        if (is_new) {
            fputs(n_shown ? ", " : "", f);
            safe_text_put(f, name);
            shown[n_shown++] = name;
        }
    }
    fputs(n_shown ? "" : "none with a name", f);
    fclose(f);
    return out;
}

uint8_t *threads_find(const struct profile *p, const char *text) {
    uint8_t *is_found = xcalloc(p->n_threads + 1, sizeof *is_found);
    size_t n = 0;
    for (size_t i = 0; i < p->n_threads; i++) {
        is_found[i] = is_of_figures(p, &p->threads[i]) && is_called(&p->threads[i], text);
        n += is_found[i];
    }
    if (n) {
        return is_found;
    }
    free(is_found);
    char *asked = safe_text_copy(text), *list = list_threads(p);
    diag_error("--thread %s: no thread of that name or number; there are: %s", asked, list);
    free(asked);
    free(list);
    return NULL;
}
