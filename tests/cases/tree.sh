# tree.sh - one trace for all processes: fork, exec, daemons, deaths.
# shellcheck shell=bash disable=SC2154

family=$TARGETS/family

# processes TRACE FILTER: one line of jq's for each process.
processes() {
    "$SEEP" report --format json --top 0 "$1" 2>/dev/null | jq -c ".processes[] | $2"
}

# all_told TRACE: complete, nothing lost.
all_told() {
    report_json "$1" >report.json 2>report.err || fail "seep report: exit status $?"
    [ "$(json report.json .trace.complete)" = true ] || fail "the trace is not complete"
    [ "$(json report.json '[.trace.lost[] | select(.count != 0)] | length')" = 0 ] || fail "lost: $(json report.json .trace.lost)"
}

# 1 + 4 + 16 processes; the books of all are one.
case_books_of_forks() {
    BOOKS=$PWD/books "$SEEP" run -o a.seep -- "$family" tree 2 4 2>err || fail "exit status $?"
    all_told a.seep
    python3 "$LIB/compare_books.py" books report.json --module family || fail "the report is wrong"
    [ "$(json report.json '.processes | length')" = 21 ] || fail "$(json report.json '.processes | length') processes"
    # Each of the 20 children has freed one block of its parent's, and its parent has it still.
    [ "$(json report.json '[.processes[].inherited_frees] | add')" = 20 ] || fail "inherited frees"
    no_leftovers
}

# 511 processes, most of which are alive at once.
case_books_of_a_deep_tree() { # 240 s
    BOOKS=$PWD/books "$SEEP" run -o a.seep -- "$family" tree 8 2 2>err || fail "exit status $?"
    all_told a.seep
    python3 "$LIB/compare_books.py" books report.json --module family || fail "the report is wrong"
    [ "$(json report.json '.processes | length')" = 511 ] || fail "$(json report.json '.processes | length') processes"
    no_leftovers
}

case_grandchild_of_vfork() {
    "$SEEP" run -o a.seep -- "$family" grandchild 2>err || fail "exit status $?"
    report_json a.seep >report.json 2>report.err
    [ "$(json report.json '[.trace.lost[] | select(.count != 0) | [.kind, .count]]' | tr -d ' \n')" = '[["untraced-forks",1]]' ] ||
        fail "lost: $(json report.json .trace.lost)"
    [ "$(processes a.seep '[.inherited_frees, .inherited_bytes]' | sort | tr -d '\n')" = '[0,0][0,0]' ] || fail "$(processes a.seep .)"
    no_leftovers
}

# What a child starts with is what was alive in its parent.
case_inherited() {
    "$SEEP" run -o a.seep -- "$family" tree 1 3 2>err
    all_told a.seep
    processes a.seep 'select(.origin == "fork") | [.inherited_frees, .totals.allocations]' | sort -u >children
    [ "$(cat children)" = '[1,502]' ] || [ "$(cat children)" = '[1,501]' ] || fail "children: $(cat children)"
    jq -e '.processes as $p | [$p[] | select(.origin == "fork") |
        .inherited_bytes - .inherited_unreleased_bytes == 77 and .came_from == $p[0].pid] | all' report.json >jq.out ||
        fail "bytes: $(processes a.seep '[.inherited_bytes, .inherited_unreleased_bytes]')"
}

# inherits_exactly WORKERS FORKERS FORKS: what the children have found and freed is what came with the fork; what is left of it differs between
# children by no more than what the threads had in their hands.
inherits_exactly() {
    local left
    "$SEEP" run -o a.seep -- "$TARGETS/fork_race" "$1" "$2" "$3" >out 2>err || fail "exit status $?"
    report_json a.seep >report.json 2>report.err
    # Where the machine is busy a thread may stand still in a hook for longer than it is waited for.
    [ "$(json report.json '[.trace.lost[] | select(.count != 0 and .kind != "late")] | length')" = 0 ] || fail "lost: $(json report.json .trace.lost)"
    sort out >books
    processes a.seep 'select(.origin == "fork") | [.pid, .inherited_frees, .inherited_bytes - .inherited_unreleased_bytes] | map(tostring) | join(" ")' |
        tr -d '"' | sort >told
    same told books
    left=$(json report.json '[.processes[] | select(.origin == "fork") | .inherited_blocks - .inherited_frees] | max - min')
    [ "$left" -le $(($1 + $2)) ] || fail "$left blocks more in one child than in another"
}

