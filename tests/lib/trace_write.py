"""trace_write.py - write seep traces from a list of events, from include/FORMAT.md alone.

Written against the description and not against the C code, so that a trace made here and read there proves the description.
Blocks of memory have names here (any hashable); which token that makes is this file's business:

    w = TraceWriter()
    w.start(); w.process(42, 1, "/bin/x", ["x", "-v"]); w.thread(0, 42, 42, "main")
    s = w.stack(w.stack(0, 0x401000), 0x402000)
    w.alloc(0, "a", s, 100); w.free(0, "a"); w.undo(0)
    w.end()
    open("x.seep", "wb").write(w.image())
"""
import struct
import zlib

RECORDS, EVENTS, INDEX = 1, 2, 3
CONTROL, LITERALS, TAILS, INTERLEAVE, SIZES, INFO_STACKS, CODES, STACK_LITERALS, TIMES = range(9)
M32, M64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF


def varint(v):
    out = bytearray()
    while v >= 0x80:
        out.append(v & 0x7F | 0x80)
        v >>= 7
    out.append(v)
    return bytes(out)


def zigzag(v):
    return varint(v << 1 if v >= 0 else -v * 2 - 1)


def string(s):
    b = s if isinstance(s, bytes) else s.encode()
    return varint(len(b)) + b


def signed64(v):
    v &= M64
    return v - (1 << 64) if v >> 63 else v


