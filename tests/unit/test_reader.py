#!/usr/bin/env python3
"""test_reader.py - profile_load() against a model: random programs, written as traces by tests/lib/trace_write.py, must come
back with every figure of every stack right, and damaged traces must say what is missing and keep the rest right.

The model is tests/lib/event_model.py.
Needs a C compiler (CC) and builds profile_dump and fuzz_reader with sanitizers in a temporary directory. TAP on stdout.
"""
import json
import os
import subprocess
import sys
import tempfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import trace_corpus  # noqa: E402
import trace_write  # noqa: E402
from event_model import FIGURES, NONE, Model, random_program  # noqa: E402

READER = ["trace_reader", "event_decoder", "replay", "series", "moments", "kept_infos", "folded", "records", "record_fields", "recording", "resume", "run_environment", "profile", "cost", "by_thread", "losses", "stack_modules", "stack_merge", "tags", "shares", "coverage_judge", "estimate", "file_lock", "process_files", "diag", "json_out"]


class Tap:
    def __init__(self):
        self.n = self.bad = 0

    def ok(self, is_ok, text, why=""):
        self.n += 1
        self.bad += not is_ok
        print(f"{'ok' if is_ok else 'not ok'} {self.n} - {text}")
        if not is_ok and why:
            print("# " + str(why)[:2000].replace("\n", "\n# "))

    def end(self):
        print(f"1..{self.n}")
        return 1 if self.bad else 0


class Reader:
    def __init__(self, directory):
        self.directory = directory
        sources = [os.path.join(ROOT, "analyzer", s + ".c") for s in READER]
        for tool, source in (("profile_dump", "tests/unit/profile_dump.c"), ("fuzz_reader", "tests/fuzz/fuzz_reader.c")):
            subprocess.run(
                [os.environ.get("CC", "cc"), "-std=gnu11", "-g", "-O1", "-w", "-D_GNU_SOURCE", "-fsanitize=address,undefined",
                 "-fno-sanitize-recover=undefined", "-I" + ROOT + "/include", "-I" + ROOT + "/analyzer", *sources,
                 os.path.join(ROOT, source), "-lz", "-lyajl", "-lm", "-o", os.path.join(directory, tool)], check=True)

    def path(self, image):
        path = os.path.join(self.directory, "x.seep")
        with open(path, "wb") as f:
            f.write(image)
        return path

    def dump(self, image, *pid):
        """Returns (what was read or None, exit status, stderr)."""
        r = subprocess.run([os.path.join(self.directory, "profile_dump"), self.path(image), *pid], capture_output=True, text=True)
        return (json.loads(r.stdout) if r.returncode == 0 else None), r.returncode, r.stderr

    def mutate(self, n, files):
        return subprocess.run([os.path.join(self.directory, "fuzz_reader"), "--mutate", str(n), *files],
                              capture_output=True, text=True)


def by_path(dump):
    """Figures by the path from the outermost frame, where anything was counted."""
    paths, out = [()], {}
    for i, (parent, ip, _, cost) in enumerate(dump["stacks"]):
        if i:
            paths.append(paths[parent] + (ip,))
        if cost["calls"]:
            out[paths[i]] = cost
    return out


def differences(got, want):
    return [(p, got.get(p), want.get(p)) for p in got.keys() | want.keys() if got.get(p) != want.get(p)][:5]


