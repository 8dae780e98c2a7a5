# selections.sh - what is alive at a mark, and what threads have allocated: traces by lib/trace_write.py, of which each block is known, and a real program's books.
# shellcheck shell=bash disable=SC2154

# shellcheck source=tests/lib/refused.sh
. "$LIB/refused.sh"

made() {
    "$PYTHON" "$LIB/selection_traces.py" make "$1" a.seep
}

# agree "WHAT IS ASKED" OPTIONS…: a.seep is reported with these options, and the books say the same.
agree() {
    local asked
    read -ra asked <<<"$1"
    "$SEEP" report --format json --stacks 1000 "${@:2}" a.seep >part.report 2>err || fail "$(cat err)"
    "$PYTHON" "$LIB/selection_traces.py" check a.json part.report "${asked[@]}" >differences || fail "${*:2}: $(head -c 1000 differences)"
}

case_alive_at() {
    made threads
    agree "" --match .
    agree "alive_at=1" --alive-at 1
    agree "alive_at=17" --alive-at step#17
    agree "since=5 until=10 alive_at=10" --since step#5 --until step#10 --alive-at step#10
    agree "since=5 until=10 alive_at=20" --since 5 --until 10 --alive-at 20
    agree "since=29 alive_at=30" --since 29 --alive-at 30
    [ "$(jq -c '.selection | [.since, .until, .alive_at, .thread, .thread_unsure]' part.report)" = '["29",null,"30",null,null]' ] || fail "$(jq -c .selection part.report)"
    [ "$(jq '[.sites[].stacks[].oldest_seconds // empty] | length' part.report)" = 0 ] || fail "an age that is not known"
    has <("$SEEP" report --since 5 --until 10 --alive-at 20 a.seep 2>err) \
        '^selected: allocated behind mark 5, allocated before mark 10, unreleased at mark 20$'
    made sampled
    agree "since=5 until=10 alive_at=20" --since 5 --until 10 --alive-at 20
}

# What a process has left that has ended before is neither freed nor alive.
case_alive_at_of_processes() {
    made tree
    agree "alive_at=12" --alive-at 12
    agree "since=3 until=12 alive_at=12" --since 3 --until 12 --alive-at 12
    agree "since=3 until=12 alive_at=15" --since 3 --until 12 --alive-at 15
    agree "since=3 until=12 alive_at=16" --since 3 --until 12 --alive-at 16
    agree "pid=43 alive_at=15" --pid 43 --alive-at 15
    agree "pid=43 alive_at=16" --pid 43 --alive-at 16
    [ "$(jq -c '[.totals.unreleased_blocks, .totals.allocations > 0]' part.report)" = '[0,true]' ] || fail "$(jq -c .totals part.report)"
    agree "pid=42 alive_at=16" --pid 42 --alive-at 16
}

case_alive_at_of_a_folded_trace() {
    made folded
    agree "alive_at=15" --alive-at 15
    agree "since=10 until=15 alive_at=20" --since 10 --until 15 --alive-at 20
    refused '^seep: --alive-at 14: this mark is among the folded events, of which only totals are kept$' --alive-at 14
    made all-folded
    refused '^seep: --alive-at 29: this mark is among the folded events, ' --alive-at 29
    agree "" --match .
}

case_refused() {
    made threads
    refused '^seep: --alive-at nothing: no such mark; there are 30: ' --alive-at nothing
    refused '^seep: --alive-at 9: this mark is before that of --until$' --since 5 --until 10 --alive-at 9
    refused '^seep: --alive-at 5: this mark is not behind that of --since$' --since 5 --alive-at 5
    refused '^seep: --older is about the end of the trace, and --alive-at about a mark: only one of them$' --older 5s --alive-at 5
    refused '^seep: --thread nobody: no thread of that name or number; there are: demo, worker, reader \[1\]$' --thread nobody
    refused '^seep: --thread before: no thread ' --thread before # its first name
    refused '^seep: --thread \?\[31m: no thread ' --thread $'\e[31m'
    refused '^seep: a.seep: no process 77 in this trace$' --pid 77 --thread demo
    made tree
    refused '^seep: --thread demo: no thread of that name or number; there are: worker$' --pid 43 --thread demo
    status_of 3 "$SEEP" report --thread demo not-there.seep >out 2>err
    one_line err '^seep: .*not-there'
}

case_thread() {
    made single
    for how in exact "exact alive_at=5" "exact since=2 until=7" "exact since=2 until=5 alive_at=8"; do
        options=()
        for word in $how; do
            [ "$word" = exact ] || options+=("--$(sed 's/_/-/; s/=.*//' <<<"$word")" "${word#*=}")
        done
        agree "threads=0 $how" --thread demo "${options[@]}"
        agree "threads=1,2 $how" --thread worker "${options[@]}"
        agree "threads=2 $how" --thread 62 "${options[@]}"
        agree "threads=3 $how" --thread 'reader [1]' "${options[@]}"
        agree "threads=1,2,3 $how" --thread '*er*' "${options[@]}"
        agree "threads=0,1,2,3 $how" --thread '*' "${options[@]}"
    done
    "$SEEP" report --thread worker a.seep >report.txt 2>err
    has report.txt '^selected: allocated by thread worker \(exact\)$'
    has_not err . 'no names for'
}

