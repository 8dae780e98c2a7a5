/* suppression_rules.c - see suppression_rules.h. */
#include "suppression_rules.h"

#include <stdlib.h>
#include <string.h>

#include "diag.h"

struct builtin_rule {
    const char *why; /* one line */
    const char *name;
    const char *frames; /* leaf first, one a line */
};

static const struct builtin_rule builtin_rules[] = {
    {"libstdc++ keeps 72704 bytes to throw std::bad_alloc from; allocated before main, never given back.",
     "libstdc++: emergency pool for exceptions", "obj:*/libstdc++.so.*\nobj:*/ld-linux-x86-64.so.*"},
};

enum { N_BUILTIN_RULES = sizeof builtin_rules / sizeof builtin_rules[0] };

static void print_rule(FILE *f, const struct builtin_rule *rule) {
    fprintf(f, "# %s\n{\n    %s\n    Memcheck:Leak\n", rule->why, rule->name);
    for (const char *frame = rule->frames; *frame;) {
        size_t n = strcspn(frame, "\n");
        fprintf(f, "    %.*s\n", (int)n, frame);
        frame += n + (frame[n] != '\0');
    }
    fputs("}\n", f);
}

void suppression_rules_print_builtin(FILE *f) {
    fputs("# seep's own rules: what systems keep for the life of a process. See seep(1), SUPPRESSIONS.\n", f);
    for (size_t i = 0; i < N_BUILTIN_RULES; i++) {
        fputc('\n', f);
        print_rule(f, &builtin_rules[i]);
    }
}

/* They go the way of any file, so that what is printed is what counts. */
void suppression_rules_add_builtin(struct suppression_rules *rules) {
    char *text = NULL;
    size_t n = 0, first = rules->n_rules;
    const char *error;
    FILE *f = open_memstream(&text, &n);
    if (!f) {
        diag_warning("no memory for the built-in suppressions");
        return;
    }
    suppression_rules_print_builtin(f);
    if (fclose(f) == 0 && suppression_rules_parse(rules, text, n, "built-in", &error) != 0) {
        diag_warning("built-in suppressions: %s", error);
    }
    for (size_t i = first; i < rules->n_rules; i++) {
        rules->rules[i].line = 0;
    }
    free(text);
}
