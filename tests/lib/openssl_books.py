#!/usr/bin/env python3
"""openssl_books.py - hold what a program says of OpenSSL's objects against `seep report --format json --stacks 1000000`.

usage: openssl_books.py objects BOOKS REPORT         all objects: BOOKS is {"TYPE": {"created": N, "freed": N, "alive": N}, …}
       openssl_books.py leaked BOOKS REPORT          lines "FUNCTION TYPE N" of BOOKS: FUNCTION made N of that type that stay
       openssl_books.py calls BOOKS REPORT           lib_count_openssl.so's counts
"""
import collections
import json
import re
import sys

# The function of OpenSSL's that makes an object, as a stack has it, and whether only what it allocates itself is the object's (what is further in may
# also be a cache that the first one fills).
MAKERS = {"SSL": ("SSL_new", True), "SSL_CTX": ("SSL_CTX_new_ex", True), "X509": ("ASN1_item_dup", False)}
problems = []


def stacks_of(report):
    for site in report["sites"]:
        for stack in site["stacks"]:
            yield stack, [frame["function"] or "" for frame in stack["frames"]]


def check_objects(text, report):
    objects = {o["type"]: o for o in report["openssl"]["objects"]}
    for name, book in json.loads(text).items():
        found = {key: objects.get(name, {}).get(key, 0) for key in book}
        if found != book:
            problems.append("%s: %s, must be %s" % (name, found, book))


def check_leaked(text, report):
    """Each place in the maker that allocates left one block for each object, or more, or none."""
    for line in text.splitlines():
        function, name, n = line.split()
        maker, is_direct = MAKERS[name]
        places = collections.Counter()
        for stack, names in stacks_of(report):
            at = [i for i, frame in enumerate(names) if re.search(r"(^|\W)%s$" % function, frame)]
            inner = names.index(maker) + 1 if maker in names else 0
            if at and inner and at[0] >= inner and (inner == 2 or not is_direct):
                places[tuple(frame["offset"] for frame in stack["frames"][:inner])] += stack["unreleased_blocks"]
        if int(n) not in places.values() or any(v % int(n) for v in places.values()):
            problems.append("%s: %s %s are lost, the report has %s" % (function, n, name, sorted(places.values())))


def check_calls(text, report):
    zalloc, reserve, reserving = map(int, re.findall(r" (\d+)", text))
    calls = collections.Counter()
    for stack, names in stacks_of(report):
        calls[names[0]] += stack["calls"]
        if names[0] == "CRYPTO_zalloc" and "OPENSSL_sk_new_reserve" in names[1:3]:
            calls["the stack" if names[1] else "its contents"] += stack["calls"]
    found = [calls["CRYPTO_zalloc"], calls["the stack"], calls["its contents"]]
    if found != [zalloc, reserve, reserving] or not all(found):
        problems.append("calls of CRYPTO_zalloc, from OPENSSL_sk_new_reserve, and for what is reserved: %s, must be %s" % (
            found, [zalloc, reserve, reserving]))


def main():
    check = {"objects": check_objects, "leaked": check_leaked, "calls": check_calls}[sys.argv[1]]
    check(open(sys.argv[2]).read(), json.load(open(sys.argv[3])))
    for text in problems:
        print("books: " + text)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
