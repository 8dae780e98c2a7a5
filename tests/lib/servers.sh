# servers.sh - what cases with whole trees of processes share: a folder that another user can reach, daemons, pages to serve, the report.
# shellcheck shell=bash disable=SC2154,SC2164
#
# What another user must reach lies in a folder of its own in /tmp, with copies of seep.

# in_place USER: go to a folder of USER's that everybody can read, with copies of seep; `as_user` then runs commands as USER.
in_place() {
    run_as=()
    daemon_pids=
    place=$(mktemp -d /tmp/seep-case-XXXXXX)
    case_folder=$PWD
    trap leave_place EXIT
    cp "$SEEP" "$LIBSEEP" "$BUILD/seep-collect" "$place/"
    SEEP=$place/seep
    mkdir "$place/run"
    chmod 755 "$place" "$place/run" "$place"/seep* "$place/libseep.so"
    cd "$place/run"
    if [ "$1" != "$(id -un)" ]; then
        chown "$1" .
        run_as=(setpriv "--reuid=$1" "--regid=$(id -g "$1")" --clear-groups env "HOME=$PWD")
    fi
}

# Daemons are nobody's children, and their ids may be another's by now: what is ours has the place in its command line.
end_daemons() {
    local pid child
    for pid in $daemon_pids; do
        if tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$place"; then
            for child in $(pgrep -P "$pid"); do
                kill -KILL "$child" 2>/dev/null || true
            done
            kill -KILL "$pid" 2>/dev/null || true
        fi
    done
}

leave_place() {
    end_daemons
    end_of_case
    cd "$case_folder"
    # What a failure needs for being understood; nothing of it is large.
    cp "$place"/run/*.log "$place"/run/*.json "$place"/run/*err* "$place"/run/*.seep "$place"/run/processes . 2>/dev/null || true
    rm -rf "$place"
}

in_place_of_ours() {
    in_place "$(id -un)"
}

in_place_of_nobody() {
    [ "$(id -u)" = 0 ] || skip "only root can become another user"
    in_place nobody
}

as_user() {
    "${run_as[@]}" "$@"
}

# listening PORT LOG: until a process answers there that may be nobody's child.
listening() {
    local n=200
    until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
        n=$((n - 1))
        [ $n -gt 0 ] || fail "nobody listens on port $1: $(tail -3 "$2")"
        sleep 0.05
    done
}

lines() { # FILE REGEX N: at least so many
    [ "$(grep -cE -- "$2" "$1")" -ge "$3" ]
}

# all_told TRACE [UNTRACED]: complete, no event lost, no fact but so many children without the right to a ring, an end for each
# process, and no file but the trace.
all_told() {
    wait_trace "$1"
    "$SEEP" report --format json --top 0 "$1" >report.json 2>report.err || fail "seep report: exit status $?"
    json report.json '.processes[] | [.pid, .ppid, .origin, .end, .exit, .end_seconds, .totals.allocations, .command] | @tsv' >processes
    [ "$(json report.json .trace.lost_events)" = 0 ] || fail "$(json report.json .trace.lost_events) events lost"
    [ -z "$(json report.json '.processes[].coverage | select(.share != null and .share < 0.95)')" ] || fail "$(json report.json '.processes[].coverage')"
    json report.json ".trace.lost[] | select(.count != (if .kind == \"untraced-forks\" then ${2:-0} else 0 end))" >facts.json
    [ ! -s facts.json ] || fail "facts: $(tr -d '\n' <facts.json)"
    [ "$(json report.json '[.processes[] | select(.end_seconds == null)] | length')" = 0 ] || fail "processes without an end: $(cat processes)"
    [ -z "$(find . -name '*.ring*')" ] || sleep 2
    [ "$(find . -name '*.ring*' -o -name '*.seep*' | sort)" = "./$1" ] || fail "files: $(find . -name '*.ring*' -o -name '*.seep*')"
}

# they_are_all_there PIDS…: each is in the report.
they_are_all_there() {
    local pid
    [ $# -gt 0 ] || fail "no process is known to have been"
    for pid in "$@"; do
        cut -f1 processes | grep -qx "$pid" || fail "process $pid is not in the report: $(cat processes)"
    done
}

end_of() { # PID: "how value" as the report has it
    json report.json "[.processes[] | select(.pid == $1)] | last | \"\(.end) \(.exit)\""
}

# ended_by_kill PID: SIGKILL, or not known how: whether it can be told depends on who asks first.
ended_by_kill() {
    case $(end_of "$1") in
    'signal -9' | 'null null') ;;
    *) fail "process $1 was killed, but: $(end_of "$1")" ;;
    esac
}

# ---- pages ----

fetch() { # PORT PATH…: status and checksum of what the server says
    local port=$1 path
    shift
    for path in "$@"; do
        curl -s --max-time 20 --compressed -o body -w "$path %{http_code} " "http://127.0.0.1:$port$path" || fail "no answer: $path"
        cksum <body
    done
}

load() { # PORT SECONDS
    timeout 30 wrk -t1 -c16 "-d${2}s" "http://127.0.0.1:$1/index.html" >>wrk.log 2>&1
}

html() {
    mkdir html
    echo '<p>hello</p>' >html/index.html
    seq 100000 >html/big.txt
    chmod -R a+rX html
}
