# doctor.sh - `seep doctor`: what it says of programs and processes, checked against what tracing them shows.
# shellcheck shell=bash disable=SC2154

plain=$TARGETS/plain

# says WANTED-STATUS LEVEL:KEY… -- ARGUMENTS…: each key is found at that level, and nothing else is a problem; text and JSON agree.
says() {
    local wanted=$1 expected=() item
    shift
    while [ "$1" != -- ]; do
        expected+=("$1")
        shift
    done
    shift
    status_of "$wanted" "$SEEP" doctor "$@" >text 2>err
    [ ! -s err ] || fail "on stderr: $(cat err)"
    status_of "$wanted" "$SEEP" doctor --format json "$@" >found.json
    jq -r '.findings[] | .level + ":" + .key' found.json >found
    for item in "${expected[@]}"; do
        grep -qx -- "$item" found || fail "no $item, but: $(tr '\n' ' ' <found)"
    done
    printf '%s\n' "${expected[@]}" | grep ^problem | sort >problems_wanted || true
    grep ^problem found | sort >problems || true
    same problems problems_wanted
    jq -r '.findings[] | .level + ": " + .text + (if .advice then " — " + .advice else "" end)' found.json | same text /dev/stdin
}

# refuses STATUS REGEX ARGUMENTS…: one line on stderr, nothing on stdout.
refuses() {
    is_refused doctor "$@"
}

traceable() {
    [ "$(jq .traceable found.json)" = "$1" ] || fail "traceable is $(jq .traceable found.json), must be $1"
}

# as_run KEY PROGRAM: seep run refuses it too, with the same words.
as_run() {
    local words
    words=$(jq -r ".findings[] | select(.key == \"$1\").text" found.json)
    status_of 2 "$SEEP" run -o refused.seep -- "$2" >out 2>err
    grep -qF -- "$words" err || fail "seep run says otherwise: $(cat err)"
}

wait_ready() { # LOG
    local n=200
    until grep -q ready "$1"; do
        n=$((n - 1))
        [ $n -gt 0 ] || fail "never ready: $(cat "$1")"
        sleep 0.05
    done
}

# runs PID NAME: wait until it is that program, and no longer the shell that started it.
runs() {
    local n=200
    until [ "$(cat "/proc/$1/comm")" = "$2" ] && [ "$(head -c 1 "/proc/$1/cmdline" | wc -c)" = 1 ]; do
        n=$((n - 1))
        [ $n -gt 0 ] || fail "process $1 never was $2"
        sleep 0.05
    done
}

case_nothing_in_the_way() {
    says 0 ok:preload ok:allocator ok:libseep -- -- "$plain" one two
    traceable true
    [ "$(jq -r .target found.json)" = "$plain" ] || fail "target $(jq .target found.json)"
    says 0 note:stripped -- -- sleep 3
    [ "$(jq -r .target found.json)" = "$(command -v sleep)" ] || fail "target $(jq .target found.json)"
}

case_usage() {
    refuses 2 'which PID or -- COMMAND'
    refuses 2 'which PID or -- COMMAND' --
    refuses 2 'wants a process id' "$plain"
    refuses 2 'wants a process id' 12x
    refuses 2 'wants a process id' 99999999999999999999
    refuses 2 'one PID' 1 2
    refuses 2 'format' --format xml 1
    refuses 2 'frobnicate' --frobnicate 1
}

case_missing_and_not_executable() {
    refuses 127 'no-such-program: not found' -- no-such-program
    cp "$plain" quiet
    chmod 644 quiet
    refuses 126 'quiet: not an executable' -- ./quiet
    printf '#!%s/no-such-interpreter\n' "$PWD" >bad
    chmod +x bad
    refuses 127 'bad: it is a script for .*does not exist' -- ./bad
}

case_static_program() {
    says 1 problem:static -- -- "$TARGETS/static_program"
    traceable false
    as_run static "$TARGETS/static_program"
}

case_setuid_program() {
    make_set_user_id raised
    says 1 problem:set-user-id -- -- ./raised
    traceable false
    as_run set-user-id ./raised
}

