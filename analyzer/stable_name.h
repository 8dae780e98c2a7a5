/* stable_name.h - what a function is called whatever compiler, options and line it was made with.
 *
 * Two builds of the same source rarely agree on every byte of a name. Left out of one here:
 *
 *   result and parameters            void pool::take(int)            pool::take
 *   parts and clones                 load.cold, load.constprop.0     load
 *   hashes of Rust                   app::load::h0123456789abcdef    app::load
 *   numbers of lambdas and closures  main::{lambda(int)#2}           main::{lambda}; clang's main::$_2, Rust's {closure#0} and
 *                                                                    {{closure}} likewise; Go's main.load.func1 is main.load.func
 *   namespaces without a name        (anonymous namespace)::load     load
 *   inline namespaces, ABI tags      std::__1::sort, f[abi:cxx11]    std::sort, f
 *   template arguments               beyond STABLE_ARGUMENTS_MAX bytes, and all behind Rust's "::": map<>, load
 */
#ifndef SEEP_STABLE_NAME_H
#define SEEP_STABLE_NAME_H

#include <stddef.h>

enum {
    STABLE_NAME_MAX = 240,     /* bytes with the terminator; what is longer ends in '~' and a check sum of the whole */
    STABLE_ARGUMENTS_MAX = 40, /* of template arguments that stay */
};

/* Write the stable name of a readable one. Control characters, and a '#' at the beginning, become '?', so that it is always one line of any file. Returns buf, never empty. */
const char *stable_name(const char *function, char buf[STABLE_NAME_MAX]);

/* The last part of a stable name, without namespaces, classes and template arguments: debug information has no more of inlined functions that only
 * their own file sees. */
const char *stable_name_last(const char *name, char buf[STABLE_NAME_MAX]);

/* What a module is called: its file name up to the first number behind ".so", without " (deleted)": "libssl.so.3". Square brackets become round ones. */
const char *stable_module(const char *path, char buf[STABLE_NAME_MAX]);

#endif
