# marks.sh - marks: the program's own and those from outside stand among the events where they belong.
# shellcheck shell=bash disable=SC2154,SC2016

marks=$TARGETS/marks

# marked TRACE [--exact]: at each mark that is alive which the program says is.
marked() {
    python3 "$LIB/compare_marks.py" "$1" books "${@:2}" >compared || fail "the marks are wrong"
}

# The figures of the whole are what they are without marks.
passes() { # TRACE
    report_json "$1" >report.json 2>report.err || fail "seep report: exit status $?"
    [ "$(json report.json .trace.lost_events)" = 0 ] || fail "lost: $(json report.json .trace.lost)"
    [ "$(json report.json .trace.complete)" = true ] || fail "not complete"
    no_leftovers
}

# own_marks [--seep-run-option…] -- ARGUMENTS…: run it, compare.
own_marks() {
    local options=()
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    rm -f a.seep books
    BOOKS=$PWD/books "$SEEP" run "${options[@]}" -o a.seep -- "$marks" "$@" >out 2>err || fail "exit status $?: $(cat err)"
    passes a.seep
}

n_marks() { # TRACE
    "$SEEP" info "$1" | sed -n 's/^stacks .*, marks \([0-9]*\)$/\1/p'
}

case_own() {
    own_marks -- own 200
    marked a.seep --exact
    own_marks -- threads 100
    marked a.seep --exact
    own_marks --seccomp -- own 200
    marked a.seep --exact
}

# In strict mode any system call but read, write and exit would end it.
case_confined() {
    rm -f a.seep books
    BOOKS=$PWD/books "$SEEP" run --seccomp -o a.seep -- "$marks" confined 200 >out 2>err || fail "exit status $?: $(cat err)"
    marked a.seep --exact
}

case_forks() {
    own_marks -- forks 30
    marked a.seep
    [ "$(n_marks a.seep)" = 150 ] || fail "$(n_marks a.seep) marks, must be 150"
    "$SEEP" info --format json a.seep >info.json
    [ "$(json info.json '[.marks[] | select(.name == "both")] | length')" = 60 ] || fail "a name is lost that parent and child use"
}

# Of what is not released, the report says behind which marks it was allocated; also where it is folded, and after a killed collector.
case_births() {
    local how
    for how in '' '--limit 1M' '--seccomp'; do
        rm -f a.seep
        # shellcheck disable=SC2086
        "$SEEP" run $how -o a.seep -- "$TARGETS/mark_births" 400 7 >books 2>err || fail "exit status $?"
        report_json a.seep >report.json 2>report.err
        json report.json '.sites[] | select(.function | startswith("site_")) | .function as $f | .allocated_behind[] |
            "\($f) \(.mark) \(.unreleased_blocks) \(.unreleased_bytes)"' | sort >told
        sort books >wanted
        [ -s wanted ] && same told wanted
    done
    json report.json '.sites[].allocated_behind[] | select(.mark > 0) | .mark as $m |
        select(.name != "\(["a", "b", "c"][$m % 3])#\(($m + 2) / 3 | floor)")' >misnamed
    [ ! -s misnamed ] || fail "$(cat misnamed)"
    "$SEEP" report a.seep >text 2>report.err
    has text '^  allocated (behind mark [abc]#[0-9]+|before the first mark) [0-9.]+K?B?, .* and behind [0-9]+ more marks$'
}

case_handler() {
    own_marks -- handler 300
    [ "$(n_marks a.seep)" = 300 ] || fail "$(n_marks a.seep) marks, must be 300"
}

case_sampled() {
    own_marks --sample 64K -- own 200
    [ "$(n_marks a.seep)" = 200 ] || fail "$(n_marks a.seep) marks, must be 200"
}

# Marks without events make no file blocks.
case_ten_thousand() {
    own_marks -- many 10000 1
    [ "$(n_marks a.seep)" = 10000 ] || fail "$(n_marks a.seep) marks, must be 10000"
    python3 "$LIB/trace_read.py" a.seep >read.json || fail "trace_read.py: $?"
    own_marks -- many 10000 2500
    [ "$(n_marks a.seep)" = 10000 ] || fail "$(n_marks a.seep) marks, must be 10000"
    "$SEEP" info --format json a.seep >info.json
    [ "$(json info.json .contents.event_blocks)" = 4 ] || fail "$(json info.json .contents.event_blocks) blocks of events"
    [ "$(json info.json .contents.record_blocks)" -lt 100 ] || fail "$(json info.json .contents.record_blocks) blocks of records"
}

