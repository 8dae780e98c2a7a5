#!/usr/bin/env python3
"""test_report_heaptrack.py - seep report against heaptrack_print, on the same events.

heaptrack records a C++ program in its raw format. The same events are written as a seep trace (tests/lib/trace_write.py), and
both reports are compared, seep's with --group-by leaf: every site and stack of the program's own code in every section, to the letter, and the
footer. Left out is what differs on purpose: aliases in libc (we say puts, not __GI__IO_puts), so libraries' frames; and the
order of equal values, which heaptrack leaves to chance. BUILD (default build) says where seep is. TAP on stdout.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
from trace_write import TraceWriter  # noqa: E402

SEEP = os.path.join(os.path.abspath(os.environ.get("BUILD", os.path.join(ROOT, "build"))), "seep")
INTERPRET = "/usr/lib/heaptrack/libexec/heaptrack_interpret"

SOURCE = r"""
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>
#define OUT_OF_LINE __attribute__((noinline))
#define IN_LINE inline __attribute__((always_inline))
static IN_LINE char *allocate(size_t n) { return (char *)malloc(n); }
static IN_LINE char *pad(size_t n) { return allocate(n + 1); }
OUT_OF_LINE char *leak(int n) { char *p = pad(n); p[0] = 1; return p; }
template <int N> struct chain { OUT_OF_LINE static void go(int n) { leak(N + n); chain<N - 1>::go(n); asm volatile(""); } };
template <> struct chain<0> { static void go(int) {} };
struct part { std::vector<int> v; std::string s; part(int n) : v(n), s(n, 'x') {} };
OUT_OF_LINE part *make(int n) { return new part(n); }
OUT_OF_LINE void churn() { for (int i = 0; i < 1000; i++) { volatile char *p = (char *)malloc(10); p[0] = 1; free((void *)p); } }
struct less { bool operator<(const less &o) const { return k < o.k; } int k; };
OUT_OF_LINE void fill(std::map<less, std::unique_ptr<part>> &m) { for (int i = 0; i < 50; i++) m[less{i}].reset(make(100 + i)); }
int main() {
    std::map<less, std::unique_ptr<part>> m;
    fill(m);
    churn();
    leak(1000000);
    for (int i = 0; i < 3; i++) leak(999 + i);
    chain<7>::go(5);
    for (int i = 0; i < 20; i++) leak(i);
    void *r = nullptr;
    for (int i = 0; i < 20; i++) { r = realloc(nullptr, 5); r = realloc(r, 50); }
    return r == nullptr;
}
"""


def command(*argv, **options):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **options).stdout


def convert(raw):
    """The seep trace with the events of a raw heaptrack file. heaptrack's addresses are return address - 1."""
    w = TraceWriter()
    w.start(real_ns=time.time_ns())  # later than the program: without a build-id a newer one would not be believed
    stacks, n_modules, executable, ms = [0], 0, "", 0
    for line in raw.splitlines():
        kind, _, rest = line.partition(" ")
        words = rest.split(" ")
        if kind == "x":
            executable = rest.partition(" ")[2]
        elif kind == "X":
            w.process(0, 1, 0, executable, words)
            w.thread(0, 0, 1, "main")
        elif kind == "m" and words[1] != "-":
            name = words[1] if words[1] != "x" else executable
            numbers = [int(v, 16) for v in words[2:]]
            bias, parts = numbers[0], numbers[1:]
            ends = [a + n for a, n in zip(parts[0::2], parts[1::2])]
            n_modules += 1
            w.module(n_modules, 0, 0, bias, bias + min(parts[0::2]), bias + max(ends), b"", name)
        elif kind == "t":
            stacks.append(w.stack(stacks[int(words[1], 16)], int(words[0], 16) + 1))
        elif kind == "c":
            ms = int(rest, 16)
            w.at(ms)
        elif kind == "+":
            w.alloc(0, words[2], stacks[int(words[1], 16)], int(words[0], 16))
        elif kind == "-":
            w.free(0, rest)
    w.process_end(0, ms * 1000000, 1, 0)
    w.end()
    return w.image()