def test_figures(tap, reader):
    for seed, n_events, n_threads, options in [
            (1, 300, 1, {}), (2, 5000, 1, {"events_per_block": 100, "blocks_per_checkpoint": 3}),
            (3, 20000, 3, {"events_per_block": 1000, "blocks_per_checkpoint": 4}), (4, 20000, 9, {}),
            (5, 3000, 5, {"events_per_block": 1, "blocks_per_checkpoint": 7}), (6, 4000, 70, {"events_per_block": 64})]:
        m = random_program(seed, n_events, n_threads)
        w = m.write(**options)
        want = m.figures()
        got, _, err = reader.dump(w.image())
        name = f"{n_events} events of {n_threads} threads {options or ''}"
        tap.ok(got is not None and not got["damage"], f"{name}: read without damage", err)
        if not got:
            continue
        wrong = differences(by_path(got), want)
        tap.ok(not wrong, f"{name}: all seven figures of {len(want)} stacks as in the model", wrong)
        total = {f: sum(c[f] for c in want.values()) for f in FIGURES[:6]}
        total["peak"], total["birth"] = m.peak, min(c["birth"] for c in want.values())
        tap.ok(got["total"] == total and got["n_frees"] == m.frees, f"{name}: totals", (got["total"], total))
        tap.ok(got["n_events"] == len(m.events) and got["is_complete"] == 1, f"{name}: complete, all events")


def test_epochs(tap, reader):
    w = trace_write.TraceWriter()
    for ident, epoch, start in ((1, 0, 0x100000), (2, 0, 0x800000), (3, 1, 0x800000), (4, 0, 0x500000)):
        w.module(ident, 0, epoch, start, start, start + 0x100000, b"\1", "m%d" % ident)
    w.epoch(0, 1, [2, 4])
    old, root = w.stack(0, 0x800123), w.root(0, 1)
    stacks = {old: 2, w.stack(root, 0x800123): 3, w.stack(old, 0x100010): 1, w.stack(old, 0x200000): 1, w.stack(old, 0x200001): 0,
              w.stack(old, 0x100000): 0, w.stack(old, 0x500123): 4, w.stack(root, 0x500123): 0, root: 0}
    w.alloc(0, "a", old, 1)
    w.end()
    got, _, err = reader.dump(w.image())
    seen = {i: s[2] for i, s in enumerate(got["stacks"]) if i}
    tap.ok(seen == stacks, "modules by epoch; the byte before a return address decides", (seen, stacks, err))


def test_tree(tap, reader):
    got, _, err = reader.dump(trace_corpus.tree().image())
    tap.ok(got and not got["damage"] and got["is_complete"], "a tree of processes: read without damage", err)
    want = [{"pid": 42, "calls": 30, "frees": 0, "unreleased": 3000, "peak": 3000, "inherited_frees": 0, "inherited_unreleased": 0},
            {"pid": 43, "calls": 20, "frees": 0, "unreleased": 200, "peak": 3000, "inherited_frees": 10, "inherited_unreleased": 2000},
            {"pid": 43, "calls": 10, "frees": 0, "unreleased": 10000, "peak": 10000, "inherited_frees": 0, "inherited_unreleased": 0}]
    tap.ok(got["processes"] == want, "figures of each process: blocks are freed in the child alone", got["processes"])
    tap.ok((got["total"]["calls"], got["total"]["unreleased"], got["n_frees"]) == (60, 13200, 10), "totals of the tree", got["total"])
    peaks = sum(c["peak"] for _, _, _, c in got["stacks"])
    tap.ok(got["total"]["peak"] == peaks == 13000, "the peak is of processes that are alive", (got["total"]["peak"], peaks))
    figures = sorted((c["calls"], c["unreleased"]) for _, _, _, c in got["stacks"] if c["calls"])
    tap.ok(figures == [(10, 100), (10, 10000), (40, 3100)], "stacks of the same code are one, in whichever process", figures)
    child, _, err = reader.dump(trace_corpus.tree().image(), "43")
    tap.ok(child["total"]["calls"] == 30 and child["total"]["unreleased"] == 10200 and child["total"]["peak"] == 10000 and
           child["n_frees"] == 10, "one process alone", (child["total"], child["n_frees"]))


