#!/usr/bin/env python3
"""lsan_patterns.py - which leaks a pattern hides: LeakSanitizer's answer and seep's, for many patterns.

usage: lsan_patterns.py PROGRAM_WITH_LSAN TRACE N

The program (tests/targets/leak_names.cc) leaks blocks of different sizes, by which both reports tell them apart. Patterns are pieces of
the names in it, put together at random with wildcards and anchors, and some written by hand. A pattern that hides all of LeakSanitizer's leaks
may do so by the frame of malloc, which seep does not have, so those count only if they were written by hand.
"""
import json
import os
import random
import re
import subprocess
import sys

WRITTEN = ["parse", "^parse$", "parse$", "^parse", "^parse_*", "parse*parse", "*parse*", "^*parse", "ab$", "^ab", "b_ab$", "*ab$", "a*b$", "^xab*ab$",
           "do$lar", "do*lar", "lar$", "A_Bc_D", "a_bc_d", "net::", "net::Conn::", "^net::Conn::open(char const*, int*)$", "net::fill<char>",
           "net::fill<*>", "^void net::fill", "fill<int>(int*)", "inner", "inner::hidden(int)$", "deep", "deep(int)$", "^deep$", "leak_names.cc", "names.cc$",
           "^leak_names", "main", "leak_here", "all()", "nothing_like_it", "$", "**", "^^parse", "parse$$", "parse$x", "par*$x", "^$"]
PIECES = ["parse", "par", "rse", "_twice", "re_", "ab", "xab", "_ab", "do", "lar", "A_B", "c_D", "net", "::", "Conn", "open", "(char", "fill", "<int>", "int*)",
          "inner", "hidden", "deep", "(int)"]


def sizes(text):
    return frozenset(int(n) for n in re.findall(r"Direct leak of (\d+) byte", text))


def by_lsan(program, pattern):
    open("lsan.supp", "w").write("leak:%s\n" % pattern)
    env = dict(os.environ, LSAN_OPTIONS="suppressions=lsan.supp:print_suppressions=0:max_leaks=0:fast_unwind_on_malloc=0")
    run = subprocess.run([program], env=env, capture_output=True, text=True, timeout=60)
    if run.returncode not in (0, 23):
        sys.exit("%s: exit status %d: %s" % (pattern, run.returncode, run.stderr[:500]))
    return sizes(run.stderr)


def by_seep(trace, pattern):
    open("seep.supp", "w").write("leak:%s\n" % pattern)
    run = subprocess.run([os.environ["SEEP"], "report", "--format", "json", "--stacks", "1000", "--suppressions", "seep.supp", trace],
                         capture_output=True, text=True, timeout=60)
    if run.returncode != 0:
        sys.exit("%s: seep report: %s" % (pattern, run.stderr[:500]))
    stacks = [stack for site in json.loads(run.stdout)["sites"] for stack in site["stacks"]]
    return frozenset(s["unreleased_bytes"] for s in stacks if 1000 < s["unreleased_bytes"] < 1100)


def invented(rng):
    pattern = rng.choice(["", "", "^", "*"])
    for i in range(rng.randint(1, 3)):
        pattern += (rng.choice(["*", "*", "", "$"]) if i else "") + rng.choice(PIECES)
    return pattern + rng.choice(["", "", "$", "*", "*$"])


def main():
    program, trace, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
    rng, n_wrong, n_some = random.Random(6), 0, 0
    everything = by_lsan(program, "nothing_like_it")
    if len(everything) < 12 or by_seep(trace, "nothing_like_it") != everything:
        sys.exit("they do not leak the same: %s, %s" % (sorted(everything), sorted(by_seep(trace, "nothing_like_it"))))
    for i in range(len(WRITTEN) + n):
        pattern = WRITTEN[i] if i < len(WRITTEN) else invented(rng)
        if pattern in ("^",):
            continue
        want = by_lsan(program, pattern)
        if not want and i >= len(WRITTEN):
            continue
        n_some += want != everything
        got = by_seep(trace, pattern)
        if got != want:
            n_wrong += 1
            print("leak:%s leaves %s, LeakSanitizer %s" % (pattern, sorted(got), sorted(want)))
    print("%d patterns hide something" % n_some)
    sys.exit(n_wrong != 0 or n_some < 20)


if __name__ == "__main__":
    main()
