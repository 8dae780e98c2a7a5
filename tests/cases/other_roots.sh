# other_roots.sh - programs of a bare root (a container, another machine): traced in there, read out here.
# shellcheck shell=bash disable=SC2154

plain=$TARGETS/plain

# bare_root PROGRAM…: ./root has them in /srv, the libraries that they need, and seep's two files in /opt/seep; nothing else.
bare_root() {
    local file
    mkdir -p root/srv root/opt/seep
    cp "$@" root/srv/
    cp "$LIBSEEP" "$BUILD/seep-collect" root/opt/seep/
    for file in $(ldd "$@" | sed -n 's/^\t\(.* => \)\?\(\/.*\) (0x.*/\2/p' | sort -u); do
        mkdir -p "root${file%/*}"
        cp -L "$file" "root$file"
    done
}

# in_root COMMAND…: run it with ./root as its root by LD_PRELOAD alone; leaves root/a.seep and root/books. Who is not root
# becomes it in a user namespace.
in_root() {
    local apart=()
    [ "$(id -u)" = 0 ] || apart=(unshare --map-root-user)
    "${apart[@]}" "$PYTHON" -c 'import os; os.chroot("root")' || skip "chroot is not allowed here"
    "${apart[@]}" "$PYTHON" -c 'import os, sys
os.chroot("root")
os.chdir("/")
os.execve(sys.argv[1], sys.argv[1:], {"BOOKS": "/books", "LD_PRELOAD": "/opt/seep/libseep.so", "SEEP_OPTIONS": "output=/a.seep"})
' "$@"
}

traced_plain() { # in a bare root; root/a.seep is complete
    bare_root "$1"
    status_of 3 in_root /srv/plain 2>err
    [ ! -s err ] || fail "stderr: $(cat err)"
    wait_trace root/a.seep
}

read_root() { # OPTIONS…: report.json and report.err of the trace, read from outside
    "$SEEP" report --format json --stacks 1000000 "$@" root/a.seep >report.json 2>report.err || fail "seep report: exit status $?"
}

agrees() { # MODULE: the report has all names and the books' figures
    [ ! -s report.err ] || fail "seep report: $(cat report.err)"
    python3 "$LIB/compare_books.py" root/books report.json --module "$1" || fail "the report is wrong"
}

nameless() { # REGEX: one warning, and not one name of plain's
    one_line report.err "^seep: warning: $1"
    [ "$(json report.json '[.sites[] | select(.function == "site_small")] | length')" = 0 ] || fail "names, nevertheless"
}

build_id() {
    readelf -n "$1" | sed -n 's/.*Build ID: //p'
}

# in_store FILE DIR [SUFFIX]: put it where plain's build-id says, below DIR.
in_store() {
    local id
    id=$(build_id "$plain")
    mkdir -p "$2/.build-id/${id:0:2}"
    cp -P "$1" "$2/.build-id/${id:0:2}/${id:2}${3:-}"
}

# Another build of plain's, with the same names: other, and other.debug.
make_other() {
    cp "$plain" other
    python3 - "$(build_id "$plain")" <<'PY'
import sys
old = bytes.fromhex(sys.argv[1])
data = open("other", "rb").read()
assert data.count(old) == 1
open("other", "wb").write(data.replace(old, old[::-1]))
PY
    objcopy --only-keep-debug other other.debug
}

case_bare_root() {
    bare_root "$TARGETS/random_threads"
    status_of 0 in_root /srv/random_threads 4 100000 1 ordered >out 2>err
    [ ! -s err ] || fail "stderr: $(cat err)"
    wait_trace root/a.seep
    read_root --sysroot root
    agrees random_threads
    [ "$(json report.json '.processes[0].executable')" = /srv/random_threads ] || fail "the program has no name"
    # What only /proc tells is not known, which is not 0.
    "$SEEP" report root/a.seep --sysroot root >text
    has text '^collector: [0-9.]+s of CPU time$'
    [ "$(json report.json .trace.collector.memory_bytes)" = null ] || fail "the collector's memory is made up"
    (cd root && no_leftovers)
    [ "$(find root -maxdepth 1 -type f | sort | tr '\n' ' ')" = 'root/a.seep root/books ' ] || fail "left behind: $(ls root)"
}

# What the program's output goes to is let go of, also where there is no /dev/null: a pipe ends with the program.
case_output_of_a_bare_root() {
    local held
    bare_root "$TARGETS/random_threads"
    background log in_root /srv/random_threads 2 3000000 1
    find_collector
    later 10 test -s root/a.seep
    sleep 0.3
    held=$(find "/proc/$collector/fd" -lname "$PWD/log")
    [ -d "/proc/$collector" ] || fail "it ended too early"
    [ -z "$held" ] || fail "the collector holds the program's output"
    status_of 0 wait "$background_pid"
    wait_trace root/a.seep
}

