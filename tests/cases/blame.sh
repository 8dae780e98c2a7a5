# blame.sh - whose leak it is: wrappers, libraries that allocate for others, groups. Programs say themselves what each of their
# functions leaks.
# shellcheck shell=bash disable=SC2154

# blamed "PROGRAM ARGUMENTS…" [REPORT OPTIONS…]: trace it; leaves its books, the trace, blame.json and blame.txt.
blamed() {
    local -a command
    read -ra command <<<"$1"
    shift
    if [ "${last_traced:-}" != "${command[*]}" ]; then
        rm -f a.seep
        "$SEEP" run -o a.seep -- "${command[@]}" >books 2>err || fail "exit status $?: $(tail -3 err)"
        [ -s books ] || fail "it has no books"
        last_traced=${command[*]}
    fi
    "$SEEP" report --format json --sort unreleased --stacks 100000 --group-by blame "$@" a.seep >blame.json 2>err
    "$SEEP" report "$@" a.seep >blame.txt 2>err
    sed -n '/^MEMORY LEAKS$/,/^MOST TEMPORARY/p' blame.txt >leaks.txt
}

# agree […]: the books and the report.
agree() {
    "$PYTHON" "$LIB/compare_blame.py" books blame.json "$@" || fail "the report is wrong"
}

# first_is FUNCTION: the first entry of MEMORY LEAKS, by its text: what it is blamed on, or else its leaf.
first_is() {
    sed -n '2,/^$/p' leaks.txt >first
    if grep -q '^  blamed on' first; then
        grep -Eq "^  blamed on ([a-z_]+::)?$1(\(.*\))? (at|in) " first || fail "first: $(head -5 first)"
    else
        grep -m1 -E '^[^ 0-9]' first | grep -qx "$1" || fail "first: $(head -5 first)"
    fi
}

case_containers() {
    blamed "$TARGETS/blame_cxx"
    agree
    first_is leaks_vectors
    has first '^  blamed on leaks_vectors at .*/blame_cxx\.cc:[0-9]+$'
    # Where a function allocates by itself, or by operator new, the line would say nothing new.
    grep -A3 '^400.00K leaked over 1 calls from$' leaks.txt >new
    has new '^leaks_new$'
    has_not new '^  blamed'
    # Without optimization nothing is inlined; without debug information all names are those of symbols.
    "${CXX:-g++}" -O0 -g -pthread -o none "$ROOT/tests/targets/blame_cxx.cc"
    blamed ./none
    agree
    first_is leaks_vectors
    "${CXX:-g++}" -O2 -pthread -o bare "$ROOT/tests/targets/blame_cxx.cc"
    blamed ./bare
    agree --but lambda
    first_is leaks_vectors
    has leaks.txt '^  blamed on leaks_[a-z]+ in .*/bare$'
    # Of the thread only std::'s own functions have names: the outermost.
    [ "$(jq -r '[.sites[] | select(.blamed.function // "" | test("^std::thread::_State_impl<.*leaks_in_thread.*_M_run"))] | .[0].unreleased_bytes' blame.json)" = 7000 ] ||
        fail "$(jq -c '.sites[] | {blamed, unreleased_bytes}' blame.json)"
}

case_wrappers_by_name() {
    blamed "$TARGETS/blame_names"
    agree --but leaks_pool
    first_is leaks_jvm
    has_not leaks.txt '^  blamed on (os::|AllocateHeap|Unsafe_)'
}

case_wrappers_of_the_user() {
    blamed "$TARGETS/blame_names" --wrapper pool_get
    agree
    blamed "$TARGETS/blame_names" --wrapper nothing --wrapper 'p??l_*t'
    agree
    # C++ names count with and without parameters, and as they are mangled.
    blamed "$TARGETS/blame_names" --wrapper leaks_jvm
    first_is main
    cat >outer.cc <<'CC'
#include <cstdio>
#include <cstdlib>
namespace app { __attribute__((noinline, noclone)) void *fetch(int n) { void *volatile p = std::malloc(n); return p; } }
extern "C" __attribute__((noinline, noclone)) void leaks_by_fetch() { void *volatile p = app::fetch(1000000); (void)p; }
int main() { leaks_by_fetch(); puts("leaks_by_fetch 1000000 0"); }
CC
    "${CXX:-g++}" -O1 -g -o outer outer.cc
    blamed ./outer
    first=$(jq -r '.sites[0].blamed.function' blame.json)
    [ "$first" = 'app::fetch(int)' ] || fail "$first"
    for name in 'app::fetch' 'app::fetch(int)' '_ZN3app5fetchEi' 'app::*'; do
        blamed ./outer --wrapper "$name"
        agree
    done
}

