# recipes.sh - what README.md says of CI is run as it stands there, with a program that leaks and one that does not.
# shellcheck shell=bash disable=SC2154,SC2016

# recipe TITLE FILE: the first block below that heading.
recipe() {
    awk -v title="### $1" '$0 == title { is_in = 1; next }
        is_in && /^```/ { if (is_block) exit; is_block = 1; next }
        is_block { print }' "$ROOT/README.md" >"$2"
    [ "$(wc -l <"$2")" -ge 3 ] || fail "README.md has no recipe '$1'"
}

# What a user has: seep installed, and tests that leak 100,000 bytes where they are told to.
prepare() {
    (unset MAKEFLAGS && make -s -C "$ROOT" BUILD="$BUILD" install DESTDIR="$PWD/installed" PREFIX=/usr) >make.log 2>&1 || fail "$(cat make.log)"
    PATH=$PWD/installed/usr/bin:$PATH
    unset SEEP GITHUB_ACTIONS GITHUB_STEP_SUMMARY
    cat >tests.c <<'C'
#include <stdlib.h>
char *volatile kept;
__attribute__((noinline)) void forget(void) {
    kept = malloc(100000);
    kept[0] = 1;
    kept = 0;
}
int main(void) {
    if (getenv("LEAK")) {
        forget();
    }
    return 0;
}
C
    printf 'tests: tests.c\n\tgcc -g -O1 -o tests tests.c\n' >Makefile
}

case_reload_test() { # 120 s
    recipe "A reload test with marks" recipe.sh
    prepare
    # A client that knows that its request was served: one for each load.
    cat >client <<'SH'
#!/bin/sh
n=$(cat served 2>/dev/null || echo 0)
for i in $(seq 100); do
    [ "$(cat loaded 2>/dev/null || echo 0)" -gt "$n" ] && echo $((n + 1)) >served && exit 0
    sleep 0.02
done
exit 1
SH
    for how in '' fixed; do
        printf '#!/bin/sh\nexec %s %s\n' "$TARGETS/reloads" "$how" >server
        chmod +x client server
        rm -f loaded served reload.seep
        status=0
        bash -eu recipe.sh >out 2>err </dev/null || status=$?
        if [ "$how" = fixed ]; then
            [ $status = 0 ] || fail "status $status: $(tail -n 5 err; tail -n 5 out)"
            [ "$(cat forgotten)" = 0 ] || fail "it forgets"
            has out '^reload\.seep: gate passed$'
        else
            [ $status = 1 ] || fail "status $status: $(tail -n 5 err; tail -n 5 out)"
            [ "$(cat forgotten)" = $((30 * 1616)) ] || fail "$(cat forgotten) bytes forgotten"
            grep -v "^mark reload, " out | head -1 >first
            has first '^load_configuration at .*reloads\.c:[0-9]+: grows by 1616 B in 3 blocks'
            has out '^growth of bytes, total +1616 B/mark +at most 1000 B/mark +FAILED$'
        fi
    done
}

# The steps of the job, in a shell as GitHub's, with its environment.
case_github_actions() {
    recipe "GitHub Actions" job.yaml
    prepare
    mkdir seep
    printf 'install:\n\techo installed\n' >seep/Makefile # that was done above
    python3 -c 'import json, sys, yaml; json.dump(yaml.safe_load(open("job.yaml")), sys.stdout)' >job.json 2>err || /usr/bin/python3 -c 'import json, sys, yaml
json.dump(yaml.safe_load(open("job.yaml")), sys.stdout)' >job.json
    jq -r '.jobs[] | .steps[] | .run // empty' job.json >steps
    [ "$(wc -l <steps)" = 3 ] || fail "$(cat steps)"
    export GITHUB_ACTIONS=true GITHUB_STEP_SUMMARY=$PWD/summary GITHUB_WORKSPACE=$PWD
    bash -e steps >out 2>err || fail "status $?: $(tail -n 3 out; tail -n 3 err)"
    has summary '^### seep gate passed'
    status=0
    LEAK=1 bash -e steps >out 2>err || status=$?
    [ $status = 1 ] || fail "status $status: $(tail -n 3 out; tail -n 3 err)"
    has summary '^### seep gate failed'
    "$PYTHON" "$LIB/check_gate.py" github out >commands
    has commands '^error tests\.c:4\|seep gate: max-unreleased\|forget: 100000 B unreleased in 1 block '
    sarif=$(jq -r '.jobs[].steps[].with.sarif_file // empty' job.json)
    [ "$(jq -r '.runs[0].results[0].locations[0].physicalLocation | "\(.artifactLocation.uri):\(.region.startLine)"' "$sarif")" = tests.c:4 ] ||
        fail "not in $sarif"
}

case_any_ci() {
    recipe "Any other CI" recipe.sh
    prepare
    bash -eu recipe.sh >out 2>err || fail "status $?: $(tail -n 3 out; tail -n 3 err)"
    has leaks.txt '^seep baseline 1$'
    bash -eu recipe.sh >out 2>err || fail "status $?: $(tail -n 3 out; tail -n 3 err)"
    status=0
    LEAK=1 bash -eu recipe.sh >out 2>err || status=$?
    [ $status = 1 ] || fail "status $status: $(tail -n 3 out; tail -n 3 err)"
    has out '^forget at .*tests\.c:4: 100000 B unreleased in 1 block, new: forget < main \[tests\]$'
    "$PYTHON" "$LIB/check_gate.py" junit junit.xml >cases
    has cases '\|sites beyond the baseline\|failure$'
}

case_meson() { # 120 s
    recipe "Meson" meson.build
    prepare
    meson setup build >log 2>&1 || fail "$(tail -5 log)"
    command=$(sed -n 's/.*then: \(meson .*\)/\1/p' meson.build)
    (cd build && $command >log 2>&1) || fail "$(tail -5 build/log)"
    status=0
    (cd build && LEAK=1 $command >log 2>&1) || status=$?
    [ $status = 1 ] || fail "status $status"
    has build/meson-logs/testlog-leaks.txt '^forget at .*tests\.c:4: 100000 B unreleased in 1 block$'
}

case_ctest() { # 120 s
    recipe "CTest" CMakeLists.txt
    prepare
    rm Makefile
    (cmake -DCMAKE_BUILD_TYPE=Debug -B build . && cmake --build build) >log 2>&1 || fail "$(tail -5 log)"
    command=$(sed -n 's/.*then: \(ctest .*\)/\1/p' CMakeLists.txt)
    (cd build && $command >log 2>&1) || fail "$(tail -5 build/log)"
    status=0
    (cd build && LEAK=1 $command --output-on-failure >log 2>&1) || status=$?
    [ $status = 8 ] || fail "status $status: $(tail -5 build/log)"
    has build/log '^forget at .*tests\.c:4: 100000 B unreleased in 1 block$'
}

# A test of five calls a C function that forgets a block.
# pytest_runs N: the gate names the test that leaks each time, and passes each time when none does.
pytest_runs() {
    recipe "pytest" conftest.py
    prepare
    cat >extension.c <<'C'
#include <stdlib.h>
char *volatile kept;
void take(int is_kept) {
    kept = malloc(4242);
    if (!is_kept) {
        free(kept);
    }
    kept = 0;
}
C
    gcc -g -O1 -shared -fPIC -o libextension.so extension.c
    cat >test_extension.py <<'PY'
import ctypes, os, pytest
extension = ctypes.CDLL("./libextension.so")
@pytest.mark.parametrize("number", range(5))
def test_take(number):
    extension.take(number == 3 and "LEAK" in os.environ)
PY
    ln -s "$PYTHON" installed/usr/bin/python3
    command=$(sed -n 's/.*then: \(seep-gate .*\)/\1/p' conftest.py)
    ${command/--new-sites-only/--update-baseline} -p no:cacheprovider >out 2>err || fail "status $?: $(tail -n 3 out; tail -n 3 err)"
    for run in $(seq "$1"); do
        $command -p no:cacheprovider >out 2>err || fail "run $run: status $?: $(head -5 out) $(tail -3 err)"
        status=0
        LEAK=1 $command -p no:cacheprovider >out 2>err || status=$?
        [ $status = 1 ] || fail "run $run: status $status"
        has out '^take at .*extension\.c:4: 4242 B unreleased in 1 block, new: take\b'
        has out '^  4242 B of it stay from behind mark test_take\[3\]$' # the test
        has out 'gate FAILED, 1 of [0-9]+ checks$'
    done
}

case_pytest() { # 240 s
    pytest_runs 3
}