def test_folded(tap, reader):
    """Events folded into totals change no figure, wherever the boundary is, also that of a second fold."""
    for seed, n_threads, fold in ((21, 1, [1]), (22, 3, [250, 251]), (23, 3, [7, 100, 499]), (24, 9, [500])):
        m = random_program(seed, 500, n_threads)
        want = m.figures()
        w = m.write(fold=[min(f, len(m.events)) for f in fold], events_per_block=40, blocks_per_checkpoint=3)
        got, _, err = reader.dump(w.image())
        wrong = differences(by_path(got), want)
        tap.ok(not wrong and not got["damage"] and got["total"]["peak"] == m.peak and got["n_frees"] == m.frees,
               f"folded before events {fold}: all figures as in the model", wrong or (got["total"], m.peak, err))
        tap.ok(got["n_folded"] == fold[-1] and got["n_events"] == len(m.events) and got["is_complete"] == 1 and got["n_missing"] == 0,
               f"folded before events {fold}: it is said how many", got["n_folded"])
    for pid in ((), ("42",), ("43",)):
        want, _, _ = reader.dump(trace_corpus.tree().image(), *pid)
        for moments in ((1,), (2,), (3,), (4,), (5,), (1, 2, 3, 4, 5)):
            got, _, err = reader.dump(trace_corpus.tree(fold=moments).image(), *pid)
            wrong = [(k, got[k], want[k]) for k in ("processes", "total", "n_frees", "n_events", "n_missing", "n_unmatched")
                     if got[k] != want[k]]
            tap.ok(not wrong and not differences(by_path(got), by_path(want)) and not got["damage"],
                   f"a tree folded at {moments}, process {pid}: as unfolded", wrong or err)
    test_own_peak(tap, reader)
    m = random_program(25, 600, 2)
    w = m.write(fold=[400], events_per_block=40, blocks_per_checkpoint=2)
    for kind, lost in ((trace_write.EVENTS, "definitions"), (trace_write.RECORDS, "FOLDED"), (trace_write.RECORDS, "infos")):
        blocks = [b for b in offsets(w) if b[2] == kind]
        off = blocks[{"definitions": 1, "FOLDED": 1, "infos": 2}[lost]][0]
        image = bytearray(w.image())
        image[off + 22] ^= 4
        got, _, err = reader.dump(bytes(image))
        tap.ok(got and got["damage"] and got["n_missing"] + got["n_unknown"] > 0 and
               got["n_events"] + got["n_missing"] == len(m.events),
               f"{lost} damaged: it is said how many events that costs", got and (got["n_missing"], got["n_unknown"], got["n_events"]))
    early = [b for b in reader.dump(w.image()[:offsets(w)[1][0]])[:2]]
    tap.ok(early[0] and early[0]["is_complete"] == 0, "cut before its totals: read as far as it goes")


def test_own_peak(tap, reader):
    """The highest total of one process is at another moment than that of all."""
    for fold in (False, True):
        w = trace_write.TraceWriter()
        w.process(0, 42, 1, "/bin/x", ["x"])
        w.thread(0, 0, 42, "x")
        w.process(1, 43, 42, "/bin/x", ["x"], origin=1, came_from=0)
        w.thread(1, 1, 43, "x")
        w.alloc(0, "a", w.stack(0, 0x5000), 100)
        w.free(0, "a")
        w.alloc(0, "b", w.stack(0, 0x6000), 50)
        w.alloc(1, "c", w.stack(w.root(1, 0), 0x7000), 1000)
        if fold:
            w.fold()
        w.free(1, "c")
        w.end()
        image = w.image()
        for pid, want in ((), {0x6000: 50, 0x7000: 1000}), (("42",), {0x5000: 100}), (("43",), {0x7000: 1000}):
            got, _, err = reader.dump(image, *pid)
            peaks = {s[1]: s[3]["peak"] for s in got["stacks"] if s[3]["peak"]}
            tap.ok(peaks == want and got["total"]["peak"] == sum(want.values()),
                   f"alive at the peak of {pid or 'all'}, {'folded' if fold else 'unfolded'}", (peaks, got["total"]))


