# sampling.sh - sample=BYTES: estimates against full traces, and what sampling must not break.
# shellcheck shell=bash disable=SC2154

case_estimates() {
    python3 "$LIB/sampling.py" 60 64K "$TARGETS/sampled" >figures || fail "$(cat figures)"
}

case_estimates_with_large_blocks_only() { # an interval below most sizes: nearly everything is recorded, weights near 1
    python3 "$LIB/sampling.py" 30 1K "$TARGETS/sampled" >figures || fail "$(cat figures)"
}

case_zero_is_everything() {
    "$SEEP" run -o a.seep --sample 0 -- "$TARGETS/plain" >/dev/null 2>&1 || true
    report_json a.seep >report.json
    [ "$(json report.json .trace.sample_bytes)" = null ] || fail "it says that it is sampled"
    [ "$(json report.json '[.sites[] | select(.function == "site_small") | .calls] | add')" = 1000 ] || fail "wrong figures"
}

# Blocks made by one thread and freed by another, moved, and given back after failed reallocations: no free may go astray.
case_nothing_lost_with_threads() {
    for interval in 1 512 16K 512K; do
        SEEP_OPTIONS="output=$PWD/$interval.seep:sample=$interval" LD_PRELOAD=$LIBSEEP "$TARGETS/random_threads" 4 100000 1 \
            >/dev/null
        wait_trace $interval.seep
        report_json $interval.seep >report.json
        [ "$(json report.json '.trace.lost | length')" = 0 ] || fail "$interval: $(json report.json .trace.lost)"
    done
    # sample=1 records everything that has a byte: the estimates are the figures, but for rounding
    LD_PRELOAD=$LIBSEEP SEEP_OPTIONS="output=$PWD/full.seep" "$TARGETS/random_threads" 1 100000 1 >/dev/null
    LD_PRELOAD=$LIBSEEP SEEP_OPTIONS="output=$PWD/one.seep:sample=1" "$TARGETS/random_threads" 1 100000 1 >/dev/null
    wait_trace full.seep
    wait_trace one.seep
    report_json full.seep >full.json
    report_json one.seep >one.json
    python3 - full.json one.json <<'END' || fail "sample=1 differs from a full trace"
import json, sys
full, one = (json.load(open(f))["totals"] for f in sys.argv[1:])
wrong = {k: (v, one[k]) for k, v in full.items() if v is not None and abs(one[k] - v) > v * 1e-4 + 4}
print(wrong or "same")
sys.exit(bool(wrong))
END
}

case_text_says_so() {
    "$SEEP" run -o a.seep --sample 64K -- "$TARGETS/sampled" >/dev/null 2>&1
    "$SEEP" report a.seep >report.txt
    has report.txt '^sampled every 65536 bytes: calls and bytes are estimates from [0-9]* samples$'
    has report.txt '^standard errors: calls [0-9]*, peak .*, leaked .*, temporary [0-9]*$'
    has report.txt '^  estimated from [0-9]* samples, standard error '
    "$SEEP" info a.seep >info.txt
    has info.txt '^sampled .*every 65536 bytes'
}
