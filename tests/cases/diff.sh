# diff.sh - two traces held against each other: programs keep books, in two versions and many builds, and the differences must be exactly those.
# shellcheck shell=bash disable=SC2154

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
