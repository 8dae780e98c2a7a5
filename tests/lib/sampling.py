#!/usr/bin/env python3
"""sampling.py RUNS INTERVAL PROGRAM… - hold the estimates of sampled traces against a full trace of the same program.

Over many runs, each with its own random numbers, the mean of an estimate must be the truth (no bias), and the truth must lie within two
of the estimate's own standard errors in some 95 of 100 runs (they say what they mean). Prints a line per figure; status 1 if one is
wrong. Limits: the mean may be off by 4 of its standard errors (1 in 16,000 by chance), coverage by 4 of its.
"""
import json
import math
import os
import subprocess
import sys

FIGURES = ["allocations", "allocated_bytes", "unreleased_bytes", "unreleased_blocks", "temporary"]
ERROR_OF = {"allocations": "calls"}
COVERED = 0.9545  # of a normal distribution within two standard errors


def trace(options, program):
    if os.path.exists("sample.seep"):
        os.unlink("sample.seep")
    subprocess.run([os.environ["SEEP"], "run", "-o", "sample.seep", *options, "--", *program], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    report = subprocess.run([os.environ["SEEP"], "report", "--format", "json", "--top", "1", "sample.seep"], check=True,
                            capture_output=True, text=True)
    return json.loads(report.stdout)


def main():
    n, interval, program = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    truth = trace([], program)["totals"]
    runs = [trace(["--sample", interval], program) for _ in range(n)]
    is_right = all(not r["trace"]["lost"] and r["trace"]["complete"] for r in runs)
    print(f"{'nothing lost' if is_right else 'LOST ' + str([r['trace']['lost'] for r in runs])}, "
          f"{sum(r['totals']['samples'] for r in runs) / n:.0f} samples a run")
    for figure in FIGURES:
        estimates = [r["totals"][figure] for r in runs]
        errors = [r["totals"]["standard_errors"][ERROR_OF.get(figure, figure)] for r in runs]
        mean = sum(estimates) / n
        spread = math.sqrt(sum((e - mean) ** 2 for e in estimates) / (n - 1))
        bias = (mean - truth[figure]) / (spread / math.sqrt(n))
        covered = sum(abs(e - truth[figure]) <= 2 * s for e, s in zip(estimates, errors)) / n
        is_good = abs(bias) < 4 and covered > COVERED - 4 * math.sqrt(COVERED * (1 - COVERED) / n)
        is_right &= is_good
        print(f"{'ok   ' if is_good else 'WRONG'} {figure}: truth {truth[figure]}, mean {mean:.0f}, off by {bias:+.2f} of its standard errors; "
              f"spread {spread:.0f}, told {sum(errors) / n:.0f}; covered {covered:.3f}")
    return 0 if is_right else 1


sys.exit(main())
