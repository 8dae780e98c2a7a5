# coverage.sh - at exit the report holds what was traced against what the allocator itself says.
# shellcheck shell=bash

preload() { # OPTIONS COMMAND…: trace it into a.seep
    rm -f a.seep
    "$SEEP" run -o a.seep ${1:+"$1"} -- "${@:2}" >out 2>err
    "$SEEP" report a.seep >text 2>warned
    report_json a.seep >report.json 2>/dev/null
}

figure() { # KEY [PROCESS]
    json report.json ".processes[${2:-0}].coverage.$1"
}

# is_told [PROCESS]: glibc told the program the very bytes that the report has.
is_told() {
    local pid told
    pid=$(json report.json ".processes[${1:-0}].pid")
    told=$(awk -v pid="$pid" '$1 == pid { print $2 }' out)
    [[ $told && $(figure in_use_bytes "${1:-0}") = "$told" ]] || fail "in use: $(figure in_use_bytes "${1:-0}"), glibc says $told"
}

case_exact() {
    BOOKS=$PWD/books preload "" "$TARGETS/past_the_shim" 5000 0
    is_told
    [ "$(figure traced_bytes) $(figure traced_blocks) $(json report.json .totals.unreleased_bytes)" = "$(awk '/^total/ { print $7, $9, $7 }' books)" ] ||
        fail "traced $(figure traced_bytes) bytes in $(figure traced_blocks) blocks, the books: $(tail -1 books)"
    [ "$(figure held_bytes)" = $((5000 * 1008)) ] || fail "held: $(figure held_bytes)"
    [ "$(figure share) $(figure uncovered_bytes) $(figure not_measured)" = "1 0 null" ] || fail "$(json report.json .processes[0].coverage)"
    has text '^coverage: 100\.0% of the 5\.[0-9]*M that glibc malloc had in use at exit$'
    [ ! -s warned ] || fail "$(cat warned)"
}

case_past_the_shim() {
    preload "" "$TARGETS/past_the_shim" 3000 1000
    is_told
    # 3,000 bytes take 3,008; 40 KiB and no frees are allowed for.
    wanted=$(($(figure in_use_bytes) - 3000 * 1008 - 40960))
    [ "$(figure uncovered_bytes)" = "$wanted" ] || fail "uncovered: $(figure uncovered_bytes), not $wanted"
    has text '^coverage: 50\.[0-9]% of the 6\.[0-9]*M that glibc malloc had in use at exit$'
    has text '^  warning: 2\.9[0-9]M of process [0-9]+ passed seep by: '
    one_line warned '^seep: warning: .*a\.seep: the figures do not cover everything; of what the allocator of [0-9]+ had in use at exit: 50\.[0-9]%$'
}

case_past_the_shim_in_a_child() {
    preload "" "$TARGETS/past_the_shim" 1000 100 more
    is_told 0
    is_told 1
    [ "$(figure traced_bytes 0) $(figure traced_bytes 1)" = "1000000 2000000" ] || fail "$(json report.json '.processes[].coverage')"
    has text 'had in use at exit, in 2 processes; least [0-9.]*% of [0-9]*$'
    has warned 'had in use at exit: 7[0-9]\.[0-9]%$'
}

case_jemalloc() {
    BOOKS=$PWD/books LD_PRELOAD=libjemalloc.so.2 preload "" "$TARGETS/past_the_shim" 5000 0
    # Besides these there is the reserve of libstdc++, 72,704 bytes in a class of 81,920.
    [ "$(figure allocator) $(figure traced_bytes) $(figure held_bytes)" = "jemalloc 5072704 $((5000 * 1024 + 81920))" ] || fail "$(json report.json '.processes[0].coverage')"
    more=$(($(figure in_use_bytes) - 5000 * 1024 - 81920))
    [[ $more -ge 0 && $more -lt 40960 ]] || fail "jemalloc says $(figure in_use_bytes)"
    has text '^coverage: 100\.0% of the 5\.[0-9]*M that jemalloc had in use at exit$'
}

# The program's own jemalloc stands before the shim and passes nothing on.
case_exported_jemalloc() {
    cat >own.c <<'C'
#include <stdlib.h>
int main(void) { for (int i = 0; i < 3000; i++) { char *volatile p = malloc(1000); p[0] = 1; } return 0; }
C
    lib=$(ldconfig -p | awk '/libjemalloc\.so\.2/ && !n++ { print $NF }')
    cc -O1 -o own own.c
    LD_PRELOAD="$lib:$LIBSEEP" SEEP_OPTIONS=output=a.seep ./own 2>err
    wait_trace a.seep
    report_json a.seep >report.json 2>warned
    [[ $(figure allocator) = jemalloc && $(figure uncovered_bytes) -gt 2500000 ]] || fail "$(json report.json '.processes[0].coverage')"
    has warned 'had in use at exit: [0-9]\.[0-9]%$'
}

