#!/usr/bin/env python3
"""compare_openssl.py - the books of targets/openssl_calls.c against `seep report --format json`: OpenSSL's file and line of each block.

usage: compare_openssl.py REPORT FOREIGN BOOKS...     FOREIGN: blocks of malloc's that each book frees through OpenSSL

Each allocation from openssl_calls.c must be there once, with its line and size, and each free through OpenSSL with its line. Frames of libseep.so must not be there.
"""
import collections
import json
import sys

NAME = "openssl_calls.c"
# Calls with names that cannot be believed, made in each of 50 rounds of each book: line, and where they are freed
ODD = {90001: 90002, 90003: 90004, None: (1 << 24) - 1}


def main(report, n_foreign, *books):
    sites = json.load(open(report))["sites"]
    calls, sizes, freed = collections.Counter(), collections.Counter(), collections.Counter()
    for book in books:
        for line in open(book):
            what, a, b = line.split()
            if what == "alloc":
                calls[int(a)] += 1
                sizes[int(a)] += int(b)
            else:
                freed[int(a), int(b)] += 1
    seen_calls, seen_sizes, seen_freed, odd = collections.Counter(), collections.Counter(), collections.Counter(), collections.Counter()
    wrong, foreign = [], 0
    for site in sites:
        for stack in site["stacks"]:
            if any((f["module"] or "").endswith("libseep.so") for f in stack["frames"]):
                wrong.append("a frame of libseep.so: %s" % [f["function"] for f in stack["frames"]])
            tag = stack.get("openssl")
            if not tag:
                continue
            if tag["file"] is None and tag["line"] is None and any(p["file"] for p in tag["freed"]):
                foreign += sum(p["blocks"] for p in tag["freed"])
            elif tag["file"] is None:
                odd[tag["line"]] += stack["calls"]
                for place in tag["freed"]:
                    odd["free", tag["line"], place["line"]] += place["blocks"]
            elif tag["file"].endswith(NAME):
                seen_calls[tag["line"]] += stack["calls"]
                seen_sizes[tag["line"]] += stack["allocated_bytes"]
                for place in tag["freed"]:
                    if not (place["file"] or "").endswith(NAME):
                        wrong.append("freed at %s" % place)
                    seen_freed[tag["line"], place["line"]] += place["blocks"]
    for name, wanted, seen in ("calls", calls, seen_calls), ("bytes", sizes, seen_sizes), ("frees", freed, seen_freed):
        for key in sorted(set(wanted) | set(seen)):
            if wanted[key] != seen[key]:
                wrong.append("%s of line %s: %d in the report, %d in the books" % (name, key, seen[key], wanted[key]))
    for line, free_line in ODD.items():
        if odd[line] != 50 * len(books) or odd["free", line, free_line] != 50 * len(books):
            wrong.append("line %s without a name: %d calls, %d freed" % (line, odd[line], odd["free", line, free_line]))
    if foreign != int(n_foreign) * len(books):
        wrong.append("%d of malloc's blocks freed through OpenSSL" % foreign)
    if not calls:
        wrong.append("the books are empty")
    if wrong:
        sys.exit("compare_openssl.py: " + "\n".join(wrong[:20]))


if __name__ == "__main__":
    main(*sys.argv[1:])
