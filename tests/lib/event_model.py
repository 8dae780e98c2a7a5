"""event_model.py - what a program allocated, exactly, the slow and obvious way; the truth that traces are held against.

The model follows blocks of memory by name through a plain list of events. It knows nothing of tokens, infos or file blocks.
"""
import random

import trace_write

NONE = 2**64 - 1
FIGURES = ["calls", "allocated", "peak", "unreleased", "blocks", "temporary", "birth"]


class Model:
    """Exact figures per stack; a stack is a tuple of ips, outermost first."""

    def __init__(self):
        self.events = []  # (ms, thread, what, name, path, size)
        self.live = {}    # name -> (path, size, ms)
        self.cost = {}    # path -> dict
        self.alive_now = {}
        self.total = self.peak = 0
        self.at_peak = {}
        self.frees = 0
        self.last_alloc, self.last_free = {}, {}

    def of(self, path):
        return self.cost.setdefault(path, {f: 0 for f in FIGURES} | {"birth": NONE})

    def shift(self, path, by):
        self.total += by
        self.alive_now[path] = self.alive_now.get(path, 0) + by
        if self.total > self.peak:
            self.peak = self.total
            self.at_peak = dict(self.alive_now)

    def alloc(self, ms, thread, name, path, size):
        self.events.append((ms, thread, "alloc", name, path, size))
        self.live[name] = (path, size, ms)
        self.of(path)["calls"] += 1
        self.of(path)["allocated"] += size
        self.last_alloc[thread] = name
        self.shift(path, size)

    def free(self, ms, thread, name):
        self.events.append((ms, thread, "free", name, None, None))
        path, size, _ = was = self.live.pop(name)
        is_temporary = self.last_alloc.get(thread) == name
        self.of(path)["temporary"] += is_temporary
        self.last_free[thread] = (name, was, is_temporary)
        self.frees += 1
        self.shift(path, -size)

    def undo(self, ms, thread):
        self.events.append((ms, thread, "undo", None, None, None))
        name, was, is_temporary = self.last_free.pop(thread)
        self.live[name] = was
        self.of(was[0])["temporary"] -= is_temporary
        self.frees -= 1
        self.shift(was[0], was[1])

    def figures(self):
        for path, size, ms in self.live.values():
            cost = self.of(path)
            cost["unreleased"] += size
            cost["blocks"] += 1
            cost["birth"] = min(cost["birth"], ms * 1000000)
        for path, n in self.at_peak.items():
            self.of(path)["peak"] = n
        return self.cost

    def write(self, fold=(), **options):
        """fold: numbers of events before which all so far are folded."""
        w = trace_write.TraceWriter(**options)
        w.start()
        w.process(0, 7, 1, "/bin/x", ["x"])
        for number, (ms, thread, what, name, path, size) in enumerate(self.events):
            if number in fold:
                w.fold()
            w.at(ms)
            if what == "alloc":
                stack = 0
                for ip in path:
                    stack = w.stack(stack, ip)
                w.alloc(thread, name, stack, size)
            elif what == "free":
                w.free(thread, name)
            else:
                w.undo(thread)
        w.end()
        return w


def random_program(seed, n_events, n_threads):
    """Some loops, some noise, frees by other threads, failed reallocs."""
    rng = random.Random(seed)
    m = Model()
    paths = []
    for _ in range(30):
        base = rng.choice(paths)[:rng.randrange(4)] if paths and rng.random() < 0.7 else ()
        n_ips = rng.choice([4, 999])  # few: the same functions below each other, which is what predictions of ips live on
        paths.append(base + tuple(rng.choice([0x400000, 0x7F1234560000]) + rng.randrange(n_ips) for _ in range(rng.randrange(1, 6))))
    sizes = [0, 1, 24, 24, 4096, 1 << 33]
    names, ms, thread = [], 0, 0
    while len(m.events) < n_events:
        ms += rng.random() < 0.01
        thread = rng.randrange(n_threads) if rng.random() < 0.2 else thread
        loop = [(rng.choice(paths), rng.choice(sizes)) for _ in range(rng.randrange(1, 5))]
        for _ in range(rng.randrange(1, 100) if rng.random() < 0.2 else 1):
            for path, size in loop:
                name = len(m.events)
                m.alloc(ms, thread, name, path, size)
                dice = rng.random()
                if dice < 0.6:
                    m.free(ms, thread, name)
                    if dice < 0.03:
                        m.undo(ms, thread)
                        names.append(name)
                        if dice < 0.01:
                            m.free(ms, thread, names.pop())
                elif dice < 0.8 and names:
                    names.append(name)
                    m.free(ms, rng.randrange(n_threads), names.pop(rng.randrange(len(names))))
                else:
                    names.append(name)
    return m
