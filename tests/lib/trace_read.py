#!/usr/bin/env python3
"""trace_read.py - read a seep trace, from include/FORMAT.md alone; the tests' outside oracle.

Written against the description and not against the C code, so that a trace that both understand proves the description.
It is strict: whatever the description does not allow raises TraceError (the real reader goes on behind damage instead).

    t = read_trace("x.seep")
    t["records"]   [(type name, fields)]           t["events"]  [(thread, token, ms)]
    t["stacks"]    [(parent, ip)], index = id      t["infos"]   [(size, stack)], index = id, 0 unused

As a program: trace_read.py FILE prints a JSON summary; --events adds every event, --stacks every stack. --sums prints
sorted lines "ip,ip,... size allocated freed temporary" and at last the bytes alive instead.
"""
import json
import struct
import sys
import zlib

RECORDS, EVENTS, INDEX = 1, 2, 3
CONTROL, LITERALS, TAILS, INTERLEAVE, SIZES, INFO_STACKS, CODES, STACK_LITERALS, TIMES = range(9)
M32, M64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
GOLDEN64 = 0x9E3779B97F4A7C15


class TraceError(Exception):
    pass


def check(condition, what):
    if not condition:
        raise TraceError(what)


class Bytes:
    """A read position in a column or a payload."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        return len(self.data) - self.at

    def take(self, n):
        check(n <= self.left(), "cut short")
        self.at += n
        return self.data[self.at - n:self.at]

    def byte(self):
        return self.take(1)[0]

    def varint(self):
        value = shift = 0
        while True:
            b = self.byte()
            value |= (b & 0x7F) << shift
            if b < 0x80:
                check(value <= M64, "number of more than 64 bits")
                return value
            shift += 7

    def zigzag(self):
        v = self.varint()
        return v >> 1 if v & 1 == 0 else -(v >> 1) - 1

    def string(self):
        return self.take(self.varint()).decode("utf-8", "backslashreplace")


def numbers(*names):
    return [(name, Bytes.varint) for name in names]


def strings(r):
    return [r.string() for _ in range(r.varint())]


def varints(r):
    return [r.varint() for _ in range(r.varint())]


def survivors(r):
    result, info = [], 0
    for _ in range(r.varint()):
        info += r.varint()
        result.append({"info": info, "blocks": r.varint(), "oldest_ms": r.varint()})
    return result


def varint_if_there(r):
    return r.varint() if r.left() else None


def folded_infos(r):
    first, n = r.varint(), r.varint()
    result = []
    for i in range(n):
        info = {"info": first + i, "allocated": r.varint(), "live": r.varint(), "temporary": r.varint(), "at_peak": r.varint()}
        info["at_own_peak"] = info["at_peak"] + r.zigzag()
        check(info["live"] + info["temporary"] <= info["allocated"] and 0 <= info["at_own_peak"] <= info["allocated"], "folded info")
        result.append(info)
    return result


def folded_processes(r):
    first, n = r.varint(), r.varint()
    return [{"process": first + i, "peak": r.varint(), "inherited_frees": r.varint(), "inherited_freed_bytes": r.varint()}
            for i in range(n)]


def folded_threads(r):
    result, index = [], 0
    for _ in range(r.varint()):
        index += r.varint()
        last_alloc, last_free = r.varint(), r.varint()
        result.append({"thread": index, "last_alloc": last_alloc, "last_free": last_free >> 2, "was_temporary": bool(last_free & 1)})
    return result


def freed_at(r):
    result, info = [], 0
    for _ in range(r.varint()):
        info += r.varint()
        place = r.varint()
        result.append({"info": info, "file": place >> 24, "line": place & 0xFFFFFF, "frees": r.varint()})
        check(info > 0 and place >> 40 == 0, "FREED_AT")
    return result


def hex_bytes(r):
    return r.take(r.varint()).hex()


RECORD_FIELDS = {
    1: ("START", [("version", Bytes.string)] + numbers("real_ns") + [("options", Bytes.string)] + numbers("ticks_per_second", "sample_bytes")),
    2: ("PROCESS", numbers("process", "pid", "origin", "from", "from_epoch", "inherited_blocks", "inherited_bytes", "ppid", "ns")
        + [("executable", Bytes.string), ("arguments", strings)]),
    3: ("PROCESS_END", numbers("process", "ns", "kind", "value")),
    4: ("THREAD", numbers("index", "process", "tid", "ns") + [("name", Bytes.string)]),
    5: ("MODULE", numbers("id", "process", "epoch", "bias", "start", "end") + [("build_id", hex_bytes), ("path", Bytes.string)]),
    6: ("EPOCH", numbers("process", "epoch") + [("gone", varints)]),
    7: ("MARK", numbers("number", "ns") + [("name", Bytes.string), ("first_event", varint_if_there)]),
    8: ("MEMORY", numbers("process", "ns", "resident", "peak")),
    9: ("LOST", numbers("process") + [("key", Bytes.string)] + numbers("total") + [("text", Bytes.string)] + numbers("is_events")),
    10: ("SURVIVORS", [("infos", survivors)]),
    11: ("END", numbers("ns", "events", "allocations", "frees", "undone", "cpu_ns", "peak", "inherited_frees")),
    12: ("NOTE", numbers("process") + [("text", Bytes.string)]),
    13: ("THREAD_NAME", numbers("index") + [("name", Bytes.string)]),
    14: ("COVERAGE", numbers("process", "result", "allocator", "in_use", "mapped", "threads", "cache_blocks", "cache_bytes_max",
                             "rounded", "traced_blocks", "traced_bytes", "held_bytes")),
    15: ("FOLDED", numbers("events", "from_ns", "to_ns", "undone", "unmatched")),
    16: ("FOLDED_INFOS", [("infos", folded_infos)]),
    17: ("FOLDED_PROCESSES", [("processes", folded_processes)]),
    18: ("FOLDED_THREADS", [("threads", folded_threads)]),
    19: ("SOURCE_FILE", numbers("id") + [("name", Bytes.string)]),
    20: ("FREED_AT", [("places", freed_at)]),
}


def file_blocks(data):
    """Yield (offset, type, flags, raw_bytes, stored)."""
    check(data[:8] == b"SEEP\r\n\x1a\n", "no trace")
    major, minor, zero = struct.unpack_from("<HHI", data, 8)
    check(major in (3, 4) and minor in (0, 1) and zero == 0, "header")
    at = 16
    while at < len(data):
        check(len(data) - at >= 20, "cut file block header at %d" % at)
        magic, kind, flags, zero, raw, stored, crc = struct.unpack_from("<4sBBHIII", data, at)
        check(magic == b"SBLK" and zero == 0, "no file block at %d" % at)
        check(raw <= 1 << 26 and stored <= 1 << 26, "file block too long at %d" % at)
        body = data[at + 20:at + 20 + stored]
        check(len(body) == stored, "cut file block at %d" % at)
        check(zlib.crc32(body, zlib.crc32(data[at:at + 16])) == crc, "wrong CRC at %d" % at)
        yield at, kind, flags, raw, body
        at += 20 + stored


def inflate_whole(body, raw):
    z = zlib.decompressobj(-15)
    data = z.decompress(body)
    check(z.eof and not z.unused_data and len(data) == raw, "file block does not inflate to its length")
    return data


class Decoder:
    def __init__(self):
        self.records, self.events = [], []
        self.info_marks = [None]    # by info: the mark behind which it was defined
        self.n_marks = 0
        self.marked_blocks = []     # of each EVENTS block: its mark, first event, event behind it
        self.stacks, self.infos = [(0, 0)], [None]
        self.n_blocks = {RECORDS: 0, EVENTS: 0, INDEX: 0}
        self.checkpoints, self.index = [], None
        self.n_folded = 0       # events that are not there, but their totals
        self.blocks_since_checkpoint = 0
        self.z = None
        self.clock_ms = 0

    def read(self, data):
        is_folded = data[8:9] == b"\4"
        for at, kind, flags, raw, body in file_blocks(data):
            check(self.index is None, "file block behind the INDEX")
            self.n_blocks[kind] += 1
            if kind == RECORDS:
                self.read_records(Bytes(inflate_whole(body, raw)))
            elif kind == EVENTS:
                self.read_events(at, flags, raw, body)
            else:
                self.read_index(Bytes(inflate_whole(body, raw)))
        check(is_folded == any(name == "FOLDED" for name, _ in self.records), "FOLDED belongs to version 4")
        self.check_tags()
        self.check_marks()

    def check_marks(self):
        places = [r["first_event"] for name, r in self.records if name == "MARK"]
        check(None in places or places == sorted(places), "the order of marks")
        for mark, first, end in self.marked_blocks:
            if first < end and None not in places:
                check((mark == 0 or first >= places[mark - 1]) and (mark == len(places) or end <= places[mark]), "a block with mark %d" % mark)

    def check_tags(self):
        ids = [r["id"] for name, r in self.records if name == "SOURCE_FILE"]
        check(ids == list(range(1, len(ids) + 1)), "ids of source files")
        for name, r in self.records:
            for place in r["places"] if name == "FREED_AT" else ():
                check(place["info"] < len(self.infos) and place["file"] <= len(ids) and place["frees"] > 0, "FREED_AT of nothing")
        check(all(ip >> 24 & 0xFFFF <= len(ids) for _, ip in self.stacks if is_tag(ip)), "a tag of no file")

    def read_records(self, r):
        while r.left():
            kind, length = r.varint(), r.varint()
            payload = Bytes(r.take(length))
            check(kind in RECORD_FIELDS, "unknown record %d" % kind)
            name, fields = RECORD_FIELDS[kind]
            record = {key: read(payload) for key, read in fields}
            check(payload.left() == 0, "bytes behind the fields of a %s" % name)
            self.records.append((name, record))
            if name == "MARK":
                self.n_marks += 1
                check(record["number"] == self.n_marks, "the number of a mark")
            if name == "FOLDED":
                check(not self.events and not self.n_folded, "FOLDED behind events")
                self.n_folded = record["events"]

    def read_index(self, r):
        off = ms = event = 0
        self.index = []
        for _ in range(r.varint()):
            off, ms, event = off + r.varint(), ms + r.varint(), event + r.varint()
            self.index.append((off, ms, event))
        check(r.left() == 0, "bytes behind the INDEX")

    def checkpoint(self):
        self.z = zlib.decompressobj(-15)
        self.recent = {}    # place -> [token, token]
        self.follow = {}
        self.pairs = {}
        self.contexts = {}
        self.last_ip = 0
        self.blocks_since_checkpoint = 0

    def read_events(self, at, flags, raw, body):
        check(flags & ~1 == 0, "unknown flag")
        if flags & 1:
            self.checkpoint()
        check(self.z is not None, "the first EVENTS block is no checkpoint")
        self.blocks_since_checkpoint += 1
        check(self.blocks_since_checkpoint <= 32, "more than 32 blocks without a checkpoint")
        content = self.z.decompress(body)
        check(len(content) == raw, "EVENTS block does not inflate to its length")
        r = Bytes(content)
        n, first_event, start_ns, mark, first_info, n_infos, first_stack, n_stacks = (r.varint() for _ in range(8))
        lengths = [r.varint() for _ in range(9)]
        columns = [Bytes(r.take(length)) for length in lengths]
        check(r.left() == 0, "bytes behind the columns")
        check(n <= 1 << 20 and first_event == len(self.events) + self.n_folded, "first_event")
        check(first_info == len(self.infos) and first_stack == len(self.stacks), "first ids")
        check(start_ns // 1000000 >= self.clock_ms, "time runs backwards")
        if flags & 1 and n:
            self.checkpoints.append((at, start_ns // 1000000, first_event))
        check(mark <= self.n_marks, "a mark before its record")
        self.marked_blocks.append((mark, first_event, first_event + n))
        self.info_marks.extend([mark] * n_infos)
        self.read_stacks(columns, n_stacks)
        self.read_infos(columns, n_infos)
        threads = self.read_interleave(columns[INTERLEAVE], n)
        tokens = self.read_tokens(columns, threads, first_info)
        times = self.read_times(columns[TIMES], n, start_ns // 1000000)
        self.events.extend(zip(threads, tokens, times))
        for c in columns:
            check(c.left() == 0, "bytes left in a column")

    def read_stacks(self, columns, n):
        for _ in range(n):
            code = columns[CODES].byte()
            check(code < 8 and code & 3 != 3, "stack code")
            back = 1 if code & 4 else columns[STACK_LITERALS].varint()
            parent = len(self.stacks) - back
            check(back >= 1 and parent >= 0, "parent")
            place = (self.stacks[parent][1] * GOLDEN64 & M64) >> (64 - 14)
            pair = self.pairs.setdefault(place, [0, 0])
            if code & 3 == 2:
                ip = (self.last_ip + columns[STACK_LITERALS].zigzag()) & M64
                self.last_ip = ip
            else:
                ip = pair[code & 3]
            if pair[0] != ip:
                pair[:] = [ip, pair[0]]
            self.stacks.append((parent, ip))

    def read_infos(self, columns, n):
        stack = 0
        for _ in range(n):
            stack += columns[INFO_STACKS].zigzag()
            check(0 <= stack < len(self.stacks), "stack of an info")
            self.infos.append((columns[SIZES].varint(), stack))

    @staticmethod
    def read_interleave(r, n):
        threads, latest = [], []
        while len(threads) < n:
            b = r.byte()
            which = b >> 6
            if which == 3:
                thread = r.varint()
            else:
                check(which + 1 < len(latest), "recent thread")
                thread = latest[which + 1]
            check(latest or which == 3, "first run")
            length = (b & 63) + 1
            if b & 63 == 63:
                length += r.varint()
            if thread in latest:
                latest.remove(thread)
            latest.insert(0, thread)
            del latest[4:]
            threads.extend([thread] * length)
        check(len(threads) == n, "runs of more events than there are")
        return threads

    def read_tokens(self, columns, threads, first_info):
        control, literals, tails = columns[CONTROL], columns[LITERALS], columns[TAILS]
        tokens, hits, kind, new_info = [], 0, None, first_info
        for thread in threads:
            newest, middle, oldest = self.contexts.get(thread, (0, 0, 0))
            mix = (newest * 0x9E3779B1 ^ middle * 0x85EBCA77 ^ oldest * 0xC2B2AE3D) & M32
            pair = self.recent.setdefault(mix >> 16, [0, 0])
            follow_place = (newest * 0x9E3779B1 & M32) >> 16
            while hits == 0 and kind is None:
                if not control.left():
                    hits = len(threads)
                    break
                b = control.byte()
                hits, kind = (63, None) if b == 252 else (b >> 2, b & 3)
                check(hits < 63 or b == 252, "control byte")
            if hits:
                hits -= 1
                token = pair[0]
            else:
                if kind == 0:
                    token = pair[1]
                elif kind == 1:
                    token = self.follow.get(follow_place, 0)
                elif kind == 2:
                    token = 2 * new_info + 2
                    new_info += 1
                else:
                    literal = literals.byte()
                    if literal >= 128:
                        literal += (tails.varint() - 1) * 128
                    check(literal <= M64, "literal")
                    token = self.from_literal(literal, (newest, middle, oldest))
                if kind != 0:
                    self.follow[follow_place] = token
                pair[:] = [token, pair[0]]
                kind = None
            check(token <= M32, "token")
            check(token < 2 or 1 <= (token - 2) // 2 < len(self.infos), "token of an undefined info")
            self.contexts[thread] = (token, newest, middle)
            tokens.append(token)
        return tokens

    @staticmethod
    def from_literal(literal, context):
        if literal < 2:
            return literal
        is_free = literal & 1
        step = (literal - 2) >> 1
        step = -(step + 1) // 2 if step & 1 else step // 2
        named = [t for t in context if t > 1]
        base = ([t for t in named if t & 1 == is_free] + named + [2])[0]
        return 2 * ((base - 2) // 2 + step) + 2 + is_free

    def read_times(self, r, n, ms):
        times = []
        while r.left():
            events, more = r.varint(), r.varint()
            check(len(times) + events <= n, "time behind the block")
            times.extend([ms] * events)
            ms += more
        times.extend([ms] * (n - len(times)))
        self.clock_ms = ms
        return times


def read_trace(path):
    with open(path, "rb") as f:
        data = f.read()
    d = Decoder()
    d.read(data)
    return {"records": d.records, "events": d.events, "stacks": d.stacks, "infos": d.infos, "info_marks": d.info_marks,
            "blocks": d.n_blocks,
            "checkpoints": d.checkpoints, "index": d.index, "bytes": len(data), "is_complete": d.index is not None}


def processes_of(trace):
    """The process of each info, by its stack's root, and of each thread."""
    roots = []
    for parent, ip in trace["stacks"]:
        roots.append(ip >> 16 & M32 if ip >> 63 else roots[parent] if roots else 0)
    threads = {r["index"]: r["process"] for name, r in trace["records"] if name == "THREAD"}
    return [roots[i[1]] if i else 0 for i in trace["infos"]], threads


