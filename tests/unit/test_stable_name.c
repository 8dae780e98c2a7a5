/* test_stable_name.c - names of the same function from different builds come out as one, and those of different functions do not. */
#include <string.h>

#include "stable_name.h"
#include "tap.h"

static void check(const char *name, const char *expected) {
    char buf[STABLE_NAME_MAX];
    if (!tap_ok(strcmp(stable_name(name, buf), expected) == 0, name)) {
        printf("# got %s, expected %s\n", buf, expected);
    }
}

static void check_last(const char *name, const char *expected) {
    char buf[STABLE_NAME_MAX];
    if (!tap_ok(strcmp(stable_name_last(name, buf), expected) == 0, name)) {
        printf("# got %s, expected %s\n", buf, expected);
    }
}

static void check_module(const char *path, const char *expected) {
    char buf[STABLE_NAME_MAX];
    if (!tap_ok(strcmp(stable_module(path, buf), expected) == 0, path)) {
        printf("# got %s, expected %s\n", buf, expected);
    }
}

static void check_c(void) {
    check("reload_certificate", "reload_certificate");
    check("reload_certificate.cold", "reload_certificate");
    check("reload_certificate.part.0", "reload_certificate");
    check("reload_certificate.constprop.0.isra.3", "reload_certificate");
    check("reload_certificate.llvm.1234567890", "reload_certificate");
    check("load.lto_priv.0", "load");
    check("", "??");
    check("a\033[2Jb\nc", "a?[2Jb?c");
}

static void check_cpp(void) {
    check("void pool::take(int, char const*)", "pool::take");
    check("pool::take(int) [clone .cold]", "pool::take");
    check("(anonymous namespace)::load(int)", "load");
    check("app::(anonymous namespace)::load(int)", "app::load");
    check("{anonymous}::load", "load");
    check("std::__1::vector<int, std::__1::allocator<int> >::push_back(int const&)",
          "std::vector<int, std::allocator<int>>::push_back");
    check("std::vector<int, std::allocator<int>>::push_back(int const&)",
          "std::vector<int, std::allocator<int>>::push_back");
    check("app::name[abi:cxx11](int)", "app::name");
    check("std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::reserve(unsigned long)",
          "std::basic_string<>::reserve");
    check("std::chrono::_V2::steady_clock::now()", "std::chrono::steady_clock::now");
    check("keeps<int>(int)", "keeps<int>");
    check("void keeps<long>(long)", "keeps<long>");
    check("main::{lambda(int)#2}::operator()(int) const", "main::{lambda}::operator()");
    check("app::each(int)::{lambda(int)#1}::operator()(int) const", "app::each::{lambda}::operator()");
    check("void app::each<int>(int) const &::{lambda(int)#1}::operator()(int) const",
          "app::each<int>::{lambda}::operator()");
    check("app::(anonymous namespace)::each(int (*)(int))::local::run(int)", "app::each::local::run");
    check("run<app::each(int)::{lambda(int)#3}>", "run<app::each::{lambda}>");
    check("((((((((((((((x))))))))))))))::f", "::f");
    check("main::$_2::operator()(int) const", "main::{lambda}::operator()");
    check("void run<main::{lambda(int)#3}>(main::{lambda(int)#3})", "run<main::{lambda}>");
    check("app::operator< (app::key const&, app::key const&)", "app::operator<");
    check("bool app::operator< <int>(int)", "app::operator< <int>");
    check("app::operator<<(std::ostream&, int)", "app::operator<<");
    check("app::pool::operator new(unsigned long)", "app::pool::operator new");
    check("__0::f", "f");
    check("__x1::f", "__x1::f");
    check("a__1::f", "a__1::f");
}

static void check_others(void) {
    check("app::load::h0123456789abcdef", "app::load");
    check("app::load::h0123456789abcdeg", "app::load::h0123456789abcdeg");
    check("app::main::{{closure}}", "app::main::{closure}");
    check("app::main::{closure#1}", "app::main::{closure}");
    check("<app::Zone as core::ops::Drop>::drop", "<app::Zone as core::ops::Drop>::drop");
    check("app::keep::<alloc::vec::Vec<u8>>", "app::keep");
    check("main.load.func1", "main.load.func");
    check("main.load.func2.1", "main.load.func");
    check("main.load.function1", "main.load.function1");
    check("main.(*Server).load", "main.");
}

static void check_long(void) {
    char a[1024], b[1024], x[STABLE_NAME_MAX], y[STABLE_NAME_MAX];
    memset(a, 'x', sizeof a);
    memset(b, 'x', sizeof b);
    a[1000] = b[1000] = '\0';
    b[999] = 'y';
    stable_name(a, x);
    stable_name(b, y);
    tap_ok(strlen(x) < STABLE_NAME_MAX && strcmp(x, y) != 0 && strncmp(x, y, 200) == 0,
           "long names that differ at their ends stay two");
    memset(a, '<', 1000);
    tap_ok(strlen(stable_name(a, x)) < STABLE_NAME_MAX, "nothing but brackets");
    memset(a, '{', 1000);
    tap_ok(strlen(stable_name(a, x)) < STABLE_NAME_MAX, "nothing but braces");
}

int main(void) {
    check_c();
    check_cpp();
    check_others();
    check_long();
    check_last("app::load", "load");
    check_last("std::vector<a::b>::push_back", "push_back");
    check_last("keeps<a::b>", "keeps");
    check_last("main::{lambda}::operator()", "operator()");
    check_last("app::operator< <int>", "operator<");
    check_last("app::operator<", "operator<");
    check_last("<app::Zone as core::ops::Drop>::drop", "drop");
    check_module("/usr/lib/libssl.so.3", "libssl.so.3");
    check_module("/usr/lib/libpython3.11.so.1.0", "libpython3.11.so.1");
    check_module("/srv/server (deleted)", "server");
    check_module("[vdso]", "(vdso)");
    check_module("", "??");
    return tap_end();
}