case_names() {
    own_marks -- names
    PYTHONPATH=$LIB python3 - a.seep <<'PY'
import sys
import trace_read
names = [r["name"] for name, r in trace_read.read_trace(sys.argv[1])["records"] if name == "MARK"]
wanted = [""] * 4 + ["x" * 254 + "y", bytes(range(1, 256)).decode("utf-8", "backslashreplace"), "end"]
if names != wanted:
    sys.exit("the names are %r" % names)
PY
}

# What is folded keeps its marks, and infos the interval that they are of.
case_folded() { # 240 s
    own_marks --limit 1M -- own 6000
    [ "$(json report.json .trace.folded.events)" -gt 1000 ] || fail "nothing has been folded"
    marked a.seep --exact
    [ "$(n_marks a.seep)" = 6000 ] || fail "$(n_marks a.seep) marks, must be 6000"
}

# A collector is killed; the next one goes on with the marks where that one stopped.
case_resumed() { # 240 s
    local n
    for n in 1 2 3 4; do
        rm -f a.seep* books
        background said env BOOKS="$PWD/books" LD_PRELOAD="$LIBSEEP" SEEP_OPTIONS="output=$PWD/a.seep" "$marks" own 1500 1000
        later 10 test -s books
        sleep "0.$((RANDOM % 10))$((RANDOM % 10))"
        find_collector
        kill -KILL "$collector"
        gone "$collector" 5
        "$SEEP" info a.seep >info.txt 2>info.err
        has info.err 'another one goes on with what it left behind'
        gone "$background_pid" 60 || fail "it does not end"
        wait_trace a.seep
        marked a.seep --exact
        passes a.seep
    done
}

# ---- from outside ----

# steps CHILDREN [seep-run-option…]: the program and its children stand still until `step`.
steps() {
    local children=$1
    shift
    rm -f a.seep* books go out
    mkfifo go
    background out env BOOKS="$PWD/books" bash -c 'exec "$@" <go' steps "$SEEP" run "$@" -o a.seep -- "$marks" steps "$children"
    exec 7>go
    later 10 grep -q ready out
    n_steps=0
    # shellcheck disable=SC2207 # numbers
    children_pids=($(awk '$1 == "child" { print $2 }' out))
    parent=$(awk '$1 == "parent" { print $2 }' out)
}

still() {
    [ "$(grep -c still out)" = "$1" ]
}

step() {
    printf g >&7
    n_steps=$((n_steps + 1))
    later 20 still $n_steps
}

end_steps() {
    exec 7>&-
    gone "$background_pid" 20 || fail "it does not end"
    passes a.seep
}

mark() { # PID NAME
    "$SEEP" mark "$@" >marked 2>mark.err || fail "seep mark: exit status $?: $(cat mark.err)"
    one_line marked "^mark $2, number [0-9]+, at [0-9]+\.[0-9]{3} s of $PWD/a.seep\$"
    [ ! -s mark.err ] || fail "$(cat mark.err)"
}

# All processes stand still; a mark by any of them is exact for all.
case_outside() { # 120 s
    local options n
    for options in '' --seccomp; do
        # shellcheck disable=SC2086 # one word or none
        steps 4 $options
        for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
            step
            mark "$([ $((n % 5)) = 0 ] && echo "$parent" || echo "${children_pids[n % 5 - 1]}")" step
            has marked "number $n,"
        done
        end_steps
        marked a.seep --exact
    done
}

