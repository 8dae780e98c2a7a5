/* test_format_size.c - sizes are written as heaptrack_print writes them: against what it printed, and against itself where it is
 * installed. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format_size.h"
#include "tap.h"

/* heaptrack_print 1.4.0, leaks of a trace with one block of each size. */
static const struct {
    uint64_t n_bytes;
    const char *text;
} printed[] = {
    {0, "0B"},
    {1, "1B"},
    {999, "999B"},
    {1000, "1000B"},
    {1001, "1.00K"},
    {1005, "1.00K"},
    {1006, "1.01K"},
    {9999, "10.00K"},
    {99994, "99.99K"},
    {100000, "100.00K"},
    {999994, "999.99K"},
    {999999, "1000.00K"},
    {1000000, "1000.00K"},
    {1000001, "1.00M"},
    {10485760, "10.49M"},
    {1000000000, "1000.00M"},
    {1000000000000, "1000.00G"},
    {1000000000001, "1.00T"},
    {1000000000000001, "1000.00T"},
    {500000000000000000, "500000.00T"},
};

enum { N_RANDOM = 400 };

/* One function and one block for each size, in heaptrack's own format. */
static void write_heaptrack_trace(FILE *f, const uint64_t *sizes) {
    fputs("v 10400 3\nX x\nI 1000 1000\n", f);
    for (unsigned i = 0; i < N_RANDOM; i++) {
        fprintf(f, "s 4 f%03u\n", i);
    }
    for (unsigned i = 0; i < N_RANDOM; i++) {
        fprintf(f, "i %x 0 %x\nt %x 0\na %" PRIx64 " %x\n+ %x\n", 0x1000 + i * 16, i + 1, i + 1, sizes[i], i + 1, i);
    }
    fputs("c 1f4\n", f);
}

/* How many of heaptrack_print's leak sizes are not ours; -1 = it said something else than expected. */
static int count_differing(FILE *report, const uint64_t *sizes) {
    static const char sentence[] = " leaked over 1 calls from\n";
    char line[256], function[256], ours[FORMAT_BYTES_MAX];
    int n_differing = 0, n_seen = 0;
    while (fgets(line, sizeof line, report)) {
        char *end = strstr(line, sentence);
        unsigned i;
        if (end && fgets(function, sizeof function, report) && sscanf(function, "f%3u", &i) == 1 && i < N_RANDOM) {
            *end = '\0';
            n_differing += strcmp(line, format_size(sizes[i], ours)) != 0;
            n_seen++;
        }
    }
    return n_seen == N_RANDOM ? n_differing : -1;
}

static void compare_with_heaptrack(void) {
    if (system("command -v heaptrack_print >/dev/null 2>&1") != 0) {
        tap_ok(false, "heaptrack_print is installed (scripts/deps test)");
        return;
    }
    uint64_t sizes[N_RANDOM];
    srand(1);
    for (unsigned i = 0; i < N_RANDOM; i++) {
        sizes[i] = (((uint64_t)rand() << 31 | (uint64_t)rand()) >> (10 + rand() % 50)) + 1;
    }
    char path[] = "/tmp/test_format_size.XXXXXX";
    FILE *f = fdopen(mkstemp(path), "w");
    write_heaptrack_trace(f, sizes);
    fclose(f);
    char command[256];
    snprintf(command, sizeof command, "heaptrack_print -l 1 -a 0 -p 0 -T 0 -n 100000 %s 2>/dev/null", path);
    FILE *report = popen(command, "r");
    tap_ok(count_differing(report, sizes) == 0, "random sizes are heaptrack_print's");
    pclose(report);
    unlink(path);
}

static void check_ages(void) {
    static const struct {
        uint64_t ns;
        const char *text;
    } ages[] = {{0, "0.0s"},
                {12345678901, "12.3s"},
                {59999999999, "59.9s"},
                {60000000000, "1m00s"},
                {310000000000, "5m10s"},
                {10920000000000, "3h02m"},
                {86400000000000, "1d00h"},
                {UINT64_MAX, "213503d23h"}};
    char buf[FORMAT_BYTES_MAX];
    bool is_ok = true;
    for (unsigned i = 0; i < sizeof ages / sizeof ages[0]; i++) {
        if (strcmp(format_age(ages[i].ns, buf), ages[i].text) != 0) {
            printf("# %" PRIu64 ": %s, expected %s\n", ages[i].ns, buf, ages[i].text);
            is_ok = false;
        }
    }
    tap_ok(is_ok, "ages have two units at most");
}

int main(void) {
    char buf[FORMAT_BYTES_MAX];
    bool is_ok = true;
    for (unsigned i = 0; i < sizeof printed / sizeof printed[0]; i++) {
        if (strcmp(format_size(printed[i].n_bytes, buf), printed[i].text) != 0) {
            printf("# %" PRIu64 ": %s, expected %s\n", printed[i].n_bytes, buf, printed[i].text);
            is_ok = false;
        }
    }
    tap_ok(is_ok, "sizes at the borders of units are as heaptrack_print wrote them");
    compare_with_heaptrack();
    check_ages();
    tap_ok(per_second(1273, 2000000) == 636500 && per_second(5, 0) == 0, "rates, also of no time at all");
    return tap_end();
}
