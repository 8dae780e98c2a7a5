# suppressions.sh - rules that hide leaks: which stacks they match, what is left in the figures, and rules made from a trace.
# shellcheck shell=bash disable=SC2154

# The same program with and without LeakSanitizer, and its trace ln.seep.
build_leak_names() {
    g++ -g -O1 -o leak_names "$ROOT/tests/targets/leak_names.cc"
    "$SEEP" run -o ln.seep -- ./leak_names 2>/dev/null
}

# left RULES [TRACE]: sizes of the blocks that are left, by the rules in a file.
left() {
    "$SEEP" report --format json --stacks 1000 --suppressions "$1" "${2:-ln.seep}" 2>warnings |
        jq -c '[.sites[].stacks[].unreleased_bytes | select(. > 1000 and . < 1100) - 1000] | sort' | tr -d '[]'
}

# leaves WANTED: what the rules on standard input leave.
leaves() {
    cat >rules.supp
    local got
    got=$(left rules.supp)
    [ "$got" = "$1" ] || {
        cat rules.supp >&2
        fail "these rules leave $got, must be $1"
    }
}

case_same_as_leak_sanitizer() { # 300 s
    build_leak_names
    g++ -g -O1 -fsanitize=leak -o leak_names.lsan "$ROOT/tests/targets/leak_names.cc"
    python3 "$LIB/lsan_patterns.py" ./leak_names.lsan ln.seep 80 >figures || fail "$(cat figures)"
}

# Blocks: 1 and 2 by parse (from all, and from parse_twice), 3 re_parse, 4 parseparse, 5 xab_ab, 6 ab_xab, 7 do$lar, 8 A_Bc_D,
# 9 net::Conn::Conn, 10 net::Conn::open, 11 and 12 net::fill, 13 net::inner::hidden, 14 parse from deep four times.
case_valgrind_blocks() {
    build_leak_names
    block() { # FRAMES…
        printf '{\n  a name\n  Memcheck:Leak\n'
        printf '  %s\n' "$@"
        printf '}\n'
    }
    : | leaves 1,2,3,4,5,6,7,8,9,10,11,12,13,14
    block 'fun:parse' | leaves 3,4,5,6,7,8,9,10,11,12,13
    block 'fun:parse' 'fun:parse_twice' | leaves 1,3,4,5,6,7,8,9,10,11,12,13,14
    block 'fun:malloc' 'fun:parse' 'fun:all()' | leaves 2,3,4,5,6,7,8,9,10,11,12,13,14
    block 'fun:malloc' 'fun:leak_here' 'fun:parse' 'fun:_Z3allv' | leaves 2,3,4,5,6,7,8,9,10,11,12,13,14
    block 'fun:parse' '...' 'fun:all' | leaves 3,4,5,6,7,8,9,10,11,12,13
    block 'fun:parse' 'fun:deep' 'fun:deep' 'fun:deep' 'fun:deep' 'fun:all' | leaves 1,2,3,4,5,6,7,8,9,10,11,12,13
    block 'fun:parse' 'fun:deep' 'fun:deep' 'fun:deep' 'fun:all' | leaves 1,2,3,4,5,6,7,8,9,10,11,12,13,14
    block '...' 'fun:deep' 'fun:all' | leaves 1,2,3,4,5,6,7,8,9,10,11,12,13
    block 'fun:parse' '...' 'fun:deep*' '...' 'fun:deep*' '...' 'fun:main' | leaves 1,2,3,4,5,6,7,8,9,10,11,12,13
    block 'fun:net::*' | leaves 1,2,3,4,5,6,7,8,14
    block 'fun:net::Conn::open' | leaves 1,2,3,4,5,6,7,8,9,11,12,13,14
    block 'fun:void net::fill<char>(char*)' | leaves 1,2,3,4,5,6,7,8,9,10,12,13,14
    block 'fun:?arse' | leaves 3,4,5,6,7,8,9,10,11,12,13
    block 'obj:*/leak_names' | leaves ''
    block 'obj:*/leak_name' | leaves 1,2,3,4,5,6,7,8,9,10,11,12,13,14
    block 'fun:re_parse obj:*/leak_names' | leaves 1,2,4,5,6,7,8,9,10,11,12,13,14
    block 'fun:re_parse obj:*/libc.so.6' | leaves 1,2,3,4,5,6,7,8,9,10,11,12,13,14
    block 'src:leak_names.cc' | leaves ''
    block "src:*/leak_names.cc:$(grep -n 'void re_parse' -A1 "$ROOT/tests/targets/leak_names.cc" | sed -n '2s/-.*//p')" | leaves 1,2,4,5,6,7,8,9,10,11,12,13,14
    block 'match-leak-kinds: definite,possible' 'fun:ab_xab' | leaves 1,2,3,4,5,7,8,9,10,11,12,13,14
    # An allocation function alone hides everything for valgrind; here nothing is left of such a rule.
    block 'fun:malloc' | leaves 1,2,3,4,5,6,7,8,9,10,11,12,13,14
    has warnings '^seep: warning: rules.supp:1: this rule hides nothing: a name$'
    # Others' blocks are passed over, and no word is said of them.
    printf '{\n n\n Memcheck:Cond\n fun:parse\n}\n{\n n\n Helgrind:Race\n whatever\n}\n{\nn\nMemcheck:Param\nwrite(buf)\nfun:parse\n}\n{\nn\nDRD,Memcheck:Leak\nfun:ab_xab\n}\n' |
        leaves 1,2,3,4,5,7,8,9,10,11,12,13,14
    [ ! -s warnings ] || fail "$(cat warnings)"
}

