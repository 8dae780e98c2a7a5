/* test_baseline.c - the file of limits: what is read is what is written, damage has its line, and an update only tightens. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "baseline.h"
#include "stable_name.h"
#include "tap.h"

enum { TEXT_MAX = 8192 };

static struct string_pool pool;
static char folder[] = "/tmp/seep-baseline-XXXXXX", file[64], message_file[64];

static void put(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0) {
        exit(1);
    }
}

static const char *get(const char *path, char buf[TEXT_MAX]) {
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(buf, 1, TEXT_MAX - 1, f) : 0;
    buf[n] = '\0';
    if (f) {
        fclose(f);
    }
    return buf;
}

static void check_text(const char *path, const char *wanted, const char *what) {
    char buf[TEXT_MAX];
    if (!tap_ok(strcmp(get(path, buf), wanted) == 0, what)) {
        printf("# got:\n%s\n", buf);
    }
}

static const char whole[] = "seep baseline 1\n"
                            "\n"
                            "# About the file.\n"
                            "\n"
                            "# kept on purpose,\n"
                            "# 16 of them\n"
                            "cache < handle < main [server]: bytes=65536 blocks=16\n"
                            "load < main [server]: bytes=1024 blocks=1 growth=0\n"
                            "reload < main [server]: bytes=7 blocks=2 growth=104.05\n"
                            "# the end\n";

static void check_round(void) {
    struct baseline b;
    put(file, whole);
    chmod(file, 0640);
    bool is_read = baseline_read(&b, file, &pool) == 0;
    tap_ok(is_read && b.n == 3 && !b.is_new, "a whole file");
    const struct baseline_entry *reload = baseline_find(&b, "reload < main [server]");
    tap_ok(reload && reload->limit.bytes == 7 && reload->limit.blocks == 2 && reload->limit.has_growth &&
               reload->limit.growth_hundredths == 10405,
           "its figures");
    tap_ok(!baseline_find(&b, "reload < main") && !baseline_find(&b, "a [b]"), "what is not in it");
    tap_ok(baseline_write(&b, file) == 0, "written");
    check_text(file, whole, "as it was");
    struct stat st;
    tap_ok(stat(file, &st) == 0 && (st.st_mode & 07777) == 0640, "its mode stays");
    char link[80];
    snprintf(link, sizeof link, "%s/link", folder);
    tap_ok(symlink(file, link) == 0 && baseline_write(&b, link) == 0 && lstat(link, &st) == 0 && S_ISLNK(st.st_mode),
           "a symlink stays one");
    check_text(file, whole, "and what it leads to is written");
    unlink(link);
    baseline_free(&b);
}

/* Read a bad file; the message must have these words. */
static void check_refused(const char *text, const char *words) {
    struct baseline b;
    char said[TEXT_MAX];
    put(file, text);
    fflush(stderr);
    int before = dup(STDERR_FILENO), fd = open(message_file, O_RDWR | O_CREAT | O_TRUNC, 0600);
    dup2(fd, STDERR_FILENO);
    int status = baseline_read(&b, file, &pool);
    dup2(before, STDERR_FILENO);
    close(before);
    close(fd);
    baseline_free(&b);
    get(message_file, said);
    if (!tap_ok(status == -1 && strstr(said, words) && strchr(said, '\n') == said + strlen(said) - 1, words)) {
        printf("# status %d, said %s\n", status, said);
    }
}

static void check_damage(void) {
    check_refused("", ":1: no baseline");
    check_refused("hello\n", ":1: no baseline: its first line must be \"seep baseline 1\"");
    check_refused("seep baseline 2\n", ":1: a baseline of another version");
    check_refused("seep baseline 1\nf < main [a] bytes=1 blocks=1\n", ":2: not a site");
    check_refused("seep baseline 1\n\nf < main [a]: bytes=1\n", ":3: behind the site must stand");
    check_refused("seep baseline 1\nf < main [a]: bytes=1 blocks=x\n", ":2: behind");
    check_refused("seep baseline 1\nf < main [a]: bytes=-1 blocks=1\n", ":2: behind the");
    check_refused("seep baseline 1\nf < main [a]: bytes=99999999999999999999 blocks=1\n", ":2: behind the site");
    check_refused("seep baseline 1\nf < main [a]: bytes=1 bytes=2 blocks=1\n", ":2: behind the site must");
    check_refused("seep baseline 1\nf < main [a]: bytes=1 blocks=1 growth=1.x\n", "if growth is limited");
    check_refused("seep baseline 1\nf < main [a]: bytes=1 blocks=1 weight=1\n", ":2: behind the site must stand bytes=N");
    check_refused("seep baseline 1\nf < g < h < i [a]: bytes=1 blocks=1\n", ":2: not a site: it must be FUNCTION");
    check_refused("seep baseline 1\nf [a]: bytes=1 blocks=1\nf [a]: bytes=1 blocks=1\n", "the same site twice: f [a]");
    check_refused("seep baseline 1\n<<<<<<< HEAD\nf [a]: bytes=1 blocks=1\n=======\n>>>>>>> other\n",
                  ":2: a merge conflict stands there");
    check_refused("<<<<<<< HEAD\nseep baseline 1\n", ":1: a merge conflict");
}

static struct baseline_site site(struct identity *id, const char *key, uint64_t bytes, uint64_t blocks) {
    if (identity_parse(id, key, &pool) != 0) {
        exit(1);
    }
    return (struct baseline_site){.id = id, .now = {.bytes = bytes, .blocks = blocks}};
}

