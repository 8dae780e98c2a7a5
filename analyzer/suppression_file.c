/* suppression_file.c - see suppression_file.h. */
#include "suppression_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "function_name.h"
#include "whole_file.h"

/* Part of the text: a line without the spaces at both ends. */
struct line {
    const char *start;
    size_t n;
};

struct parser {
    struct suppression_rules *rules;
    const char *next, *end;
    const char *name;
    uint32_t line; /* number of the one that was read last */
    const char *error;
};

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static struct line trimmed(const char *start, size_t n) {
    while (n && is_space(*start)) {
        start++;
        n--;
    }
    while (n && is_space(start[n - 1])) {
        n--;
    }
    return (struct line){.start = start, .n = n};
}

static bool fail(struct parser *p, const char *error) {
    p->error = p->error ? p->error : error;
    return false;
}

/* The next line that is neither empty nor a comment. */
static bool next_line(struct parser *p, struct line *line) {
    while (p->next < p->end && !p->error) {
        const char *newline = memchr(p->next, '\n', (size_t)(p->end - p->next));
        const char *line_end = newline ? newline : p->end;
        *line = trimmed(p->next, (size_t)(line_end - p->next));
        p->next = newline ? newline + 1 : p->end;
        p->line++;
        if (memchr(line->start, '\0', line->n)) {
            return fail(p, "a zero byte: this is no text");
        }
        if (line->n && *line->start != '#') {
            return true;
        }
    }
    return false;
}

/* Whether a line begins so; what follows is left of it then. */
static bool take_prefix(struct line *line, const char *prefix) {
    size_t n = strlen(prefix);
    if (line->n < n || memcmp(line->start, prefix, n) != 0) {
        return false;
    }
    *line = trimmed(line->start + n, line->n - n);
    return true;
}

static bool is_text(const struct line *line, const char *text) {
    return line->n == strlen(text) && memcmp(line->start, text, line->n) == 0;
}

/* "FILE:LINE": the line, and the name without it. */
static uint32_t take_line_number(char *text) {
    char *colon = strrchr(text, ':');
    if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1)) {
        return 0;
    }
    unsigned long long line = strtoull(colon + 1, NULL, 10);
    *colon = '\0';
    return line > UINT32_MAX ? UINT32_MAX : (uint32_t)line;
}

/* What must be in names. In a LeakSanitizer's pattern '$' ends it, '^' is none of the text. */
static struct text_grams needed_by(enum pattern_kind kind, const char *text) {
    if (kind != PATTERN_LEAK) {
        return text_grams_needed(text, strlen(text), "*?");
    }
    text += *text == '^';
    return text_grams_needed(text, strcspn(text, "$"), "*");
}

static uint32_t pattern_number(struct suppression_rules *rules, enum pattern_kind kind, struct line text) {
    char *key = xalloc(text.n + 2);
    key[0] = (char)('0' + kind);
    memcpy(key + 1, text.start, text.n);
    key[text.n + 1] = '\0';
    uint32_t number = string_pool_id(&rules->pattern_keys, key, text.n + 1);
    if (number > rules->n_patterns) {
        uint32_t line = kind == PATTERN_SOURCE ? take_line_number(key + 1) : 0;
        const char *own = string_pool_intern(&rules->texts, key + 1);
        rules->patterns = xgrow(rules->patterns, rules->n_patterns, &rules->cap_patterns, sizeof *rules->patterns);
        rules->patterns[rules->n_patterns++] =
            (struct suppression_pattern){.text = own, .kind = kind, .line = line, .needed = needed_by(kind, own)};
    }
    free(key);
    return number;
}

static void add_item(struct suppression_rules *rules, struct suppression_item item) {
    rules->items = xgrow(rules->items, rules->n_items, &rules->cap_items, sizeof *rules->items);
    rules->items[rules->n_items++] = item;
}

