#!/usr/bin/env python3
"""Hold a report against the oracle of a program that was killed: tests/targets/killed.c (one line) or killed_many.c.

usage: compare_oracle.py ORACLE REPORT.json

What a thread was doing when it was killed may be in the report or not; all else has to be there, and nothing more.
"""
import json
import struct
import sys

LINE = 64


def lines(path):
    data = open(path, "rb").read()
    return [struct.unpack_from("<8Q", data, at) for at in range(0, len(data), LINE)]


def main():
    oracle, report = lines(sys.argv[1]), json.load(open(sys.argv[2]))
    sites = [s for s in report["sites"] if s["function"] == "site_until_killed"]
    calls = sum(s["calls"] for s in sites)
    frees = calls - sum(s["unreleased_blocks"] for s in sites)
    if len(oracle) == LINE:  # one page: killed.c
        allocated, freed, working, freed_early = oracle[0][0], oracle[0][1], 1, 0
    else:
        threads = oracle[1:]
        allocated, freed = sum(t[0] for t in threads), sum(t[1] for t in threads)
        working = freed_early = sum(t[2] for t in threads)
    print("oracle %d - %d, %d threads at work; report %d - %d" % (allocated, freed, working, calls, frees))
    # Late: a thread stood still inside a hook while the ring was full. Its event is there. Children that were killed before their fork() returned
    # have not joined, and may be counted: each one that has entered itself into the oracle is looked for below.
    kinds = {l["kind"]: l["count"] for l in report["trace"]["lost"] if l["count"] and l["kind"] not in ("late", "untraced-forks")}
    # Where the machine is so busy that the collector does not run for half a second, hooks drop events: each is counted.
    full = kinds.pop("ring-full", 0)
    seen_frees = frees
    if full:
        seen_frees += kinds.pop("unknown-frees", 0) - kinds.pop("implicit-frees", 0)
        print("%d events dropped" % full)
    if kinds or report["trace"]["lost_events"] != full or report["trace"]["events_missing"]:
        sys.exit("lost: %s" % kinds)
    if not report["trace"]["complete"]:
        sys.exit("not complete")
    if not allocated - full <= calls <= allocated + working:
        sys.exit("calls")
    if not freed - freed_early - full <= seen_frees <= freed + working - freed_early:
        sys.exit("frees")
    if calls + seen_frees + full < allocated + freed - freed_early:
        sys.exit("events are missing and not counted")
    if len(oracle) != LINE and oracle[0][1]:
        inherited, processes = sum(p["inherited_frees"] for p in report["processes"]), len(report["processes"]) - 1
        print("%d children born, %d in the report; they freed %d inherited blocks, %d in the report" %
              (oracle[0][1], processes, oracle[0][2], inherited))
        if not oracle[0][2] - working - 1 - full <= inherited <= oracle[0][2] + working:
            sys.exit("inherited")
        if not oracle[0][1] <= processes <= oracle[0][1] + 1:
            sys.exit("processes")
    if allocated < 1000:
        sys.exit("this tested nothing")


main()
