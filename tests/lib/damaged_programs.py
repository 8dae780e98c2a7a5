#!/usr/bin/env python3
"""damaged_programs.py - give seep doctor damaged copies of a program.

usage: damaged_programs.py SEEP PROGRAM cut|flip N [SEED]

cut: N lengths spread over the file; flip: N copies with 1 to 8 random bits flipped, most of them in its headers. The exit status must be 0, 1, 2,
126 or 127, with JSON on stdout for 0 and 1 and one line on stderr for the others; never a signal, a sanitizer's report or more than 20 s.
"""
import json
import os
import random
import subprocess
import sys

HEADER_BYTES = 1024


def problem_of(seep, path):
    try:
        done = subprocess.run([seep, "doctor", "--format", "json", "--", path], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=20)
    except subprocess.TimeoutExpired:
        return "more than 20 s"
    err = done.stderr.decode("utf-8", "replace")
    if done.returncode in (0, 1):
        found = json.loads(done.stdout)
        levels = {f["level"] for f in found["findings"]}
        if done.returncode != ("problem" in levels) or err:
            return "exit status %d, levels %s: %s" % (done.returncode, levels, err[-1500:])
        return None
    if done.returncode not in (2, 126, 127) or done.stdout or err.count("\n") != 1 or not err.startswith("seep: "):
        return "exit status %d: %s" % (done.returncode, err[-1500:])
    return None


def damaged(good, how, n, rng):
    for i in range(n):
        if how == "cut":
            yield "cut", good[:len(good) * i // n]
            continue
        image = bytearray(good)
        # The headers at the start, and the table of sections at the end.
        start, end = rng.choice(((0, HEADER_BYTES), (0, HEADER_BYTES), (len(good) - 4 * HEADER_BYTES, len(good)), (0, len(good))))
        for _ in range(rng.choice((1, 2, 8))):
            bit = rng.randrange(max(start, 0) * 8, end * 8)
            image[bit // 8] ^= 1 << bit % 8
        yield "flip %d" % i, bytes(image)


def main():
    seep, program, how, n = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    rng = random.Random(int(sys.argv[5]) if len(sys.argv) > 5 else 1)
    good = open(program, "rb").read()
    failed = 0
    for i, (name, image) in enumerate(damaged(good, how, n, rng)):
        path = "./damaged.%s.%d" % (how, i)
        with open(path, "wb") as f:
            f.write(image)
        os.chmod(path, 0o755)
        problem = problem_of(seep, path)
        if problem:
            print("%s (%s): %s" % (name, path, problem))
            failed += 1
        else:
            os.unlink(path)
    print("%d damaged programs, %d problems" % (n, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
