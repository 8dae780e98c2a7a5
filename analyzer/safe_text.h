/* safe_text.h - names from traces and object files on a terminal.
 *
 * A path, a thread's name or a symbol can hold any byte. Control characters (C0, DEL, and C1 also as UTF-8) could move the
 * cursor or retitle the window, and a line break could forge a line of the report; none of them is ever written raw.
 */
#ifndef SEEP_SAFE_TEXT_H
#define SEEP_SAFE_TEXT_H

#include <stdio.h>

/* Write s with each control character, and each byte that is not part of valid UTF-8, as '?'. */
void safe_text_put(FILE *f, const char *s);

/* The same as a string, for messages.
 * Memory   the caller frees it */
char *safe_text_copy(const char *s);

/* The same for a function, with the arguments of C++ templates left out as heaptrack_print does:
 * "std::vector<int, std::allocator<int> >::push_back(int const&)" becomes "std::vector<>::push_back(int const&)". Angle
 * brackets that begin a name stay: Rust's "<alloc::string::String as core::clone::Clone>::clone" says nothing without. */
void safe_text_put_function(FILE *f, const char *name);

#endif