# Files that the program maps, and the trace's own path, may be called like rings.
case_called_like_a_ring() {
    local script
    mkdir x.ring-1-2
    script='import mmap, sys, time
others = []
for name in "a.ring-", "a.ring-0", "a.ring-1-x":
    with open(name, "w+b") as f:
        f.truncate(65536)
        others.append(mmap.mmap(f.fileno(), 65536))
print(len(others), flush=True)
time.sleep(60)'
    background out env LD_PRELOAD="$LIBSEEP" SEEP_OPTIONS="output=$PWD/x.ring-1-2/b.ring-3.seep" "$PYTHON" -c "$script"
    later 10 grep -q 3 out
    "$SEEP" mark "$background_pid" here >marked 2>mark.err || fail "seep mark: exit status $?: $(cat mark.err)"
    one_line marked "^mark here, number 1, at [0-9.]+ s of $PWD/x.ring-1-2/b\.ring-3\.seep\$"
    "$SEEP" doctor "$background_pid" >doctor.txt
    has doctor.txt "the trace is $PWD/x.ring-1-2/b\.ring-3\.seep\$"
    stop "$background_pid"
    wait_trace x.ring-1-2/b.ring-3.seep
}

# The first process has ended, others of its tree live on.
case_first_has_ended() {
    rm -f a.seep* out
    background out env LD_PRELOAD="$LIBSEEP" SEEP_OPTIONS="output=$PWD/a.seep" bash -c '(echo $BASHPID >child; exec sleep 30) & sleep 0.3; exit 0'
    gone "$background_pid" 10 || fail "it does not end"
    later 10 test -s child
    child=$(cat child)
    mark "$child" later
    kill "$child"
    wait_trace a.seep
    [ "$(n_marks a.seep)" = 1 ] || fail "$(n_marks a.seep) marks"
}

# Many ask at the same time: each has a mark of its own.
case_many_askers() {
    local n pids=
    steps 2
    step
    for n in $(seq 40); do
        "$SEEP" mark "$parent" "asker$n" >"marked$n" 2>"mark.err$n" &
        pids="$pids $!"
    done
    for n in $pids; do
        wait "$n" || fail "seep mark: exit status $?: $(cat mark.err*)"
    done
    end_steps
    [ "$(n_marks a.seep)" = 40 ] || fail "$(n_marks a.seep) marks, must be 40"
    [ "$(cat marked* | sed 's/.*number \([0-9]*\),.*/\1/' | sort -n | tr '\n' ' ')" = "$(seq 40 | tr '\n' ' ')" ] || fail "$(cat marked*)"
    "$SEEP" info --format json a.seep >info.json
    for n in $(seq 40); do
        has "marked$n" "number $(json info.json ".marks[] | select(.name == \"asker$n\").number"),"
    done
}

# Askers that are killed before they fetch their answers do not keep others from asking.
case_askers_are_killed() {
    local n asker
    steps 0
    step
    for n in $(seq 12); do
        find_collector
        kill -STOP "$collector"
        "$SEEP" mark "$parent" "asker$n" >/dev/null 2>&1 &
        asker=$!
        sleep 0.1 # it has asked, or has found no place
        kill -KILL "$asker"
        kill -CONT "$collector"
    done 2>/dev/null
    mark "$parent" last
    end_steps
    "$SEEP" info a.seep >info.txt
    has info.txt '^mark +[0-9]+ last, '
}

refused() { # STATUS REGEX ARGUMENTS…
    status_of "$1" "$SEEP" mark "${@:3}" >mark.out 2>mark.err
    one_line mark.err "$2"
    [ ! -s mark.out ] || fail "it says: $(cat mark.out)"
}

