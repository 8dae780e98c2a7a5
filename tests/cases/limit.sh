# limit.sh - limit=SIZE: the oldest events become totals, no figure changes, and the trace stays below its limit.
# shellcheck shell=bash disable=SC2154,SC2016,SC2317

below() { # SIZE FILE
    local n
    n=$(stat -c %s "$2")
    [ "$n" -lt "$1" ] || fail "$2 has $n bytes, its limit is $1"
}

# folded TRACE: it has been, all is said to be there, and an independent reader can make sense of it. Leaves report.json.
folded() {
    report_json "$1" >report.json 2>report.err || fail "seep report: exit status $?"
    ! has_warned report.err || fail "seep report: $(head -3 report.err)"
    [ "$(json report.json .trace.folded.events)" -gt 1000 ] || fail "nothing has been folded"
    [ "$(json report.json .trace.complete)" = true ] || fail "not complete"
    independent "$1" || fail "trace_read.py reads something else"
    no_leftovers
    [ -z "$(compgen -G '*.fold-*')" ] || fail "left behind: $(compgen -G '*.fold-*')"
}

independent() {
    PYTHONPATH=$LIB python3 - "$1" report.json <<'PY'
import json, sys
import trace_read
trace = trace_read.read_trace(sys.argv[1])
report = json.load(open(sys.argv[2]))
infos, _, _, peak = trace_read.account(trace)
infos = list(zip(infos, trace["infos"]))[1:]
read = {"allocations": sum(i["allocated"] for i, _ in infos), "temporary": sum(i["temporary"] for i, _ in infos),
        "allocated_bytes": sum(i["allocated"] * size for i, (size, _) in infos),
        "unreleased_blocks": sum(i["live"] for i, _ in infos), "unreleased_bytes": sum(i["live"] * size for i, (size, _) in infos)}
if len(report["processes"]) == 1:
    read["peak_bytes"] = peak
wrong = {k: (v, report["totals"][k]) for k, v in read.items() if v != report["totals"][k]}
if report["trace"]["sample_bytes"] is None and wrong:
    sys.exit(repr(wrong))
if trace["index"] != trace["checkpoints"]:
    sys.exit("the index is not of the checkpoints")
PY
}

limited_books() { # LIMIT-IN-BYTES MODULE ARGUMENTS…
    local limit=$1 module=$2
    shift 2
    BOOKS=$PWD/books "$SEEP" run --limit "$limit" -o a.seep -- "$TARGETS/$module" "$@" >out 2>err || fail "exit status $?"
    folded a.seep
    python3 "$LIB/compare_books.py" books report.json --module "$module" || fail "the report is wrong"
}

case_books() {
    limited_books 1048576 random_threads 1 2000000 1 ordered
    below 1048576 a.seep
    [ "$(json report.json '.trace.lost | length')" = 0 ] || fail "lost: $(json report.json .trace.lost)"
    "$SEEP" report a.seep >text
    has text '^folded: [0-9]+ events, from [0-9.]+s to [0-9.]+s, are totals only'
    "$SEEP" info a.seep >info.txt
    has info.txt '^folded +[0-9]+ of these events'
    "$SEEP" info --format json a.seep >info.json
    [ "$(json info.json .trace.folded.events)" = "$(json report.json .trace.folded.events)" ] || fail "info says something else"
}

case_threads_ordered() {
    limited_books 1048576 random_threads 4 700000 4 ordered
    below 1048576 a.seep
}

case_threads() {
    limited_books 1048576 random_threads 8 300000 5
    below 1048576 a.seep
}

case_tree() { # 240 s
    limited_books 1048576 family tree 9 2
    below 1048576 a.seep
    for pid in $(json report.json '.processes[0, 1, 100].pid'); do
        "$SEEP" report --format json --pid "$pid" a.seep >alone.json
        jq -S "[.processes[] | select(.pid == $pid) | .totals]" report.json >wanted
        jq -S '[.processes[].totals]' alone.json >got
        same wanted got
    done
}

# Each block of another size: what there is to say of them comes to more than the limit.
case_totals_beyond_the_limit() { # 240 s
    cat >sizes.py <<'PY'
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
for i in range(700000):
    libc.free(libc.malloc(i))
PY
    PYTHONMALLOC=malloc "$SEEP" run --limit 1M -o a.seep -- "$PYTHON" -S sizes.py 2>err
    folded a.seep
    [ "$(json report.json '.trace.lost[] | select(.kind == "over-limit") | .count')" -gt 917504 ] || fail "it is not said why the trace is so large"
    [ "$(json report.json .trace.lost_events)" = 0 ] || fail "that is no loss of events"
}

pid_letters() { # DIRECTORY
    json "$1/report.json" '.processes[0].pid | tostring | length'
}

