# openssl_objects.sh - OpenSSL's objects in the report: how many were made, how many stay, and by whom.
# shellcheck shell=bash disable=SC2154,SC2016

# shellcheck source=tests/lib/tls.sh
. "$LIB/tls.sh"

# traced PROGRAM [fixed]: leaves its books, and the report in both forms.
traced() {
    rm -f trace.seep
    "$SEEP" run -o trace.seep -- "$1" cert.pem key.pem 7 2 "${@:2}" >books 2>err || fail "exit status $?: $(tail -3 err)"
    report_json trace.seep >report.json 2>report.err
    ! has_warned report.err || fail "seep report: $(head -3 report.err)"
    "$SEEP" report trace.seep >text
}

objects_agree() {
    python3 "$LIB/openssl_books.py" objects books report.json || fail "the objects are wrong"
}

object() { # TYPE KEY…
    json report.json ".openssl.objects[] | select(.type == \"$1\") | .$2"
}

# What stays stands in the section, with who made it, and below the leak that it is part of.
case_made_and_kept() {
    make_certificate
    traced "$TARGETS/cert_reload"
    objects_agree
    made=$(json books .SSL_CTX.created)
    has text "^SSL_CTX: $made created, $((made - 7)) freed, 7 alive \([0-9.]+K, with what they own [0-9.]+K\), 0\.00% temporary$"
    has text "^  $made made at ssl/ssl_lib\.c:[0-9]+, [0-9]+ bytes each$"
    has text '^  7 alive from reload_certificate at .*cert_reload\.c:[0-9]+ in .*cert_reload$'
    sed -n '/^MEMORY LEAKS/,/^CRYPTO_/p' text | head -7 >first
    has first '^  blamed on reload_certificate at '
    has first '^  OpenSSL objects: 7 SSL_CTX, '
    [ "$(object SSL_CTX 'alive_from[0] | "\(.function) \(.alive)"')" = 'reload_certificate 7' ] || fail "$(object SSL_CTX alive_from)"
    # The structure and what came with it: not less than the structures, not more than all that stays.
    json report.json '.openssl.objects[] | select(.alive > 0) | select(.held_bytes < .alive_bytes)' >odd
    [ ! -s odd ] || fail "owned less than they are: $(cat odd)"
    [ "$(object SSL_CTX held_bytes)" -le "$(json report.json .totals.unreleased_bytes)" ] || fail "owned more than there is"
    json report.json '[.sites[].openssl_objects.SSL_CTX // 0] | add' >sum
    [ "$(cat sum)" = 7 ] || fail "by site: $(cat sum) SSL_CTX"
}

case_none_kept() {
    make_certificate
    traced "$TARGETS/cert_reload" fixed
    objects_agree
    made=$(json books .SSL_CTX.created)
    has text "^SSL_CTX: $made created, $made freed, 0 alive, 0\.00% temporary$"
    has_not text 'OpenSSL objects: .*SSL_CTX'
}

# OpenSSL inside the program: no library's border tells whose a function is.
case_inside_the_program() {
    make_certificate
    traced "$TARGETS/cert_reload-inside"
    objects_agree
    sed -n '/^MEMORY LEAKS/,/^CRYPTO_/p' text | head -7 >first
    has first '^  blamed on reload_certificate at '
    [ "$(object SSL_CTX 'alive_from[0] | "\(.function) \(.alive)"')" = 'reload_certificate 7' ] || fail "$(object SSL_CTX alive_from)"
}

# Where the creating function is on no stack, file and size tell.
case_other_versions() {
    "$SEEP" run -o trace.seep -- "$TARGETS/openssl_versions" 2>err || fail "exit status $?"
    report_json trace.seep >report.json
    json report.json '.openssl.objects[] | "\(.type) \(.created) \(.freed)"' | sort >found
    printf '%s\n' 'ASN.1 item 2 1' 'SSL 2 1' 'X509 3 1' >wanted
    same found wanted
}