static struct suppression_rule *add_rule(struct parser *p, struct line text, uint32_t line) {
    struct suppression_rules *rules = p->rules;
    char *own = xstrndup(text.start, text.n);
    rules->rules = xgrow(rules->rules, rules->n_rules, &rules->cap_rules, sizeof *rules->rules);
    struct suppression_rule *rule = &rules->rules[rules->n_rules++];
    *rule = (struct suppression_rule){.text = string_pool_intern(&rules->texts, own),
                                      .file = string_pool_intern(&rules->texts, p->name),
                                      .line = line,
                                      .first_item = (uint32_t)rules->n_items};
    free(own);
    return rule;
}

static bool parse_leak(struct parser *p, struct line whole, struct line pattern) {
    /* "*", to hide everything, has to be asked for. */
    if (pattern.n == 0 || is_text(&pattern, "^")) {
        return fail(p, "no pattern behind 'leak:'; it would hide everything");
    }
    struct suppression_rule *rule = add_rule(p, whole, p->line);
    add_item(p->rules, (struct suppression_item){.pattern = 0});
    add_item(p->rules, (struct suppression_item){.pattern = pattern_number(p->rules, PATTERN_LEAK, pattern)});
    rule->n_items = 2;
    return true;
}

/* "FUNCTION obj:MODULE": what stands behind " obj:", and the function without it. */
static bool take_module(struct line *function, struct line *module) {
    static const char mark[] = " obj:";
    size_t n_mark = sizeof mark - 1;
    for (size_t at = function->n; at-- > 0;) {
        if (function->n - at >= n_mark && memcmp(function->start + at, mark, n_mark) == 0) {
            *module = trimmed(function->start + at + n_mark, function->n - at - n_mark);
            *function = trimmed(function->start, at);
            return true;
        }
    }
    return false;
}

static bool parse_frame(struct parser *p, struct line line) {
    struct suppression_item item = {0};
    struct line module;
    if (is_text(&line, "...")) {
        add_item(p->rules, item);
        return true;
    }
    if (take_prefix(&line, "fun:")) {
        if (take_module(&line, &module)) {
            if (module.n == 0) {
                return fail(p, "no pattern behind 'obj:'");
            }
            item.module = pattern_number(p->rules, PATTERN_MODULE, module);
        }
        item.pattern = line.n ? pattern_number(p->rules, PATTERN_FUNCTION, line) : 0;
    } else if (take_prefix(&line, "obj:")) {
        item.pattern = line.n ? pattern_number(p->rules, PATTERN_MODULE, line) : 0;
    } else if (take_prefix(&line, "src:")) {
        item.pattern = line.n ? pattern_number(p->rules, PATTERN_SOURCE, line) : 0;
    } else {
        return fail(p, "expected 'fun:', 'obj:', 'src:', '...' or '}'");
    }
    if (!item.pattern) {
        return fail(p, "no pattern behind the colon");
    }
    add_item(p->rules, item);
    return true;
}

/* Whether "TOOL[,TOOL…]:KIND" is about leaks. */
static bool is_of_leaks(const struct line *tools) {
    const char *colon = memchr(tools->start, ':', tools->n);
    struct line kind = {0};
    if (colon) {
        kind = trimmed(colon + 1, tools->n - (size_t)(colon + 1 - tools->start));
    }
    for (const char *at = tools->start; colon && at < colon;) {
        const char *comma = memchr(at, ',', (size_t)(colon - at));
        struct line tool = trimmed(at, (size_t)((comma ? comma : colon) - at));
        if (is_text(&tool, "Memcheck")) {
            return is_text(&kind, "Leak");
        }
        at = comma ? comma + 1 : colon;
    }
    return false;
}