def test_left_before_the_next(tap, reader):
    """What a process leaves is not alive any more, also if the next one comes after it has ended."""
    w = trace_write.TraceWriter()
    w.process(0, 42, 1, "/bin/x", ["x"])
    w.thread(0, 0, 42, "x")
    w.alloc(0, "a", w.stack(0, 0x5000), 100)
    w.flush_events()
    w.process_end(0, 5, 3, 0)
    w.flush_records()
    w.process(1, 42, 1, "/bin/y", ["y"], origin=2, came_from=0)
    w.thread(1, 1, 42, "y")
    w.alloc(1, "b", w.stack(w.root(1, 0), 0x5000), 10)
    w.end()
    got, _, err = reader.dump(w.image())
    tap.ok(got["total"]["peak"] == 100 and got["total"]["unreleased"] == 110, "the peak is not of blocks of a process that has gone", got["total"])


def refusal(reader, image):
    _, status, err = reader.dump(image)
    return f"{status} {err.strip().split('x.seep')[-1]}"


def test_refusals(tap, reader):
    whole = trace_corpus.small().image()
    newer = trace_corpus.small().image(major=5)
    for text, image, want in [
            ("empty", b"", "3 : empty file"), ("text", b"hello, world, this is text", "3 : not a seep trace (offset 0: no magic number)"),
            ("cut header", whole[:11], "3 : cut within its header (offset 11)"),
            ("newer major version", newer, "3 : made by a newer seep: format 5.0, this seep reads 3.x and 4.x"),
            ("text mode", whole.replace(b"\r\n", b"\n", 1),
             "3 : not a seep trace (offset 0: the magic number was changed, as by a transfer in text mode)")]:
        got = refusal(reader, image)
        tap.ok(got == want, f"refusal of {text}", got)
    got, _, err = reader.dump(trace_corpus.small().image(minor=9))
    tap.ok(got and not got["damage"], "a higher minor version is read", err)
    fifo = os.path.join(reader.directory, "fifo")
    os.mkfifo(fifo)
    for path, want in ((reader.directory, "is a directory"), (fifo, "not a regular file"), (fifo + "x", "No such file")):
        r = subprocess.run([os.path.join(reader.directory, "profile_dump"), path], capture_output=True, text=True, timeout=10)
        tap.ok(r.returncode == 3 and want in r.stderr and r.stderr.count("\n") == 1, f"refusal: {want}", r.stderr)


def test_unknown(tap, reader):
    w = trace_write.TraceWriter()
    w.numbers(99, 1, 2, 3)
    w.record(12, trace_write.varint(7) + trace_write.string("note") + b"later fields")
    w.alloc(0, "a", w.stack(0, 0x5000), 10)
    w.flush_events()
    w.file_block(77, 0, b"abc", b"\x01\x03\x00\xfc\xffabc")
    w.alloc(0, "b", w.stack(0, 0x5000), 10)
    w.end()
    got, _, err = reader.dump(w.image())
    tap.ok(got and not got["damage"] and got["total"]["calls"] == 2, "unknown records, fields and blocks are skipped", err)


def offsets(w):
    """(offset, bytes, kind, is_checkpoint) of each file block."""
    at, out = 16, []
    for kind, is_checkpoint, data in w.blocks:
        out.append((at, len(data), kind, is_checkpoint))
        at += len(data)
    return out


def test_too_many(tap, reader):
    """Records that a small file may have without number, and that are kept; and processes, of which a large one may have more."""
    most = 1 << 20
    w = trace_write.TraceWriter()
    w.records = bytearray(b"\x0c\3\0\1x" * (most + 1))
    w.flush_records()
    got, _, err = reader.dump(w.image())
    tap.ok(got and len(got["damage"]) == 1, f"no more than {most} notes", err)
    w = trace_write.TraceWriter(level=0)
    n = (1 << 18) + 1
    for i in range(n):
        w.process(i, 1000 + i, 1, "/bin/x", ["x"])
    w.thread(0, n - 1, 999 + n, "last")
    w.alloc(0, "a", w.stack(w.root(n - 1, 0), 0x5000), 10)
    w.end()
    got, _, err = reader.dump(w.image(), str(999 + n))
    tap.ok(got and not got["damage"] and got["total"]["unreleased"] == 10, f"the last of {n} processes", err)


