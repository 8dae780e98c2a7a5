# growth.sh - figures at marks, which sites grow from mark to mark, and figures of a part of a trace: traces by lib/trace_write.py, whose writer keeps the books.
# shellcheck shell=bash disable=SC2154

# shellcheck source=tests/lib/refused.sh
. "$LIB/refused.sh"

# made NAME: the trace, its books, and both reports of it.
made() {
    "$PYTHON" "$LIB/growth_traces.py" make "$1" a.seep
    "$SEEP" report --format json a.seep >a.report 2>err || fail "$(cat err)"
    "$SEEP" report a.seep >report.txt 2>err || fail "$(cat err)"
    sed -n '/^GROWTH PER/,/^PROCESSES/p' report.txt >growth.txt
}

agree() {
    "$PYTHON" "$LIB/growth_traces.py" check a.json a.report >differences || fail "$(head -5 differences)"
}

case_planted() {
    made planted
    agree
    has growth.txt '^\+104\.00K per mark \(95 %: 104\.00K to 104\.00K\), 1 block per mark, over 100 of 100 marks$'
    has growth.txt '^\+512B per mark .*, over 60 of 100 marks \(40 of warm-up\)$'
    has growth.txt '^bounded, they fill up or go up and down: 5 sites$'
    [ "$(sed -n 3p growth.txt)" = 0x40ffff ] || fail "the largest is not the first: $(head -5 growth.txt)"
    made planted-200
    agree
    has growth.txt '^\+1\.[23][0-9]*B per mark .*, 1 block per (49|5[0-4])[.0-9]* marks, over '
}

case_more_marks_than_points() {
    made planted-thin
    agree
    has growth.txt '^of 600 marks each 4th is looked at$'
    has growth.txt '^\+104\.00K per mark '
}

case_nothing_grows() {
    made quiet
    agree
    has growth.txt '^no site grows, over 40 marks$'
    [ "$(wc -l <growth.txt)" -le 5 ] || fail "too long: $(cat growth.txt)"
}

case_few_marks() {
    made few-5
    agree
    has growth.txt '^\+100B per mark, 1 block per mark, over 5 of 5 marks$'
    has growth.txt '^5 marks are too few to tell growth from chance: 10 are the least$'
    made few-2
    has growth.txt '^not judged: fewer than 3 marks, and the run is shorter than 10s$'
    [ "$(jq -r .growth.not_judged a.report)" = "fewer than 3 marks, and the run is shorter than 10s" ]
}

case_folded() {
    made folded
    agree
    has growth.txt '^the first 19 marks are among the folded events: '
    [ "$(jq -c '[.growth.folded_marks, (.growth.points | length), .growth.points[0].name]' a.report)" = '[19,41,"reload#20"]' ] ||
        fail "$(jq -c .growth.points a.report)"
}

case_over_time() {
    made over-time
    agree
    has growth.txt '^GROWTH PER SLICE OF 0\.64s$'
    has growth.txt '^\+3\.60M per hour \(95 %: .*\), \+640B per slice, 36000 blocks per hour, over 155 of 155 slices$'
}

# What a process has not freed is not alive behind its end.
case_of_processes() {
    made tree
    agree
    [ "$(jq -c '[.growth.total.bytes[29, 30, 59]]' a.report)" = '[24000,3100,6000]' ] || fail "$(jq -c .growth.total.bytes a.report)"
    "$SEEP" report --pid 43 --format json a.seep >43.report 2>err
    [ "$(jq -c '[.growth.total.bytes[29, 30, 59]]' 43.report)" = '[21000,0,0]' ] || fail "$(jq -c .growth.total.bytes 43.report)"
}

# alive SINCE UNTIL BYTES OPTIONS…: a.seep is reported with these options; the books of its blocks agree.
alive() {
    "$SEEP" report --format json --stacks 1000 "${@:4}" a.seep >part.report 2>err || fail "$(cat err)"
    "$PYTHON" "$LIB/growth_traces.py" alive a.json part.report "$1" "$2" "$3" >differences || fail "${*:4}: $(head -c 1000 differences)"
}

case_since_and_until() {
    made planted
    alive 0 1000 0 --match .
    alive 40 60 0 --since reload#40 --until reload#60
    alive 40 1000 0 --since 40
    alive 0 60 0 --until '#60'
    alive 99 1000 0 --since reload#99
    alive 40 60 100 --since reload#40 --until reload#60 --min-bytes 100
    [ "$(jq -c .selection part.report)" = '{"since":"reload#40","until":"reload#60","older_seconds":null,"min_bytes":100,"match":null,"own":[],"alive_at":null,"thread":null,"thread_unsure":null}' ] ||
        fail "$(jq -c .selection part.report)"
    "$SEEP" report --since reload#40 --until reload#60 a.seep >part.txt 2>err
    has part.txt '^selected: allocated behind mark reload#40, allocated before mark reload#60$'
    has part.txt '^\+104\.00K per mark .* over 21 of 21 marks$'
    # Everything selected is everything.
    "$SEEP" report --format json --match . a.seep 2>err | jq -S 'del(.selection)' >all
    jq -S 'del(.selection)' a.report >whole
    same whole all
    made tree
    alive 10 20 0 --since 10 --until 20
    "$SEEP" report --format json --match . a.seep 2>err | jq -S 'del(.selection)' >all
    jq -S 'del(.selection)' a.report >whole
    same whole all
    made folded
    alive 10 20 0 --since 10 --until 20
}