case_nothing_but_wrappers() {
    blamed "$TARGETS/blame_names only-wrappers"
    agree
    grep -q '^  blamed on xmalloc_in_thread at ' leaks.txt || fail "$(cat leaks.txt)"
}

# Code that was made at run time asked for it, and has no name: what it called is blamed, and not what called it.
case_code_in_no_module() {
    cat >made.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#define KEPT(p) __asm__ volatile("" : : "r"(p) : "memory")
__attribute__((noinline, noclone)) void *xmalloc(size_t n) { void *p = malloc(n); KEPT(p); return p; }
__attribute__((noinline, noclone)) void runs_it(void (*code)(size_t)) { code(100000); KEPT(code); }
int main(void) {
    /* push %rbp; mov %rsp, %rbp; mov $xmalloc, %rax; call *%rax; pop %rbp; ret */
    static unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xd0, 0x5d, 0xc3};
    void *(*called)(size_t) = xmalloc;
    memcpy(code + 6, &called, sizeof called);
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(at, code, sizeof code);
    runs_it((void (*)(size_t))at);
    puts("xmalloc 100000 0");
    return 0;
}
C
    gcc -O1 -g -fno-omit-frame-pointer -o made made.c
    blamed ./made
    agree
    [ "$(jq '[.sites[] | select(.function == "xmalloc")] | .[0].stacks[0].frames | map(.function) | index("runs_it") != null' blame.json)" = true ] ||
        fail "the stack ends in the code, so this tested nothing"
}

case_libraries() {
    blamed "$TARGETS/blame_libraries"
    agree --but leaks_by_zlib
    first_is leaks_by_glib
    # zlib is no allocator: its own function is blamed, until it is said to be one; the owner is the program's in any case.
    [ "$(jq '[.sites[] | select((.blamed.module // "") | test("/libz\\.so")) | .unreleased_bytes] | add > 100' blame.json)" = true ] ||
        fail "nothing is blamed on zlib"
    blamed "$TARGETS/blame_libraries" --owner-skip 'libz.so.*'
    agree
    blamed "$TARGETS/blame_libraries" --owner-skip '/*/libz.so.?'
    agree
    blamed "$TARGETS/blame_libraries" --group-by owner
    agree --key owner
    has blame.txt '^  owned by leaks_by_glib in .*/blame_libraries$'
}

# What has no name is blamed by its address; what has one, though its program is stripped, by that.
case_stripped() {
    "${CXX:-g++}" -O2 -g -o whole "$ROOT/tests/targets/blame_names.cc" -pthread
    strip -o all_stripped whole
    blamed ./all_stripped
    [ "$(jq '[.sites[] | select(.blamed.module // "" | test("/all_stripped$")) | .blamed.function] | all(. == null)' blame.json)" = true ] ||
        fail "names from nowhere"
    # strdup is libc's; its caller lies in leaks_libc.
    at=$(jq '[.sites[] | select(.function == "strdup" and (.blamed.module | test("/all_stripped$")))] | .[0].stacks[0] | .frames[.blamed].offset' blame.json)
    nm -S whole | awk '$4 == "leaks_libc" { print $1, $2 }' | {
        read -r start size
        [ $((0x$start)) -le "$at" ] && [ "$at" -lt $((0x$start + 0x$size)) ]
    } || fail "strdup's caller is not at $at"
    # Exported functions keep their names.
    "${CXX:-g++}" -O2 -s -rdynamic -o exported "$ROOT/tests/targets/blame_names.cc" -pthread
    blamed ./exported
    agree --but leaks_pool
    has leaks.txt '^  blamed on leaks_jvm in .*/exported$'
    # A wrapper's helper without a name is passed over with it.
    cat >helper.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#define KEPT(p) __asm__ volatile("" : : "r"(p) : "memory")
static __attribute__((noinline, noclone)) void *helper(size_t n) { void *p = malloc(n); KEPT(p); return p; }
__attribute__((noinline, noclone)) void *g_malloc(size_t n) { void *p = helper(n); KEPT(p); return p; }
__attribute__((noinline, noclone)) void leaks_by_helper(void) { void *p = g_malloc(100000); KEPT(p); }
int main(void) { leaks_by_helper(); puts("leaks_by_helper 100000 0"); return 0; }
C
    gcc -O2 -s -rdynamic -o helper helper.c
    blamed ./helper
    agree
    first_is leaks_by_helper
}

case_python() {
    echo "leaks_by_python $((3000000 + 10000 + 2000 + 4000)) 0" >wanted
    for how in pymalloc malloc; do
        last_traced=
        export PYTHONMALLOC=$how
        cat >leak.py <<PY
import ctypes
ctypes.PyDLL("$TARGETS/lib_leaks_python.so").leaks_by_python()
print(open("wanted").read(), end="")
PY
        blamed "$PYTHON leak.py"
        agree
        first_is leaks_by_python
    done
}

