# trace_input.sh - seep reads what is no good trace: one line with file and offset, the right exit status, never a crash.
# shellcheck shell=bash disable=SC2154

make_trace() { # a small good one: good.seep
    status_of 3 "$SEEP" run -o good.seep -- "$TARGETS/plain" 2>err
}

unreadable() { # REGEX FILE
    local command
    for command in report info; do
        status_of 3 "$SEEP" $command "$2" >out 2>err
        one_line err "^seep: .*$1"
        has_not out . '^reading file' # which is the first line of a text report
    done
    status_of 3 "$SEEP" report --format json "$2" >out 2>err
    [ ! -s out ] || fail "something on stdout"
}

case_no_trace() {
    unreadable 'nowhere\.seep' nowhere.seep
    mkdir folder.seep
    unreadable 'folder\.seep' folder.seep
    : >empty.seep
    unreadable 'empty\.seep' empty.seep
    printf 'SEE' >short.seep
    unreadable 'short\.seep' short.seep
    cp "$SEEP" foreign.seep
    unreadable 'foreign\.seep.*not a' foreign.seep
    head -c 100000 /dev/urandom >noise.seep
    unreadable 'noise\.seep' noise.seep
    head -c 100000 /dev/zero >zero.seep
    unreadable 'zero\.seep' zero.seep
}

case_unreadable_file() {
    make_trace
    mkdir -p "$PWD/x"
    if [ "$(id -u)" = 0 ]; then
        place=$(mktemp -d /tmp/seep-case-XXXXXX)
        trap 'rm -rf "$place"; end_of_case' EXIT
        cp "$SEEP" good.seep "$place/"
        chmod 755 "$place" "$place/seep"
        status_of 3 setpriv --reuid=nobody --regid=nogroup --clear-groups "$place/seep" report "$place/good.seep" >out 2>err
    else
        chmod 0 good.seep
        status_of 3 "$SEEP" report good.seep >out 2>err
    fi
    one_line err '^seep: .*good\.seep.*denied'
}

# Damage may have taken the record of a process.
case_process_without_a_record() {
    PYTHONPATH=$LIB python3 - <<'PY'
import trace_write
w = trace_write.TraceWriter()
w.start()
w.process(1, 43, 42, "/bin/x", ["x"], origin=1, came_from=0, inherited=(1, 2))
w.thread(0, 1, 43, "x")
w.process_end(7, 5, 1, 0)
w.alloc(0, "a", w.stack(w.root(1, 0), 0x5000), 10)
w.alloc(0, "b", w.stack(w.root(3, 0), 0x5000), 10)
w.end()
open("hole.seep", "wb").write(w.image())
PY
    for command in info report "report --format json"; do
        # shellcheck disable=SC2086 # words
        "$SEEP" $command hole.seep >out 2>err || fail "$command: exit status $?"
    done
}

# All of them, and one process is asked for; also where its record comes later than some of the events.
case_pid_without_a_record() {
    PYTHONPATH=$LIB python3 - <<'PY'
import trace_write
for name, is_late in (("none.seep", False), ("late.seep", True)):
    w = trace_write.TraceWriter()
    w.start()
    w.alloc(0, "a", w.stack(w.root(0, 0), 0x5000), 10)
    w.free(0, "a")
    w.flush_events()
    if is_late:
        w.process(0, 42, 1, "/bin/x", ["x"])
        w.thread(0, 0, 42, "x")
        w.alloc(0, "b", w.stack(w.root(0, 0), 0x5000), 100)
    w.end()
    open(name, "wb").write(w.image())
PY
    is_refused report 2 'none.seep: no process 42 in this trace' --pid 42 none.seep
    "$SEEP" report --format json --pid 42 late.seep >report.json 2>err
    [ "$(json report.json '.totals | [.allocations, .unreleased_bytes] | @csv')" = 1,100 ] || fail "$(json report.json .totals)"
}

case_newer() {
    make_trace
    cp good.seep newer.seep
    printf '\5' | dd of=newer.seep bs=1 seek=8 conv=notrunc status=none
    unreadable 'newer\.seep.*(version|format).*5' newer.seep
    cp good.seep minor.seep # a higher minor version is readable
    printf '\7' | dd of=minor.seep bs=1 seek=10 conv=notrunc status=none
    report_json minor.seep | jq .totals >got
    report_json good.seep | jq .totals >wanted
    same got wanted
}

case_good() {
    make_trace
    for format in text json; do
        status_of 0 "$SEEP" report --format $format good.seep >out 2>err
        [ ! -s err ] || fail "stderr: $(cat err)"
        [ -s out ] || fail "no report"
    done
    status_of 0 "$SEEP" info good.seep >out 2>err
    [ ! -s err ] || fail "stderr: $(cat err)"
}

case_output_closed() {
    make_trace
    status=0
    "$SEEP" report good.seep >/dev/full 2>err || status=$?
    [ $status = 3 ] || fail "a full disk under the report: exit status $status"
    one_line err '^seep: '
    ("$SEEP" report good.seep 2>err || true) | head -1 >out
    has_not err 'Segmentation|Abort'
}

# damage.py SEEP TRACE HOW N: damaged copies must give exit status 0 or 3, a line for every 3, in time, and no signal.
case_cut() { # 240 s
    make_trace
    python3 "$LIB/damage.py" "$BUILD/asan/seep" good.seep cut 300
}

case_flipped() { # 240 s
    make_trace
    python3 "$LIB/damage.py" "$BUILD/asan/seep" good.seep flip 400
}

case_damage_is_told() {
    status_of 0 "$SEEP" run -o good.seep -- "$TARGETS/random_threads" 2 300000 1 2>err
    n=$(stat -c %s good.seep)
    head -c $((n / 2)) good.seep >cut.seep
    status_of 0 "$SEEP" report --format json cut.seep >cut.json 2>err
    one_line err '^seep: .*cut\.seep'
    [ "$(json cut.json .trace.complete)" = false ] || fail "a cut trace is not complete"
    [ "$(json cut.json .totals.allocations)" -gt 1000 ] || fail "nothing was read"
    cp good.seep hole.seep
    head -c 200 /dev/zero | dd of=hole.seep bs=1 seek=$((n / 2)) conv=notrunc status=none
    status_of 0 "$SEEP" report --format json hole.seep >hole.json 2>err
    one_line err '^seep: .*hole\.seep'
    [ "$(json hole.json '.trace.damage | length')" -gt 0 ] || fail "the damage is not in the report"
    "$SEEP" report hole.seep >text 2>/dev/null
    has text 'damage|could not be read|missing|unreadable'
}
