"""The three ways to run a program - untraced, under seep, under heaptrack - and what each costs beside the program itself.

A Tracer is used once: environment() before the start, finish() after the program's end. finish() waits until everything
is on disk, so that nothing of one run is left to disturb the next.
"""
import fcntl
import json
import os
import shutil
import signal
import subprocess
import time

FINISH_S = 120

started = {}  # pid -> Popen, of all that may be left over when the benchmark is stopped


def start(command, **options):
    process = subprocess.Popen(command, **options)
    started[process.pid] = process
    return process


def stop(process, sig=signal.SIGTERM, patience_s=20):
    """End a process that was started here, and wait for it."""
    if process.poll() is None:
        process.send_signal(sig)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    started.pop(process.pid, None)


def stop_all():
    for process in list(started.values()):
        stop(process, patience_s=2)


class Untraced:
    name = "untraced"

    def __init__(self, tools, stem):
        pass

    def environment(self):
        return {}

    def finish(self):
        return {"other_cpu": 0.0}

    def drop(self):
        pass


class Seep:
    name = "seep"

    def __init__(self, tools, stem):
        self.tools, self.trace = tools, stem + ".seep"

    def environment(self):
        return {"LD_PRELOAD": self.tools.shim, "SEEP_OPTIONS": "output=" + self.trace}

    def finish(self):
        """Wait until the collector has let go of the trace (it holds a lock on it), and ask seep what is in it."""
        deadline = time.monotonic() + FINISH_S
        while not self.is_free():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.trace} is not complete after {FINISH_S} s")
            time.sleep(0.01)
        run = subprocess.run([self.tools.seep, "info", "--format", "json", self.trace], capture_output=True, text=True)
        if run.returncode != 0:
            raise RuntimeError(f"seep info: {run.stderr.strip()}")
        info = json.loads(run.stdout)
        trace = info["trace"]
        return {"other_cpu": trace["collector"]["cpu_seconds"], "other_peak_bytes": trace["collector"]["memory_bytes"],
                "trace_bytes": os.path.getsize(self.trace), "events": trace["events"], "allocations": info["contents"]["allocations"],
                "lost_events": trace["lost_events"], "complete": trace["complete"]}

    def is_free(self):
        try:
            with open(self.trace, "rb") as f:
                fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return f.seek(0, os.SEEK_END) > 0
        except (BlockingIOError, FileNotFoundError):
            return False

    def drop(self):
        if os.path.exists(self.trace):
            os.unlink(self.trace)


class Heaptrack:
    """What the `heaptrack --raw` script does, done here so that the program's CPU and the compressor's can be told apart."""
    name = "heaptrack"

    def __init__(self, tools, stem):
        self.tools, self.trace, self.fifo = tools, stem + ".raw." + tools.compressor_suffix, stem + ".fifo"

    def environment(self):
        os.mkfifo(self.fifo)
        self.compressor = start(["sh", "-c", f'exec {self.tools.compressor} -c < "$0" > "$1"', self.fifo, self.trace],
                                stderr=subprocess.DEVNULL)
        return {"LD_PRELOAD": self.tools.heaptrack_shim, "DUMP_HEAPTRACK_OUTPUT": self.fifo}

    def finish(self):
        use = wait_with_use(self.compressor)
        return {"other_cpu": use.ru_utime + use.ru_stime, "trace_bytes": os.path.getsize(self.trace)}

    def drop(self):
        for path in (self.trace, self.fifo, self.fifo + ".lock"):
            if os.path.exists(path):
                os.unlink(path)


def wait_with_use(process):
    """Wait for a process that is about to end. Returns its rusage."""
    deadline = time.monotonic() + FINISH_S
    while True:
        pid, status, use = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            started.pop(process.pid, None)
            return use
        if time.monotonic() > deadline:
            stop(process)
            raise RuntimeError(f"process {process.pid} does not end")
        time.sleep(0.005)


class Tools:
    """Where everything is; heaptrack is found beside its script, as the script itself does it."""

    SEEP_PARTS = ("seep", "libseep.so", "seep-collect")

    def __init__(self, root, build):
        self.build, self.bin = build, os.path.join(build, "bench")
        self.sources = os.path.join(root, "tests", "bench")
        self.compressor, self.compressor_suffix = ("zstd", "zst") if shutil.which("zstd") else ("gzip", "gz")
        script = shutil.which("heaptrack")
        library = os.path.join(os.path.dirname(os.path.realpath(script)), "..", "lib", "heaptrack") if script else ""
        self.heaptrack_shim = os.path.realpath(os.path.join(library, "libheaptrack_preload.so"))
        self.heaptrack_interpret = os.path.realpath(os.path.join(library, "libexec", "heaptrack_interpret"))
        self.heaptrack_print = shutil.which("heaptrack_print")
        self.has_heaptrack = bool(script and self.heaptrack_print and os.path.exists(self.heaptrack_shim))

    def missing(self):
        return [f for f in self.SEEP_PARTS if not os.path.exists(os.path.join(self.build, f))]

    def copy_seep(self, directory):
        """Measure copies, so that a make in the meantime changes nothing."""
        for part in self.SEEP_PARTS:
            shutil.copy2(os.path.join(self.build, part), directory)
        self.seep, self.shim = os.path.join(directory, "seep"), os.path.join(directory, "libseep.so")

    def tracers(self):
        return [Untraced, Seep] + ([Heaptrack] if self.has_heaptrack else [])

    def build_programs(self):
        os.makedirs(self.bin, exist_ok=True)
        for name in ("measure", "micro", "busy", "many"):
            source, program = os.path.join(self.sources, name + ".c"), os.path.join(self.bin, name)
            if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
                subprocess.run([os.environ.get("CC", "gcc"), "-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-pthread", "-o",
                                program, source], check=True)

    def measure(self, command, environment=(), limit_s=300, limit_mb=0, directory=None, output=None):
        """Run a command to its end. Returns {wall, cpu, peak_bytes, output}; raises when it fails."""
        result = os.path.join(directory, "measure.json")
        settings = [a for k, v in dict(environment).items() for a in ("-e", f"{k}={v}")]
        to = open(output, "w") if output else subprocess.PIPE
        process = start([os.path.join(self.bin, "measure"), "-o", result, "-t", str(limit_s), "-m", str(limit_mb), *settings,
                         "--", *command], stdin=subprocess.DEVNULL, stdout=to, stderr=subprocess.PIPE, text=True, cwd=directory)
        out, err = process.communicate()
        started.pop(process.pid, None)
        if output:
            to.close()
        with open(result) as f:
            use = json.load(f)
        if use["timed_out"] or use["status"] != 0:
            raise RuntimeError(f"{command[0]}: " + ("no end after %d s" % limit_s if use["timed_out"] else
                                                    f"status {use['status']}: {(err or '').strip()[-300:]}"))
        return {"wall": use["wall"], "cpu": use["user"] + use["sys"], "peak_bytes": use["peak_kb"] * 1024, "output": out}