def test_damage(tap, reader):
    m = random_program(11, 6000, 3)
    w = m.write(events_per_block=100, blocks_per_checkpoint=8)
    want = m.figures()
    image, blocks = w.image(), offsets(w)
    events = [b for b in blocks if b[2] == trace_write.EVENTS]
    for at in (0, 20, 30, len(events) - 2):
        off, n = events[at][0], events[at][1]
        broken = bytearray(image)
        broken[off + 25] ^= 0x10
        got, _, err = reader.dump(bytes(broken))
        later = [i for i in range(at + 1, len(events)) if events[i][3]]
        n_lost = 100 * ((later[0] if later else len(events)) - at) - (0 if later else 100 * len(events) - len(m.events))
        tap.ok(got["damage"] and got["damage"][0][:2] == [off, n], f"block {at} damaged: the list says where", got["damage"])
        tap.ok(got["n_missing"] == n_lost and got["n_events"] + n_lost == len(m.events),
               f"block {at} damaged: lost up to the next checkpoint, not more", (got["n_missing"], n_lost))
        known = {p: c["unreleased"] for p, c in by_path(got).items() if p in want}
        has_all = got["n_infos"] == len(w.infos)
        right = all(n == want[p]["unreleased"] if has_all else n <= want[p]["unreleased"] for p, n in known.items())
        tap.ok(right, f"block {at} damaged: {'all' if has_all else 'no more than what'} is unreleased, from the list at the end")
    gone = image[:events[5][0]] + image[events[6][0]:]
    got, _, err = reader.dump(gone)
    tap.ok(got["damage"] and got["n_missing"] == 300 and got["n_events"] + 300 == len(m.events),
           "a block that is missing without a trace costs no more than up to the next checkpoint", err)
    end = events[-1][0] + events[-1][1]
    broken = bytearray(image[:end])
    broken[events[9][0]] ^= 1
    got, _, err = reader.dump(bytes(broken))
    tap.ok(got["n_missing"] == 700 and not got["is_complete"], "what is missing shows in a trace without an end, too", got["n_missing"])
    rubbish = image[:blocks[7][0]] + b"SBLK rubbish SBLKSBLK" + image[blocks[7][0]:]
    got, _, err = reader.dump(rubbish)
    tap.ok(got["damage"] and got["damage"][0][:2] == [blocks[7][0], 21], "rubbish between blocks is passed over", got["damage"])


def break_block(w, at):
    """The trace with the at-th EVENTS block damaged."""
    image = bytearray(w.image())
    image[[b for b in offsets(w) if b[2] == trace_write.EVENTS][at][0] + 21] ^= 1
    return bytes(image)


def test_hole(tap, reader):
    """What follows a hole must not lean on what stood before it."""
    w = trace_write.TraceWriter(events_per_block=2, blocks_per_checkpoint=2)
    first, second = w.stack(0, 0x5000), w.stack(0, 0x6000)
    for name, stack in (("a", first), ("b", first), ("c", second), ("d", second)):
        w.alloc(0, name, stack, 10)  # blocks 0 and 1
    w.alloc(0, "e", second, 10)
    lost = [w.stack(0, 0xAAAA), w.stack(first, 0xCCCC), w.stack(second, 0xAAAA)]
    w.alloc(0, "f", first, 10)
    w.free(0, "d")
    w.alloc(0, "g", second, 10)  # blocks 2 and 3 end here
    literal = [w.stack(lost[0], 0xBBBB), w.stack(lost[1], 0xDDDD)]
    predicted = w.stack(lost[2], 0xBBBB)
    w.free(0, "g")
    w.alloc(0, "h", predicted, 10)
    w.end()
    got, _, err = reader.dump(break_block(w, 2))
    cost = {i: s[3] for i, s in enumerate(got["stacks"])}
    tap.ok(got["n_missing"] == 4 and got["n_unknown"] == 1 and cost[second]["temporary"] == cost[first]["temporary"] == 0,
           "a free of the last allocation, when that is in the hole, frees no other", got)
    ips = [got["stacks"][i][1] for i in literal + [predicted]]
    tap.ok(ips == [0xBBBB, 0xDDDD, 0], "an ip predicted below a lost one is unknown, not wrong", ips)


