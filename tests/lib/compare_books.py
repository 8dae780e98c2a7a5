#!/usr/bin/env python3
"""compare_books.py - hold a target's own books against `seep report --format json`, to the byte.

usage: compare_books.py BOOKS REPORT [--lost-ok] [--incomplete-ok] [--others-max N] [--module NAME]

Beyond each booked figure it checks that the report agrees with itself (stacks add up to sites, sites to totals), that no
site of the target's own module stands in the report that is not in the books, and, where the books know the peak, that the
process's peak is theirs and that of everything else together.
"""
import argparse
import collections
import json
import os
import re
import sys

FIGURES = {"calls": "calls", "bytes": "allocated_bytes", "unreleased_bytes": "unreleased_bytes",
           "unreleased_blocks": "unreleased_blocks", "temporary": "temporary", "peak": "peak_bytes"}
TOTALS = dict(FIGURES, calls="allocations")
problems = []


def problem(text):
    problems.append(text)


def read_books(path):
    sites, total = {}, None
    for line in open(path):
        words = line.split()
        at = 2 if words[0] == "site" else 1
        figures = {k: None if v == "-" else int(v) for k, v in zip(words[at::2], words[at + 1::2])}
        if words[0] == "site":
            sites[words[1]] = figures
        else:
            total = figures
    if total is None:
        sys.exit("%s: the program did not finish its books" % path)
    return sites, total


def plain_name(function):
    return re.sub(r"\(.*", "", function or "??")


def check_sums(report):
    sums = collections.Counter()
    for site in report["sites"]:
        inner = collections.Counter()
        for key in FIGURES.values():
            sums[key] += site[key]
        for stack in site["stacks"]:
            for key in FIGURES.values():
                inner[key] += stack[key]
        for key in FIGURES.values():
            if inner[key] != site[key]:
                problem("site %s: its stacks' %s add up to %d, not %d" % (site["function"], key, inner[key], site[key]))
    for field, key in FIGURES.items():
        if sums[key] != report["totals"][TOTALS[field]]:
            problem("totals.%s is %d, the sites add up to %d" % (TOTALS[field], report["totals"][TOTALS[field]], sums[key]))
    totals = report["totals"]
    inherited = sum(process["inherited_frees"] for process in report["processes"])
    if totals["frees"] != totals["allocations"] - totals["unreleased_blocks"] + inherited:
        problem("%d frees, but %d allocations less %d blocks, and %d of inherited ones" % (
            totals["frees"], totals["allocations"], totals["unreleased_blocks"], inherited))
    for key in ("allocations", "allocated_bytes", "unreleased_bytes", "unreleased_blocks", "temporary"):
        figures = [process["totals"][key] for process in report["processes"]]
        if sum(figures) != totals[key]:
            problem("totals.%s is %d, those of the processes add up to %d" % (key, totals[key], sum(figures)))


def check_sites(args, report, books):
    found = {name: collections.Counter() for name in books}
    others = collections.Counter()
    for site in report["sites"]:
        name = plain_name(site["function"])
        into = found.get(name, others)
        for key in FIGURES.values():
            into[key] += site[key]
        if into is others and args.module and os.path.basename(site["module"] or "") == args.module and name != "main":
            problem("a site that the program knows nothing of: %s, %d calls, %d bytes unreleased" % (
                name, site["calls"], site["unreleased_bytes"]))
    for name, book in books.items():
        for field, key in FIGURES.items():
            if book.get(field) is not None and found[name][key] != book[field]:
                problem("%s: %s is %d, must be %d (%+d)" % (name, key, found[name][key], book[field],
                                                         found[name][key] - book[field]))
    return found, others


def check_with_loss(report, books, found):
    """Whatever is missing must have been counted, and nothing may have been made up."""
    missing = sum(book["calls"] - found[name]["calls"] for name, book in books.items())
    lost = report["trace"]["lost_events"]
    problems[:] = [p for p in problems if "add up" in p or "knows nothing" in p]
    for name, book in books.items():
        if found[name]["calls"] > book["calls"]:
            problem("%s: %d calls, more than the %d there were" % (name, found[name]["calls"], book["calls"]))
    if missing > lost:
        problem("%d allocations are missing, the report says %d events are" % (missing, lost))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("books")
    parser.add_argument("report")
    parser.add_argument("--lost-ok", action="store_true", help="events may be missing if the report says so")
    parser.add_argument("--must-lose", action="store_true", help="some events must be reported as lost")
    parser.add_argument("--incomplete-ok", action="store_true")
    parser.add_argument("--others-max", type=int, help="blocks that the libraries may leave behind")
    parser.add_argument("--module", help="base name of the target")
    args = parser.parse_args()
    args.lost_ok |= args.must_lose
    report = json.load(open(args.report))
    books, total = read_books(args.books)
    if not report["trace"]["complete"] and not args.incomplete_ok:
        problem("the trace is not complete")
    lost = report["trace"]["lost_events"]
    if lost and not args.lost_ok:
        problem("%d events lost" % lost)
    if args.must_lose and not lost:
        problem("no event was lost, so this tested nothing")
    for fact in report["trace"]["lost"]:
        if fact["kind"] in ("unknown-frees", "implicit-frees", "undos", "late") and fact["count"] and not args.lost_ok:
            problem("%d %s" % (fact["count"], fact["text"]))
    check_sums(report)
    found, others = check_sites(args, report, books)
    if lost and args.lost_ok:
        check_with_loss(report, books, found)
    elif total.get("peak") is not None and report["totals"]["peak_bytes"] != total["peak"] + others["peak_bytes"]:
        problem("peak is %d, must be %d and %d of the libraries'" % (report["totals"]["peak_bytes"], total["peak"],
                                                                   others["peak_bytes"]))
    if args.others_max is not None and others["unreleased_blocks"] > args.others_max:
        problem("the libraries have %d blocks left, at most %d are theirs" % (others["unreleased_blocks"], args.others_max))
    for text in problems:
        print("books: " + text)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