case_files_as_they_come() {
    build_leak_names
    printf '# a comment\r\n\r\n  leak:^xab  \r\n\tleak:do*lar\r\n' | leaves 1,2,3,4,6,8,9,10,11,12,13,14
    printf 'leak:^xab' | leaves 1,2,3,4,6,7,8,9,10,11,12,13,14 # no newline at the end
    printf '\r\n{\r\nn\r\nMemcheck:Leak\r\nfun:parse\r\n}' | leaves 3,4,5,6,7,8,9,10,11,12,13
    { # one line of a megabyte
        printf 'leak:'
        head -c 1000000 /dev/zero | tr '\0' 'x'
        printf '*\nleak:re_parse\n'
    } | leaves 1,2,4,5,6,7,8,9,10,11,12,13,14
    for i in $(seq 10000); do
        echo "leak:function_number_${i}_of_a_library"
        printf '{\nn\nMemcheck:Leak\n...\nfun:other_%d*\n...\nfun:main\n}\n' "$i"
    done >many.supp
    echo leak:re_parse >>many.supp
    leaves 1,2,4,5,6,7,8,9,10,11,12,13,14 <many.supp
    [ "$(grep -c 'hides nothing' warnings)" = 10 ] || fail "warnings: $(wc -l <warnings)"
    has warnings '^seep: warning: and 19990 more rules that hide nothing$'
    # Several files, and one that is a pipe.
    "$SEEP" report --suppressions <(echo leak:parse) --suppressions <(echo leak:net::) ln.seep >out 2>err
    [ ! -s err ] || fail "$(cat err)"
    has out '^suppressed leaks: 10\.08K$' # 1, 2, 3, 4, 14 and five of net::
}

case_bad_files() {
    "$SEEP" run -o a.seep -- true 2>/dev/null
    bad() { # REGEX TEXT
        printf '%b' "$2" >bad.supp
        is_refused report 2 "$1" --suppressions bad.supp a.seep
        is_refused suppress 2 "$1" --suppressions bad.supp a.seep
    }
    bad 'bad.supp:2: bad suppression: expected' 'leak:x\nrace:y\n'
    bad 'bad.supp:1: .*everything' 'leak:\n'
    bad 'bad.supp:1: .*everything' 'leak:^'
    bad 'bad.supp:3: .*zero byte' '\n\nleak:a\0b\n'
    bad 'bad.supp:4: .*everything' '{\nn\nMemcheck:Leak\n}\n'
    bad 'bad.supp:5: .*everything' '{\nn\nMemcheck:Leak\n...\n}\n'
    bad 'bad.supp:3: .*begins with' '{\nn\nfun\n}\n'
    bad 'bad.supp:4: .*expected' '{\nn\nMemcheck:Leak\nfoo:x\n}\n'
    bad 'bad.supp:4: .*no pattern' '{\nn\nMemcheck:Leak\nfun:\n}\n'
    bad 'bad.supp:[34]: .*ends in a block' '{\nn\nMemcheck:Leak\nfun:x\n'
    bad 'bad.supp:[12]: .*ends in a block' '{\nn\n'
    { # more frames than there may be
        printf '{\nn\nMemcheck:Leak\n'
        seq 64 | sed 's/^/fun:f/'
        echo '}'
    } >bad.supp
    is_refused report 2 'more than 63' --suppressions bad.supp a.seep
    is_refused report 2 'no-such-file: No such file' --suppressions no-such-file a.seep
    is_refused report 2 'Is a directory' --suppressions . a.seep
}