case_running_setuid_program() {
    [ "$(id -u)" = 0 ] || skip "only root may look at a set-user-ID process"
    place=$(mktemp -d /tmp/seep-case-XXXXXX) # somewhere that nobody may enter
    trap 'rm -rf "$place"; end_of_case' EXIT
    chmod 755 "$place"
    cp "$TARGETS/filtered" "$place/raised"
    chown nobody "$place/raised"
    chmod u+s "$place/raised"
    background log env "LD_PRELOAD=$LIBSEEP" "$place/raised" none
    wait_ready log
    says 1 problem:secure problem:preload-dropped problem:set-user-id -- "$background_pid"
    traceable false
}

case_file_capabilities() {
    [ "$(id -u)" = 0 ] || skip "only root may give a file capabilities"
    place=$(mktemp -d /tmp/seep-case-XXXXXX) # somewhere that nobody may enter
    trap 'rm -rf "$place"; end_of_case' EXIT
    cp "$SEEP" "$LIBSEEP" "$BUILD/seep-collect" "$plain" "$place/"
    chmod -R a+rX "$place"
    python3 -c 'import os, struct, sys
os.setxattr(sys.argv[1], "security.capability", struct.pack("<5I", 0x02000000, 1 << 10, 0, 0, 0))' "$place/plain"
    says 0 ok:preload -- -- "$place/plain"
    status_of 1 setpriv --reuid=nobody --regid=nogroup --clear-groups "$place/seep" doctor -- "$place/plain" >text
    has text '^problem: it has file capabilities'
}

case_foreign_programs() {
    python3 - <<'PY'
import os
for name, bits, machine in ("i386", 1, 3), ("aarch64", 2, 183):
    head = b"\x7fELF" + bytes([bits, 1, 1]) + bytes(9) + (2).to_bytes(2, "little") + machine.to_bytes(2, "little")
    open(name, "wb").write(head + bytes(200))
    os.chmod(name, 0o755)
PY
    says 1 problem:32-bit -- -- ./i386
    [ "$(uname -m)" = aarch64 ] || says 1 problem:machine -- -- ./aarch64
    traceable false
}

case_musl_program() {
    gcc -Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1 -o of_musl "$ROOT/tests/targets/plain.c"
    says 1 problem:musl -- -- ./of_musl
    traceable false
    as_run musl ./of_musl
}

case_scripts() {
    printf '#!/bin/sh\nexec "%s"\n' "$plain" >script
    printf '#!/usr/bin/env python3\n' >by_env
    printf '#!%s\n' "$TARGETS/static_program" >of_static
    chmod +x script by_env of_static
    says 0 ok:preload note:wrapper -- -- ./script
    has text '^note: it is a script: what is examined here is its interpreter, /bin/sh; .* are followed into the same trace.* seep doctor -- PROGRAM$'
    says 0 note:wrapper -- -- ./by_env
    # Its own words for messages of allocators are not such messages.
    "$SEEP" doctor -- "$SEEP" >text || fail "of itself: $(cat text)"
    has_not text 'mimalloc|jemalloc'
    says 0 note:wrapper -- -- timeout 3 "$plain"
    says 1 problem:wrapper-changes -- -- setpriv --no-new-privs "$plain"
    says 1 problem:static -- -- ./of_static
    has text 'it is a script for .*static_program, which is statically linked'
}

# What it says will not be seen is not in the trace, either.
case_allocators_in_the_program() {
    says 1 problem:hidden-allocator -- -- "$TARGETS/hidden_allocator"
    has text 'problem: .*calling malloc'
    traceable true
    "$SEEP" run -o hidden.seep -- "$TARGETS/hidden_allocator" 2>err
    has err ' 0 allocations'
    says 1 problem:exported-allocator -- -- "$TARGETS/exported_allocator"
    "$SEEP" run -o exported.seep -- "$TARGETS/exported_allocator" 2>err
    has err 'stands before libseep.so'
    strip -o stripped "$TARGETS/hidden_allocator"
    says 0 note:stripped -- -- ./stripped
    for name in je_malloc _rjem_malloc mi_malloc tc_malloc; do
        echo "__attribute__((noinline)) void *$name(unsigned long n) { static char block[64]; return n < 64 ? block : 0; }
            int main(int argc, char **argv) { (void)argv; return !$name((unsigned long)argc); }" | gcc -x c - -o with_$name
        says 1 problem:hidden-allocator -- -- ./with_$name
        has text "calling $name "
    done
    strip with_je_malloc
    says 0 note:stripped -- -- ./with_je_malloc
    echo 'void *__rg_alloc(unsigned long n) { return (void *)n; } int main(void) { return 0; }' | gcc -x c - -o rust
    says 0 note:rust-allocator -- -- ./rust
}

