# case.sh - what behaviour cases are written with; tests/run sources it before a case.
# shellcheck shell=bash
#
# A case runs in a folder of its own (the current one) under `set -eu`; it fails by any command that fails, or by `fail`.
# Servers are started with `background` and are gone when the case ends, whatever happens.

ROOT=${ROOT:?run this by tests/run}
BUILD=${BUILD:?}
SEEP=$BUILD/seep
LIBSEEP=$BUILD/libseep.so
TARGETS=$BUILD/targets
LIB=$ROOT/tests/lib
PYTHON=/usr/bin/python3 # as a program to trace: what PATH finds may be a wrapper
export LC_ALL=C.UTF-8
unset SEEP_OPTIONS LD_PRELOAD DEBUGINFOD_URLS BOOKS
export SEEP LIBSEEP TARGETS LIB PYTHON
background_pids=

fail() {
    echo "FAIL: $*" >&2
    exit 1
}

# The case cannot say anything here; only for what no package can mend.
skip() {
    echo "$*" >skip-reason
    exit 77
}

# background LOG COMMAND…: start a server; its pid is in $background_pid.
background() {
    local log=$1
    shift
    : >"$log" # there from the start, also before the shell in the background has opened it
    "$@" >"$log" 2>&1 </dev/null &
    background_pid=$!
    background_pids="$background_pids $background_pid"
}

# gone PID SECONDS: wait that long at most for it to end. Works for any process, zombies count as gone.
gone() {
    local n=$(($2 * 20))
    while [ -d "/proc/$1" ] && ! grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null; do
        n=$((n - 1))
        [ $n -gt 0 ] || return 1
        sleep 0.05
    done
}

# stop PID [SIGNAL]: end a process that this case started; harder if it does not listen.
stop() {
    kill "-${2:-TERM}" "$1" 2>/dev/null || true
    gone "$1" 15 || {
        kill -KILL "$1" 2>/dev/null || true
        fail "process $1 did not end by ${2:-TERM}"
    }
}

# later SECONDS COMMAND…: until it says yes.
later() {
    local n=$(($1 * 20))
    shift
    until "$@" 2>/dev/null; do
        n=$((n - 1))
        [ $n -gt 0 ] || fail "it never came: $*"
        sleep 0.05
    done
}

# The collector that works for this case, in $collector.
# shellcheck disable=SC2034
find_collector() {
    local c n=200
    collector=
    while [ $n -gt 0 ]; do
        for c in /proc/[0-9]*; do
            if [[ $(readlink "$c/exe" 2>/dev/null) == */seep-collect ]] && grep -qs "$PWD/" "$c/maps"; then
                collector=${c#/proc/}
                return 0
            fi
        done
        n=$((n - 1))
        sleep 0.02
    done
    fail "no collector to be found"
}

end_of_case() {
    local pid
    for pid in $background_pids; do
        case $(cat "/proc/$pid/comm" 2>/dev/null) in
        timeout) kill -TERM "$pid" 2>/dev/null || true ;; # which it hands on to what it runs
        *) kill -KILL "$pid" 2>/dev/null || true ;;
        esac
    done
    wait 2>/dev/null || true
}
trap end_of_case EXIT

# same A B: two files must be equal.
same() {
    cmp -s "$1" "$2" || {
        diff "$1" "$2" | head -20 >&2 || true
        fail "$1 and $2 differ"
    }
}

# status_of WANTED COMMAND…: run, check the exit status.
status_of() {
    local wanted=$1 status=0
    shift
    "$@" || status=$?
    [ "$status" = "$wanted" ] || fail "exit status $status, must be $wanted: $*"
}

# one_line FILE REGEX: FILE is one line (of seep's) that matches.
one_line() {
    [ "$(wc -l <"$1")" = 1 ] || {
        cat "$1" >&2
        fail "$1 must be one line"
    }
    grep -Eq "$2" "$1" || {
        cat "$1" >&2
        fail "$1 does not match $2"
    }
}

has() {
    grep -Eq -- "$2" "$1" || {
        head -40 "$1" >&2
        fail "$1 has no line that matches $2"
    }
}

has_not() { # FILE REGEX [BUT NOT THIS ONE]
    ! grep -E -- "$2" "$1" | grep -Ev -- "${3:-^$}" >&2 || fail "$1 has a line that matches $2"
}

report_json() { # TRACE > JSON
    "$SEEP" report --format json --stacks 1000000 "$1"
}

# has_warned FILE: a report said on stderr that something is missing, other than children that are not traced.
has_warned() {
    grep -vqE '^seep: warning: .*: the figures do not cover everything; fork children not traced: [0-9]+$' "$1"
}

json() { # FILE EXPRESSION
    jq -r "$2" "$1"
}

