# soak.sh - the long repeats (make soak).
# shellcheck shell=bash disable=SC2154,SC2016

case_random_books() { # 1800 s
    for i in $(seq 100); do
        rm -rf run
        mkdir run
        (
            cd run || exit 1
            case $((i % 4)) in
            0) books_case "random_threads $((1 + i % 7)) 200000 $i ordered" '' '' ;;
            1) books_case "random_threads $((1 + i % 16)) 100000 $i" '' bare ;;
            2) books_case "random_threads $((1 + i % 7)) 100000 $i" \
                'GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1' '' ;;
            3) books_case "random_threads $((1 + i % 7)) 100000 $i" "LD_PRELOAD=lib$(
                set -- jemalloc.so.2 tcmalloc.so.4 mimalloc.so.2
                shift $((i / 4 % 3))
                echo "$1"
            )" '' ;;
            esac
        ) || fail "run $i"
    done
}

case_realloc_race() { # 600 s
    for i in $(seq 100); do
        rm -rf run
        mkdir run
        (cd run && books_case realloc_race 'GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1' '') ||
            fail "run $i"
    done
}

case_signals() { # 900 s
    for i in $(seq 50); do
        rm -rf run
        mkdir run
        (cd run && books_case signal_alloc '' lost-ok) || fail "run $i"
    done
}

case_sudden_end() { # 900 s
    # shellcheck source=/dev/null
    . "$ROOT/tests/cases/sudden_end.sh"
    for i in $(seq 100); do
        rm -f oracle a.seep
        background log env "LD_PRELOAD=$LIBSEEP" "SEEP_OPTIONS=output=$PWD/a.seep" "$TARGETS/killed" oracle
        let_work oracle "0.$((10 + RANDOM % 80))"
        kill -KILL "$background_pid"
        gone "$background_pid" 5
        agrees_with_oracle a.seep oracle || fail "run $i"
    done
}

case_cut_everywhere() { # 3600 s
    status_of 3 "$SEEP" run -o good.seep -- "$TARGETS/plain" 2>err
    python3 "$LIB/damage.py" "$BUILD/asan/seep" good.seep cut 0
}

case_flips() { # 3600 s
    status_of 3 "$SEEP" run -o good.seep -- "$TARGETS/plain" 2>err
    python3 "$LIB/damage.py" "$BUILD/asan/seep" good.seep flip 10000 "$RANDOM"
}

case_undefined_behaviour() { # 900 s
    # The shim built to trap at undefined behaviour, under the programs that ask most of it.
    LIBSEEP=$BUILD/ubsan/libseep.so
    for target in 'random_threads 4 200000 1' realloc_edges c_functions operator_new 'adversarial 50' 'stepped 5' stack_neighbour children library_reopen; do
        rm -f trace.seep
        # shellcheck disable=SC2086 # words
        env LD_PRELOAD="$LIBSEEP" SEEP_OPTIONS="output=$PWD/trace.seep" $TARGETS/$target >out 2>err || fail "$target: $?"
        wait_trace trace.seep
        [ "$("$SEEP" info --format json trace.seep | jq .contents.allocations)" -gt 1 ] || fail "$target: not traced"
    done
}

# More closed libraries than there are numbers for: what cannot be told apart any more is counted.
case_dlcloses() { # 1800 s
    "$SEEP" run -o trace.seep -- "$TARGETS/library_reopen" 70000 >out 2>err || fail "exit status $?: $(tail -1 err)"
    report_json trace.seep >report.json 2>report.err
    [ "$(json report.json '[.trace.lost[] | select(.kind == "modules").count] | add')" -gt 4000 ] || fail "not counted"
}