# Random files, half of them made of words of the format, against a reader that stops at the first wrong byte it touches.
case_any_bytes() { # 240 s
    build_leak_names
    python3 - "$BUILD/asan/seep" <<'END' || fail "the reader broke"
import random, subprocess, sys
rng = random.Random(7)
words = [b"leak:", b"{", b"}", b"\n", b"\n", b"\n", b"fun:", b"obj:", b"src:", b"...", b"Memcheck:Leak", b"name", b" ", b"*", b"?", b"^", b"$", b"parse", b"\r", b"\0", b"#",
         b" obj:", b":12", b"match-leak-kinds:", b"malloc", b"\xff", b"deep"]
good = b"leak:par*se$\n{\nname\nMemcheck:Leak\nfun:malloc\n...\nfun:parse obj:*/leak*\nsrc:leak_names.cc:3\n}\n# end\n"
for i in range(400):
    if i % 3 == 0:
        text = bytes(rng.randrange(256) for _ in range(rng.randrange(300)))
    elif i % 3 == 1:
        text = b"".join(rng.choice(words) for _ in range(rng.randrange(60)))
    else:
        text = bytearray(good[:rng.randrange(len(good))] if rng.random() < .5 else good)
        for _ in range(rng.randrange(4)):
            if text:
                text[rng.randrange(len(text))] = rng.randrange(256)
        text = bytes(text)
    open("any.supp", "wb").write(text)
    run = subprocess.run([sys.argv[1], "report", "--suppressions", "any.supp", "ln.seep"], capture_output=True, timeout=60)
    lines = run.stderr.count(b"\n")
    if run.returncode not in (0, 2) or b"Sanitizer" in run.stderr or b"runtime error" in run.stderr or (run.returncode == 2 and lines != 1):
        print(i, text, run.returncode, run.stderr[-2000:])
        sys.exit(1)
END
}

# What is hidden goes out of all figures of leaks, and nothing else changes.
case_figures() {
    build_leak_names
    printf 'leak:parse\nleak:re_parse\nleak:nothing\n' >rules.supp
    report_json ln.seep >before.json
    "$SEEP" report --format json --stacks 1000 --suppressions rules.supp ln.seep >after.json 2>err
    one_line err 'rules.supp:3: this rule hides nothing: leak:nothing$'
    "$SEEP" report ln.seep >before.txt
    "$SEEP" report --suppressions rules.supp ln.seep >after.txt 2>/dev/null
    python3 - before.json after.json <<'END' || fail "the figures do not agree"
import json, sys
before, after = (json.load(open(f)) for f in sys.argv[1:])
for figures, place in ((after["totals"], "totals"), (after["processes"][0]["totals"], "process")):
    assert (figures["unreleased_bytes"], figures["unreleased_blocks"]) == (14105 - 5024, 9), place
    assert (figures["suppressed_bytes"], figures["suppressed_blocks"]) == (5024, 5), place # 1, 2, 3, 4 and 14
assert before["totals"]["unreleased_bytes"] == 14105 and before["totals"]["suppressed_bytes"] == 0
for key in ("allocations", "frees", "allocated_bytes", "peak_bytes", "temporary"):
    assert before["totals"][key] == after["totals"][key], key
for key in ("unreleased_bytes", "unreleased_blocks", "suppressed_bytes", "suppressed_blocks"):
    assert sum(s[key] for s in after["sites"]) == after["totals"][key], key
    assert sum(t[key] for s in after["sites"] for t in s["stacks"]) == after["totals"][key], key
rules = after["suppressions"]
assert (rules["bytes"], rules["blocks"], rules["builtin_rules"]) == (5024, 5, "told")
# The second rule has nothing left to hide, and is used all the same.
assert [(r["text"], r["line"], r["used"], r["bytes"], r["blocks"], r["calls"]) for r in rules["rules"] if not r["builtin"]] == [
    ("leak:parse", 1, True, 5024, 5, 5), ("leak:re_parse", 2, True, 0, 0, 0), ("leak:nothing", 3, False, 0, 0, 0)]
END
    has before.txt '^total memory leaked: 14\.11K$'
    has_not before.txt '^suppressed leaks'
    has after.txt '^total memory leaked: 9\.08K$'
    has after.txt '^suppressed leaks: 5\.02K$'
    grep -A1 '^total memory leaked' after.txt | has /dev/stdin '^suppressed leaks'
    has_not after.txt '^parse leaked|leaked over .* from parse'
    sed -n '/^MEMORY LEAKS/,/^MOST TEMPORARY/p' after.txt >leaks.txt
    has leaks.txt '^ *net::Conn::open'
    has_not leaks.txt '^ *(re_)?parse'
    # The part of a report that is not about leaks is the same to the letter.
    sed '/^MEMORY LEAKS/,/^MOST TEMPORARY/d; /^total memory leaked/d; /^suppressed leaks/d; / not released/d' before.txt >a
    sed '/^MEMORY LEAKS/,/^MOST TEMPORARY/d; /^total memory leaked/d; /^suppressed leaks/d; / not released/d' after.txt >b
    same a b
    # A file whose rules match nothing hides nothing.
    echo leak:nothing >nothing.supp
    "$SEEP" report --suppressions nothing.supp ln.seep 2>/dev/null | same before.txt /dev/stdin
}