case_not_measured() {
    for how in "libtcmalloc.so.4 none that can be asked" "libmimalloc.so.2 none that can be asked"; do
        LD_PRELOAD=${how%% *} preload "" "$TARGETS/past_the_shim" 10 0
        has text "^coverage: not measured: .*${how#* }"
    done
    preload --sample=4K "$TARGETS/past_the_shim" 10 0
    has text '^coverage: not measured: the trace is sampled$'
    rm a.seep
    status_of 137 "$SEEP" run -o a.seep -- sh -c 'kill -9 $$' 2>err
    "$SEEP" report a.seep >text
    has text '^coverage: not measured: the process was killed$'
    rm a.seep
    "$SEEP" run -o a.seep -- "$PYTHON" -c 'import os; os._exit(0)' 2>err
    "$SEEP" report a.seep >text
    has text '^coverage: not measured: the process did not end by exit\(\)$'
}

# Says what came of it, N times: WHY N.
reasons() {
    json report.json '.processes[1:][].coverage.not_measured' | sort | uniq -c | sed 's/^ *\([0-9]*\) \(.*\)/\2: \1/'
}

odd() { # WAY N: the same with and without seep
    "$TARGETS/odd_exits" "$2" "$1" >wanted
    one_line wanted "^$2 of $2 exited in order, 0 were stuck\$"
    preload "" "$TARGETS/odd_exits" "$2" "$1"
    same out wanted
    has_not err . '^seep: trace in ' # nor is anything said on stderr
}

case_exit_in_a_handler_in_malloc() { # 180 s
    odd signal 60
    [ "$(reasons | grep -c 'did not answer\|middle of an allocation')" -ge 1 ] || fail "none was in malloc: $(reasons)"
    odd jump 30
}

case_exit_beside_a_cancelled_thread() { # 240 s
    odd cancel 40
    reasons | grep -q 'did not answer' || fail "none was cancelled in malloc: $(reasons)"
}

case_exit_with_a_damaged_heap() { # 240 s
    ulimit -c unlimited
    odd damaged 10
    [ "$(json report.json '[.processes[1:][] | select(.coverage.share == null)] | length')" = 10 ] || fail "$(reasons)"
    [ -z "$(find . -name 'core*')" ] || fail "a core"
}

case_exit_under_a_filter() {
    odd filtered 5
    reasons | grep -q 'seccomp filter .*: 5$' || fail "$(reasons)"
}

# A library whose exit handler is set before the shim is there, and so runs after the question. (Those of atexit() run before it: with their library.)
late_library() { # NAME CODE
    printf '%s\n' "#define _DEFAULT_SOURCE" "#include <errno.h>" "#include <stdio.h>" "#include <stdlib.h>" "#include <sys/wait.h>" "$2" \
        '__attribute__((constructor)) static void first(void) { on_exit(last, NULL); }' >"$1.c"
    cc -shared -fPIC -o "lib$1.so" "$1.c"
}

# Nothing of the copy that is asked is left or seen: no child, no signal.
case_silent() {
    late_library late 'void hello(void) {} static void last(int status, void *none) {
        (void)status, (void)none, puts(waitpid(-1, NULL, __WALL) == -1 && errno == ECHILD ? "no child" : "a child"), fflush(stdout); }'
    cat >silent.c <<'C'
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
void hello(void);
static void caught(int n) { (void)!write(1, "SIGCHLD\n", 8); (void)n; }
int main(void) { hello(); signal(SIGCHLD, caught); free(malloc(10)); return 0; }
C
    cc -o silent silent.c -L. -llate -Wl,-rpath,.
    preload "" ./silent
    echo "no child" >wanted
    same out wanted
    [ "$(figure not_measured)" = null ] || fail "$(figure not_measured)"
}

# What is freed after the question counts as alive then, and not in the report's totals.
case_of_that_moment() {
    late_library kept 'void *volatile kept[1000];
        static void last(int status, void *none) { for (int i = 0; i < 1000; i++) free(kept[i]); (void)status, (void)none; }'
    cat >moment.c <<'C'
#include <stdlib.h>
extern void *volatile kept[1000];
int main(void) { for (int i = 0; i < 1000; i++) kept[i] = malloc(2000); return 0; }
C
    cc -o moment moment.c -L. -lkept -Wl,-rpath,.
    preload "" ./moment
    [ "$(figure traced_bytes) $(figure share) $(json report.json .totals.unreleased_bytes)" = "2000000 1 0" ] || fail "$(json report.json '.processes[0].coverage')"
}

# glibc leaves no rest of 16 bytes: a cache of blocks of one size may hold what was asked for in the next smaller one. Half of the sizes are freed here, and
# caches of all are full.
case_caches_of_the_next_size() {
    local in_use
    for in_use in 220000 400000; do
        PYTHONPATH=$LIB python3 - $in_use <<'PY'
import sys
from trace_write import TraceWriter
w = TraceWriter()
w.start()
w.process(0, 42, 1, "/nowhere/server", ["server"])
w.thread(0, 0, 42, "server")
for i in range(32 * 14):
    w.alloc(0, i, w.stack(0, 0x401000), 24 + i % 32 * 32)
for i in range(32 * 14):
    w.free(0, i)
w.coverage(0, int(sys.argv[1]), (0, 0), 0)
w.process_end(0, 10**9, 1, 0)
w.end()
open("a.seep", "wb").write(w.image())
PY
        status_of $((in_use > 300000)) "$SEEP" gate a.seep >out 2>err
    done
    has out '^heap covered +[0-9.]+ % +at least 95 % +FAILED$'
}
