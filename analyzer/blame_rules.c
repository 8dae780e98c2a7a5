/* blame_rules.c - see blame_rules.h. */
#include "blame_rules.h"

#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "function_name.h"
#include "text.h"

/* A family of functions. */
struct function_rule {
    const char *patterns; /* separated by '|' */
    enum function_kind kind;
    bool is_rust; /* Rust has std:: and core:: as well: told apart by the mangling */
};

#define WRAPPERS(patterns)                                                                                                 \
    { patterns, FUNCTION_WRAPPER, false }
#define TEMPLATES(patterns)                                                                                                \
    { patterns, FUNCTION_TEMPLATE, false }
#define RUST_WRAPPERS(patterns)                                                                                            \
    { patterns, FUNCTION_WRAPPER, true }
#define RUST_TEMPLATES(patterns)                                                                                           \
    { patterns, FUNCTION_TEMPLATE, true }
#define OPENSSL_WRAPPERS(patterns)                                                                                         \
    { patterns, FUNCTION_CRYPTO, false }
#define OPENSSL_OTHERS(patterns)                                                                                           \
    { patterns, FUNCTION_OPENSSL, false }

/* A line a rule, and where its names are from. */
/* clang-format off */
static const struct function_rule function_rules[] = {
    /* C++. Forms of operator new differ in parameters only; a class may have its own. std:: is all of it: a container, a string or a
     * stream is whose who has it. libc++'s is std::__1 */
    WRAPPERS("operator new|operator new[]|*::operator new|*::operator new[]"),
    TEMPLATES("std::*|__gnu_cxx::*"),
    WRAPPERS("__cxa_allocate_*exception|__cxa_get_globals"), /* Itanium C++ ABI: throw */
    TEMPLATES("boost::container::*|boost::unordered::*"), /* Boost.Container, Boost.Unordered */
    TEMPLATES("boost::make_shared<*|boost::allocate_shared<*"), /* Boost.SmartPtr */
    TEMPLATES("absl::*container_internal::*"), /* Abseil: its hash tables */
    TEMPLATES("QTypedArrayData<*"), /* Qt: qarraydata.h */
    WRAPPERS("QArrayData::*|QListData::*|QHashData::*"), /* Qt: qarraydata.cpp, qlist.cpp, qhash.cpp */

    /* Go: what cgo puts between a function and the C that it calls (cmd/cgo, runtime/cgocall.go) */
    WRAPPERS("_cgo_*_Cfunc_*|runtime.asmcgocall|runtime.cgocall|*._Cfunc_*|*._cgo_cmalloc"),

    /* Rust */
    RUST_WRAPPERS("__rust_*alloc*|__rg_*alloc*|__rdl_*alloc*|__rustc*::__r*alloc*"), /* shims; mangled since 1.87 */
    WRAPPERS("__rust_*alloc*|__rg_*alloc*|__rdl_*alloc*"), /* shims, before */
    RUST_TEMPLATES("alloc::*|<alloc::*|<* as alloc::*"), /* liballoc: alloc::alloc, RawVec, Vec, String, Box; traits */
    RUST_TEMPLATES("core::*|<core::*|<? as core::*|<&* as core::*|<[*] as core::*"), /* libcore: closures, iterators */
    RUST_TEMPLATES("<str as core::*|<bool as core::*|<char as core::*|<f32 as core::*|<f64 as core::*|<usize as core::*|<isize as core::*"), /* and formats */
    RUST_TEMPLATES("<u8 as core::*|<u16 as core::*|<u32 as core::*|<u64 as core::*|<u128 as core::*"),
    RUST_TEMPLATES("<i8 as core::*|<i16 as core::*|<i32 as core::*|<i64 as core::*|<i128 as core::*"),
    RUST_TEMPLATES("std::*|<std::*"), /* libstd: collections, thread, io */
    RUST_TEMPLATES("hashbrown::*|<hashbrown::*"), /* what std's HashMap is made of */

    /* OpenSSL, BoringSSL, AWS-LC: crypto/mem.c, mem_sec.c, stack, lhash, buffer; then, where they are linked into a program, their
     * other functions: public ones, and internal ones of names that hardly anybody else would take */
    OPENSSL_WRAPPERS("CRYPTO_*|OPENSSL_*|BUF_MEM_*|BUF_*dup"),
    OPENSSL_OTHERS("SSL_*|TLS_*|DTLS_*|BIO_*|EVP_*|X509*|ASN1_*|BN_*|PEM_*|RSA_*|EC_*|ECDSA_*|ECDH_*|DH_*|DSA_*|PKCS*"),
    OPENSSL_OTHERS("ENGINE_*|ERR_*|CONF_*|NCONF_*|OBJ_*|RAND_*|HMAC_*|CMAC_*|OCSP_*|CMS_*|GENERAL_NAME*|OSSL_*|d2i_*|i2d_*"),
    OPENSSL_OTHERS("CBB_*|CBS_*|WPACKET_*|ossl_*|evp_*|x509_*|asn1_*|bn_*|ssl3_*|tls1_*|tls13_*|dtls1_*|state_machine*"),
    OPENSSL_OTHERS("tls_construct_*|tls_process_*|tls_parse_*|tls_post_*|ssl_cert_*|ssl_create_*|ssl_get_*sess*|ssl_load_*"),

    /* GLib */
    WRAPPERS("g_malloc*|g_try_malloc*|g_realloc*|g_try_realloc*|g_aligned_alloc*|g_slice_*"), /* gmem.c, gslice.c */
    WRAPPERS("g_memdup*|g_strdup*|g_strndup|g_strnfill|g_strconcat|g_strjoin*|g_strsplit*|g_vasprintf|g_build_*"), /* gstrfuncs.c */
    WRAPPERS("g_string_*|g_array_*|g_ptr_array_*|g_byte_array_*|g_bytes_new*"), /* gstring.c, garray.c, gbytes.c */
    WRAPPERS("g_list_*|g_slist_*|g_queue_*|g_hash_table_*|g_tree_*"), /* glist.c, ghash.c, gtree.c */
    WRAPPERS("g_object_new*|g_type_create_instance"), /* gobject.c: an instance is its maker's */

    /* APR and httpd */
    WRAPPERS("apr_palloc*|apr_pcalloc*|apr_pool_create*|apr_allocator_*|allocator_alloc"), /* memory/unix/apr_pools.c */
    WRAPPERS("apr_pstr*|apr_pmemdup|apr_psprintf|apr_pvsprintf|apr_array_*|apr_table_*|apr_hash_*"), /* strings, tables */
    WRAPPERS("apr_bucket_alloc*|ap_malloc|ap_calloc|ap_realloc|ap_strdup"), /* buckets; httpd's server/util.c */

    /* CPython: Objects/obmalloc.c, object.c, typeobject.c, Modules/gcmodule.c */
    WRAPPERS("PyMem_*|_PyMem_*|PyObject_*lloc|_PyObject_*lloc|pymalloc_*alloc|new_arena"),
    WRAPPERS("PyObject_GC_*|_PyObject_GC_*|gc_alloc|_PyObject_New*|PyType_GenericAlloc|_PyType_Alloc*"),

    /* JVM (HotSpot): os.cpp, allocation.cpp, arena.cpp, unsafe.cpp */
    WRAPPERS("os::malloc|os::realloc|os::strdup*|AllocateHeap|ReallocateHeap|CHeapObj*|resource_*allocate_bytes"),
    WRAPPERS("ChunkPool::allocate*|Arena::grow|Arena::Amalloc*|ArrayAllocator<*"),
    WRAPPERS("Unsafe_AllocateMemory0|Unsafe_ReallocateMemory0"),

    /* Programs and libraries of their own ways */
    WRAPPERS("xmalloc*|xcalloc|xrealloc*|xzalloc|xmemdup*|xstrdup|xstrndup|xasprintf|xvasprintf"), /* libiberty, many */
    WRAPPERS("xnmalloc|xnrealloc|x2realloc|x2nrealloc|xpalloc|xcharalloc|ximalloc"), /* gnulib: xmalloc.c, xalloc.h */
    WRAPPERS("ggc_internal_*alloc*|ggc_alloc*|ggc_realloc|ggc_str*dup*"), /* GCC: ggc-page.cc, ggc-common.cc */
    WRAPPERS("do_xmalloc|strbuf_grow"), /* git: wrapper.c, strbuf.c */
    WRAPPERS("safe_*alloc*|safe_str*dup|checked_*alloc*"), /* many */
    WRAPPERS("zmalloc*|zcalloc*|zrealloc*|ztry*alloc*|zstrdup"), /* redis: zmalloc.c */
    WRAPPERS("sdsnew*|_sdsnewlen|sdsdup|sdsempty|sdscat*|sdsMakeRoomFor*|_sdsMakeRoomFor*"), /* redis: sds.c */
    WRAPPERS("ngx_alloc|ngx_calloc|ngx_memalign|ngx_palloc*|ngx_pcalloc|ngx_pnalloc|ngx_pmemalign"), /* nginx: ngx_alloc.c, ngx_palloc.c */
    WRAPPERS("ngx_create_pool|ngx_pstrdup|ngx_array_*|ngx_list_create|ngx_list_push"), /* nginx: src/core */
    WRAPPERS("ngx_create_temp_buf|ngx_create_chain_of_bufs|ngx_alloc_chain_link"), /* nginx: ngx_buf.c */
    WRAPPERS("palloc*|repalloc*|pstrdup|pnstrdup|psprintf|MemoryContextAlloc*|MemoryContextStrdup|MemoryContextCreate"), /* PostgreSQL: mcxt.c */
    WRAPPERS("AllocSet*|GenerationAlloc*|GenerationContextCreate|Slab*Alloc*|SlabContextCreate|Bump*Alloc*|BumpContextCreate"), /* aset.c, generation.c, slab.c, bump.c */
    WRAPPERS("pg_malloc*|pg_realloc*|pg_strdup|guc_malloc|guc_strdup"), /* PostgreSQL: fe_memutils.c, guc.c */
    WRAPPERS("makeStringInfo|initStringInfo|enlargeStringInfo|appendStringInfo*|appendBinaryStringInfo*"), /* stringinfo.c */
    WRAPPERS("av_malloc*|av_calloc|av_realloc*|av_fast_*alloc*|av_strdup|av_strndup|av_memdup|av_buffer_*alloc*"), /* FFmpeg: mem.c, buffer.c */
    WRAPPERS("sqlite3Malloc*|sqlite3_malloc*|sqlite3Realloc*|sqlite3_realloc*|sqlite3Mem*alloc|sqlite3PageMalloc"), /* SQLite: malloc.c, mem1.c */
    WRAPPERS("sqlite3Db*alloc*|sqlite3DbStr*Dup|mallocWithAlarm|dbMallocRawFinish|dbReallocFinish|pcache1Alloc*"), /* malloc.c, pcache1.c */
    WRAPPERS("xmlMem*lloc*|xmlMallocLoc|xmlReallocLoc|xmlStrdup|xmlStrndup|xmlMemoryStrdup"), /* libxml2: xmlmemory.c, xmlstring.c */
    WRAPPERS("Curl_*dup*|Curl_saferealloc|curl_db*alloc"), /* curl: strdup.c, memdebug.c */
    WRAPPERS("Perl_safesys*alloc|Perl_savepv*|Perl_sv_grow*|Perl_more_bodies"), /* perl: util.c, sv.c */
    WRAPPERS("ruby_x*alloc*|rb_x*alloc*|objspace_x*alloc*|ruby_strdup"), /* Ruby: gc.c, util.c */
    WRAPPERS("_emalloc*|_ecalloc*|_erealloc*|_safe_*alloc*|_estr*dup|__zend_*alloc"), /* PHP: zend_alloc.c */
    WRAPPERS("l_alloc|luaM_*"), /* Lua: lauxlib.c, lmem.c */
    WRAPPERS("my_malloc|my_realloc|my_strdup|my_strndup|my_memdup|my_multi_malloc*"), /* MySQL, MariaDB: my_malloc.c */
    WRAPPERS("alloc_root|multi_alloc_root|strdup_root"), /* MySQL, MariaDB: my_alloc.c */
    WRAPPERS("isc_mem_*|isc__mem_*"), /* BIND: lib/isc/mem.c */
    WRAPPERS("ats_*alloc|ats_memalign|_xstrdup"), /* Traffic Server: ink_memory.cc */
    WRAPPERS("__gmp_default_*"), /* GMP: memory.c */
    WRAPPERS("je_*alloc*|tc_*alloc*|tc_new*|mi_*alloc*|mi_new*|mi_*strdup"), /* jemalloc, tcmalloc, mimalloc, linked in */
};
/* clang-format on */

