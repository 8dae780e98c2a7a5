/* json_out.c - JSON over yajl_gen; see json_out.h. */
#include "json_out.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "diag.h"
#include "utf8.h"

struct json_out {
    FILE *f;
    yajl_gen gen;
    bool is_failed;
};

static void write_piece(void *context, const char *s, size_t n) {
    struct json_out *j = context;
    if (fwrite(s, 1, n, j->f) != n) {
        j->is_failed = true;
    }
}

/* yajl calls a finished document an error only at the next call; every other status is ours to remember. */
static void check(struct json_out *j, yajl_gen_status status) {
    if (status != yajl_gen_status_ok) {
        j->is_failed = true;
    }
}

struct json_out *json_open(FILE *f) {
    struct json_out *j = xcalloc(1, sizeof *j);
    j->f = f;
    j->gen = yajl_gen_alloc(NULL);
    if (!j->gen) {
        j->is_failed = true;
        return j;
    }
    yajl_gen_config(j->gen, yajl_gen_beautify, 1);
    yajl_gen_config(j->gen, yajl_gen_indent_string, " ");
    yajl_gen_config(j->gen, yajl_gen_print_callback, write_piece, j);
    return j;
}

static bool is_utf8(const unsigned char *s, size_t n) {
    for (size_t i = 0; i < n;) {
        size_t step = utf8_sequence(s + i, n - i);
        if (step == 0) {
            return false;
        }
        i += step;
    }
    return true;
}

static void put_string(struct json_out *j, const char *text) {
    size_t n = strlen(text);
    const unsigned char *s = (const unsigned char *)text;
    if (is_utf8(s, n)) {
        check(j, yajl_gen_string(j->gen, s, n));
        return;
    }
    unsigned char *clean = xalloc(n * 3 + 1); /* U+FFFD takes three bytes */
    size_t used = 0;
    for (size_t i = 0; i < n;) {
        size_t step = utf8_sequence(s + i, n - i);
        memcpy(clean + used, step ? s + i : (const unsigned char *)"\xef\xbf\xbd", step ? step : 3);
        used += step ? step : 3;
        i += step ? step : 1;
    }
    check(j, yajl_gen_string(j->gen, clean, used));
    free(clean);
}

static void put_number(struct json_out *j, const char *digits) {
    if (j->gen) {
        check(j, yajl_gen_number(j->gen, digits, strlen(digits)));
    }
}

void json_object_begin(struct json_out *j) {
    if (j->gen) {
        check(j, yajl_gen_map_open(j->gen));
    }
}

void json_object_end(struct json_out *j) {
    if (j->gen) {
        check(j, yajl_gen_map_close(j->gen));
    }
}

void json_array_begin(struct json_out *j) {
    if (j->gen) {
        check(j, yajl_gen_array_open(j->gen));
    }
}

void json_array_end(struct json_out *j) {
    if (j->gen) {
        check(j, yajl_gen_array_close(j->gen));
    }
}

void json_key(struct json_out *j, const char *key) {
    json_string(j, key);
}

void json_string(struct json_out *j, const char *s) {
    if (!s) {
        json_null(j);
    } else if (j->gen) {
        put_string(j, s);
    }
}

void json_uint(struct json_out *j, uint64_t v) {
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, v);
    put_number(j, digits);
}

void json_int(struct json_out *j, int64_t v) {
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, v);
    put_number(j, digits);
}

void json_double(struct json_out *j, double v) {
    if (!isfinite(v)) {
        json_null(j);
        return;
    }
    char digits[32];
    snprintf(digits, sizeof digits, "%.9g", v); /* yajl's own twenty digits turn 0.1 into 0.10000000000000000555 */
    put_number(j, digits);
}

void json_bool(struct json_out *j, bool v) {
    if (j->gen) {
        check(j, yajl_gen_bool(j->gen, v));
    }
}

void json_null(struct json_out *j) {
    if (j->gen) {
        check(j, yajl_gen_null(j->gen));
    }
}

void json_put_string(struct json_out *j, const char *key, const char *s) {
    json_key(j, key);
    json_string(j, s);
}

void json_put_uint(struct json_out *j, const char *key, uint64_t v) {
    json_key(j, key);
    json_uint(j, v);
}

void json_put_known(struct json_out *j, const char *key, uint64_t v, bool is_known) {
    json_key(j, key);
    if (is_known) {
        json_uint(j, v);
    } else {
        json_null(j);
    }
}

void json_put_double(struct json_out *j, const char *key, double v) {
    json_key(j, key);
    json_double(j, v);
}

void json_put_bool(struct json_out *j, const char *key, bool v) {
    json_key(j, key);
    json_bool(j, v);
}

int json_close(struct json_out *j) {
    /* After a whole document yajl takes nothing more; before its end it would. */
    bool is_whole = j->gen && yajl_gen_null(j->gen) == yajl_gen_generation_complete;
    if (j->gen) {
        yajl_gen_free(j->gen);
    }
    bool is_ok = is_whole && fflush(j->f) == 0 && !ferror(j->f) && !j->is_failed;
    free(j);
    return is_ok ? 0 : -1;
}
