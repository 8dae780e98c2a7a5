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