struct module_rule {
    const char *patterns; /* as above */
    enum module_kind kind;
};

/* clang-format off */
static const struct module_rule module_rules[] = {
    {"libc.so.*|ld-linux*.so.*|libpthread.so.*|libdl.so.*|librt.so.*", MODULE_LIBC}, /* glibc */
    {"libc-2.*.so|ld-2.*.so|libpthread-2.*.so|libdl-2.*.so|librt-2.*.so", MODULE_LIBC}, /* before 2.34 */
    {"libresolv.so.*|libresolv-2.*.so|libnss_*.so*", MODULE_LIBC}, /* glibc: what getaddrinfo and getpwnam call */
    {"libstdc++.so.*|libc++.so.*|libc++abi.so.*|libgcc_s.so.*", MODULE_SKIPPED}, /* C++'s runtimes */
    {"libcrypto.so*|libssl.so*|libcrypto-*.so*|libssl-*.so*|libtls.so.*", MODULE_SKIPPED}, /* OpenSSL, LibreSSL */
    {"*/ossl-modules/*.so|*/engines-*/*.so", MODULE_SKIPPED}, /* OpenSSL's providers and engines */
    {"libgnutls*.so*|libtasn1.so*|libp11-kit.so*|libnettle.so*|libhogweed.so*|libgmp.so*", MODULE_SKIPPED}, /* GnuTLS, what it is made of */
    {"libgcrypt.so*|libgpg-error.so*", MODULE_SKIPPED}, /* Libgcrypt */
    {"libnss3.so*|libnssutil3.so*|libssl3.so*|libsmime3.so*|libsoftokn3.so*|libfreebl*3.so*", MODULE_SKIPPED}, /* NSS */
    {"libnspr4.so*|libplc4.so*|libplds4.so*", MODULE_SKIPPED}, /* NSPR */
    {"libmbedtls*.so*|libmbedcrypto*.so*|libmbedx509*.so*|libwolfssl*.so*|libs2n.so*", MODULE_SKIPPED}, /* Mbed TLS, wolfSSL, s2n */
    {"libjemalloc*.so*|libtcmalloc*.so*|libmimalloc*.so*", MODULE_SKIPPED}, /* allocators */
};
/* clang-format on */

