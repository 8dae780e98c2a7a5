#!/usr/bin/env python3
"""selection_traces.py - traces of several threads and marks in which each block is known one by one, written by trace_write.py, and what a report of a part must say.

usage: selection_traces.py make NAME FILE.seep     leaves FILE.seep and FILE.json: the books, a list of blocks
       selection_traces.py check FILE.json REPORT.json [since=N] [until=N] [alive_at=N] [threads=A,B] [pid=N] [exact]     numbers of marks, indexes of threads;
                                                         exact: what the report says of these threads is not only the least, but all

Truth is followed block by block: who allocated it, behind which mark, who freed it and when, whether it was alive at the highest total.
"""
import itertools
import json
import math
import random
import sys

from trace_write import TraceWriter

MAIN, FIRST = 0x401000, 0x410000
NAMES = ["demo", "worker", "worker", "reader [1]"]
SAMPLE = 512


class Book:
    def __init__(self, sample_bytes=0):
        self.w = TraceWriter(events_per_block=200)
        self.w.start(sample_bytes=sample_bytes)
        self.w.process(0, 42, 1, "/nowhere/demo", ["demo"])
        for i, name in enumerate(NAMES):
            self.w.thread(i, 0, 42 + 10 * i, "before" if i == 1 else name)
        self.w.module(1, 0, 0, 0x400000, 0x400000, 0x500000, bytes(range(20)), "/nowhere/demo")
        self.main = {0: self.w.stack(0, MAIN)}
        self.sample_bytes = sample_bytes
        self.process_of = {i: 0 for i in range(len(NAMES))}
        self.names = itertools.count()
        self.blocks, self.alive, self.last_alloc = {}, {}, {}
        self.n_marks = 0
        self.total, self.highest, self.peak = {}, {}, {}  # of a process, or of all: None
        self.ended = {}

    def counted(self, size):
        return size if not self.sample_bytes else size / (1 - math.exp(-size / self.sample_bytes))

    def fork(self):
        self.w.process(1, 43, 42, "/nowhere/demo", ["demo"], ns=1, origin=1, came_from=0)
        self.w.thread(len(NAMES), 1, 43, "worker")
        self.main[1] = self.w.stack(self.w.root(1, 0), MAIN)
        self.process_of[len(NAMES)] = 1

    def alloc(self, thread, site, size):
        name = next(self.names)
        process = self.process_of[thread]
        address = FIRST + site * 0x100
        self.w.alloc(thread, name, self.w.stack(self.main[process], address), size)
        self.blocks[name] = {"address": "%#x" % (address - 1), "size": size, "thread": thread, "mark": self.n_marks, "process": process, "freed": None,
                             "temporary": False, "at_peak": False, "at_own_peak": False}
        self.alive[name] = process
        self.last_alloc[thread] = name
        self.rise(size, process)

    def rise(self, size, process):
        for of in (None, process):
            self.total[of] = self.total.get(of, 0) + self.counted(size)
            if self.total[of] > self.highest.get(of, 0):
                self.highest[of] = self.total[of]
                self.peak[of] = {n for n, p in self.alive.items() if of in (None, p)}

    def fall(self, block):
        for of in (None, block["process"]):
            self.total[of] -= self.counted(block["size"])

    def free(self, thread, name):
        block = self.blocks[name]
        self.w.free(thread, name)
        block["freed"] = self.n_marks
        block["temporary"] = self.last_alloc.get(thread) == name
        self.fall(block)
        del self.alive[name]

    def undo(self, thread, name):
        block = self.blocks[name]
        self.w.undo(thread)
        block["freed"], block["temporary"] = None, False
        self.alive[name] = block["process"]
        self.rise(block["size"], block["process"])

    def mark(self):
        self.w.marked("step")
        self.n_marks += 1

    def end_process(self, process):
        self.w.flush_events()
        self.w.process_end(process, self.w.ms * 1000000, 1, 0)
        self.ended[process] = self.n_marks
        for name in [n for n, p in self.alive.items() if p == process]:
            self.fall(self.blocks[name])
            del self.alive[name]

    def work(self, n, threads):
        """Sites 0 to 9 are of one thread each; 10 to 12 of all, of few sizes; whoever comes frees. Now and then all of a shared site goes."""
        for _ in range(n):
            thread = random.choice(threads)
            process = self.process_of[thread]
            mine = [b for b, p in self.alive.items() if p == process]
            what = random.random()
            if what < 0.52 or not mine:
                is_own = random.random() < 0.4
                self.alloc(thread, thread if is_own else random.randrange(10, 13), random.choice((100, 200, 3000)))
            elif what < 0.72 and self.last_alloc.get(thread) in self.alive:
                self.free(thread, self.last_alloc[thread])
            elif what < 0.96:
                name = random.choice(mine)
                self.free(thread, name)
                if random.random() < 0.2:
                    self.undo(thread, name)
            else:
                site = random.randrange(10, 13)
                for name in [b for b in mine if self.blocks[b]["address"] == "%#x" % (FIRST + site * 0x100 - 1)]:
                    self.free(thread, name)


def rename(book):
    book.w.record(13, b"\x01\x06worker")


def threads(book):
    for i in range(30):
        book.w.at(i * 10 + 1)
        book.work(80, range(len(NAMES)))
        book.mark()
    rename(book)
    book.work(50, range(len(NAMES)))


