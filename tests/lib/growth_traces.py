#!/usr/bin/env python3
"""growth_traces.py - traces with marks whose sites behave as planted, written by trace_write.py, and what a report must say of them.

usage: growth_traces.py make NAME FILE.seep     leaves FILE.seep and FILE.json: the books, {"points": […], "sites": {ADDRESS: {"class", "bytes", "blocks", "slope"}}}
       growth_traces.py check FILE.json REPORT.json
       growth_traces.py alive FILE.json REPORT.json SINCE UNTIL BYTES     what is unreleased of blocks that were allocated behind the one mark and before the other, of so
                                                                        many bytes and more

Each site is a stack of its own below one function; no file of that name is there, so an address is all that a report has to name it with.
"""
import itertools
import json
import random
import statistics
import sys

from trace_write import TraceWriter

MAIN, FIRST = 0x401000, 0x410000


class Site:
    """A stack with blocks that it has alive, of which it keeps the books."""

    def __init__(self, book, number, name):
        self.book, self.name, self.address = book, name, FIRST + number * 0x100
        self.stack = book.w.stack(book.main, self.address)
        self.alive, self.series = [], []

    def alloc(self, size, thread=0):
        name = next(self.book.names)
        self.book.w.alloc(thread, name, self.stack, size)
        self.alive.append((name, size, self.book.n_marks))
        return name

    def free(self, at=0, thread=0):
        name, _, _ = self.alive.pop(at)
        self.book.w.free(thread, name)


class Book:
    def __init__(self, **options):
        self.w = TraceWriter(**options)
        self.w.start()
        self.w.process(0, 42, 1, "/nowhere/demo", ["demo"])
        self.w.thread(0, 0, 42, "demo")
        self.w.thread(1, 0, 43, "worker")
        self.w.module(1, 0, 0, 0x400000, 0x400000, 0x500000, bytes(range(20)), "/nowhere/demo")
        self.main = self.w.stack(0, MAIN)
        self.names = itertools.count()
        self.sites, self.n_marks = {}, 0

    def site(self, name):
        if name not in self.sites:
            self.sites[name] = Site(self, len(self.sites), name)
        return self.sites[name]

    def note(self):
        for site in self.sites.values():
            site.series.append((sum(s for _, s, _ in site.alive), len(site.alive)))

    def mark(self, name="reload"):
        self.note()
        self.w.marked(name)
        self.n_marks += 1


def planted(n_marks=100, seed=1, **options):
    """All behaviours side by side."""
    random.seed(seed)
    book = Book(**options)
    leak, slow, mixed, ring, lru, saw, noise, startup, late, given = (book.site(n) for n in (
        "leak", "slow", "mixed", "ring", "lru", "saw", "noise", "startup", "late", "given"))
    for _ in range(50):
        startup.alloc(300)
    for i in range(n_marks):
        book.w.at(i * 100)
        leak.alloc(104000)
        if i % 50 == 10:
            slow.alloc(64)
        mixed.alloc(10)
        while len(mixed.alive) > i + 1:
            mixed.free(random.randrange(len(mixed.alive)))
        for _ in range(random.randrange(6)):
            mixed.alloc(10)
        ring.alloc(50 + i % 7)
        if len(ring.alive) > 16:
            ring.free()
        if i < n_marks * 6 // 10:
            lru.alloc(1000)
        saw.alloc(70)
        if i % 9 == 8:
            while saw.alive:
                saw.free()
        while noise.alive:
            noise.free()
        for _ in range(random.randrange(40)):
            noise.alloc(24)
        if i > n_marks * 4 // 10:
            late.alloc(512)
        given.alloc(1 << 20)
        given.free()
        book.mark()
    book.w.process_end(0, n_marks * 100 * 1000000, 1, 0)
    classes = {"leak": "growing", "slow": "growing" if n_marks >= 200 else None, "mixed": "growing", "ring": "bounded" if n_marks <= 200 else None,  # else it is full within a point or two
               "lru": "bounded",
               "saw": "bounded", "noise": "bounded", "late": "growing"}
    return book, classes


def few(n_marks):
    book = Book()
    leak = book.site("leak")
    for _ in range(n_marks):
        leak.alloc(100)
        book.mark()
    return book, {"leak": "unknown"}


def folded():
    book = Book()
    leak, ring = book.site("leak"), book.site("ring")
    for i in range(60):
        book.w.at(i * 100 + 1)
        leak.alloc(100)
        ring.alloc(40)
        if len(ring.alive) > 5:
            ring.free()
        if i == 19:
            book.w.fold()
            for site in book.sites.values():
                site.series = []
        book.mark()
    return book, {"leak": "growing"}


def quiet():
    """Nothing grows."""
    book = Book()
    ring = book.site("ring")
    for i in range(40):
        ring.alloc(40 + i % 3)
        if len(ring.alive) > 5:
            ring.free()
        book.mark()
    return book, {"ring": "bounded"}


