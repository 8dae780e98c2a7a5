# heaptrack.sh - the same deterministic program under heaptrack: equal figures where heaptrack is right, and where it is wrong.
# shellcheck shell=bash disable=SC2154

# Under heaptrack itself the program's own books are not wanted.
under_heaptrack() { # PROGRAM ARGUMENTS…: figures in $ht_calls, $ht_peak, $ht_leaked (of heaptrack's footer), text in ht.txt
    rm -f ht.*
    heaptrack -o "$PWD/ht" "$TARGETS/$1" "${@:2}" >ht.log 2>&1 || true
    local file
    file=$(find . -name "ht.*" ! -name ht.log)
    heaptrack_print -l -f "$file" >ht.txt 2>ht.err
    ht_calls=$(sed -n 's/^calls to allocation functions: \([0-9]*\).*/\1/p' ht.txt)
    ht_peak=$(sed -n 's/^peak heap memory consumption: \(.*\)/\1/p' ht.txt)
    ht_leaked=$(sed -n 's/^total memory leaked: \(.*\)/\1/p' ht.txt)
    [ -n "$ht_calls" ] || fail "heaptrack gave no figures: $(cat ht.log)"
    rm -f "$file"
}

# heaptrack brings libstdc++ and its 72704 bytes into every program; so have them here as well.
under_seep() { # PROGRAM ARGUMENTS…: text in seep.txt, JSON in report.json
    LD_PRELOAD=libstdc++.so.6 BOOKS=$PWD/books "$SEEP" run -o trace.seep -- "$TARGETS/$1" "${@:2}" >out 2>err || true
    report_json trace.seep >report.json
    "$SEEP" report trace.seep >seep.txt
    calls=$(sed -n 's/^calls to allocation functions: \([0-9]*\).*/\1/p' seep.txt)
    peak=$(sed -n 's/^peak heap memory consumption: \(.*\)/\1/p' seep.txt)
    leaked=$(sed -n 's/^total memory leaked: \(.*\)/\1/p' seep.txt)
}

case_agrees() {
    # One thread, malloc and free: nothing that heaptrack does not see.
    under_heaptrack plain
    under_seep plain
    [ "$calls" = "$ht_calls" ] || fail "calls $calls, heaptrack $ht_calls"
    [ "$peak" = "$ht_peak" ] || fail "peak $peak, heaptrack $ht_peak"
    # heaptrack makes the C++ library give back its reserve before it counts; seep leaves the program alone.
    [ "$ht_leaked" = 1000B ] || fail "heaptrack says that $ht_leaked leaked"
    reserve=$(json report.json '[.sites[] | select(.module | test("libstdc")) | .unreleased_bytes] | add')
    [ $(($(json report.json .totals.unreleased_bytes) - reserve)) = 1000 ] || fail "$leaked leaked"
    # The same sentences, letter by letter, for the sites that the program has.
    for sentence in '1000 calls to allocation functions with 1000B peak consumption from' \
        '50.00K peak memory consumed over 10 calls from' '1000B leaked over 1000 calls from'; do
        has ht.txt "^$sentence\$"
        has seep.txt "^$sentence\$"
    done
}

case_same_sections() {
    under_heaptrack plain
    under_seep plain
    grep -E '^[A-Z ]{12,}$' ht.txt >wanted
    grep -E '^[A-Z ]{12,}$' seep.txt | grep -Fxf wanted >got
    same got wanted
}

case_heaptrack_counts_phantom_leak_of_realloc_zero() {
    under_heaptrack realloc_edges
    under_seep realloc_edges
    python3 "$LIB/compare_books.py" books report.json --module realloc_edges
    # 100 blocks were freed by realloc(p, 0). heaptrack keeps them all.
    sed -n '/^MEMORY LEAKS/,/^MOST TEMPORARY/p' ht.txt >ht.leaks
    sed -n '/^MEMORY LEAKS/,/^MOST TEMPORARY/p' seep.txt >seep.leaks
    grep -A1 '^10.00K leaked over 100 calls from$' ht.leaks | grep -qx site_zero_block ||
        fail "heaptrack has been mended (realloc(p, 0)): say so in the tests"
    has_not seep.leaks site_zero_block
    has seep.leaks site_kept_block
}

case_heaptrack_misses_memalign() {
    under_heaptrack c_functions
    under_seep c_functions
    python3 "$LIB/compare_books.py" books report.json --module c_functions
    has seep.txt site_memalign
    has seep.txt site_pvalloc
    has_not ht.txt '^ *site_(memalign|pvalloc)$'
}

case_heaptrack_misses_operator_new_of_jemalloc() {
    under_heaptrack operator_new-jemalloc
    under_seep operator_new-jemalloc
    python3 "$LIB/compare_books.py" books report.json --module operator_new-jemalloc
    has_not ht.txt '^ *site_new$'
}

case_cc1plus_calls() { # 240 s
    # A real program: the calls must be the same to the last one but for what heaptrack cannot see or makes itself.
    printf '#include <map>\n#include <string>\nstd::map<std::string, int> m;\n' >unit.cc
    cc1plus=$(g++ -print-prog-name=cc1plus)
    heaptrack -o "$PWD/ht" "$cc1plus" -quiet -imultiarch "$(g++ -print-multiarch)" unit.cc -o ht.s >ht.log 2>&1
    file=$(find . -name "ht.*" ! -name ht.log ! -name ht.s)
    heaptrack_print -f "$file" >ht.txt 2>ht.err
    ht_calls=$(sed -n 's/^calls to allocation functions: \([0-9]*\).*/\1/p' ht.txt)
    "$SEEP" run -o trace.seep -- "$cc1plus" -quiet -imultiarch "$(g++ -print-multiarch)" unit.cc -o seep.s 2>err
    same seep.s ht.s
    calls=$(report_json trace.seep | jq .totals.allocations)
    difference=$((calls - ht_calls))
    echo "calls: seep $calls, heaptrack $ht_calls"
    [ ${difference#-} -le 20 ] || fail "calls $calls, heaptrack $ht_calls"
}