# Several processes: what is hidden goes out of those who hold it.
case_processes() {
    "$SEEP" run -o a.seep -- sh -c "$TARGETS/plain; $TARGETS/system_names; exec $TARGETS/plain" >/dev/null 2>&1 || true
    printf 'leak:site_\nleak:own_\n' >rules.supp
    report_json a.seep >before.json
    "$SEEP" report --format json --stacks 1000 --builtin-suppressions --suppressions rules.supp a.seep >after.json
    python3 - before.json after.json <<'END' || fail "the figures do not agree"
import json, sys
before, after = (json.load(open(f)) for f in sys.argv[1:])
totals, n_hidden = after["totals"], 0
for old, new in zip(before["processes"], after["processes"]):
    old, new = old["totals"], new["totals"]
    for what in ("bytes", "blocks"):
        assert old["unreleased_" + what] == new["unreleased_" + what] + new["suppressed_" + what]
    n_hidden += new["suppressed_blocks"] > 0
assert n_hidden >= 3, n_hidden
for key in ("unreleased_bytes", "unreleased_blocks", "suppressed_bytes", "suppressed_blocks"):
    assert sum(p["totals"][key] for p in after["processes"]) == totals[key], key
    assert sum(s[key] for s in after["sites"]) == totals[key], key
for site in after["sites"]:
    assert sum(p["unreleased_bytes"] for p in site["processes"]) == site["unreleased_bytes"]
END
}

case_sampled() {
    "$SEEP" run -o a.seep --sample 4K -- "$TARGETS/sampled" >/dev/null 2>&1
    "$SEEP" report --format json a.seep >before.json
    printf 'leak:*\n' >all.supp
    "$SEEP" report --format json --suppressions all.supp a.seep >after.json
    [ "$(json after.json '.totals | [.unreleased_bytes, .unreleased_blocks, .standard_errors.unreleased_bytes] | map(. < 1e-3) | all')" = true ] || fail "$(json after.json .totals)"
    [ "$(json after.json .totals.suppressed_bytes)" = "$(json before.json .totals.unreleased_bytes)" ] || fail "$(json after.json .totals)"
    [ "$(json before.json .totals.unreleased_bytes)" -gt 0 ] || fail "nothing to hide"
}

# Functions with the names of the system's own, and callbacks of the system: not one block of the program is hidden.
case_own_blocks_are_not_hidden_by_builtin_rules() {
    BOOKS=$PWD/books "$SEEP" run -o a.seep -- "$TARGETS/system_names" 2>/dev/null
    "$SEEP" report --format json --stacks 1000 --builtin-suppressions a.seep >report.json
    [ "$(wc -l <books)" -ge 13 ] || fail "hardly any books"
    while read -r kind function _ _ _ bytes _; do
        [ "$kind" = site ] || continue
        [ "$(jq --arg f "$function" '[.sites[] | select(.function == $f and (.module | endswith("system_names"))) | .unreleased_bytes] | add' report.json)" = "$bytes" ] ||
            fail "$function: must have $bytes bytes"
    done <books
    [ "$(json report.json '[.sites[] | select(.module | endswith("system_names")) | .suppressed_bytes] | add')" = 0 ] || fail "own blocks are hidden"
    # These rules did hide something: libc's buffer for getpwnam() and the thread's dtv. (Without debug files the functions of ld.so have no names.)
    [ "$(json report.json '[.suppressions.rules[] | select(.builtin and (.text | test("getpwnam|^ld.so"))) | .bytes > 0] | length')" = 2 ] ||
        fail "$(json report.json .suppressions)"
}

