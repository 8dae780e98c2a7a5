# resume.sh - collectors that are killed: what they leave behind is in the next report.
# shellcheck shell=bash disable=SC2154,SC2015,SC2016,SC2094

# Until the program has done some work; then SECONDS more.
let_work() { # ORACLE SECONDS
    local n=500
    until [ -s "$1" ] && [ "$(od -An -v -tu8 "$1" 2>/dev/null | awk '{ for (i = 1; i <= NF; i++) n += $i } END { print (n > 5000) }')" = 1 ]; do
        n=$((n - 1))
        [ $n -gt 0 ] || fail "the program does not work"
        sleep 0.01
    done
    sleep "$2"
}

moment() { # a random part of a second
    printf '0.%03d' $((RANDOM % ${1:-400}))
}

# has_all TRACE ORACLE: the report of it, which has all that the oracle has.
has_all() {
    report_json "$1" >report.json 2>report.err || fail "seep report: exit status $?: $(cat report.err)"
    python3 "$LIB/compare_oracle.py" "$2" report.json || fail "the report is wrong: $(cat report.err)"
}

says_resumed() { # STDERR: seep's line, and nothing else
    one_line "$1" '^seep: .*: its collector was killed; another one goes on with what it left behind$'
}

# traced TRACE OPTIONS COMMAND…: in the background, in a process group of its own; sets $traced.
traced() {
    local trace=$1 options=$2
    shift 2
    background said setsid env LD_PRELOAD="$LIBSEEP" SEEP_OPTIONS="output=$PWD/$trace$options" "$@"
    traced=$background_pid
}

kill_collector() {
    find_collector
    kill -KILL "$collector"
    gone "$collector" 5
}

# All at once, as with a container. (The group first: nobody forks while no collector runs.)
kill_all() {
    find_collector
    kill -KILL -- "-$traced" "$collector"
    gone "$collector" 5
    gone "$traced" 5
    while pgrep -g "$traced" >/dev/null; do
        sleep 0.01
    done
}

# kill_collector_at CALL [N] [COMMAND…]: behind the Nth such call from now on; COMMAND is run when it is watched.
kill_collector_at() {
    local call=$1 n=${2:-1} status=0
    shift 2 || shift
    find_collector
    "$TARGETS/kill_at" "$collector" "$call" "$n" >attached 2>&1 &
    killer=$!
    later 10 test -s attached
    "$@"
    wait $killer || status=$?
    [ $status != 77 ] || skip "other processes may not be traced here"
    [ $status = 0 ] || fail "it was not killed at $call $n: $status, $(cat attached)"
    gone "$collector" 5
}

nothing_is_left() { # TRACE: no rings, no state
    local n=100
    while [ -n "$(find . -name "$1.*")" ]; do
        n=$((n - 1))
        [ $n -gt 0 ] || fail "left behind: $(find . -name "$1.*")"
        sleep 0.05
    done
}

passes_the_description() { # TRACE, a short one
    python3 "$LIB/trace_read.py" "$1" >read.json || fail "trace_read.py: $?"
    [ "$(json read.json '.index == .checkpoints')" = true ] || fail "the index is $(json read.json .index), the checkpoints $(json read.json .checkpoints)"
}

case_both_killed() { # 240 s
    local n ring
    for n in 1 2 3; do
        for ring in '' :ring=256K; do
            rm -f oracle a.seep
            traced a.seep "$ring" "$TARGETS/killed" oracle
            let_work oracle "$(moment 1200)"
            kill_all
            "$SEEP" info a.seep >info.txt 2>info.err
            says_resumed info.err
            has info.txt '^note +the collector was killed, and another one went on'
            has_all a.seep oracle
            [ ! -s report.err ] || fail "twice: $(cat report.err)"
            nothing_is_left a.seep
        done
    done
}

case_killed_again_and_again() { # 240 s
    local n ring
    for ring in '' :ring=4M; do
        rm -f oracle a.seep
        traced a.seep "$ring" "$TARGETS/killed_many" oracle 1 3 2000
        let_work oracle 0.1
        for n in 1 2 3 4; do
            sleep "$(moment)"
            kill_collector
            sleep "$(moment 200)"
            "$SEEP" info a.seep >info.txt 2>info.err
            says_resumed info.err
            has info.txt 'still being recorded'
            [ "$(grep -c '^note .*was killed' info.txt)" = $n ] || fail "$(cat info.txt)"
        done
        sleep "$(moment)"
        kill -KILL "$traced"
        gone "$traced" 5
        wait_trace a.seep
        has_all a.seep oracle
        nothing_is_left a.seep
    done
}

