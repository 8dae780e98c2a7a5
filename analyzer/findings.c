/* findings.c - see findings.h. */
#include "findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "json_out.h"
#include "safe_text.h"

enum { TEXT_BYTES_MAX = 8192 };

static const char *const levels[] = {[FINDING_OK] = "ok", [FINDING_NOTE] = "note", [FINDING_PROBLEM] = "problem"};

void findings_add(struct findings *findings, enum finding_level level, const char *key, const char *advice, const char *fmt,
                  ...) {
    char text[TEXT_BYTES_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    findings->items = xgrow(findings->items, findings->n, &findings->cap, sizeof *findings->items);
    findings->items[findings->n++] = (struct finding){.level = level,
                                                      .key = key,
                                                      .text = xstrndup(text, strlen(text)),
                                                      .advice = advice ? xstrndup(advice, strlen(advice)) : NULL};
}

bool findings_has(const struct findings *findings, const char *key) {
    for (size_t i = 0; i < findings->n; i++) {
        if (strcmp(findings->items[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

bool findings_has_problem(const struct findings *findings) {
    for (size_t i = 0; i < findings->n; i++) {
        if (findings->items[i].level == FINDING_PROBLEM) {
            return true;
        }
    }
    return false;
}

int findings_print(const struct findings *findings) {
    for (size_t i = 0; i < findings->n; i++) {
        const struct finding *f = &findings->items[i];
        printf("%s: ", levels[f->level]);
        safe_text_put(stdout, f->text);
        if (f->advice) {
            fputs(" — ", stdout);
            safe_text_put(stdout, f->advice);
        }
        putchar('\n');
    }
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -1;
}

int findings_print_json(const struct findings *findings, const char *target) {
    struct json_out *j = json_open(stdout);
    json_object_begin(j);
    json_put_string(j, "target", target);
    json_key(j, "findings");
    json_array_begin(j);
    for (size_t i = 0; i < findings->n; i++) {
        json_object_begin(j);
        json_put_string(j, "level", levels[findings->items[i].level]);
        json_put_string(j, "key", findings->items[i].key);
        json_put_string(j, "text", findings->items[i].text);
        json_put_string(j, "advice", findings->items[i].advice);
        json_object_end(j);
    }
    json_array_end(j);
    json_put_bool(j, "traceable", !findings->is_out);
    json_object_end(j);
    return json_close(j);
}

void findings_free(struct findings *findings) {
    for (size_t i = 0; i < findings->n; i++) {
        free(findings->items[i].text);
        free(findings->items[i].advice);
    }
    free(findings->items);
    *findings = (struct findings){0};
}
