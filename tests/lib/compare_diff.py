#!/usr/bin/env python3
"""compare_diff.py - hold the books of two runs against `seep diff --format json` of their traces.

usage: compare_diff.py BASE-BOOKS BOOKS DIFF [--but FUNCTION]… [--other-sites N]

Books are those of targets/books.h. Of each function in them, all sites together must have its figures on both sides, and a function with one site the verdict that follows. Sites of
functions that are not in the books: at most N. --but leaves out functions.
"""
import argparse
import collections
import json
import re
import sys

KEYS = {"calls": "calls", "bytes": "allocated_bytes", "unreleased_bytes": "unreleased_bytes", "unreleased_blocks": "unreleased_blocks",
        "temporary": "temporary"}


def read_books(path):
    books = {}
    for line in open(path):
        words = line.split()
        if words[0] == "site":
            books[words[1]] = {k: int(v) for k, v in zip(words[2::2], words[3::2]) if v != "-"}
    return books


def plain(key):
    """The blamed function's last name: templates lose their arguments, all lambdas are operator()."""
    name = key.rsplit(" [", 1)[0].split(" < ")[0]
    return re.sub(r"<.*", "", name).split("::")[-1]


def verdict(base, now):
    return "same" if base == now else "new" if base == 0 else "gone" if now == 0 else "grew" if now > base else "shrank"


parser = argparse.ArgumentParser()
parser.add_argument("base")
parser.add_argument("books")
parser.add_argument("diff")
parser.add_argument("--but", action="append", default=[])
parser.add_argument("--other-sites", type=int, default=0)
args = parser.parse_args()
base, now, diff = read_books(args.base), read_books(args.books), json.load(open(args.diff))
sites, others, n_wrong = collections.defaultdict(list), [], 0
for site in diff["sites"]:
    # By the name that it has in each: a site that is matched wrongly shows on both.
    for side in "base", "file":
        key = site["base_key" if side == "base" else "key"]
        if key is not None:
            sites[plain(key), side].append(site)
    if plain(site["key"] or site["base_key"]) not in set(base) | set(now):
        others.append(site)
for function in sorted((set(base) | set(now)) - set(args.but)):
    for word, key in KEYS.items():
        wanted = {"base": base.get(function, {}).get(word, 0), "file": now.get(function, {}).get(word, 0)}
        for side in wanted:
            found = sum(s[key][side] for s in sites[function, side])
            if found != wanted[side]:
                print("%s: %s of %s: %d in the books, %d in the diff" % (function, key, side, wanted[side], found))
                n_wrong += 1
        both = {id(s): s for side in wanted for s in sites[function, side]}
        if len(both) == 1:
            said = next(iter(both.values()))[key]["verdict"]
            if said != verdict(wanted["base"], wanted["file"]):
                print("%s: %s: %s, must be %s" % (function, key, said, verdict(wanted["base"], wanted["file"])))
                n_wrong += 1
if len(others) > args.other_sites:
    print("sites of nobody:", [(s["key"], s["base_key"]) for s in others])
    n_wrong += 1
for key in KEYS.values():
    for side in "base", "file":
        if diff["totals"][key][side] != sum(s[key][side] for s in diff["sites"]):
            print("totals: %s of %s" % (key, side))
            n_wrong += 1
if diff["counts"] != {v: sum(s["verdict"] == v and (s[diff["sort"]]["base"] or s[diff["sort"]]["file"]) > 0 for s in diff["sites"]) for v in diff["counts"]}:
    print("counts:", diff["counts"])
    n_wrong += 1
sys.exit(n_wrong != 0)
