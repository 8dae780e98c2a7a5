#!/usr/bin/env python3
"""Flip bytes of what a killed collector has left, and cut it: the next one must refuse a damaged state in one line and change nothing.

usage: damaged_state.py SEEP-COLLECT SEEP TRACE N SEED      (built with sanitizers)

Then the same with check sums that are right: such a state may be refused or taken, but nothing may crash or hang.
"""
import glob
import os
import random
import re
import struct
import subprocess
import sys

REFUSED = re.compile(r"^seep-collect: cannot resume .*\n$")


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, data):
    with open(path, "r+b") as f:  # the same inode
        f.write(data)
        f.truncate(len(data))


def resume(collect, trace, what):
    run = subprocess.run([collect, "--resume", trace], capture_output=True, text=True, timeout=60)
    if run.returncode not in (0, 2) or "Sanitizer" in run.stderr or (run.returncode == 2 and not REFUSED.match(run.stderr)):
        sys.exit("%s: status %d: %s" % (what, run.returncode, run.stderr[:2000]))
    return run.returncode


MASK = (1 << 64) - 1
P0, P1 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F
HEADER_BYTES, GROUP_BYTES, RECORD_BYTES = 96, 24, 24


def check(start, data):
    """preload/collector/journal.c: journal_check()."""
    lanes = [start, start ^ P0, (start + P1) & MASK, start ^ MASK]
    words = struct.unpack("<%dQ" % (len(data) // 8), data)
    whole = len(words) // 4 * 4
    for i in range(whole):
        mixed = (lanes[i & 3] ^ words[i]) * P0 & MASK
        lanes[i & 3] = mixed ^ mixed >> 29
    for i in range(whole, len(words)):
        lanes[i - whole] = (lanes[i - whole] ^ words[i]) * P1 & MASK
    total = 0
    for lane in lanes:
        total = (total ^ lane) * P1 & MASK
        total ^= total >> 32
    return total


def records(data):
    """(offset of the head, bytes of the content) of each record."""
    at, found = HEADER_BYTES, []
    while at + GROUP_BYTES <= len(data):
        magic, _, n_bytes, _ = struct.unpack_from("<IIQQ", data, at)
        at += GROUP_BYTES
        end = at + n_bytes
        while at < end:
            n = struct.unpack_from("<Q", data, at + 8)[0]
            found.append((at, n))
            at += RECORD_BYTES + (n + 7) // 8 * 8
    return found


def seal(data, at, n):
    whole = n // 8 * 8
    sum_ = check(0, bytes(data[at:at + 16]))
    body = at + RECORD_BYTES
    sum_ = check(sum_, bytes(data[body:body + whole]))
    if whole != n:
        sum_ = check(sum_, bytes(data[body + whole:body + whole + 8]))
    struct.pack_into("<Q", data, at + 16, sum_)


def resealed(collect, trace, good, traced, n):
    state, found, n_taken = trace + ".state", records(good), 0
    for at, size in found[:200]:
        data = bytearray(good[at:at + RECORD_BYTES + (size + 7) // 8 * 8])
        seal(data, 0, size)
        if data != good[at:at + len(data)]:
            sys.exit("the check sums of this test are not those of the program")
    small = [r for r in found if r[1] < 20000]
    rings = glob.glob(trace + ".ring-*")
    for ring in rings:
        os.link(ring, ring + ".kept")
    for i in range(n):
        bad = bytearray(good)
        for _ in range(1 + i % 3):
            at, size = random.choice(small)
            place = at + RECORD_BYTES + random.randrange(size)
            how = random.randrange(4)
            if how == 0:
                bad[place] ^= 1 << random.randrange(8)
            elif how == 1:
                bad[place] = random.randrange(256)
            else:
                place = at + RECORD_BYTES + random.randrange(max(1, size // 4)) * 4
                value = random.choice([0, 1, 0xffffffff, 0xfffffffe, 0x7fffffff, 0x80000000, random.getrandbits(32), random.randrange(100)])
                if place + 4 <= at + RECORD_BYTES + size:
                    struct.pack_into("<I", bad, place, value)
            seal(bad, at, size)
        if os.path.exists(state):
            os.unlink(state)
        with open(state, "xb") as f:
            f.write(bad)
        write(trace, traced)
        n_taken += resume(collect, trace, "resealed %d" % i) == 0
        for ring in rings:
            if not os.path.exists(ring):
                os.link(ring + ".kept", ring)
    print("%d of %d resealed states were taken" % (n_taken, n))
    for ring in rings:
        os.unlink(ring + ".kept")


def main():
    collect, seep, trace, n, seed = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    state = trace + ".state"
    good, traced = read(state), read(trace)
    random.seed(seed)
    print("seed %d, %d bytes of state" % (seed, len(good)))
    for i in range(n):
        bad = bytearray(good)
        at = random.randrange(len(good)) if i % 3 else random.randrange(min(2000, len(good)))
        bad[at] ^= 1 << random.randrange(8) if i % 2 else random.randrange(1, 256)
        write(state, bytes(bad))
        if resume(collect, trace, "byte %d" % at) != 2:
            sys.exit("byte %d: taken as good" % at)
        if read(trace) != traced:
            sys.exit("byte %d: the trace has been changed" % at)
    for i in range(n // 10):
        end = random.randrange(1, len(good) - 1)
        write(state, good[:end])
        if resume(collect, trace, "end %d" % end) == 0:  # in the last group: as if that had never been
            sys.exit("end %d: taken as good, though chunks have gone back since" % end)
    run = subprocess.run([seep, "info", trace], capture_output=True, text=True, timeout=60)
    if run.returncode != 0:
        sys.exit("seep info: %d: %s" % (run.returncode, run.stderr))
    write(state, good)
    write(trace, traced)
    resealed(collect, trace, good, traced, n)
    with open(state, "wb") as f:
        f.write(good)
    write(trace, traced)


main()
