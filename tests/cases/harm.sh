# harm.sh - programs that once crashed, hung or were miscounted under seep: they end as without it, and their calls are right.
# shellcheck shell=bash disable=SC2154

# unharmed SLACK LOST-KINDS-ALLOWED PROGRAM…: same stdout and status; calls within SLACK of those that the program tells on stderr.
unharmed() {
    local slack=$1 allowed=$2 native=0 traced=0
    shift 2
    rm -f trace.seep
    "$@" >native.out 2>native.err </dev/null || native=$?
    "$SEEP" run -o trace.seep -- "$@" >out 2>err </dev/null || traced=$?
    [ $native = $traced ] || fail "exit status $traced, must be $native: $(tail -3 err)"
    same out native.out
    "$SEEP" report --format json trace.seep >report.json 2>report.err
    [ "$(json report.json .trace.complete)" = true ] || fail "the trace is not complete"
    json report.json '.trace.lost[].kind' | grep -vxE "$allowed" >lost || true
    [ ! -s lost ] || fail "lost: $(tr '\n' ' ' <lost)"
    local told counted
    told=$(sed -n 's/^calls \([0-9]*\)$/\1/p' err)
    counted=$(json report.json ".processes[0].totals.allocations")
    [ -z "$told" ] || { [ "$counted" -ge "$told" ] && [ "$counted" -le $((told + slack)) ]; } ||
        fail "$counted calls in the report, the program made $told"
}

case_dlclose_race() {
    for i in 1 2 3 4; do
        cp "$TARGETS/lib_bump.so" "lib$i.so"
    done
    unharmed 0 none "$TARGETS/dlclose_race" ./lib1.so ./lib2.so ./lib3.so ./lib4.so
}

case_hand_made_stack() {
    unharmed 0 none "$TARGETS/hand_made_stack"
}

case_stack_neighbour() {
    unharmed 5 none "$TARGETS/stack_neighbour"
    SEEP_OPTIONS=unwinder=cfi unharmed 5 none "$TARGETS/stack_neighbour"
}

case_stack_neighbour_in_a_thread() {
    unharmed 5 none "$TARGETS/stack_neighbour" thread
}

case_odd_frame_pointer() {
    unharmed 5 cut-stacks "$TARGETS/odd_frame_pointer"
}

case_wraps_malloc() {
    unharmed 5 none "$TARGETS/wraps_malloc"
    grep -q 'stands before libseep.so' err || fail "not said: $(cat err)"
}

case_plugins() {
    cp "$TARGETS/lib_plugin.so" plugin1.so
    cp "$TARGETS/lib_plugin.so" plugin2.so
    unharmed 0 none "$TARGETS/plugins" ./plugin1.so ./plugin2.so ./plugin1.so
    SEEP_OPTIONS=off LD_PRELOAD=$LIBSEEP timeout 10 "$TARGETS/plugins" ./plugin1.so ./plugin2.so >out || fail "exit status $?"
    has_not out lost
}

# The loader's list is locked by a callback of the host's, or was when it forked.
case_plugins_while_the_list_is_held() {
    cp "$TARGETS/lib_plugin.so" plugin1.so
    unharmed 0 untraced-forks timeout 20 "$TARGETS/plugins" held ./plugin1.so
    has out '^status of the child 7$'
}

case_plugins_of_constructors() {
    cp "$TARGETS/lib_plugin.so" plugin1.so
    cp "$TARGETS/lib_plugin.so" plugin2.so
    LD_PRELOAD=$TARGETS/lib_opens_plugin.so unharmed 0 none "$TARGETS/plugins" ./plugin2.so ./plugin1.so
}

# What a thread costs is taken from the limits of the host.
case_limited_threads() {
    unharmed 0 none "$TARGETS/limited_threads"
}

# No stack ends early where a handler interrupted an epilogue, and none is another than libunwind's.
case_epilogues() {
    unharmed 5 none "$TARGETS/epilogues"
    compare_stacks "$LIBSEEP" "$TARGETS/epilogues"
    has compared '^[0-9]{3,} compared 0 differ$'
}

# Four of five allocations are below such frames, and all of those are told.
case_cut_stacks() {
    unharmed 5 cut-stacks "$TARGETS/cut_stacks"
    local told counted
    told=$(sed -n 's/^calls \([0-9]*\)$/\1/p' err)
    counted=$(json report.json '.trace.lost[] | select(.kind == "cut-stacks").count')
    [ "$counted" = $((told * 4 / 5)) ] || fail "$counted stacks counted as cut"
}

