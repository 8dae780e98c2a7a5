# gate.sh - `seep gate` passes and fails by its limits and baseline, and names the culprit.
# shellcheck shell=bash disable=SC2154,SC2016

# shellcheck source=tests/lib/gate.sh
. "$LIB/gate.sh"
# shellcheck source=tests/lib/tls.sh
. "$LIB/tls.sh"

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
