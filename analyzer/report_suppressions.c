/* report_suppressions.c - see report_suppressions.h. */
#include "report_suppressions.h"

#include "format_size.h"

void report_suppressions_text(FILE *f, const struct suppressions *s) {
    char all[FORMAT_BYTES_MAX], builtin[FORMAT_BYTES_MAX];
    if (!s || s->blocks == 0) {
        return;
    }
    fprintf(f, "suppressed leaks: %s", format_size(s->bytes, all));
    if (s->builtin == SUPPRESSION_BUILTIN_ON && s->builtin_blocks) {
        fprintf(f, " (%s of it by built-in rules)", format_size(s->builtin_bytes, builtin));
    }
    fputc('\n', f);
}

static void put_rule(struct json_out *j, const struct suppressed *by) {
    json_object_begin(j);
    json_put_string(j, "text", by->rule->text);
    json_put_string(j, "file", by->is_builtin ? NULL : by->rule->file);
    json_put_known(j, "line", by->rule->line, by->rule->line != 0);
    json_put_bool(j, "builtin", by->is_builtin);
    json_put_bool(j, "used", by->is_used);
    json_put_uint(j, "bytes", by->bytes);
    json_put_uint(j, "blocks", by->blocks);
    json_put_uint(j, "calls", by->calls);
    json_object_end(j);
}

void report_suppressions_json(struct json_out *j, const struct suppressions *s) {
    static const struct suppressions none = {.builtin = SUPPRESSION_BUILTIN_OFF};
    static const char *const names[] = {
        [SUPPRESSION_BUILTIN_ON] = "on", [SUPPRESSION_BUILTIN_TOLD] = "told", [SUPPRESSION_BUILTIN_OFF] = "off"};
    s = s ? s : &none;
    json_key(j, "suppressions");
    json_object_begin(j);
    json_put_uint(j, "bytes", s->bytes);
    json_put_uint(j, "blocks", s->blocks);
    json_put_string(j, "builtin_rules", names[s->builtin]);
    json_put_uint(j, "builtin_bytes", s->builtin_bytes);
    json_put_uint(j, "builtin_blocks", s->builtin_blocks);
    json_key(j, "rules");
    json_array_begin(j);
    for (size_t i = 0; i < s->n_rules; i++) {
        if (!s->rules[i].is_builtin || s->rules[i].is_used) {
            put_rule(j, &s->rules[i]);
        }
    }
    json_array_end(j);
    json_object_end(j);
}