case_builtin_rules() {
    "$SEEP" run -o a.seep -- "$TARGETS/operator_new" 2>/dev/null
    "$SEEP" report a.seep >on.txt
    has on.txt '^suppressed leaks: 72\.70K \(72\.70K of it by built-in rules\)$'
    "$SEEP" report --no-builtin-suppressions a.seep >off.txt
    has_not off.txt '^suppressed leaks'
    # What is printed is what counts.
    "$SEEP" report --print-suppressions >builtin.supp
    "$SEEP" report --no-builtin-suppressions --suppressions builtin.supp a.seep 2>/dev/null |
        sed 's/^\(suppressed leaks: [^ ]*\)$/\1 (72.70K of it by built-in rules)/' | same on.txt /dev/stdin
    awk '/^#/ { why = 1 } /^{/ { if (!why) exit 1; n++ } /^$/ { why = 0 } END { exit n < 15 }' builtin.supp || fail "a rule without a reason"
    # In JSON unreleased_* have what is only told.
    "$SEEP" report --format json a.seep >told.json
    "$SEEP" report --format json --no-builtin-suppressions a.seep >off.json
    "$SEEP" report --format json --builtin-suppressions a.seep >on.json
    [ "$(json told.json '.totals.unreleased_bytes')" = "$(json off.json '.totals.unreleased_bytes')" ] || fail "JSON hides by default"
    [ "$(json told.json '.suppressions | [.builtin_rules, .bytes, .builtin_bytes, .builtin_blocks] | join(" ")')" = "told 0 72704 1" ] || fail "$(json told.json .suppressions)"
    [ "$(json off.json '.suppressions | [.builtin_rules, .bytes, .builtin_bytes] | join(" ")')" = "off 0 0" ] || fail "$(json off.json .suppressions)"
    [ "$(json on.json '.suppressions | [.builtin_rules, .bytes, .builtin_bytes] | join(" ")')" = "on 72704 72704" ] || fail "$(json on.json .suppressions)"
    [ "$(json on.json '.totals.unreleased_bytes + .totals.suppressed_bytes')" = "$(json off.json .totals.unreleased_bytes)" ] || fail "on"
}

# Rules made from a trace leave nothing of it, nor of a run of the program after a rebuild with other lines; and what is new is seen.
case_suppress() {
    build_leak_names
    "$SEEP" suppress -o known.supp ln.seep 2>err
    [ ! -s err ] || fail "$(cat err)"
    [ "$(left known.supp)" = '' ] || fail "left: $(left known.supp)"
    [ ! -s warnings ] || fail "$(cat warnings)"
    has_not known.supp '0x[0-9a-f]|leak_names\.cc|src:|:[0-9]'
    [ "$(grep -c '^# .* in [0-9]* blocks' known.supp)" = "$(grep -c '^{' known.supp)" ] || fail "comments"
    "$SEEP" suppress ln.seep | same known.supp /dev/stdin
    "$SEEP" report --suppressions known.supp ln.seep >out
    has out '^total memory leaked: 0B$'
    # An existing file is not overwritten.
    is_refused suppress 2 'known.supp: File exists' -o known.supp ln.seep
    # What is hidden already gets no rule.
    "$SEEP" suppress --suppressions known.supp ln.seep | has_not /dev/stdin '^\{'
    # Lines shift, one leak is new: a known leaf by a new way.
    { seq 50 | sed 's|.*|// &|'; sed 's|^int main() {|extern "C" SITE void brand_new() { re_parse(); KEPT(0); }\n&\n    brand_new();|' "$ROOT/tests/targets/leak_names.cc"; } >leak_names.cc
    rm leak_names
    g++ -g -O1 -o leak_names leak_names.cc
    "$SEEP" run -o new.seep -- ./leak_names 2>/dev/null
    [ "$(left known.supp new.seep)" = '' ] || fail "left: $(left known.supp new.seep)"
    sed -i 's/re_parse(); KEPT(0); }/leak_here(); KEPT(0); }/' leak_names.cc
    g++ -g -O1 -o leak_names leak_names.cc
    "$SEEP" run -o newer.seep -- ./leak_names 2>/dev/null
    [ "$(left known.supp newer.seep)" = 1 ] || fail "left: $(left known.supp newer.seep)"
    # Without names: by modules, as far as the first name outward.
    strip leak_names
    "$SEEP" run -o stripped.seep -- ./leak_names 2>/dev/null
    "$SEEP" suppress -o stripped.supp stripped.seep 2>/dev/null
    [ "$(left stripped.supp stripped.seep)" = '' ] || fail "left: $(left stripped.supp stripped.seep)"
    has stripped.supp '^    obj:\*/leak_names$'
    has stripped.supp '^    fun:__libc_start'
}

