"""The programs that are measured, each with its input: programs that end by themselves, and servers under load.

run(tracer) gives one run's figures: {wall, cpu, total_cpu, work, peak_bytes, ...}; cpu is the application's alone, total_cpu
has the collector or the compressor in it, work is the number of operations that the others are divided by.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import time

import inputs
import tracing


class Program:
    """A program that ends by itself. Costs are per run, or per operation where it prints its own figures."""
    unit, scale = "s", 1.0  # of the untraced costs in the table
    group = None            # programs of one group take turns in each round

    def __init__(self, name, tools, directory, command, environment=(), threads=1, is_self_timed=False):
        self.name, self.tools, self.directory, self.command = name, tools, directory, command
        self.environment, self.threads, self.is_self_timed = dict(environment), threads, is_self_timed
        self.group = name.split()[0]
        if is_self_timed:
            self.unit, self.scale = "ns", 1e9

    def run(self, tracer):
        use = self.tools.measure(self.command, {**self.environment, **tracer.environment()}, directory=self.directory)
        result = {"wall": use["wall"], "cpu": use["cpu"], "work": 1, "peak_bytes": use["peak_bytes"]}
        if self.is_self_timed:
            result.update(json.loads(use["output"]))
        result.update(tracer.finish())
        result["total_cpu"] = result["cpu"] + result["other_cpu"]
        return result


def process_cpu(pid):
    """CPU seconds of a process so far, ended threads included (the clock that clock_getcpuclockid(3) gives)."""
    return time.clock_gettime((~pid << 3) | 2)


def peak_bytes(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1)) * 1024


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A server on loopback, driven by a client; the application's CPU is the server's while the load lasts. The collector's or
    compressor's CPU is that of the server's whole life: a little too much, for both."""
    unit, scale, threads = "us", 1e6, 1

    def __init__(self, name, tools, directory, serve, load):
        self.name, self.tools, self.directory, self.serve, self.load = name, tools, directory, serve, load
        self.group = name

    def run(self, tracer):
        port = free_port()
        with open(os.path.join(self.directory, self.name + ".log"), "ab") as log:
            server = tracing.start(self.serve(port), env={**os.environ, **tracer.environment()}, cwd=self.directory,
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.wait_until_ready(server, port)
            self.load(port, 0.2)
            wall, cpu = time.monotonic(), process_cpu(server.pid)
            work = self.load(port, 1.0)
            wall, cpu = time.monotonic() - wall, process_cpu(server.pid) - cpu
            result = {"wall": wall, "cpu": cpu, "work": work, "peak_bytes": peak_bytes(server.pid)}
        finally:
            tracing.stop(server)
        result.update(tracer.finish())
        result["total_cpu"] = cpu + result["other_cpu"]
        return result

    def wait_until_ready(self, server, port):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and server.poll() is None:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError(f"{self.name} does not listen; see {self.name}.log")


def run_client(command, pattern, limit_s=60):
    run = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, stdin=subprocess.DEVNULL)
    found = re.search(pattern, run.stdout)
    if not found or int(found.group(1)) == 0:
        raise RuntimeError(f"{command[0]} did nothing: {(run.stderr or run.stdout).strip()[-300:]}")
    return int(found.group(1))


def load_by_handshakes(port, seconds):
    """A new connection and a full handshake for each request, one after the other."""
    return run_client(["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-new", "-www", "/index.html", "-time",
                       str(max(1, round(seconds)))], r"(\d+) connections in \d+ real seconds")


def load_by_wrk(port, seconds):
    return run_client(["wrk", "-t1", "-c8", f"-d{max(1, round(seconds))}s", "-H", "Connection: close",
                       f"https://127.0.0.1:{port}/index.html"], r"(\d+) requests in")


REDIS_TESTS = "set,get,incr,lpush,lpop,sadd,hset"


