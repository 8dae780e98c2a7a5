# sudden_end.sh - programs that are killed: the report has everything up to then.
# shellcheck shell=bash disable=SC2154

# The oracle file holds how many allocations and frees the program has done; it counts right after each.
agrees_with_oracle() { # TRACE ORACLE
    wait_trace "$1"
    report_json "$1" >report.json 2>report.err
    python3 - "$2" report.json <<'PY'
import json, struct, sys
allocations, frees = struct.unpack("<QQ", open(sys.argv[1], "rb").read(16))
report = json.load(open(sys.argv[2]))
calls = sum(s["calls"] for s in report["sites"] if s["function"] == "site_until_killed")
blocks = sum(s["unreleased_blocks"] for s in report["sites"] if s["function"] == "site_until_killed")
print("oracle %d - %d, report %d calls, %d blocks" % (allocations, frees, calls, blocks))
if report["trace"]["lost_events"]:
    sys.exit("events lost")
if not allocations <= calls <= allocations + 1:
    sys.exit("calls")
if not frees <= calls - blocks <= frees + 1:
    sys.exit("frees")
if allocations < 1000:
    sys.exit("this tested nothing")
PY
}

# Until the program has done some work; then SECONDS more.
let_work() { # ORACLE SECONDS
    local n=500
    until [ -s "$1" ] && [ "$(od -An -tu8 -N8 "$1" | tr -d ' ')" -gt 2000 ]; do
        n=$((n - 1))
        [ $n -gt 0 ] || fail "the program does not work"
        sleep 0.01
    done
    sleep "$2"
}

case_sigkill_under_run() {
    background log "$SEEP" run -o a.seep -- "$TARGETS/killed" oracle
    let_work oracle 0.5
    pid=$(pgrep -P "$background_pid" -x killed || true)
    [ -n "$pid" ] || fail "the program does not run"
    kill -KILL "$pid"
    status_of 137 wait "$background_pid"
    agrees_with_oracle a.seep oracle
    [ "$(json report.json '.trace.complete')" = true ] || fail "not complete"
    "$SEEP" info a.seep >info.txt
    has info.txt 'signal 9|SIGKILL|Killed|killed'
}

case_sigkill_bare() {
    for delay in 0 0.1 0.4; do
        rm -f oracle
        background log env "LD_PRELOAD=$LIBSEEP" "SEEP_OPTIONS=output=a$delay.seep" "$TARGETS/killed" oracle
        let_work oracle $delay
        kill -KILL "$background_pid"
        gone "$background_pid" 5
        agrees_with_oracle a$delay.seep oracle
    done
}

case_each_way_to_end() {
    for how in kill abort segv _exit; do
        rm -f oracle native
        native=0 traced=0
        (ulimit -c 0 && exec "$TARGETS/killed" native 20000 $how) 2>/dev/null || native=$?
        (ulimit -c 0 && exec env LD_PRELOAD="$LIBSEEP" SEEP_OPTIONS=output=$how.seep "$TARGETS/killed" oracle 20000 $how) || traced=$?
        [ $native = $traced ] || fail "$how: exit status $traced, must be $native"
        cmp -n 16 native oracle || fail "$how: the program did something else"
        agrees_with_oracle $how.seep oracle
    done
}

case_processor_time_limit() {
    status=0
    (ulimit -c 0 && ulimit -t 1 && exec env LD_PRELOAD="$LIBSEEP" SEEP_OPTIONS=output=a.seep "$TARGETS/killed" oracle) || status=$?
    [ $status -gt 128 ] || fail "exit status $status"
    agrees_with_oracle a.seep oracle
}

# Nobody may raise the limit: the collector has it as well, and uses more than that for two programs.
case_processor_time_limit_of_all() {
    local place without_rights=()
    place=$(mktemp -d /tmp/seep-case-XXXXXX)
    if [ "$(id -u)" = 0 ]; then
        without_rights=(setpriv --reuid=nobody "--regid=$(id -g nobody)" --clear-groups --bounding-set=-all)
        chown nobody "$place"
    fi
    cp "$LIBSEEP" "$BUILD/seep-collect" "$TARGETS/killed" "$place"
    # shellcheck disable=SC2016
    (ulimit -c 0 && ulimit -t 1 && exec "${without_rights[@]}" env "LD_PRELOAD=$place/libseep.so" "SEEP_OPTIONS=output=$place/a.seep" \
        sh -c 'cd "$1" && ./killed first & "$1/killed" "$1/second" & wait' sh "$place")
    later 30 is_complete "$place/a.seep"
    mv "$place/a.seep" .
    rm -rf "$place"
    report_json a.seep >report.json 2>report.err
    [ "$(json report.json '.trace.collector.cpu_seconds > 1')" = true ] || fail "the collector had little to do"
    [ "$(json report.json .trace.lost_events)" = 0 ] || fail "events lost"
}

is_complete() { # TRACE
    "$SEEP" info --format json "$1" 2>/dev/null | jq -e .trace.complete >/dev/null
}

# The kernel ends what takes too much memory of a container; the collector lives in there as well.
case_memory_limit_of_a_container() { # 240 s
    local status=0
    if [ -w /sys/fs/cgroup/cgroup.procs ]; then
        group=/sys/fs/cgroup/seep-case-$$
        mkdir "$group" 2>/dev/null && echo 96M 2>/dev/null >"$group/memory.max"
    else
        group=/sys/fs/cgroup/memory/seep-case-$$
        mkdir "$group" 2>/dev/null && echo 96M 2>/dev/null >"$group/memory.limit_in_bytes"
    fi || {
        rmdir "$group" 2>/dev/null || true
        skip "no control group for memory can be made here"
    }
    trap 'end_of_case; rmdir "$group" 2>/dev/null || true' EXIT
    # shellcheck disable=SC2016
    (ulimit -c 0 && exec sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" \
        env LD_PRELOAD="$LIBSEEP" SEEP_OPTIONS=output=a.seep "$TARGETS/killed" oracle 1000000 memory) || status=$?
    [ "$status" = 137 ] || fail "exit status $status"
    agrees_with_oracle a.seep oracle
    [ "$(json report.json '.processes[0] | .exit')" = -9 ] || fail "its end: $(json report.json '.processes[0]')"
    later 10 rmdir "$group"
}

case_read_while_running() {
    background log env "LD_PRELOAD=$LIBSEEP" SEEP_OPTIONS=output=a.seep "$TARGETS/killed" oracle
    pid=$background_pid
    let_work oracle 0.5
    for _ in 1 2 3; do
        report_json a.seep >running.json 2>err
        [ "$(json running.json .trace.complete)" = false ] || fail "it cannot be complete while the program runs"
        sleep 0.2
    done
    [ "$(json running.json .totals.allocations)" -gt 1000 ] || fail "nothing in it"
    kill -KILL "$pid"
    gone "$pid" 5
    agrees_with_oracle a.seep oracle
}