# Trees of processes; the books of all are one. Some members are killed, and then nothing may be made up.
case_trees() { # 1800 s
    local n
    for n in $(seq 50); do
        rm -f a.seep books
        BOOKS=$PWD/books "$SEEP" run -o a.seep -- "$TARGETS/family" tree 2 4 >out 2>err || fail "run $n: exit status $?"
        report_json a.seep >report.json
        [ "$(json report.json '[.trace.lost[] | select(.count != 0)] | length')" = 0 ] || fail "run $n lost: $(json report.json .trace.lost)"
        python3 "$LIB/compare_books.py" books report.json --module family || fail "run $n"
        [ "$(json report.json '.processes | length')" = 21 ] || fail "run $n: $(json report.json '.processes | length') processes"
    done
    no_leftovers
}

# Some 10,000 short programs, two at a time.
case_many_programs() { # 1800 s
    local script='i=0; while [ $i -lt 2500 ]; do /bin/true; /bin/echo $i >/dev/null; i=$((i+1)); done'
    "$SEEP" run -o a.seep -- sh -c "($script) & ($script) & wait" 2>err || fail "exit status $?"
    "$SEEP" report --format json --top 0 a.seep >report.json 2>report.err
    [ "$(json report.json .trace.complete)" = true ] || fail "not complete"
    [ "$(json report.json '[.processes[] | select(.origin == "exec" and .exit == 0)] | length')" = 10000 ] ||
        fail "$(json report.json '.processes | length') processes"
    no_leftovers
}

# A collector that has a twentieth of the time: programs wait for it, and none is missing.
case_slow_collector() { # 1800 s
    local script='i=0; while [ $i -lt 5000 ]; do /bin/true; i=$((i+1)); done'
    background log "$SEEP" run -o a.seep -- sh -c "($script) & ($script) & wait; echo done >ended"
    find_collector
    background_pids="$background_pids $collector"
    while [ ! -e ended ]; do
        kill -STOP "$collector"
        sleep 0.4
        kill -CONT "$collector"
        sleep 0.02
    done
    status_of 0 wait "$background_pid"
    gone "$collector" 120 || fail "the collector does not end"
    "$SEEP" report --format json --top 0 a.seep >report.json 2>report.err
    [ "$(json report.json .trace.complete)" = true ] || fail "not complete"
    [ "$(json report.json '[.processes[] | select(.origin == "exec" and .exit == 0)] | length')" = 10000 ] ||
        fail "$(json report.json '.processes | length') processes, $(json report.json .trace.lost)"
    no_leftovers
}

case_pytest() { # 3600 s
    # shellcheck source=/dev/null
    . "$ROOT/tests/cases/recipes.sh"
    pytest_runs 100
}

# 1,000 threads a second for 10 seconds.
case_brief_threads() { # 300 s
    BOOKS=$PWD/books "$SEEP" run -o a.seep -- "$TARGETS/brief_threads" 10000 1000 >grown 2>err || fail "exit status $?"
    report_json a.seep >report.json
    [ "$(json report.json '[.trace.lost[] | select(.count != 0)] | length')" = 0 ] || fail "lost: $(json report.json .trace.lost)"
    python3 "$LIB/compare_books.py" books report.json --module brief_threads || fail "the report is wrong"
    [ "$(cat grown)" -le 1000 ] || fail "$(cat grown) KiB more"
}

# 100 million events in 8 MB: the figures are right, the trace has never been larger, and nothing was lost.
case_limit() { # 3600 s
    # shellcheck source=/dev/null
    . "$ROOT/tests/cases/limit.sh"
    local most=0 now n=0
    background log env BOOKS="$PWD/books" "$SEEP" run --limit 8M -o a.seep -- "$TARGETS/random_threads" 2 42000000 1
    while [ -d "/proc/$background_pid" ] && kill -0 "$background_pid" 2>/dev/null; do
        now=$(stat -c %s a.seep 2>/dev/null || echo 0)
        most=$((now > most ? now : most))
        n=$((n + 1))
        [ $((n % 100)) != 50 ] || report_json a.seep >running.json || fail "no report while it runs"
        sleep 0.05
    done
    status_of 0 wait "$background_pid"
    [ $most -lt 8388608 ] || fail "it has been $most bytes large"
    folded a.seep
    [ "$(json report.json .trace.events)" -gt 100000000 ] || fail "$(json report.json .trace.events) events only"
    [ "$(json report.json .trace.lost_events)" = 0 ] || fail "events were lost"
    python3 "$LIB/compare_books.py" books report.json --module random_threads || fail "the report is wrong"
}

