/* test_site_identity.c - which site is which after a change that is known: each row of the tables is what one rebuild did. */
#include <string.h>

#include "site_identity.h"
#include "stable_name.h"
#include "tap.h"

enum { SITES_MAX = 512 };

static struct string_pool pool;

/* "a < b < c [module]", all of the path. */
static struct identity path(const char *text) {
    struct identity id = {0};
    const char *module = strrchr(text, '[');
    char part[STABLE_NAME_MAX];
    for (const char *s = text; s < module;) {
        const char *end = strstr(s, " < ");
        size_t n = (size_t)((end && end < module ? end : module - 1) - s);
        snprintf(part, sizeof part, "%.*s", (int)n, s);
        const char *name = string_pool_intern(&pool, part);
        identity_add(&id, name, string_pool_intern(&pool, stable_name_last(name, part)));
        s += n + (end && end < module ? 3 : 1);
    }
    snprintf(part, sizeof part, "%.*s", (int)strlen(module) - 2, module + 1);
    id.module = string_pool_intern(&pool, part);
    identity_set_key(&id, &pool);
    return id;
}

struct sites {
    struct identity ids[SITES_MAX];
    const struct identity *places[SITES_MAX];
    size_t n;
};

static void add(struct sites *sites, const char *text) {
    sites->ids[sites->n] = path(text);
    sites->places[sites->n] = &sites->ids[sites->n];
    sites->n++;
}

/* Paths of both sides, separated by ';', and the wanted matches of the first: a digit each, '-' for none. */
static void check(const char *what, const char *before, const char *after, const char *wanted) {
    static struct sites a, b;
    char text[4096], got[SITES_MAX + 1] = "";
    uint32_t match[SITES_MAX];
    a.n = b.n = 0;
    for (int side = 0; side < 2; side++) {
        snprintf(text, sizeof text, "%s", side ? after : before);
        for (char *rest = text, *one; (one = strsep(&rest, ";"));) {
            if (*one) {
                add(side ? &b : &a, one);
            }
        }
    }
    identity_match(a.places, a.n, b.places, b.n, match);
    for (size_t i = 0; i < a.n; i++) {
        got[i] = match[i] == IDENTITY_NO_MATCH ? '-' : (char)('0' + match[i]);
    }
    if (!tap_ok(strcmp(got, wanted) == 0, what)) {
        printf("# got %s, expected %s\n", got, wanted);
    }
}

static void check_matches(void) {
    check("the same", "f < g < main [a];h < main [a]", "h < main [a];f < g < main [a]", "10");
    check("an intermediate function under another name", "f < old < main [a]", "f < new < main [a]", "0");
    check("a helper inlined out of sight", "f < helper < g < main [a]", "f < g < main [a]", "0");
    check("beyond the key it is the same", "f < a < b < c < d < main [a]", "f < x < y < c < d < main [a]", "0");
    check("the nearer of two", "f < old < serve < main [a];f < old < load < main [a]",
          "f < new < load < main [a];f < new < serve < main [a]", "10");
    check("the same key is taken first", "f < old < main [a];f < g < main [a]", "f < g < main [a]", "-0");
    check("one to one", "f < g < main [a]", "f < h < main [a];f < g < main [a]", "1");
    check("another blamed function", "f < main [a]", "g < main [a]", "-");
    check("another blamed function of one more", "f < g < main [a]", "h < g < main [a]", "-");
    check("nothing but the blamed function in common", "f < a < run [a]", "f < b < walk [a]", "-");
    check("nothing else to hold on to", "{closure} [a]", "{closure} < try [a]", "0");
    check("the program under another name", "f < main [app-1]", "f < main [app-2]", "0");
    check("that one's, and not one of the same last name", "b::f < main [app-1]", "a::f < main [app-2];b::f < main [app-2]",
          "1");
    check("a name without its namespace", "app::f < main [a]", "f < main [a]", "0");
    check("the blamed function was inlined where nothing tells so", "f < g < main [a]", "g < main [a]", "0");
    check("and the other way round", "g < main [a]", "f < g < main [a]", "0");
    check("several of them", "f < g < main [a]", "main [a]", "0");
    check("but not if it is still there", "f < g < main [a];f < main [a]", "g < main [a];f < main [a]", "-1");
    check("nor if its caller has allocated before", "f < g < main [a];g < main [a]", "g < main [a]", "-0");
    check("nor in another module", "f < g < main [a];h < x < run [b]", "g < main [b];h < x < run [b]", "-1");
    check("unless that is the program's under another name", "f < g < main [a]", "g < main [b]", "0");
    check("functions without names of different modules", "?? [a.so];h < x [b.so]", "?? [b.so];h < x [a.so]", "-1");
    check("functions without names of one", "?? < x < main [a.so]", "?? < y < main [a.so]", "0");
    check("places", "0x10@12345678 [a.so];0x20@12345678 [a.so]", "0x20@12345678 [a.so];0x30@12345678 [a.so]", "-0");
    check("nothing before", "", "f < main [a]", "");
    check("nothing after", "f < main [a]", "", "-");
}

