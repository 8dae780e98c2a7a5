# nginx.sh - what cases with nginx share: its configuration, the command for it, many reloads. Needs tls.sh.
# shellcheck shell=bash disable=SC2034,SC2154

# make_nginx PORT plain|tls MAIN [SERVER]: write nginx.conf, for pages in html; lines of MAIN stand outside all blocks, those of SERVER
# within the server. Sets the array nginx: its command. With tls it takes cert.pem and key.pem.
make_nginx() {
    local listen="listen 127.0.0.1:$1;" own="${4:-}" kind
    [ "$2" = plain ] || listen="listen 127.0.0.1:$1 ssl; ssl_certificate $PWD/cert.pem; ssl_certificate_key $PWD/key.pem;"
    {
        printf '%s\npid %s;\nerror_log %s notice;\n' "$3" "$PWD/nginx.pid" "$PWD/error.log"
        printf 'events { worker_connections 512; }\nhttp {\n    access_log off;\n'
        for kind in client_body proxy fastcgi uwsgi scgi; do
            printf '    %s_temp_path %s;\n' $kind "$PWD/temp_$kind"
        done
        printf '    gzip on;\n    gzip_types text/plain;\n'
        printf '    server {\n        %s\n        root %s;\n        %s\n    }\n}\n' "$listen" "$PWD/html" "$own"
    } >nginx.conf
    nginx=(/usr/sbin/nginx -p "$PWD" -e "$PWD/error.log" -c "$PWD/nginx.conf")
}

# How many workers nginx says that it has started so far.
nginx_workers() {
    grep -c 'start worker process [0-9]' error.log || true
}

reached_workers() {
    [ "$(nginx_workers)" -ge "$1" ]
}

# nginx_reloaded N COMMAND…: record nginx with TLS, under load, into trace.seep, and load its configuration N times, each when the one before
# has brought a worker; the command is run behind each.
nginx_reloaded() {
    local port loader wanted n=$1
    shift
    make_certificate
    mkdir html
    echo '<p>hello</p>' >html/index.html
    port=$(free_port)
    make_nginx "$port" tls "daemon off; worker_processes 1; $([ "$(id -u)" != 0 ] || echo 'user root;')" 'keepalive_requests 10;'
    background nginx.log "$SEEP" run -o trace.seep -- "${nginx[@]}"
    wait_port "$port" "$background_pid"
    timeout 200 wrk -t1 -c4 -d180s "https://127.0.0.1:$port/index.html" >wrk.log 2>&1 &
    loader=$!
    for _ in $(seq "$n"); do
        wanted=$(($(nginx_workers) + 1))
        "${nginx[@]}" -s reload 2>>reload.err
        later 10 reached_workers "$wanted"
        "$@"
    done
    kill -INT $loader
    wait $loader || true
    has wrk.log '[0-9]+ requests in'
    kill -QUIT "$(cat nginx.pid)"
    gone "$background_pid" 20 || fail "nginx does not end"
}
