#!/usr/bin/env python3
"""damage.py - give seep damaged copies of a trace.

usage: damage.py SEEP TRACE cut|flip N [SEED [WITHIN]]

cut: N lengths spread over the file (all of them where N is 0); flip: N copies with 1 to 8 random bits flipped; WITHIN: only in the first so many bytes.
The exit status must be 0 (something could be read) or 3 with one line on stderr; never a signal, a sanitizer's report or more than 20 s. A report has
the good one's figures or says that it is of a damaged trace, and no more calls than there were; if it is of a complete one, what it has and what it
says is missing come to all events (some may be both: those of blocks of which nothing is known).
"""
import json
import os
import random
import subprocess
import sys


def read_report(text):
    report = json.loads(text)
    trace = report["trace"]
    return {"is_complete": trace["complete"], "totals": report["totals"], "events": trace["events"], "missing": trace["events_missing"],
            "is_said": not trace["complete"] or trace["damage"] or trace["events_missing"] > 0}


def judge_report(text, good):
    got = read_report(text)
    if got["totals"] != good["totals"] and not got["is_said"]:
        return "not said to be damaged, but %s instead of %s" % (got["totals"], good["totals"])
    if got["totals"]["allocations"] > good["totals"]["allocations"]:
        return "%d calls, there were %d" % (got["totals"]["allocations"], good["totals"]["allocations"])
    if got["is_complete"] and got["events"] + got["missing"] < good["events"]:
        return "%d events and %d missing, there were %d" % (got["events"], got["missing"], good["events"])
    return None


def run(seep, path, command, good):
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
    return judge_report(done.stdout, good) if "json" in command and done.returncode == 0 else None


def main():
    seep, trace, how, n = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    good = open(trace, "rb").read()
    rng = random.Random(int(sys.argv[5]) if len(sys.argv) > 5 else 1)
    within = int(sys.argv[6]) if len(sys.argv) > 6 else len(good)
    if how == "cut":
        lengths = range(within) if n == 0 else sorted(rng.sample(range(within), min(n, within)))
        variants = (("cut at %d" % k, good[:k]) for k in lengths)
    else:
        def flipped():
            for i in range(n):
                image = bytearray(good)
                bits = [rng.randrange(within * 8) for _ in range(rng.choice((1, 1, 1, 2, 8)))]
                for bit in bits:
                    image[bit // 8] ^= 1 << bit % 8
                yield "flip %d: bits %s" % (i, bits), bytes(image)
        variants = flipped()
    commands = (["report", "--format", "json"], ["report"], ["info"], ["diff", trace])
    figures = read_report(subprocess.run([seep] + commands[0] + [trace], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout)
    failed = 0
    for i, (name, image) in enumerate(variants):
        path = "damaged.%d.seep" % i
        with open(path, "wb") as f:
            f.write(image)
        problem = run(seep, path, commands[i % len(commands)], figures)
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
