# gate.sh - what cases of `seep gate` share.
# shellcheck shell=bash

gate() { # STATUS ARGUMENTS…: leaves out, err
    local wanted=$1
    shift
    status_of "$wanted" "$SEEP" gate "$@" >out 2>err
    sed -i '/^seep: warning: no names for /d' err # of a program that is not there
}

check_gate() {
    "$PYTHON" "$LIB/check_gate.py" "$@" || fail "check_gate.py $*"
}

# written NAME PYTHON: a trace by the test's own writer, w being the TraceWriter.
written() {
    PYTHONPATH=$LIB python3 - "$1" <<PY
import sys
from trace_write import TraceWriter
w = TraceWriter()
w.start()
w.process(0, 42, 1, "/nowhere/server", ["server"])
w.thread(0, 0, 42, "server")
w.module(1, 0, 0, 0x400000, 0x400000, 0x500000, bytes(range(20)), "/nowhere/server")
for i in range(10):
    w.alloc(0, i, w.stack(0, 0x401000), 100)
for i in range(7):
    w.free(0, i)
$2
w.process_end(0, 10**9, 1, 0)
w.end()
open(sys.argv[1], "wb").write(w.image())
PY
}