def account(trace, stops=()):
    """Per info and per thread: what the tokens say. Checks that no info ever has less than no block. A process that frees a block of another's
    info frees what came with a fork: that is in none of the sums. stops: numbers of events in order, before which what is alive is to be kept: by info, in the result's
    "stopped" of info 0."""
    of_info, of_thread = processes_of(trace)
    infos = [dict(allocated=0, freed=0, temporary=0, live=0) for _ in trace["infos"]]
    threads, last_alloc, last_free = {}, {}, {}
    peak = live_bytes = 0
    for name, record in trace["records"]:
        for i in record["infos"] if name == "FOLDED_INFOS" else ():
            infos[i["info"]] = dict(allocated=i["allocated"], freed=i["allocated"] - i["live"], temporary=i["temporary"], live=i["live"])
            live_bytes += i["live"] * trace["infos"][i["info"]][0]
            peak += i["at_peak"] * trace["infos"][i["info"]][0]
        for t in record["threads"] if name == "FOLDED_THREADS" else ():
            last_alloc[t["thread"]] = t["last_alloc"]
            last_free[t["thread"]] = (t["last_free"], t["was_temporary"])
    stopped, stops = [], list(stops)
    at = sum(record["events"] for name, record in trace["records"] if name == "FOLDED")

    def stop():
        while stops and stops[0] <= at:
            stopped.append({i: of["live"] for i, of in enumerate(infos) if of["live"]})
            stops.pop(0)

    for thread, token, _ in trace["events"]:
        stop()
        at += 1
        t = threads.setdefault(thread, dict(allocated=0, freed=0, temporary=0, undone=0))
        if token == 0:
            check(last_free.get(thread) is not None, "undo without a free")
            info, was_temporary = last_free.pop(thread)
            if of_info[info] != of_thread.get(thread, 0):
                continue
            for sums in (t, infos[info]):
                sums["freed"] -= 1
                sums["temporary"] -= was_temporary
            t["undone"] += 1
            change = 1
        elif token & 1:
            if token == 1:
                check(last_alloc.get(thread) is not None, "temporary free without an allocation")
            info = last_alloc[thread] if token == 1 else (token - 3) // 2
            if of_info[info] != of_thread.get(thread, 0):
                last_free[thread] = (info, False)
                continue
            for sums in (t, infos[info]):
                sums["freed"] += 1
                sums["temporary"] += token == 1
            last_free[thread] = (info, token == 1)
            change = -1
        else:
            info = last_alloc[thread] = (token - 2) // 2
            last_free.pop(thread, None)
            for sums in (t, infos[info]):
                sums["allocated"] += 1
            change = 1
        infos[info]["live"] += change
        check(infos[info]["live"] >= 0, "more frees than allocations of info %d" % info)
        live_bytes += change * trace["infos"][info][0]
        peak = max(peak, live_bytes)
    stop()
    infos[0]["stopped"] = stopped
    return infos, threads, live_bytes, peak


