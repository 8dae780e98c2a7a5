# verify.sh - unwinder=verify: every stack against libunwind's, and the proof that it would notice.
# shellcheck shell=bash disable=SC2154

# verified LIBRARY COMMAND…: leaves "N compared M differ" in `compared`.
verified() {
    local library=$1
    shift
    LD_PRELOAD=$library SEEP_OPTIONS="output=$PWD/trace.seep:unwinder=verify" "$@" >out 2>err || fail "exit status $?: $(tail -3 err)"
    wait_trace trace.seep
    "$SEEP" info --format json trace.seep | jq -r '.notes[]' |
        sed -n 's/^\([0-9]*\) stacks compared with libunwind, \([0-9]*\) differ$/\1 compared \2 differ/p' >compared
    [ -s compared ] || fail "nothing was compared"
}

case_adversarial() {
    verified "$LIBSEEP" "$TARGETS/adversarial"
    has compared '^[0-9]{4,} compared 0 differ$'
}

# The negative control: a library that believes a kept stack without comparing what it was read from.
case_negative_control() { # 300 s
    make -s -C "$ROOT" BUILD="$PWD/careless" CFLAGS='-O2 -g -DREUSE_COMPARES=0' "$PWD/careless/libseep.so" \
        "$PWD/careless/seep-collect" >make.log 2>&1 || fail "$(tail -5 make.log)"
    verified "$PWD/careless/libseep.so" "$TARGETS/adversarial"
    has_not compared ' 0 differ$'
}

case_compiler() { # 300 s
    local cc1
    cc1=$(gcc -print-prog-name=cc1)
    echo 'int main(void) { int n = 0; for (int i = 0; i < 9; i++) n += i * i; return n; }' >a.c
    verified "$LIBSEEP" "$cc1" -quiet -O2 a.c -o /dev/null
    has compared '^[0-9]{4,} compared 0 differ$'
}

case_python() { # 300 s
    PYTHONMALLOC=malloc verified "$LIBSEEP" "$PYTHON" -c 'import json, re; print(len(json.dumps([{str(i): [i] * 3} for i in range(9999)])))'
    has compared '^[0-9]{4,} compared 0 differ$'
}