# The same run without folding, with a limit and a process id that take as many letters: the environment is part of a program's memory.
twice() { # LIMIT OTHER-LIMIT COMMAND…
    local limit=$1 other=$2
    shift 2
    while
        rm -rf limit whole
        mkdir limit whole
        (cd limit && env -i PYTHONHASHSEED=0 PYTHONMALLOC=malloc setarch -R "$SEEP" run --limit "$limit" -o a.seep -- "$@" 2>err)
        (cd whole && env -i PYTHONHASHSEED=0 PYTHONMALLOC=malloc setarch -R "$SEEP" run --limit "$other" -o a.seep -- "$@" 2>err)
        (cd whole && report_json a.seep >report.json)
        (cd limit && folded a.seep)
        [ "$(pid_letters whole)" != "$(pid_letters limit)" ]
    do :; done
    [ "$(json whole/report.json .trace.folded)" = null ] || fail "the other one is to be whole"
}

figures() { # REPORT: all there is to compare
    jq '{events: .trace.events, totals, processes: [.processes[].totals], sites: (.sites |
        map({function, line, calls, allocated_bytes, peak_bytes, unreleased_bytes, unreleased_blocks, temporary,
             stacks: (.stacks | map(del(.oldest_seconds)) | sort)}) | sort)}' "$1"
}

case_python() { # 240 s
    cat >work.py <<'PY'
import random
random.seed(5)
d = {}
most = [bytes(600 + i % 50) for i in range(40000)] # the peak is in what is folded
del most
for i in range(300000):
    k = random.randrange(20000)
    d[k] = [("%d" % k) * random.randrange(30), (i,)]
    if i % 3 == 0:
        d.pop(random.randrange(20000), None)
PY
    twice 1M 1G "$PYTHON" -S "$PWD/work.py"
    below 1048576 limit/a.seep
    figures whole/report.json >whole/figures
    figures limit/report.json >limit/figures
    same whole/figures limit/figures
}

# A block that is sampled stands for others: 100,000 of 16 bytes are the peak, though those that are recorded come to less than the larger ones later.
case_sampled() { # 240 s
    cat >work.py <<'PY'
import ctypes, random
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
random.seed(7)
def hold(n, size):
    for p in [libc.malloc(size) for i in range(n)]:
        libc.free(p)
hold(100000, 16)
hold(400, 4096)
blocks = [None] * 500
for i in range(1200000):
    at = random.randrange(500)
    libc.free(blocks[at])
    blocks[at] = libc.malloc(random.randrange(20, 120))
PY
    sampled() {
        PYTHONHASHSEED=0 SEEP_OPTIONS=sample=64:limit=$1 "$SEEP" run -o "$2" -- "$PYTHON" -S work.py 2>err
    }
    sampled 1M a.seep
    folded a.seep
    sampled 1G whole.seep
    report_json whole.seep >whole.json
    # Which blocks are recorded is left to chance.
    python3 - report.json whole.json <<'PY' || fail "the estimates are not the same, or not right"
import json, sys
a, b = (json.load(open(f))["totals"] for f in sys.argv[1:])
wrong = {k: (a[k], b[k]) for k in a if k != "standard_errors" and abs(a[k] - b[k]) > 0.05 * b[k] + 64}
if not 0.95 * 100000 * 16 < a["peak_bytes"] < 3 * 100000 * 16:
    wrong["peak_bytes"] = a["peak_bytes"]
sys.exit(repr(wrong) if wrong else 0)
PY
}

case_report_while_running() { # 240 s
    background log "$SEEP" run --limit 1M -o a.seep -- "$TARGETS/random_threads" 2 8000000 3
    later 10 test -s a.seep
    local n=0 last=0 now inode before='' changes=-1
    while [ -d "/proc/$background_pid" ] && [ $n -lt 100 ]; do
        inode=$(stat -c %i a.seep)
        [ "$inode" = "$before" ] || changes=$((changes + 1))
        before=$inode
        "$SEEP" report --format json --top 1 a.seep >running.json 2>err || fail "exit status $?: $(cat err)"
        has_not err damage
        has_not err 'did not come to its end'
        [ "$(json running.json '.trace.damage | length')" = 0 ] || fail "damage: $(json running.json .trace.damage)"
        [ "$(json running.json .trace.events_missing)" = 0 ] || fail "events are missing"
        now=$(json running.json .trace.events)
        [ "$now" -ge "$last" ] || fail "$now events, there have been $last"
        last=$now
        n=$((n + 1))
    done
    status_of 0 wait "$background_pid"
    [ $changes -ge 2 ] || fail "there were no folds in between: $changes"
    folded a.seep
    below 1048576 a.seep
}