# Between two commits of a journal, and of a folded trace: each system call is a moment at which a file has changed and the next has not.
case_killed_behind_a_call() { # 240 s
    local call n
    for call in pwrite rename; do
        for n in 1 2 3 8; do
            rm -f oracle a.seep
            traced a.seep :ring=256K:limit=1M "$TARGETS/killed_many" oracle 1 2
            let_work oracle 0.1
            kill_collector_at $call $n
            kill -KILL "$traced"
            gone "$traced" 5
            has_all a.seep oracle
            nothing_is_left a.seep
        done
    done
}

# The folded file has the trace's name, and no commit says so yet.
case_killed_behind_a_fold() { # 300 s
    local n
    for n in 1 2 3; do
        rm -f oracle a.seep
        traced a.seep :ring=1M:limit=1M "$TARGETS/killed_many" oracle 1 3
        let_work oracle 0.1
        kill_collector_at renameat $n
        if [ $n = 2 ]; then # another one goes on
            "$SEEP" info a.seep >info.txt 2>info.err
            says_resumed info.err
            let_work oracle 0.2
        fi
        kill -KILL "$traced"
        gone "$traced" 5
        wait_trace a.seep
        has_all a.seep oracle
        [ "$(json report.json .trace.folded.events)" -gt 1000 ] || fail "nothing has been folded"
        [ $n != 1 ] || passes_the_description a.seep
        nothing_is_left a.seep
    done
}

# The trace is complete: what is left to do is to tidy up.
case_killed_at_the_end() {
    local call
    for call in unlink unlinkat; do
        rm -f oracle a.seep
        traced a.seep '' "$TARGETS/killed_many" oracle 1 2 2000
        let_work oracle 0.1
        : >"a.seep.ring-1-1" # of a process that was killed before it had joined
        kill_collector_at $call 1 kill -KILL "$traced"
        [ -s a.seep.state ] || fail "the state went first: $(ls)"
        report_json a.seep >report.json 2>report.err
        says_resumed report.err
        has_all a.seep oracle
        [ "$(json report.json '.trace.notes | length')" = 0 ] || fail "$(json report.json .trace.notes)"
        nothing_is_left a.seep
    done
}

case_threads_killed() { # 240 s
    local n ring
    for n in 1 2 3; do
        for ring in '' :ring=512K; do
            rm -f oracle a.seep
            traced a.seep "$ring" "$TARGETS/killed_many" oracle 1 4
            let_work oracle "$(moment 1200)"
            kill_all
            has_all a.seep oracle
            nothing_is_left a.seep
        done
    done
}

case_family_killed() { # 240 s
    local n
    for n in 1 2 3 4; do
        rm -f oracle a.seep
        traced a.seep '' "$TARGETS/killed_many" oracle $((2 + n)) $((1 + n % 2))
        let_work oracle "$(moment 1500)"
        kill_all
        has_all a.seep oracle
        nothing_is_left a.seep
    done
}

# The description of the format knows nothing of collectors that were killed.
case_passes_the_description() { # 240 s
    traced a.seep '' "$TARGETS/killed_many" oracle 1 2 20000
    let_work oracle 0.3
    kill_collector
    sleep 0.1
    "$SEEP" info a.seep >info.txt 2>info.err
    let_work oracle 0.3
    kill_all
    has_all a.seep oracle
    passes_the_description a.seep
    [ "$(json read.json '[.notes[]? | select(test("was killed"))] | length')" = 2 ] || [ "$(grep -o 'was killed' read.json | wc -l)" = 2 ] ||
        fail "not noted twice"
}

# Two programs of many threads whose books are compared at their own end.
case_books_of_threads() { # 240 s
    local n pid
    for n in 1 2; do
        rm -f a.seep books
        traced a.seep :ring=1G env BOOKS="$PWD/books" "$TARGETS/random_threads" $((n * 3)) 600000 $n
        pid=$traced
        sleep 0.3
        while [ -d "/proc/$pid" ]; do
            collector=$(pgrep -n -f "^seep-collect .*$PWD/a.seep" || true) # none where the program has just ended
            [ -z "$collector" ] || kill -KILL "$collector" || true
            sleep "$(moment 300)"
            "$SEEP" info a.seep >info.txt 2>info.err || true
            sleep "$(moment 300)"
        done
        later 20 grep -q total books
        wait_trace a.seep
        report_json a.seep >report.json 2>report.err
        [ "$(json report.json .trace.lost_events)" = 0 ] || fail "lost: $(json report.json .trace.lost)"
        python3 "$LIB/compare_books.py" books report.json --module random_threads || fail "the report is wrong"
        nothing_is_left a.seep
    done
}

