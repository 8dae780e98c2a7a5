"""What seep adds in instructions, counted by callgrind: the same number on any machine and under any load, unlike time.

Counts of two lengths of the same run are subtracted, so that starting up is not in them. The program runs many times slower under
callgrind, so the collector has no trouble to keep up.
"""
import contextlib
import os
import re
import shutil
import socket
import ssl
import statistics
import subprocess
import tempfile
import time

import programs
import tracing

PAIRS = 20000
REQUESTS = (10, 40)
OPERATIONS = (500, 4000)
SERVER_RUNS = 3
SAMPLING = "512K"

# Of the hooks, per malloc+free pair at depth 20, and per pair that sampling passes over: the budget that preload/hook.h states.
PAIR_BUDGET, SAMPLED_BUDGET = 605, 62


def count(tools, directory, options, command, while_running=None):
    """Instructions of one run; options None = untraced. The process that callgrind runs in counts alone."""
    out = os.path.join(directory, "callgrind")
    environment = dict(os.environ)
    if options is not None:
        environment.update(LD_PRELOAD=tools.shim, SEEP_OPTIONS=options)
    # Into a file: valgrind has a line to say for each page that the shim asks about, and would wait for ever where nobody reads.
    with tempfile.TemporaryFile("w+") as log:
        process = tracing.start(["valgrind", "--tool=callgrind", "--callgrind-out-file=" + out, *command], env=environment, cwd=directory,
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        try:
            if while_running:
                while_running()
                tracing.stop(process, patience_s=120)
            process.wait(timeout=300)
        finally:
            tracing.stop(process)
        log.seek(0)
        err = log.read()
    found = re.findall(r"Collected : (\d+)", err)
    for f in os.listdir(directory):  # the launcher's own traces, too
        if f.startswith("seep.") or f.startswith("callgrind"):
            with contextlib.suppress(FileNotFoundError):  # collectors tidy up as well
                os.unlink(os.path.join(directory, f))
    if not found:
        raise RuntimeError(f"callgrind: {err.strip()[-300:]}")
    return int(found[-1])


def per_pair(tools, directory, options):
    micro = os.path.join(tools.bin, "micro")
    few, many = (count(tools, directory, options, [micro, "20", "loop", str(n), "1"]) for n in (PAIRS, 3 * PAIRS))
    return (many - few) / (2 * PAIRS)


def wait_for(port):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the server under callgrind does not listen")


def https(port, n):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for _ in range(n):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as raw, context.wrap_socket(raw) as s:
            s.sendall(b"GET /index.html HTTP/1.0\r\n\r\n")
            while s.recv(65536):
                pass


def redis_commands(port, n):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as s:
        replies = s.makefile("rb")
        for i in range(n):
            key = f"key:{i % 50}"
            s.sendall(f"*3\r\n$3\r\nSET\r\n${len(key)}\r\n{key}\r\n$100\r\n{'x' * 100}\r\n".encode())
            replies.readline()


def per_request(tools, directory, options, serve, load, amounts):
    def measure(n):
        port = programs.free_port()

        def drive():
            wait_for(port)
            load(port, n)
        return count(tools, directory, options, serve(port), drive)
    few, many = (statistics.median(measure(n) for _ in range(SERVER_RUNS)) for n in amounts)
    return (many - few) / (amounts[1] - amounts[0])


def servers(tools, directory):
    if programs.find("nginx"):
        yield "nginx", programs.nginx(tools, directory, 1).serve, https, REQUESTS
    if shutil.which("redis-server"):
        yield "redis", programs.redis(tools, directory, 1).serve, redis_commands, OPERATIONS


def measure(tools, directory, say):
    """{pair, sampled_pair: added instructions; share: {server: added by sampling, as a share of its own per
    request}, full_share: the same by recording all, openssl_share: the part of that for nginx that OpenSSL's functions have}."""
    if not shutil.which("valgrind"):
        raise RuntimeError("valgrind is not installed")
    say("instructions: micro")
    own = per_pair(tools, directory, None)
    result = {"pair": per_pair(tools, directory, "") - own, "sampled_pair": per_pair(tools, directory, "sample=" + SAMPLING) - own,
              "share": {}, "full_share": {}}
    for name, serve, load, amounts in servers(tools, directory):
        say(f"instructions: {name}")
        own = per_request(tools, directory, None, serve, load, amounts)
        for key, options in (("share", "sample=" + SAMPLING), ("full_share", "")):
            result[key][name] = per_request(tools, directory, options, serve, load, amounts) / own - 1
        if name == "nginx":
            without = per_request(tools, directory, "openssl=no", serve, load, amounts) / own - 1
            result["openssl_share"] = 1 - without / result["full_share"][name]
    return result
