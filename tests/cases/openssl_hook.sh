# openssl_hook.sh - OpenSSL's file and line of each block, and a program that does not notice.
# shellcheck shell=bash disable=SC2154

# shellcheck source=tests/lib/tls.sh
. "$LIB/tls.sh"
# shellcheck source=tests/lib/nginx.sh
. "$LIB/nginx.sh"

all_json() { # TRACE > JSON
    "$SEEP" report --format json --top 1000000 --stacks 1000000 "$1"
}

# traced OPTIONS PRELOAD COMMAND…: by LD_PRELOAD alone; leaves trace.seep and report.json. PRELOAD: before the library, or +behind it, or -
traced() {
    local options=$1 preload=$LIBSEEP
    case $2 in
    +*) preload="$LIBSEEP ${2#+}" ;;
    -) ;;
    *) preload="$2 $LIBSEEP" ;;
    esac
    shift 2
    rm -f trace.seep books books.child
    LD_PRELOAD=$preload SEEP_OPTIONS="output=$PWD/trace.seep:$options" BOOKS=$PWD/books "$@" >stdout 2>stderr || fail "exit status $?: $(tail -3 stderr)"
    wait_trace trace.seep
    all_json trace.seep >report.json 2>report.err || fail "seep report: exit status $?"
    ! has_warned report.err || fail "seep report: $(head -3 report.err)"
    no_leftovers
}

notes() {
    json report.json '.trace.notes[].text'
}

# books_of FOREIGN: the report has what the program says.
books_of() {
    local books=(books)
    [ ! -e books.child ] || books+=(books.child)
    python3 "$LIB/compare_openssl.py" report.json "$1" "${books[@]}" || fail "the report is wrong"
}

# each_way PROGRAM: with the program's own functions or not, with a child or not.
each_way() {
    traced "" - "$1"
    books_of 50
    [ -z "$(notes)" ] || fail "$(notes)"
    traced "" - "$1" fork
    books_of 50
}

own_ways() {
    traced "" - "$1" own
    books_of 0
    [ -z "$(notes)" ] || fail "$(notes)"
    traced "" - "$1" own fork
    books_of 0
}

case_shared() {
    each_way "$TARGETS/openssl_calls"
    own_ways "$TARGETS/openssl_calls"
}

# As upstream links it: its calls of its own functions reach nobody else.
case_symbolic() {
    each_way "$TARGETS/openssl_calls-symbolic"
    own_ways "$TARGETS/openssl_calls-symbolic"
}

# Inside the program, which exports it. What it sets itself does not come by the symbol: that is said, and nothing is hurt.
case_inside_program() {
    each_way "$TARGETS/openssl_calls-inside"
    traced "" - "$TARGETS/openssl_calls-inside" own
    notes >told
    one_line told '^openssl: .*openssl_calls-inside: allocation functions were set in a way that libseep\.so does not see'
    [ "$(json report.json .totals.allocations)" = 700 ] || fail "not 700 allocations"
    "$SEEP" report trace.seep >text
    has text '^note of [0-9]+: openssl: .*does not see'
}

# Inside the program, and not to be found: as without the hook.
case_hidden_in_program() {
    traced "" - "$TARGETS/openssl_calls-hidden"
    [ "$(json report.json .totals.allocations)" = 750 ] || fail "not 750 allocations"
    [ "$(json report.json '[.sites[].stacks[] | select(.openssl)] | length')" = 0 ] || fail "tags from nowhere"
}

# One block, one event: nothing else changes.
case_nothing_twice() {
    local how
    for how in "" own; do
        # shellcheck disable=SC2086 # none, or one
        traced "" - "$TARGETS/openssl_calls" $how
        json report.json .totals >with
        # shellcheck disable=SC2086
        traced openssl=no - "$TARGETS/openssl_calls" $how
        json report.json .totals >without
        same with without
        [ "$(json report.json '[.sites[].stacks[] | select(.openssl)] | length')" = 0 ] || fail "tags with openssl=no"
    done
    traced openssl=off - "$TARGETS/openssl_calls"
    [ "$(json report.json '[.sites[].stacks[] | select(.openssl)] | length')" = 0 ] || fail "tags with openssl=off"
    traced openssl=perhaps - "$TARGETS/openssl_calls"
    one_line stderr '^seep: SEEP_OPTIONS: openssl wants yes or no, not "perhaps"; ignored$'
}