static void check_parse(const char *key, uint32_t n_names, const char *first, const char *module) {
    struct identity id;
    bool is_right = identity_parse(&id, key, &pool) == 0;
    is_right = is_right == (n_names > 0);
    if (is_right && n_names) {
        is_right = id.n_names == n_names && strcmp(id.names[0], first) == 0 && strcmp(id.module, module) == 0;
        const char *before = id.key;
        identity_set_key(&id, &pool);
        is_right = is_right && id.key == before && strcmp(id.key, key) == 0;
    }
    tap_ok(is_right, key);
}

static void check_keys(void) {
    check_parse("f [a]", 1, "f", "a");
    check_parse("f < g < main [libssl.so.3]", 3, "f", "libssl.so.3");
    check_parse("app::operator< < app::operator< <int> < main [a b]", 3, "app::operator<", "a b");
    check_parse("app::f[x] < app::g [a]", 2, "app::f[x]", "a");
    check_parse("f < g < h < i [a]", 0, "", "");
    check_parse("f", 0, "", "");
    check_parse("f []", 0, "", "");
    check_parse(" [a]", 0, "", "");
    check_parse("f <  [a]", 0, "", "");
    check_parse("f < main [a] ", 0, "", "");
}

/* As from a file: the way beyond the key is not known. */
static void check_read(void) {
    struct identity before, after = path("f < g < h < i < main [a]"), inlined = path("g < h < i < main [a]");
    const struct identity *a = &before, *b = &after;
    uint32_t match = 0;
    bool is_key = identity_parse(&before, "f < g < h [a]", &pool) == 0;
    identity_match(&b, 1, &a, 1, &match);
    tap_ok(is_key && match == 0, "a key that was read is the site's");
    is_key = identity_parse(&before, "f < x < h [a]", &pool) == 0;
    identity_match(&b, 1, &a, 1, &match);
    tap_ok(is_key && match == 0, "also where a function between has another name");
    is_key = identity_parse(&before, "f < g < h [a]", &pool) == 0;
    b = &inlined;
    identity_match(&b, 1, &a, 1, &match);
    tap_ok(is_key && match == 0, "also where its function is inlined now");
}

/* Many of one function, each with a match of its own and the same two names on top: what is tried is bounded, and what is matched is right. */
static void check_many(void) {
    static struct sites a, b;
    static uint32_t match[SITES_MAX];
    char text[128];
    a.n = b.n = 0;
    for (unsigned i = 0; i < SITES_MAX; i++) {
        snprintf(text, sizeof text, "f < old < x%u < main [a]", i);
        add(&a, text);
        snprintf(text, sizeof text, "f < new < x%u < main [a]", i);
        add(&b, text);
    }
    identity_match(a.places, a.n, b.places, b.n, match);
    unsigned n_wrong = 0, n = 0;
    for (unsigned i = 0; i < SITES_MAX; i++) {
        n += match[i] != IDENTITY_NO_MATCH;
        n_wrong += match[i] != IDENTITY_NO_MATCH && match[i] != i;
    }
    printf("# %u matched, %u wrong\n", n, n_wrong);
    tap_ok(n == IDENTITY_TRIED_MAX && n_wrong == 0, "of many, as many as are tried");
}

int main(void) {
    check_matches();
    check_keys();
    check_read();
    check_many();
    string_pool_free(&pool);
    return tap_end();
}
