#!/usr/bin/env python3
"""openssl_tags.py - what a JSON report says of OpenSSL's blocks, all together; for programs without books.

usage: openssl_tags.py REPORT

Prints "N tagged of M calls, U unreleased, F freed by OpenSSL". Fails if a frame of libseep.so is in a stack, or if OpenSSL did not free just what it allocated and is not
alive: that holds for programs that give no block to another allocator's free().
"""
import json
import sys


def main(report):
    n = calls = unreleased = freed = 0
    for site in json.load(open(report))["sites"]:
        for stack in site["stacks"]:
            n += stack["calls"]
            if any((f["module"] or "").endswith("libseep.so") for f in stack["frames"]):
                sys.exit("a frame of libseep.so: %s" % [f["function"] for f in stack["frames"]])
            tag = stack.get("openssl")
            if not tag:
                continue
            here = sum(place["blocks"] for place in tag["freed"])
            if here != stack["calls"] - stack["unreleased_blocks"]:
                sys.exit("%s: %d calls, %d unreleased, %d freed" % (tag["file"], stack["calls"], stack["unreleased_blocks"], here))
            calls, unreleased, freed = calls + stack["calls"], unreleased + stack["unreleased_blocks"], freed + here
    print("%d tagged of %d calls, %d unreleased, %d freed by OpenSSL" % (calls, n, unreleased, freed))


if __name__ == "__main__":
    main(sys.argv[1])
