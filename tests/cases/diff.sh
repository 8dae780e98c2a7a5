# diff.sh - two traces held against each other: programs keep books, in two versions and many builds, and the differences must be exactly those.
# shellcheck shell=bash disable=SC2154

# shellcheck source=tests/lib/servers.sh
. "$LIB/servers.sh"
# shellcheck source=tests/lib/nginx.sh
. "$LIB/nginx.sh"

# recorded NAME PROGRAM ARGUMENTS…: leaves NAME.seep and NAME.books.
recorded() {
    local name=$1
    shift
    rm -f "$name.seep"
    BOOKS=$PWD/$name.books "$SEEP" run -o "$name.seep" -- "$@" >"$name.out" 2>"$name.err" || fail "exit status $?: $(tail -3 "$name.err")"
}

# differs BASE FILE [COMPARE OPTIONS…]: the diff of two that were recorded is what their books say.
differs() {
    local base=$1 file=$2
    shift 2
    status_of 0 "$SEEP" diff --format json "$base.seep" "$file.seep" >diff.json 2>err
    "$PYTHON" "$LIB/compare_diff.py" "$base.books" "$file.books" diff.json "$@" || fail "$base and $file: the differences are wrong"
}

# verdict_of FUNCTION: what is said of its unreleased bytes; all sites of it.
verdict_of() {
    jq -r --arg f "$1" '.sites[] | select((.key // .base_key) | test("^([a-z_{}]+::)*" + $f + "(<[a-z]*>)? (<|\\[)")) | .unreleased_bytes.verdict' diff.json |
        sort | paste -sd ' '
}

built() { # NAME FLAGS…: two_versions.c
    local name=$1
    shift
    gcc -D_GNU_SOURCE -pthread "-I$ROOT/tests/targets" "$@" -o "$name" "${source:-$ROOT/tests/targets/two_versions.c}"
}

