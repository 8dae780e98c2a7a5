#!/usr/bin/env python3
"""compare_blame.py - hold what a program says its functions leak against what a report blames on them.

usage: compare_blame.py BOOKS REPORT [--key blamed|owner] [--but FUNCTION]…

A line of the books is FUNCTION BYTES SLACK: at least that many bytes, and at most so many more. REPORT is `seep report --format json`
of a group other than leaf. Each stack's own index must name the same function as its site. --but leaves out lines.
"""
import argparse
import collections
import json
import re
import sys


def plain(function):
    """Without crate, parameters and template arguments; all lambdas are one, a Rust closure is the function that it stands in."""
    name = function or "??"
    if name == "operator()" or "{lambda" in name:
        return "lambda"
    name = re.sub(r"::\{+closure.*", "", name)
    return re.sub(r"[(<].*", "", name).split("::")[-1]


parser = argparse.ArgumentParser()
parser.add_argument("books")
parser.add_argument("report")
parser.add_argument("--key", default="blamed")
parser.add_argument("--but", action="append", default=[])
args = parser.parse_args()
report = json.load(open(args.report))
found, n_wrong = collections.Counter(), 0
for site in report["sites"]:
    if args.key == report["group_by"] or report["group_by"] == "blame":
        for stack in site["stacks"]:
            at = stack[args.key]
            frame = stack["frames"][at] if at is not None else {"function": None}
            if frame["function"] != site[args.key]["function"]:
                print("blame: a stack of %s says that it is of %s" % (site[args.key]["function"], frame["function"]))
                n_wrong += 1
    found[plain(site[args.key]["function"])] += site["unreleased_bytes"]
n_lines = 0
for line in open(args.books):
    function, n_bytes, slack = line.split()[0], int(line.split()[1]), int(line.split()[2])
    if function in args.but:
        continue
    n_lines += 1
    if not n_bytes <= found[function] <= n_bytes + slack:
        print("blame: %s: %d bytes, must be %d to %d" % (function, found[function], n_bytes, n_bytes + slack))
        n_wrong += 1
if n_lines == 0:
    print("blame: the program said nothing")
sys.exit(n_wrong != 0 or n_lines == 0)
