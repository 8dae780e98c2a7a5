# run_command.sh - `seep run`: what it starts, what it refuses, and with which words and exit status.
# shellcheck shell=bash disable=SC2154

plain=$TARGETS/plain

refused() { # WANTED STATUS, REGEX, ARGUMENTS…
    is_refused run "$@"
}

case_exit_status() {
    status_of 3 "$SEEP" run -o a.seep -- "$plain" one 'two words' '' >out 2>err
    "$plain" one 'two words' '' >wanted || true
    same out wanted
    one_line err '^seep: trace in .*a\.seep: 1010 allocations'
    status_of 7 "$SEEP" run -o b.seep sh -c 'exit 7' 2>err
    status_of 143 "$SEEP" run -o c.seep -- sh -c 'kill -TERM $$' 2>err
}

case_default_name() {
    status_of 3 "$SEEP" run -- "$plain" 2>err
    set -- seep.plain.*.seep
    [ $# = 1 ] || fail "not one trace: $*"
    [ -f "$1" ] || fail "no trace"
    has err "$1"
    status_of 3 "$SEEP" run -o 'x.%p.seep' -- "$plain" 2>err
    set -- x.[0-9]*.seep
    [ $# = 1 ] || fail "not one trace: $*"
    [ -f "$1" ] || fail "no trace"
}

case_pass_through_streams() {
    printf 'a\0b\n' | "$SEEP" run -o a.seep -- cat >out 2>err
    printf 'a\0b\n' >wanted
    same out wanted
}

case_trace_is_private() {
    umask 0
    status_of 3 "$SEEP" run -o a.seep -- "$plain" 2>err
    [ "$(stat -c %a a.seep)" = 600 ] || fail "mode $(stat -c %a a.seep), must be 600"
}

case_never_overwrites() {
    echo precious >a.seep
    refused 2 'a\.seep' -o a.seep -- "$plain"
    [ "$(cat a.seep)" = precious ] || fail "the file was touched"
    ln -s nowhere b.seep
    refused 2 'b\.seep' -o b.seep -- "$plain"
    [ ! -e nowhere ] || fail "a link was followed"
    mkdir c.seep
    refused 2 'c\.seep' -o c.seep -- "$plain"
    mkfifo d.seep
    refused 2 'd\.seep' -o d.seep -- "$plain"
}

case_no_such_directory() {
    refused 2 'nowhere/a\.seep' -o nowhere/a.seep -- "$plain"
}

case_unwritable_directory() {
    mkdir closed
    cp "$plain" closed/
    chmod 555 closed
    if [ "$(id -u)" = 0 ]; then
        command -v setpriv >/dev/null || fail "setpriv (util-linux) is missing"
        place=$(mktemp -d /tmp/seep-case-XXXXXX) # somewhere that nobody may enter
        trap 'rm -rf "$place"; end_of_case' EXIT
        mkdir "$place/closed" "$place/bin"
        cp "$SEEP" "$LIBSEEP" "$BUILD/seep-collect" "$plain" "$place/bin/"
        chmod -R a+rX "$place"
        status_of 2 setpriv --reuid=nobody --regid=nogroup --clear-groups \
            "$place/bin/seep" run -o "$place/closed/a.seep" -- "$place/bin/plain" >out 2>err
        # By LD_PRELOAD alone the program must run as without it.
        status_of 3 setpriv --reuid=nobody --regid=nogroup --clear-groups \
            env "LD_PRELOAD=$place/bin/libseep.so" "SEEP_OPTIONS=output=$place/closed/b.seep" "$place/bin/plain" x >out2 2>err2
        [ "$(cat out2)" = x ] || fail "the program did not run as ever"
        one_line err2 '^seep: .*b\.seep'
    else
        status_of 2 "$SEEP" run -o closed/a.seep -- "$plain" >out 2>err
    fi
    one_line err '^seep: .*closed/a\.seep.*denied'
    chmod 755 closed
}

case_missing_target() {
    refused 127 'no-such-program' -o a.seep -- no-such-program
    refused 127 'no-such-program' -o a.seep -- ./no-such-program
    mkdir locked
    chmod 0 locked
    PATH=$PWD/locked:$PATH refused 127 'no-such-program: not found' -o a.seep -- no-such-program
    rmdir locked
    [ ! -e a.seep ] || fail "a trace was made"
}

case_not_executable() {
    cp "$plain" quiet
    chmod 644 quiet
    refused 126 'quiet' -o a.seep -- ./quiet
    mkdir folder
    refused 126 'folder' -o a.seep -- ./folder
}

case_static_program() {
    refused 2 'static' -o a.seep -- "$TARGETS/static_program"
    [ ! -e a.seep ] || fail "a trace was made"
    status_of 4 env "LD_PRELOAD=$LIBSEEP" SEEP_OPTIONS=output=a.seep "$TARGETS/static_program" >out
}

case_setuid_program() {
    make_set_user_id raised
    refused 2 'set-?user|set-?uid|setuid' -o a.seep -- ./raised
}

case_foreign_programs() {
    python3 - <<'PY'
import os
def elf(name, bits, machine):
    head = b"\x7fELF" + bytes([bits, 1, 1]) + bytes(9) + (2).to_bytes(2, "little") + machine.to_bytes(2, "little")
    open(name, "wb").write(head + bytes(200))
    os.chmod(name, 0o755)
elf("i386", 1, 3)
elf("aarch64", 2, 183)
elf("nonsense", 7, 62)
PY
    refused 2 'i386.*(32|bit)' -o a.seep -- ./i386
    refused 2 'aarch64: .*(machine|processor)' -o a.seep -- ./aarch64
    status=0
    "$SEEP" run -o a.seep -- ./nonsense >out 2>err || status=$?
    case $status in 2 | 126) ;; *) fail "exit status $status" ;; esac
    one_line err '^seep: .*nonsense'
    [ ! -e a.seep ] || fail "a trace was made"
}

