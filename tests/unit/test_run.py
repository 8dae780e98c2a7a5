#!/usr/bin/env python3
"""test_run.py - `seep run`: it ends as its command does, and says beforehand what it cannot trace. TAP on stdout.

SEEP names the executable to test (default build/seep); the libseep.so beside it is preloaded. Needs a C compiler (CC).
"""
import glob
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SEEP = os.path.abspath(os.environ.get("SEEP", os.path.join(ROOT, "build", "seep")))
PROGRAM = r"""
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void caught(int n) { (void)n; write(1, "caught\n", 7); _exit(9); }
int main(int argc, char **argv) {
    void *kept[10];
    for (int i = 0; i < 10; i++) kept[i] = malloc(100);
    for (int i = 0; i < 7; i++) free(kept[i]);
    if (argc < 2) return 0;
    if (!strcmp(argv[1], "exit")) return atoi(argv[2]);
    if (!strcmp(argv[1], "raise")) raise(atoi(argv[2]));
    if (!strcmp(argv[1], "env")) { puts(getenv("LD_PRELOAD")); puts(getenv("SEEP_OPTIONS")); }
    if (!strcmp(argv[1], "wait")) { signal(atoi(argv[2]), caught); puts("ready"); fflush(stdout); for (;;) pause(); }
    return 0;
}
"""


class Tap:
    n = bad = 0

    def ok(self, is_ok, text, why=""):
        self.n += 1
        self.bad += not is_ok
        print(f"{'ok' if is_ok else 'not ok'} {self.n} - {text}")
        if not is_ok:
            print("# " + str(why)[:1000].replace("\n", "\n# "))


def compile_to(path, *flags):
    return subprocess.run([os.environ.get("CC", "cc"), "-w", *flags, "-x", "c", "-", "-o", path], input=PROGRAM.encode(),
                          capture_output=True).returncode == 0


def run(*args, env=None):
    return subprocess.run([SEEP, "run", *args], capture_output=True, text=True, env={**os.environ, **(env or {})})


def test_status(tap):
    for args, want in ((["exit", "0"], 0), (["exit", "77"], 77), (["raise", "15"], -15), (["raise", "11"], -11), (["raise", "9"], -9)):
        r = run("-o", f"s{want}.seep", "--", "./program", *args)
        tap.ok(r.returncode == want, f"ends as the program: {' '.join(args)}", (r.returncode, r.stderr))
        tap.ok("10 allocations, 300 B unreleased in 3 blocks, 0 events lost" in r.stderr and r.stderr.count("\n") == 1,
               "one line says what the trace holds", r.stderr)


def test_names(tap):
    r = run("./program")
    tap.ok(len(glob.glob("seep.program.[0-9]*.seep")) == 1, "a trace without a name gets seep.<program>.<pid>.seep", r.stderr)
    r = run("-o", "a:b%25 c.%p.seep", "./program")
    tap.ok(len(glob.glob("a:b%25 c.[0-9]*.seep")) == 1 and r.returncode == 0, "colons, percent signs and %p in names", r.stderr)
    r = run("-o", "env.seep", "--ring", "2M", "--unwinder", "cfi", "./program", "env",
            env={"LD_PRELOAD": "/nonexistent/other.so", "SEEP_OPTIONS": "ring=1M"})
    lines = r.stdout.split("\n")
    tap.ok(lines[0].endswith("/libseep.so:/nonexistent/other.so"), "an LD_PRELOAD that is there stays, behind ours", r.stdout)
    tap.ok(len(lines) > 1 and lines[1].startswith("ring=1M:output=/") and ":ring=2M:unwinder=cfi:tree=/" in lines[1],
           "SEEP_OPTIONS that are there stay, before ours", r.stdout)


def refuse(tap, text, status, line, *args):
    before = sorted(os.listdir("."))
    r = run(*args)
    is_right = r.returncode == status and line in r.stderr and r.stderr.count("\n") == 1 and r.stdout == ""
    tap.ok(is_right and before == sorted(os.listdir(".")), f"refused with {status}: {text}", (r.returncode, r.stderr))


def test_refusals(tap):
    open("there.seep", "w").close()
    open("plain", "w").close()
    refuse(tap, "no such command", 127, "cannot run nosuch: not found", "nosuch")
    refuse(tap, "not executable", 126, "cannot run ./plain: not an executable file", "./plain")
    refuse(tap, "a directory", 126, "not an executable file", "/")
    refuse(tap, "the trace exists", 2, "there.seep already exists; seep never overwrites", "-o", "there.seep", "./program")
    refuse(tap, "no such directory", 2, "directory nodir: No such file", "-o", "nodir/x.seep", "./program")
    refuse(tap, "no command", 2, "which command?")
    refuse(tap, "an unknown option", 2, "cannot make sense of '--nope'", "--nope", "./program")
    refuse(tap, "a wrong unwinder", 2, "cannot make sense of 'x'", "--unwinder", "x", "./program")
    if compile_to("static", "-static"):
        refuse(tap, "a static program", 2, "statically linked", "./static")
        with open("script", "w") as f:
            f.write(f"#! {os.path.abspath('static')} -x\n")
        os.chmod("script", 0o755)
        refuse(tap, "a script for one", 2, "is a script for", "./script")
    else:
        tap.ok(False, "a static program can be made (libc6-dev)")
    compile_to("suid")
    if os.getuid() == 0:
        os.chown("suid", 65534, 65534)
        os.chmod("suid", 0o755 | stat.S_ISUID)
        refuse(tap, "a set-user-ID program", 2, "set-user-ID", "./suid")
    else:
        refuse(tap, "a set-user-ID program", 2, "set-user-ID", shutil.which("su") or "/usr/bin/su")


def signalled(number, to_group, wait_for):
    """Start `program wait N`, send the signal, return how seep run ended and what the program said."""
    child = subprocess.Popen([SEEP, "run", "-o", f"{number}-{wait_for}.seep", "./program", "wait", str(wait_for)],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    child.stdout.readline()
    (os.killpg if to_group else os.kill)(child.pid, number)
    out, err = child.communicate(timeout=30)
    return child.returncode, out, err


def test_signals(tap):
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        code, out, err = signalled(number, False, number)
        tap.ok(code == 9 and out == "caught\n", f"{signal.Signals(number).name} is passed on", (code, out, err))
    code, out, err = signalled(signal.SIGINT, True, signal.SIGINT)
    tap.ok(code == 9 and "trace in" in err, "Ctrl-C that the program handles leaves seep run waiting", (code, out, err))
    code, out, err = signalled(signal.SIGINT, True, signal.SIGUSR1)
    tap.ok(code == -signal.SIGINT and "trace in" in err, "Ctrl-C that kills the program ends seep run alike, after its line",
           (code, out, err))


def main():
    tap = Tap()
    if not os.access(SEEP, os.X_OK) or not os.path.exists(os.path.join(os.path.dirname(SEEP), "libseep.so")):
        print(f"not ok 1 - {SEEP} and its libseep.so are built\n1..1")
        return 1
    with tempfile.TemporaryDirectory(prefix="seep-run-") as directory:
        os.chdir(directory)
        compile_to("program")
        for test in (test_status, test_names, test_refusals, test_signals):
            test(tap)
        os.chdir("/")
    print(f"1..{tap.n}")
    return 1 if tap.bad else 0


if __name__ == "__main__":
    sys.exit(main())