# Without a collector the ring fills; what finds no place is counted, and told by the one that goes on.
case_full_without_collector() { # 240 s
    traced a.seep :ring=256K "$TARGETS/killed" oracle
    let_work oracle 0.2
    kill_collector
    sleep 1.5
    "$SEEP" info a.seep >info.txt 2>info.err
    says_resumed info.err
    sleep 0.3
    kill -KILL "$traced"
    gone "$traced" 5
    wait_trace a.seep
    report_json a.seep >report.json 2>report.err
    python3 - oracle report.json <<'PY' || fail "the report is wrong"
import json, struct, sys
allocations, frees = struct.unpack("<QQ", open(sys.argv[1], "rb").read(16))
report = json.load(open(sys.argv[2]))
lost = {l["kind"]: l["count"] for l in report["trace"]["lost"]}
site = [s for s in report["sites"] if s["function"] == "site_until_killed"]
calls = sum(s["calls"] for s in site)
freed = calls - sum(s["unreleased_blocks"] for s in site)
told = calls + freed - lost.get("implicit-frees", 0) + lost.get("unknown-frees", 0) + lost.get("ring-full", 0)
print("oracle %d + %d, told %d: %s" % (allocations, frees, told, lost))
if lost.get("ring-full", 0) < 1000 or not allocations + frees <= told <= allocations + frees + 1:
    sys.exit("not all events are told of")
PY
}

case_two_reports_at_once() { # 240 s
    local n first
    for n in 1 2 3; do
        rm -f oracle a.seep
        traced a.seep '' "$TARGETS/killed_many" oracle 1 3
        let_work oracle 0.5
        kill_all
        report_json a.seep >first.json 2>first.err &
        first=$!
        report_json a.seep >second.json 2>second.err || fail "second: $?"
        wait $first || fail "first: $?"
        [ "$(cat first.err second.err | grep -c 'was killed')" -ge 1 ] || fail "nobody said it: $(cat first.err second.err)"
        has_all a.seep oracle
        same first.json second.json
        nothing_is_left a.seep
    done
}

# The trace is written again where there is room again.
case_no_room() { # 240 s
    local size
    traced a.seep '' "$TARGETS/killed_many" oracle 3 2
    let_work oracle 1
    kill_all
    size=$(stat -c %s a.seep)
    (
        ulimit -f $((size / 1024 + 1)) # KiB
        exec "$SEEP" info a.seep >info.txt 2>info.err
    ) || fail "no report at all: $(cat info.err)"
    has info.err '^seep-collect: cannot resume .*/a.seep: File too large; what the killed collector left behind is still there: try again$'
    has info.txt 'cut: its recorder did not end it'
    has_all a.seep oracle
    nothing_is_left a.seep
}

# From the start: then it goes on without, as it did before there were journals.
case_no_room_for_state() { # 240 s
    background said bash -c 'ulimit -f 1024; exec env LD_PRELOAD="$1" SEEP_OPTIONS="output=$2/a.seep:ring=256K" "$3" oracle' sh         "$LIBSEEP" "$PWD" "$TARGETS/killed"
    let_work oracle 1
    n=200
    while [ -e a.seep.state ]; do
        n=$((n - 1))
        [ $n -gt 0 ] || fail "there was room: $(ls -la)"
        sleep 0.05
    done
    kill -KILL "$background_pid"
    gone "$background_pid" 5
    wait_trace a.seep
    has_all a.seep oracle
    "$SEEP" info a.seep >info.txt
    has info.txt '^note +for some time what a killed collector leaves behind could not be kept \(File too large\)'
    nothing_is_left a.seep
}