def over_time():
    """No marks: 100 s in which one site loses 1,000 bytes a second and another comes and goes."""
    book = Book()
    leak, ring = book.site("leak"), book.site("ring")
    for ms in range(0, 100000, 50):
        book.w.at(ms)
        if ms % 500 == 0:
            for _ in range(5):
                leak.alloc(100)
        ring.alloc(40)
        if len(ring.alive) > 5:
            ring.free()
    book.w.at(100000)
    ring.free()
    book.w.process_end(0, 100000 * 1000000, 1, 0)
    return book, {"leak": "growing"}


def tree():
    """A child that leaks 700 bytes at each mark and ends after 30 of 60: what it left is not alive any more."""
    book = Book()
    leak = book.site("leak")
    book.w.process(1, 43, 42, "/nowhere/demo", ["demo"], ns=1, origin=1, came_from=0)
    book.w.thread(2, 1, 43, "child")
    root = book.w.root(1, 0)
    child = Site(book, 5, "child")
    child.stack = book.w.stack(book.w.stack(root, MAIN), child.address)
    book.sites["child"] = child
    for i in range(60):
        book.w.at(i * 10 + 1)
        leak.alloc(100)
        if i < 30:
            child.alloc(700, thread=2)
        if i == 30:
            book.w.flush_events()
            book.w.process_end(1, (i * 10 + 1) * 1000000, 1, 0)
            left, child.alive = child.alive, []
        book.mark()
    child.alive = left
    book.w.process_end(0, 700 * 1000000, 1, 0)
    return book, {"leak": "growing", "child": "flat"}


MAKERS = {"planted": planted, "planted-200": lambda: planted(200), "planted-thin": lambda: planted(600, events_per_block=40),
          "quiet": quiet, "few-2": lambda: few(2), "few-5": lambda: few(5), "folded": folded, "over-time": over_time, "tree": tree}


def make(name, path):
    book, classes = MAKERS[name]()
    book.note()
    book.w.end()
    with open(path, "wb") as f:
        f.write(book.w.image())
    sites = {}
    for site in book.sites.values():
        sites["%#x" % (site.address - 1)] = {
            "name": site.name, "class": classes.get(site.name), "bytes": [b for b, _ in site.series[:-1]],
            "blocks": [n for _, n in site.series[:-1]],
            "made": [[size, mark] for _, size, mark in site.alive]}
    with open(path.removesuffix(".seep") + ".json", "w") as f:
        json.dump({"sites": sites, "n_marks": book.n_marks}, f)


def slope(y):
    """Pairs at least half apart, by the definition."""
    apart = len(y) - len(y) // 2
    return statistics.median((y[j] - y[i]) / (j - i) for i in range(len(y)) for j in range(i + apart, len(y)))


def check(books, report):
    bad = []
    growth = report["growth"]
    if growth["unit"] == "mark":
        marks = [p["mark"] for p in growth["points"]]
        shift = books["n_marks"] - len(next(iter(books["sites"].values()))["bytes"])  # folded ones have no books
    seen = set()
    for site in growth["sites"]:
        book = books["sites"].get(site["address"])
        if not book:
            bad.append("no such site: %s" % site["address"])
            continue
        seen.add(site["address"])
        if book["class"] and site["class"] != book["class"]:
            bad.append("%s is %s, not %s" % (book["name"], site["class"], book["class"]))
        if "bytes" not in site:
            continue
        if growth["unit"] == "mark":
            for key in ("bytes", "blocks"):
                wanted = [book[key][m - 1 - shift] for m in marks]
                if site[key] != wanted:
                    bad.append("%s of %s: %s, not %s" % (key, book["name"], site[key], wanted))
            between = marks[1] - marks[0]
            w = site["n_warmup"]
            for key in ("bytes", "blocks"):
                is_own = slope(site[key][w:]) / between
                if abs(is_own - site[key + "_per_unit"]) > 1e-6 * max(1, abs(is_own)):
                    bad.append("slope of %s of %s: %s, not %s" % (key, book["name"], site[key + "_per_unit"], is_own))
    for address, book in books["sites"].items():
        if book["class"] in ("growing", "bounded", "unknown") and address not in seen:
            bad.append("%s is not there" % book["name"])
    print("\n".join(bad))
    return 1 if bad else 0


def check_alive(books, report, since, until, least):
    wanted, got = {}, {}
    for address, book in books["sites"].items():
        sizes = [size for size, mark in book["made"] if since <= mark < until and size >= least]
        if sizes:
            wanted[address] = (sum(sizes), len(sizes))
    for site in report["sites"]:
        for stack in site["stacks"]:
            if stack["unreleased_blocks"]:
                got[stack["frames"][0]["address"]] = (stack["unreleased_bytes"], stack["unreleased_blocks"])
    total = report["totals"]["unreleased_bytes"], report["totals"]["unreleased_blocks"]
    if got != wanted or total != tuple(map(sum, zip((0, 0), *wanted.values()))):
        print("%s, in total %s, not %s" % (got, total, wanted))
        return 1
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(*sys.argv[2:])
    elif sys.argv[1] == "alive":
        with open(sys.argv[2]) as b, open(sys.argv[3]) as r:
            sys.exit(check_alive(json.load(b), json.load(r), *map(int, sys.argv[4:7])))
    else:
        with open(sys.argv[2]) as b, open(sys.argv[3]) as r:
            sys.exit(check(json.load(b), json.load(r)))