def single(book):
    """Each block is of a site of its thread, and all are freed by others, too."""
    for i in range(10):
        book.w.at(i * 10 + 1)
        for _ in range(60):
            thread = random.randrange(len(NAMES))
            if random.random() < 0.6 or not book.alive:
                book.alloc(thread, thread, random.choice((100, 200)))
            else:
                book.free(thread, random.choice(list(book.alive)))
        book.mark()
    rename(book)


def tree(book):
    book.fork()
    for i in range(30):
        book.w.at(i * 10 + 1)
        book.work(80, [0, 1, 2, 3, 4, 4, 4] if i < 15 else [0, 1, 2, 3])
        if i == 15:
            book.end_process(1)
        book.mark()
    rename(book)


def folded(book, at=14):
    for i in range(30):
        book.w.at(i * 10 + 1)
        book.work(80, range(len(NAMES)))
        if i == at:
            book.w.fold()
        book.mark()
    rename(book)


def all_folded(book):
    folded(book, at=None)
    book.w.at(400)
    book.w.fold()


MAKERS = {"threads": threads, "single": single, "tree": tree, "folded": folded, "all-folded": all_folded, "sampled": threads}


def make(name, path):
    random.seed(7)
    book = Book(SAMPLE if name == "sampled" else 0)
    MAKERS[name](book)
    book.w.process_end(0, (book.w.ms + 1) * 1000000, 1, 0)
    book.w.end()
    with open(path, "wb") as f:
        f.write(book.w.image())
    for of, names in book.peak.items():
        for at in names:
            book.blocks[at]["at_peak" if of is None else "at_own_peak"] = True
    with open(path.removesuffix(".seep") + ".json", "w") as f:
        json.dump({"blocks": list(book.blocks.values()), "ended": book.ended, "sample_bytes": book.sample_bytes}, f)


def figures(blocks, books, alive_at, at_peak):
    """Of each address: calls, bytes at the peak, unreleased bytes and blocks, temporary; and how many were freed."""
    out, n_freed = {}, 0
    for b in blocks:
        weight = 1 / (1 - math.exp(-b["size"] / SAMPLE)) if books["sample_bytes"] else 1
        is_freed = b["freed"] is not None and (alive_at is None or b["freed"] < alive_at)
        ended = books["ended"].get(str(b["process"]))
        is_left = alive_at is not None and ended is not None and ended < alive_at
        n_freed += weight * is_freed
        is_alive = not is_freed and not is_left
        of = out.setdefault(b["address"], [0] * 5)
        for i, n in enumerate((1, b["size"] * b[at_peak], b["size"] * is_alive, is_alive, b["temporary"])):
            of[i] += weight * n
    return out, n_freed


KEYS = ("calls", "peak_bytes", "unreleased_bytes", "unreleased_blocks", "temporary")


def check(books, report, asked):
    since, until, alive_at = (int(asked[k]) if k in asked else None for k in ("since", "until", "alive_at"))
    until = alive_at if until is None else until
    threads = [int(t) for t in asked["threads"].split(",")] if "threads" in asked else None
    chosen = [b for b in books["blocks"] if (since is None or since <= b["mark"]) and (until is None or b["mark"] < until)
              and (threads is None or b["thread"] in threads) and ("pid" not in asked or b["process"] == int(asked["pid"]) - 42)]
    wanted, n_freed = figures(chosen, books, alive_at, "at_own_peak" if "pid" in asked else "at_peak")
    got = {s["frames"][0]["address"]: [s[k] for k in KEYS] for site in report["sites"] for s in site["stacks"]}
    unsure = (report["selection"] or {}).get("thread_unsure") or {}
    more = [unsure.get(k, 0) for k in ("allocations", "peak_bytes", "unreleased_bytes", "unreleased_blocks")] + [unsure.get("allocations", 0)]
    is_exact = threads is None or "exact" in asked
    slack = 1.5 if books["sample_bytes"] else 0
    bad = []
    if is_exact and any(more):
        bad.append("not exact: %s" % unsure)
    if "unsure" in asked and not any(more[2:4]):
        bad.append("nothing is unsure")
    sums = [0] * 5
    for address in sorted(set(got) | set(wanted)):
        true, said = wanted.get(address, [0] * 5), got.get(address, [0] * 5)
        for i, key in enumerate(KEYS):
            sums[i] += true[i]
            room = slack + true[i] * 0.001 * bool(slack)
            if abs(said[i] - true[i]) > room if is_exact or not more[i] else not said[i] - room <= true[i] <= said[i] + more[i] + room:
                bad.append("%s of %s: %s, not %s, unsure %s" % (key, address, said[i], true[i], more[i]))
    total = report["totals"]
    for i, key in enumerate(("allocations", "peak_bytes", "unreleased_bytes", "unreleased_blocks", "temporary")):
        room = len(wanted) * slack + sums[i] * 0.001 * bool(slack)
        if not total[key] - room <= sums[i] <= total[key] + (0 if is_exact else more[i]) + room:
            bad.append("total %s: %s, not %s, unsure %s" % (key, total[key], sums[i], more[i]))
    n_infos = len({(b["address"], b["size"], b["mark"]) for b in chosen})
    if abs(total["frees"] - n_freed) > slack * n_infos if is_exact else not total["frees"] - slack * n_infos <= n_freed:
        bad.append("frees: %s, not %s" % (total["frees"], n_freed))
    print("\n".join(bad))
    return 1 if bad or not wanted else 0


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(*sys.argv[2:])
    else:
        with open(sys.argv[2]) as b, open(sys.argv[3]) as r:
            sys.exit(check(json.load(b), json.load(r), dict((a.split("=") + [""])[:2] for a in sys.argv[4:])))