# A folder in which nothing can be removed, for somebody who is not root.
case_read_only_folder() { # 240 s
    local as=()
    [ "$(id -u)" != 0 ] || as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
    place=$(mktemp -d /tmp/seep-case-XXXXXX)
    [ "$(id -u)" != 0 ] || chown nobody "$place"
    cp "$SEEP" "$BUILD/seep-collect" "$LIBSEEP" "$TARGETS/killed_many" "$place"
    background said setsid "${as[@]}" env LD_PRELOAD="$place/libseep.so" SEEP_OPTIONS="output=$place/a.seep" "$place/killed_many" "$place/oracle" 1 2
    traced=$background_pid
    let_work "$place/oracle" 0.5
    collector=$(pgrep -n -f "^seep-collect .*$place/a.seep" || true)
    [ -n "$collector" ] || fail "no collector"
    kill -KILL -- "-$traced" "$collector"
    gone "$traced" 5
    gone "$collector" 5
    chmod 555 "$place"
    "${as[@]}" "$place/seep" report --format json --stacks 1000000 "$place/a.seep" >report.json 2>report.err || fail "$?: $(cat report.err)"
    says_resumed report.err
    python3 "$LIB/compare_oracle.py" "$place/oracle" report.json || fail "the report is wrong"
    [ -e "$place/a.seep.state" ] && [ ! -s "$place/a.seep.state" ] || fail "state: $(ls -la "$place")"
    "${as[@]}" "$place/seep" info "$place/a.seep" >info.txt 2>info.err
    [ ! -s info.err ] || fail "again: $(cat info.err)"
    rm -rf "$place"
}

# Root reads what another user has recorded: the collector works as that user.
case_of_another_user() {
    [ "$(id -u)" = 0 ] || skip "needs root"
    place=$(mktemp -d /tmp/seep-case-XXXXXX)
    chown nobody "$place"
    chmod 755 "$place"
    cp "$SEEP" "$BUILD/seep-collect" "$LIBSEEP" "$TARGETS/killed_many" "$place"
    background said setsid setpriv --reuid=nobody --regid=nogroup --clear-groups env LD_PRELOAD="$place/libseep.so" \
        SEEP_OPTIONS="output=$place/a.seep" "$place/killed_many" "$place/oracle" 1 2 5000
    let_work "$place/oracle" 0.3
    collector=$(pgrep -n -f "^seep-collect .*$place/a.seep")
    kill -KILL "$collector"
    gone "$collector" 5
    "$place/seep" info "$place/a.seep" >info.txt 2>info.err
    says_resumed info.err
    collector=$(pgrep -n -f "^seep-collect --resume $place/a.seep")
    [ "$(stat -c %U "/proc/$collector")" = nobody ] || fail "it runs as $(stat -c %U "/proc/$collector")"
    kill -KILL "$background_pid"
    gone "$collector" 10
    "$place/seep" report --format json --stacks 1000000 "$place/a.seep" >report.json 2>report.err
    python3 "$LIB/compare_oracle.py" "$place/oracle" report.json || fail "the report is wrong"
    rm -rf "$place"
}

case_refusals() { # 240 s
    traced a.seep '' "$TARGETS/killed_many" oracle 1 2
    let_work oracle 0.2
    kill_all
    status_of 2 "$BUILD/seep-collect" --resume b.seep 2>err
    one_line err '^seep-collect: cannot resume b.seep: No such file or directory$'
    cp a.seep b.seep
    status_of 2 "$BUILD/seep-collect" --resume b.seep 2>err
    one_line err '^seep-collect: cannot resume .*/b.seep: there is nothing to go on with: .*b.seep.state is not there$'
    cp a.seep.state b.seep.state
    status_of 2 "$BUILD/seep-collect" --resume b.seep 2>err
    one_line err '^seep-collect: cannot resume .*/b.seep: .*b.seep.state: it belongs to another file: the trace is a copy, or has been replaced$'
    cp b.seep b.before
    "$SEEP" info b.seep >info.txt 2>info.err || fail "no report: $(cat info.err)"
    cmp b.seep b.before || fail "the copy has been changed"
    mkdir away
    mv a.seep.ring-* away
    status_of 2 "$BUILD/seep-collect" --resume a.seep 2>err
    one_line err '^seep-collect: cannot resume .*/a.seep: .*: the ring of process [0-9]+: No such file or directory$'
    mv away/* .
    (
        flock 9
        status_of 2 "$BUILD/seep-collect" --resume a.seep 2>err
        one_line err '^seep-collect: cannot resume .*/a.seep: it is being written$'
    ) 9<a.seep
    head -c 5000 /dev/urandom >>a.seep # what was written and not committed
    status_of 0 "$BUILD/seep-collect" --resume a.seep >out 2>err
    [ ! -s err ] && [ ! -s out ] || fail "it said: $(cat out err)"
    has_all a.seep oracle
    [ "$(json report.json '.trace.damage | length')" = 0 ] || fail "$(json report.json .trace.damage)"
    [ ! -s report.err ] || fail "$(cat report.err)"
}

