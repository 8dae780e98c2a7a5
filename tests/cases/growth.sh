# growth.sh - figures at marks, which sites grow from mark to mark, and figures of a part of a trace: traces by lib/trace_write.py, whose writer keeps the books.
# shellcheck shell=bash disable=SC2154

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
    has growth.txt '^\+3\.60M per hour \(95 %: .*\), \+640B per slice, 7200 blocks per hour, over 155 of 155 slices$'
}

# What a process has not freed is not alive behind its end.
case_of_processes() {
    made tree
    agree
    [ "$(jq -c '[.growth.total.bytes[29, 30, 59]]' a.report)" = '[24000,3100,6000]' ] || fail "$(jq -c .growth.total.bytes a.report)"
    "$SEEP" report --pid 43 --format json a.seep >43.report 2>err
    [ "$(jq -c '[.growth.total.bytes[29, 30, 59]]' 43.report)" = '[21000,0,0]' ] || fail "$(jq -c .growth.total.bytes 43.report)"
}
