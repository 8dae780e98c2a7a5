# seccomp.sh - programs that forbid themselves system calls, recorded with seccomp=yes: they live, and their books are the report's.
# shellcheck shell=bash disable=SC2154

secluded=$TARGETS/secluded

# recorded ARGUMENTS…: run it in the mode; nothing is lost but the outer frames on stacks that are not a thread's own.
recorded() {
    local elsewhere cut
    rm -f trace.seep books
    BOOKS=$PWD/books status_of 0 "$SEEP" run --seccomp -o trace.seep -- "$secluded" "$@" >out 2>err
    report_json trace.seep >report.json 2>report.err
    python3 "$LIB/compare_books.py" books report.json --module secluded || fail "the report is wrong"
    [ "$(json report.json .trace.complete)" = true ] || fail "the trace is not complete"
    json report.json '.trace.lost[].kind' | grep -vx cut-stacks >lost || true
    [ ! -s lost ] || fail "lost: $(tr '\n' ' ' <lost)"
    elsewhere=$(sed -n 's/^elsewhere \([0-9]*\)$/\1/p' err)
    cut=$(json report.json '[.trace.lost[] | select(.kind == "cut-stacks").count] | add')
    { [ "$cut" -gt 0 ] && [ "$cut" -le "$elsewhere" ]; } || fail "$cut stacks are cut, $elsewhere were made elsewhere"
    [ "$(json report.json '.processes[0].exit')" = 0 ] || fail "its end: $(json report.json '.processes[0]' | head -20)"
    # All others are whole: they begin where the thread does.
    json report.json '.sites[] | select(.function | IN("site_block", "site_zeroed", "site_moved")) | .stacks[].frames |
        map(.function) | select(any(. == "main" or . == "work") | not) | join(" ")' >stacks
    [ ! -s stacks ] || fail "stacks without their outer frames: $(head -3 stacks)"
    no_leftovers
}

# Without the mode they are killed by what hooks do; if not, nothing here would prove anything.
killed_without() { # SIGNAL ARGUMENTS…
    local wanted=$((128 + $1))
    shift
    rm -f without.seep
    BOOKS=$PWD/books status_of $wanted "$SEEP" run -o without.seep -- "$secluded" "$@" >out 2>err
    BOOKS=$PWD/books status_of 0 "$secluded" "$@" >out 2>err
}

case_strict() {
    killed_without 9 strict
    recorded strict
}

# Threads that are there before and allocate after, a plugin that is opened before and called after.
case_filter() {
    cp "$TARGETS/lib_plugin.so" plugin.so
    cp "$TARGETS/lib_late.so" late.so # by a relative name: the collector finds the whole one
    killed_without 31 filter ./plugin.so ./late.so
    recorded filter ./plugin.so ./late.so
    "$SEEP" info --format json trace.seep >info.json
    for library in plugin late; do
        readelf -n $library.so | sed -n 's/.*Build ID: //p' >wanted
        json info.json ".modules[] | select(.path == \"$PWD/$library.so\").build_id" >got
        same got wanted
    done
}

# Signal handlers that interrupt hooks take a second state each.
case_nested() {
    cp "$TARGETS/lib_plugin.so" plugin.so
    cp "$TARGETS/lib_late.so" late.so
    LD_PRELOAD=$TARGETS/lib_bump.so recorded nested ./plugin.so ./late.so
}

case_sampled() {
    SEEP_OPTIONS=sample=4K BOOKS=$PWD/books status_of 0 "$SEEP" run --seccomp -o trace.seep -- "$secluded" strict >out 2>err
    report_json trace.seep >report.json
    [ "$(json report.json '.totals.samples')" -gt 100 ] || fail "nothing was recorded"
}

case_each_unwinder() {
    cp "$TARGETS/lib_plugin.so" plugin.so
    cp "$TARGETS/lib_late.so" late.so
    for unwinder in cfi libunwind verify; do
        SEEP_OPTIONS=unwinder=$unwinder recorded filter ./plugin.so ./late.so
        [ $unwinder = cfi ] || has err '^seep: libunwind makes system calls; with seccomp=yes unwinder=reuse is used'
    done
}