def test_forged(tap, reader):
    """File blocks whose checksum is right and whose content is not."""
    w = trace_write.TraceWriter(events_per_block=100, blocks_per_checkpoint=8, level=0)
    stack = w.stack(0, 0x5000)
    for i in range(1000):
        w.alloc(0, i, stack, 10)
        w.free(0, i)
    w.end()
    blocks = [b for b in offsets(w) if b[2] == trace_write.EVENTS]
    image = w.image()
    got, _, err = reader.dump(image[:blocks[5][0]] + image[blocks[6][0]:])
    tap.ok(got["n_missing"] == 300 and got["damage"][0][0] == blocks[5][0],
           "a block that fits in but for its place is not taken for the next one", got["damage"])
    for text, spoil in (("a stack", lambda w: w.alloc(0, "a", 999, 10)), ("an info", lambda w: w.token(0, 2 * 999 + 2)),
                        ("info 0", lambda w: w.token(0, 3)), ("a thread", lambda w: w.token(1 << 30, 1))):
        w = trace_write.TraceWriter()
        spoil(w)
        w.flush_events()
        got, _, err = reader.dump(w.image())
        tap.ok(got and got["n_events"] == 0 and len(got["damage"]) == 1, f"events that name {text} that cannot be", err)
    for n_frames, n_damaged in ((4096, 0), (4098, 1)):
        w = trace_write.TraceWriter()
        stack = 0
        for i in range(n_frames):
            stack = w.stack(stack, 0x401000 + i)
        w.alloc(0, "a", stack, 10)
        w.flush_events()
        got, _, err = reader.dump(w.image())
        tap.ok(got and len(got["damage"]) == n_damaged, f"a stack of {n_frames} frames", err)


def test_cut(tap, reader):
    m = random_program(12, 3000, 2)
    w = m.write(events_per_block=100, blocks_per_checkpoint=8)
    events = [b for b in offsets(w) if b[2] == trace_write.EVENTS]
    end = events[15][0] + events[15][1]
    half = Model()
    for ms, thread, what, *rest in m.events[:1600]:
        getattr(half, what)(ms, thread, *[r for r in rest if r is not None])
    want = half.figures()
    for c in want.values():
        c["birth"] = NONE  # known from the end of a trace only
    got, _, err = reader.dump(w.image()[:end])
    wrong = differences(by_path(got), want)
    tap.ok(not wrong and not got["damage"] and got["is_complete"] == 0, "a trace that just stops: exact up to there", wrong)
    got, _, err = reader.dump(w.image()[:end + 30])
    tap.ok(not differences(by_path(got), want) and got["damage"][0][:2] == [end, 0], "cut within a block: damage to the end", err)


def test_example(tap, reader):
    """The worked example of FORMAT.md: the file's bytes, and what it says that they inflate to."""
    with open(os.path.join(ROOT, "include", "FORMAT.md")) as f:
        blocks = f.read().split("## Worked example")[1].split("```")
    def bytes_of(text, first):
        return b"".join(bytes.fromhex(line[first:].split("  " if not first else "   ")[0]) for line in text.strip().splitlines())
    image = bytes_of(blocks[1], 4)
    records, events = (bytes_of(blocks[i], 0) for i in (3, 5))
    inflated, at = [], 16
    while at < len(image):
        n = int.from_bytes(image[at + 12:at + 16], "little")
        inflated.append(zlib.decompressobj(-15).decompress(image[at + 20:at + 20 + n]))
        at += 20 + n
    tap.ok(inflated[:2] == [records, events], "FORMAT.md's example: the bytes inflate to what it says",
           [b.hex(" ") for b in (*inflated, records, events)])
    got, _, err = reader.dump(image)
    tap.ok(got is not None and not got["damage"] and got["n_events"] == 7 and got["total"]["calls"] == 4,
           "FORMAT.md's example is a trace of 7 events", err)


