# go.sh - programs with Go in them: allocations in C by cgo, whose callers are on goroutines' stacks.
# shellcheck shell=bash disable=SC2154,SC2016

# cut_at_most N: so many stacks end early. One does in every Go program: Go's own entry point calls C before anything of its has a frame.
cut_at_most() {
    local n
    n=$(json report.json '[.trace.lost[] | select(.kind == "cut-stacks") | .count] | add // 0')
    [ "$n" -le "$1" ] || fail "$n stacks cut"
}

# stress: under seep it says what it says without, and what it allocated is what the report has.
stress() {
    rm -f books trace.seep
    BOOKS=$PWD/books "$SEEP" run -o trace.seep -- "$TARGETS/go_stress" 200 >out 2>err || fail "exit status $?: $(tail -5 err)"
    same out native.out
    has_not err . '^seep: trace in'
    report_json trace.seep >report.json
    python3 "$LIB/compare_books.py" books report.json || fail "the report is wrong"
}

case_stress() { # 240 s
    "$TARGETS/go_stress" 200 >native.out
    for _ in $(seq 10); do
        stress
        cut_at_most 2
    done
    # and without being asked anything in hooks
    SEEP_OPTIONS=seccomp=yes stress
    # and by LD_PRELOAD alone, with as many collections as can be
    GODEBUG=gcstoptheworld=1 LD_PRELOAD=$LIBSEEP SEEP_OPTIONS=output=$PWD/bare.seep "$TARGETS/go_stress" 50 >out 2>err ||
        fail "exit status $?: $(tail -5 err)"
    [ ! -s err ] || fail "$(head -3 err)"
}

# What only looks like Go's: words that are no frames lead nowhere, least of all to where nothing can be read.
case_odd_note() {
    local options
    for options in "" unwinder=cfi seccomp=yes; do
        rm -f trace.seep
        SEEP_OPTIONS=$options "$SEEP" run -o trace.seep -- "$TARGETS/odd_go_note" >out 2>err || fail "$options: exit status $?"
        [ "$(cat out)" = 5 ] || fail "it said $(cat out)"
        report_json trace.seep >report.json
        json report.json '.sites[] | select(.function == "take_with_frame") | .stacks[] | "\(.calls) \([.frames[].function] | join(" "))"' >stacks
        one_line stacks '^5 take_with_frame$'
        cut_at_most 5
    done
}

# The callers in Go, as Go's own runtime names them; below C that Go calls, and below that again.
told() { # WHAT NAME
    rm -f trace.seep
    SEEP_OPTIONS=$1 "$SEEP" run -o trace.seep -- "$TARGETS/go_stress" 1 >out 2>err
    report_json trace.seep >report.json
    cut_at_most 2
    python3 - "$2" <<'PY'
import json, re, sys
def of_go(names):
    return [n for n in names if n.startswith("main.") or n == "runtime.goexit"]
wanted = [of_go(line.split()[1:]) for line in open("out") if line.startswith("stack ")]
found = []
for site in json.load(open("report.json"))["sites"]:
    for stack in site["stacks"]:
        names = [frame["function"] or "?" for frame in stack["frames"]]
        if names[0] == "site_told":
            names = of_go(names)
            assert names[0] == "main._Cfunc_site_told", names
            found += [names[1:]] * stack["calls"]
if len(wanted) != 2 or sorted(found) != sorted(wanted):
    sys.exit("%s: the stacks are\n%s\nand must be\n%s" % (sys.argv[1], sorted(found), sorted(wanted)))
PY
}

case_callers() {
    told unwinder=reuse reuse
    told unwinder=cfi cfi
}

# The frames between Go and C that called each other, each side in order.
case_through_c_and_back() {
    "$SEEP" run -o trace.seep -- "$TARGETS/go_stress" 3 >out 2>err
    report_json trace.seep >report.json
    json report.json '.sites[] | select(.function == "site_callback") | .stacks[].frames | map(.function) | join(" ")' >stacks
    # main.worker - C - main.goCallback - C: once, or, where it called itself, more often.
    has stacks '^site_callback _cgo_[0-9a-f]*_Cfunc_site_callback runtime.asmcgocall runtime.cgocall main._Cfunc_site_callback main.goCallback _cgoexp_'
    has_not stacks '^' 'crosscall2 goCallback call_back _cgo_[0-9a-f]*_Cfunc_call_back runtime.asmcgocall runtime.cgocall main._Cfunc_call_back main.(goCallback|worker) .*runtime.goexit$'
    json report.json '[.sites[] | select(.function == "site_callback") | .calls] | add' >calls
    [ "$(cat calls)" -ge 72 ] || fail "$(cat calls) calls"
}

# Of memory that Go asks C for itself, its functions have each their own.
case_blamed() {
    "$SEEP" run -o trace.seep -- "$TARGETS/go_stress" 3 >out 2>err
    "$SEEP" report --format json --group-by blame trace.seep >report.json
    json report.json '.sites[] | select(.unreleased_blocks > 0) | "\(.blamed.function) \(.unreleased_blocks) \(.unreleased_bytes)"' >blamed
    has blamed '^main\.keepMalloc 7 700$'
    has blamed '^main\.keepString 9 45$'
    has_not blamed '_cgo_cmalloc|_Cfunc_'
}