# The other threads of a process go on while it forks.
case_fork_beside_threads() { # 240 s
    inherits_exactly 3 1 100
    rm -f a.seep
    inherits_exactly 2 2 60
}

case_one_process_alone() {
    local pid sum
    "$SEEP" run -o a.seep -- "$family" tree 1 3 2>err
    for pid in $(processes a.seep .pid); do
        "$SEEP" report --format json --pid "$pid" a.seep >one.json
        for key in allocations unreleased_bytes; do
            sum=$(processes a.seep "select(.pid == $pid) | .totals.$key")
            [ "$(json one.json .totals.$key)" = "$sum" ] || fail "--pid $pid: $key $(json one.json .totals.$key), not $sum"
        done
    done
}

case_shell_of_1000_programs() { # 240 s
    # shellcheck disable=SC2016
    "$SEEP" run -o a.seep -- sh -c 'i=0; while [ $i -lt 1000 ]; do /bin/true; i=$((i+1)); done; /bin/false' 2>err && fail "status 0"
    all_told a.seep
    [ "$(processes a.seep 'select(.origin == "exec" and .end == "exit" and .exit == 0) | .pid' | wc -l)" = 1000 ] || fail "not all programs"
    [ "$(processes a.seep 'select(.command == "/bin/false") | .exit')" = 1 ] || fail "the last one"
    [ "$(find . -name '*.seep*' | wc -l)" = 1 ] || fail "more than one file: $(ls)"
    no_leftovers
}

case_exec_chain() {
    "$SEEP" run -o a.seep -- sh -c 'exec sh -c "exec env X=1 sh -c \"exit 7\""' 2>err || [ $? = 7 ] || fail "exit status"
    all_told a.seep
    [ "$(processes a.seep '[.origin, .end]' | tr -d '\n')" = '["start","exec"]["exec","exec"]["exec","exec"]["exec","exit"]' ] ||
        fail "$(processes a.seep '[.origin, .end, .command]')"
    [ "$(processes a.seep .pid | sort -u | wc -l)" = 1 ] || fail "more than one pid"
}