case_modes() { # 240 s
    local options how
    for options in unwinder=cfi unwinder=libunwind unwinder=verify seccomp=yes limit=1M ring=256K; do
        for how in "" own; do
            # shellcheck disable=SC2086
            traced "$options" - "$TARGETS/openssl_calls" $how
            books_of $((${#how} ? 0 : 50))
            [ $options != unwinder=verify ] || verified trace.seep
        done
    done
}

case_allocators() { # 240 s
    local library lib=/usr/lib/x86_64-linux-gnu how
    for library in $lib/libjemalloc.so.2 $lib/libtcmalloc.so.4 $lib/libmimalloc.so.2 "$TARGETS/lib_layered.so" \
        "$TARGETS/lib_layered_large.so" "$TARGETS/lib_chosen.so"; do
        for how in "" own; do
            # shellcheck disable=SC2086
            traced "" "+$library" "$TARGETS/openssl_calls" $how
            books_of $((${#how} ? 0 : 50))
        done
    done
}

case_sampled() {
    traced sample=2K - "$TARGETS/openssl_calls"
    [ "$(json report.json '[.sites[].stacks[] | select(.openssl | not)] | length')" = 0 ] || fail "stacks without a tag"
    [ "$(json report.json '[.sites[].stacks[].openssl.freed[].blocks] | add')" -gt 0 ] || fail "no frees"
    [ "$(json report.json .totals.samples)" -ge "$(json report.json '[.sites[].stacks[].openssl.freed[].blocks] | add')" ] || fail "more frees than allocations"
}

# What a program is answered that has functions of its own, or would have.
case_answers() { # 240 s
    local how
    for how in early late twice null some_malloc some_realloc zero restore realloc_first given threads errno; do
        "$TARGETS/openssl_set" $how >untraced 2>untraced.err || fail "untraced: exit status $?"
        rm -f trace.seep
        "$SEEP" run -o trace.seep -- "$TARGETS/openssl_set" $how >stdout 2>stderr || fail "$how: exit status $?"
        same untraced stdout
    done
}

# Opened, closed and opened again, by several threads at once.
case_opened() { # 240 s
    local threads
    for threads in 1 4; do
        traced "" - "$TARGETS/openssl_opened" "$TARGETS/libcrypto_symbolic.so" 50 $threads
        python3 "$LIB/openssl_tags.py" report.json >tags
        one_line tags "^$((50 * 20 * threads)) tagged of .*, $((50 * threads)) unreleased, $((50 * 19 * threads)) freed"
        [ "$(cat stdout)" = $((50 * threads)) ] || fail "it said $(cat stdout)"
        [ -z "$(notes)" ] || fail "$(notes)"
        [ "$(json report.json '[.sites[].stacks[].openssl | select(.) | .file, .line] | unique | length')" = 2 ] || fail "other places"
    done
}

# Opened again at the place of the one that is just being closed.
case_opened_while_closed() {
    export REOPENED=$TARGETS/libcrypto_symbolic.so
    traced "" "+$TARGETS/lib_opens_in_dlclose.so" "$TARGETS/openssl_opened" "$REOPENED" 3
    python3 "$LIB/openssl_tags.py" report.json >tags
    one_line tags "^61 tagged of .*, 4 unreleased, 57 freed"
    [ -z "$(notes)" ] || fail "$(notes)"
}

# Functions that are no object's: a script's, made at run time.
case_generated_functions() {
    traced "" - "$PYTHON" -c 'import ctypes
crypto, libc = ctypes.CDLL("libcrypto.so.3"), ctypes.CDLL(None)
pointer, size, text, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_int
libc.malloc.restype, libc.malloc.argtypes = pointer, [size]
libc.realloc.restype, libc.realloc.argtypes = pointer, [pointer, size]
libc.free.restype, libc.free.argtypes = None, [pointer]
functions = (ctypes.CFUNCTYPE(pointer, size, text, number)(lambda n, f, l: libc.malloc(n)),
             ctypes.CFUNCTYPE(pointer, pointer, size, text, number)(lambda p, n, f, l: libc.realloc(p, n)),
             ctypes.CFUNCTYPE(None, pointer, text, number)(lambda p, f, l: libc.free(p)))
print(crypto.CRYPTO_set_mem_functions(*functions))'
    [ "$(cat stdout)" = 1 ] || fail "it said $(cat stdout)"
    notes >told
    one_line told '^openssl: .*libcrypto.*: allocation functions were set in a way that libseep\.so does not see'
}

case_too_late() {
    traced "" - "$TARGETS/openssl_opened" "$TARGETS/libcrypto_symbolic.so" 3 1 late
    notes >told
    one_line told '^openssl: .*libcrypto_symbolic\.so: it had allocated before it could be asked'
    [ "$(json report.json '[.sites[].stacks[] | select(.openssl)] | length')" = 0 ] || fail "tags"
}

# Those that cannot tell, opened or there from the start: nothing is set, and one line says why, however often they are opened.
case_others() { # 240 s
    local kind why
    while read -r kind why; do
        traced "" - "$TARGETS/openssl_opened" "$TARGETS/lib_fake_$kind.so" 3
        notes >told
        one_line told "^openssl: .*lib_fake_$kind\\.so: $why"
        [ "$(cat stdout)" = 3 ] || fail "$kind: it said $(cat stdout)"
        [ "$(json report.json '[.sites[] | select(.module == "'"$TARGETS/lib_fake_$kind.so"'")] | map(.unreleased_blocks) | add')" = 3 ] || fail "$kind: not 3 blocks"
        traced "" "+$TARGETS/lib_fake_$kind.so" "$TARGETS/openssl_opened" "$TARGETS/libcrypto_symbolic.so" 3
        notes >told
        one_line told "^openssl: .*lib_fake_$kind\\.so: $why"
        python3 "$LIB/openssl_tags.py" report.json >tags
        one_line tags '^60 tagged of '
    done <<'KINDS'
ssleay older than OpenSSL 1\.1\.0
libressl LibreSSL takes no allocation functions
awslc AWS-LC tells no file and line
boringssl BoringSSL takes no allocation functions
own_malloc it has an allocator of its own inside
KINDS
}

# tags_of COMMAND…: a real program says the same with and without; its blocks have tags, and go where they came from.
tags_of() {
    local least=$1
    shift
    "$@" >untraced.out 2>untraced.err || fail "untraced: exit status $?"
    traced "" - "$@"
    same untraced.out stdout
    same untraced.err stderr
    [ -z "$(notes)" ] || fail "$(notes)"
    python3 "$LIB/openssl_tags.py" report.json >tags || fail "the report is wrong"
    [ "$(cut -d' ' -f1 tags)" -ge "$least" ] || fail "$(cat tags)"
}

# Opened with RTLD_LOCAL, by a module.
case_python() { # 240 s
    tags_of 1000 "$PYTHON" -c 'import ssl
print(ssl.create_default_context().verify_mode)'
    [ "$(json report.json '[.sites[].stacks[] | select((.openssl.file // "") == "ssl/ssl_lib.c")] | length')" -gt 0 ] || fail "nothing from ssl/ssl_lib.c"
}

# With OpenSSL inside the program, or Debian's with a shared one.
case_node() { # 240 s
    tags_of 1000 node -e 'console.log(require("crypto").createHash("sha256").update("x").digest("hex"))'
}

case_openssl_command() { # 240 s
    tags_of 1000 openssl x509 -in /etc/ssl/certs/ca-certificates.crt -noout -subject
}

# The sums of a folded trace are those of an unfolded one.
case_limit() { # 240 s
    traced "" - "$TARGETS/openssl_calls" random=1200000
    json report.json '[.sites[].stacks[] | [.openssl, .calls, .unreleased_blocks]] | sort' >whole
    traced limit=1M - "$TARGETS/openssl_calls" random=1200000
    [ "$(json report.json .trace.folded.events)" -gt 1000 ] || fail "nothing has been folded"
    json report.json '[.sites[].stacks[] | [.openssl, .calls, .unreleased_blocks]] | sort' >folded
    same whole folded
    python3 "$LIB/openssl_tags.py" report.json >tags
    one_line tags '^1200000 tagged of 1200000 calls, 1000 unreleased, 1199000 freed'
    PYTHONPATH=$LIB python3 -c 'import sys, trace_read; trace_read.account(trace_read.read_trace(sys.argv[1]))' trace.seep
}

# The line stands where no debug information has one, at the function that called OpenSSL's allocator.
case_report() {
    rm -f trace.seep
    "$SEEP" run -o trace.seep -- openssl x509 -in /etc/ssl/certs/ca-certificates.crt -noout -subject >out 2>err
    "$SEEP" report --top 100 --stacks 100 trace.seep >text
    grep -A 3 -E '^ *OPENSSL_sk_new_reserve$|^OPENSSL_sk_new_null$' text >part || fail "no stack"
    has text '^ +at (crypto|ssl|providers)/[a-z0-9_/]+\.c:[0-9]+$'
    has_not text '0x4000'
}

# A TLS server answers as without seep, and each handshake's blocks have tags and go.
case_nginx() { # 240 s
    local port how
    make_certificate
    mkdir html
    seq 20000 >html/file.txt
    for how in untraced traced; do
        port=$(free_port)
        make_nginx "$port" tls 'daemon off; master_process off;'
        if [ $how = traced ]; then
            background server.log "$SEEP" run -o trace.seep -- "${nginx[@]}"
        else
            background server.log "${nginx[@]}"
        fi
        wait_port "$port" "$background_pid"
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            curl -sk --max-time 20 "https://127.0.0.1:$port/file.txt" | cksum
            curl -sk --max-time 20 -o nothing -w '%{http_code}\n' "https://127.0.0.1:$port/none"
        done >$how.answers
        kill -QUIT "$(cat nginx.pid)"
        gone "$background_pid" 20 || fail "nginx does not end"
    done
    same untraced.answers traced.answers
    has_not error.log '\[(crit|alert|emerg)\]'
    all_json trace.seep >report.json
    python3 "$LIB/openssl_tags.py" report.json >tags || fail "the report is wrong"
    [ "$(cut -d' ' -f1 tags)" -gt 10000 ] || fail "$(cat tags)"
    [ "$(json report.json '[.sites[].stacks[] | select((.openssl.file // "") == "ssl/ssl_lib.c" and ([.frames[].function] | index("SSL_new"))) | .unreleased_blocks] | add')" = 0 ] || fail "connections stay"
}
