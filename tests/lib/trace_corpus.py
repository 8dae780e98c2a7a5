#!/usr/bin/env python3
"""The traces that tests share, written by trace_write.py: a small one, one of a tree of processes, and the fuzzers' corpus.

usage: trace_corpus.py DIRECTORY
"""
import os
import sys

from trace_write import TraceWriter


def small_events(sample_bytes=0, **options):
    w = TraceWriter(**options)
    w.start(sample_bytes=sample_bytes)
    w.process(0, 42, 1, "/usr/bin/demo", ["demo", "-v"])
    w.thread(0, 0, 42, "demo")
    w.thread(1, 0, 43, "worker")
    w.module(1, 0, 0, 0x400000, 0x400000, 0x500000, bytes(range(20)), "/usr/bin/demo")
    w.module(2, 0, 0, 0x7F0000000000, 0x7F0000000000, 0x7F0000100000, b"\xab" * 20, "/usr/lib/libplug.so")
    main = w.stack(0, 0x401234)
    for i in range(40):
        w.at(i * 3)
        w.alloc(i % 2, i, w.stack(main, 0x402000 + i % 5 * 16), 16 << (i % 3))
        if i % 3:
            w.free(i % 2, i)
        if i % 7 == 5:
            w.undo(i % 2)
    w.epoch(0, 1, [2])
    return w


def more_events(w):
    w.marked("warm")
    after = w.stack(w.root(0, 1), 0x401300)
    for i in range(100, 300):
        w.alloc(0, i, after, 24)
        w.free(0, i)
    w.memory(0, 90000000, 3 << 20, 4 << 20)
    w.lost("ring-full", 3, "events dropped because the ring was full", 1)
    w.note(0, "unwinder cfi")
    w.coverage(0, 5 << 20, (14, 448), 672)
    w.process_end(0, 120000000, 1, 0)


def small(**options):
    """One of everything."""
    w = small_events(**options)
    more_events(w)
    w.end()
    return w


def tree(fold=(), **options):
    """A process, a child that it forks, and the program that the child becomes. fold: the moments, 1 to 5, at which all before is folded."""
    def moment(number):
        if number in fold:
            w.fold()
    w = TraceWriter(**options)
    w.start()
    w.process(0, 42, 1, "/usr/bin/demo", ["demo"])
    w.thread(0, 0, 42, "demo")
    w.module(1, 0, 0, 0x400000, 0x400000, 0x500000, bytes(range(20)), "/usr/bin/demo")
    w.module(2, 0, 0, 0x600000, 0x600000, 0x700000, b"\xab" * 20, "/usr/lib/libplug.so")
    for i in range(30):
        w.at(i)
        w.alloc(0, i, w.stack(w.stack(0, 0x401234), 0x600010), 100)
    w.flush_events()
    moment(1)
    w.process(1, 43, 42, "/usr/bin/demo", ["demo"], ns=30000000, origin=1, came_from=0, inherited=(30, 3000))
    w.thread(1, 1, 43, "demo")
    for i in range(10):
        w.free_of_parent(1, i)
    moment(2)
    w.epoch(1, 1, [2])
    w.module(3, 1, 1, 0x600000, 0x600000, 0x700000, b"\xcd" * 20, "/usr/lib/libother.so")
    for i in range(100, 120):
        w.alloc(1, i, w.stack(w.stack(w.root(1, i & 1), 0x401234), 0x600010), 10)
    w.flush_events()
    moment(3)
    w.process_end(1, 60000000, 3, 0)
    w.process(2, 43, 42, "/usr/bin/other", ["other", "x"], ns=60000000, origin=2, came_from=1)
    w.thread(2, 2, 43, "other")
    w.module(1, 2, 0, 0x900000, 0x900000, 0xa00000, bytes(range(20)), "/usr/bin/demo")
    moment(4)
    for i in range(200, 210):
        w.alloc(2, i, w.stack(w.root(2, 0), 0x901234), 1000)
    w.flush_events()
    w.process_end(2, 70000000, 1, 5)
    moment(5)
    w.process_end(0, 80000000, 2, 9)
    w.end()
    return w


def tagged(**options):
    """Blocks that OpenSSL allocated and freed; of one more file than there is a name for."""
    w = TraceWriter(**options)
    w.start()
    w.process(0, 42, 1, "/usr/bin/demo", ["demo"])
    w.thread(0, 0, 42, "demo")
    w.module(1, 0, 0, 0x400000, 0x400000, 0x500000, bytes(range(20)), "/usr/bin/demo")
    w.source_file(1, "../deps/openssl/openssl/ssl/ssl_lib.c")
    w.source_file(2, "crypto/../other/crypto/x.c")
    caller = w.stack(w.stack(0, 0x401234), 0x402000)
    for i in range(12):
        stack = (w.tag(caller, 1, 691), w.tag(caller, 2, 7), w.tag(caller, 3, 9), w.tag(caller, 0, 5), w.tag(caller, 0, 0), caller)[i % 6]
        w.alloc(0, i, stack, 100)
        if i < 9:
            w.free(0, i)
    w.freed_at((1, 1, 700, 1), (2, 1, 700, 1), (2, 0, 3, 1))
    w.flush_records()
    w.freed_at((1, 1, 700, 1), (1, 2, 70, 1))
    w.end()
    return w


def write_corpus(directory):
    os.makedirs(directory, exist_ok=True)
    cut = small(events_per_block=50, blocks_per_checkpoint=2)
    folded = small_events(level=0)
    folded.fold()
    more_events(folded)
    folded.end()
    empty = TraceWriter()
    empty.start()
    empty.end()
    images = {
        "small.seep": small().image(),
        "tree.seep": tree().image(),
        "folded.seep": folded.image(),
        "folded-tree.seep": tree(fold=(2, 4)).image(),
        "sampled.seep": small(sample_bytes=4096, level=0).image(),  # not compressed: flips reach interval and sizes
        "many-blocks.seep": small(events_per_block=20, blocks_per_checkpoint=4).image(),
        "cut.seep": cut.image()[:-150],
        "no-events.seep": empty.image(),
        "tagged.seep": tagged().image(),
        "tagged-stored.seep": tagged(level=0).image(),
        "stored.seep": small(level=0).image(),  # not compressed: mutations reach the columns
    }
    for name, image in images.items():
        with open(os.path.join(directory, name), "wb") as f:
            f.write(image)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: trace_corpus.py DIRECTORY")
    write_corpus(sys.argv[1])