static void check_update(void) {
    struct identity ids[4];
    struct baseline_site now[] = {
        site(&ids[0], "cache < serve < main [server]", 65536, 12), /* a function got another name; fewer blocks */
        site(&ids[1], "load < main [server]", 2048, 1),            /* more bytes */
        site(&ids[2], "fresh < main [server]", 5, 1),              /* new */
        site(&ids[3], "reload < main [server]", 0, 0),             /* holds nothing any more */
    };
    struct baseline b;
    struct baseline_changes changes;
    put(file, whole);
    tap_ok(baseline_read(&b, file, &pool) == 0, "read to update");
    baseline_update(&b, now, 4, false, &changes);
    tap_ok(changes.n_removed == 1 && changes.n_lowered == 1 && changes.n_loosened == 2 &&
               changes.loosened[0] + changes.loosened[1] == 3,
           "what was done, and what was not");
    free(changes.loosened);
    tap_ok(baseline_write(&b, file) == 0, "written after an update");
    check_text(file,
               "seep baseline 1\n\n# About the file.\n\n# kept on purpose,\n# 16 of them\n"
               "cache < serve < main [server]: bytes=65536 blocks=12\nload < main [server]: bytes=1024 blocks=1 "
               "growth=0\n# the end\n",
               "it only tightens");
    now[1].now.has_growth = true;
    now[1].now.growth_hundredths = 50;
    baseline_update(&b, now, 4, true, &changes);
    tap_ok(changes.n_loosened == 2 && changes.n_removed == 0, "loosened");
    free(changes.loosened);
    tap_ok(baseline_write(&b, file) == 0, "written once more");
    check_text(file,
               "seep baseline 1\n\n# About the file.\n\n# kept on purpose,\n# 16 of them\n"
               "cache < serve < main [server]: bytes=65536 blocks=12\nfresh < main [server]: bytes=5 blocks=1\n"
               "load < main [server]: bytes=2048 blocks=1 growth=0.50\n# the end\n",
               "it loosens where it may");
    baseline_free(&b);
    unlink(file);
    tap_ok(baseline_read(&b, file, &pool) == 0 && b.is_new && b.n == 0, "no file is an empty one");
    baseline_update(&b, now, 4, false, &changes);
    tap_ok(b.n == 3, "which takes what is there");
    free(changes.loosened);
    mode_t mask = umask(027);
    struct stat st;
    tap_ok(baseline_write(&b, file) == 0 && stat(file, &st) == 0 && (st.st_mode & 0777) == 0640,
           "a new file has the usual mode");
    umask(mask);
    baseline_free(&b);
}

/* Names may be any bytes; what is written of them is read again as the same. */
static void check_odd_names(void) {
    static const char alphabet[] = "ab<> [](){}:,#&*~$=.\n\t\x01\xc3\xa4\xff";
    unsigned n_wrong = 0, seed = 1;
    for (unsigned round = 0; round < 400; round++) {
        struct identity id = {0};
        for (unsigned i = 0; i < 4; i++) {
            char raw[64], name[STABLE_NAME_MAX];
            unsigned n = 0, n_bytes = (seed = seed * 1103515245 + 12345) >> 16 & 31;
            for (; n < n_bytes; n++) {
                seed = seed * 1103515245 + 12345;
                raw[n] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
            }
            raw[n] = '\0';
            if (i == 3) {
                id.module = string_pool_intern(&pool, stable_module(raw, name));
            } else {
                const char *kept = string_pool_intern(&pool, stable_name(raw, name));
                identity_add(&id, kept, kept);
            }
        }
        identity_set_key(&id, &pool);
        struct baseline_entry entry = {.id = id, .limit = {.bytes = round, .blocks = 1}};
        struct baseline written = {.entries = &entry, .n = 1}, got;
        int status = baseline_write(&written, file) | baseline_read(&got, file, &pool);
        bool is_right = status == 0 && got.n == 1 && got.entries[0].id.key == id.key && got.entries[0].limit.bytes == round;
        n_wrong += !is_right;
        if (!is_right && n_wrong < 5) {
            printf("# %s\n", id.key);
        }
        baseline_free(&got);
    }
    tap_ok(n_wrong == 0, "names of any bytes are read as they were written");
}

static void check_exceeds(void) {
    struct baseline_figures limit = {.bytes = 10, .blocks = 2}, now = limit;
    now.has_growth = true;
    now.growth_hundredths = 1;
    tap_ok(!baseline_exceeds(&now, &limit), "no limit of growth");
    limit.has_growth = true;
    tap_ok(baseline_exceeds(&now, &limit), "beyond the limit of growth");
    now = (struct baseline_figures){.bytes = 11, .blocks = 1};
    tap_ok(baseline_exceeds(&now, &limit), "beyond that of bytes");
    now = (struct baseline_figures){.bytes = 1, .blocks = 3};
    tap_ok(baseline_exceeds(&now, &limit), "beyond that of blocks");
}

int main(void) {
    if (!mkdtemp(folder)) {
        return 1;
    }
    snprintf(file, sizeof file, "%s/baseline", folder);
    snprintf(message_file, sizeof message_file, "%s/said", folder);
    check_round();
    check_damage();
    check_update();
    check_exceeds();
    check_odd_names();
    unlink(file);
    unlink(message_file);
    tap_ok(rmdir(folder) == 0, "nothing is left behind");
    string_pool_free(&pool);
    return tap_end();
}