def test_locked(tap, reader):
    import fcntl
    w = trace_write.TraceWriter()
    w.start()
    w.process(0, os.getpid(), 1, "/bin/x", ["x"])
    w.alloc(0, "a", w.stack(0, 0x5000), 10)
    w.flush_events()
    whole = w.image()
    path = reader.path(whole + b"SBLK\2")
    with open(path, "rb") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        r = subprocess.run([os.path.join(reader.directory, "profile_dump"), path], capture_output=True, text=True)
    got = json.loads(r.stdout)
    tap.ok(got["total"]["calls"] == 1 and not got["damage"] and not got["is_complete"],
           "a trace still being written: a half block at its end is no damage", got["damage"])


def test_tags(tap, reader):
    got, _, err = reader.dump(trace_corpus.tagged().image())
    tags = [[691, "ssl/ssl_lib.c", [[70, "crypto/x.c", 1], [700, "ssl/ssl_lib.c", 2]]], [7, "crypto/x.c", [[3, "", 1], [700, "ssl/ssl_lib.c", 1]]],
            [9, "", []], [5, "", []], [0, "", []]]
    tap.ok(got and not got["damage"] and [[line, name, sorted(freed)] for line, name, freed in got["tags"]] == tags,
           "tags: names from OpenSSL's folder on, unknown files, frees added up", err or got and got["tags"])
    w = trace_write.TraceWriter()
    w.start()
    w.process(0, 42, 1, "/bin/x", ["x"])
    w.alloc(0, "a", w.tag(0, 65535, (1 << 24) - 1), 10)
    w.freed_at((1, 65535, 1, (1 << 63) - 1), (1, 65535, 2, (1 << 63) - 1), ((1 << 32) - 1, 1, 1, 1))
    w.freed_at((1, 65535, 1, (1 << 63) - 1))
    w.end()
    got, _, err = reader.dump(w.image())
    tap.ok(got and not got["damage"] and got["total"]["calls"] == 1, "tags without a frame, frees of no info, huge counts", err)
    for below in (0x401234, 1 << 62 | 5):
        w = trace_write.TraceWriter()
        w.start()
        w.alloc(0, "a", w.stack(w.tag(w.stack(0, 0x401234), 1, 1), below), 10)
        got, _, err = reader.dump(w.image())
        tap.ok(got and len(got["damage"]) == 1, "what is called from a tag is damage", err or got)
    for what, kind, payload in (("a file without a number", 19, b"\0\1x"), ("a file of too large a number", 19, trace_write.varint(65536) + b"\1x"),
                                ("a file name that is cut", 19, b"\1\5x"), ("more places than there are", 20, b"\5\1\1\1"),
                                ("a place that none can be", 20, b"\1\1" + trace_write.varint(1 << 41) + b"\1"),
                                ("an info that none can be", 20, b"\1" + trace_write.varint(1 << 33) + b"\1\1"),
                                ("more frees than can be", 20, b"\1\1\1" + trace_write.varint(1 << 63))):
        w = trace_corpus.tagged()
        w.is_complete = False
        w.record(kind, payload)
        got, _, err = reader.dump(w.image())
        tap.ok(got and len(got["damage"]) == 1 and got["total"]["calls"] == 12, "tags: " + what + " costs only its record", err or got and got["damage"])


TESTS = [
    test_tags, test_figures, test_epochs, test_tree, test_folded, test_left_before_the_next, test_refusals, test_unknown,
    test_damage, test_hole, test_forged, test_too_many, test_cut, test_example, test_locked,
]


def main(tests):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="seep-test-") as directory:
        reader = Reader(directory)
        for test in tests:
            test(tap, reader)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(TESTS))
