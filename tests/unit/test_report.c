/* test_report.c - names and the text report, on a hand-made profile whose modules are libraries compiled here.
 *
 * Truth comes from nm and addr2line -Cfi for every few bytes of the library's code, in each way that debug information can be
 * kept: in the file, beside it, in another folder under another name, with and without .debug_aranges, not at all. (Inlined
 * functions of the library are not static: for those addr2line 2.40 says the name of the function they are inlined into.)
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report_json.h"
#include "report_text.h"
#include "report_tracer.h"
#include "sites.h"
#include "symbolize.h"
#include "tap.h"
#include "trace_format.h"

static const char source[] =
    "#include <vector>\n"
    "#include <cstdlib>\n"
    "#include <string>\n"
    "void *keep;\n"
    "inline __attribute__((always_inline)) void *inner(size_t n) {\n"
    "    return malloc(n);\n"
    "}\n"
    "inline __attribute__((always_inline)) void *middle(size_t n) {\n"
    "    return inner(n + 1);\n"
    "}\n"
    "namespace shop { struct till { std::vector<int> coins; void count(int n);\n"
    "    template <class T> __attribute__((noinline)) void *open(T n) { keep = middle(n); return keep; } }; }\n"
    "void shop::till::count(int n) { coins.push_back(n); keep = middle(n); }\n"
    "extern \"C\" void *outer(int n) { keep = middle(n); shop::till t; t.count(n); return t.open<long>(n); }\n"
    "static __attribute__((noinline)) void hidden(int n) { keep = malloc(n); std::string s(n, 'x'); keep = "
    "strdup(s.c_str()); }\n"
    "extern \"C\" void caller(int n) { hidden(n); keep = nullptr; }\n";

static char folder[] = "/tmp/test_report.XXXXXX";

/* Run a shell command in the folder. */
static int run(const char *command) {
    char within[1200];
    snprintf(within, sizeof within, "cd %s && { %s; }", folder, command);
    return system(within);
}

static char *path_of(const char *name) {
    char *path = NULL;
    if (asprintf(&path, "%s/%s", folder, name) < 0) {
        abort();
    }
    return path;
}

static bool make_libraries(void) {
    char *path = path_of("lib.cc");
    FILE *f = fopen(path, "w");
    fprintf(f, "#include <cstring>\n%s", source);
    fclose(f);
    free(path);
    return run("${CXX:-c++} -O1 -g -fPIC -shared -Wl,--build-id=sha1 lib.cc -o whole.so") == 0 &&
           run("${CXX:-c++} -O2 -g -fPIC -shared -Wl,--build-id=sha1 lib.cc -o other.so") == 0 &&
           run("objcopy --remove-section .debug_aranges whole.so noaranges.so") == 0 &&
           run("objcopy --only-keep-debug whole.so beside.debug && objcopy --strip-all --add-gnu-debuglink=beside.debug "
               "whole.so beside.so") == 0 &&
           run("mkdir -p store/deep && objcopy --only-keep-debug whole.so store/deep/any_name && strip -o bare.so "
               "whole.so") == 0;
}

/* A profile with one module, at a place where no library is. */
enum { BIAS = 0x7ff000000 };

static struct module module;
static struct profile profile;

static void use_library(const char *name) {
    free(module.path);
    module = (struct module){.id = 1, .gone_epoch = UINT32_MAX, .bias = BIAS, .start = BIAS, .end = BIAS + (1 << 20)};
    module.path = path_of(name);
    char command[600], hex[3] = "";
    snprintf(command, sizeof command, "readelf -n %s/whole.so | awk '/Build ID/{print $3}'", folder);
    FILE *f = popen(command, "r");
    while (fgets(hex, sizeof hex, f) && strlen(hex) == 2 && hex[0] != '\n') {
        module.build_id[module.build_id_bytes++] = (uint8_t)strtoul(hex, NULL, 16);
    }
    pclose(f);
    profile.modules = &module;
    profile.n_modules = 1;
}

/* Read what addr2line -Cfi says of one address: pairs of lines up to the next address line. */
struct truth {
    char function[16][4096];
    char place[16][4096];
    unsigned n;
};