# A real allocator, linked statically and hidden, is known by its messages after stripping.
case_stripped_allocators() {
    gcc -o with_jemalloc "$ROOT/tests/targets/plain.c" -Wl,--exclude-libs,ALL -l:libjemalloc.a -lm -lstdc++
    says 1 problem:hidden-allocator -- -- ./with_jemalloc
    strip with_jemalloc
    says 1 problem:hidden-allocator -- -- ./with_jemalloc
    has text "it has jemalloc's messages"
    "$SEEP" run -o a.seep -- ./with_jemalloc >out 2>err || true
    has err 'trace in .* [0-9]{1,2} allocations' # of 1010
}

case_shared_allocators() {
    for name in jemalloc tcmalloc mimalloc; do
        says 0 ok:shared-allocator -- -- "$TARGETS/operator_new-$name"
        has text "lib$name.* defines malloc"
    done
    gcc -shared -fPIC -fno-builtin -Wl,-Bsymbolic -o libsymbolic.so "$ROOT/tests/targets/lib_bump.c"
    gcc -shared -fPIC -fno-builtin -o libplain.so "$ROOT/tests/targets/lib_bump.c"
    echo 'int main(void) { return 0; }' >nothing.c
    mkdir bin
    for name in symbolic plain; do
        gcc nothing.c -Wl,--no-as-needed,-rpath,"\$ORIGIN/.." -L. -l$name -o bin/with_$name
        ln -s bin/with_$name linked_$name # $ORIGIN is where the file is
    done
    says 1 problem:symbolic-allocator -- -- ./linked_symbolic
    says 0 ok:shared-allocator -- -- ./linked_plain
    rm libplain.so
    says 0 note:library-not-found -- -- ./linked_plain
    LD_LIBRARY_PATH=$PWD/elsewhere:$PWD says 1 problem:symbolic-allocator -- -- ./linked_symbolic
}

# A Go toolchain is not needed to have its sections.
case_go_program() {
    echo note >section
    objcopy --add-section .note.go.buildid=section "$plain" dynamic
    says 1 problem:go -- -- ./dynamic
    traceable true
    objcopy --add-section .go.buildinfo=section "$TARGETS/static_program" static
    says 1 problem:go problem:static -- -- ./static
    traceable false
}

case_sanitizer() {
    for name in address thread leak; do
        gcc -fsanitize=$name -o sanitized "$ROOT/tests/targets/plain.c"
        says 1 problem:sanitizer -- -- ./sanitized
        status_of 2 "$SEEP" run -o trace.seep -- ./sanitized 2>err
        one_line err '^seep: cannot trace ./sanitized: it is built with -fsanitize, .*; trace a build without -fsanitize$'
        traceable false
    done
    gcc -fsanitize=undefined -o sanitized "$ROOT/tests/targets/plain.c" # has no allocator
    says 0 ok:allocator -- -- ./sanitized
}