# What a musl compiler would leave; its dynamic linker would end the program because of us.
case_musl_program() {
    gcc -Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1 -o of_musl "$ROOT/tests/targets/plain.c"
    refused 2 'of_musl: it is linked against musl' -o a.seep -- ./of_musl
    [ ! -e a.seep ] || fail "a trace was made"
}

case_script() {
    printf '#!/bin/sh\nexec "%s" "$@"\n' "$plain" >script
    chmod +x script
    status_of 3 "$SEEP" run -o a.seep -- ./script hello >out 2>err
    [ "$(cat out)" = hello ] || fail "the script did not do its work"
    printf '#!%s/no-such-interpreter\n' "$PWD" >bad
    chmod +x bad
    status=0
    "$SEEP" run -o b.seep -- ./bad >out 2>err || status=$?
    case $status in 126 | 127) ;; *) fail "exit status $status" ;; esac
    one_line err '^seep: .*bad'
}

case_usage() {
    refused 2 'frobnicate' --frobnicate -- "$plain"
    refused 2 'ring' --ring=much -- "$plain"
    refused 2 'unwinder' --unwinder=guess -- "$plain"
    refused 2 '' -o
    refused 2 ''
}

case_quoting_in_output() {
    mkdir 'odd: 100%'
    status_of 3 "$SEEP" run -o 'odd: 100%/a:b%25.seep' -- "$plain" 2>err
    [ -f 'odd: 100%/a:b%25.seep' ] || fail "the trace is not where it was wanted"
}

case_signals_reach_the_program() {
    for signal in TERM INT QUIT USR1; do
        background log env --default-signal=INT,QUIT "$SEEP" run -o $signal.seep -- "$PYTHON" -c '
import signal, sys, time
def end(*_):
    print("ended in order"); sys.exit(9)
for number in signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1:
    signal.signal(number, end)
print("ready", flush=True)
time.sleep(30)'
        for _ in $(seq 100); do grep -q ready log && break; sleep 0.1; done
        kill -$signal "$background_pid"
        status_of 9 wait "$background_pid"
        has log 'ended in order'
        [ "$(report_json $signal.seep | jq .trace.complete)" = true ] || fail "not complete"
    done
}