# until_folding LINK: a fold is under way, and LINK is the trace as it was before. (On a busy machine it may be done by the time that this is used.)
until_folding() {
    until compgen -G 'a.seep.fold-*' >/dev/null; do
        [ -d "/proc/$background_pid" ] || fail "there was no fold to be seen"
        ln -f a.seep "$1"
    done
}

# The trace of a collector that is killed in the middle of a fold is the one from before, whole up to its last block.
case_killed_in_a_fold() { # 240 s
    background log "$SEEP" run --limit 16M -o a.seep -- "$TARGETS/random_threads" 4 30000000 3
    later 10 test -s a.seep
    find_collector
    until_folding before.seep
    kill -KILL "$collector"
    gone "$collector" 10
    if compgen -G 'a.seep.fold-*' >/dev/null; then
        [ a.seep -ef before.seep ] || fail "the trace is another file before the fold is done"
    fi
    "$SEEP" report --format json a.seep >report.json 2>err || fail "exit status $?: $(cat err)"
    [ "$(json report.json .totals.allocations)" -gt 1000000 ] || fail "nothing in it"
    [ "$(json report.json .trace.events_missing)" = 0 ] || fail "events are missing"
    stop "$(pgrep -P "$background_pid" -x random_threads)" KILL
}

# not_folded TRACE: it is whole, stands alone, says that it could not be folded, and agrees with the books.
not_folded() {
    status_of 0 wait "$background_pid"
    wait_trace "$1"
    [ -z "$(find . -name 'a.seep*')" ] || fail "of the old name: $(find . -name 'a.seep*')"
    report_json "$1" >report.json
    [ "$(json report.json '.trace.lost[] | select(.kind == "not-folded") | .count')" -gt 0 ] || fail "it is not said"
    python3 "$LIB/compare_books.py" books report.json --module random_threads || fail "the report is wrong"
}

# What becomes of the trace when the new file has no place: it grows, and says so. A fold would make another trace of the old name, and is not begun.
case_no_place_for_the_new_file() { # 240 s
    local n_seen=0
    mkdir closed
    background log env BOOKS="$PWD/books" "$SEEP" run --limit 1M -o closed/a.seep -- "$TARGETS/random_threads" 2 1500000 3
    later 10 test -s closed/a.seep
    mv closed/a.seep closed/moved.seep
    while [ -d "/proc/$background_pid" ]; do
        ! compgen -G 'closed/*.fold-*' >/dev/null || n_seen=$((n_seen + 1))
    done
    [ $n_seen = 0 ] || fail "folds were begun"
    not_folded closed/moved.seep
    [ "$(json report.json .trace.folded)" = null ] || fail "folded?"
}

# The same where it loses its place in the middle of a fold.
case_moved_in_a_fold() { # 240 s
    background log env BOOKS="$PWD/books" "$SEEP" run --limit 8M -o a.seep -- "$TARGETS/random_threads" 2 5000000 3
    later 10 test -s a.seep
    until_folding before.seep
    mv a.seep moved.seep
    not_folded moved.seep
}

case_rights() { # the new file has those of the trace
    background log "$SEEP" run --limit 1M -o a.seep -- "$TARGETS/random_threads" 1 6000000 3
    later 10 test -s a.seep
    [ "$(stat -c %a a.seep)" = 600 ] || fail "it began with $(stat -c %a a.seep)"
    chmod 640 a.seep
    status_of 0 wait "$background_pid"
    folded a.seep
    [ "$(stat -c %a a.seep)" = 640 ] || fail "it has $(stat -c %a a.seep)"
}

case_wrong_size() {
    for size in 1023K 1025G x 1MM; do
        is_refused run 2 '--limit wants a size from 1M to 1024G' --limit $size -- true
    done
    LD_PRELOAD=$LIBSEEP SEEP_OPTIONS=output=a.seep:limit=5 "$TARGETS/plain" >out 2>err || [ $? = 3 ] || fail "exit status $?"
    one_line err 'limit wants a size from 1M to 1024G'
}

# damaged HOW N: in all of the trace, and in what stands for the folded events alone.
damaged() {
    local front
    "$SEEP" run --limit 1M -o good.seep -- "$TARGETS/random_threads" 2 1000000 1 2>err
    folded good.seep
    front=$(PYTHONPATH=$LIB python3 -c 'import sys, trace_read; print(trace_read.read_trace(sys.argv[1])["index"][0][0])' good.seep)
    python3 "$LIB/damage.py" "$BUILD/asan/seep" good.seep "$1" "$2"
    python3 "$LIB/damage.py" "$BUILD/asan/seep" good.seep "$1" "$2" 2 "$front"
}

case_cut() { # 240 s
    damaged cut 30
}

case_flipped() { # 240 s
    damaged flip 45
}
