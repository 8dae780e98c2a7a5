/* test_function_name.c - readable names taken apart, and patterns. What demangled names look like is test_demangle's. */
#include <stdlib.h>
#include <string.h>

#include "blame_rules.h"
#include "demangle.h"
#include "function_name.h"
#include "safe_text.h"
#include "tap.h"

static void check_bare(const char *name, const char *expected) {
    struct name_part bare = function_bare_name(name);
    if (!tap_ok(bare.n == strlen(expected) && strncmp(bare.start, expected, bare.n) == 0, name)) {
        printf("# got %.*s, expected %s\n", (int)bare.n, bare.start, expected);
    }
}

static struct name_part part(const char *text) {
    return (struct name_part){.start = text, .n = strlen(text)};
}

/* Against the obvious recursive definition, for every pattern and text of up to 5 bytes of a small alphabet. */
static bool matches_plainly(const char *p, const char *t) {
    if (*p == '*') {
        return matches_plainly(p + 1, t) || (*t && matches_plainly(p, t + 1));
    }
    return *p ? *t && (*p == '?' || *p == *t) && matches_plainly(p + 1, t + 1) : !*t;
}

static void word(unsigned number, const char *alphabet, char *out) {
    size_t n_letters = strlen(alphabet), n = 0;
    for (; number; number /= (unsigned)n_letters + 1) {
        unsigned letter = number % ((unsigned)n_letters + 1);
        if (letter) {
            out[n++] = alphabet[letter - 1];
        }
    }
    out[n] = '\0';
}

static void check_patterns(void) {
    unsigned n_wrong = 0, n = 0;
    for (unsigned p = 0; p < 5 * 5 * 5 * 5 * 5; p++) {
        char pattern[16], text[16];
        word(p, "ab*?", pattern);
        for (unsigned t = 0; t < 3 * 3 * 3 * 3 * 3; t++) {
            word(t, "ab", text);
            n++;
            n_wrong += name_matches(part(pattern), part(text)) != matches_plainly(pattern, text);
        }
    }
    printf("# %u pairs, %u wrong\n", n, n_wrong);
    tap_ok(n_wrong == 0, "patterns mean what they say");
}

static void check_kind(const char *name, const char *symbol, enum function_kind expected) {
    static const struct blame_rules rules;
    tap_ok(blame_function_kind(&rules, name, symbol) == expected, name);
}

/* Symbols may be any bytes: nothing but brackets that nobody closes. */
static void check_unclosed(const char *part_of_name) {
    size_t n_part = strlen(part_of_name), n = (1 << 20) / n_part * n_part;
    char *name = malloc(n + 1);
    if (!name) {
        tap_ok(false, "no memory");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        name[i] = part_of_name[i % n_part];
    }
    name[n] = '\0';
    struct name_part bare = function_bare_name(name);
    tap_ok(bare.start == name && bare.n == n, part_of_name);
    FILE *null = fopen("/dev/null", "w");
    if (null) {
        safe_text_put_function(null, name);
        fclose(null);
    }
    free(name);
}

int main(void) {
    check_unclosed("a<");
    check_unclosed("{");
    check_unclosed("decltype(<");
    check_bare("malloc", "malloc");
    check_bare("xmalloc.cold", "xmalloc");
    check_bare("helper.constprop.0.isra.0", "helper");
    check_bare("runtime.mallocgc", "runtime.mallocgc");
    check_bare("operator new(unsigned long)", "operator new");
    check_bare("operator new[](unsigned long, std::nothrow_t const&)", "operator new[]");
    check_bare("pool::operator new(unsigned long)", "pool::operator new");
    check_bare("a::operator()(int) const", "a::operator()");
    check_bare("std::ostream& std::operator<< <char>(std::ostream&, char)", "std::operator<< <char>");
    check_bare("bool operator< <int>(a<int> const&)", "operator< <int>");
    check_bare("my_operator_new(int)", "my_operator_new");
    check_bare("void std::vector<int, std::allocator<int> >::_M_realloc_insert<int>(int*) [clone .cold]",
               "std::vector<int, std::allocator<int> >::_M_realloc_insert<int>");
    check_bare("std::vector<int, std::allocator<int> > make<int>(unsigned long)", "make<int>");
    check_bare("(anonymous namespace)::leaks(int)", "(anonymous namespace)::leaks");
    check_bare("decltype (a(b)) take<int>(int)", "take<int>");
    check_bare("leaks()::{lambda(int, char)#1}::operator()(int, char) const", "leaks");
    check_bare("<alloc::vec::Vec<T> as core::clone::Clone>::clone", "<alloc::vec::Vec<T> as core::clone::Clone>::clone");
    check_bare("core::ops::FnOnce<fn(u8) -> u8>::call_once::{closure#0}",
               "core::ops::FnOnce<fn(u8) -> u8>::call_once::{closure#0}");
    check_bare("", "");
    check_bare("<", "<");
    check_bare("{", "{");
    check_bare("a<b<c", "a<b<c");
    check_bare("operator", "operator");

    tap_ok(function_is_rust("_RNvCs1_4main3run"), "v0 is Rust");
    tap_ok(function_is_rust("_ZN54_$LT$T$u20$as$u20$alloc..string$GT$3run17h0123456789abcdefE.llvm.123"), "legacy is Rust");
    tap_ok(!function_is_rust("_ZN4main3runEv") && !function_is_rust("_ZN17h0123456789abcdefE") && !function_is_rust("") &&
               !function_is_rust("malloc@@GLIBC_2.2.5"),
           "C++ and C are not");

    /* The same readable name is another thing in another language, and a result is no part of the name. */
    check_kind("core::engine::load", "_ZN4core6engine4load17h0123456789abcdefE", FUNCTION_TEMPLATE);
    check_kind("core::engine::load()", "_ZN4core6engine4loadEv", FUNCTION_OTHER);
    check_kind("std::string make<int>(int)", "_Z4makeIiESsT_", FUNCTION_OTHER);
    check_kind("std::string::_M_mutate(int)", "_ZNSs9_M_mutateEi", FUNCTION_TEMPLATE);
    check_kind("g_malloc0_n", "g_malloc0_n", FUNCTION_WRAPPER);
    check_kind("my::g_malloc(int)", "_ZN2my8g_mallocEi", FUNCTION_OTHER);
    check_kind("CRYPTO_zalloc", NULL, FUNCTION_CRYPTO);
    check_kind("<mine::Thing as core::clone::Clone>::clone", "_RNvXCs1_4mine5clone", FUNCTION_OTHER);
    check_kind("<i32 as core::fmt::Display>::fmt", "_RNvXCs1_4core3fmt", FUNCTION_TEMPLATE);
    check_patterns();
    return tap_end();
}