case_refused() { # 120 s
    local pid
    refused 2 'wants a process id and a name'
    refused 2 'wants a process id and a name' 1
    refused 2 'wants a process id first' nginx reload
    refused 2 'wants a process id first' 0 reload
    refused 2 'one PID and one NAME' 1 reload again
    refused 2 'the name is empty' 1 ''
    refused 2 'a name has 255 bytes at most' 1 "$(printf '%256s' x)"
    refused 2 '[-]-wait: not a number' --wait never 1 reload
    refused 2 '[-]-wait must be at least 1' --wait 0 1 reload
    refused 2 'cannot make sense of' --nonsense 1 reload
    refused 3 'there is none$' 2147483647 reload
    background sleeping sleep 60
    refused 3 'it is not traced; start it with seep run$' "$background_pid" reload
    # A zombie: its parent does not ask.
    background zombie "$PYTHON" -c 'import os, time
pid = os.fork()
if pid == 0:
    os._exit(0)
print(pid, flush=True)
time.sleep(60)'
    later 10 test -s zombie
    pid=$(cat zombie)
    later 10 grep -q '^State:.*Z' "/proc/$pid/status"
    refused 3 'it has ended$' "$pid" reload
    # Loaded, and told to record nothing.
    background off env LD_PRELOAD="$LIBSEEP" SEEP_OPTIONS=off sleep 60
    later 10 grep -q libseep "/proc/$background_pid/maps"
    refused 3 'libseep.so is loaded there and records nothing; see seep doctor' "$background_pid" reload

    steps 0
    pid=$parent
    mark "$pid" reload
    # Another build.
    local ring
    ring=$(ls a.seep.ring-*)
    printf '\143' | dd of="$ring" bs=1 seek=8 conv=notrunc 2>/dev/null
    refused 3 'recorded by another build of seep \(its ring is of version 99, ' "$pid" reload
    printf '\013' | dd of="$ring" bs=1 seek=8 conv=notrunc 2>/dev/null
    mark "$pid" reload
    # Somebody else's.
    if [ "$(id -u)" = 0 ]; then
        cp "$SEEP" /tmp/seep-marks-$$
        chmod 755 /tmp/seep-marks-$$
        status_of 3 setpriv --reuid 65534 --clear-groups /tmp/seep-marks-$$ mark "$pid" reload >mark.out 2>mark.err || {
            rm -f /tmp/seep-marks-$$
            fail "another user"
        }
        rm -f /tmp/seep-marks-$$
        one_line mark.err 'it belongs to user 0; ask as that user or as root$'
    fi
    # Its collector stands still, and goes on.
    find_collector
    kill -STOP "$collector"
    refused 3 'did not answer within 1 s; there is no mark$' --wait 1 "$pid" stopped
    kill -CONT "$collector"
    mark "$pid" reload
    kill -KILL "$collector"
    gone "$collector" 5
    refused 3 'its collector was killed; seep info or report' "$pid" killed
    "$SEEP" info a.seep >info.txt 2>info.err
    mark "$pid" reload
    has marked 'number 4,'
    end_steps
    "$SEEP" info a.seep >info.txt
    has info.txt '^mark +4 reload#4, [0-9.]+ s$'
    has_not info.txt '^mark .*(stopped|killed)'
}

# A collector is killed while somebody asks: the mark is there once, whoever answered.
case_killed_while_asking() { # 120 s
    local n i status killer asker
    for n in 1 2 3 4 5 6; do
        steps 1
        find_collector
        rm -f attached
        "$TARGETS/kill_at" "$collector" pwrite "$n" >attached 2>&1 &
        killer=$!
        later 10 test -s attached
        for i in 1 2 3 4 5 6 7 8; do
            "$SEEP" mark --wait 20 "$parent" "asked$i" >"mark.out$i" 2>"mark.err$i" &
            asker=$!
            until gone $asker 0 || gone "$collector" 0; do
                sleep 0.02
            done
            ! gone "$collector" 0 || break
            wait $asker
        done
        gone "$collector" 5 || fail "it was not killed at write $n"
        "$SEEP" info a.seep >info.txt 2>info.err
        status=0
        wait $asker || status=$?
        wait $killer
        end_steps
        "$SEEP" info --format json a.seep >info.json
        if [ $status != 0 ]; then # it was killed before that one asked
            has "mark.err$i" 'its collector was killed; seep info or report of the trace starts another one$'
            i=$((i - 1))
        fi
        json info.json '.marks[].name' >names
        seq -f 'asked%g' "$i" >wanted
        same wanted names
    done
}

# ---- the header, and others who call the function ----

# with COMPILER FILE FLAGS…: the program says what it does, marks itself where it is traced, and is none the worse where it is not.
with() {
    rm -f a.seep program
    "$1" -Wall -Wextra -Wpedantic -Wshadow -Wcast-qual -Werror -I"$ROOT/include" -o program "$2" "${@:3}" 2>cc.err || fail "$*: $(head -5 cc.err)"
    [ "$(./program)" = "did it" ] || fail "$*: it does not run alone"
    "$SEEP" run -o a.seep -- ./program >out 2>err || fail "$*: exit status $?"
    [ "$("$SEEP" info --format json a.seep | jq -r '[.marks[].name] | join(" ")')" = "one two" ] || fail "$*: $("$SEEP" info a.seep | grep '^mark')"
}