case_seep_that_cannot_be_loaded() {
    mkdir -p place/bin place/lib/seep
    cp "$SEEP" place/bin/
    SEEP=$PWD/place/bin/seep
    says 1 problem:libseep -- -- "$plain"
    traceable false
    cp "$LIBSEEP" place/lib/seep/
    says 1 ok:libseep problem:collector -- -- "$plain"
    cp "$BUILD/seep-collect" place/lib/seep/
    says 0 ok:libseep -- -- "$plain"
    # A file system of our own, where we may make one.
    unshare --mount true 2>unshare.err || {
        grep -qE 'not permitted|Invalid argument' unshare.err || fail "$(cat unshare.err)"
        return 0
    }
    # shellcheck disable=SC2016 # for the inner shell
    status_of 1 unshare --mount sh -c 'mount -t tmpfs -o noexec none place/lib/seep && cp "$1" "$2" place/lib/seep/ && "$3" doctor -- "$4"' \
        sh "$LIBSEEP" "$BUILD/seep-collect" "$SEEP" "$plain" >text
    has text '^problem: .*noexec'
}

case_running_untraced() {
    background log sleep 60
    runs "$background_pid" sleep
    says 0 note:not-traced ok:preload ok:libseep -- "$background_pid"
    has text 'seep run -- sleep 60$'
    [ "$(jq -r .target found.json)" = "$background_pid" ] || fail "target $(jq .target found.json)"
    [ -d "/proc/$background_pid" ] || fail "it is gone"
    background log "$TARGETS/hidden_allocator" "it's odd"
    runs "$background_pid" hidden_allocato # a name has 15 bytes
    says 1 note:not-traced problem:hidden-allocator -- "$background_pid"
    grep -qF "hidden_allocator 'it'\\''s odd'" text || fail "not as a shell takes it: $(cat text)"
}

case_running_with_children() {
    cat >forks.py <<'PY'
import os, time
for _ in range(2):
    if os.fork() == 0:
        break
else:
    print("ready", flush=True)
time.sleep(60)
PY
    background log python3 forks.py
    parent=$background_pid
    wait_ready log
    background_pids="$background_pids $(pgrep -P "$parent" | tr '\n' ' ')"
    [ -r "/proc/$parent/task/$parent/children" ] || skip "this kernel lists no children"
    says 0 ok:fork-children -- "$parent"
    has text '2 of its children'
    background log timeout 60 sleep 60
    runs "$background_pid" timeout
    says 0 note:wrapper -- "$background_pid"
}

case_running_traced_with_children() {
    cat >forks.py <<'PY'
import os, sys, time
os.setuid(int(sys.argv[1]))
child = os.fork()
if child:
    print(child, "ready", flush=True)
time.sleep(60)
PY
    background log env "LD_PRELOAD=$LIBSEEP" "SEEP_OPTIONS=output=$PWD/a.seep" "$PYTHON" forks.py "$(id -u)"
    parent=$background_pid
    wait_ready log
    child=$(cut -d' ' -f1 log)
    background_pids="$background_pids $child"
    [ -r "/proc/$parent/task/$parent/children" ] || skip "this kernel lists no children"
    says 0 ok:traced ok:fork-children -- "$parent"
    says 0 ok:traced -- "$child"
    has text "the trace is $PWD/a\\.seep\$"
    [ "$(id -u)" = 0 ] || return 0
    # Another user than root makes no ring in root's folder.
    background log2 env "LD_PRELOAD=$LIBSEEP" "SEEP_OPTIONS=output=$PWD/b.seep" "$PYTHON" forks.py 65534
    parent=$background_pid
    wait_ready log2
    child=$(cut -d' ' -f1 log2)
    background_pids="$background_pids $child"
    says 1 ok:traced problem:fork-children -- "$parent"
    has text '1 of its 1 children'
    says 1 problem:not-recording -- "$child"
}

# What it says of wrappers is so.
case_wrappers() {
    cp /bin/true ./program
    for wrapper in env "timeout 9" nice nohup setsid "sh -c" "stdbuf -o0" "taskset -c 0" xargs; do
        rm -f a.seep
        read -ra words <<<"$wrapper"
        says 0 note:wrapper -- -- "${words[@]}" ./program
        "$SEEP" run -o a.seep -- "${words[@]}" ./program </dev/null >out 2>err || fail "$wrapper: exit status $?"
        wait_trace a.seep
        "$SEEP" report --format json --top 0 a.seep | jq -e '.processes[] | select(.command == "./program")' >jq.out ||
            fail "$wrapper: the program is not in the trace"
    done
    [ "$(id -u)" = 0 ] || return 0
    says 1 problem:wrapper-changes -- -- setpriv --reuid=65534 --clear-groups ls
    chmod 777 .
    "$SEEP" run -o b.seep -- setpriv --reuid=65534 --clear-groups ls / >out 2>err
    wait_trace b.seep
    [ "$("$SEEP" report --format json --top 0 b.seep | jq '.processes | length')" = 1 ] || fail "it is traced after all"
}

