/* doctor_libraries.c - see doctor_checks.h: the libraries that a program will be started with, found without starting it.
 *
 * Breadth first, each name once, as the dynamic linker does; looked for in DT_RUNPATH or DT_RPATH of the file that needs it,
 * LD_LIBRARY_PATH and the usual folders. Source: ld.so(8). Its cache is not read: a library that only that knows is named as not found.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "diag.h"
#include "doctor_checks.h"
#include "text.h"

enum { LIBRARIES_MAX = 4096 };

/* Libraries still to be looked at stand behind those that were. */
struct library_queue {
    struct library {
        char *name;        /* as DT_NEEDED has it */
        char *search_path; /* of the file that needs it; NULL = none */
        char *origin;      /* the folder of that file */
    } * items;
    size_t n, cap;
};

static char *copy(const char *s) {
    return s ? xstrndup(s, strlen(s)) : NULL;
}

static bool is_queued(const struct library_queue *queue, const char *name) {
    for (size_t i = 0; i < queue->n; i++) {
        if (strcmp(queue->items[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void queue_needed(struct library_queue *queue, const char *path, const struct allocator_scan *scan) {
    for (size_t i = 0; i < scan->n_needed && queue->n < LIBRARIES_MAX; i++) {
        if (!is_queued(queue, scan->needed[i])) {
            queue->items = xgrow(queue->items, queue->n, &queue->cap, sizeof *queue->items);
            queue->items[queue->n++] = (struct library){.name = copy(scan->needed[i]),
                                                        .search_path = copy(scan->search_path),
                                                        .origin = xstrndup(path, (size_t)(text_base_name(path) - path))};
        }
    }
}

/* Put "FOLDER/NAME" together; $ORIGIN or ${ORIGIN} at the start of a folder is the one of the file that needs it. */
static bool is_in_folder(char path[PATH_MAX], const char *folder, size_t n_folder, const struct library *library) {
    static const char *const origins[] = {"$ORIGIN", "${ORIGIN}"};
    const char *origin = "";
    for (size_t i = 0; i < sizeof origins / sizeof origins[0]; i++) {
        size_t n = strlen(origins[i]);
        if (n <= n_folder && strncmp(folder, origins[i], n) == 0) {
            origin = library->origin;
            folder += n;
            n_folder -= n;
            break;
        }
    }
    int n = snprintf(path, PATH_MAX, "%s%.*s%s%s", origin, (int)n_folder, folder, n_folder || *origin ? "/" : "",
                     library->name);
    return n < PATH_MAX && access(path, R_OK) == 0;
}

static bool is_in_list(char path[PATH_MAX], const char *list, const struct library *library) {
    while (list && *list) {
        size_t n = strcspn(list, ":;");
        if (is_in_folder(path, list, n, library)) {
            return true;
        }
        list += n + (list[n] != '\0');
    }
    return false;
}

static bool find_library(char path[PATH_MAX], const struct library *library) {
    struct utsname system;
    char usual[PATH_MAX];
    if (strchr(library->name, '/')) {
        snprintf(path, PATH_MAX, "%s", library->name);
        return access(path, R_OK) == 0;
    }
    if (uname(&system) != 0) {
        system.machine[0] = '\0';
    }
    snprintf(usual, sizeof usual, "/usr/local/lib/%s-linux-gnu:/lib/%s-linux-gnu:/usr/lib/%s-linux-gnu:%s", system.machine,
             system.machine, system.machine, "/usr/local/lib:/lib64:/usr/lib64:/lib:/usr/lib");
    return is_in_list(path, library->search_path, library) || is_in_list(path, getenv("LD_LIBRARY_PATH"), library) ||
           is_in_list(path, usual, library);
}

static void queue_free(struct library_queue *queue) {
    for (size_t i = 0; i < queue->n; i++) {
        free(queue->items[i].name);
        free(queue->items[i].search_path);
        free(queue->items[i].origin);
    }
    free(queue->items);
}

void doctor_check_needed(struct findings *findings, const char *path, const struct allocator_scan *program) {
    struct library_queue queue = {0};
    char found[PATH_MAX];
    char *real = realpath(path, NULL); /* the $ORIGIN of a program is where its links lead to */
    queue_needed(&queue, real ? real : path, program);
    free(real);
    for (size_t i = 0; i < queue.n; i++) {
        struct allocator_scan scan = {0};
        const struct library library = queue.items[i]; /* the array may move */
        if (!find_library(found, &library) || doctor_check_library(findings, found, library.name, true, &scan) != 0) {
            findings_add(findings, FINDING_NOTE, "library-not-found", "make sure that it has no allocator of its own",
                         "%s, a library that it needs, is not in the usual folders and was not looked at", library.name);
        } else {
            queue_needed(&queue, found, &scan);
        }
        allocator_scan_free(&scan);
    }
    queue_free(&queue);
}
