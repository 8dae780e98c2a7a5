/* blame_rules.h - which functions and modules only allocate for others.
 *
 * `CRYPTO_zalloc` at the top of a report tells nobody anything: its caller, or that one's, is what leaks. Two tables in
 * blame_rules.c say whose calls are passed on: functions, a family a line with where its names are from, and modules. They are data;
 * the user adds to them with --wrapper and --owner-skip.
 *
 * Decided: libc's strdup, asprintf, getline, fopen and everything else in libc are calls of the program, which must free or
 * close what they give: libc is passed over as a module. So are the runtimes of C++, the TLS libraries with those that do
 * their sums and parse their certificates, and the allocators. Libraries that hold things for themselves or act on their own (SASL,
 * Kerberos, curl, XML) are not.
 */
#ifndef SEEP_BLAME_RULES_H
#define SEEP_BLAME_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "attributes.h"

enum function_kind {
    FUNCTION_OTHER,
    FUNCTION_WRAPPER,  /* allocates for its caller; what is inlined into it is its own */
    FUNCTION_TEMPLATE, /* the same, but code of others may be inlined into it: C++'s std::, Rust's core:: */
    FUNCTION_CRYPTO,   /* a wrapper of OpenSSL's; of its callers in the same module these are passed over, too: */
    FUNCTION_OPENSSL,  /* functions of OpenSSL by their names, for programs that have it linked in */
};

enum module_kind {
    MODULE_OTHER,
    MODULE_SKIPPED, /* of the allocator or TLS kind */
    MODULE_LIBC,    /* libc: also what starts programs and threads, so it is never blamed where anything else can be */
};

/* What the user adds. */
struct blame_rules {
    const char **wrappers, **modules;
    size_t n_wrappers, n_modules, cap_wrappers, cap_modules;
};

/* Add a --wrapper or an --owner-skip. Returns 0, or -1 if the pattern is empty.
 * Memory   the pattern is the caller's; blame_rules_free() */
MUST_CHECK int blame_rules_add_wrapper(struct blame_rules *rules, const char *pattern);
MUST_CHECK int blame_rules_add_module(struct blame_rules *rules, const char *pattern);

void blame_rules_free(struct blame_rules *rules);

/* What a function is.
 *
 * name     as reports have it; the table's patterns are held against it without result, parameters and suffixes, the user's
 *          also against all of it
 * symbol   as in the symbol table (the user's patterns are held against it, too); NULL = unknown */
enum function_kind blame_function_kind(const struct blame_rules *rules, const char *name, const char *symbol);

/* Whether a source file is of those that FUNCTION_TEMPLATEs are in: for inlined functions of which debug information has only the
 * last part of the name (gcc: of a template with an argument that is local to a function, as std::thread's for a lambda). */
bool blame_is_template_file(const char *file);

/* What a module is. Patterns without a slash are held against its base name, others against the path. */
enum module_kind blame_module_kind(const struct blame_rules *rules, const char *path);

#endif