# Blocks of one stack and size by several threads, which free each other's: bounds.
case_thread_that_shares_stacks() {
    made threads
    for t in 0:demo 1,2:worker 3:72 0,1,2,3:*; do
        how=unsure
        [ "$t" != '0,1,2,3:*' ] || how=exact
        agree "threads=${t%%:*} $how" --thread "${t#*:}"
        agree "threads=${t%%:*} since=4 until=20" --thread "${t#*:}" --since 4 --until 20
        agree "threads=${t%%:*} since=4 until=20 alive_at=23" --thread "${t#*:}" --since 4 --until 20 --alive-at 23
    done
    "$SEEP" report --thread worker a.seep >report.txt 2>err
    has report.txt '^selected: allocated by thread worker \(at least: [0-9]+ more unreleased blocks, [0-9.]+[BK], and [0-9.]+[BK] more at the peak may be its own or of others\)$'
    has err '^seep: warning: a.seep: --thread worker: at least: [0-9]+ more unreleased blocks, '
    made tree
    agree "threads=1,2,4" --thread worker
    agree "threads=4 pid=43 exact" --thread worker --pid 43
    agree "threads=4 pid=43 exact alive_at=16" --thread worker --pid 43 --alive-at 16
    agree "threads=1,2 pid=42 alive_at=16" --thread worker --pid 42 --alive-at 16
    made sampled
    agree "threads=0" --thread demo
    agree "threads=0 since=4 until=20 alive_at=23" --thread demo --since 4 --until 20 --alive-at 23
    made folded
    agree "threads=1,2" --thread worker
    agree "threads=1,2 since=15" --thread worker --since 15
    has <("$SEEP" report --thread worker a.seep 2>err) ', as [0-9]+ folded allocations\)$'
}

# gate and diff have the same options.
case_gate_and_diff() {
    made single
    agree "threads=0 exact since=2 until=5 alive_at=8" --thread demo --since 2 --until 5 --alive-at 8
    n=$(jq .totals.unreleased_blocks part.report)
    [ "$n" -gt 0 ] || fail "nothing is left"
    select=(--thread demo --since 2 --until 5 --alive-at 8)
    status_of 0 "$SEEP" gate "${select[@]}" --max-unreleased "${n}blocks" a.seep >out 2>err
    status_of 1 "$SEEP" gate "${select[@]}" --max-unreleased "$((n - 1))blocks" a.seep >out 2>err
    cp a.seep b.seep
    "$SEEP" diff --format json "${select[@]}" a.seep b.seep >diff.json 2>err
    [ "$(jq -c '.totals.unreleased_blocks | [.base, .file]' diff.json)" = "[$n,$n]" ] || fail "$(jq -c .totals.unreleased_blocks diff.json)"
    made threads
    "$SEEP" gate --thread worker --max-unreleased 1G a.seep >out 2>err
    has err '^seep: warning: a.seep: --thread worker: at least: '
}

# told NAME FROM UNTIL AT LEAST: calls, bytes and blocks that the program's books have of these threads, of blocks of so many bytes and more that were allocated in
# these rounds, as it was behind round AT.
told() {
    awk -v name="$1" -v from="$2" -v until="$3" -v at="$4" -v least="$5" '$1 ~ name && $3 >= least && $4 >= from && $4 < until {
        calls++
        if ($5 < 0 || $5 >= at) { blocks++; bytes += $3 }
    } END { printf "[%d,%d,%d]\n", calls, bytes, blocks }' books
}

knows_names() {
    "$SEEP" report --thread left a.seep >out 2>err && "$SEEP" report --thread right a.seep >out 2>err
}

# A real program, of which the trace is read first while it runs.
case_of_a_program() { # 60 s
    mkfifo go
    BOOKS=$PWD/books background log bash -c "'$SEEP' run -o a.seep -- '$TARGETS/named_threads' <go"
    exec 3>go
    later 20 knows_names
    exec 3>&-
    gone "$background_pid" 20 || fail "it did not end"
    for name in left right; do
        for part in "0 4 4" "0 2 2" "1 2 3" "1 3 4"; do
            read -r from until at <<<"$part"
            select=(--thread "$name" --until "$until")
            [ "$from" = 0 ] || select+=(--since "$from")
            [ "$until $at" = "4 4" ] || select+=(--alive-at "$at")
            "$SEEP" report --format json "${select[@]}" --min-bytes 5001 a.seep >part.report 2>err || fail "$(cat err)"
            told "$name" "$from" "$until" "$at" 5001 >wanted
            jq -c '[.totals.allocations, .totals.unreleased_bytes, .totals.unreleased_blocks]' part.report >got
            same wanted got
            [ "$(jq -c '.selection.thread_unsure | add' part.report)" = 0 ] || fail "$(jq -c .selection part.report)"
            # With the size that all of them have.
            "$SEEP" report --format json "${select[@]}" --min-bytes 5000 a.seep >part.report 2>err || fail "$(cat err)"
            told "$name" "$from" "$until" "$at" 5000 >wanted
            jq --argjson w "$(cat wanted)" -e '.totals.allocations == $w[0] and .totals.unreleased_bytes <= $w[1] and .totals.unreleased_blocks <= $w[2] and
                .totals.unreleased_bytes + .selection.thread_unsure.unreleased_bytes >= $w[1] and
                .totals.unreleased_blocks + .selection.thread_unsure.unreleased_blocks >= $w[2]' part.report >got || fail "${select[*]}: $(jq -c '.totals, .selection' part.report), not $(cat wanted)"
        done
    done
}
