/* suppression_rules.h - rules that are built in: what systems keep for the life of a process, and nobody can free.
 *
 * One table, as data. Each rule names where a stack begins, by functions and modules of the system's own, and a function of the program can never be in
 * that part; so no block that the program asks for by itself is hidden. seep(1), "Suppressions", says when they count.
 */
#ifndef SEEP_SUPPRESSION_RULES_H
#define SEEP_SUPPRESSION_RULES_H

#include <stdio.h>

#include "suppression_file.h"

void suppression_rules_add_builtin(struct suppression_rules *rules);

/* Write them as a suppression file. */
void suppression_rules_print_builtin(FILE *f);

#endif