def is_tag(ip):
    return ip >> 40 == 1 << 22


def tag_of(trace, stack):
    """The name and line of a stack's tag; None if it has none. The name of a file that no record names is ""."""
    ip = trace["stacks"][stack][1]
    names = {r["id"]: r["name"] for name, r in trace["records"] if name == "SOURCE_FILE"}
    return (names.get(ip >> 24 & 0xFFFF, ""), ip & 0xFFFFFF) if is_tag(ip) else None


def path_of(trace, stack):
    """The return addresses of a stack, innermost first, without its tag."""
    path = []
    while stack:
        stack, ip = trace["stacks"][stack]
        if is_tag(ip):
            check(not path, "a tag that is not innermost")
        elif not ip >> 63:
            path.append(ip)
        elif ip & 0xFFFF:
            path.append(ip & 0xFFFF)  # the root of an epoch
    return path


def summary(trace, with_events=False, with_stacks=False):
    infos, threads, live_bytes, peak = account(trace)
    result = {
        "is_complete": trace["is_complete"], "bytes": trace["bytes"], "blocks": trace["blocks"],
        "n_events": len(trace["events"]), "n_stacks": len(trace["stacks"]), "live_bytes": live_bytes, "peak_bytes": peak,
        "infos": [dict(i, size=trace["infos"][n][0], stack=path_of(trace, trace["infos"][n][1]))
                  for n, i in enumerate(infos) if n],
        "threads": threads, "records": [dict(record, type=name) for name, record in trace["records"]],
        "index": trace["index"], "checkpoints": trace["checkpoints"],
    }
    if with_events:
        result["events"] = trace["events"]
    if with_stacks:
        result["stacks"] = trace["stacks"]
    return result


def print_sums(trace):
    """A line for each stack and size: what the unit tests compare with their own books."""
    infos, _, live_bytes, _ = account(trace)
    sums = {}
    for n, i in enumerate(infos):
        if n:
            size, stack = trace["infos"][n]
            key = (",".join("%x" % ip for ip in path_of(trace, stack)) or "-", size)
            sums[key] = [a + b for a, b in zip(sums.get(key, [0, 0, 0]), (i["allocated"], i["freed"], i["temporary"]))]
    for (path, size), counts in sorted(sums.items()):
        print(path, size, *counts)
    print("live", live_bytes)


def main(argv):
    files = [a for a in argv if not a.startswith("--")]
    if len(files) != 1:
        sys.exit("usage: trace_read.py [--sums | --events --stacks] FILE")
    try:
        if "--sums" in argv:
            print_sums(read_trace(files[0]))
            return
        json.dump(summary(read_trace(files[0]), "--events" in argv, "--stacks" in argv), sys.stdout)
    except TraceError as e:
        sys.exit("trace_read.py: %s: %s" % (files[0], e))
    print()


if __name__ == "__main__":
    main(sys.argv[1:])
