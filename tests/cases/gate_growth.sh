# gate_growth.sh - `seep gate` judges growth, of planted behaviours and of real servers.
# shellcheck shell=bash disable=SC2154,SC2016

# shellcheck source=tests/lib/gate.sh
. "$LIB/gate.sh"
# shellcheck source=tests/lib/tls.sh
. "$LIB/tls.sh"
# shellcheck source=tests/lib/nginx.sh
. "$LIB/nginx.sh"

# Growth: the writer's own figures, at the limit and below it.
case_growth() {
    cat >events <<'PY'
for mark in range(40):
    w.at(mark * 10)
    w.alloc(0, ("leak", mark), w.stack(0, 0x402000), 104)
    if mark % 2 == 0:
        w.alloc(0, ("slow", mark), w.stack(0, 0x403000), 10)
    w.alloc(0, ("ring", mark), w.stack(0, 0x404000), 5000)
    if mark >= 8:
        w.free(0, ("ring", mark - 8))
    w.marked("reload")
PY
    written marks.seep "$(cat events)"
    for limit in 109 109/mark 1.5blocks/mark site:104 site:104/mark site:1block/mark; do
        gate 0 --max-growth "$limit" marks.seep
    done
    for limit in 108.99 0 1.49blocks/mark site:103.99/mark site:0.99blocks; do
        gate 1 --max-growth "$limit" marks.seep
        head -1 out >first
        has first '^0x401fff in /nowhere/server: grows by 104 B in 1 block'
        has out 'gate FAILED, 1 of 3 checks$'
    done
    has_not out '0x403fff' # the ring is full, and grows no more
    gate 1 --max-growth site:4.9 marks.seep
    has out '^0x402fff in /nowhere/server: grows by 5 B in 0\.5 blocks'
    # What cannot be judged cannot pass.
    gate 1 --max-growth 1G/hour marks.seep
    has out '^growth of bytes cannot be judged: the trace has marks, so the limit must be per mark$'
    written none.seep ''
    gate 1 --max-growth 1G/mark none.seep
    has out '^growth of bytes cannot be judged: '
    written few.seep "$(sed 's/range(40)/range(4)/' events)"
    gate 1 --max-growth 1G/mark few.seep
    has out '^growth of bytes cannot be judged: '
    for bad in 1K/day 1/ /mark 1/mark/mark; do
        is_refused gate 2 'max-growth: not bytes' --max-growth "$bad" marks.seep
    done
}

# A leak of which each of many sites has a block or two grows at none of them, but in total: the gate says what the report says.
case_growth_spread_over_sites() {
    written spread.seep '
for mark in range(100):
    w.at(mark * 10)
    w.alloc(0, ("leak", mark), w.stack(0, 0x402000 + mark * 37 % 90 * 16), 100)
    w.marked("reload")'
    "$SEEP" report --format json spread.seep >report.json 2>err
    [ "$(jq -r .growth.total.class report.json)" = growing ] || fail "the total does not grow"
    [ "$(jq '[.growth.sites[] | select(.class == "growing")] | length' report.json)" = 0 ] || fail "a site grows"
    gate 0 --max-growth 100/mark spread.seep
    gate 0 --max-growth 1block/mark spread.seep
    gate 0 --max-growth site:0/mark spread.seep # no site does
    gate 1 --max-growth 99/mark spread.seep
    has out '^growth of bytes, total +100 B/mark +at most 99 B/mark +FAILED$'
    head -1 out >first
    has first '^0x40[0-9a-f]+ in /nowhere/server: has gained some of it, 200 B in 2 blocks at the last point$'
    gate 1 --max-growth 0.9blocks/mark spread.seep
}

# Growth is a limit of a baseline, too.
case_baseline_growth() {
    leak='for mark in range(30):
    w.at(mark * 10)
    w.alloc(0, ("leak", mark), w.stack(0, 0x402000), SIZE)
    w.marked("reload")'
    written a.seep "${leak/SIZE/100}"
    gate 0 --baseline base --update-baseline a.seep
    has base 'growth=100$'
    gate 0 --baseline base a.seep
    sed -i 's/bytes=[0-9]*/bytes=1000000/' base
    written b.seep "${leak/SIZE/101}"
    gate 1 --baseline base b.seep
    has out 'growing by 101\.00 B/mark, the baseline has 100\.00'
    # Nothing is left at the end, and yet it has grown.
    written freed.seep "${leak/SIZE/101}
for mark in range(30):
    w.free(0, ('leak', mark))
for i in range(7, 10):
    w.free(0, i)"
    gate 1 --baseline base freed.seep
    has out 'growing by 101\.00 B/mark, the baseline has 100\.00'
    gate 0 --baseline base --new-sites-only --max-unreleased 0 freed.seep
    written c.seep ''
    gate 1 --baseline base c.seep
    has out '^the baseline limits growth, which cannot be judged: '
}

# A server that forgets a context at each reload: the bytes of a reload, to 1 % of what it counts itself in a run without seep. One that does not: none.
case_growth_of_reloads() { # 240 s
    local own
    make_certificate
    BYTES=alive "$TARGETS/cert_reload" cert.pem key.pem 100 1 >books
    # Half of the marks apart: the client's handshake is under way at any of them.
    own=$(python3 -c 'import statistics, sys
alive = [int(line) for line in open("alive")]
half = len(alive) // 2
print(round(statistics.median((b - a) / half for a, b in zip(alive, alive[half:]))))')
    "$SEEP" run -o leak.seep -- "$TARGETS/cert_reload" cert.pem key.pem 100 1 >books 2>err
    gate 1 --max-growth $((own * 99 / 100))/mark leak.seep
    head -1 out >first
    has first '^reload_certificate at .*cert_reload\.c:[0-9]+: grows by [0-9]+ B in [0-9]+ blocks'
    has out '^  OpenSSL objects: 100 SSL_CTX\b'
    gate 0 --max-growth $((own * 101 / 100))/mark leak.seep
    "$SEEP" run -o fixed.seep -- "$TARGETS/cert_reload" cert.pem key.pem 100 1 fixed >books 2>err
    gate 0 --max-growth 0/mark fixed.seep
}

# nginx, its configuration loaded 100 times under load, with a mark from outside behind each: nothing grows.
case_growth_of_nginx() { # 300 s
    nginx_reloaded 100 mark_reload
    [ "$(wc -l <marks)" = 100 ] || fail "$(wc -l <marks) marks"
    gate 0 --max-growth 0/mark trace.seep
    report_json trace.seep >report.json 2>report.err
    [ "$(json report.json .growth.sites_of_class.growing)" = 0 ] || fail "$(json report.json .growth.sites_of_class)"
    [ "$(json report.json '.growth.points | length')" = 100 ] || fail "$(json report.json '.growth.points | length') points"
}

mark_reload() {
    "$SEEP" mark "$(cat nginx.pid)" reload >>marks || fail "no mark"
}
