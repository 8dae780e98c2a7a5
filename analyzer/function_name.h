/* function_name.h - the parts of a readable function name, C++ or Rust.
 *
 * A demangled name has more in it than the name: "void std::vector<int>::_M_realloc_insert<int>(int*, int&&) [clone .cold]" has a
 * result, parameters and what the compiler did to it. Here it is taken apart; nothing is copied.
 */
#ifndef SEEP_FUNCTION_NAME_H
#define SEEP_FUNCTION_NAME_H

#include <stdbool.h>
#include <stddef.h>

/* Part of a string. */
struct name_part {
    const char *start;
    size_t n;
};

/* Whether a byte can be part of an identifier; those of UTF-8 can. */
static inline bool function_is_name_byte(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           (unsigned char)c >= 0x80;
}

/* Bytes of the operator's name at s if it is one with angle brackets, as in "operator<<", else 0. start: of the whole name. */
size_t function_bracket_operator_bytes(const char *start, const char *s);

/* The '>' that closes the '<' s, or NULL. start: of the whole name.
 *
 * n_open  brackets of this name that nothing closes, counted here, 0 at first: behind many of them no more are searched, so that a name that is nothing but
 *         brackets takes no time */
const char *function_brackets_end(const char *start, const char *s, unsigned *n_open);

/* The function with its namespaces and classes alone: without result, parameters and the suffix of a part or clone of a function
 * (".cold", ".constprop.0"). Template arguments stay. */
struct name_part function_bare_name(const char *name);

/* Whether a symbol (as in the symbol table, a version "@VER" may follow) is of Rust: by its legacy or its v0 mangling. */
bool function_is_rust(const char *symbol);

/* Whether a text is what a pattern says: '*' stands for any bytes, '?' for one, all others for themselves. */
bool name_matches(struct name_part pattern, struct name_part text);

#endif