made_by_jumps() { # PROGRAM [own]
    rm -f trace.seep
    "$SEEP" run -o trace.seep -- "$TARGETS/$1" "${@:2}" >books 2>err || fail "exit status $?: $(tail -3 err)"
    report_json trace.seep >report.json
    "$SEEP" report trace.seep >text
    objects_agree
    object X509 'alive_from | map(select(.function == "keep_certificates").alive) | add' >kept
    [ "$(cat kept)" = 18 ] || fail "by keep_certificates: $(object X509 alive_from)"
}

# Functions that end in a jump to another are told by the calls that name them: through the PLT, a slot of the GOT, and inside the program.
case_made_by_jumps() {
    made_by_jumps openssl_jumps
    made_by_jumps openssl_jumps-inside
}

# Functions that the program has given to OpenSSL are neither to blame nor in the way.
case_own_functions() {
    made_by_jumps openssl_jumps own
    [ "$(object X509 'places[0].file')" = crypto/asn1/tasn_new.c ] || fail "$(object X509 places)"
    has text '^  blamed on keep_certificates at '
    has_not text '^  blamed on own_'
}

# Without a word of OpenSSL's the stacks have to do: what one function allocates at several places is told by none.
case_without_tags() {
    make_certificate
    export SEEP_OPTIONS=openssl=no
    traced "$TARGETS/cert_reload"
    for type in SSL EVP_PKEY BIO X509 X509_STORE; do
        json books ".$type.alive" >wanted
        object "$type" alive >found
        same found wanted
    done
    [ "$(object SSL_CTX alive)" -ge 7 ] || fail "$(object SSL_CTX alive) SSL_CTX"
}

# What is not asked of OpenSSL is in no stack.
case_not_asked() {
    "$SEEP" run --no-openssl -o trace.seep -- "$TARGETS/openssl_versions" 2>err || fail "exit status $?"
    report_json trace.seep >report.json
    [ "$(json report.json '[.sites[].stacks[] | select(.openssl)] | length')" = 0 ] || fail "tags with --no-openssl"
    [ "$(json report.json '[.sites[] | select(.function == "CRYPTO_zalloc").calls] | add')" = 8 ] || fail "its allocations are missing"
}

# A program that has nothing to do with it has no such section.
case_without_openssl() {
    "$SEEP" run -o trace.seep -- ls / >/dev/null 2>err || fail "exit status $?"
    "$SEEP" report trace.seep >text
    has_not text 'OPENSSL OBJECTS|OpenSSL objects'
    report_json trace.seep >report.json
    [ "$(json report.json '.openssl | "\(.calls) \(.objects)"')" = '0 []' ] || fail "$(json report.json .openssl)"
}

# More lines and callers than are kept apart while they are added up.
case_many_places() {
    PYTHONPATH=$LIB python3 - <<'PY' || fail "no trace"
import trace_write
w = trace_write.TraceWriter()
w.start()
w.process(0, 42, 1, "/srv/demo", ["demo"])
w.thread(0, 0, 42, "demo")
w.module(1, 0, 0, 0x400000, 0x400000, 0x500000, bytes(range(20)), "/srv/demo")
w.source_file(1, "crypto/asn1/tasn_new.c")
for i in range(21000):
    outer = w.stack(w.stack(0, 0x401000 + i // 7000 * 16), 0x410000 + i % 3500 * 16)
    w.alloc(0, i, w.tag(outer, 1, i % 3000 + 1), 100)
w.end()
open("trace.seep", "wb").write(w.image())
PY
    report_json trace.seep >report.json 2>report.err
    json report.json '.openssl.objects[] | [.type, .created, .alive, (.places | length), (.places | map(.created) | unique | tostring), (.alive_from | length), (.alive_from | map(.alive) | unique | tostring)] | join(" ")' >objects
    one_line objects '^ASN\.1 item 21000 21000 3000 \[7\] 3500 \[6\]$'
    "$SEEP" report trace.seep >text
    has text '^  and 20979 in 2997 other lines or sizes$'
    has text '^  and 20982 alive from 3497 other places$'
}