case_rust() { # 240 s
    for flags in '-g' '-g -C symbol-mangling-version=v0' '-C symbol-mangling-version=v0' '-g -C opt-level=0'; do
        # shellcheck disable=SC2086 # several
        rustc -O $flags -o leaks "$ROOT/tests/targets/blame_rust.rs" 2>err || fail "rustc: $(head -5 err)"
        last_traced=
        blamed ./leaks
        case $flags in
        -g*) agree ;;
        *) agree --but leaks_in_thread ;; # the thread's closure is inlined
        esac
        first_is leaks_vectors
    done
}

case_groups() {
    blamed "$TARGETS/blame_names"
    for group in leaf blame module owner; do
        "$SEEP" report --format json --sort unreleased --stacks 100000 --group-by $group a.seep >$group.json
        "$SEEP" report --group-by $group a.seep >by_$group.txt
        [ "$(json $group.json .group_by)" = $group ] || fail "group_by: $(json $group.json .group_by)"
        [ "$(jq '[.sites[].unreleased_bytes] | add == $t' --argjson t "$(json $group.json .totals.unreleased_bytes)" $group.json)" = true ] ||
            fail "$group: sites do not add up"
        [ "$(jq '[.sites[] | .unreleased_bytes == ([.stacks[].unreleased_bytes] | add)] | all' $group.json)" = true ] ||
            fail "$group: stacks do not add up"
    done
    # By default: JSON by leaf; in text leaks by blame, the rest by leaf.
    "$SEEP" report --format json --sort unreleased --stacks 100000 a.seep | same leaf.json /dev/stdin
    for of in blame by_leaf by_blame; do
        sed -n '/^MOST CALLS/,/^MEMORY LEAKS/p; /^MOST TEMPORARY/,$p' $of.txt >$of.others
        sed -n '/^MEMORY LEAKS/,/^MOST TEMPORARY/p' $of.txt >$of.leaks
    done
    same by_leaf.others blame.others
    same by_blame.leaks blame.leaks
    has_not by_leaf.txt '^  (blamed|owned|with another)'
    has by_leaf.leaks '^os::malloc\('
    has by_blame.others '^  blamed on leaks_jvm at '
    # By module: one entry for the program, all of its functions in it; by owner: one for each function, whatever its line.
    program=$(readlink -f "$TARGETS/blame_names")
    [ "$(jq --arg m "$program" '[.sites[] | select(.blamed.module == $m)] | length' module.json)" = 1 ] || fail "by module: not one"
    has by_module.txt "^  blamed on $program\$"
    has by_owner.txt "^  owned by leaks_nginx in $program\$"
    jq -r '.sites[].owner | [.function, .module] | @tsv' owner.json | sort | uniq -d >twice
    [ ! -s twice ] || fail "twice: $(cat twice)"
}

# Of one entry, stacks that begin elsewhere show their own leaf.
case_several_leaves() {
    cat >leaves.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#define KEPT(p) __asm__ volatile("" : : "r"(p) : "memory")
__attribute__((noinline, noclone)) void *xmalloc(size_t n) { void *p = malloc(n); KEPT(p); return p; }
__attribute__((noinline, noclone)) void *xcalloc(size_t n) { void *p = calloc(1, n); KEPT(p); return p; }
__attribute__((noinline, noclone)) void leaks(int i) { void *p = (i ? xmalloc : xcalloc)(i ? 1000 : 70000); KEPT(p); }
int main(void) { for (int i = 0; i < 51; i++) leaks(i); puts("leaks 120000 0"); return 0; }
C
    gcc -O1 -g -o leaves leaves.c
    blamed ./leaves
    agree
    # Two leaves in one entry: the one of the most bytes above, the other with its stack.
    sed -n '2,/^$/p' leaks.txt >entry
    has entry '^120.00K leaked over 51 calls from$'
    sed -n '/^  blamed on leaks at .*leaves\.c:6$/{n;p}' entry >after
    one_line after '^xcalloc$'
    sed -n '/^50.00K leaked over 50 calls from:$/{n;p;n;p}' entry >after
    printf '  with another leaf:\n    xmalloc\n' | same after /dev/stdin
}

case_wrong_options() {
    for option in --wrapper= --owner-skip= --group-by=file --group-by=; do
        status_of 2 "$SEEP" report $option x.seep >out 2>err
        one_line err "^seep: ${option%%=*}: "
    done
    status_of 2 "$SEEP" report --wrapper 2>err
    one_line err 'needs a value'
}
