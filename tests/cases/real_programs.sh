# real_programs.sh - programs from Debian do under seep exactly what they do without it.
# shellcheck shell=bash disable=SC2154,SC2016

# The trace of a real program: complete, nothing lost, so many calls at least.
sound() { # TRACE CALLS
    "$SEEP" report --format json "$1" >report.json 2>report.err
    ! has_warned report.err || fail "seep report: $(head -3 report.err)"
    [ "$(json report.json .trace.complete)" = true ] || fail "the trace is not complete"
    [ "$(json report.json .trace.lost_events)" = 0 ] || fail "$(json report.json .trace.lost_events) events lost"
    [ "$(json report.json .totals.allocations)" -ge "$2" ] || fail "only $(json report.json .totals.allocations) calls"
    json report.json '.trace.lost[] | select(.kind == "unknown-frees" or .kind == "implicit-frees" or .kind == "late")' >facts
    [ ! -s facts ] || fail "a fact that should not be: $(tr -d '\n' <facts)"
}

# as_ever CALLS COMMAND…: stdout, stderr, exit status with and without seep.
as_ever() {
    local calls=$1 native=0 traced=0
    shift
    "$@" >native.out 2>native.err </dev/null || native=$?
    "$SEEP" run -o trace.seep -- "$@" >out 2>err </dev/null || traced=$?
    [ $native = $traced ] || fail "exit status $traced, must be $native: $(tail -3 err)"
    same out native.out
    grep -v '^seep: trace in' err >err.program || true
    same err.program native.err
    sound trace.seep "$calls"
    rm -f trace.seep
    # and by LD_PRELOAD alone
    traced=0
    env LD_PRELOAD="$LIBSEEP" SEEP_OPTIONS="output=$PWD/bare.%p.seep" "$@" >out 2>err </dev/null || traced=$?
    [ $native = $traced ] || fail "LD_PRELOAD: exit status $traced, must be $native: $(tail -3 err)"
    same out native.out
    same err native.err
}

case_python3() {
    cat >work.py <<'PY'
import json, re, sys, threading, zlib
words = {}
def work(seed):
    x = seed
    for i in range(20000):
        x = (x * 6364136223846793005 + 1442695040888963407) % 2**64
        words.setdefault(str(x % 5000), []).append(i)
threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
for t in threads: t.start()
for t in threads: t.join()
text = json.dumps({k: len(v) for k, v in sorted(words.items())})
print(len(words), sum(len(v) for v in words.values()), len(re.findall(r"\d+", text)) > 0)
sys.stderr.write("done\n")
sys.exit(6)
PY
    export PYTHONMALLOC=malloc
    as_ever 100000 "$PYTHON" work.py
}

case_perl() {
    as_ever 2000 perl -e 'my %h; $h{$_ % 977} .= "x$_" for 1 .. 50000; print join(",", map { length $h{$_} } sort keys %h), "\n"; die "on purpose\n"'
}

case_compiler() {
    cat >unit.cc <<'CC'
#include <algorithm>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <vector>
int main() {
    std::map<std::string, std::vector<int>> m;
    std::regex r("a+b");
    for (int i = 0; i < 10; i++) {
        m[std::to_string(i)].push_back(i);
    }
    std::cout << m.size() << std::regex_match("aab", r) << "\n";
}
CC
    as_ever 100000 "$(g++ -print-prog-name=cc1plus)" -quiet -imultiarch "$(g++ -print-multiarch)" -D_GNU_SOURCE -O1 unit.cc -o -
    # The driver starts other programs; what they make must be what they always make.
    g++ -O1 -c unit.cc -o native.o
    "$SEEP" run -o driver.seep -- g++ -O1 -c unit.cc -o traced.o 2>err
    same traced.o native.o
}