def load_redis(port, operations):
    """operations of each test. They are counted by the client that makes them."""
    subprocess.run(["redis-benchmark", "-h", "127.0.0.1", "-p", str(port), "-t", REDIS_TESTS, "-n", str(operations), "-c", "20",
                    "-d", "100", "-r", "50000", "-q"], check=True, capture_output=True, timeout=120, stdin=subprocess.DEVNULL)
    return operations * len(REDIS_TESTS.split(","))


# ---- the list ----

def micro_programs(tools, directory, factor):
    pairs = int(2000000 * factor)
    for walk in ("loop", "walk"):
        for depth in (5, 20, 60):
            yield Program(f"micro {walk} d{depth}", tools, directory,
                          [os.path.join(tools.bin, "micro"), str(depth), walk, str(pairs), "1"], is_self_timed=True)
    for threads in (2, 4):
        yield Program(f"micro loop d20 x{threads}", tools, directory,
                      [os.path.join(tools.bin, "micro"), "20", "loop", str(pairs), str(threads)], threads=threads,
                      is_self_timed=True)


def compiler(tools, directory, which, n, factor):
    path = subprocess.run(["gcc", f"-print-prog-name={which}"], capture_output=True, text=True).stdout.strip()
    source = os.path.join(directory, "in.c" if which == "cc1" else "in.ii")
    options = ["-std=c17"] if which == "cc1" else ["-std=c++17", "-fpreprocessed"]
    (inputs.write_c if which == "cc1" else inputs.write_cpp)(source, max(1, int(n * factor)))
    return Program(which, tools, directory, [path, "-quiet", "-w", "-O2", *options, source, "-o", os.devnull])


def nginx(tools, directory, seconds):
    key, certificate = inputs.write_certificate(directory)
    load = load_by_wrk if shutil.which("wrk") else load_by_handshakes
    return Server("nginx", tools, directory,
                  lambda port: [find("nginx"), "-p", directory, "-c", inputs.write_nginx(directory, port, key, certificate)],
                  lambda port, share: load(port, seconds * share))


def s_server(tools, directory, seconds):
    key, certificate = inputs.write_certificate(directory)
    return Server("s_server", tools, directory,
                  lambda port: ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-key", key, "-cert", certificate, "-www",
                                "-quiet"],
                  lambda port, share: load_by_handshakes(port, seconds * share))


def redis(tools, directory, operations):
    return Server("redis", tools, directory,
                  lambda port: ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no",
                                "--dir", directory],
                  lambda port, share: load_redis(port, int(operations * share)))


def find(name):
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


NEEDS = {"cc1": "gcc", "cc1plus": "g++", "python": "/usr/bin/python3", "perl": "perl", "nginx": "nginx",
         "redis": "redis-benchmark", "s_server": "openssl"}
NAMES = ["micro", "busy", "cc1", "cc1plus", "python", "perl", "nginx", "redis", "s_server", "many", "instructions"]


def make(name, tools, directory, is_quick):
    """The programs of one name; raises RuntimeError if this machine does not have what it takes."""
    if name in NEEDS and not find(NEEDS[name]):
        raise RuntimeError(f"{NEEDS[name]} is not installed")
    factor, seconds = (0.2, 1) if is_quick else (1, 3)
    source = tools.sources
    if name == "micro":
        return list(micro_programs(tools, directory, factor))
    if name == "busy":
        return [Program("busy x4", tools, directory, [os.path.join(tools.bin, "busy"), "4", str(int(10000 * factor))], threads=4)]
    if name in ("cc1", "cc1plus"):
        return [compiler(tools, directory, name, 300 if name == "cc1" else 6, factor)]
    if name == "python":
        return [Program("python", tools, directory, ["/usr/bin/python3", "-s", "-S", os.path.join(source, "workload.py"),
                                                     str(int(40 * factor))],
                        {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"})]
    if name == "perl":
        return [Program("perl", tools, directory, [find("perl"), os.path.join(source, "workload.pl"), str(int(60 * factor))],
                        {"PERL_HASH_SEED": "0"})]
    if name in ("nginx", "s_server"):
        return [(nginx if name == "nginx" else s_server)(tools, directory, seconds)]
    if name == "redis":
        return [redis(tools, directory, int(40000 * factor))]
    return []