static bool read_truth(FILE *f, char *line, size_t cap, uint64_t *address, struct truth *t) {
    t->n = 0;
    if (strncmp(line, "0x", 2) != 0) {
        return false;
    }
    *address = strtoull(line, NULL, 16);
    while (fgets(line, (int)cap, f) && strncmp(line, "0x", 2) != 0) {
        line[strcspn(line, "\n")] = '\0';
        if (t->n < 16) {
            snprintf(t->function[t->n], sizeof t->function[0], "%s", line);
        }
        if (!fgets(line, (int)cap, f)) {
            break;
        }
        line[strcspn(line, " \n")] = '\0'; /* " (discriminator 2)" */
        if (t->n < 16) {
            snprintf(t->place[t->n++], sizeof t->place[0], "%s", line);
        }
        line[0] = '\0';
    }
    return true;
}

static bool is_as_told(const struct location *location, const struct truth *t) {
    if (location->n_frames != t->n) {
        return false;
    }
    for (unsigned i = 0; i < t->n; i++) {
        const struct frame *f = &location->frames[i];
        char place[4200];
        snprintf(place, sizeof place, "%s:%u", f->file ? f->file : "??", f->line);
        /* addr2line says "?" where there is no line. */
        bool has_line = strcmp(t->place[i] + strlen(t->place[i]) - 2, ":?") != 0;
        if (!f->function || strcmp(f->function, t->function[i]) != 0 || (has_line && strcmp(place, t->place[i]) != 0)) {
            printf("# 0x%lx frame %u: %s at %s, expected %s at %s\n", (unsigned long)location->offset, i,
                   f->function ? f->function : "??", place, t->function[i], t->place[i]);
            return false;
        }
    }
    return true;
}

static FILE *open_command(const char *command) {
    char within[1200];
    snprintf(within, sizeof within, "cd %s && { %s; }", folder, command);
    return popen(within, "r");
}

/* Every third byte of all functions of whole.so, into the file "addresses". */
static void list_addresses(void) {
    char *path = path_of("addresses"), line[4096];
    FILE *addresses = fopen(path, "w"), *f = open_command("nm -S --defined-only whole.so");
    while (fgets(line, sizeof line, f)) {
        unsigned long start, n_bytes;
        char type;
        if (sscanf(line, "%lx %lx %c", &start, &n_bytes, &type) == 3 && strchr("tTwW", type)) {
            for (unsigned long i = 0; i < n_bytes; i += 3) {
                fprintf(addresses, "0x%lx\n", start + i);
            }
        }
    }
    pclose(f);
    fclose(addresses);
    free(path);
}

/* All of them. Functions without debug information (of the C runtime) are left out. */
static void check_against_addr2line(const char *library, const char *debug_dir, const char *text) {
    use_library(library);
    struct symbolizer *s = symbolizer_open(&profile, NULL, debug_dir);
    char line[4096];
    list_addresses();
    FILE *f = open_command("sort -u addresses | addr2line -aCfi -e whole.so");
    struct truth t;
    uint64_t address;
    unsigned n = 0, n_inlined = 0, n_wrong = 0;
    bool is_more = fgets(line, sizeof line, f) != NULL;
    while (is_more && read_truth(f, line, sizeof line, &address, &t)) {
        if (t.n && strcmp(t.place[0], "??:0") != 0 && strcmp(t.place[0], "??:?") != 0) {
            const struct location *location = symbolize(s, 1, BIAS + address + 1);
            n++;
            n_inlined += location->n_frames > 1;
            n_wrong += !is_as_told(location, &t) || location->offset != address || location->object != 1;
        }
    }
    pclose(f);
    printf("# %u addresses, %u with inlined frames, %u wrong\n", n, n_inlined, n_wrong);
    tap_ok(n > 100 && n_inlined > 30 && n_wrong == 0, text);
    symbolizer_close(s);
}

static uint64_t address_of(const char *symbol) {
    char command[600], line[64] = "";
    snprintf(command, sizeof command, "nm %s/whole.so | awk '$3 == \"%s\" {print $1}'", folder, symbol);
    FILE *f = popen(command, "r");
    if (!fgets(line, sizeof line, f)) {
        line[0] = '\0';
    }
    pclose(f);
    return strtoull(line, NULL, 16);
}