class TraceWriter:
    def __init__(self, events_per_block=65536, blocks_per_checkpoint=32, level=1):
        self.events_per_block = events_per_block
        self.blocks_per_checkpoint = blocks_per_checkpoint
        self.level = level
        self.blocks = []        # finished file blocks: (kind, is_checkpoint, bytes)
        self.records = bytearray()
        self.stacks = [(0, 0)]  # parent, ip
        self.stack_ids = {}
        self.infos = {}         # (stack, size, mark) -> id: a mark starts with none
        self.block_info = {}    # name of a block of memory -> info id
        self.last_alloc = {}    # thread -> name
        self.last_free = {}     # thread -> name
        self.births = {}        # name -> ms
        self.ms = 0
        self.n_event_blocks = 0
        self.n_events = self.n_allocs = self.n_frees = self.n_undone = self.n_inherited_frees = 0
        self.index = []
        self.mark = 0
        self.is_complete = self.is_folded = False
        self.history = []       # ("token", thread, token), ("process", index, inherited bytes), ("end", process)
        self.all_records = []   # (kind, payload)
        self.thread_process = {}
        self.restart()
        self.begin()

    # ---- predictions

    def restart(self):
        self.recent, self.follow, self.pairs = {}, {}, {}
        self.context = {}
        self.last_ip = 0
        self.deflate = zlib.compressobj(self.level, zlib.DEFLATED, -15)

    def begin(self):
        self.columns = [bytearray() for _ in range(9)]
        self.first_event = self.n_events
        self.first_info, self.first_stack = len(self.infos) + 1, len(self.stacks)
        self.next_new = self.first_info
        self.info_before = 0
        self.hits = 0
        self.threads = []
        self.run = None         # [thread, events]
        self.start_ns = self.ms * 1000000
        self.clock, self.last_time = self.ms, 0

    # ---- definitions

    def stack(self, parent, ip):
        """The id of this node of the call tree, defined at need."""
        if (parent, ip) in self.stack_ids:
            return self.stack_ids[parent, ip]
        here = len(self.stacks)
        slot = (self.stacks[parent][1] * 0x9E3779B97F4A7C15 & M64) >> (64 - 14)
        pair = self.pairs.setdefault(slot, [0, 0])
        code = 0 if pair[0] == ip else 1 if pair[1] == ip else 2
        literals = self.columns[STACK_LITERALS]
        if parent == here - 1:
            code |= 4
        else:
            literals += varint(here - parent)
        if code & 3 == 2:
            literals += zigzag(signed64(ip - self.last_ip))
            self.last_ip = ip
        if pair[0] != ip:
            pair[:] = [ip, pair[0]]
        self.columns[CODES].append(code)
        self.stacks.append((parent, ip))
        self.stack_ids[parent, ip] = here
        return here

    def info(self, stack, size):
        key = (stack, size, self.mark)
        if key not in self.infos:
            self.infos[key] = len(self.infos) + 1
            self.columns[SIZES] += varint(size)
            self.columns[INFO_STACKS] += zigzag(stack - self.info_before)
            self.info_before = stack
        return self.infos[key]

    # ---- events

    def at(self, ms):
        """The events from here on happen at this time."""
        self.ms = max(ms, self.ms)

    def alloc(self, thread, name, stack, size):
        info = self.info(stack, size)
        self.block_info[name] = info
        self.births[name] = self.ms
        self.last_alloc[thread] = name
        self.n_allocs += 1
        self.token(thread, 2 * info + 2)

    def free(self, thread, name):
        info = self.block_info[name]
        self.last_free[thread] = (name, info, self.births.pop(name))
        del self.block_info[name]
        self.n_frees += 1
        self.token(thread, 1 if self.last_alloc.get(thread, self) == name else 2 * info + 3)

    def free_of_parent(self, thread, name):
        """A fork child frees a block that is still its parent's, too."""
        self.n_inherited_frees += 1
        self.token(thread, 2 * self.block_info[name] + 3)

    def undo(self, thread):
        name, info, birth = self.last_free.pop(thread)
        self.block_info[name], self.births[name] = info, birth
        self.n_undone += 1
        self.token(thread, 0)

    def token(self, thread, token):
        self.history.append(("token", thread, token))
        if self.records:
            self.flush_records()
        count = self.n_events - self.first_event
        if self.ms > self.clock:
            self.columns[TIMES] += varint(count - self.last_time) + varint(self.ms - self.clock)
            self.clock, self.last_time = self.ms, count
        self.encode(thread, token)
        if self.run and self.run[0] == thread:
            self.run[1] += 1
        else:
            self.close_run()
            self.run = [thread, 1]
        self.n_events += 1
        if count + 1 >= self.events_per_block:
            self.flush_events()

    def encode(self, thread, token):
        a, b, c = self.context.get(thread, (0, 0, 0))
        slot = ((a * 0x9E3779B1 & M32) ^ (b * 0x85EBCA77 & M32) ^ (c * 0xC2B2AE3D & M32)) >> (32 - 16)
        after = (a * 0x9E3779B1 & M32) >> (32 - 16)
        pair = self.recent.setdefault(slot, [0, 0])
        self.context[thread] = (token, a, b)
        if pair[0] == token:
            self.hits += 1
            return
        while self.hits >= 63:
            self.columns[CONTROL].append(63 << 2)
            self.hits -= 63
        if pair[1] == token:
            kind = 0
        elif self.follow.get(after, 0) == token:
            kind = 1
        elif token == 2 * self.next_new + 2:
            kind = 2
        else:
            kind = 3
            literal = self.literal(token, (a, b, c))
            self.columns[LITERALS] += literal[:1]
            self.columns[TAILS] += literal[1:]
        if token == 2 * self.next_new + 2:
            self.next_new += 1
        if kind:
            self.follow[after] = token
        self.columns[CONTROL].append(self.hits << 2 | kind)
        self.hits = 0
        pair[:] = [token, pair[0]]

    @staticmethod
    def literal(token, context):
        if token < 2:
            return varint(token)
        named = [t for t in context if t > 1]
        base = next((t for t in named if (t ^ token) & 1 == 0), named[0] if named else 2)
        step = (token - 2) // 2 - (base - 2) // 2
        return varint(2 + 2 * (2 * step if step >= 0 else -2 * step - 1) + token % 2)

    def close_run(self):
        if not self.run:
            return
        thread, n = self.run
        at = self.threads.index(thread) if thread in self.threads else None
        kind = at - 1 if at else 3
        self.columns[INTERLEAVE].append(kind << 6 | min(n - 1, 63))
        if kind == 3:
            self.columns[INTERLEAVE] += varint(thread)
        if n - 1 >= 63:
            self.columns[INTERLEAVE] += varint(n - 64)
        if at is not None:
            self.threads.pop(at)
        self.threads = ([thread] + self.threads)[:4]
        self.run = None

    # ---- file blocks

    def file_block(self, kind, flags, raw, stored, is_checkpoint=False):
        head = b"SBLK" + struct.pack("<BBHII", kind, flags, 0, len(raw), len(stored))
        crc = zlib.crc32(stored, zlib.crc32(head))
        self.blocks.append((kind, is_checkpoint, head + struct.pack("<I", crc) + stored))

    def size(self):
        return 16 + sum(len(b[2]) for b in self.blocks)

    def flush_records(self):
        if self.records:
            raw = bytes(self.records)
            z = zlib.compressobj(self.level, zlib.DEFLATED, -15)
            self.file_block(RECORDS, 0, raw, z.compress(raw) + z.flush())
            self.records = bytearray()

    def flush_events(self):
        n = self.n_events - self.first_event
        n_infos, n_stacks = len(self.infos) + 1 - self.first_info, len(self.stacks) - self.first_stack
        if not (n or n_infos or n_stacks):
            return
        self.close_run()
        head = [n, self.first_event, self.start_ns, self.mark, self.first_info, n_infos, self.first_stack, n_stacks]
        raw = b"".join(varint(v) for v in head + [len(c) for c in self.columns]) + b"".join(self.columns)
        is_checkpoint = self.n_event_blocks % self.blocks_per_checkpoint == 0
        if is_checkpoint and n:
            self.index.append((self.size(), self.start_ns // 1000000, self.first_event))
        stored = self.deflate.compress(raw) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
        self.file_block(EVENTS, 1 if is_checkpoint else 0, raw, stored, is_checkpoint)
        self.n_event_blocks += 1
        if self.n_event_blocks % self.blocks_per_checkpoint == 0:
            self.restart()
        self.begin()

    # ---- records

    def record(self, kind, payload):
        self.all_records.append((kind, payload))
        self.records += varint(kind) + varint(len(payload)) + payload

    def numbers(self, kind, *values):
        self.record(kind, b"".join(varint(v) for v in values))

    def start(self, version="0.1.0", real_ns=1700000000 * 10**9, options="output=x.seep", ticks=0, sample_bytes=0):
        self.record(1, string(version) + varint(real_ns) + string(options) + varint(ticks) + varint(sample_bytes))

    def process(self, index, pid, ppid, executable, arguments, ns=0, origin=0, came_from=0xffffffff, epoch=0, inherited=(0, 0)):
        self.history.append(("process", index, inherited[1]))
        head = b"".join(map(varint, (index, pid, origin, came_from, epoch, *inherited, ppid, ns)))
        args = b"".join(string(a) for a in arguments)
        self.record(2, head + string(executable) + varint(len(arguments)) + args)

    def process_end(self, process, ns, kind, value):
        self.history.append(("end", process))
        self.numbers(3, process, ns, kind, value)

    def thread(self, index, process, tid, name, ns=0):
        self.thread_process[index] = process
        self.record(4, varint(index) + varint(process) + varint(tid) + varint(ns) + string(name))

    def module(self, ident, process, epoch, bias, start, end, build_id, path):
        self.record(5, b"".join(map(varint, (ident, process, epoch, bias, start, end))) + string(build_id) + string(path))

    def epoch(self, process, epoch, gone):
        self.numbers(6, process, epoch, len(gone), *gone)

    def root(self, process, epoch):
        """The stack that all stacks of that process and epoch descend from."""
        return self.stack(0, 1 << 63 | process << 16 | epoch) if process or epoch else 0

    def marked(self, name):
        """A mark is here: the next block has its number, and infos begin anew."""
        self.flush_events()
        self.mark += 1
        self.record(7, varint(self.mark) + varint(self.ms * 1000000) + string(name))

    def memory(self, process, ns, now, peak):
        self.numbers(8, process, ns, now, peak)

    def lost(self, key, count, text, is_events, process=0):
        self.record(9, varint(process) + string(key) + varint(count) + string(text) + varint(is_events))

    def note(self, process, text):
        self.record(12, varint(process) + string(text))

    def thread_name(self, index, name):
        self.record(13, varint(index) + string(name))

    def coverage(self, process, in_use, traced, held, result=1, allocator=1, mapped=0, threads=1, cache=(7, 1040), rounded=0):
        """traced: (blocks, requested bytes)."""
        self.numbers(14, process, result, allocator, in_use, mapped, threads, *cache, rounded, *traced, held)

    def source_file(self, number, name):
        self.record(19, varint(number) + string(name))

    def tag(self, stack, file, line):
        """The stack of allocations that OpenSSL made there."""
        return self.stack(stack, 1 << 62 | file << 24 | line)

    def freed_at(self, *places):
        """places: (info, file, line, frees), by info."""
        before, items = 0, []
        for info, file, line, frees in places:
            items += [info - before, file << 24 | line, frees]
            before = info
        self.numbers(20, len(places), *items)

    # ---- folding

    def fold(self, leave_out=()):
        """Make all events so far totals, as a recorder with a limit does. leave_out: kinds of records that are lost."""
        self.flush_events()
        self.flush_records()
        records = [r for r in self.all_records if r[0] not in (15, 16, 17, 18)]
        defined = TraceWriter()
        for parent, ip in self.stacks[1:]:
            defined.stack(parent, ip)
        defined.flush_events()
        for stack, size, mark in self.infos:
            if mark != defined.mark:
                defined.flush_events()
                defined.mark = mark
            defined.info(stack, size)
        defined.flush_events()
        self.blocks, self.index, self.all_records = [], [], []
        for kind, payload in records:
            self.record(kind, payload)
        self.flush_records()
        self.blocks += defined.blocks
        for kind, payload in self.totals():
            if kind not in leave_out:
                self.record(kind, payload)
                self.flush_records()
        self.is_folded = True
        self.n_event_blocks = 0  # the next one is a checkpoint
        self.restart()
        self.begin()

    def totals(self):
        """The records that stand for all events so far: followed one by one, with a copy of all that is alive at each new highest total."""
        sizes, owner, roots = [0], [0], [0]
        for parent, ip in self.stacks[1:]:
            roots.append(ip >> 16 & M32 if ip >> 63 else roots[parent])
        for stack, size, _ in self.infos:
            sizes.append(size)
            owner.append(roots[stack])
        n = len(sizes)
        calls, temporary, left = [0] * n, [0] * n, [0] * n
        alive, at_peak, at_own_peak = [0] * n, [0] * n, [0] * n
        own_peak, inherited, highest, freed, freed_bytes, over = {}, {}, {}, {}, {}, set()
        last_alloc, last_free, undone, total_peak = {}, {}, 0, 0
        for what, *rest in self.history:
            if what == "process":
                inherited[rest[0]] = highest[rest[0]] = rest[1]
                continue
            if what == "end":
                over.add(rest[0])
                for i in range(n):
                    if owner[i] == rest[0]:
                        left[i], alive[i] = left[i] + alive[i], 0
                continue
            thread, token = rest
            process = self.thread_process.get(thread, 0)
            if token == 0:
                info, was_temporary, was_inherited = last_free.pop(thread)
                undone += 1
                if was_inherited:
                    freed[process] -= 1
                    freed_bytes[process] -= sizes[info]
                else:
                    temporary[info] -= was_temporary
                    alive[info] += 1
            elif token & 1:
                info = last_alloc[thread] if token == 1 else (token - 3) // 2
                is_inherited = owner[info] != process
                last_free[thread] = (info, token == 1 and not is_inherited, is_inherited)
                if is_inherited:
                    freed[process] = freed.get(process, 0) + 1
                    freed_bytes[process] = freed_bytes.get(process, 0) + sizes[info]
                else:
                    temporary[info] += token == 1
                    alive[info] -= 1
            else:
                info = last_alloc[thread] = (token - 2) // 2
                calls[info] += 1
                alive[info] += 1
            total = sum(a * s for a, s in zip(alive, sizes))
            own = sum(a * s for a, s, o in zip(alive, sizes, owner) if o == process)
            with_inherited = own + inherited.get(process, 0) - freed_bytes.get(process, 0)
            highest[process] = max(highest.get(process, 0), with_inherited)
            if total > total_peak:
                total_peak, at_peak = total, list(alive)
            if own > own_peak.get(process, 0):
                own_peak[process] = own
                at_own_peak = [alive[i] if owner[i] == process else at_own_peak[i] for i in range(n)]
        numbers = lambda values: b"".join(map(varint, values))
        yield 15, numbers([self.n_events, 0, self.ms * 1000000, undone, 0])
        entries = [numbers([calls[i], alive[i] + left[i], temporary[i], at_peak[i]]) + zigzag(at_own_peak[i] - at_peak[i])
                   for i in range(1, n)]
        half = len(entries) // 2  # a list in two parts
        yield 16, numbers([1, half]) + b"".join(entries[:half])
        yield 16, numbers([1 + half, len(entries) - half]) + b"".join(entries[half:])
        indexes = range(max(list(highest) + [0]) + 1)
        yield 17, numbers([0, len(indexes)]) + b"".join(
            numbers([highest.get(i, 0), freed.get(i, 0), freed_bytes.get(i, 0)]) for i in indexes)
        payload, before, threads = b"", 0, sorted(set(last_alloc) | set(last_free))
        for thread in threads:
            info, was_temporary, was_inherited = last_free.get(thread, (0, False, False))
            payload += numbers([thread - before, last_alloc.get(thread, 0), info << 2 | was_temporary | was_inherited << 1])
            before = thread
        yield 18, numbers([len(threads)]) + payload

    def end(self):
        """Close the trace: survivors, END, the index."""
        self.flush_events()
        alive = {}
        for name, info in self.block_info.items():
            blocks, birth = alive.get(info, (0, self.births[name]))
            alive[info] = (blocks + 1, min(birth, self.births[name]))
        before, items = 0, []
        for info in sorted(alive):
            items += [info - before, *alive[info]]
            before = info
        self.numbers(10, len(alive), *items)
        self.numbers(11, self.ms * 1000000, self.n_events, self.n_allocs, self.n_frees, self.n_undone, 5000000, 6 << 20,
                     self.n_inherited_frees)
        self.flush_records()
        raw, before = varint(len(self.index)), (0, 0, 0)
        for entry in self.index:
            raw += b"".join(varint(x - y) for x, y in zip(entry, before))
            before = entry
        z = zlib.compressobj(self.level, zlib.DEFLATED, -15)
        self.file_block(INDEX, 0, raw, z.compress(raw) + z.flush())
        self.is_complete = True

    def image(self, major=None, minor=None):
        """The whole file. A trace without end() is one whose recorder stopped there."""
        if not self.is_complete:
            self.flush_events()
            self.flush_records()
        minor = int(any(kind in (19, 20) for kind, _ in self.all_records)) if minor is None else minor
        return b"SEEP\r\n\x1a\n" + struct.pack("<HHI", major or (4 if self.is_folded else 3), minor, 0) + b"".join(b[2] for b in self.blocks)