case_running_traced() {
    background log env "LD_PRELOAD=$LIBSEEP" "SEEP_OPTIONS=output=$PWD/a.seep" "$TARGETS/filtered" none
    wait_ready log
    says 0 ok:traced -- "$background_pid"
    has text "the trace is $PWD/a\\.seep\$"
    background log2 env "LD_PRELOAD=$LIBSEEP" SEEP_OPTIONS=off "$TARGETS/filtered" none
    wait_ready log2
    says 1 problem:not-recording -- "$background_pid"
    background log3 env "LD_PRELOAD=$PWD/gone/libseep.so" "$TARGETS/filtered" none
    wait_ready log3
    says 1 problem:preload-dropped note:not-traced -- "$background_pid"
}

case_running_under_seccomp() {
    background log "$TARGETS/filtered" filter
    wait_ready log
    says 0 note:seccomp ok:no-new-privileges -- "$background_pid"
    background log2 "$TARGETS/filtered" strict
    wait_ready log2
    says 1 problem:seccomp -- "$background_pid"
}

case_process_1() {
    unshare --pid --fork true 2>unshare.err || {
        grep -qE 'not permitted|Invalid argument' unshare.err || fail "$(cat unshare.err)"
        skip "no process namespace may be made here: $(cat unshare.err)"
    }
    background log unshare --pid --fork --kill-child "$TARGETS/filtered" none
    wait_ready log
    says 1 problem:init -- "$(pgrep -P "$background_pid")"
    traceable false
}

case_kernel_thread() {
    [ "$(cat /proc/2/comm 2>/dev/null)" = kthreadd ] || skip "no thread of the kernel is seen here"
    says 1 problem:kernel-thread -- 2
    traceable false
}

case_running_with_libraries_opened() {
    gcc -shared -fPIC -fno-builtin -o opened.so "$ROOT/tests/targets/lib_bump.c"
    gcc -shared -fPIC -fno-builtin -Wl,-Bsymbolic -o symbolic.so "$ROOT/tests/targets/lib_bump.c"
    sed 's/^void \*malloc(size_t/static __attribute__((used)) void *je_malloc(size_t/' "$ROOT/tests/targets/lib_bump.c" |
        gcc -x c -shared -fPIC -fno-builtin - -o hidden.so
    background log "$TARGETS/opens_libraries" ./opened.so ./symbolic.so ./hidden.so
    wait_ready log
    says 1 note:library-malloc problem:symbolic-allocator problem:library-allocator -- "$background_pid"
    cp symbolic.so other.so
    mv other.so opened.so # as an upgrade does
    says 1 note:library-gone problem:symbolic-allocator problem:library-allocator -- "$background_pid"
    background log2 "$TARGETS/opens_libraries" -n libm.so.6
    wait_ready log2
    says 1 problem:namespaces -- "$background_pid"
    has text 'libc.*is loaded 2 times'
}

# The libraries of one that has locked itself up are where they were.
case_running_in_a_bare_root() {
    local apart=()
    [ "$(id -u)" = 0 ] || apart=(unshare --map-root-user)
    mkdir jail
    gcc -shared -fPIC -fno-builtin -Wl,-Bsymbolic -o symbolic.so "$ROOT/tests/targets/lib_bump.c"
    background log "${apart[@]}" "$PYTHON" -c \
        'import ctypes, os, time; ctypes.CDLL("./symbolic.so"); os.chroot("jail"); print("ready", flush=True); time.sleep(60)'
    later 10 grep -q . log
    grep -q ready log || skip "chroot is not allowed here: $(tail -1 log)"
    says 1 note:mount-namespace ok:libseep problem:symbolic-allocator -- "$background_pid"
    has text "called chroot.* root is $PWD/jail"
    has_not found library-gone
    traceable true
}

