# command_line.sh - help, versions, wrong usage; the text report's form.
# shellcheck shell=bash disable=SC2154

usage() { # REGEX ARGUMENTS…: wrong usage: status 2, one line
    local regex=$1
    shift
    status_of 2 "$SEEP" "$@" >out 2>err
    one_line err "^seep: .*$regex"
    [ ! -s out ] || fail "something on stdout"
}

case_help() {
    for command in '' run report diff gate info doctor suppress; do
        # shellcheck disable=SC2086
        status_of 0 "$SEEP" $command --help >out 2>err
        has out '^usage: seep'
        [ "$(wc -l <out)" -le 40 ] || fail "seep $command --help does not fit a screen"
        [ ! -s err ] || fail "something on stderr"
        awk 'length($0) > 124 { exit 1 }' out || fail "seep $command --help has very long lines"
    done
    status_of 0 "$SEEP" --version >out 2>err
    has out '^seep [0-9]+\.[0-9]+'
    "$SEEP" help >out || fail "seep help"
    "$SEEP" help run >out
    "$SEEP" run --help | same out /dev/stdin
}

case_help_on_a_full_disk() {
    status=0
    "$SEEP" --help >/dev/full 2>err || status=$?
    [ $status -lt 128 ] || fail "exit status $status"
}

case_wrong_usage() {
    usage ''
    usage frobnicate frobnicate
    usage frobnicate --frobnicate
    usage frobnicate help frobnicate
    usage 'file name' run -o '' -- true
    usage 'is a directory' run -o . -- true
    for command in report info; do
        usage '' $command
        usage 'no-such-option|make sense' $command --no-such-option x.seep
    done
    usage 'format' report --format xml x.seep
    usage 'sort' report --sort size x.seep
    usage 'top' report --top many x.seep
    usage 'top' report --top -1 x.seep
    usage 'pid' report --pid x x.seep
    usage '' report a.seep b.seep
    usage 'two trace files' diff a.seep
    usage 'two trace files' diff a.seep b.seep c.seep
    usage 'threshold' diff --threshold 101 a.seep b.seep
    usage 'sort' diff --sort size a.seep b.seep
    usage 'base-sysroot' diff --base-sysroot /no/such a.seep b.seep
}

case_every_option_is_in_the_manual() {
    manual=$ROOT/analyzer/seep.1
    [ -f "$manual" ] || fail "there is no manual"
    sed 's/\\-/-/g; s/\\f.//g' "$manual" >manual.txt
    for command in '' run report diff gate info doctor; do
        # shellcheck disable=SC2086
        "$SEEP" $command --help | grep -oE -- '(^|[ ,])--[a-z][a-z-]+' | tr -d ' ,' | sort -u >options
        while read -r option; do
            grep -q -- "$option" manual.txt || fail "the manual does not know $option of seep $command"
        done <options
    done
}

case_sort_and_top() {
    status_of 3 "$SEEP" run -o a.seep -- "$TARGETS/plain" 2>err
    for key in calls:calls peak:peak_bytes unreleased:unreleased_bytes temporary:temporary; do
        "$SEEP" report --format json --sort "${key%:*}" a.seep >report.json
        [ "$(jq "[.sites[].${key#*:}] | . == (sort | reverse)" report.json)" = true ] || fail "not sorted by $key"
    done
    [ "$("$SEEP" report --format json --top 1 a.seep | jq '.sites | length')" = 1 ] || fail "--top 1"
    "$SEEP" report --format json --pid 1 a.seep >report.json 2>err || true
    has_not report.json site_small
}

case_text_has_no_colour_or_progress_in_a_file() {
    status_of 3 "$SEEP" run -o a.seep -- "$TARGETS/plain" 2>err
    "$SEEP" report a.seep >out 2>err
    [ ! -s err ] || fail "stderr: $(cat err)"
    has_not out "$(printf '\033')"
}

case_text_agrees_with_json() {
    "$SEEP" run -o a.seep -- "$TARGETS/random_threads" 2 100000 3 2>err
    "$SEEP" report a.seep >text
    report_json a.seep >report.json
    has text "^calls to allocation functions: $(json report.json .totals.allocations) "
    has text "^temporary memory allocations: $(json report.json .totals.temporary) "
    # Each site line of "most calls" is a site of the JSON.
    sed -n '/^MOST CALLS/,/^PEAK/s/^\([0-9]*\) calls to allocation functions with .*/\1/p' text | sort -n >got
    [ -s got ] || fail "no sites"
    jq '.sites[].calls' report.json | sort -n >all
    comm -23 <(sort got) <(sort all) >unknown
    [ ! -s unknown ] || fail "figures that are not in the JSON: $(cat unknown)"
}

case_odd_names_in_json() {
    # Names that are no UTF-8 must not break the document, nor the terminal.
    mkdir "$(printf 'd\377\033[31m"x')"
    dir=$(printf 'd\377\033[31m"x')
    cp "$TARGETS/plain" "$dir/plain"
    status_of 3 "$SEEP" run -o a.seep -- "./$dir/plain" "$(printf 'arg\001\n\377')" >out 2>err
    report_json a.seep | jq . >/dev/null || fail "no JSON"
    "$SEEP" report a.seep >text
    has_not text "$(printf '\033')"
}

# Descriptions stand in one column, in the help of each command and in that of all. Columns are characters.
case_help_is_aligned() {
    "$SEEP" --help | sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/&/p' >lines
    [ "$(wc -l <lines)" -ge 4 ] || fail "$(cat lines)"
    sed 's/^ *\([a-z]*\).*/\1/' lines >commands
    while IFS= read -r command; do
        "$SEEP" help "$command" | grep -E '^ +(-., )?--.*  |^ {20,}' >>lines
    done <commands
    while IFS= read -r line; do
        rest=${line:30}
        [[ ${line:29:1} = " " && $rest != " "* && $rest ]] || fail "not in column 30: $line"
    done <lines
}

# Whoever reads the JSON finds each of its keys in the manual.
case_every_key_is_in_the_manual() {
    sed 's/\\-/-/g; s/\\f.//g' "$ROOT/analyzer/seep.1" >manual.txt
    for trace in small sampled; do
        for command in report info; do
            "$SEEP" $command --format json "$ROOT/tests/fuzz/corpus/$trace.seep" >out.json
            jq -r 'paths | map(strings) | .[]' out.json | sort -u >keys
            [ "$(wc -l <keys)" -gt 20 ] || fail "hardly any keys"
            while read -r key; do
                grep -qw -e "$key" manual.txt || fail "$command: $key is not in the manual"
            done <keys
        done
    done
    "$SEEP" diff --format json "$ROOT/tests/fuzz/corpus/small.seep" "$ROOT/tests/fuzz/corpus/sampled.seep" |
        jq -r 'paths | map(strings) | .[]' | sort -u >keys
    [ "$(wc -l <keys)" -ge 30 ] || fail "hardly any keys of diff"
    while read -r key; do
        grep -qw -e "$key" manual.txt || fail "diff: $key is not in the manual"
    done <keys
    "$SEEP" doctor --format json -- "$TARGETS/plain" | jq -r '(paths | map(strings) | .[]), .findings[].key' | sort -u >keys
    [ "$(wc -l <keys)" -ge 10 ] || fail "hardly any keys of doctor"
    while read -r key; do
        grep -qw -e "$key" manual.txt || fail "doctor: $key is not in the manual"
    done <keys
}
