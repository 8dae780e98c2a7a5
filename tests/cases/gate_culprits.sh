# gate_culprits.sh - the stacks that `seep gate` shows are those of what made it fail, whatever else has its lines in common.
# shellcheck shell=bash

build() { # PROGRAM: from standard input
    cc -g -O0 -I "$ROOT/include" -x c - -o "$1"
}

# A new site that allocates by a helper of a known one, on the same line: only its own stacks are shown, in each of the forms.
case_new_site_on_a_known_line() {
    build keeps <<'C'
#include <stdlib.h>
static void *volatile kept[11];
static void *take(size_t n) { return malloc(n); }
static void known_keeper(void) { for (int i = 0; i < 10; i++) kept[i] = take(100); }
static void new_keeper(void) { kept[10] = take(10); }
int main(int argc, char **argv) {
    (void)argv;
    known_keeper();
    if (argc > 1) new_keeper();
    return 0;
}
C
    "$SEEP" run -o known.seep -- ./keeps 2>err
    "$SEEP" run -o new.seep -- ./keeps new 2>err
    "$SEEP" gate --baseline base --update-baseline known.seep >out 2>err
    status_of 1 "$SEEP" gate --baseline base --junit j.xml --sarif s.json --markdown m.md --github new.seep >out 2>err
    has out '^take at .*: 10 B unreleased in 1 block, new: take < new_keeper < main \[keeps\]$'
    has out '^10B leaked over 1 calls from$'
    sed 's/&#95;/_/g' m.md >m.text
    for document in out j.xml s.json m.text; do
        has $document new_keeper
        has_not $document known_keeper
    done
    # With what is left in all, each of the two has its stacks: they are not the same.
    status_of 1 "$SEEP" gate --max-unreleased 0 --baseline base --stacks 5 new.seep >out 2>err
    has out known_keeper
    [ "$(grep -c '^    new_keeper$' out)" = 2 ] || fail "$(cat out)"
    # Where they are, they stand there once.
    printf 'seep baseline 1\n' >base
    status_of 1 "$SEEP" gate --max-unreleased 0 --baseline base --match known_keeper new.seep >out 2>err
    has out '^  \(its stacks are above\)$'
    [ "$(grep -c '^    known_keeper$' out)" = 1 ] || fail "$(cat out)"
}

# Growth that the program has released when it ends still has its stacks.
case_growth_that_is_released() {
    build remembers <<'C'
#include <seep.h>
#include <stdlib.h>
static void *kept[40];
static void remember(int i) { kept[i] = malloc(100); }
int main(void) {
    for (int i = 0; i < 40; i++) {
        remember(i);
        seep_mark("round");
    }
    for (int i = 0; i < 40; i++) free(kept[i]);
    return 0;
}
C
    "$SEEP" run -o x.seep -- ./remembers 2>err
    status_of 1 "$SEEP" gate --max-growth 99/mark x.seep >out 2>err
    head -1 out | grep -q '^remember at .*: grows by 100 B in 1 block per mark (95 %: 100 to 100 B)$' || fail "$(cat out)"
    has out '^40 calls to allocation functions with 4\.00K peak consumption from$'
    has out '^    main$'
}

# What was hidden as it was wanted is no warning on a page of GitHub's.
case_suppressed_is_no_warning() {
    build keeps <<'C'
#include <stdlib.h>
static void *volatile kept;
int main(void) { kept = malloc(100); return 0; }
C
    "$SEEP" run -o x.seep -- ./keeps 2>err
    echo leak:keeps >rules
    "$SEEP" gate --suppressions rules --github x.seep >out 2>err
    has out '^::notice title=seep gate%3A suppressed::x\.seep: suppressions hide 100 B in 1 block$'
}
