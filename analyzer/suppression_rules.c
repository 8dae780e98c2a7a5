/* suppression_rules.c - see suppression_rules.h. */
#include "suppression_rules.h"

#include <stdlib.h>
#include <string.h>

#include "diag.h"

/* A family of rules that differ in the function that allocates. */
struct builtin_rule {
    const char *why;    /* one line */
    const char *leaves; /* functions, separated by '|'; NULL = any of the module */
    const char *module; /* that they are in */
    const char *frames; /* what follows, one a line */
};

#define LIBC  "*/libc.so.*"
#define LD_SO "*/ld-*.so.*"

static const struct builtin_rule builtin_rules[] = {
    /* ld.so */
    {"ld.so: what it keeps of libraries while they are loaded, and of threads: their dtv (where a thread finds its "
     "thread-local variables) stays with the stack, "
     "for the next thread",
     NULL, LD_SO, ""},
    /* libc */
    {"libc: what nsswitch.conf says, read at the first look-up of a user, host or the like",
     "__nss_module_allocate|__nss_action_allocate|global_state_allocate", LIBC, ""},
    {"libc: the buffer of a function that returns a pointer to its own memory",
     "getpwnam|getpwuid|getgrnam|getgrgid|gethostbyname|gethostbyname2|gethostbyaddr|getservbyname|getservbyport|"
     "getprotobyname|"
     "getprotobynumber",
     LIBC, ""},
    {"libc: which kinds of addresses this machine has, read at the first getaddrinfo()", "__check_pf", LIBC, ""},
    {"libc: locales are read once and kept",
     "_nl_intern_locale_data|_nl_make_l10nflist|_nl_load_locale_from_archive|read_alias_file|new_composite_name", LIBC, ""},
    {"libc: the name of the locale that setlocale() has set", "strdup", LIBC, "fun:setlocale obj:" LIBC},
    {"libc: the name of a character set, kept with the locale", "strndup", LIBC, "fun:_nl_find_locale obj:" LIBC},
    {"libc: where translations are, as bindtextdomain() was told", "set_binding_values", LIBC, ""},
    {"libc: how to convert between character sets",
     "__wcsmbs_load_conv|__gconv_lookup_cache|__gconv_read_conf|__gconv_load_cache", LIBC, ""},
    {"libc: the time zone, read once", "__tzfile_read|__tzstring_len", LIBC, ""},
    {"libc: the name of the time zone", "strdup", LIBC, "fun:tzset_internal obj:" LIBC},
    {"libc: functions that atexit() was given, where they are more than 32", "__new_exitfn", LIBC, ""},
    /* C++ */
    {"libstdc++: 72704 bytes to throw std::bad_alloc from, allocated before main", NULL, "*/libstdc++.so.*", "obj:" LD_SO},
    {"libstdc++, linked statically: the same", "_GLOBAL__sub_I_eh_alloc.cc", "*", ""},
    /* OpenSSL */
    {"OpenSSL: what it sets up once, and frees only in a process that ends by exit()", NULL, "*/libcrypto.so.*",
     "...\nfun:OPENSSL_init_crypto obj:*/libcrypto.so.*"},
    {"OpenSSL: the same, of libssl", NULL, "*/libcrypto.so.*", "...\nfun:OPENSSL_init_ssl obj:*/libssl.so.*"},
    /* JVM */
    {"JVM: heap, tables and stubs that it sets up before any Java code runs, and never gives back", NULL, "*/libjvm.so",
     "...\nfun:init_globals() obj:*/libjvm.so"},
    {"JVM: the same, earlier", NULL, "*/libjvm.so", "...\nfun:vm_init_globals() obj:*/libjvm.so"},
    {"JVM: its global objects", NULL, "*/libjvm.so", "...\nfun:_GLOBAL__sub_I_* obj:*/libjvm.so"},
    {"JVM: tables of file descriptors of its network library, allocated when that is loaded", NULL, "*/libnet.so",
     "obj:" LD_SO},
};

enum { N_BUILTIN_RULES = sizeof builtin_rules / sizeof builtin_rules[0] };

static void print_block(FILE *f, const struct builtin_rule *rule, const char *leaf, size_t n_leaf) {
    fputs("{\n    ", f);
    if (n_leaf) {
        fprintf(f, "%.*s: %.*s", (int)strcspn(rule->why, ":,"), rule->why, (int)n_leaf, leaf);
    } else {
        fputs(rule->why, f);
    }
    fputs("\n    Memcheck:Leak\n    ", f);
    if (n_leaf) {
        fprintf(f, "fun:%.*s ", (int)n_leaf, leaf);
    }
    fprintf(f, "obj:%s\n", rule->module);
    for (const char *frame = rule->frames; *frame;) {
        size_t n = strcspn(frame, "\n");
        fprintf(f, "    %.*s\n", (int)n, frame);
        frame += n + (frame[n] != '\0');
    }
    fputs("}\n", f);
}

static void print_rule(FILE *f, const struct builtin_rule *rule) {
    fprintf(f, "# %s\n", rule->why);
    const char *leaf = rule->leaves ? rule->leaves : "";
    do {
        size_t n = strcspn(leaf, "|");
        print_block(f, rule, leaf, n);
        leaf += n + (leaf[n] == '|');
    } while (*leaf);
}

void suppression_rules_print_builtin(FILE *f) {
    fputs("# seep's own rules: what systems keep for the life of a process. See seep(1), SUPPRESSIONS.\n", f);
    for (size_t i = 0; i < N_BUILTIN_RULES; i++) {
        fputc('\n', f);
        print_rule(f, &builtin_rules[i]);
    }
}

/* They go the way of any file, so that what is printed is what counts. */
void suppression_rules_add_builtin(struct suppression_rules *rules) {
    char *text = NULL;
    size_t n = 0, first = rules->n_rules;
    const char *error;
    FILE *f = open_memstream(&text, &n);
    if (!f) {
        diag_warning("no memory for the built-in suppressions");
        return;
    }
    suppression_rules_print_builtin(f);
    if (fclose(f) == 0 && suppression_rules_parse(rules, text, n, "built-in", &error) != 0) {
        diag_warning("built-in suppressions: %s", error);
    }
    for (size_t i = first; i < rules->n_rules; i++) {
        rules->rules[i].line = 0;
    }
    free(text);
}