/* Run a function with stderr in a file. Returns what it wrote, in a static buffer. */
static const char *captured(void (*function)(void)) {
    static char text[8192];
    fflush(stderr);
    int kept = dup(2);
    FILE *f = tmpfile();
    dup2(fileno(f), 2);
    function();
    fflush(stderr);
    dup2(kept, 2);
    close(kept);
    rewind(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

static const char *seen_function;

static void look_twice(void) {
    struct symbolizer *s = symbolizer_open(&profile, NULL, NULL);
    uint64_t outer = address_of("outer");
    symbolize(s, 1, BIAS + outer + 2);
    const char *function = symbolize(s, 1, BIAS + outer + 1)->frames[0].function;
    static char kept[256];
    snprintf(kept, sizeof kept, "%s", function ? function : "");
    seen_function = function ? kept : NULL;
    symbolizer_close(s);
}

static unsigned count_lines(const char *text) {
    unsigned n = 0;
    for (; *text; text++) {
        n += *text == '\n';
    }
    return n;
}

static void check_wrong_files(void) {
    use_library("other.so");
    const char *said = captured(look_twice);
    tap_ok(!seen_function && count_lines(said) == 1 && strstr(said, "other.so") && strstr(said, "build-id"),
           "another build: one warning and no names");
    use_library("whole.so");
    module.build_id_bytes = 0;
    said = captured(look_twice);
    tap_ok(seen_function && !*said, "no build-id on record: names of the file that is there");
    profile.start_real_ns = 1000000000;
    said = captured(look_twice);
    tap_ok(!seen_function && count_lines(said) == 1 && strstr(said, "whole.so"),
           "the same, written since the trace: one warning");
    profile.start_real_ns = 0;
    use_library("absent.so");
    said = captured(look_twice);
    tap_ok(!seen_function && count_lines(said) == 1 && strstr(said, "absent.so"), "no file: one warning and no names");
    use_library("whole.so");
    module.path = realloc(module.path, strlen(module.path) + 20);
    strcat(module.path, " (deleted)");
    said = captured(look_twice);
    tap_ok(seen_function && !*said, "a deleted file that is there again, the same build: names");
    free(module.path);
    module.path = strdup("[vdso]");
    said = captured(look_twice);
    tap_ok(!seen_function && !*said, "the vdso: no names, no warning");
    use_library("bare.so");
    said = captured(look_twice);
    tap_ok(seen_function && strcmp(seen_function, "outer") == 0 && !*said, "a stripped file: exported names");
    run("mkfifo pipe.so");
    use_library("pipe.so");
    said = captured(look_twice);
    tap_ok(!seen_function && count_lines(said) == 1, "a pipe instead of a file is not waited for");
}

static void check_sysroot(void) {
    use_library("whole.so");
    char *real = module.path;
    module.path = strdup("/nowhere/at/all/whole.so");
    char *root = path_of("root");
    run("mkdir -p root/nowhere/at/all && cp whole.so root/nowhere/at/all/");
    struct symbolizer *s = symbolizer_open(&profile, root, NULL);
    const struct location *location = symbolize(s, 1, BIAS + address_of("outer") + 1);
    const char *outermost = location->frames[location->n_frames - 1].function;
    tap_ok(outermost && strcmp(outermost, "outer") == 0 && strcmp(location->module, "/nowhere/at/all/whole.so") == 0,
           "--sysroot: names from below it, the path as recorded");
    symbolizer_close(s);
    free(root);
    free(real);
}

/* Two stacks of one site, one of another, one without a stack, and names that want to do harm. */
static struct cost costs[] = {
    {.oldest_birth_ns = UINT64_MAX},
    {.calls = 1, .peak_bytes = 1, .oldest_birth_ns = UINT64_MAX},
    {.calls = 30,
     .allocated_bytes = 3000,
     .peak_bytes = 2000,
     .unreleased_bytes = 1500,
     .unreleased_blocks = 15,
     .oldest_birth_ns = 1000000000},
    {.calls = 70, .allocated_bytes = 700, .temporary = 7, .oldest_birth_ns = UINT64_MAX},
    {.calls = 5,
     .allocated_bytes = 2000000,
     .peak_bytes = 10,
     .unreleased_bytes = 2000000,
     .unreleased_blocks = 2,
     .oldest_birth_ns = UINT64_MAX},
};

static struct stack stacks[] = {
    {.cost = 1},
    {.ip = 0x11000},
    {.ip = 0x12000},
    {.ip = 0x13000, .parent = 1, .cost = 2},
    {.ip = 0x13000, .parent = 2, .cost = 3},
    {.ip = 0x14000, .parent = 2, .cost = 4},
};

static const char expected[] =
    "reading file \"x.seep\" - please wait, this might take some time...\n"
    "Debuggee command was: ./evil ?[2J?\n"
    "finished reading file, now analyzing data:\n"
    "\n"
    "MOST CALLS TO ALLOCATION FUNCTIONS\n"
    "100 calls to allocation functions with 2.00K peak consumption from\n"
    "0x12fff\n"
    "  in ??\n"
    "70 calls with 0B peak consumption from:\n"
    "    0x11fff\n"
    "      in ??\n"
    "  and 30 from 1 other places\n"
    "\n"
    "5 calls to allocation functions with 10B peak consumption from\n"
    "0x13fff\n"
    "  in ??\n"
    "5 calls with 10B peak consumption from:\n"
    "    0x11fff\n"
    "      in ??\n"
    "\n"
    "\n"
    "PEAK MEMORY CONSUMERS\n"
    "2.00K peak memory consumed over 100 calls from\n"
    "0x12fff\n"
    "  in ??\n"
    "2.00K consumed over 30 calls from:\n"
    "    0x10fff\n"
    "      in ??\n"
    "\n"
    "10B peak memory consumed over 5 calls from\n"
    "0x13fff\n"
    "  in ??\n"
    "10B consumed over 5 calls from:\n"
    "    0x11fff\n"
    "      in ??\n"
    "\n"
    "\n"
    "MEMORY LEAKS\n"
    "2.00M leaked over 5 calls from\n"
    "  2 blocks still allocated\n"
    "0x13fff\n"
    "  in ??\n"
    "2.00M leaked over 5 calls from:\n"
    "    0x11fff\n"
    "      in ??\n"
    "\n"
    "1.50K leaked over 100 calls from\n"
    "  15 blocks still allocated, oldest 5m10s\n"
    "0x12fff\n"
    "  in ??\n"
    "1.50K leaked over 30 calls from:\n"
    "    0x10fff\n"
    "      in ??\n"
    "\n"
    "\n"
    "MOST TEMPORARY ALLOCATIONS\n"
    "7 temporary allocations of 100 allocations in total (7.00%) from\n"
    "0x12fff\n"
    "  in ??\n"
    "7 temporary allocations of 70 allocations in total (10.00%) from:\n"
    "    0x11fff\n"
    "      in ??\n"
    "\n"
    "\n"
    "total runtime: 311.00s.\n"
    "calls to allocation functions: 106 (0/s)\n"
    "temporary memory allocations: 7 (0/s)\n"
    "peak heap memory consumption: 2.01K\n"
    "peak RSS (including seep overhead): 4.10K\n"
    "total memory leaked: 2.00M\n"
    "\n"
    "PROCESSES\n"
    "42 (parent 7), killed by signal 9 (SIGKILL), 106 calls, 2.01K peak, 2.00M not released, 4.10K peak RSS: ./evil ?[2J?\n"
    "\n"
    "TRACER\n"
    "recorded by: seep 0.1.0, trace format 1.0, file of 12.35K\n"
    "events recorded: 200\n"
    "events lost: 3 told of; how many more is not known\n"
    "  3 events dropped because the ring was full\n"
    "  9 events recorded in damaged parts of the file\n"
    "damage: 1 place\n"
    "  at offset 100, up to the end: cut\n"
    "coverage: not measured: the process was killed\n"
    "trace: incomplete: the recorder did not come to its end, the last events may be missing\n"
    "collector: 0.25s of CPU time, 2.00M of memory\n";

static struct lost lost = {.key = (char[]){"ring-full"},
                           .text = (char[]){"events dropped because the ring was full"},
                           .count = 3,
                           .is_events = true};
static struct damage damage = {.off = 100, .what = (char[]){"cut"}};
static struct process process = {.pid = 42,
                                 .ppid = 7,
                                 .end_kind = TRACE_END_SIGNAL,
                                 .end_value = 9,
                                 .peak_rss_bytes = 4100,
                                 .total = {.calls = 106, .peak_bytes = 2011, .unreleased_bytes = 2001500, .temporary = 7},
                                 .command = (char[]){"./evil \x1b[2J\x9b"}};

static void make_profile(struct profile *p) {
    *p = (struct profile){
        .path = (char[]){"x.seep"}, .file_bytes = 12345, .version_major = 1, .recorder_version = (char[]){"0.1.0"}};
    p->path = strdup("x.seep");
    p->recorder_version = strdup("0.1.0");
    p->runtime_ns = 311000000000;
    p->stacks = stacks;
    p->n_stacks = sizeof stacks / sizeof stacks[0];
    p->costs = costs;
    p->n_costs = sizeof costs / sizeof costs[0];
    p->processes = &process;
    p->n_processes = 1;
    p->lost = &lost;
    p->n_lost = 1;
    p->damage = &damage;
    p->n_damage = 1;
    p->lost_events = 3;
    p->n_events = 200;
    p->n_events_missing = 9;
    p->collector_cpu_ns = 250000000;
    p->collector_rss_bytes = 2000000;
    p->total = (struct cost){.calls = 106, .peak_bytes = 2011, .unreleased_bytes = 2001500, .temporary = 7};
}

static struct profile hand_made;

static void warn(void) {
    report_warn_incomplete(&hand_made);
}

static void check_text(void) {
    make_profile(&hand_made);
    struct symbolizer *s = symbolizer_open(&hand_made, NULL, NULL);
    struct blame_rules rules = {0};
    struct blame *blame = blame_open(&hand_made, s, &rules);
    struct sites sites;
    struct sites_wanted wanted = {.group = SITE_BY_BLAME, .orders = (1U << SITE_N_ORDERS) - 1, .top = 2};
    sites_build(&sites, &hand_made, s, blame, &wanted);
    struct openssl_objects openssl;
    openssl_objects_find(&openssl, &hand_made, s, blame);
    struct report report = {.profile = &hand_made,
                            .sites = {&sites, &sites, &sites, &sites},
                            .openssl = &openssl,
                            .symbolizer = s,
                            .top = 2,
                            .stacks = 1};
    char *text = NULL;
    size_t n_bytes;
    FILE *f = open_memstream(&text, &n_bytes);
    report_text(f, &report);
    fclose(f);
    if (!tap_ok(strcmp(text, expected) == 0, "the text report, to the letter")) {
        FILE *got = fopen("/tmp/test_report.got", "w");
        fputs(text, got);
        fclose(got);
        puts("# what came is in /tmp/test_report.got");
    }
    free(text);
    openssl_objects_free(&openssl);
    sites_free(&sites);
    blame_close(blame);
    symbolizer_close(s);
    const char *said = captured(warn);
    tap_ok(count_lines(said) == 1 && strstr(said, "events lost: 12") && strstr(said, "file: 1"),
           "gaps are told on stderr, in one line");
    hand_made.lost_events = hand_made.n_events_missing = hand_made.n_damage = 0;
    hand_made.is_complete = true;
    tap_ok(*captured(warn) == '\0', "no gaps, no warning");
    free(hand_made.path);
    free(hand_made.recorder_version);
}

int main(void) {
    check_text();
    if (!mkdtemp(folder) || !make_libraries()) {
        tap_ok(false, "a library can be compiled and stripped (scripts/deps test)");
        return tap_end();
    }
    check_against_addr2line("whole.so", NULL, "names, lines and inlined frames are addr2line's");
    check_against_addr2line("noaranges.so", NULL, "the same without .debug_aranges");
    check_against_addr2line("beside.so", NULL, "the same with a debug file beside it (.gnu_debuglink)");
    char *store = path_of("store");
    check_against_addr2line("bare.so", store, "the same with --debug-dir and a file of any name in it");
    check_against_addr2line("absent.so", store, "the same with only the debug file left");
    free(store);
    check_wrong_files();
    check_sysroot();
    free(module.path);
    run("rm -rf \"$PWD\"");
    return tap_end();
}