case_process_that_may_not_be_looked_at() {
    background log sleep 60
    stop "$background_pid" KILL
    wait "$background_pid" 2>/dev/null || true
    refuses 2 "process $background_pid: there is none" "$background_pid"
    # An ended child that nobody has asked about.
    python3 -c 'import os, time
child = os.fork()
if child == 0:
    os._exit(0)
time.sleep(0.2)
print(child, flush=True)
time.sleep(60)' >zombie &
    background_pids="$background_pids $!"
    for _ in $(seq 100); do [ -s zombie ] && break; sleep 0.1; done
    refuses 2 'it has ended' "$(cat zombie)"
    background log2 sleep 60
    as_nobody=()
    if [ "$(id -u)" = 0 ]; then
        place=$(mktemp -d /tmp/seep-case-XXXXXX) # somewhere that nobody may enter
        trap 'rm -rf "$place"; end_of_case' EXIT
        cp "$SEEP" "$LIBSEEP" "$BUILD/seep-collect" "$place/"
        chmod -R a+rX "$place"
        as_nobody=(setpriv --reuid=nobody --regid=nogroup --clear-groups "$place/seep")
        status_of 2 "${as_nobody[@]}" doctor "$background_pid" >out 2>err
        one_line err "^seep: .*$background_pid: it belongs to user 0"
        background log3 setpriv --reuid=nobody --regid=nogroup --clear-groups sleep 60
        runs "$background_pid" sleep
        says 0 note:user -- "$background_pid"
    else
        background log3 "$TARGETS/filtered" secret
        wait_ready log3
        refuses 2 'it is protected' "$background_pid"
    fi
}

case_process_elsewhere() {
    unshare --mount true 2>unshare.err || {
        grep -qE 'not permitted|Invalid argument' unshare.err || fail "$(cat unshare.err)"
        skip "no mount namespace may be made here: $(cat unshare.err)"
    }
    # Where libseep.so is, it sees an empty folder.
    mkdir place
    cp "$SEEP" "$LIBSEEP" "$BUILD/seep-collect" place/
    # shellcheck disable=SC2016 # for the inner shell
    background log unshare --mount sh -c 'mount -t tmpfs none place && exec "$1" none' sh "$TARGETS/filtered"
    wait_ready log
    SEEP=$PWD/place/seep
    says 1 note:mount-namespace problem:libseep problem:collector -- "$background_pid"
    traceable false
}

case_damaged_programs() { # 200 s
    for seep in "$SEEP" "$BUILD/asan/seep"; do
        [ -x "$seep" ] || continue
        for program in "$plain" "$TARGETS/hidden_allocator"; do
            python3 "$LIB/damaged_programs.py" "$seep" "$program" cut 60
            python3 "$LIB/damaged_programs.py" "$seep" "$program" flip 500 7
        done
    done
}

# Each key that the sources have stands in the manual's section, and the other way round.
case_every_key_is_in_the_manual() {
    cat "$ROOT"/analyzer/doctor*.c | tr '\n' ' ' | grep -oE 'FINDING_[A-Z]+, +"[a-z0-9-]+"' | cut -d'"' -f2 >keys
    sed -n '/preload_obstacle .* = /,/;/p' "$ROOT/analyzer/elf_check.c" | tr '\n' ' ' | grep -oE '= \{ *"[a-z0-9-]+"' | cut -d'"' -f2 |
        grep -v '^no-interpreter$' >>keys # ends it before there is a list
    sed -n '/^The keys of findings/,/^\.SH/{s/\\-/-/g; s/^\.BR //p}' "$ROOT/analyzer/seep.1" | tr -d '" ' | tr ',' '\n' >documented
    [ "$(wc -l <keys)" -ge 30 ] || fail "hardly any keys"
    sort -u -o keys keys
    sort -u documented | grep -v '^ld.so' | same keys /dev/stdin
}
