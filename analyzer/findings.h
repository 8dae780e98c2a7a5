/* findings.h - what `seep doctor` found: a list, and its two forms. */
#ifndef SEEP_FINDINGS_H
#define SEEP_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "attributes.h"

enum finding_level {
    FINDING_OK,
    FINDING_NOTE,    /* good to know; nothing is missing for it */
    FINDING_PROBLEM, /* something will not be seen */
};

struct finding {
    enum finding_level level;
    const char *key; /* one word, for programs */
    char *text;      /* what, and why */
    char *advice;    /* what to do; NULL: nothing */
};

struct findings {
    struct finding *items;
    size_t n, cap;
    bool is_out; /* libseep.so cannot get into it: nothing would be seen */
};

/* Add a finding. key must live as long as the list; advice is copied, NULL = none. */
void findings_add(struct findings *findings, enum finding_level level, const char *key, const char *advice, const char *fmt,
                  ...) PRINTF_LIKE(5, 6);

bool findings_has(const struct findings *findings, const char *key);
bool findings_has_problem(const struct findings *findings);

/* Print the list on stdout: "problem: text — advice" line by line, or one JSON object. Its keys are a contract, they are only added to:
 *
 * target      as it was named: the program's path, or the process id
 * findings    [{level, key, text, advice}] in the order of the text; level is ok, note or problem; advice null = none
 * traceable   whether libseep.so can get into it at all
 *
 * Returns  0, or -1 if it could not be written */
MUST_CHECK int findings_print(const struct findings *findings);
MUST_CHECK int findings_print_json(const struct findings *findings, const char *target);

void findings_free(struct findings *findings);

#endif