# Addresses are used again by other libraries, more often than there once were numbers for that.
case_many_dlcloses() { # 240 s
    BOOKS=$PWD/books "$SEEP" run -o trace.seep -- "$TARGETS/library_reopen" 6000 >out 2>err || fail "exit status $?"
    report_json trace.seep >report.json
    python3 "$LIB/compare_books.py" books report.json --module library_reopen || fail "the report is wrong"
}

# has_own_children: each of the 150 is traced or counted, and none has freed what nobody knows of.
has_own_children() {
    [ "$(json report.json '([.trace.lost[] | select(.kind == "untraced-forks").count] | add // 0) + (.processes | length)')" = 151 ] ||
        fail "$(json report.json .trace.lost), $(json report.json '.processes | length') processes"
}

case_fork_in_handler() {
    unharmed 10 untraced-forks "$TARGETS/fork_in_handler" fork
    has_own_children
}

# _Fork runs no fork handlers, and its child comes back into the parent's unfinished hook.
case_fork_in_handler_async() {
    unharmed 10 untraced-forks "$TARGETS/fork_in_handler" _Fork
    has_own_children
}

# By the system call: a child that went on in the parent's ring would finish stores of the parent's events.
case_fork_in_handler_by_syscall() {
    unharmed 10 untraced-forks "$TARGETS/fork_in_handler" syscall
    has_own_children
}

# What is under way when a handler calls exit() is no loss; what it jumps out of is one. (A jump may come right before a hook begins, or after its
# event is written.)
case_exit_in_hook() { # 240 s
    local how lost n_struck n_behind
    for how in "exit 97" "exit 97 onstack" "jump 97" "jump 97 onstack"; do
        rm -f trace.seep
        # shellcheck disable=SC2086 # words
        "$SEEP" run -o trace.seep -- "$TARGETS/exit_in_hook" $how >out 2>err || fail "$how: exit status $?: $(cat err)"
        read -r n_struck n_behind <out
        [ "$n_behind" -gt 20 ] || fail "$how: $n_behind were struck behind the allocation, $n_struck in all"
        "$SEEP" report --format json trace.seep >report.json 2>report.err || fail "$how: seep report: exit status $?"
        lost=$(json report.json '[.trace.lost[] | "\(.kind) \(.count)"] | join(", ")')
        case $how in
        exit*) [ -z "$lost" ] || fail "$how: told as lost: $lost" ;;
        *)
            [[ $lost =~ ^abandoned\ ([0-9]+)$ ]] || fail "$how: $n_behind were left, lost: $lost"
            [ "${BASH_REMATCH[1]}" -le "$n_behind" ] || fail "$how: $n_behind were left, lost: $lost"
            [ "${BASH_REMATCH[1]}" -ge $((n_behind - 3)) ] || fail "$how: $n_behind were left, lost: $lost"
            ;;
        esac
    done
}

# A program that makes the time stamp counter deadly goes on, is recorded on, and so are its children.
case_forbids_tsc() {
    BOOKS=$PWD/books status_of 5 "$SEEP" run -o trace.seep -- "$TARGETS/forbids_tsc" >out 2>err
    report_json trace.seep >report.json 2>report.err
    ! has_warned report.err || fail "$(cat report.err)"
    [ "$(json report.json '.processes | map("\(.end) \(.exit)") | join(", ")')" = "exit 5, exit 5" ] || fail "$(json report.json '.processes')"
    python3 "$LIB/compare_books.py" books report.json --module forbids_tsc || fail "the report is wrong"
}

# The vfork children's own two events each are counted as lost; nothing else is.
case_vfork_first() {
    unharmed 400 no-thread-slot "$TARGETS/vfork_first"
}

case_new_handler() {
    unharmed 10 none "$TARGETS/new_handler"
}

# An allocator that stands before the library is the program's: nothing is mixed, and it is said.
case_allocator_before_us() {
    LD_PRELOAD=libjemalloc.so.2:$LIBSEEP SEEP_OPTIONS="output=$PWD/trace.seep" perl -e "print 6 * 7" >out 2>err || fail "exit status $?"
    [ "$(cat out)" = 42 ] || fail "said $(cat out)"
    grep -q 'stands before libseep.so' err || fail "not said: $(cat err)"
}