case_suppress_real_programs() { # 240 s
    "$SEEP" run -o python.seep -- "$PYTHON" -c 'import json, ssl' 2>/dev/null
    "$SEEP" run -o perl.seep -- perl -e 'use POSIX; print getpwuid(0)' >/dev/null 2>&1
    "$SEEP" run -o node.seep -- node -e 'require("crypto").randomBytes(3)' 2>/dev/null
    for trace in python perl node; do
        "$SEEP" suppress -o $trace.supp $trace.seep 2>/dev/null
        "$SEEP" report --format json --suppressions $trace.supp $trace.seep >$trace.json 2>err
        has_not err 'hides nothing'
        [ "$(json $trace.json '.totals.unreleased_bytes')" = 0 ] || fail "$trace: $(json $trace.json .totals)"
        [ "$(json $trace.json '.totals.suppressed_bytes')" -gt 10000 ] || fail "$trace: $(json $trace.json .totals)"
    done
}

# Objects of OpenSSL are counted whether their leaks are hidden or not.
case_openssl_objects_stay() {
    "$SEEP" run -o b.seep -- "$TARGETS/openssl_versions" >/dev/null 2>&1
    "$SEEP" report --format json b.seep | jq .openssl >before.json
    printf 'leak:*\n' >all.supp
    "$SEEP" report --format json --suppressions all.supp b.seep | jq .openssl >after.json
    [ "$(json before.json '[.objects[].alive] | add // 0')" -gt 0 ] || fail "no object is alive"
    same before.json after.json
}

# What a rule hides grows nowhere, also if it is all released before the end.
case_growth() {
    cat >grows.c <<'END'
#include <seep.h>
#include <stdlib.h>
#define SITE __attribute__((noinline, noclone, used))
void *held[100][2];
SITE void *returned_later(void) { void *p = malloc(1000); __asm__ volatile("" : : "r"(p)); return p; }
SITE void *kept(void) { void *p = malloc(500); __asm__ volatile("" : : "r"(p)); return p; }
int main(void) {
    for (int i = 0; i < 100; i++) {
        held[i][0] = returned_later();
        held[i][1] = kept();
        if (seep_mark) seep_mark("reload");
    }
    for (int i = 0; i < 100; i++) free(held[i][0]);
    return 0;
}
END
    gcc -g -O1 -I"$ROOT/include" -o grows grows.c
    "$SEEP" run -o a.seep -- ./grows 2>/dev/null
    growing() { # RULE
        echo "$1" >rules.supp
        "$SEEP" report --format json --suppressions rules.supp a.seep 2>err >report.json
        jq -r '.growth | [.sites[] | select(.class == "growing") | .bytes_per_unit] + [.total.bytes_per_unit] | map(round) | join(" ")' report.json
    }
    [ "$(growing leak:nothing)" = "1000 500 1500" ] || fail "growth: $(growing leak:nothing)"
    [ "$(growing leak:returned_later)" = "500 500" ] || fail "growth: $(growing leak:returned_later)"
    has err 'hides nothing: leak:returned_later' # of what is left at the end
    [ "$(growing leak:kept)" = "1000 1000" ] || fail "growth: $(growing leak:kept)"
    [ ! -s err ] || fail "$(cat err)"
    [ "$(growing 'leak:^main$')" = 0 ] || fail "growth: $(growing 'leak:^main$')"
}
