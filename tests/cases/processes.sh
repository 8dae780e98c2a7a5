# processes.sh - what a report says where a trace has several processes.
# shellcheck shell=bash disable=SC2016

tree=$ROOT/tests/fuzz/corpus/tree.seep # trace_corpus.py's tree(): its figures are worked out by hand

report() { # TRACE OPTIONS…
    "$SEEP" report "$@" >text 2>err
}

case_programs_of_a_pid() {
    report "$tree" --pid 43
    [ "$(sed -n 2,4p text)" = "Debuggee command was: demo
which became, by exec: other x
finished reading file, now analyzing data:" ] || fail "$(head -4 text)"
    report "$tree" --pid 42
    [ "$(sed -n 2,3p text)" = "Debuggee command was: demo
finished reading file, now analyzing data:" ] || fail "$(head -4 text)"
    "$SEEP" report --format json --pid 43 "$tree" >report.json 2>err
    [ "$(json report.json '.trace | [.command, .commands[]] | join(",")')" = "demo,demo,other x" ] || fail "$(json report.json .trace.commands)"
    "$SEEP" run -o a.seep -- sh -c "exec $TARGETS/plain x" 2>err || true
    report a.seep
    [ "$(sed -n 2,3p text)" = "Debuggee command was: sh -c exec $TARGETS/plain x
which became, by exec: $TARGETS/plain x" ] || fail "$(head -4 text)"
}

case_whose_blocks() {
    report "$tree"
    [ "$(grep '^  in [0-9]* process' text)" = "  in 1 process: other 43 10.00K
  in 2 processes: demo 42 3.00K, demo 43 100B
  in 1 process: demo 43 100B" ] || fail "$(grep -A3 leaked text)"
    report "$tree" --pid 42
    has_not text '^  in [0-9]+ process'
    "$SEEP" report --format json --sort unreleased "$tree" >report.json 2>err
    json report.json '.sites[] | [.unreleased_bytes, (.processes[] | .process, .pid, .unreleased_bytes, .unreleased_blocks)] | join(" ")' >got
    printf '%s\n' "10000 2 43 10000 10" "3100 0 42 3000 30 1 43 100 10" "100 1 43 100 10" >wanted
    same got wanted
    # Places are those of the document, also where it leaves processes out.
    "$SEEP" report --format json --pid 43 "$tree" >report.json 2>err
    json report.json '. as $all | .sites[].processes[] | [.pid, $all.processes[.process].pid, $all.processes[.process].command] | join(" ")' | sort -u >got
    printf '%s\n' "43 43 demo" "43 43 other x" >wanted
    same got wanted
    "$SEEP" report --format json --pid 42 "$tree" >report.json 2>err
    [ "$(json report.json '[.sites[] | has("processes")] | any')" = false ] || fail "one process, and each site names it"
}

# Twelve processes that leave 1000 to 12,000 bytes, in blocks of two sizes; the one that was largest in memory is in the middle.
case_many() {
    cat >many.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
__attribute__((noinline)) static void leave(int n) { for (n *= 2; n > 0; n--) { char *volatile p = malloc(n % 2 ? 400 : 600); p[0] = 1; } }
int main(void) {
    for (int i = 0; i < 12; i++) {
        pid_t child = fork();
        if (child == 0) {
            int n = (i * 5 + 3) % 12 + 1;
            static char line[64];
            if (n == 9) { static char large[20 << 20]; memset(large, 1, sizeof large); }
            if (write(1, line, (size_t)snprintf(line, sizeof line, "%d %d\n", n, getpid())) < 0) { return 1; }
            leave(n);
            return 0;
        }
        waitpid(child, NULL, 0);
    }
    return 0;
}
C
    cc -O1 -o many many.c
    "$SEEP" run -o a.seep -- ./many >out 2>err
    sort -rn out | awk '{ print $2 }' >wanted
    report a.seep --top 12
    sed -n '/^PROCESSES (13, by what they have not released)$/,/^$/s/^\([0-9]*\) (parent.*/\1/p' text >got
    same got wanted
    has text '^… and 1 more \(--top 13 shows all\)$'
    report a.seep --top 13
    has_not text '^… and'
    [ "$(sed -n '/^PROCESSES/,/^$/p' text | grep -c parent)" = 13 ] || fail "not all"
    # The largest three of the site, and the rest.
    best=$(head -3 wanted | awk '{ printf("%smany %s %s.00K", (NR > 1 ? ", " : ""), $1, 13 - NR) }')
    has text "^  in 12 processes: $best and 9 more\$"
    large=$(awk '$1 == 9 { print $2 }' out)
    has text "^peak RSS \(including seep overhead\): [0-9.]*M \(of the largest process, many $large\)\$"
    report a.seep --pid "$large"
    has text '^peak RSS \(including seep overhead\): [0-9.]*M$'
    has text '^PROCESSES$'
}
