/* test_rooted_open.c - a tree that stands for a root: symlinks stay in it, and only regular files are opened. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rooted_open.h"
#include "tap.h"

static char folder[PATH_MAX], root[PATH_MAX + 8];

static void make_tree(void) {
    static const char script[] =
        "cd '%s' && mkdir -p in/usr/lib in/a/b && echo inside >in/usr/lib/file && echo outside >secret && mkfifo in/fifo "
        "&& "
        "ln -s /usr/lib in/lib && ln -s /usr/lib/file in/direct && ln -s ../../usr/lib/file in/a/b/relative && "
        "ln -s ../../../../../../secret in/a/b/out && ln -s /secret in/gone && ln -s loop in/loop && "
        "ln -s /lib/./../lib//file in/twice && echo top >in/secret2 && ln -s ../../../../../secret2 in/a/b/top && "
        "ln -s /a/b/ in/slash";
    static char command[sizeof script + PATH_MAX];
    snprintf(command, sizeof command, script, folder);
    if (system(command) != 0) { /* NOLINT(cert-env33-c) */
        tap_ok(false, "a tree can be made");
    }
    snprintf(root, sizeof root, "%s/in", folder);
}

/* What stands in the file that is opened; "" = none is. */
static void read_it(int fd, char text[32]) {
    ssize_t n = fd >= 0 ? read(fd, text, 31) : 0;
    text[n > 0 ? n - 1 : 0] = '\0';
    if (fd >= 0) {
        close(fd);
    }
}

static void check(const char *path, const char *wanted) {
    char by_kernel[32], by_walk[32], what[256];
    read_it(rooted_open(root, path), by_kernel);
    read_it(rooted_open_by_walk(root, path), by_walk);
    snprintf(what, sizeof what, "%.60s: \"%s\"", path, wanted);
    if (!tap_ok(strcmp(by_kernel, wanted) == 0 && strcmp(by_walk, wanted) == 0, what)) {
        printf("# by the kernel \"%s\", by walking \"%s\"\n", by_kernel, by_walk);
    }
}

int main(void) {
    static char deep[5000];
    snprintf(folder, sizeof folder, "%s/rooted.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(folder)) {
        tap_ok(false, "a folder can be made");
        return tap_end();
    }
    make_tree();
    check("/usr/lib/file", "inside");
    check("usr/lib/file", "inside");
    check("/lib/file", "inside");
    check("/direct", "inside");
    check("/a/b/relative", "inside");
    check("/slash/relative", "inside");
    check("/twice", "inside");
    check("/a/b/../../lib/file", "inside");
    check("/../../../usr/lib/file", "inside");
    check("/a/b/top", "top");
    check("/../secret", "");
    check("/a/b/out", "");
    check("/gone", "");
    check("/loop", "");
    check("/fifo", "");
    check("/usr/lib", "");
    check("/", "");
    check("", "");
    check("/usr/lib/file/x", "");
    memset(deep, '/', sizeof deep - 1);
    memcpy(deep + sizeof deep - 7, "direct", 6);
    check(deep, "");
    char text[32];
    read_it(rooted_open("/no/such/root", "/usr/lib/file"), text);
    tap_ok(!text[0], "no such root");
    snprintf(deep, sizeof deep, "rm -rf '%s'", folder);
    tap_ok(system(deep) == 0, "the tree is removed"); /* NOLINT(cert-env33-c) */
    return tap_end();
}
