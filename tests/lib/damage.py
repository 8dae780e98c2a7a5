#!/usr/bin/env python3
"""damage.py - give seep damaged copies of a trace.

usage: damage.py SEEP TRACE cut|flip N [SEED]

cut: N lengths spread over the file (all of them where N is 0); flip: N copies with 1 to 8 random bits flipped. The exit status must be 0 (something
could be read) or 3 with one line on stderr; never a signal, a sanitizer's report or more than 20 s.
"""
import os
import random
import subprocess
import sys


def run(seep, path, command):
    try:
        done = subprocess.run([seep] + command + [path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=20, env=dict(os.environ, ASAN_OPTIONS="detect_leaks=1"))
    except subprocess.TimeoutExpired:
        return "more than 20 s"
    err = done.stderr.decode("utf-8", "replace")
    if done.returncode not in (0, 3):
        return "exit status %d: %s" % (done.returncode, err[-1500:])
    lines = err.splitlines()
    if any(not line.startswith("seep: ") for line in lines):
        return "not seep's words: " + err[-1500:]
    if done.returncode == 3 and len(lines) != 1:
        return "%d lines: %s" % (len(lines), err[-1500:])
    if done.returncode == 3 and os.path.basename(path) not in lines[0]:
        return "the line does not name the file: " + lines[0]
    return None


def main():
    seep, trace, how, n = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    good = open(trace, "rb").read()
    rng = random.Random(int(sys.argv[5]) if len(sys.argv) > 5 else 1)
    if how == "cut":
        lengths = range(len(good)) if n == 0 else sorted(rng.sample(range(len(good)), min(n, len(good))))
        variants = (("cut at %d" % k, good[:k]) for k in lengths)
    else:
        def flipped():
            for i in range(n):
                image = bytearray(good)
                bits = [rng.randrange(len(good) * 8) for _ in range(rng.choice((1, 1, 1, 2, 8)))]
                for bit in bits:
                    image[bit // 8] ^= 1 << bit % 8
                yield "flip %d: bits %s" % (i, bits), bytes(image)
        variants = flipped()
    commands = (["report", "--format", "json"], ["report"], ["info"])
    failed = 0
    for i, (name, image) in enumerate(variants):
        path = "damaged.%d.seep" % i
        with open(path, "wb") as f:
            f.write(image)
        problem = run(seep, path, commands[i % 3])
        if problem:
            print("%s (%s): %s" % (name, path, problem))
            failed += 1
            if failed >= 5:
                break
        else:
            os.unlink(path)
    print("%d damaged traces, %d problems" % (i + 1, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