case_git_and_coreutils() {
    as_ever 10 sort "$ROOT/LICENSE"
    rm -f ./*.seep
    as_ever 10 ls -l "$ROOT/include"
    rm -f ./*.seep
    as_ever 10 bash -c 'for i in 1 2 3; do echo $i | cat; done; exit 9'
    rm -f ./*.seep
    as_ever 10 grep -c License "$ROOT/LICENSE"
}

# shellcheck source=tests/lib/tls.sh
. "$LIB/tls.sh"
# shellcheck source=tests/lib/nginx.sh
. "$LIB/nginx.sh"

fetch() { # PORT PATH…: what the server says, status line and body, over TLS
    python3 - "$@" <<'PY'
import http.client, ssl, sys
context = ssl._create_unverified_context()
for path in sys.argv[2:]:
    for encoding in ("identity", "gzip"):
        c = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[1]), context=context, timeout=20)
        c.request("GET", path, headers={"Accept-Encoding": encoding})
        r = c.getresponse()
        body = r.read()
        print(path, encoding, r.status, r.getheader("Content-Type"), len(body), hash(body) if False else body[:64])
        c.close()
PY
}

nginx_once() { # NAME EXTRA COMMAND…: serve, fetch, load, stop
    local name=$1 extra=$2 port
    shift 2
    port=$(free_port)
    make_nginx "$port" tls "daemon off; $extra" 'keepalive_requests 50;'
    background "$name.log" "$@" "${nginx[@]}"
    wait_port "$port" "$background_pid"
    fetch "$port" /index.html /big.txt /none >"$name.fetched"
    timeout 30 wrk -t1 -c16 -d3s "https://127.0.0.1:$port/index.html" >"$name.wrk" 2>&1
    has "$name.wrk" 'requests in'
    has_not "$name.wrk" 'Non-2xx|Socket errors'
    kill -QUIT "$(cat nginx.pid)"
    gone "$background_pid" 20 || fail "nginx does not end"
    status_of 0 wait "$background_pid"
}

nginx_files() {
    make_certificate
    mkdir html
    chmod 755 html
    echo '<p>hello</p>' >html/index.html
    seq 100000 >html/big.txt
}

case_nginx() {
    nginx_files
    nginx_once native 'master_process off;'
    nginx_once traced 'master_process off;' "$SEEP" run -o trace.seep --
    same traced.fetched native.fetched
    sound trace.seep 10000
    "$SEEP" report trace.seep >text
    has text 'CRYPTO_(malloc|zalloc)|ngx_alloc'
}

case_nginx_workers() {
    # A master with two workers (fork children are not traced in full yet, and must not be disturbed).
    nginx_files
    extra='master_process on; worker_processes 2;'
    [ "$(id -u)" != 0 ] || extra="$extra user root;"
    nginx_once native "$extra"
    nginx_once traced "$extra" "$SEEP" run -o trace.seep --
    same traced.fetched native.fetched
    report_json trace.seep >report.json
    [ "$(json report.json .trace.complete)" = true ] || fail "the trace is not complete"
    has_not error.log '\[(crit|alert|emerg)\]'
}

redis_once() { # NAME COMMAND…
    local name=$1 port
    shift
    port=$(free_port)
    rm -f dump.rdb
    background "$name.log" "$@" redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$PWD" \
        --daemonize no
    wait_port "$port" "$background_pid"
    # What it answers must not differ.
    printf '%s\n' 'set a 1' 'incr a' 'lpush l x y z' 'lrange l 0 -1' 'hset h f v' 'hgetall h' 'nonsense' 'eval "return {1,2,ARGV[1]}" 0 q' \
        'object encoding l' 'dbsize' | redis-cli -p "$port" >"$name.answers" 2>&1
    timeout 50 redis-benchmark -p "$port" -n 20000 -c 20 -t set,get,lpush,lpop,sadd,hset,zadd -d 100 -r 5000 -q >"$name.bench" 2>&1
    has_not "$name.bench" '[Ee]rror'
    redis-cli -p "$port" debug reload nosave >/dev/null 2>&1 || true
    redis-cli -p "$port" save >"$name.saved" # forks nothing; writes dump.rdb
    redis-cli -p "$port" bgsave >>"$name.saved" # forks
    for _ in $(seq 100); do
        redis-cli -p "$port" info persistence | tr -d '\r' >"$name.persistence"
        grep -q 'rdb_bgsave_in_progress:0' "$name.persistence" && break
        sleep 0.1
    done
    has "$name.persistence" 'rdb_last_bgsave_status:ok'
    redis-cli -p "$port" shutdown nosave >/dev/null 2>&1 || true
    gone "$background_pid" 20 || fail "redis does not end"
    status_of 0 wait "$background_pid"
}

case_redis() { # 240 s
    redis_once native
    redis_once traced "$SEEP" run -o trace.seep --
    same traced.answers native.answers
    sound trace.seep 50000
}

openssl_once() { # NAME COMMAND…
    local name=$1 port i
    shift
    port=$(free_port)
    background "$name.log" "$@" openssl s_server -accept "127.0.0.1:$port" -cert cert.pem -key key.pem -WWW -quiet -naccept 20
    wait_port_listening "$port"
    for i in $(seq 20); do
        printf 'GET /big.txt HTTP/1.0\r\n\r\n' |
            timeout 20 openssl s_client -connect "127.0.0.1:$port" -quiet 2>/dev/null >"$name.got.$i" || true
        [ "$(tail -1 "$name.got.$i")" = 20000 ] || fail "answer $i is not whole"
    done
    gone "$background_pid" 20 || fail "s_server does not end"
    status_of 0 wait "$background_pid"
}

# Connecting would use up one of its accepts.
wait_port_listening() {
    local n=200 hex
    hex=$(printf ':%04X' "$1")
    until awk -v port="$hex" '$4 == "0A" && index($2, port) { found = 1 } END { exit !found }' /proc/net/tcp; do
        n=$((n - 1))
        [ $n -gt 0 ] || fail "nobody listens on port $1"
        sleep 0.05
    done
}

case_openssl_server() {
    make_certificate
    seq 20000 >big.txt
    openssl_once native
    openssl_once traced "$SEEP" run -o trace.seep --
    for i in 1 20; do
        same "traced.got.$i" "native.got.$i"
    done
    sound trace.seep 10000
}

case_openssl_client() {
    make_certificate
    background server.log timeout 60 openssl s_server -accept 127.0.0.1:0 -cert cert.pem -key key.pem -www
    for _ in $(seq 100); do
        port=$(sed -n 's/^ACCEPT 127.0.0.1:\([0-9]*\).*/\1/p' server.log)
        [ -z "$port" ] || break
        sleep 0.05
    done
    [ -n "$port" ] || fail "no server: $(cat server.log)"
    status_of 0 "$SEEP" run -o trace.seep -- sh -c ':' 2>err # that sh has its own trace
    status=0
    printf 'GET / HTTP/1.0\r\n\r\n' | timeout 20 "$SEEP" run -o client.seep -- openssl s_client -connect "127.0.0.1:$port" -quiet \
        >out 2>err || status=$?
    [ $status = 0 ] || fail "exit status $status"
    has out 'HTTP/1.0 200 ok'
    sound client.seep 1000
}
