# shim_options.sh - LD_PRELOAD alone: SEEP_OPTIONS, and what happens where tracing is not possible.
# shellcheck shell=bash disable=SC2154

plain=$TARGETS/plain

# preload OPTIONS COMMAND…: run with the shim and without seep run; stdout, stderr in out, err.
preload() {
    local options=$1
    shift
    env LD_PRELOAD="$LIBSEEP" SEEP_OPTIONS="$options" "$@" >out 2>err
}

traced() { # TRACE: it has plain's figures
    wait_trace "$1"
    report_json "$1" >report.json
    [ "$(json report.json '[.sites[] | select(.function == "site_small") | .calls] | add')" = 1000 ] || fail "$1: wrong figures"
}

case_default_name() {
    status_of 3 preload '' "$plain" x
    [ ! -s err ] || fail "stderr: $(cat err)"
    set -- seep.plain.*.seep
    [ $# = 1 ] || fail "not one trace: $*"
    traced "$1"
}

case_unknown_option() {
    status_of 3 preload "output=a.seep:no_such_option=1" "$plain"
    one_line err '^seep: .*no_such_option'
    traced a.seep
}

case_bad_values() {
    n=0
    for bad in ring=much ring=1 ring= ring=99999999999999999999 unwinder=guess unwinder= sample=some sample=2G only_pid=x only_pid=0; do
        n=$((n + 1))
        status_of 3 preload "output=a$n.seep:$bad" "$plain"
        one_line err "^seep: .*${bad%%=*}"
        traced a$n.seep
    done
    status_of 3 preload "output=" "$plain"
    one_line err '^seep: .*output'
}

case_later_value_wins() {
    status_of 3 preload "output=a.seep:ring=1M:output=b.seep" "$plain"
    [ ! -s err ] || fail "stderr: $(cat err)"
    traced b.seep
    [ ! -e a.seep ] || fail "both were made"
}

case_over_long() {
    status_of 3 preload "output=a.seep:ring=$(printf '%05000d' 1)" "$plain"
    one_line err '^seep: .*(longer|long)'
}

case_only_pid() {
    status_of 3 preload 'output=a.seep:only_pid=1' "$plain"
    [ ! -e a.seep ] || fail "another process was traced"
    [ ! -s err ] || fail "stderr: $(cat err)"
}

case_off() {
    status_of 3 preload 'output=a.seep:off' "$plain"
    [ ! -e a.seep ] || fail "it was traced"
    [ ! -s err ] || fail "stderr: $(cat err)"
}

case_output_exists() {
    echo precious >a.seep
    status_of 3 preload output=a.seep "$plain" x
    one_line err '^seep: .*a\.seep'
    [ "$(cat out)" = x ] || fail "the program did not run as ever"
    [ "$(cat a.seep)" = precious ] || fail "the file was touched"
    set -- *
    [ "$*" = 'a.seep err log out' ] || fail "left behind: $*"
}

case_output_is_a_link() {
    ln -s target a.seep
    status_of 3 preload output=a.seep "$plain"
    one_line err '^seep: .*a\.seep'
    [ ! -e target ] || fail "a link was followed"
}

case_no_such_directory() {
    status_of 3 preload output=nowhere/a.seep "$plain" x
    one_line err '^seep: .*nowhere/a\.seep'
    [ "$(cat out)" = x ] || fail "the program did not run as ever"
}

case_missing_collector() {
    mkdir alone
    cp "$LIBSEEP" alone/
    status_of 3 env "LD_PRELOAD=$PWD/alone/libseep.so" SEEP_OPTIONS=output=a.seep "$plain" x >out 2>err
    one_line err '^seep: .*seep-collect'
    [ "$(cat out)" = x ] || fail "the program did not run as ever"
    # A program that would fill the ring many times over must not wait for anybody.
    started=$SECONDS
    env "LD_PRELOAD=$PWD/alone/libseep.so" SEEP_OPTIONS=output=b.seep:ring=256K "$TARGETS/random_threads" 4 300000 1 2>err
    [ $((SECONDS - started)) -lt 10 ] || fail "it took $((SECONDS - started)) s"
}

case_dead_collector() {
    # The collector is killed while the program is at work: the program ends as ever, and in time.
    background log env "LD_PRELOAD=$LIBSEEP" SEEP_OPTIONS=output=a.seep:ring=1M "$TARGETS/random_threads" 2 5000000 1
    pid=$background_pid
    find_collector
    kill -KILL "$collector"
    gone "$pid" 40 || fail "the program hangs without its collector"
    status_of 0 wait "$pid"
    # Until then there is a trace.
    "$SEEP" report a.seep >text 2>err
    has text '^total memory leaked'
}

case_stopped_collector() { # 240 s
    background log env "LD_PRELOAD=$LIBSEEP" SEEP_OPTIONS=output=a.seep:ring=1M BOOKS="$PWD/books" "$TARGETS/random_threads" 2 3000000 1
    pid=$background_pid
    find_collector
    kill -STOP "$collector"
    background_pids="$background_pids $collector"
    gone "$pid" 60 || fail "the program hangs because its collector does not run"
    status_of 0 wait "$pid"
    kill -CONT "$collector"
    wait_trace a.seep
    report_json a.seep >report.json
    python3 "$LIB/compare_books.py" books report.json --module random_threads --must-lose
}

case_closed_streams() {
    "$plain" x >wanted || true
    status_of 3 preload output=a.seep sh -c "exec $plain x 2>&-" && same out wanted
    status_of 4 "$plain" x >&-
    status_of 4 env LD_PRELOAD="$LIBSEEP" SEEP_OPTIONS=output=b%p.seep "$plain" x 2>err >&-
    status_of 3 env LD_PRELOAD="$LIBSEEP" SEEP_OPTIONS=output=c%p.seep "$plain" x >out 2>err <&-
    same out wanted
    # Each combination of them closed: these numbers are free, and must be so for the program too.
    cat >opens.py <<'PY'
import os, sys
fds = [os.open("data%d" % i, os.O_RDWR | os.O_CREAT) for i in range(4)]
[bytearray(100) for _ in range(100000)]
sizes = [os.fstat(f).st_size for f in fds]
os.write(os.open("result", os.O_WRONLY | os.O_CREAT), repr((fds, sizes)).encode())
PY
    local closed
    for closed in '' '<&-' '>&-' '2>&-' '<&- >&-' '<&- 2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
        eval "'$PYTHON' -S opens.py $closed" >untraced.out 2>&1
        mv result wanted
        rm -f data?
        eval "LD_PRELOAD='$LIBSEEP' SEEP_OPTIONS='output=$PWD/d.seep:no_such=1' PYTHONMALLOC=malloc '$PYTHON' -S opens.py $closed" >traced.out 2>&1
        same result wanted
        has wanted '\[0, 0, 0, 0\]\)$'
        wait_trace d.seep
        [ "$("$SEEP" report --format json --top 1 d.seep | jq .totals.allocations)" -gt 100000 ] || fail "closed $closed: not traced"
        rm -f data? d.seep
    done
}

case_own_descriptors_untouched() {
    # Which descriptors are open is the same with and without.
    # shellcheck disable=SC2012 # ls itself is what is asked
    ls -l /proc/self/fd 2>/dev/null | awk 'NF > 8 { print $9 }' >wanted
    preload "output=$PWD/a%p.seep" ls -l /proc/self/fd || true
    awk 'NF > 8 { print $9 }' out >got
    same got wanted
}

case_small_address_space() {
    # Just what the program needs, and more and more: never a crash, whatever can be mapped.
    for kib in 3000 4000 6000 10000 20000 50000 100000 500000; do
        status=0
        (ulimit -v $kib && "$plain" x >wanted 2>/dev/null) || status=$?
        [ $status = 3 ] || continue # too little without seep as well
        (
            ulimit -v $kib
            status_of 3 env LD_PRELOAD="$LIBSEEP" SEEP_OPTIONS="output=v$kib.%p.seep" "$plain" x
        ) >out 2>err || {
            grep -q 'failed to map segment\|cannot be preloaded\|No space\|cannot allocate' err || fail "$kib KiB: $(cat err)"
            continue # the dynamic linker itself could not load one library more
        }
        grep -qx x out || fail "$kib KiB: the program did not run as ever"
    done
}

case_file_size_limit() {
    for blocks in 0 1 8 64 1000 20000; do
        # stderr is a pipe here, and a file (which the limit is for as well) below
        status=0
        sh -c "ulimit -f $blocks; exec env LD_PRELOAD='$LIBSEEP' SEEP_OPTIONS=output=f$blocks.seep $plain" 2>&1 | cat >err || status=${PIPESTATUS[0]}
        [ "$status" = 3 ] || fail "limit $blocks KiB: exit status $status: $(cat err)"
        [ "$(wc -l <err)" -le 1 ] || fail "more than one line: $(cat err)"
    done
    status=0
    sh -c "ulimit -f 0; exec env LD_PRELOAD='$LIBSEEP' SEEP_OPTIONS=output=g.seep $plain" 2>err || status=$?
    [ $status = 3 ] || fail "stderr is a file that may not grow: exit status $status"
}

case_no_descriptors() {
    for n in 4 5 6; do
        status=0
        sh -c "ulimit -n $n; exec $plain x" >wanted || status=$?
        [ "$status" = 3 ] || continue
        status_of 3 sh -c "ulimit -n $n; exec env LD_PRELOAD='$LIBSEEP' SEEP_OPTIONS=output=a$n.seep $plain x" >out 2>err
        same out wanted
        [ "$(wc -l <err)" -le 1 ] || fail "more than one line: $(cat err)"
    done
}

# Root mounts the small disk where everybody sees it, others where only the program does.
case_full_disk() {
    local apart=() mounted='mount -t tmpfs -o size=512k none small && exec "$@"'
    mkdir small
    [ "$(id -u)" = 0 ] || apart=(unshare --map-root-user --mount)
    "${apart[@]}" sh -c "$mounted" sh true 2>/dev/null || skip "mounting is not allowed here"
    [ "$(id -u)" != 0 ] || mounted='exec "$@"'
    trap 'umount -l small 2>/dev/null || true; end_of_case' EXIT
    BOOKS=$PWD/books status_of 0 "${apart[@]}" sh -c "$mounted" sh env LD_PRELOAD="$LIBSEEP" SEEP_OPTIONS="output=small/a.seep" \
        "$TARGETS/random_threads" 2 300000 5 2>err
    [ "$(wc -l <err)" -le 1 ] || fail "more than one line: $(cat err)"
    [ -s books ] || fail "the program did not finish"
}

# Neither the trace nor the ring can be made there, or in the folder that the program is started in: it runs as ever, and one line says why.
case_read_only_file_system() {
    local apart=() mounted='mount -t tmpfs -o ro none fixed && exec "$@"'
    mkdir fixed
    [ "$(id -u)" = 0 ] || apart=(unshare --map-root-user --mount)
    "${apart[@]}" sh -c "$mounted" sh true 2>/dev/null || skip "mounting is not allowed here"
    [ "$(id -u)" != 0 ] || mounted='exec "$@"'
    trap 'umount -l fixed 2>/dev/null || true; end_of_case' EXIT
    status_of 3 "${apart[@]}" sh -c "$mounted" sh env LD_PRELOAD="$LIBSEEP" SEEP_OPTIONS=output=fixed/a.seep "$plain" x >out 2>err
    one_line err '^seep: cannot write .*/fixed/a\.seep: .*Read-only file system; not tracing$'
    [ "$(cat out)" = x ] || fail "the program did not run as ever"
    # shellcheck disable=SC2016 # the shell inside expands it
    status_of 3 "${apart[@]}" sh -c "$mounted" sh sh -c 'cd fixed && LD_PRELOAD=$LIBSEEP exec "$@"' sh "$plain" x >out 2>err
    one_line err '^seep: cannot write .*/fixed/seep\.plain\.[0-9]+\.seep: .*Read-only file system; not tracing$'
    [ "$(cat out)" = x ] || fail "the program did not run as ever"
}

case_ring_too_small() {
    status_of 0 env BOOKS="$PWD/books" "$SEEP" run -o a.seep --ring 256K -- "$TARGETS/random_threads" 4 300000 9 2>err
    report_json a.seep >report.json
    python3 "$LIB/compare_books.py" books report.json --module random_threads --lost-ok
    if [ "$(json report.json .trace.lost_events)" != 0 ]; then
        "$SEEP" report a.seep >text
        has text 'lost|dropped|missing'
    fi
}

case_exec() {
    "$TARGETS/execs" /bin/echo hello >wanted
    status_of 0 env BOOKS="$PWD/books" "$SEEP" run -o a.seep -- "$TARGETS/execs" /bin/echo hello >out 2>err
    same out wanted
    report_json a.seep >report.json
    # What came before the exec stands in the report; whether the new program does is not the matter here.
    [ "$(json report.json '[.sites[] | select(.function == "site_before_exec") | .calls] | add')" = 100 ] ||
        fail "the program before the exec is not in the report"
    env LD_PRELOAD="$LIBSEEP" SEEP_OPTIONS="output=b.%p.seep" "$TARGETS/execs" /bin/echo hello >out 2>err
    same out wanted
}

case_shell_pipeline() {
    # Many short processes at once, each of which loads the shim.
    # shellcheck disable=SC2016
    script='for i in 1 2 3 4 5 6 7 8; do echo $i | sed s/$/x/ | sort -r; done; (exit 5); echo $?'
    sh -c "$script" >wanted
    env LD_PRELOAD="$LIBSEEP" SEEP_OPTIONS="output=a.%p.seep" sh -c "$script" >out 2>err
    same out wanted
    [ ! -s err ] || fail "stderr: $(head -3 err)"
    sleep 1
    for f in a.*.seep; do
        wait_trace "$f"
    done
    no_leftovers
}

# What the collector cannot have, the program does without; nothing is left that would be in the way next time.
case_no_memory_for_the_collector() {
    (
        ulimit -d 3000
        LD_PRELOAD=$LIBSEEP SEEP_OPTIONS=output=$PWD/a.seep perl -e 'print 6 * 7' >out 2>err
    ) || fail "exit status $?"
    [ "$(cat out)" = 42 ] || fail "said $(cat out)"
    one_line err '^seep: .*memory'
    [ ! -e a.seep ] || fail "half a trace is left"
}