# With /proc there is more to tell: the arguments, threads' names.
case_root_with_proc() {
    local apart=(unshare --mount)
    [ "$(id -u)" = 0 ] || apart+=(--map-root-user)
    bare_root "$TARGETS/random_threads"
    mkdir root/proc
    "${apart[@]}" mount --rbind /proc root/proc 2>err || skip "mounting is not allowed here: $(cat err)"
    # shellcheck disable=SC2016
    status_of 0 "${apart[@]}" sh -c 'mount --rbind /proc root/proc && exec "$@"' sh "$PYTHON" -c 'import os, sys
os.chroot("root")
os.chdir("/srv")
os.execve(sys.argv[1], sys.argv[1:], {"BOOKS": "/books", "LD_PRELOAD": "/opt/seep/libseep.so", "SEEP_OPTIONS": "output=/a.seep"})
' ./random_threads 4 100000 2 >out 2>err
    [ ! -s err ] || fail "stderr: $(cat err)"
    wait_trace root/a.seep
    read_root --sysroot root
    agrees random_threads
    [ "$(json report.json '.trace.command')" = './random_threads 4 100000 2' ] || fail "the arguments are missing"
    [ "$(json report.json '.processes[0].executable')" = /srv/random_threads ] || fail "the program has no name"
}

case_started_by_relative_name() {
    bare_root "$plain"
    status_of 3 in_root ./srv/plain 2>err
    wait_trace root/a.seep
    read_root --sysroot root
    agrees plain
}

# A stripped program: names are in a file that only its build-id leads to, wherever a directory keeps such files.
case_debug_dir() {
    strip -o stripped "$plain"
    mkdir bin elsewhere
    mv stripped bin/plain
    traced_plain bin/plain
    read_root --sysroot root
    [ "$(json report.json '[.sites[] | select(.function == "site_small")] | length')" = 0 ] || fail "it is not stripped"
    objcopy --only-keep-debug "$plain" plain.debug
    in_store plain.debug a .debug
    # As links, which are followed where they stand at the right place only. A stripped file is no reason to stop there.
    ln -s "$plain" linked
    in_store linked b
    mkdir -p c/srv e
    ln -s "$PWD/plain.debug" c/srv/plain.debug
    in_store bin/plain c
    in_store plain.debug d/usr/lib/debug .debug
    cp plain.debug e/any-name
    for dir in a b c d e; do
        read_root --sysroot root --debug-dir $dir
        agrees plain
    done
    read_root --sysroot root --debug-dir elsewhere --debug-dir elsewhere:a
    agrees plain
    # The program is not at hand.
    rm root/srv/plain
    for dir in a b c d e; do
        read_root --sysroot root --debug-dir elsewhere::$dir
        agrees plain
    done
    # The root's own debug files.
    cp bin/plain root/srv/plain
    in_store plain.debug root/usr/lib/debug .debug
    read_root --sysroot root
    agrees plain
}

case_wrong_build() {
    strip -o plain "$plain"
    traced_plain plain
    make_other
    id=$(build_id "$plain")
    in_store other.debug a .debug
    mkdir -p b/srv
    cp other b/srv/plain.debug
    in_store other.debug c/usr/lib/debug .debug
    for dir in a b c; do
        read_root --sysroot root --debug-dir $dir
        nameless "fewer names for /srv/plain: $dir/.*\.debug is of another build and not used.*$id"
    done
    # One that is right counts, whatever else lies about.
    in_store "$plain" d
    read_root --sysroot root --debug-dir a:b:c:d
    agrees plain
    # The program itself is another one.
    cp other root/srv/plain
    read_root --sysroot root --debug-dir a
    nameless "no names for /srv/plain: root/srv/plain has changed.*$id in a, a/usr/lib/debug, root/usr/lib/debug, .*a/.build-id/.* is of another build"
}

case_links_of_a_root() {
    traced_plain "$plain"
    mkdir root/progs
    mv root/srv/plain root/progs/really
    ln -s /progs/really root/srv/plain
    read_root --sysroot root
    agrees plain
    rm root/srv/plain
    rmdir root/srv
    mv root/progs/really root/progs/plain
    ln -s ../../../progs root/srv
    read_root --sysroot root
    agrees plain
    # What leads out leads nowhere, even where the right file stands.
    ln -sf "$plain" root/progs/plain
    read_root --sysroot root
    nameless 'no names for /srv/plain: cannot read root/srv/plain, and nothing with build-id .* in root/usr/lib/debug, /usr/lib/debug'
    rm root/progs/plain
    mkfifo root/progs/plain
    read_root --sysroot root
    nameless 'no names for /srv/plain: cannot read root/srv/plain'
}

# .gnu_debuglink names a file beside the program, below .debug, or below usr/lib/debug; all in the root.
case_debug_link_of_a_root() {
    objcopy --only-keep-debug "$plain" names.debug
    mkdir bin
    strip -o bin/plain "$plain"
    objcopy --add-gnu-debuglink=names.debug bin/plain
    traced_plain bin/plain
    mv root/srv root/progs
    ln -s /progs root/srv
    for folder in progs progs/.debug usr/lib/debug/srv; do
        mkdir -p root/$folder
        mv names.debug root/$folder/
        read_root --sysroot root
        agrees plain
        mv root/$folder/names.debug .
    done
    make_other
    mv other.debug root/progs/names.debug
    read_root --sysroot root
    nameless 'fewer names for /srv/plain: root/srv/names.debug is of another build'
}

case_directories_that_are_not_there() {
    status_of 3 "$SEEP" run -o a.seep -- "$plain" 2>err
    : >file
    for option in --sysroot=nowhere --sysroot=file --sysroot= --debug-dir=nowhere --debug-dir=.:nowhere --debug-dir=file; do
        status_of 2 "$SEEP" report "$option" a.seep >out 2>err
        one_line err "^seep: ${option%%=*}: .*(No such file|Not a directory)"
        [ ! -s out ] || fail "something on stdout"
    done
}
