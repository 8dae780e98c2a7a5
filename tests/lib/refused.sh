# refused.sh - reports that are refused.
# shellcheck shell=bash disable=SC2154

# refused REGEX OPTIONS…: with these there is no report, and one line, besides warnings, that says why.
refused() {
    status_of 2 "$SEEP" report "${@:2}" a.seep 2>err >out
    grep -v '^seep: warning:' err >why
    one_line why "$1"
    [ ! -s out ] || fail "a report in spite of that"
}