case_ends_of_children() {
    local how wanted got pid
    for how in exit _exit quick_exit abort segv kill; do
        rm -f a.seep
        "$SEEP" run -o a.seep -- "$family" leave $how >out 2>err || fail "$how: exit status $?"
        read -r pid wanted <out
        all_told a.seep
        got=$(processes a.seep "select(.pid == $pid) | .exit")
        # How a process ended without exit() can be seen before its parent has asked, or with Linux 6.15.
        [ "$got" = "$wanted" ] || { [ "$got" = null ] && [ $how != exit ]; } || fail "$how: $got, not $wanted"
        [ "$(json report.json "[.sites[] | select(.function == \"site_kept\") | .unreleased_bytes] | add")" = 1000 ] || fail "$how: its block is missing"
    done
}

# The collector comes too late to see any of them: they say it themselves. sh starts the next program at once.
case_ends_unseen() {
    local how
    cat >script <<'SH'
echo ready
n=0
while [ ! -e go ] && [ $n -lt 200000 ]; do n=$((n + 1)); done
for how in exit _exit quick_exit; do "$1" leave $how; done
echo finished
SH
    background out "$SEEP" run -o a.seep -- sh script "$family"
    later 10 grep -q ready out
    find_collector
    kill -STOP "$collector"
    background_pids="$background_pids $collector"
    touch go
    later 10 grep -q finished out
    kill -CONT "$collector"
    status_of 0 wait "$background_pid"
    all_told a.seep
    [ "$(processes a.seep 'select(.origin == "fork" and .exit > 10) | .exit' | tr '\n' ' ')" = '11 12 13 ' ] || fail "$(processes a.seep '[.command, .exit]')"
}

# The collector comes to more than a thousand programs at once, all of which have ended.
case_many_at_once() {
    cat >script <<'SH'
echo ready
n=0
while [ ! -e go ] && [ $n -lt 200000 ]; do n=$((n + 1)); done
n=0
while [ $n -lt 1500 ]; do
    /bin/true
    n=$((n + 1))
done
echo finished
SH
    background out "$SEEP" run -o a.seep -- sh script
    later 10 grep -q ready out
    find_collector
    kill -STOP "$collector"
    background_pids="$background_pids $collector"
    touch go
    later 60 grep -q finished out
    kill -CONT "$collector"
    status_of 0 wait "$background_pid"
    all_told a.seep
    [ "$(processes a.seep 'select(.origin == "exec") | .exit' | sort | uniq -c | tr -s ' ')" = ' 1500 0' ] || fail "$(processes a.seep .exit | sort | uniq -c)"
}

# joined HOW: the child is in the trace, with the books of both, its parent's blocks, its end.
joined() {
    rm -f a.seep
    BOOKS=$PWD/books "$SEEP" run -o a.seep -- "$TARGETS/cloned" "$1" >out 2>err || fail "$1: exit status $?: $(cat err)"
    all_told a.seep
    python3 "$LIB/compare_books.py" books report.json --module cloned || fail "$1: the report is wrong"
    [ "$(processes a.seep 'select(.origin == "fork") | [.pid, .inherited_frees, .inherited_bytes - .inherited_unreleased_bytes]')" = \
        "[$(cut -d' ' -f1 out),1,77]" ] || fail "$1: $(processes a.seep .)"
    no_leftovers
}

case_children_by_clone() {
    local how
    for how in clone clone-vfork clone-tids clone-parent clone-silent clone-files; do
        joined $how
        [ "$(processes a.seep 'select(.origin == "fork") | .exit')" = 5 ] || fail "$how: $(processes a.seep .)"
    done
}

case_children_by_syscall() {
    local how
    for how in syscall-fork syscall-clone syscall-clone3; do
        joined $how
    done
}

# Counted once each, and waited for no longer than they live: process 1 of a namespace has a pid that means another outside.
case_children_not_followed() {
    local how started=$SECONDS
    for how in clone-newpid unshare instruction; do
        rm -f a.seep
        if [ $how != instruction ] && ! unshare --pid true 2>/dev/null; then
            continue
        fi
        BOOKS=$PWD/books "$SEEP" run -o a.seep -- "$TARGETS/cloned" $how >out 2>err || fail "$how: exit status $?: $(cat err)"
        report_json a.seep >report.json 2>report.err
        [ "$(json report.json '[.trace.lost[] | select(.count != 0) | [.kind, .count]]' | tr -d ' \n')" = '[["untraced-forks",1]]' ] ||
            fail "$how: lost: $(json report.json .trace.lost)"
        [ "$(processes a.seep .origin)" = '"start"' ] || fail "$how: $(processes a.seep .)"
        no_leftovers
    done
    [ $((SECONDS - started)) -lt 5 ] || fail "somebody was waited for"
}

# Another process there has the number that the collector has outside: nobody is taken for the other.
case_other_namespace() {
    unshare --pid true 2>/dev/null || return 0 # only root may
    cat >script <<'SH'
until [ -s collector ]; do sleep 0.02; done
read -r collector <collector
echo $((collector - 1)) >/proc/sys/kernel/ns_last_pid
sleep 30 &
[ $! = "$collector" ] && sort /etc/passwd >sorted
kill $!
SH
    background err "$SEEP" run -o a.seep -- unshare --pid --fork sh script
    find_collector
    echo "$collector" >collector.new
    mv collector.new collector
    status_of 0 wait "$background_pid"
    [ -s sorted ] || fail "the number could not be had"
    [ "$(processes a.seep .command | grep -c sort)" = 0 ] || fail "$(processes a.seep .)"
    [ "$("$SEEP" report --format json a.seep 2>/dev/null | jq .trace.complete)" = true ] || fail "the trace is not complete"
}

# A child that shares memory is none; programs that it runs come by exec.
# named -u: a server gives up the right to write where the trace is, and forks then. Once a process, the note says what is in the way.
case_children_that_may_not_write() {
    local drop='os.setuid(65534)'
    [ "$(id -u)" = 0 ] || drop='os.chmod(".", 0o555)'
    "$SEEP" run -o a.seep -- "$PYTHON" -c "import os
$drop
for i in range(3):
    pid = os.fork()
    if pid == 0:
        os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3" 2>err || fail "exit status $?: $(cat err)"
    chmod 755 .
    report_json a.seep >report.json 2>report.err
    [ "$(json report.json '[.trace.lost[] | select(.count != 0) | [.kind, .count]]' | tr -d ' \n')" = '[["untraced-forks",3]]' ] ||
        fail "lost: $(json report.json .trace.lost)"
    [ "$(json report.json '[.trace.notes[].text | select(startswith("fork: "))] | length')" = 1 ] || fail "$(json report.json .trace.notes)"
    has report.json 'fork: a child is not traced: making its ring beside the trace failed: Permission denied'
    no_leftovers
}

case_clone_as_vfork() {
    "$SEEP" run -o a.seep -- "$TARGETS/cloned" clone-vm >out 2>err || fail "exit status $?"
    all_told a.seep
    [ "$(processes a.seep '[.origin, .executable | split("/")[-1]]' | tr -d '\n')" = '["start","cloned"]["exec","true"]' ] ||
        fail "$(processes a.seep .)"
}

# What the two functions return is what they return untraced.
case_results_of_clone_and_syscall() {
    "$TARGETS/cloned" edges >native
    "$SEEP" run -o a.seep -- "$TARGETS/cloned" edges >out 2>err || fail "exit status $?"
    same out native
    all_told a.seep
}

# What the kernel refuses or takes for empty is not read here first, and no list of arguments is too long.
case_odd_execs() {
    "$TARGETS/odd_execs" >native
    [ "$(grep -c '^599$\|^599 b$' native)" = 3 ] || fail "the arguments: $(tail -8 native)"
    status_of 0 "$SEEP" run -o a.seep -- "$TARGETS/odd_execs" >out 2>err
    same out native
    all_told a.seep
}

case_daemon() {
    local waited=0
    "$SEEP" run -o a.seep -- "$family" daemon "$PWD/finished" 2>err &
    until [ -s finished ]; do
        sleep 0.1
        waited=$((waited + 1))
        [ $waited -lt 100 ] || fail "the daemon did nothing"
    done
    wait $! || fail "exit status $?"
    wait_trace a.seep
    all_told a.seep
    [ "$(processes a.seep "select(.pid == $(cat finished)) | .totals.unreleased_bytes >= 1234")" = true ] || fail "$(processes a.seep .)"
    no_leftovers
}

# Servers live on: nobody waits for them.
case_lives_on() {
    local started=$SECONDS
    status_of 3 "$SEEP" run -o a.seep -- sh -c 'sleep 6 & sleep 6 & exit 3' 2>err
    [ $((SECONDS - started)) -lt 5 ] || fail "it waited for $((SECONDS - started)) s"
    one_line err '^seep: recording goes on in a.seep with [12] process(es)? that lives? on; .*seep report a.seep$'
    started=$SECONDS
    "$SEEP" report a.seep >running.txt 2>running.err
    has running.err 'still being|running|recording'
    [ $((SECONDS - started)) -lt 2 ] || fail "the report waited for $((SECONDS - started)) s"
    for what in report info; do
        # shellcheck disable=SC2016 # for the inner shell
        later 5 sh -c '"$SEEP" "$1" a.seep 2>/dev/null | grep -q "not ended so far.*sleep 6"' sh $what
    done
    wait_trace a.seep
    has_not <("$SEEP" report a.seep) 'not ended so far|end not seen'
    all_told a.seep
    [ "$(processes a.seep 'select(.end == "exit" and .exit == 0) | .pid' | wc -l)" = 2 ] || fail "$(processes a.seep '[.end, .command]')"
    no_leftovers
}

# Nobody is waited for who cannot come: not where fork() failed, and not for a child that is dead.
case_stillborn_children() {
    local how wanted started=$SECONDS
    for how in failed killed; do
        rm -f a.seep
        "$SEEP" run -o a.seep -- "$family" stillborn $how 2>err || fail "$how: exit status $?: $(cat err)"
        report_json a.seep >report.json 2>report.err
        [ "$(json report.json .trace.complete)" = true ] || fail "$how: the trace is not complete"
        wanted=
        [ $how = failed ] || wanted='["untraced-forks",3]'
        [ "$(json report.json '.trace.lost[] | select(.count != 0) | [.kind, .count]' | tr -d ' \n')" = "$wanted" ] ||
            fail "$how: lost: $(json report.json .trace.lost)"
        no_leftovers
    done
    [ $((SECONDS - started)) -lt 4 ] || fail "somebody was waited for: $((SECONDS - started)) s"
}

case_crowd() { # 240 s
    "$SEEP" run -o a.seep -- "$family" crowd 300 2>err || fail "exit status $?"
    all_told a.seep
    [ "$(processes a.seep 'select(.origin == "fork" and .totals.allocations == 1) | .pid' | wc -l)" = 300 ] || fail "not all children"
    no_leftovers
}

case_bare() {
    LD_PRELOAD=$LIBSEEP SEEP_OPTIONS=output=a.seep sh -c '(ls / >/dev/null); sort /etc/passwd | head -1 >/dev/null; true' 2>err
    wait_trace a.seep
    [ ! -s err ] || fail "stderr: $(cat err)"
    all_told a.seep
    [ "$(processes a.seep .command | grep -c 'ls /\|sort /etc\|head -1')" -ge 3 ] || fail "$(processes a.seep .command)"
}

case_make_tree() { # 240 s
    mkdir src
    for i in 1 2 3 4 5 6; do
        echo "int f$i(int n) { int s = 0; for (int i = 0; i < n; i++) s += i * $i; return s; }" >src/f$i.c
    done
    printf 'all: f1.o f2.o f3.o f4.o f5.o f6.o\n' >src/Makefile
    "$SEEP" run -o a.seep -- make -s -C src -j2 2>err || fail "make: $(cat err)"
    [ -s src/f6.o ] || fail "not built"
    all_told a.seep
    [ "$(processes a.seep .command | grep -c '/cc1 ')" = 6 ] || fail "compilers: $(processes a.seep .command | grep -c '/cc1 ')"
}

# Programs that are run with nothing in their environment.
# shellcheck disable=SC2016
case_scrubbed_environment() {
    "$SEEP" run -o a.seep -- "$family" scrub /bin/sh -c 'env -i PATH="$PATH" sort /etc/passwd >sorted; env >vars' 2>err || fail "exit status $?"
    all_told a.seep
    [ "$(processes a.seep 'select(.command == "sort /etc/passwd") | .exit')" = 0 ] || fail "$(processes a.seep .command)"
    [ -s sorted ] || fail "it did not work"
}

# A server that limits what it runs (dovecot: 256 MB), itself without a limit, so that its ring is larger than all that they may map.
case_limited_programs() {
    for kib in 262144 100000; do
        rm -f a.seep
        "$SEEP" run -o a.seep -- sh -c "ulimit -v $kib; ulimit -d $kib; sort /etc/passwd >sorted" 2>err || fail "exit status $?"
        all_told a.seep
        [ "$(processes a.seep 'select(.command == "sort /etc/passwd") | .exit')" = 0 ] || fail "$kib: $(processes a.seep .command)"
    done
}

# not_traced N NOTE COMMAND…: N programs that it runs do not come to the tree; the note says which, and why.
not_traced() {
    local n=$1 note=$2
    shift 2
    rm -f a.seep
    "$SEEP" run -o a.seep -- "$@" >out 2>err || true # the status is the program's
    wait_trace a.seep
    report_json a.seep >report.json 2>report.err
    [ "$(json report.json '[.trace.lost[] | select(.count != 0) | [.kind, .count]]' | tr -d ' \n')" = "[[\"untraced-execs\",$n]]" ] ||
        fail "lost: $(json report.json .trace.lost)"
    [ -z "$note" ] || [ "$(json report.json '.trace.notes[].text' | grep '^exec: ')" = "exec: $note" ] || fail "said: $(json report.json .trace.notes)"
    has report.err "programs not traced: $n"
    no_leftovers
}

# What unsets LD_PRELOAD or changes SEEP_OPTIONS means it, and is told what it misses.
case_unset_preload() {
    not_traced 1 '/usr/bin/sort is not traced: its environment has no LD_PRELOAD with the library' \
        sh -c 'unset LD_PRELOAD; /usr/bin/sort /etc/passwd >sorted'
    [ -z "$(processes a.seep 'select(.command == "sort /etc/passwd") | .command')" ] || fail "traced"
    [ -s sorted ] || fail "it did not work"
    not_traced 2 '/usr/bin/sort is not traced: its SEEP_OPTIONS is another one' \
        sh -c 'export SEEP_OPTIONS=off; for i in 1 2; do /usr/bin/sort /etc/passwd >sorted; done'
}

# A fork child that becomes at once a program that is not traced ends there, in the report, and not when that program does (after two seconds or more).
case_ends_as_untraced() {
    for seconds in 2 2 3; do
        set -- "$@" "(unset LD_PRELOAD; exec sleep $seconds) &"
    done
    for options in '' --no-follow-exec; do
        rm -f a.seep
        "$SEEP" run ${options:+"$options"} -o a.seep -- sh -c "$* wait" 2>err || fail "exit status $?"
        [ "$(processes a.seep '[.origin, .end, .exit]')" = '["start","exit",0]
["fork","exec",null]
["fork","exec",null]
["fork","exec",null]' ] || fail "$options $(processes a.seep .)"
        "$SEEP" report --format json a.seep 2>/dev/null |
            jq -e '.processes | .[0].end_seconds as $over | all(.[1:][]; .end_seconds <= $over - 2)' >/dev/null ||
            fail "$options $(processes a.seep '[.origin, .start_seconds, .end_seconds]')"
    done
    [ "$(json <("$SEEP" report --format json a.seep) '[.trace.lost[] | select(.count != 0)] | length')" = 0 ] || fail "counted, but not wanted"
}

# What only loses SEEP_OPTIONS on its way has not meant it.
case_unset_options() {
    "$SEEP" run -o a.seep -- sh -c 'unset SEEP_OPTIONS; sort /etc/passwd >sorted' 2>err
    all_told a.seep
    [ "$(processes a.seep 'select(.command == "sort /etc/passwd") | .exit')" = 0 ] || fail "$(processes a.seep .command)"
    [ "$(find . -name '*.seep*' | wc -l)" = 1 ] || fail "more than one file: $(ls)"
}

# shellcheck disable=SC2016
case_static_programs() {
    local program=$TARGETS/static_program why='it is a static program'
    not_traced 1 "$program is not traced: $why" sh -c '"$1"; :' sh "$program"
    not_traced 1 "$program is not traced: $why" "$family" spawn "$program"
    not_traced 1 "$program is not traced: $why" sh -c 'exec "$1"' sh "$program"
    [ "$(processes a.seep '[.origin, .end, .exit]')" = '["start","exec",null]' ] || fail "$(processes a.seep .)"
    # One that lives on longer than the rest of the tree.
    not_traced 1 '' sh -c 'unset LD_PRELOAD; sleep 3 & exit 0'
}

case_programs_out_of_reach() {
    make_set_user_id privileged
    not_traced 1 "$PWD/privileged is not traced: it is a set-user-ID program" sh -c "$PWD/privileged --help >/dev/null 2>&1; :"
    if [ "$(id -u)" = 0 ]; then
        cp "$TARGETS/static_program" .
        not_traced 1 '/static_program is not traced: it was run in another root directory' chroot "$PWD" /static_program
        not_traced 1 '/usr/bin/true is not traced: it was run as another user' setpriv --reuid=65534 --clear-groups /usr/bin/true
        not_traced 1 '/usr/bin/true is not traced: its real and effective user or group differ, so the dynamic linker ignores LD_PRELOAD' \
            setpriv --ruid=65534 /usr/bin/true
    fi
}

# libc runs the shell of these two itself.
case_cleared_environment() {
    not_traced 2 '' "$family" cleared /bin/true
}

# Nothing is counted that failed, or that nobody wanted.
case_nothing_run() {
    "$SEEP" run -o a.seep -- sh -c '/nowhere/at/all; no_such_program; :' 2>err
    all_told a.seep
    "$SEEP" run --no-follow-exec -o b.seep -- sh -c '/bin/true; :' 2>err
    all_told b.seep
}

case_nested_run() {
    "$SEEP" run -o a.seep -- "$SEEP" run -o b.seep -- "$family" tree 1 2 2>err || fail "exit status $?: $(cat err)"
    all_told b.seep
    [ "$(json report.json '.processes | length')" = 3 ] || fail "inner: $(processes b.seep .command)"
}

case_not_followed() {
    "$SEEP" run --no-follow-exec -o a.seep -- sh -c 'ls / >/dev/null; (exit 3); sort /etc/passwd >/dev/null' 2>err
    [ "$(wc -l <err)" = 1 ] || fail "stderr: $(cat err)"
    [ -z "$(processes a.seep 'select(.origin == "exec") | .command')" ] || fail "a program was followed"
    [ "$(find . -name '*.seep*' | wc -l)" = 1 ] || fail "more than one file: $(ls)"
}
