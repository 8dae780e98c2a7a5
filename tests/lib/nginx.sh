# nginx.sh - what cases with nginx share: its configuration, and the command for it.
# shellcheck shell=bash disable=SC2034

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
