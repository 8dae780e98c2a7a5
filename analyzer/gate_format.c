/* gate_format.c - see gate_format.h: a document is made in memory first, so that a file has all of it or nothing. */
#include "gate_format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "gate_place.h"
#include "report_text.h"
#include "safe_text.h"
#include "whole_file.h"

size_t gate_format_n_shown(const struct gate *gate, const struct gate_check *check, bool is_all) {
    bool is_cut = check->n_culprits > gate->options->top && !(is_all && check->is_per_site);
    return is_cut ? gate->options->top : check->n_culprits;
}

/* What was written to a stream of open_memstream(). */
static char *take_text(FILE *f, char **text) {
    if (f && fclose(f) == 0 && *text) {
        return *text;
    }
    free(*text);
    return xstrndup("", 0);
}

char *gate_format_title(const struct gate_verdict *v, const struct gate_check *check, const struct gate_culprit *culprit) {
    char *text = NULL, *what = gate_culprit_text(check, culprit), *mark = gate_culprit_mark(v, check, culprit);
    size_t n;
    FILE *f = open_memstream(&text, &n);
    struct place place = gate_culprit_place(v, check, culprit);
    if (f) {
        gate_place_put_function(f, &place);
        fprintf(f, ": %s (%s)", what, check->message);
        if (mark) {
            fputs("; ", f);
            safe_text_put(f, mark);
        }
    }
    free(what);
    free(mark);
    return take_text(f, &text);
}

enum site_order gate_format_order(const struct gate_check *check, const struct gate_culprit *culprit) {
    return culprit->growth && culprit->site->cost.unreleased_bytes == 0 ? SITE_BY_CALLS : check->order;
}

char *gate_format_stacks(const struct gate_verdict *v, const struct gate_check *check, const struct gate_culprit *culprit) {
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    if (f) {
        report_text_site(f, &v->report, gate_format_order(check, culprit), culprit->site);
    }
    return take_text(f, &text);
}

static int write_stdout(const char *bytes, size_t n) {
    errno = 0;
    if (fwrite(bytes, 1, n, stdout) != n || fflush(stdout) != 0) {
        return errno ? -errno : -EIO;
    }
    return 0;
}

int gate_format_write(const struct gate_format *format, const struct gate *gate, const char *path) {
    char *bytes = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&bytes, &n);
    int status = f ? format->render(f, gate) : -1;
    bool is_whole = f && !ferror(f);
    if (f && fclose(f) != 0) {
        is_whole = false;
    }
    bool is_stdout = strcmp(path, "-") == 0;
    if (status != 0 || !is_whole) {
        status = -ENOMEM;
    } else if (is_stdout) {
        status = write_stdout(bytes, n);
    } else {
        status = format->is_appended ? whole_file_append(path, bytes, n) : whole_file_replace(path, bytes, n);
    }
    if (status != 0) {
        diag_error("cannot write %s: %s", is_stdout ? "the verdict" : path, strerror(-status));
    }
    free(bytes);
    return status != 0 ? -1 : 0;
}
