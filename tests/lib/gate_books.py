#!/usr/bin/env python3
"""gate_books.py - a trace with known figures, and the limits that it just keeps.

usage: gate_books.py TRACE SEED

Writes a trace of random allocations, counted one by one as they are made, and prints a line for each limit of `seep gate`:

  OPTION VALUE-THAT-IS-KEPT VALUE-THAT-IS-NOT

one below the figure, or for percents a millionth below.
"""
import collections
import random
import sys

from trace_write import TraceWriter

N_SITES, N_EVENTS = 6, 3000


def main():
    path, rng = sys.argv[1], random.Random(int(sys.argv[2]))
    w = TraceWriter(events_per_block=500)
    w.start()
    w.process(0, 42, 1, "/nowhere/server", ["server"])
    w.thread(0, 0, 42, "server")
    w.module(1, 0, 0, 0x400000, 0x400000, 0x500000, bytes(range(20)), "/nowhere/server")
    root = w.stack(0, 0x401000)
    sites = [w.stack(root, 0x402000 + i * 64) for i in range(N_SITES)]
    calls, temporary, alive = [collections.Counter() for _ in range(3)]
    blocks, peak, at_peak, last = {}, 0, {}, None
    for i in range(N_EVENTS):
        w.at(i // 10)
        if blocks and rng.random() < 0.48:
            name = last if last in blocks and rng.random() < 0.5 else rng.choice(list(blocks))
            site, size = blocks.pop(name)
            temporary[site] += name == last
            alive[site] -= size
            w.free(0, name)
            continue
        site, size, last = rng.randrange(N_SITES), rng.randrange(1, 5000), i
        blocks[i] = (site, size)
        calls[site] += 1
        alive[site] += size
        w.alloc(0, i, sites[site], size)
        if sum(alive.values()) > peak:
            peak, at_peak = sum(alive.values()), dict(alive)
    w.process_end(0, N_EVENTS * 100000, 1, 0)
    w.end()
    open(path, "wb").write(w.image())

    n_blocks = collections.Counter(site for site, _ in blocks.values())
    for option, unit, total, each in [
            ("--max-unreleased", "", sum(alive.values()), max(alive.values())),
            ("--max-unreleased", "blocks", len(blocks), max(n_blocks.values())),
            ("--max-peak", "", peak, max(at_peak.values())),
            ("--max-calls", "", sum(calls.values()), max(calls.values()))]:
        for prefix, figure in ("", total), ("site:", each):
            print(option, "%s%d%s" % (prefix, figure, unit), "%s%d%s" % (prefix, figure - 1, unit))
    ratios = [("", 100 * sum(temporary.values()) / sum(calls.values())),
              ("site:", max(100 * temporary[s] / calls[s] for s in calls))]
    for prefix, percent in ratios:
        print("--max-temporary-ratio", "%s%.6f" % (prefix, percent + 1e-6), "%s%.6f" % (prefix, percent - 1e-6))


main()
