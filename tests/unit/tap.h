/* tap.h - the few lines that make a C program speak TAP (testanything.org): a check prints "ok" or "not ok". */
#ifndef SEEP_TESTS_TAP_H
#define SEEP_TESTS_TAP_H

#include <stdbool.h>
#include <stdio.h>

static int tap_n, tap_n_failed;

static inline bool tap_ok(bool is_ok, const char *text) {
    tap_n_failed += !is_ok;
    printf("%sok %d - %s\n", is_ok ? "" : "not ", ++tap_n, text);
    fflush(stdout);
    return is_ok;
}

/* Print the plan; the program's exit status. */
static inline int tap_end(void) {
    printf("1..%d\n", tap_n);
    return tap_n_failed != 0;
}

#endif