case_planted() {
    recorded a "$TARGETS/two_versions" 1
    recorded b "$TARGETS/two_versions" 2
    differs a b
    for wanted in keeps_same:same leaks_more:grew leaks_less:shrank leaks_new:new leaks_before:gone make_table:grew 'copy_name:new same'; do
        [ "$(verdict_of "${wanted%%:*}")" = "${wanted#*:}" ] || fail "${wanted%%:*}: $(verdict_of "${wanted%%:*}"), must be ${wanted#*:}"
    done
    [ "$(jq -c '.counts' diff.json)" = '{"new":2,"grew":2,"shrank":1,"gone":1,"same":2}' ] || fail "$(jq -c .counts diff.json)"
    # What is worse comes first, the most first; then what is better.
    [ "$(jq -r '[.sites[].unreleased_bytes.difference] | map(tostring) | join(" ")' diff.json)" = '960 728 256 80 -800 -432 0 0 0' ] ||
        fail "$(jq -c '[.sites[].unreleased_bytes.difference]' diff.json)"
    "$SEEP" diff a.seep b.seep >out.txt
    [ "$(sed -n '/^UNRELEASED/{n;p;n;p}' out.txt)" = 'grew: +960B, from 640B to 1.60K; +15 blocks
  leaks_more < handle_request < handle_requests [two_versions]' ] || fail "$(sed -n '/^UNRELEASED/,/^$/p' out.txt)"
    has out.txt '^UNRELEASED \(sites: 2 new, 2 grew, 1 shrank, 1 gone, 2 same\)$'
    has out.txt '^TEMPORARY \(sites: 0 new, 1 grew, 0 shrank, 0 gone, 0 same\)$'
    has out.txt '^grew: \+40 temporary, from 50 to 90; \+40 calls$'
    has out.txt '^  at .*/two_versions\.c:[0-9]+ of BASE$'
    has_not out.txt 'in BASE:'
    # The other way round it is all the other way round.
    differs b a
    [ "$(jq -c '.counts' diff.json)" = '{"new":1,"grew":1,"shrank":2,"gone":2,"same":2}' ] || fail "$(jq -c .counts diff.json)"
    "$SEEP" diff --top 1 --sort temporary a.seep b.seep >out.txt
    [ "$(grep -m1 -oE '^[A-Z]{5,}' out.txt)" = TEMPORARY ] || fail "$(head -5 out.txt)"
    has out.txt '^… and 5 more that changed \(--top 6 shows all\)$'
    [ "$("$SEEP" diff --format json --top 2 a.seep b.seep | jq '.sites | length')" = 2 ] || fail "--top 2"
    # 960 of 640 is 150 %, 256 of 768 a third.
    "$SEEP" diff --format json --threshold 40 a.seep b.seep >diff.json
    [ "$(verdict_of make_table) $(verdict_of leaks_more) $(verdict_of leaks_new)" = 'same grew new' ] || fail "$(jq -c .counts diff.json)"
}

# As many calls, and what they hold is released: what is the same is told as it is.
case_same_calls() {
    printf '#include <stdlib.h>\nstatic void *volatile kept[7];\nstatic void keep(int i) { kept[i] = malloc(100); }\nint main(void) {\n    for (int i = 0; i < 7; i++) {\n        keep(i);\n#ifdef FIXED\n        free(kept[i]);\n#endif\n    }\n    return 0;\n}\n' >keeps.c
    cc -g -O0 -o keeps keeps.c
    recorded a ./keeps
    mkdir fixed
    cc -g -O0 -DFIXED -o fixed/keeps keeps.c
    recorded b fixed/keeps
    "$SEEP" diff --sort peak a.seep b.seep >out.txt
    has out.txt '^gone: -700B, from 700B to 0B; -7 blocks$'
    has out.txt '^shrank: -600B, from 700B to 100B; still 7 calls$'
}

case_with_itself() {
    recorded a "$TARGETS/two_versions" 2
    recorded b "$TARGETS/two_versions" 2
    for pair in 'a a' 'a b'; do
        # shellcheck disable=SC2086 # two
        differs $pair
        [ "$(jq '[.sites[] | .[] | objects | .verdict == "same" and .difference == 0] | all' diff.json)" = true ] || fail "$pair: not all the same"
        [ "$(jq '[.totals[] | .verdict == "same"] | all' diff.json)" = true ] || fail "$pair: totals"
    done
    "$SEEP" diff a.seep a.seep >out.txt
    has_not out.txt '^(new|grew|shrank|gone): '
    has out.txt '^unreleased: same: [0-9.]+K;'
}

# A site is shown where most of it is: of two lines the one that keeps more.
case_where_most_is() {
    cat >lines.c <<'C'
#include <stdlib.h>
__attribute__((noinline)) void keeps(int n) {
    void *volatile p = malloc(10);
    for (int i = 0; i < n; i++)
        p = malloc(30);
    p = malloc(20);
}
int main(int argc, char **argv) { keeps(atoi(argv[argc - 1])); return 0; }
C
    gcc -g -O1 -o lines lines.c
    recorded a ./lines 0
    recorded b ./lines 9
    "$SEEP" diff --format json a.seep b.seep >diff.json
    [ "$(jq -r '.sites[] | "\(.key) \(.line) \(.unreleased_bytes.difference)"' diff.json)" = 'keeps < main [lines] 5 270' ] || fail "$(jq -c '.sites[]' diff.json)"
    "$SEEP" diff --format json b.seep a.seep >diff.json
    [ "$(jq -r '.sites[] | "\(.line) \(.unreleased_bytes.difference)"' diff.json)" = '6 -270' ] || fail "$(jq -c '.sites[]' diff.json)"
}

# Each build against the plain one: other lines, other optimization, other addresses, another name of the program.
case_builds() { # 240 s
    { yes '/* a line more */' || true; } | head -100 >shifted.c
    cat "$ROOT/tests/targets/two_versions.c" >>shifted.c
    built plain -g -O2
    recorded base ./plain 1
    source=shifted.c built shifted -g -O2
    built o0 -g -O0
    built o1 -g -O1
    built o3 -g -O3
    built separate -g -O3 -fno-inline
    built sized -g -Os -fno-optimize-sibling-calls
    built fixed -g -O2 -no-pie
    built lto -g -O2 -flto
    clang -g -O2 -D_GNU_SOURCE -pthread "-I$ROOT/tests/targets" -o clanged shifted.c
    for build in shifted o0 o1 o3 separate sized fixed lto clanged; do
        recorded "$build.1" "./$build" 1
        recorded "$build.2" "./$build" 2
        differs base "$build.1"
        [ "$(jq -c '.counts' diff.json)" = '{"new":0,"grew":0,"shrank":0,"gone":0,"same":6}' ] || fail "$build: $(jq -c .counts diff.json)"
        differs base "$build.2"
        [ "$(jq -c '.counts' diff.json)" = '{"new":2,"grew":2,"shrank":1,"gone":1,"same":2}' ] || fail "$build: $(jq -c .counts diff.json)"
        differs "$build.2" base
    done
}

# Without names in the program itself: its debug file has them, for both; and where there is none, nothing is made up.
case_stripped() {
    built base -g -O2
    built o3 -g -O3
    for build in base o3; do
        mkdir -p "debug-$build"
        objcopy --only-keep-debug "$build" "debug-$build/$build.debug"
        cp "$build" "whole-$build"
        strip "$build"
        recorded "$build.1" "./$build" 1
        recorded "$build.2" "./$build" 2
    done
    status_of 0 "$SEEP" diff --format json --debug-dir "$PWD/debug-base:$PWD/debug-o3" base.1.seep o3.2.seep >diff.json 2>err
    "$PYTHON" "$LIB/compare_diff.py" base.1.books o3.2.books diff.json || fail "with debug files it is wrong"
    [ ! -s err ] || fail "$(cat err)"
    # The same build: by its places. Of copy_name's callers nothing is known, so it is one site.
    "$SEEP" diff --format json base.1.seep base.2.seep >diff.json 2>err
    [ "$(jq -c '.counts' diff.json)" = '{"new":1,"grew":3,"shrank":1,"gone":1,"same":1}' ] || fail "places: $(jq -c .counts diff.json)"
    [ "$(jq '[.sites[].unreleased_bytes | .base, .file] | add' diff.json)" = "$(
        awk '/^total/ { for (i = 1; i < NF; i++) if ($i == "unreleased_bytes") n += $(i + 1) } END { print n }' base.1.books base.2.books
    )" ] || fail "places: sums"
    jq -r '.sites[].key // .sites[].base_key' diff.json >keys
    has keys '^0x[0-9a-f]+@[0-9a-f]{8} \[base\]$'
    # Another build: one site of all that has no name.
    "$SEEP" diff --format json base.1.seep o3.1.seep >diff.json 2>err
    [ "$(jq -r '[.sites[] | select(.unreleased_bytes.base > 0) | .key, .base_key] | join(" ")' diff.json)" = '?? [o3] ?? [base]' ] ||
        fail "$(jq -c '[.sites[] | .key, .base_key]' diff.json)"
    [ "$(jq -c '.counts' diff.json)" = '{"new":0,"grew":0,"shrank":0,"gone":0,"same":1}' ] || fail "$(jq -c .counts diff.json)"
}

# Symbols without debug information: what is inlined cannot be told, and figures still add up on both sides.
case_without_debug_information() {
    built o0 -O0
    built o2 -O2
    built o3 -O3
    recorded base ./o0 1
    for build in o2 o3; do
        recorded "$build" "./$build" 2
        # make_table is inlined into a caller, which is blamed instead.
        differs base "$build" --but make_table --other-sites 1
        [ "$(jq -r '.sites[] | select(.base_key // "" | test("^make_table ")) | .unreleased_bytes | "\(.base) \(.file) \(.verdict)"' diff.json)" = '768 1024 grew' ] ||
            fail "$build: make_table: $(jq -c '.sites[] | [.key, .base_key]' diff.json)"
    done
}

case_cxx() { # 120 s
    g++ -g -O2 -pthread -D_GNU_SOURCE "-I$ROOT/tests/targets" -o base "$ROOT/tests/targets/two_versions_cxx.cc"
    recorded base ./base 1
    for flags in '-O0' '-O3' '-O2 -fno-inline' '-O1 -no-pie' '-O2 -std=c++20'; do
        # shellcheck disable=SC2086 # several
        g++ -g $flags -pthread -D_GNU_SOURCE "-I$ROOT/tests/targets" -o other "$ROOT/tests/targets/two_versions_cxx.cc"
        for version in 1 2; do
            recorded other ./other $version
            # libstdc++ has a block of its own.
            differs base other --other-sites 1
            [ $version = 2 ] || [ "$(jq '[.sites[].unreleased_bytes.verdict] | all(. == "same")' diff.json)" = true ] || fail "$flags: $(jq -c .counts diff.json)"
        done
        for wanted in keeps:grew make_node:same hidden:gone open:new 'operator\(\)':same; do
            [ "$(verdict_of "${wanted%:*}")" = "${wanted#*:}" ] || fail "$flags: ${wanted%:*}: $(verdict_of "${wanted%:*}"), must be ${wanted#*:}"
        done
        jq -r '.sites[] | .key // .base_key' diff.json >keys
        has_not keys 'anonymous|lambda\(|#[0-9]'
    done
    clang++ -g -O2 -pthread -D_GNU_SOURCE "-I$ROOT/tests/targets" -o other "$ROOT/tests/targets/two_versions_cxx.cc"
    recorded other ./other 2
    differs base other --other-sites 1
}

case_rust() { # 240 s
    sed 's/vec!\[1u8; 6000\]/vec![1u8; 7500]/; s/"0123456789"/"0123456"/' "$ROOT/tests/targets/blame_rust.rs" >changed.rs
    n=0
    for flags in '-O -g' '-O -g -C symbol-mangling-version=v0' '-g -C opt-level=0' '-O -g -C codegen-units=1'; do
        n=$((n + 1))
        # shellcheck disable=SC2086 # several
        rustc --crate-name leaks $flags -o "leaks$n" "$ROOT/tests/targets/blame_rust.rs" 2>err || fail "rustc: $(head -5 err)"
        recorded "a$n" "./leaks$n"
        "$SEEP" diff --format json a1.seep "a$n.seep" >diff.json 2>err
        jq -r '.sites[] | select((.key // .base_key) | test("leaks_")) | "\(.key // .base_key): \(.unreleased_bytes.verdict)"' diff.json >leaks
        [ "$(wc -l <leaks)" -ge 6 ] || fail "$flags: $(cat leaks)"
        has_not leaks ': (new|gone|grew|shrank)$'
        # shellcheck disable=SC2086 # several
        rustc --crate-name leaks $flags -o "changed$n" changed.rs 2>err || fail "rustc: $(head -5 err)"
        recorded "b$n" "./changed$n"
        "$SEEP" diff --format json a1.seep "b$n.seep" >diff.json 2>err
        jq -r '.sites[] | select(((.key // .base_key) | test("leaks_")) and .unreleased_bytes.difference != 0) | "\(.key) \(.unreleased_bytes.difference)"' diff.json >leaks
        [ "$(wc -l <leaks)" = 2 ] || fail "$flags: $(cat leaks)"
        has leaks '^leaks::leaks_in_thread.* \[changed[0-9]\] 1500$'
        has leaks '^leaks::leaks_strings.* -[0-9]+$'
    done
}

# What is hidden in both is no difference, and is told.
case_suppressed() {
    recorded a "$TARGETS/two_versions" 1
    recorded b "$TARGETS/two_versions" 2
    echo 'leak:leaks_more' >rules
    "$SEEP" diff --suppressions rules a.seep b.seep >out.txt 2>err
    has out.txt '^BASE: a\.seep, .*, 640B in 10 blocks suppressed$'
    has out.txt '^FILE: b\.seep, .*, 1\.60K in 25 blocks suppressed$'
    has out.txt '^UNRELEASED \(sites: 2 new, 1 grew, 1 shrank, 1 gone, 2 same\)$'
    "$SEEP" diff --suppressions rules --format json a.seep b.seep >diff.json 2>err
    [ "$(jq -c '[.base, .file | .suppressed_bytes, .suppressed_blocks]' diff.json)" = '[640,10,1600,25]' ] || fail "$(jq -c '.base, .file' diff.json)"
    [ "$(jq -c '.totals.unreleased_bytes | [.base, .file]' diff.json)" = '[2676,2508]' ] || fail "$(jq -c .totals.unreleased_bytes diff.json)"
}

# What is missing from a trace is said, of each; and what cannot be read has status 3.
case_gaps() {
    corpus=$ROOT/tests/fuzz/corpus
    "$SEEP" diff "$corpus/cut.seep" "$corpus/small.seep" >out.txt 2>err
    has out.txt '^BASE: .*/cut\.seep, .*, incomplete'
    has out.txt '^FILE: .*/small\.seep, .*, complete, events lost: 3$'
    has err 'cut\.seep: the figures do not cover everything'
    has err 'small\.seep: the figures do not cover everything'
    status_of 3 "$SEEP" diff /no/such.seep "$corpus/small.seep" >out.txt 2>err
    has err '/no/such\.seep'
    status_of 3 "$SEEP" diff "$corpus/small.seep" "$ROOT/README.md" >out.txt 2>err
    has err 'README\.md'
    [ ! -s out.txt ] || fail "something on stdout"
    status_of 3 "$SEEP" diff "$corpus/small.seep" "$corpus/small.seep" >/dev/full 2>err
    has err '^seep: cannot write the differences: '
}

# Two roots with the same paths, and processes by their ids.
case_two_roots() {
    mkdir -p old/srv new/srv
    built app -g -O2
    recorded a ./app 1
    mkdir -p "old$PWD" "new$PWD"
    mv app "old$PWD/app"
    built app -g -O3
    recorded b ./app 2
    mv app "new$PWD/app"
    "$SEEP" diff --format json --base-sysroot old --sysroot new a.seep b.seep >diff.json 2>err
    "$PYTHON" "$LIB/compare_diff.py" a.books b.books diff.json || fail "with two roots it is wrong"
    pid=$("$SEEP" info --format json b.seep | jq .trace.pid)
    base_pid=$("$SEEP" info --format json a.seep | jq .trace.pid)
    status_of 2 "$SEEP" diff --pid "$pid" a.seep b.seep >out.txt 2>err
    has err "a\.seep: no process $pid in this trace"
    status_of 0 "$SEEP" diff --base-pid "$base_pid" --pid "$pid" a.seep b.seep >out.txt 2>err
}

# Of a sampled trace a difference counts from two standard errors on: the same program is hardly ever called changed, half or twice of it always.
case_sampled() { # 120 s
    cat >many.c <<'C'
#include <stdlib.h>
#define SITE(name) __attribute__((noinline, noclone)) void *name(size_t n) { void *volatile p = malloc(n); return p; }
#define TEN(x) SITE(x##0) SITE(x##1) SITE(x##2) SITE(x##3) SITE(x##4) SITE(x##5) SITE(x##6) SITE(x##7) SITE(x##8) SITE(x##9)
#define CALL(name) for (int i = 0; i < n; i++) name(100);
#define CALLS(x) CALL(x##0) CALL(x##1) CALL(x##2) CALL(x##3) CALL(x##4) CALL(x##5) CALL(x##6) CALL(x##7) CALL(x##8) CALL(x##9)
TEN(a) TEN(b) TEN(c) TEN(d)
SITE(doubled)
int main(int argc, char **argv) {
    int n = 1000;
    CALLS(a) CALLS(b) CALLS(c) CALLS(d)
    n = 5000 * atoi(argv[argc - 1]);
    CALL(doubled)
    return 0;
}
C
    gcc -g -O1 -o many many.c
    for i in 1 2 3 4 5 6; do
        rm -f "$i.seep"
        "$SEEP" run --sample 2K -o "$i.seep" -- ./many $((i == 6 ? 2 : 1)) 2>/dev/null
    done
    n=0 n_changed=0
    for i in 2 3 4 5; do
        "$SEEP" diff --format json 1.seep "$i.seep" >diff.json
        n=$((n + $(jq '[.sites[] | select(.key // .base_key | test("^[a-d][0-9] "))] | length' diff.json)))
        n_changed=$((n_changed + $(jq '[.sites[] | select(.unreleased_bytes.verdict != "same")] | length' diff.json)))
    done
    # 4.6 % by chance; they share a base, so a site that is off there is off in all of them.
    echo "$n_changed of $n called changed"
    [ "$n" = 160 ] || fail "$n sites"
    [ "$n_changed" -le 36 ] || fail "$n_changed of $n called changed"
    "$SEEP" diff --format json 1.seep 6.seep >diff.json
    [ "$(verdict_of doubled)" = grew ] || fail "doubled: $(verdict_of doubled)"
    "$SEEP" diff 1.seep 6.seep >out.txt
    has out.txt '^sampled: differences within 2 standard errors are called the same$'
    has out.txt '^BASE: 1\.seep, .*, sampled every 2048 bytes, complete$'
    has out.txt '^grew: .*, standard error '
}

case_python_twice() { # 120 s
    for name in a b; do
        recorded $name env PYTHONMALLOC=malloc PYTHONHASHSEED=7 "$PYTHON" -c 'import json, re; print(len(json.dumps([{"a": i} for i in range(20000)])))'
    done
    same a.out b.out
    "$SEEP" diff --format json --sort calls a.seep b.seep >diff.json 2>err
    [ "$(jq '.sites | length' diff.json)" -gt 100 ] || fail "hardly any sites"
    [ "$(jq -c '[.counts.new, .counts.gone]' diff.json)" = '[0,0]' ] || fail "$(jq -c .counts diff.json)"
    [ "$(jq '[.sites[] | select(.unreleased_bytes.verdict != "same")] | length' diff.json)" = 0 ] || fail "leaks differ"
}

case_nginx_twice() { # 120 s
    local port
    html
    for name in a b; do
        port=$(free_port)
        make_nginx "$port" plain 'daemon off; master_process off;'
        background $name.log "$SEEP" run -o $name.seep -- "${nginx[@]}"
        wait_port "$port" "$background_pid"
        fetch "$port" /index.html /big.txt /none /index.html >$name.fetched
        kill -QUIT "$(cat nginx.pid)"
        gone "$background_pid" 20 || fail "nginx does not end"
        status_of 0 wait "$background_pid"
    done
    same a.fetched b.fetched
    "$SEEP" diff --format json --sort calls a.seep b.seep >diff.json 2>err
    [ "$(jq '.sites | length' diff.json)" -gt 30 ] || fail "hardly any sites: $(jq '.sites | length' diff.json)"
    [ "$(jq -c '[.counts.new, .counts.gone]' diff.json)" = '[0,0]' ] || fail "$(jq -c .counts diff.json)"
}

# Runs of different length are told as they are, and by their marks.
case_per_mark() {
    cat >turns.c <<'C'
#include "seep.h"
#include <stdlib.h>
__attribute__((noinline)) void turn(void) {
    void *volatile p = malloc(1000);
    seep_mark("turn");
    (void)p;
}
int main(int argc, char **argv) {
    for (int i = atoi(argv[argc - 1]); i > 0; i--)
        turn();
    return 0;
}
C
    gcc -g -O1 "-I$ROOT/include" -o turns turns.c
    recorded a ./turns 5
    recorded b ./turns 15
    recorded c ./turns 0
    "$SEEP" diff --format json a.seep b.seep >diff.json
    [ "$(jq -c '.totals.unreleased_bytes | [.base, .file, .verdict, .base_per_mark, .file_per_mark]' diff.json)" = '[5000,15000,"grew",1000,1000]' ] ||
        fail "$(jq -c .totals.unreleased_bytes diff.json)"
    "$SEEP" diff a.seep b.seep >out.txt
    has out.txt '^unreleased: grew: \+10\.00K, from 5\.00K to 15\.00K; per second .* and .*; per mark 1000B and 1000B$'
    has out.txt '^unreleased blocks: grew: \+10, from 5 to 15; .*; per mark 1\.00 and 1\.00$'
    # Where one has none there is nothing to divide by.
    "$SEEP" diff --format json a.seep c.seep >diff.json
    [ "$(jq -c '.totals.calls | [.base, .file, .base_per_mark, .file_per_mark]' diff.json)" = '[5,0,null,null]' ] || fail "$(jq -c .totals.calls diff.json)"
    has_not out.txt 'nan|inf'
}