/* What valgrind's stacks begin with, and seep's not. */
static bool is_allocator(const struct suppression_pattern *pattern) {
    static const char *const names[] = {"malloc",
                                        "calloc",
                                        "realloc",
                                        "reallocarray",
                                        "memalign",
                                        "posix_memalign",
                                        "aligned_alloc",
                                        "valloc",
                                        "pvalloc",
                                        "_Znwm",
                                        "_Znam",
                                        "operator new(unsigned long)",
                                        "operator new[](unsigned long)",
                                        "_ZnwmRKSt9nothrow_t",
                                        "_ZnamRKSt9nothrow_t",
                                        "_ZnwmSt11align_val_t",
                                        "_ZnamSt11align_val_t"};
    if (pattern->kind == PATTERN_MODULE) {
        return strstr(pattern->text, "vgpreload") != NULL;
    }
    struct name_part text = {.start = pattern->text, .n = strlen(pattern->text)};
    for (size_t i = 0; pattern->kind == PATTERN_FUNCTION && i < sizeof names / sizeof names[0]; i++) {
        if (name_matches(text, (struct name_part){.start = names[i], .n = strlen(names[i])})) {
            return true;
        }
    }
    return false;
}

static bool finish_block(struct parser *p, struct suppression_rule *rule) {
    const struct suppression_item *items = &p->rules->items[rule->first_item];
    size_t n = p->rules->n_items - rule->first_item, n_named = 0;
    for (size_t i = 0; i < n; i++) {
        n_named += items[i].pattern != 0;
    }
    if (n_named == 0) {
        return fail(p, "a block without a frame; it would hide everything");
    }
    if (n > SUPPRESSION_ITEMS_MAX) {
        return fail(p, "a block of more than 63 frames");
    }
    rule->n_items = (uint32_t)n;
    /* Of an allocation function alone nothing would be left, and that hides everything. */
    rule->has_allocator = n_named > 1 && items[0].pattern && is_allocator(&p->rules->patterns[items[0].pattern - 1]);
    return true;
}

static bool parse_block(struct parser *p) {
    struct line name, line;
    uint32_t first_line = p->line;
    if (!next_line(p, &name) || !next_line(p, &line)) {
        return fail(p, "the file ends in a block");
    }
    bool is_ours = is_of_leaks(&line);
    if (is_text(&name, "}") || is_text(&line, "}") || !memchr(line.start, ':', line.n)) {
        return fail(p, "a block begins with its name and a line like 'Memcheck:Leak'");
    }
    struct suppression_rule *rule = is_ours ? add_rule(p, name, first_line) : NULL;
    for (;;) {
        if (!next_line(p, &line)) {
            return fail(p, "the file ends in a block");
        }
        if (is_text(&line, "}")) {
            return !is_ours || finish_block(p, rule);
        }
        /* Which kinds of leaks these are is not known here. */
        if (is_ours && !take_prefix(&line, "match-leak-kinds:") && !parse_frame(p, line)) {
            return false;
        }
    }
}

uint32_t suppression_rules_parse(struct suppression_rules *rules, const char *bytes, size_t n, const char *name,
                                 const char **error) {
    struct parser p = {.rules = rules, .next = bytes, .end = bytes + n, .name = name};
    struct line line;
    while (!p.error && next_line(&p, &line)) {
        struct line pattern = line;
        if (is_text(&line, "{")) {
            parse_block(&p);
        } else if (take_prefix(&pattern, "leak:")) {
            parse_leak(&p, line, pattern);
        } else {
            fail(&p, "expected 'leak:PATTERN' or '{'");
        }
    }
    *error = p.error;
    return p.error ? p.line : 0;
}

int suppression_rules_read(struct suppression_rules *rules, const char *path) {
    size_t n;
    const char *error;
    char *bytes = whole_file_read(path, SUPPRESSION_FILE_BYTES_MAX, &n);
    if (!bytes) {
        diag_error("cannot read suppressions from %s: %s", path, strerror(errno));
        return -1;
    }
    uint32_t line = suppression_rules_parse(rules, bytes, n, path, &error);
    free(bytes);
    if (line) {
        diag_error("%s:%u: bad suppression: %s", path, line, error);
        return -1;
    }
    return 0;
}

void suppression_rules_free(struct suppression_rules *rules) {
    free(rules->rules);
    free(rules->items);
    free(rules->patterns);
    string_pool_free(&rules->texts);
    string_pool_free(&rules->pattern_keys);
    *rules = (struct suppression_rules){0};
}