# The ring goes round many times, and may be full: nobody is woken, nobody sleeps.
case_small_ring() {
    for how in strict "filter $TARGETS/lib_plugin.so $TARGETS/lib_late.so"; do
        rm -f trace.seep
        # shellcheck disable=SC2086 # words
        BOOKS=$PWD/books status_of 0 "$SEEP" run --seccomp --ring 256K -o trace.seep -- "$secluded" $how >out 2>err
        report_json trace.seep >report.json 2>report.err
        python3 "$LIB/compare_books.py" books report.json --module secluded --lost-ok || fail "the report is wrong"
    done
}

# A collector that stands still: hooks wait without sleeping, in bounded time, and count what they drop.
case_full_ring() { # 240 s
    background log env "LD_PRELOAD=$LIBSEEP" SEEP_OPTIONS=output=a.seep:ring=1M:seccomp=yes BOOKS="$PWD/books" \
        "$TARGETS/random_threads" 2 5000000 1
    pid=$background_pid
    find_collector
    kill -STOP "$collector"
    background_pids="$background_pids $collector"
    gone "$pid" 40 || fail "the program hangs because its collector does not run"
    status_of 0 wait "$pid"
    kill -CONT "$collector"
    wait_trace a.seep
    report_json a.seep >report.json
    python3 "$LIB/compare_books.py" books report.json --module random_threads --must-lose
}

# More threads than there are states: the others run as ever, and are counted.
case_too_many_threads() {
    BOOKS=$PWD/books status_of 0 "$SEEP" run --seccomp -o a.seep -- "$TARGETS/idle_threads" 600 >out 2>err
    report_json a.seep >report.json 2>report.err
    # 600 and the first are alive at once.
    [ "$(json report.json '[.trace.lost[] | select(.kind == "no-thread-slot").count] | add')" -ge 89 ] || fail "not counted"
    python3 "$LIB/compare_books.py" books report.json --module idle_threads --must-lose --lost-ok
}

# One line where a filter that is already on refuses the collector.
case_refused_collector() {
    status_of 3 "$secluded" refused env "LD_PRELOAD=$LIBSEEP" SEEP_OPTIONS=output=a.seep:seccomp=yes "$TARGETS/plain" x >out 2>err
    one_line err '^seep: cannot start .*seep-collect \(a seccomp filter is already on\); not tracing$'
    [ "$(cat out)" = x ] || fail "the program did not run as ever"
    [ ! -e a.seep ] || fail "a trace is left"
    no_leftovers
}

case_documented() {
    status_of 3 env LD_PRELOAD="$LIBSEEP" SEEP_OPTIONS="output=$PWD/a.seep:seccomp=maybe" "$TARGETS/plain" 2>err
    one_line err '^seep: .*seccomp wants yes or no'
    background log "$TARGETS/filtered" strict
    later 10 grep -qx ready log
    "$SEEP" doctor "$background_pid" >out 2>err || true
    has out 'seep run --seccomp'
}

# Of children that are made past libc, libc does not know the thread's id: their hooks do.
case_children_by_other_ways() {
    # shellcheck source=/dev/null
    . "$ROOT/tests/cases/tree.sh"
    export SEEP_OPTIONS=seccomp=yes
    for how in clone clone-vfork syscall-fork syscall-clone syscall-clone3; do
        joined $how
    done
    rm -f a.seep books
    BOOKS=$PWD/books status_of 0 "$SEEP" run -o a.seep -- "$TARGETS/brief_threads" 2000 0 child >out 2>err
    report_json a.seep >report.json 2>report.err
    [ "$(json report.json '[.trace.lost[] | select(.count != 0)] | length')" = 0 ] || fail "lost: $(json report.json .trace.lost)"
    python3 "$LIB/compare_books.py" books report.json --module brief_threads || fail "the report is wrong"
}