def sections(text, program):
    """{title: {the leaf's lines: (sentence, stacks)}} of the program's own sites, stacks sorted."""
    found = {}
    for part in re.split(r"\n\n\n", text.split("finished reading file, now analyzing data:\n\n")[1])[:4]:
        title, _, body = part.partition("\n")
        sites = found.setdefault(title, {})
        for site in body.strip("\n").split("\n\n"):
            lines = [x for x in site.split("\n") if not re.match(r"  \d+ blocks still allocated", x)]
            leaf, stacks, rest = [], [], ""
            for line in lines[1:]:
                if line.startswith("  and "):
                    rest = line
                elif line.endswith(" from:"):
                    stacks.append([line])
                else:
                    (stacks[-1] if stacks else leaf).append(line)
            if leaf and f"  in {program}" in leaf:
                own = sorted("\n".join(s) for s in stacks)
                sites["\n".join(leaf)] = (lines[0], own, rest)
    return found


def footer(text):
    kept = ("calls to allocation functions: ", "peak heap memory consumption: ", "total memory leaked: ")
    return [re.sub(r" \(.*", "", x) for x in text.splitlines() if x.startswith(kept)]


def check_json(tap, document):
    figures = {"calls": "allocations"}
    sums = {k: sum(s[k] for s in document["sites"]) for k in
            ("calls", "allocated_bytes", "peak_bytes", "unreleased_bytes", "unreleased_blocks", "temporary")}
    totals = {k: document["totals"][figures.get(k, k)] for k in sums}
    tap.ok(sums == totals, "JSON: the sites add up to the totals", f"{sums}\n{totals}")
    wrong = [s for s in document["sites"] for k in s["stacks"]
             if any(k["frames"][0][x] != s[x] for x in ("function", "file", "line", "module"))]
    tap.ok(document["sites"] and not wrong, "JSON: a site is the first frame of its stacks", wrong)
    leak = [s for s in document["sites"] if s["function"] == "allocate"]
    names = [f["function"] for f in leak[0]["stacks"][0]["frames"]] if leak else []
    tap.ok(names[:3] == ["allocate", "pad", "leak(int)"] and "_start" in names,
           "JSON: all frames, inlined ones too", names)


class Tap:
    def __init__(self):
        self.n, self.n_failed = 0, 0

    def ok(self, is_ok, text, details=""):
        self.n += 1
        self.n_failed += not is_ok
        print(f"{'' if is_ok else 'not '}ok {self.n} - {text}")
        if not is_ok:
            print("".join(f"# {x}\n" for x in str(details).splitlines()), end="")


def compare(tap, ours, theirs, program):
    mine, known = sections(ours, program), sections(theirs, program)
    tap.ok(list(mine) == list(known), "the sections and their order", f"{list(mine)}\n{list(known)}")
    for title, sites in known.items():
        got = mine.get(title, {})
        n_stacks = sum(len(v[1]) for v in sites.values())
        differing = [(k, v, got.get(k)) for k, v in sites.items() if got.get(k) != v]
        tap.ok(sites and set(got) == set(sites) and not differing,
               f"{title}: {len(sites)} sites, {n_stacks} stacks, to the letter", "\n".join(map(str, differing)))
    tap.ok(footer(ours) == footer(theirs), "the footer", f"{footer(ours)}\n{footer(theirs)}")


def main():
    if not (shutil.which("heaptrack") and shutil.which("c++") and shutil.which("zstd") and os.access(INTERPRET, os.X_OK)):
        print("not ok 1 - heaptrack, c++ and zstd are installed (scripts/deps test)\n1..1")
        return 1
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with open("program.cc", "w") as f:
            f.write(SOURCE)
        command("c++", "-O1", "-g", "program.cc", "-o", "program")
        command("heaptrack", "-r", "-o", "raw", "./program")
        raw = command("zstd", "-dc", "raw.raw.zst") if os.path.exists("raw.raw.zst") else command("zcat", "raw.raw.gz")
        with open("interpreted", "wb") as f:
            f.write(command(INTERPRET, input=raw))
        with open("x.seep", "wb") as f:
            f.write(convert(raw.decode()))
        arguments = ["--disable-builtin-suppressions", "-l", "1", "interpreted"]
        theirs = command("heaptrack_print", *arguments).decode()
        ours = command(SEEP, "report", "--group-by", "leaf", "x.seep").decode()
        document = json.loads(command(SEEP, "report", "--format", "json", "--stacks", "1000", "x.seep"))
        check_json(tap, document)
        compare(tap, ours, theirs, os.path.join(os.path.realpath(folder), "program"))
    print(f"1..{tap.n}")
    return tap.n_failed != 0


if __name__ == "__main__":
    sys.exit(main())