case_marks_that_are_not_there() {
    made planted
    refused '^seep: --since nothing: no such mark; there are 100: reload#1, reload#2, .*, …, reload#100$' --since nothing
    refused '^seep: --until reload: there are 100 of that name: reload#1 to reload#100$' --until reload
    refused '^seep: --until 50: this mark is not behind that of --since$' --since 50 --until 50
    made over-time
    refused '^seep: --since 1: the trace has no marks$' --since 1
    refused '^seep: --older: not an age as 10s, 5m, 2h or 1d, ' --older 5
    refused '^seep: --match: not a regular expression: \(: ' --match '('
}

# Marks are 100 ms apart: what was allocated before the 51st, at 5 s, is 5 s old at the end of 10 s.
case_older() {
    made planted
    alive 0 51 0 --older 5s
    has <("$SEEP" report --older 5s a.seep 2>err) '^selected: at least what is not released and certainly older than 5s$'
    alive 0 0 0 --older 1d
    made over-time # no marks: of each stack and size only the oldest is known to be that old
    "$SEEP" report --format json --older 50s a.seep >part.report 2>err
    [ "$(jq -c '[.totals.unreleased_blocks, .totals.unreleased_bytes]' part.report)" = '[1,100]' ] || fail "$(jq -c .totals part.report)"
}

case_match_and_own() {
    "$SEEP" run -o a.seep -- "$TARGETS/blame_cxx" >books 2>err
    "$SEEP" report --format json --group-by owner a.seep >whole 2>err
    "$SEEP" report --format json --group-by owner --match 'leaks_(new|vectors)' a.seep >part 2>err
    jq -c '[.sites[] | select([.stacks[].frames[] | .function // "" | test("leaks_(new|vectors)")] | any) | [.owner, .calls, .unreleased_bytes]]' whole >wanted
    jq -c '[.sites[] | [.owner, .calls, .unreleased_bytes]]' part >got
    same wanted got
    [ "$(jq '.sites | length' part)" -ge 2 ] || fail "$(cat got)"
    jq '[.sites[].unreleased_bytes] | add' part >sum
    jq .totals.unreleased_bytes part >total
    same sum total
    "$SEEP" report --format json --group-by owner --own '*/blame_cxx.cc' a.seep >part 2>err
    jq -c '[.sites[] | select(.owner.file // "" | test("/blame_cxx.cc$")) | [.owner, .calls, .unreleased_bytes]]' whole >wanted
    jq -c '[.sites[] | [.owner, .calls, .unreleased_bytes]]' part >got
    same wanted got
    "$SEEP" report --format json --group-by owner --own blame_cxx.cc a.seep >part 2>err # without a slash by its name
    jq -c '[.sites[] | [.owner, .calls, .unreleased_bytes]]' part >got
    same wanted got
    "$SEEP" report --format json --own '*/nothing.so' a.seep >part 2>err
    [ "$(jq -c '[.totals.allocations, (.sites | length)]' part)" = '[0,0]' ] || fail "$(jq -c .totals part)"
    # A gate that judges nothing passes, but says so.
    "$SEEP" gate --own '*/nothing.so' --github a.seep >out 2>err
    has out '^nothing was judged: '
    has out '^::warning title=seep gate%3A nothing-selected::a\.seep: nothing was judged: '
}

# A real run: at each mark what the program says it has alive.
case_of_a_program() {
    BOOKS=$PWD/books "$SEEP" run -o a.seep -- "$TARGETS/marks" own 100 >out 2>err || fail "$(cat err)"
    "$SEEP" report --format json --min-bytes 5K a.seep >part.report 2>err # its own blocks
    awk '$1 == "own" { n = 0; for (i = 3; i <= NF; i++) n += $i; print n }' books >wanted
    jq '.growth.total.bytes[]' part.report >got
    same wanted got
    [ "$(jq -c '[.growth.total.class, .growth.points[99].name]' part.report)" = '["bounded","own#100"]' ] || fail "$(jq -c .growth.total.class part.report)"
}

# A test of five leaks a block, and the tests are marked.
case_of_python() {
    cat >tests.py <<'END'
import ctypes, sys
libc = ctypes.CDLL(None)
for i in range(100):
    held = [bytearray(5000 + k) for k in range(50)]
    if i % 5 == int(sys.argv[1]):
        libc.malloc(777)
    libc.seep_mark(b"test")
END
    "$SEEP" run -o b.seep -- "$PYTHON" tests.py 3 >out 2>err || fail "$(cat err)"
    "$SEEP" report --format json b.seep >b.report 2>err
    [ "$(jq -c '[.growth.sites[] | select(.class == "growing") | [(.bytes_per_unit / 155.4 * 100 | round), .last_bytes]]' b.report)" = '[[100,15540]]' ] ||
        fail "$(jq -c '[.growth.sites[] | select(.class == "growing") | del(.bytes, .blocks)]' b.report)"
    "$SEEP" run -o c.seep -- "$PYTHON" tests.py 9 >out 2>err || fail "$(cat err)"
    has <("$SEEP" report c.seep 2>err) '^no site grows, over 100 marks$'
}