static struct name_part whole(const char *text) {
    return (struct name_part){.start = text, .n = strlen(text)};
}

/* Whether a text is what one of several patterns says. */
static bool matches_any(const char *patterns, struct name_part text) {
    for (;; patterns++) {
        size_t n = strcspn(patterns, "|");
        if (name_matches((struct name_part){.start = patterns, .n = n}, text)) {
            return true;
        }
        patterns += n;
        if (!*patterns) {
            return false;
        }
    }
}

bool blame_is_template_file(const char *file) {
    /* libstdc++ and libc++; Rust's own builds and distributions' */
    return matches_any("*/include/c++/*|/rustc/*/library/*|*/rustc-*/library/*", whole(file));
}

static int add(const char ***patterns, size_t *n, size_t *cap, const char *pattern) {
    if (!*pattern) {
        return -1;
    }
    *patterns = xgrow(*patterns, *n, cap, sizeof **patterns);
    (*patterns)[(*n)++] = pattern;
    return 0;
}

int blame_rules_add_wrapper(struct blame_rules *rules, const char *pattern) {
    return add(&rules->wrappers, &rules->n_wrappers, &rules->cap_wrappers, pattern);
}

int blame_rules_add_module(struct blame_rules *rules, const char *pattern) {
    return add(&rules->modules, &rules->n_modules, &rules->cap_modules, pattern);
}

