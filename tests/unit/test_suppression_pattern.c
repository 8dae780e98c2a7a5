/* test_suppression_pattern.c - patterns of suppression files. What LeakSanitizer itself says of them is suppressions.same_as_leak_sanitizer's. */
#include "suppression_pattern.h"

#include <stdlib.h>
#include <string.h>

#include "suppression_file.h"
#include "tap.h"

/* LeakSanitizer's own algorithm once more, from its source, on a copy that it may write to. */
static bool matches_plainly(const char *pattern, const char *name) {
    char copy[64], *t = copy;
    bool is_first = false, is_any = false;
    if (!*name) {
        return false;
    }
    snprintf(copy, sizeof copy, "%s", pattern);
    if (*t == '^') {
        is_first = true;
        t++;
    }
    while (t && *t) {
        if (*t == '*') {
            t++;
            is_first = false;
            is_any = true;
            continue;
        }
        if (*t == '$') {
            return *name == '\0' || is_any;
        }
        if (*name == '\0') {
            return false;
        }
        char *next = strpbrk(t, "*$"), mark = next ? *next : '\0';
        if (next) {
            *next = '\0';
        }
        const char *found = strstr(name, t);
        if (!found || (is_first && found != name)) {
            return false;
        }
        name = found + strlen(t);
        t = next;
        if (next) {
            *next = mark;
        }
        is_first = is_any = false;
    }
    return true;
}

static void word(unsigned number, const char *alphabet, char *out) {
    size_t n_letters = strlen(alphabet), n = 0;
    for (; number; number /= (unsigned)n_letters + 1) {
        unsigned letter = number % ((unsigned)n_letters + 1);
        if (letter) {
            out[n++] = alphabet[letter - 1];
        }
    }
    out[n] = '\0';
}

/* All patterns of up to 6 bytes against all names of up to 6. */
static void check_all_short_ones(void) {
    enum { PATTERNS = 15625, NAMES = 729 };
    unsigned n_wrong = 0, n_matches = 0;
    for (unsigned i = 0; i < PATTERNS; i++) {
        char pattern[16], name[16];
        word(i, "ab*^", pattern);
        for (char *c = pattern; i % 3 == 0 && *c; c++) {
            *c = *c == '^' ? '$' : *c;
        }
        for (unsigned k = 0; k < NAMES; k++) {
            word(k, "ab", name);
            bool want = matches_plainly(pattern, name);
            n_wrong += suppression_template_matches(pattern, name) != want;
            n_matches += want;
        }
    }
    tap_ok(n_wrong == 0 && n_matches > 100000, "all short patterns and names, as in LeakSanitizer's source");
}

/* What is asked first must never turn a match away. */
static void check_grams(void) {
    unsigned n_wrong = 0, n_matches = 0, n_kept = 0, n = 300000;
    srand(5);
    for (unsigned i = 0; i < n; i++) {
        char name[24], pattern[24];
        size_t n_name = 1 + (size_t)(rand() % 20), from = (size_t)rand() % n_name,
               length = (size_t)rand() % (n_name - from + 1);
        for (size_t k = 0; k < n_name; k++) {
            name[k] = (char)('a' + rand() % 3);
        }
        name[n_name] = '\0';
        memcpy(pattern, name + from, length);
        pattern[length] = '\0';
        if (length && rand() % 2) {
            pattern[(size_t)rand() % length] = "*^$b"[rand() % 4];
        }
        struct text_grams has = text_grams_of(name);
        const char *text = pattern + (*pattern == '^');
        struct text_grams needed = text_grams_needed(text, strcspn(text, "$"), "*");
        bool is_match = suppression_template_matches(pattern, name), is_kept = text_grams_has(&has, &needed);
        n_wrong += is_match && !is_kept;
        n_matches += is_match;
        n_kept += is_kept;
    }
    tap_ok(n_wrong == 0 && n_matches > n / 4 && n_kept < n, "groups of three bytes turn no match away");
}

static void check_parse(const char *what, const char *text, uint32_t bad_line, size_t n_rules, size_t n_items) {
    struct suppression_rules rules = {0};
    const char *error = NULL;
    uint32_t line = suppression_rules_parse(&rules, text, strlen(text), "file", &error);
    if (!tap_ok(line == bad_line && (error != NULL) == (line != 0) && rules.n_rules == n_rules && rules.n_items == n_items,
                what)) {
        printf("# line %u, %zu rules, %zu items: %s\n", line, rules.n_rules, rules.n_items, error ? error : "");
    }
    suppression_rules_free(&rules);
}

int main(void) {
    check_all_short_ones();
    check_grams();
    check_parse("nothing", "", 0, 0, 0);
    check_parse("one line without its end", "leak:a", 0, 1, 2);
    check_parse("CRLF, comments, a rule twice", "\r\n#\r\nleak:a\r\nleak:a\r\n", 0, 2, 4);
    check_parse("no pattern", "leak:a\nleak:", 2, 1, 2);
    check_parse("a block with spaces, and a line behind it",
                "{ \n n \n Memcheck:Leak \n fun:a \n ... \n obj:b \n } \n leak:c", 0, 2, 5);
    check_parse("two tools", "{\nn\nMemcheck,Addrcheck:Leak\nfun:a\n}", 0, 1, 1);
    check_parse("another tool", "{\nn\nHelgrind:Race\nfun:a\n}", 0, 0, 0);
    check_parse("a block without its end", "{\nn\nMemcheck:Leak\nfun:a", 4, 1, 1);
    check_parse("an end without a block", "}", 1, 0, 0);
    return tap_end();
}
