"""What programs say was alive at their marks (targets/marks.c) against a trace, read by trace_read.py.

usage: compare_marks.py TRACE BOOKS [--exact]

A line of the books: NAME PROCESS SIZE:INTERVAL …, a block each: what that process had alive at the mark, and how many marks it had made, or seen, when it
allocated the block. Lines of a process stand in order. Several processes with a line of one name mean one mark for all.
--exact: what was allocated between two marks, too: no other marks than those of the books are in the trace, in their order
"""
import collections
import sys

import trace_read

SIZES_FROM, OF_PROCESS = 5000, 64  # sizes of process N: 5000 + 64 * N and the next 63


def read_books(path):
    """By name a list: for each mark the blocks of all processes at it, as (process, size, interval) -> how many."""
    books, counts = {}, collections.Counter()
    for line in open(path):
        name, process, *blocks = line.split()
        at = counts[name, process]
        counts[name, process] += 1
        marks = books.setdefault(name, [])
        if at == len(marks):
            marks.append((set(), collections.Counter()))
        marks[at][0].add(int(process))
        for size, interval in (block.split(":") for block in blocks):
            marks[at][1][int(process), int(size), int(interval)] += 1
    return books


def main(trace_path, books_path, *options):
    trace, books = trace_read.read_trace(trace_path), read_books(books_path)
    marks = [r for name, r in trace["records"] if name == "MARK"]
    n_folded = sum(r["events"] for name, r in trace["records"] if name == "FOLDED")
    stopped = trace_read.account(trace, [m["first_event"] for m in marks])[0][0]["stopped"]
    numbers = collections.defaultdict(list)
    for m in marks:
        numbers[m["name"]].append(m["number"])
    n_compared = n_intervals = 0
    for name, at in books.items():
        if len(at) != len(numbers[name]):
            sys.exit("%d marks are called %s, must be %d" % (len(numbers[name]), name, len(at)))
        bounds = [0] + numbers[name] + [len(marks) + 1]
        for number, (processes, wanted) in zip(numbers[name], at):
            if marks[number - 1]["first_event"] < n_folded:
                continue
            alive, n_blocks = collections.Counter(), collections.Counter()
            for info, n in stopped[number - 1].items():
                size, mark = trace["infos"][info][0], trace["info_marks"][info]
                process = (size - SIZES_FROM) // OF_PROCESS
                if process in processes:
                    interval = max(i for i, first in enumerate(bounds) if first <= mark)
                    alive[process, size, interval] += n
            for (process, size, interval), n in wanted.items():
                n_blocks[process, size] += n
            if "--exact" in options:
                n_intervals += 1
                if alive != wanted:
                    sys.exit("mark %s, number %d: alive %s, must be %s" % (name, number, alive - wanted, wanted - alive))
            sums = collections.Counter()
            for (process, size, interval), n in alive.items():
                sums[process, size] += n
            if sums != n_blocks:
                sys.exit("mark %s, number %d: %s too many, %s are missing" % (name, number, sums - n_blocks, n_blocks - sums))
            n_compared += 1
    if n_compared == 0:
        sys.exit("nothing was compared")
    print("%d marks compared, %d with their intervals" % (n_compared, n_intervals))


main(*sys.argv[1:])
