# openssl_real.sh - programs that lose OpenSSL's objects under real handshakes, and some that do not.
# shellcheck shell=bash disable=SC2154,SC2016

# shellcheck source=tests/lib/tls.sh
. "$LIB/tls.sh"
# shellcheck source=tests/lib/nginx.sh
. "$LIB/nginx.sh"

# A server of pages, on $port.
start_server() {
    make_certificate
    background server.log timeout 60 openssl s_server -accept 127.0.0.1:0 -cert cert.pem -key key.pem -www
    later 10 grep -q '^ACCEPT' server.log
    port=$(sed -n 's/^ACCEPT 127.0.0.1:\([0-9]*\).*/\1/p' server.log)
}

# traced COMMAND…: leaves its stdout in `books`, and the report in both forms.
traced() {
    rm -f trace.seep
    "$SEEP" run -o trace.seep -- "$@" >books 2>err || fail "exit status $?: $(tail -3 err)"
    report_json trace.seep >report.json 2>report.err
    ! has_warned report.err || fail "seep report: $(head -3 report.err)"
    [ "$(json report.json .trace.lost_events)" = 0 ] || fail "$(json report.json .trace.lost_events) events lost"
    "$SEEP" report trace.seep >text
}

# blocks FUNCTION: how many blocks are alive that were allocated below it.
blocks() {
    json report.json "[.sites[].stacks[] | select([.frames[].function] | index(\"$1\")) | .unreleased_blocks] | add // 0"
}

# contexts FUNCTION: "made alive" of the SSL_CTX that were made below it. SSL_CTX_new_ex allocates more than the SSL_CTX itself, which is the largest.
contexts() {
    json report.json "[.sites[].stacks[] | select(.frames[0].function == \"CRYPTO_zalloc\" and .frames[1].function == \"SSL_CTX_new_ex\") |
        select([.frames[].function] | index(\"$1\"))] |
        group_by(.frames[1].offset) | map([(map(.calls) | add), (map(.unreleased_blocks) | add), (map(.allocated_bytes) | add)]) |
        max_by(.[2]) | \"\(.[0]) \(.[1])\""
}

case_certificate_reload() { # 240 s
    make_certificate
    traced "$TARGETS/cert_reload" cert.pem key.pem 100 1
    [ "$(json books .SSL_CTX.alive)" = 100 ] || fail "the program's books: $(cat books)"
    [ "$(contexts reload_certificate)" = '101 100' ] || fail "SSL_CTX made and alive: $(contexts reload_certificate)"
    # The first leak is blamed on who made them.
    sed -n '/^MEMORY LEAKS/,/^PROCESSES/p' text | awk 'NR <= 6' >first
    has first '^  blamed on reload_certificate at '
    has first '^  OpenSSL objects: 100 SSL_CTX, '
    objects_agree
}

case_certificate_reload_fixed() { # 240 s
    make_certificate
    traced "$TARGETS/cert_reload" cert.pem key.pem 100 1 fixed
    [ "$(json books .SSL_CTX.alive)" = 0 ] || fail "the program's books: $(cat books)"
    [ "$(contexts reload_certificate)" = '101 0' ] || fail "SSL_CTX made and alive: $(contexts reload_certificate)"
    # What else was made there and stays is OpenSSL's own, made once.
    [ "$(blocks reload_certificate)" -lt 100 ] || fail "$(blocks reload_certificate) blocks"
    objects_agree
}

objects_agree() {
    python3 "$LIB/openssl_books.py" objects books report.json || fail "the objects are wrong"
}

# Rust, Go and C in one process: each function that loses objects is on the stacks of what it lost, and the numbers are its own.
radio() { # PROGRAM
    traced "$1" "$port" 4
    python3 "$LIB/openssl_books.py" leaked books report.json || fail "the report is wrong"
    # Through Go's code, out of the goroutine or back into Rust.
    json report.json '.sites[].stacks[] | .frames | map(.function // "") | join(" ")' >stacks
    has stacks '_Cfunc_SSL_CTX_new runtime.asmcgocall runtime.cgocall main._Cfunc_SSL_CTX_new main.leakInGo.* main.GoRound.func1 runtime.goexit$'
    has stacks ' main.leakInGo .*main.GoRound .*runtime.cgocallback crosscall2 GoRound radio::main '
    has text '^ *radio::leak_in_rust$'
    has text '^ *main\.leakInGo$'
    has text '^ *leak_in_c$'
    "$SEEP" report --format json --group-by blame trace.seep | jq -r '.sites[] | select(.unreleased_blocks > 0) | .blamed.function' >blamed
    has blamed '^main\.leakInGo(\.func[0-9]+)?$'
    has blamed '^radio::leak_in_rust$'
    has blamed '^leak_in_c$'
    has_not blamed '_Cfunc_|cgocall'
    has_not text '_ZN5radio|_RNvC'
}

case_radio() { # 240 s
    start_server
    radio "$TARGETS/radio"
    has text 'main\.rs:[0-9]+$'
    has text 'radio\.go:[0-9]+$'
    radio "$TARGETS/radio_v0"
}

# Without a symbol table there are no names; the stacks are as they are with one, and a file that has the names gives them.
case_radio_stripped() { # 240 s
    start_server
    strip -o radio "$TARGETS/radio"
    traced ./radio "$port" 4
    has_not text 'leak_in_rust|leakInGo|leak_in_c'
    json report.json '.sites[].stacks[] | select(.frames[1].function == "SSL_new") | .frames | map(.module | sub(".*/"; "")) | join(" ")' >stacks
    has stacks '^libcrypto.so.3 libssl.so.3 radio radio( radio)* libc.so.6'
    mkdir names
    cp "$TARGETS/radio" names/
    "$SEEP" report --debug-dir names --format json --stacks 1000000 trace.seep >report.json
    python3 "$LIB/openssl_books.py" leaked books report.json || fail "the report is wrong"
}

case_radio_calls() { # 240 s
    start_server
    export OPENSSL_CALLS=$PWD/calls
    LD_PRELOAD=$TARGETS/lib_count_openssl.so traced "$TARGETS/radio" "$port" 4
    [ -s calls ] || fail "nothing was counted"
    python3 "$LIB/openssl_books.py" calls calls report.json || fail "the report is wrong"
}

# nginx frees the SSL_CTX of each configuration that it leaves: none may stand among the leaks.
case_nginx_reloads() { # 240 s
    nginx_reloaded 100 true
    report_json trace.seep >report.json 2>report.err
    [ "$(json report.json .trace.complete)" = true ] || fail "the trace is not complete"
    # One for each configuration, all freed but the last at most; a worker that ends has some of its master's, which it never frees.
    case $(contexts ngx_ssl_create) in
    '101 0' | '101 1') ;;
    *) fail "SSL_CTX made and alive: $(contexts ngx_ssl_create)" ;;
    esac
    has_not error.log 'emerg|crit|signal 11|signal 6'
}