# A disk on which the trace has room, and for a while a second file has not. Root mounts it where everybody sees it, others where only the case does.
grown_to() { # BYTES
    until [ "$(stat -c %s small/a.seep 2>/dev/null || echo 0)" -gt "$1" ]; do
        [ -d "/proc/$background_pid" ] || fail "it is over already"
    done
}

case_full_disk_in_a_fold() { # 300 s
    # shellcheck source=/dev/null
    . "$ROOT/tests/cases/limit.sh"
    mkdir small
    if [ "$(id -u)" != 0 ]; then
        unshare --map-root-user --mount true 2>/dev/null || skip "mounting is not allowed here"
        exec unshare --map-root-user --mount bash -c 'set -euo pipefail; . "$ROOT/tests/lib/case.sh"; . "$ROOT/tests/cases/soak.sh"; case_full_disk_in_a_fold'
    fi
    mount -t tmpfs -o size=128m none small || skip "mounting is not allowed here"
    trap 'umount -l small 2>/dev/null || true; end_of_case' EXIT
    background log env BOOKS="$PWD/books" "$SEEP" run --limit 16M --ring 2M -o small/a.seep -- "$TARGETS/random_threads" 2 8000000 5
    grown_to 2000000
    # 16M stay: 13M for the trace up to its first fold, which needs 7M. Then the program stands still until there is room again.
    fallocate -l $(($(stat -f -c '%a * %S' small) - (16 << 20))) small/ballast
    grown_to 15400000
    program=$(pgrep -P "$background_pid" -x random_threads)
    kill -STOP "$program"
    rm small/ballast
    kill -CONT "$program"
    status_of 0 wait "$background_pid"
    folded small/a.seep
    [ "$(json report.json '.trace.lost[] | select(.kind == "not-folded") | .text')" != "" ] || fail "it is not said"
    [ "$(json report.json .trace.lost_events)" = 0 ] || fail "events were lost"
    python3 "$LIB/compare_books.py" books report.json --module random_threads || fail "the report is wrong"
}

# 200 times, at any moment: the program, its collector, or both; small rings and large ones, threads and processes.
case_resumed() { # 3600 s
    # shellcheck source=/dev/null
    . "$ROOT/tests/cases/resume.sh"
    local i program ring pause
    for i in $(seq 200); do
        rm -f oracle a.seep
        ring=$((i / 4 % 3))
        case $((i % 4)) in
        0) program="killed oracle" pause= ;;
        1) program="killed_many oracle 1 $((1 + RANDOM % 6))" pause= ;;
        2) program="killed_many oracle $((2 + RANDOM % 5)) $((1 + RANDOM % 2))" pause= ;;
        *) program="killed_many oracle 1 $((1 + RANDOM % 6))" pause=3000 ;;
        esac
        # shellcheck disable=SC2086 # words
        traced a.seep "$(printf '%s' :ring= && set -- 256K 2M 64M && shift $ring && echo "$1")" "$TARGETS"/$program $pause
        let_work oracle "$(moment 1000)"
        if [ -n "$pause" ]; then # the collector alone, some times; small rings may not hold what comes meanwhile
            for _ in 1 2 3; do
                kill_collector
                "$SEEP" info a.seep >info.txt 2>info.err
                sleep "$(moment 300)"
            done
        fi
        if [ $((RANDOM % 3)) = 0 ]; then
            kill -KILL -- "-$traced"
            gone "$traced" 5
            wait_trace a.seep
        else
            kill_all
        fi
        has_all a.seep oracle || fail "run $i: $program $pause, ring $ring"
        nothing_is_left a.seep
    done
}