# Any byte of the state, any end of it: it is refused, and nothing is changed.
case_damage() { # 600 s
    traced a.seep :ring=256K "$TARGETS/killed_many" oracle 1 2 3000
    let_work oracle 0.4
    kill_all
    python3 "$LIB/damaged_state.py" "$BUILD/asan/seep-collect" "$BUILD/asan/seep" a.seep 500 $RANDOM || fail "damage"
    has_all a.seep oracle # the ring was not changed by all this
}

# Where OpenSSL allocated and freed is counted beside the events: nothing of it is lost, and nothing told twice.
case_openssl_tags() { # 300 s
    local n
    for n in whole a; do
        traced $n.seep :ring=1G "$TARGETS/openssl_calls" random=5000000
        later 10 test -s $n.seep.state
        while [ $n = a ] && [ -d "/proc/$traced" ]; do
            collector=$(pgrep -n -f "^seep-collect .*$PWD/a.seep" || true) # none where the program has just ended
            [ -z "$collector" ] || kill -KILL "$collector" || true
            "$SEEP" info a.seep >info.txt 2>info.err || true
        done
        gone "$traced" 60
        wait_trace $n.seep
        report_json $n.seep >report.json 2>report.err
        [ "$(json report.json .trace.lost_events)" = 0 ] || fail "lost: $(json report.json .trace.lost)"
        json report.json '.sites | walk(if type == "object" then del(.oldest_seconds, .newest_seconds, .address) else . end)' >$n.sites
    done
    [ "$(json report.json '.trace.notes | length')" -gt 0 ] || fail "it was not killed"
    has a.sites '"freed"'
    same whole.sites a.sites
    nothing_is_left a.seep
}

# By hand, with processes that are alive: it goes on in the background.
case_by_hand() {
    traced a.seep '' "$TARGETS/killed_many" oracle 1 2 3000
    let_work oracle 0.2
    kill_collector
    status_of 0 "$BUILD/seep-collect" --resume a.seep >out 2>err
    one_line out '^recording goes on in .*/a.seep$'
    [ ! -s err ] || fail "$(cat err)"
    find_collector
    "$SEEP" info a.seep >info.txt 2>err
    [ ! -s err ] || fail "$(cat err)"
    has info.txt 'still being recorded'
    kill -KILL "$traced"
    gone "$traced" 5
    wait_trace a.seep
    has_all a.seep oracle
    nothing_is_left a.seep
}

# `seep run` itself reads the trace at the end.
case_under_run() {
    background said "$SEEP" run -o a.seep -- "$TARGETS/killed_many" oracle 1 2 3000
    let_work oracle 0.2
    kill_collector
    pid=$(pgrep -P "$background_pid" -x killed_many)
    kill -KILL "$pid"
    status_of 137 wait "$background_pid"
    has said '^seep: a.seep: its collector was killed; another one goes on with what it left behind$'
    has said '^seep: trace in a.seep: .* 0 events lost; read it with'
    has_all a.seep oracle
    nothing_is_left a.seep
}

# What starts while no collector runs is not traced, and that is told.
case_missed_processes() { # 240 s
    cat >script <<'SH'
echo ready
while [ ! -e go ]; do sleep 0.05; done
/bin/true
(exit 3)
while [ ! -e end ]; do sleep 0.05; done
SH
    traced a.seep '' sh script
    later 10 grep -q ready said
    kill_collector
    for _ in $(seq 60); do # until process 1 has taken its status
        [ ! -d "/proc/$collector" ] || sleep 0.05
    done
    touch go
    sleep 0.5
    "$SEEP" info a.seep >info.txt 2>info.err
    says_resumed info.err
    touch end
    gone "$traced" 10
    wait_trace a.seep
    report_json a.seep >report.json 2>report.err
    # Where nobody takes the killed collector's status, its id is still taken, and they believe that it reads them: then they are in the report.
    jq -r '([.trace.lost[] | select(.kind == "untraced-execs").count] | add // 0) +
        ([.processes[] | select(.command == "/bin/true")] | length) >= 1' report.json >jq.out
    jq -r '([.trace.lost[] | select(.kind == "untraced-forks").count] | add // 0) +
        ([.processes[] | select(.origin == "fork" and .exit == 3)] | length) >= 1' report.json >>jq.out
    [ "$(sort -u jq.out)" = true ] || fail "$(cat jq.out) $(json report.json .trace.lost) $(json report.json '.processes[].command')"
}