# What a script becomes by exec is not traced, and the trace says so, however short it was.
case_exec_is_followed() {
    for rest in 'exec sleep 0.3' 'exec true'; do
        rm -f a.seep
        status_of 0 "$SEEP" run -o a.seep -- sh -c "$rest" >out 2>err
        "$SEEP" info --format json a.seep | jq -c '[.processes[] | [.origin, .end]]' >ends
        [ "$(cat ends)" = '[["start","exec"],["exec","exit"]]' ] || fail "the processes: $(cat ends)"
    done
    "$SEEP" run -o b.seep -- "$plain" >out 2>err || true
    [ "$("$SEEP" info --format json b.seep | jq '.trace.notes | length')" = 0 ] || fail "noted where there is nothing to note"
}

case_options_of_the_environment() {
    status_of 3 env SEEP_OPTIONS='output=%n-100%25.seep:sample=1M' "$SEEP" run -- "$plain" 2>err
    [ "$("$SEEP" info --format json 'plain-100%.seep' | jq .trace.sample_bytes)" = 1048576 ] || fail "not sampled"
    status_of 3 env SEEP_OPTIONS=output=not.seep "$SEEP" run -o a.seep -- "$plain" 2>err
    { [ -f a.seep ] && [ ! -e not.seep ]; } || fail "-o does not count"
    status_of 3 env SEEP_OPTIONS=off "$SEEP" run -o b.seep -- "$plain" 2>err
    one_line err 'SEEP_OPTIONS has "off"'
    [ ! -e b.seep ] || fail "traced"
}

# A program that has nothing to tell still grows older.
case_report_of_a_silent_program() {
    background log "$SEEP" run -o a.seep -- sleep 4
    sleep 2.5
    [ "$("$SEEP" report --format json a.seep 2>err | jq '.trace.runtime_seconds > 1.5')" = true ] || fail "its time stands still"
    wait "$background_pid"
}

case_interrupted_by_kill_of_seep() {
    # seep run itself dies: the program goes on, and the trace is finished without it.
    background log "$SEEP" run -o a.seep -- sh -c 'sleep 1; exit 0'
    sleep 0.5
    kill -KILL "$background_pid"
    wait_trace a.seep
}

case_installed_copy() {
    make -s -C "$ROOT" BUILD="$BUILD" install DESTDIR="$PWD/inst" PREFIX=/usr >install.log 2>&1
    find inst -type f -printf '%P %m\n' | sort >files
    for f in 'usr/bin/seep 755' 'usr/lib/seep/libseep.so 755' 'usr/lib/seep/seep-collect 755' 'usr/share/man/man1/seep.1 644'; do
        grep -qx "$f" files || fail "$f is not installed"
    done
    status_of 3 inst/usr/bin/seep run -o a.seep -- "$plain" 2>err
    inst/usr/bin/seep report --format json a.seep >report.json
    [ "$(json report.json .totals.allocations)" = 1010 ] || fail "the installed copy does not record"
    status_of 3 env "LD_PRELOAD=$PWD/inst/usr/lib/seep/libseep.so" "SEEP_OPTIONS=output=$PWD/b.seep" "$plain" 2>err
    wait_trace b.seep
}

case_changed_header_however_build_is_named() {
    # Objects know what they were made from by whichever name of the folder: none may stay old.
    local name
    for name in "$BUILD" "$(realpath --relative-to="$ROOT" "$BUILD")" "$BUILD/"; do
        make -n -C "$ROOT" BUILD="$name" -W preload/collector/target.h all >commands
        has commands ' preload/collector/collect\.c'
        has commands ' preload/collector/target\.c'
    done
}