# A server that gives up its root, or its rights, or files and memory, goes on being recorded.
case_confined() {
    local apart=()
    [ "$(id -u)" = 0 ] || apart=(unshare --map-root-user)
    mkdir jail
    for how in "chroot jail" setuid; do
        [ "$how" = setuid ] && [ "$(id -u)" != 0 ] && continue # there is nobody else to become
        rm -f trace.seep books
        # shellcheck disable=SC2086 # words
        "${apart[@]}" "$TARGETS/confined" $how 2>native.err || skip "$how is not allowed here"
        # shellcheck disable=SC2086
        BOOKS=$PWD/books status_of 0 "${apart[@]}" "$SEEP" run -o trace.seep -- "$TARGETS/confined" $how >out 2>err
        report_json trace.seep >report.json 2>report.err
        ! has_warned report.err || fail "$how: $(cat report.err)"
        python3 "$LIB/compare_books.py" books report.json --module confined || fail "$how: the report is wrong"
        [ "$(json report.json .trace.complete)" = true ] || fail "$how: the trace is not complete"
        [ -z "$(ls jail)" ] || fail "left in its root: $(ls jail)"
        no_leftovers
    done
}

# A plugin of the program's RUNPATH opens one of its own by name, as if nobody stood in between.
case_runpath() {
    mkdir -p plugins/deeper
    cat >two.c <<'C'
#include <stdlib.h>
void *two(void) { void *p = malloc(222); __asm__ volatile("" : : "r"(p) : "memory"); return p; }
C
    cat >one.c <<'C'
#include <dlfcn.h>
#include <stdlib.h>
void *one(void) {
    void *(*two)(void) = NULL, *library = dlopen("libtwo_of_seep.so", RTLD_NOW | RTLD_LOCAL);
    if (library) {
        *(void **)&two = dlsym(library, "two");
    }
    return two ? two() : NULL;
}
C
    cat >main.c <<'C'
#include <dlfcn.h>
#include <stdio.h>
int main(void) {
    void *library = dlopen("libone_of_seep.so", RTLD_NOW | RTLD_LOCAL), *(*one)(void) = NULL;
    if (library) {
        *(void **)&one = dlsym(library, "one");
    }
    if (!one || !one()) {
        puts(dlerror());
        return 1;
    }
    return 0;
}
C
    gcc -g -shared -fPIC -o plugins/deeper/libtwo_of_seep.so two.c
    gcc -g -shared -fPIC -Wl,--enable-new-dtags,-rpath,"\$ORIGIN/deeper" -o plugins/libone_of_seep.so one.c
    gcc -g -Wl,--enable-new-dtags,-rpath,"\$ORIGIN/plugins" -o main main.c
    unharmed 0 none ./main
    [ "$(json report.json '[.sites[] | select(.function == "two" and .allocated_bytes == 222)] | length')" = 1 ] ||
        fail "what the inner plugin allocates is not in the report"
}

# Memory does not grow with the number of threads that there ever were. (soak.sh does it at a server's pace.)
case_brief_threads() {
    local most=1000
    for options in seccomp=no seccomp=yes; do
        rm -f trace.seep books
        BOOKS=$PWD/books SEEP_OPTIONS=$options status_of 0 "$SEEP" run -o trace.seep -- "$TARGETS/brief_threads" 3000 0 >grown 2>err
        report_json trace.seep >report.json 2>report.err
        ! has_warned report.err || fail "$options: $(cat report.err)"
        python3 "$LIB/compare_books.py" books report.json --module brief_threads || fail "$options: the report is wrong"
        [ "$(cat grown)" -le $most ] || fail "$options: $(cat grown) KiB more"
        most=30000 # up to 512 states are used before the first is taken over
    done
}

# README.md says what an idle thread costs.
case_idle_threads() {
    local one many
    "$TARGETS/idle_threads" 500 >many.native
    BOOKS=$PWD/books status_of 0 "$SEEP" run -o one.seep -- "$TARGETS/idle_threads" 1 >one 2>err
    BOOKS=$PWD/books status_of 0 "$SEEP" run -o many.seep -- "$TARGETS/idle_threads" 500 >many 2>err
    report_json many.seep >report.json 2>report.err
    ! has_warned report.err || fail "$(cat report.err)"
    python3 "$LIB/compare_books.py" books report.json --module idle_threads || fail "the report is wrong"
    one=$(awk '{ print $1 }' one) many=$(awk '{ print $1 }' many)
    [ $(((many - one - $(awk '{ print $1 }' many.native)) / 500)) -le 48 ] || fail "private memory: $one KiB with 1, $many with 500"
    [ $((($(awk '{ print $2 }' many) - $(awk '{ print $2 }' one)) / 500)) -le 17 ] || fail "ring: $(cat one many)"
}
