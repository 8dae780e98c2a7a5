# servers.sh - real servers as whole trees of processes: they answer as ever, and one trace has every process.
# shellcheck shell=bash disable=SC2154,SC2016,SC2164
#
# Which processes there were is what the servers say in their own logs, with their ids.

# shellcheck source=tests/lib/servers.sh
. "$LIB/servers.sh"
# shellcheck source=tests/lib/nginx.sh
. "$LIB/nginx.sh"

postgres_bin=$(find /usr/lib/postgresql -name initdb -printf '%h\n' 2>/dev/null | sort -V | tail -1)
apache_modules=/usr/lib/apache2/modules

# ---- nginx ----

nginx_of_user() { # PORT
    local user=
    [ "$(id -u)" != 0 ] || [ ${#run_as[@]} -gt 0 ] || user="user nobody nogroup;"
    make_nginx "$1" plain "daemon on; worker_processes 2; $user" 'keepalive_requests 50;'
}

# serve_nginx NAME COMMAND…: the whole life of a master and its workers.
serve_nginx() {
    local name=$1 port master victim reload loader
    shift
    rm -f error.log nginx.pid wrk.log
    port=$(free_port)
    nginx_of_user "$port"
    status_of 0 as_user "$@" "${nginx[@]}" 2>"$name.err"
    later 10 test -s nginx.pid
    master=$(cat nginx.pid)
    daemon_pids="$daemon_pids $master"
    listening "$port" error.log
    fetch "$port" /index.html /big.txt /none >"$name.fetched"
    load "$port" 6 &
    loader=$!
    for reload in 1 2 3; do
        sleep 0.5
        kill -HUP "$master"
        later 10 lines error.log 'start worker process [0-9]' $((2 + 2 * reload))
    done
    sleep 0.5
    victim=$(sed -n 's/.*start worker process \([0-9]*\)$/\1/p' error.log | tail -1)
    kill -KILL "$victim"
    later 10 lines error.log 'start worker process [0-9]' 9
    wait $loader || fail "wrk: $(tail -3 wrk.log)"
    fetch "$port" /index.html /big.txt /none >>"$name.fetched"
    kill -QUIT "$master"
    gone "$master" 20 || fail "nginx does not end"
    echo "$victim" >"$name.victim"
    sed -n 's/.*start worker process \([0-9]*\)$/\1/p' error.log >"$name.workers"
    echo "$master" >"$name.master"
    has wrk.log 'requests in'
    has_not wrk.log 'Non-2xx'
    has_not error.log 'emerg|crit|signal 11|signal 6'
}

nginx_daemon() {
    html
    serve_nginx native
    serve_nginx traced "$SEEP" run -o a.seep --
    same traced.fetched native.fetched
    one_line traced.err 'recording goes on in a.seep with [123] process'
    all_told a.seep
    # The pid that was started, the master, nine workers.
    # shellcheck disable=SC2046
    they_are_all_there $(cat traced.master traced.workers)
    [ "$(wc -l <processes)" = 11 ] || fail "$(wc -l <processes) processes: $(cat processes)"
    [ "$(end_of "$(cat traced.master)")" = 'exit 0' ] || fail "the master: $(end_of "$(cat traced.master)")"
    ended_by_kill "$(cat traced.victim)"
    [ "$(awk -F'\t' '$4 == "exit" && $5 == 0' processes | wc -l)" = 10 ] || fail "not each ended by exit(0): $(cat processes)"
    [ "$(awk -F'\t' '/nginx -p/' processes | wc -l)" = 11 ] || fail "names: $(cat processes)"
}

case_nginx_daemon() { # 240 s
    in_place_of_ours
    nginx_daemon
}

case_nginx_daemon_as_nobody() { # 240 s
    in_place_of_nobody
    nginx_daemon
}

# serve_upgrade NAME COMMAND…: the running master starts the new program (here the same) and hands its sockets over.
serve_upgrade() {
    local name=$1 port old new
    shift
    rm -f error.log nginx.pid
    port=$(free_port)
    nginx_of_user "$port"
    status_of 0 as_user "$@" "${nginx[@]}" 2>"$name.err"
    later 10 test -s nginx.pid
    old=$(cat nginx.pid)
    daemon_pids="$daemon_pids $old"
    listening "$port" error.log
    fetch "$port" /index.html /big.txt >"$name.fetched"
    kill -USR2 "$old"
    later 10 test -s nginx.pid.oldbin
    later 10 test -s nginx.pid
    later 10 lines error.log 'start worker process [0-9]' 4
    new=$(cat nginx.pid)
    daemon_pids="$daemon_pids $new"
    [ "$new" != "$old" ] || fail "no new master"
    kill -QUIT "$old"
    gone "$old" 20 || fail "the old master does not end"
    fetch "$port" /index.html /big.txt >>"$name.fetched"
    kill -QUIT "$new"
    gone "$new" 20 || fail "the new master does not end"
    sed -n 's/.*start worker process \([0-9]*\)$/\1/p' error.log >"$name.workers"
    printf '%s\n' "$old" "$new" >"$name.masters"
    has_not error.log 'emerg|crit|signal 11|signal 6'
}

# nginx gives the new master an environment with nothing of ours in it.
nginx_upgrade() {
    html
    serve_upgrade native
    serve_upgrade traced "$SEEP" run -o a.seep --
    same traced.fetched native.fetched
    all_told a.seep
    # shellcheck disable=SC2046
    they_are_all_there $(cat traced.masters traced.workers)
    # The pid that was started, two masters, the second also as the child that became it, four workers.
    [ "$(wc -l <processes)" = 8 ] || fail "$(wc -l <processes) processes: $(cat processes)"
    awk -F'\t' '$3 == "exec"' processes >execs
    [ "$(wc -l <execs)" = 1 ] || fail "no second program: $(cat processes)"
}

case_nginx_upgrade() { # 240 s
    in_place_of_ours
    nginx_upgrade
}

case_nginx_upgrade_as_nobody() { # 240 s
    in_place_of_nobody
    nginx_upgrade
}

# ---- redis ----

serve_redis() { # NAME COMMAND…
    local name=$1 port
    shift
    port=$(free_port)
    rm -f dump.rdb
    background "$name.log" "${run_as[@]}" "$@" redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$PWD" --daemonize no
    wait_port "$port" "$background_pid"
    timeout 40 redis-benchmark -p "$port" -n 30000 -c 20 -t set,lpush,hset -d 100 -r 20000 -q >"$name.bench.log" 2>&1 &
    loader=$!
    for i in 1 2 3; do
        sleep 0.3
        redis-cli -p "$port" bgsave >"$name.saved"
        later 20 lines "$name.log" 'Background saving terminated with success' "$i"
    done
    wait $loader || fail "redis-benchmark"
    has_not "$name.bench.log" '[Ee]rror'
    redis-cli -p "$port" flushall >/dev/null
    printf '%s\n' 'set a 1' 'incr a' 'lpush l x y z' 'lrange l 0 -1' 'hset h f v' 'hgetall h' 'nonsense' 'dbsize' 'save' |
        redis-cli -p "$port" >"$name.answers" 2>&1
    redis-cli -p "$port" shutdown nosave >/dev/null 2>&1 || true
    gone "$background_pid" 20 || fail "redis does not end"
    status_of 0 wait "$background_pid"
}

redis_bgsave() {
    serve_redis native
    serve_redis traced "$SEEP" run -o a.seep --
    same traced.answers native.answers
    all_told a.seep
    sed -n 's/.*Background saving started by pid \([0-9]*\).*/\1/p' traced.log >children
    # shellcheck disable=SC2046
    they_are_all_there $(cat children)
    [ "$(wc -l <children)" = 3 ] || fail "not three children: $(cat children)"
    [ "$(wc -l <processes)" = 4 ] || fail "$(wc -l <processes) processes: $(cat processes)"
    [ "$(awk -F'\t' '$4 == "exit" && $5 == 0 && /redis-server/' processes | wc -l)" = 4 ] || fail "ends: $(cat processes)"
}

case_redis_bgsave() { # 240 s
    in_place_of_ours
    redis_bgsave
}

case_redis_bgsave_as_nobody() { # 240 s
    in_place_of_nobody
    redis_bgsave
}

# ---- PostgreSQL ----

serve_postgres() { # NAME COMMAND…
    local name=$1 port master victim
    shift
    port=$(free_port)
    rm -rf data
    as_user "$postgres_bin/initdb" -D "$PWD/data" -A trust -U seep -N --no-locale -E UTF8 >"$name.initdb.log" 2>&1 || fail "initdb: $(tail -3 "$name.initdb.log")"
    cat >>data/postgresql.conf <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
log_line_prefix = '[%p] '
log_connections = on
fsync = off
autovacuum_naptime = 1s
CONF
    background "$name.log" "${run_as[@]}" "$@" "$postgres_bin/postgres" -D "$PWD/data"
    later 20 grep -q 'ready to accept connections' "$name.log"
    master=$(head -1 data/postmaster.pid)
    export PGHOST=127.0.0.1 PGPORT=$port PGUSER=seep PGDATABASE=postgres PGCONNECT_TIMEOUT=10
    pgbench -i -s 1 -q >"$name.init.log" 2>&1 || fail "pgbench -i: $(tail -3 "$name.init.log")"
    timeout 40 pgbench -c 4 -t 100 -n --random-seed=7 >"$name.bench.log" 2>&1 || fail "pgbench: $(tail -3 "$name.bench.log")"
    has "$name.bench.log" 'processed: 400/400'
    # A backend dies in the middle of its work: the postmaster ends all others and starts over.
    psql -qAt -c 'select pg_backend_pid(), pg_sleep(20)' >/dev/null 2>"$name.psql.err" &
    later 10 has_sleeper
    victim=$(psql -qAt -c "select pid from pg_stat_activity where query like 'select pg_backend%' and pid <> pg_backend_pid()")
    kill -KILL "$victim"
    later 20 lines "$name.log" 'ready to accept connections' 2
    timeout 40 pgbench -c 2 -t 50 -n -S --random-seed=7 >"$name.bench2.log" 2>&1 || fail "pgbench: $(tail -3 "$name.bench2.log")"
    psql -qAt -c 'select count(*), sum(bid) from pgbench_accounts' -c 'select count(*), sum(tbalance) - sum(tbalance) from pgbench_tellers' \
        -c 'select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history), (select count(*) from pgbench_history)' \
        -c "select md5(string_agg(i::text, ',')) from generate_series(1, 200000) i" -c 'select 1 / 0' >"$name.rows" 2>&1 || true
    kill -INT "$master"
    gone "$background_pid" 30 || fail "postgres does not end"
    status_of 0 wait "$background_pid"
    sed -n 's/^\[\([0-9]*\)\] LOG:  connection received.*/\1/p' "$name.log" | sort -u >"$name.backends"
    echo "$victim" >"$name.victim"
    echo "$master" >"$name.master"
}

has_sleeper() {
    psql -qAt -c "select 1 from pg_stat_activity where query like 'select pg_backend%' and wait_event = 'PgSleep'" | grep -q 1
}

case_postgres() { # 240 s
    [ -n "$postgres_bin" ] || fail "no PostgreSQL is installed; run scripts/deps"
    local user
    user=$(id -un)
    [ "$(id -u)" != 0 ] || user=nobody # it refuses root
    in_place "$user"
    serve_postgres native
    serve_postgres traced "$SEEP" run -o a.seep --
    same traced.rows native.rows
    all_told a.seep
    # shellcheck disable=SC2046
    they_are_all_there $(cat traced.master traced.backends)
    [ "$(wc -l <traced.backends)" -ge 10 ] || fail "hardly any backends"
    ended_by_kill "$(cat traced.victim)"
    [ "$(end_of "$(cat traced.master)")" = 'exit 0' ] || fail "the postmaster: $(end_of "$(cat traced.master)")"
    [ "$(grep -c '/postgres -D' processes)" = "$(wc -l <processes)" ] || fail "names: $(cat processes)"
}

# ---- apache ----

serve_apache() { # NAME COMMAND…
    local name=$1 port master module user=
    shift
    port=$(free_port)
    rm -f apache.log apache.pid access.log wrk.log
    [ "$(id -u)" != 0 ] || [ ${#run_as[@]} -gt 0 ] || user=$'User nobody\nGroup nogroup'
    {
        for module in mpm_prefork authz_core mime dir alias cgi; do
            echo "LoadModule ${module}_module $apache_modules/mod_$module.so"
        done
        cat <<CONF
ServerName localhost
ServerRoot $PWD
Listen 127.0.0.1:$port
PidFile $PWD/apache.pid
DefaultRuntimeDir $PWD
ErrorLog $PWD/apache.log
LogFormat "%P %>s %b"
CustomLog $PWD/access.log "%P"
TypesConfig /dev/null
DocumentRoot $PWD/html
StartServers 3
MinSpareServers 2
MaxSpareServers 4
MaxRequestWorkers 8
MaxConnectionsPerChild 60
ScriptAlias /cgi/ $PWD/cgi/
DirectoryIndex index.html
$user
CONF
    } >apache.conf
    status_of 0 as_user "$@" /usr/sbin/apache2 -f "$PWD/apache.conf" -k start 2>"$name.err"
    later 10 test -s apache.pid
    master=$(cat apache.pid)
    daemon_pids="$daemon_pids $master"
    listening "$port" apache.log
    fetch "$port" /index.html /big.txt /none /cgi/hello >"$name.fetched"
    load "$port" 3
    kill -USR1 "$master" # graceful restart
    later 10 lines apache.log 'resuming normal operations' 2
    load "$port" 2
    fetch "$port" /index.html /big.txt /none /cgi/hello >>"$name.fetched"
    kill -TERM "$master"
    gone "$master" 20 || fail "apache does not end"
    has wrk.log 'requests in'
    has_not apache.log 'emerg|crit|exit signal (Seg|Abort)'
    sort -u access.log >"$name.children"
    echo "$master" >"$name.master"
}

apache_prefork() {
    html
    mkdir cgi
    printf '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\nhello %%s\\n" "$REQUEST_METHOD"\n' >cgi/hello
    chmod -R a+rX,u+x,go+x cgi
    serve_apache native
    serve_apache traced "$SEEP" run -o a.seep --
    same traced.fetched native.fetched
    if [ "$(id -u)" = 0 ] && [ ${#run_as[@]} = 0 ]; then
        all_told a.seep 2 # the two that nobody forked for the script, in root's folder
    else
        all_told a.seep
        # dash ends without exit(), so its status may not be known.
        [ "$(cut -f3,5,8 processes | grep -cE "^exec.0?./bin/sh $PWD/cgi/hello")" = 2 ] || fail "the scripts: $(cat processes)"
    fi
    # shellcheck disable=SC2046
    they_are_all_there $(cat traced.master traced.children)
    [ "$(wc -l <traced.children)" -ge 6 ] || fail "hardly any children"
    [ "$(end_of "$(cat traced.master)")" = 'exit 0' ] || fail "the master: $(end_of "$(cat traced.master)")"
}

case_apache_prefork() { # 240 s
    in_place_of_ours
    apache_prefork
}

case_apache_prefork_as_nobody() { # 240 s
    in_place_of_nobody
    apache_prefork
}

# ---- others ----

# What has changed its user can make no ring beside root's trace: it goes on untraced, and is counted.
case_child_without_rights() {
    [ "$(id -u)" = 0 ] || skip "only root can change its user"
    status_of 0 "$SEEP" run -o a.seep -- "$PYTHON" -c 'import os
os.setuid(65534)
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)' 2>err
    all_told a.seep 1
    [ "$(wc -l <processes)" = 1 ] || fail "$(cat processes)"
}

case_python_multiprocessing() { # 240 s
    cat >work.py <<'PY'
import multiprocessing, os, sys
def work(n):
    data = [str(i) * 3 for i in range(n)]
    return len("".join(data)), os.getpid()
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(3) as pool:
        results = pool.map(work, range(1000, 30000, 1000), chunksize=1)
        pool.close()
        pool.join()
    child = context.Process(target=os._exit, args=(5,))
    child.start()
    child.join()
    print(sum(r[0] for r in results), child.exitcode)
    with open("pids", "w") as f:
        print(*{r[1] for r in results}, child.pid, os.getpid(), file=f)
PY
    local how
    for how in fork spawn forkserver; do
        rm -f a.seep
        status_of 0 "$PYTHON" work.py $how >native.out
        status_of 0 env PYTHONMALLOC=malloc "$SEEP" run -o a.seep -- "$PYTHON" work.py $how >out 2>err
        same out native.out
        all_told a.seep
        # shellcheck disable=SC2046
        they_are_all_there $(cat pids)
        case $(end_of "$(awk '{ print $(NF - 1) }' pids)") in
        'exit 5' | 'null null') ;; # how one ends without exit() is known if it can be seen before its parent asks
        *) fail "$how: the child that ended by 5: $(cat processes)" ;;
        esac
        [ $how = fork ] || [ "$(grep -c 'python3.* -c from multiprocessing' processes)" -ge 2 ] || fail "$how: $(cat processes)"
    done
}

case_git_clone() {
    export HOME=$PWD GIT_CONFIG_NOSYSTEM=1
    git init -q origin
    (
        cd origin
        git config user.name seep
        git config user.email seep@localhost
        for i in $(seq 20); do
            seq "$i" 2000 >"file$i"
            git add . && git commit -q -m "$i"
        done
        git gc -q
    )
    git clone -q --no-local "file://$PWD/origin" native
    status_of 0 "$SEEP" run -o a.seep -- git clone -q --no-local "file://$PWD/origin" traced 2>err
    [ "$(git -C traced rev-parse HEAD)" = "$(git -C origin rev-parse HEAD)" ] || fail "another commit"
    git -C traced fsck --strict >fsck.log 2>&1 || fail "fsck: $(cat fsck.log)"
    diff -r -x .git native traced || fail "other files"
    all_told a.seep
    for program in 'git clone' 'git.*upload-pack' 'git.*pack-objects' 'git.*index-pack'; do
        cut -f8 processes | grep -qE -- "$program" || fail "no $program: $(cat processes)"
    done
    [ "$(awk -F'\t' '$4 == "exit" && $5 != 0' processes)" = '' ] || fail "statuses: $(cat processes)"
}
