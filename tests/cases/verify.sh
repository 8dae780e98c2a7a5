# verify.sh - unwinder=verify: every stack against libunwind's, and the proof that it would notice.
# shellcheck shell=bash disable=SC2154

case_adversarial() {
    compare_stacks "$LIBSEEP" "$TARGETS/adversarial"
    has compared '^[0-9]{4,} compared 0 differ$'
}

# The negative control: a library that believes a kept stack without comparing what it was read from.
case_negative_control() { # 300 s
    local careless=${PWD#"$ROOT/"}/careless # as make names what is below it
    make -s -C "$ROOT" BUILD="$careless" CFLAGS='-O2 -g -DREUSE_COMPARES=0' "$careless/libseep.so" "$careless/seep-collect" >make.log 2>&1 || fail "$(tail -5 make.log)"
    compare_stacks "$PWD/careless/libseep.so" "$TARGETS/adversarial"
    has compared '[1-9][0-9]* differ$'
}

case_compiler() { # 300 s
    local cc1
    cc1=$(gcc -print-prog-name=cc1)
    echo 'int main(void) { int n = 0; for (int i = 0; i < 9; i++) n += i * i; return n; }' >a.c
    compare_stacks "$LIBSEEP" "$cc1" -quiet -O2 a.c -o /dev/null
    has compared '^[0-9]{4,} compared 0 differ$'
}

case_python() { # 300 s
    PYTHONMALLOC=malloc compare_stacks "$LIBSEEP" "$PYTHON" -c 'import json, re; print(len(json.dumps([{str(i): [i] * 3} for i in range(9999)])))'
    has compared '^[0-9]{4,} compared 0 differ$'
}