# wait_trace FILE: with LD_PRELOAD alone nobody waits for the collector, so wait until the trace is complete.
wait_trace() {
    local n=200
    until [ -f "$1" ] && [ "$("$SEEP" report --format json --top 1 "$1" 2>/dev/null | jq .trace.complete 2>/dev/null)" = true ]; do
        n=$((n - 1))
        [ $n -gt 0 ] || fail "$1 was not complete after 20 seconds"
        sleep 0.1
    done
}

# no_leftovers: nothing but what the case made may lie around; a ring goes when its trace is complete.
no_leftovers() {
    local f
    for f in *.ring* .*.ring*; do
        [ ! -e "$f" ] || sleep 2
        [ ! -e "$f" ] || fail "$f was left behind"
    done
}

free_port() {
    python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# wait_port PORT PID: until somebody listens there.
wait_port() {
    local n=200
    until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
        n=$((n - 1))
        if [ $n -le 0 ] || [ ! -d "/proc/$2" ]; then
            fail "nobody listens on port $1"
        fi
        sleep 0.05
    done
}

# (It says `|| fail` at each step because it is also called where `set -e` does not count, from `if` and `||`.)
# A line of tests/cases/books.list: run the target under seep, compare with its own books.
# books_case "PROGRAM ARGUMENTS" "VARIABLE=VALUE …" "HOW …"
books_case() {
    local how module compare=() mode=run trace told=
    local -a command environment
    read -ra command <<<"$1"
    read -ra environment <<<"${2//@/$TARGETS/}"
    module=${command[0]}
    trace=$PWD/trace.seep
    command[0]=$TARGETS/$module
    for how in $3; do
        case $how in
        bare) mode=bare ;;
        lost-ok) compare+=(--lost-ok) ;;
        must-lose) compare+=(--lost-ok --must-lose) ;;
        told=*) told=${how#*=} ;;
        others=*) compare+=(--others-max "${how#*=}") ;;
        verified) ;;
        *) fail "books.list: unknown word $how" ;;
        esac
    done
    if [ $mode = run ]; then
        env BOOKS="$PWD/books" "${environment[@]}" "$SEEP" run -o "$trace" -- "${command[@]}" >stdout 2>stderr ||
            fail "exit status $?"
        has_not stderr '^seep: (warning|error|SEEP_OPTIONS)'
    else
        local preload=$LIBSEEP options=output=$trace e
        for e in "${environment[@]}"; do
            case $e in
            LD_PRELOAD=*) preload="$LIBSEEP ${e#*=}" ;;
            SEEP_OPTIONS=*) options="$options:${e#*=}" ;;
            esac
        done
        env BOOKS="$PWD/books" "${environment[@]}" LD_PRELOAD="$preload" SEEP_OPTIONS="$options" \
            "${command[@]}" >stdout 2>stderr || fail "exit status $?"
        wait_trace "$trace"
        has_not stderr "^" "${told:-}"
    fi
    report_json "$trace" >report.json 2>report.err || fail "seep report: exit status $?"
    case " $3 " in
    *lose* | *lost*) ;;
    *) ! has_warned report.err || fail "seep report: $(head -3 report.err)" ;;
    esac
    case " $3 " in
    *" verified "*) verified "$trace" ;;
    *) python3 "$LIB/compare_books.py" books report.json --module "$module" "${compare[@]}" || fail "the report is wrong" ;;
    esac
    no_leftovers
    rm -f trace.seep report.json
}

# verified TRACE: recorded with unwinder=verify, and not one frame was different.
verified() {
    "$SEEP" info "$1" >info.txt
    has info.txt '[1-9][0-9]* stacks compared with libunwind, 0 differ'
}

# make_set_user_id NAME: a program of that name that would run as another user.
make_set_user_id() {
    if [ "$(id -u)" = 0 ]; then
        cp "$TARGETS/plain" "$1"
        chown nobody "$1"
        chmod u+s "$1"
    else
        ln -s "$(command -v su)" "$1"
    fi
}

# is_refused SUBCOMMAND STATUS REGEX ARGUMENTS…: one line on stderr, nothing on stdout.
is_refused() {
    local subcommand=$1 wanted=$2 regex=$3
    shift 3
    status_of "$wanted" "$SEEP" "$subcommand" "$@" >out 2>err
    one_line err "^seep: .*$regex"
    [ ! -s out ] || fail "something on stdout"
}

# compare_stacks LIBRARY COMMAND…: run it with unwinder=verify; leaves "N compared M differ" in `compared`.
compare_stacks() {
    local library=$1
    shift
    rm -f trace.seep
    LD_PRELOAD=$library SEEP_OPTIONS="output=$PWD/trace.seep:unwinder=verify" "$@" >out 2>err || fail "exit status $?: $(tail -3 err)"
    wait_trace trace.seep
    "$SEEP" info --format json trace.seep | jq -r '.trace.notes[].text' |
        awk '/^[0-9]+ stacks compared with libunwind, [0-9]+ differ$/ {n += $1; differ += $6}
            END {if (n) print n, "compared", differ, "differ"}' >compared
    [ -s compared ] || fail "nothing was compared"
}
