#!/usr/bin/env python3
"""test_coverage.py - what `seep report` makes of COVERAGE records: the figures here are worked out by hand. TAP on stdout.

BUILD (default build) says where seep is."""
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
from trace_write import TraceWriter  # noqa: E402

SEEP = os.path.join(os.path.abspath(os.environ.get("BUILD", os.path.join(ROOT, "build"))), "seep")
OWN, THREAD, PAGE = 32768, 8192, 4112  # what is allowed to a process, a thread, a mapped block
HELD = 1008  # by glibc for 1000 bytes
MORE = HELD + 16  # where a rest of 16 bytes was left


class Tap:
    n = bad = 0

    def ok(self, is_ok, text, why=""):
        self.n += 1
        self.bad += not is_ok
        print(f"{'ok' if is_ok else 'not ok'} {self.n} - {text}")
        if not is_ok:
            print("# " + str(why)[:1000].replace("\n", "\n# "))


def trace(*coverages, freed=0, end=(1, 0), **options):
    """A process for each (keywords of TraceWriter.coverage); the second and later ones are forked from the first. freed: blocks of 1000 bytes that the
    first one gave back."""
    w = TraceWriter()
    w.start(**options)
    for i, coverage in enumerate(coverages):
        w.process(i, 100 + i, 1, "/usr/bin/demo", ["demo"], **({"origin": 1, "came_from": 0, "inherited": (0, 0)} if i else {}))
        w.thread(i, i, 100 + i, "demo")
        if i == 0:
            for k in range(freed):
                w.alloc(0, k, w.stack(w.root(0, 0) if len(coverages) > 1 else 0, 0x401234), 1000)
                w.free(0, k)
            w.flush_events()
    for i, coverage in enumerate(coverages):
        if coverage:
            w.coverage(i, **coverage)
        w.process_end(i, 1000000, *end)
    w.end()
    return w.image()


def report(image, *options):
    with tempfile.NamedTemporaryFile(suffix=".seep") as f:
        f.write(image)
        f.flush()
        r = subprocess.run([SEEP, "report", *options, f.name], capture_output=True, text=True)
        return r.stdout, r.stderr


def judged(image, *options):
    return [p["coverage"] for p in json.loads(report(image, "--format", "json", *options)[0])["processes"]]


def of(in_use, held=0, **more):
    return {"in_use": in_use, "traced": (held // HELD, held // HELD * 1000), "held": held, **more}


def test_allowances(tap):
    million = 1000000
    base = OWN + THREAD
    for text, coverage, freed, allowed in [
            ("before recording, and a thread", of(million), 0, base),
            ("three threads", of(million, threads=3), 0, OWN + 3 * THREAD),
            ("two mapped blocks", of(million, mapped=2), 0, base + 2 * PAGE),
            ("what alignments added", of(million, rounded=500), 0, base + 500),
            ("caches: no more than were freed", of(million), 5, base + 5 * MORE),
            ("caches: no more than they hold", of(million), 50, base + 7 * (MORE + HELD)),
            ("caches of two threads", of(million, threads=2), 50, OWN + 2 * THREAD + 14 * (MORE + HELD)),
            ("caches that are off", of(million, cache=(0, 1040)), 50, base),
            ("blocks too large for caches", of(million, cache=(7, 1000)), 50, base),
            ("jemalloc tells its caches itself", of(million, allocator=2), 50, base)]:
        got = judged(trace(coverage, freed=freed))[0]
        want = {"allowed_bytes": allowed, "uncovered_bytes": million - allowed, "share": allowed / million}
        wrong = {k: got[k] for k in want if abs(got[k] - want[k]) > 1e-6}
        tap.ok(not wrong, f"allowed: {text}", (wrong, want))


def test_inheritance(tap):
    image = trace(of(1000000, threads=2), of(1000000), freed=50)
    want = [OWN + 2 * THREAD + 14 * (MORE + HELD), OWN + 3 * THREAD + 21 * (MORE + HELD)]
    got = [c["allowed_bytes"] for c in judged(image)]
    tap.ok(got == want, "a fork child has its parent's heap", (got, want))
    alone = judged(image, "--pid", "101")[0]["allowed_bytes"]
    tap.ok(alone >= want[1], "alone it is allowed no less: its parent's frees are not counted then", alone)


def test_warning(tap):
    base = OWN + THREAD
    for uncovered, is_low in ((50000, False), (50001, True)):
        out, err = report(trace(of(1000000, 1000000 - base - uncovered)))
        lines = [line for line in out.splitlines() if line.startswith("coverage:") or "passed seep by" in line]
        tap.ok(len(lines) == 1 + is_low and ("95.0%" in lines[0]) and ("of 100 had in use at exit: 95.0%" in err) == is_low,
               f"{uncovered} of a million not accounted for: {'a' if is_low else 'no'} warning", (lines, err))
    out, _ = report(trace(of(10**7, 10**7), of(10**6, 10**5), {}))
    tap.ok("coverage: 92.3% of the 11.00M that glibc malloc had in use at exit, in 2 of 3 processes; least 14.9% of 101" in out and
           "850.85K of process 101 passed seep by" in out, "of several processes the sum, and the worst", out[-700:])


def test_not_measured(tap):
    for text, image, want in [
            ("no record", trace({}), "the process did not end by exit()"),
            ("killed", trace({}, end=(2, 9)), "the process was killed"),
            ("sampled", trace(of(1000), sample_bytes=4096), "the trace is sampled"),
            ("a reason", trace(of(1000, result=4)), "a seccomp filter"),
            ("a reason of later", trace(of(1000, result=99)), "later version")]:
        got = judged(image)[0]
        rest = {k: v for k, v in got.items() if k != "not_measured" and v is not None}
        tap.ok(not rest and want in got["not_measured"] and f"coverage: not measured: {got['not_measured']}\n" in report(image)[0],
               f"not measured: {text}", got)


def test_odd_numbers(tap):
    most = 2**64 - 1
    got = judged(trace(of(most, mapped=most, threads=most, cache=(most, most), rounded=most), freed=9))[0]
    tap.ok(got["share"] == 1 and got["allowed_bytes"] == most, "the largest numbers do not wrap", got)
    got = judged(trace(of(0)))[0]
    tap.ok(got["share"] == 1 and got["uncovered_bytes"] == 0, "nothing in use is nothing missing", got)


def main():
    tap = Tap()
    for test in (test_allowances, test_inheritance, test_warning, test_not_measured, test_odd_numbers):
        test(tap)
    print(f"1..{tap.n}")
    return 1 if tap.bad else 0


if __name__ == "__main__":
    sys.exit(main())