void blame_rules_free(struct blame_rules *rules) {
    free(rules->wrappers);
    free(rules->modules);
    *rules = (struct blame_rules){0};
}

static bool is_added_wrapper(const struct blame_rules *rules, struct name_part bare, const char *name, const char *symbol) {
    for (size_t i = 0; i < rules->n_wrappers; i++) {
        struct name_part pattern = whole(rules->wrappers[i]);
        struct name_part raw = {.start = symbol, .n = symbol ? strcspn(symbol, "@") : 0};
        if (name_matches(pattern, bare) || name_matches(pattern, whole(name)) || (symbol && name_matches(pattern, raw))) {
            return true;
        }
    }
    return false;
}

enum function_kind blame_function_kind(const struct blame_rules *rules, const char *name, const char *symbol) {
    struct name_part bare = function_bare_name(name);
    bool is_rust = symbol && function_is_rust(symbol);
    if (is_added_wrapper(rules, bare, name, symbol)) {
        return FUNCTION_WRAPPER;
    }
    for (size_t i = 0; i < sizeof function_rules / sizeof function_rules[0]; i++) {
        const struct function_rule *rule = &function_rules[i];
        if (rule->is_rust == is_rust && matches_any(rule->patterns, bare)) {
            return rule->kind;
        }
    }
    return FUNCTION_OTHER;
}

/* What of a path a pattern is held against. The kernel names a file that is gone "PATH (deleted)". */
static struct name_part module_part(const char *pattern, const char *path) {
    static const char deleted[] = " (deleted)";
    struct name_part part = whole(strchr(pattern, '/') ? path : text_base_name(path));
    size_t n_deleted = sizeof deleted - 1;
    if (part.n > n_deleted && strcmp(part.start + part.n - n_deleted, deleted) == 0) {
        part.n -= n_deleted;
    }
    return part;
}

enum module_kind blame_module_kind(const struct blame_rules *rules, const char *path) {
    for (size_t i = 0; i < rules->n_modules; i++) {
        if (name_matches(whole(rules->modules[i]), module_part(rules->modules[i], path))) {
            return MODULE_SKIPPED;
        }
    }
    for (size_t i = 0; i < sizeof module_rules / sizeof module_rules[0]; i++) {
        if (matches_any(module_rules[i].patterns, module_part(module_rules[i].patterns, path))) {
            return module_rules[i].kind;
        }
    }
    return MODULE_OTHER;
}