case_header() { # 120 s
    local cc o how
    printf '%s\n' '#include <seep.h>' '#include <stdio.h>' 'int main(void) {' '    seep_mark("one");' \
        '    if (0) seep_mark("never"); else seep_mark("two");' '    puts("did it");' '    return 0;' '}' >program.c
    cp program.c program.cc
    for cc in gcc clang g++ clang++; do
        command -v $cc >/dev/null || continue
        for o in -O0 -O2; do
            for how in '-fPIE -pie' '-fno-pie -no-pie' '-fPIC -no-pie' '-fPIE -pie -fno-plt -Wl,-z,now'; do
                # shellcheck disable=SC2086 # words
                with $cc "program.$([ "${cc%++}" = $cc ] && echo c || echo cc)" $o $how
            done
        done
    done
}

case_header_in_a_library() {
    printf '%s\n' '#include <seep.h>' 'void in_library(void);' 'void in_library(void) { seep_mark("one"); }' >library.c
    printf '%s\n' '#include <seep.h>' '#include <stdio.h>' 'void in_library(void);' \
        'int main(void) { in_library(); seep_mark("two"); puts("did it"); return 0; }' >program.c
    gcc -Wall -Wextra -Werror -I"$ROOT/include" -shared -fPIC -o liblibrary.so library.c
    with gcc program.c -L. -llibrary "-Wl,-rpath,$PWD"
    with gcc program.c -fno-pie -no-pie -L. -llibrary "-Wl,-rpath,$PWD"
}

# three_marks COMMAND…: it runs alone as well, and marks three times.
three_marks() {
    timeout 60 "$@" >alone 2>err || fail "it does not run alone: $(cat err)"
    rm -f a.seep
    timeout 100 "$SEEP" run -o a.seep -- "$@" >out 2>err || fail "exit status $?: $(cat err)"
    same out alone
    "$SEEP" info a.seep >info.txt
    has info.txt '^mark +3 reload#3, [0-9.]+ s$'
    [ "$(n_marks a.seep)" = 3 ] || fail "$(n_marks a.seep) marks"
}

case_rust() {
    rustc -O -o mark_from_rust "$ROOT/tests/targets/mark_from_rust.rs" 2>rustc.log || fail "$(cat rustc.log)"
    three_marks ./mark_from_rust
}

case_java() { # 240 s
    local java version n=0
    for java in /usr/lib/jvm/*/bin/java; do
        if [ ! -x "$java" ] || [ -L "${java%/bin/java}" ]; then
            continue
        fi
        version=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
        if [ "${version:-0}" -ge 22 ]; then
            three_marks "$java" --enable-native-access=ALL-UNNAMED "$ROOT/tests/targets/MarkFromJava.java"
        elif [ "${version:-0}" = 17 ]; then
            three_marks "$java" --add-modules jdk.incubator.foreign --enable-native-access=ALL-UNNAMED "$ROOT/tests/targets/MarkFromJava17.java"
        else
            continue
        fi
        n=$((n + 1))
    done
    [ $n != 0 ] || fail "there is neither Java 17 nor a later one than 21: scripts/deps test"
}

case_python() {
    local call='import ctypes; getattr(ctypes.CDLL(None), "seep_mark", lambda name: None)(b"reload")'
    "$PYTHON" -S -c "$call" || fail "it does not run alone"
    "$SEEP" run -o a.seep -- "$PYTHON" -S -c "$call;ctypes.CDLL(None).seep_mark('ü\n'.encode())" 2>err || fail "exit status $?"
    "$SEEP" info a.seep >info.txt
    has info.txt '^mark +1 reload, [0-9.]+ s$'
    has info.txt '^mark +2 ü\?, [0-9.]+ s$'
}

case_installed() {
    make -s -C "$ROOT" BUILD="$BUILD" install DESTDIR="$PWD/to" PREFIX=/usr >make.out 2>&1 || fail "$(tail -3 make.out)"
    cmp to/usr/include/seep.h "$ROOT/include/seep.h"
}
