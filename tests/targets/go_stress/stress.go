// go_stress - goroutines that allocate in C by cgo, while garbage is collected and goroutines are preempted by SIGURG.
//
// usage: go_stress ROUNDS
//
// No data race: what goroutines share goes through channels, locks and atomics. The output does not depend on their order. Lines "stack NAME…" are what
// Go's own runtime says of the callers of site_told, innermost first. The books, as those of books.h, go into the file that BOOKS names.
package main

// #include <stdlib.h>
// #include "sites.h"
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

const workers = 24

type site struct {
	name                   string
	calls, bytes           int64
	freedCalls, freedBytes int64
}

var (
	passed   = site{name: "site_passed"}
	deep     = site{name: "site_deep"}
	callback = site{name: "site_callback"}
	told     = site{name: "site_told"}
	locked   = site{name: "site_locked"}
	sites    = []*site{&passed, &deep, &callback, &told, &locked}
)

// A block of C's.
type block struct {
	at   unsafe.Pointer
	n    C.size_t
	from *site
}

func book(at unsafe.Pointer, n C.size_t, from *site) block {
	atomic.AddInt64(&from.calls, 1)
	atomic.AddInt64(&from.bytes, int64(n))
	return block{at, n, from}
}

// Look whether it is as it was filled, and free it.
func (b block) free() int64 {
	bytes := unsafe.Slice((*byte)(b.at), int(b.n))
	if bytes[0] != byte(b.n&0x7f) || bytes[len(bytes)-1] != bytes[0] {
		panic("a block is not what it was")
	}
	atomic.AddInt64(&b.from.freedCalls, 1)
	atomic.AddInt64(&b.from.freedBytes, int64(b.n))
	C.free(b.at)
	return int64(b.n)
}

// Every 16th block stays.
func drop(b block, i int) int64 {
	if i%16 == 0 {
		return 0
	}
	return b.free()
}

//go:noinline
func atDepth(depth int, n C.size_t) block {
	var room [64]byte
	room[depth%64] = byte(depth)
	if depth == 0 {
		return book(C.site_deep(n), n, &deep)
	}
	b := atDepth(depth-1, n)
	runtime.KeepAlive(&room)
	return b
}

var callbackSum int64

//export goCallback
func goCallback(n C.long) C.long {
	if n < 0 {
		tellFromC(C.size_t(-n))
		return n
	}
	b := book(C.site_callback(C.size_t(n)), C.size_t(n), &callback)
	atomic.AddInt64(&callbackSum, drop(b, int(n)))
	if n%4 == 0 && n > 4 {
		return C.call_back(n / 2)
	}
	return n
}

// Garbage of Go's own, of which a little lives on.
func litter(kept map[int][]byte, i int) {
	kept[i%50] = make([]byte, 100+i%3000)
}

// A loop without calls: only a signal gets a goroutine out of it.
//
//go:noinline
func spin(n uint64) uint64 {
	x := n
	for i := uint64(0); i < 20000; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

// What it puts into the channel another one may free.
func worker(seed, rounds int, out chan<- block, in <-chan block) (sum int64, noise uint64) {
	kept := map[int][]byte{}
	for i := 1; i <= rounds; i++ {
		n := C.size_t(1 + (seed*7919+i*104729)%3000)
		out <- book(C.site_passed(n), n, &passed)
		sum += drop(<-in, i)
		sum += drop(atDepth((seed+i)%200, n), i)
		sum += int64(C.call_back(C.long(8 + i%40)))
		litter(kept, i)
		if i%8 == 0 {
			noise += spin(uint64(i))
		}
	}
	return
}

func onALockedThread(n C.size_t, done chan<- block) {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	done <- book(C.site_locked(n), n, &locked)
}

//go:noinline
func toldInner(n C.size_t) ([]string, block) {
	var pcs [64]uintptr
	var names []string
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs[:])])
	for {
		frame, more := frames.Next()
		names = append(names, frame.Function)
		if !more {
			break
		}
	}
	b := book(C.site_told(n), n, &told)
	return names, b
}

//go:noinline
func toldMiddle(n C.size_t) ([]string, block) {
	names, b := toldInner(n)
	runtime.KeepAlive(&names)
	return names, b
}

type teller struct{ n C.size_t }

//go:noinline
func (t *teller) tell(out chan<- string) {
	names, b := toldMiddle(t.n)
	b.free() // before main() may end
	out <- "stack " + strings.Join(names, " ")
}

// What is told from a callback.
var fromC = make(chan string, 1)

//go:noinline
func tellFromC(n C.size_t) {
	(&teller{n}).tell(fromC)
}

func writeBooks(path string) {
	var text strings.Builder
	total := site{}
	for _, s := range sites {
		fmt.Fprintf(&text, "site %s ", s.name)
		line(&text, s)
		total.calls += s.calls
		total.bytes += s.bytes
		total.freedCalls += s.freedCalls
		total.freedBytes += s.freedBytes
	}
	text.WriteString("total ")
	line(&text, &total)
	if err := os.WriteFile(path, []byte(text.String()), 0600); err != nil {
		panic(err)
	}
}

func line(text *strings.Builder, s *site) {
	fmt.Fprintf(text, "calls %d bytes %d unreleased_bytes %d unreleased_blocks %d temporary - peak -\n",
		s.calls, s.bytes, s.bytes-s.freedBytes, s.calls-s.freedCalls)
}

// Memory of C that Go asks for itself, and forgets.
//
//go:noinline
func keepMalloc() unsafe.Pointer { return C.malloc(100) }

//go:noinline
func keepString() *C.char { return C.CString("kept") }

func main() {
	rounds, err := strconv.Atoi(strings.Join(os.Args[1:], " "))
	if err != nil || rounds < 1 {
		fmt.Fprintln(os.Stderr, "usage: go_stress ROUNDS")
		os.Exit(2)
	}
	for i := 0; i < 7; i++ {
		keepMalloc()
	}
	for i := 0; i < 9; i++ {
		keepString()
	}
	runtime.GOMAXPROCS(4)
	debug.SetGCPercent(5)
	sums, blocks := make([]int64, workers), make(chan block, workers)
	var all sync.WaitGroup
	for w := 0; w < workers; w++ {
		all.Add(1)
		go func(w int) {
			defer all.Done()
			sums[w], _ = worker(w, rounds, blocks, blocks)
		}(w)
	}
	finished, collections := make(chan bool), make(chan int)
	go func() { // collect, as often as it goes
		n := 0
		for {
			select {
			case <-finished:
				collections <- n
				return
			default:
				runtime.GC()
				n++
			}
		}
	}()
	done := make(chan block)
	for i := 0; i < 20; i++ {
		go onALockedThread(C.size_t(100+i), done)
	}
	var sum int64
	for i := 0; i < 20; i++ {
		sum += (<-done).free()
	}
	all.Wait()
	finished <- true
	if <-collections == 0 {
		panic("no garbage was collected")
	}
	for _, s := range sums {
		sum += s
	}
	lines := make(chan string)
	go func() { (&teller{77}).tell(lines) }()
	fmt.Println(<-lines)
	C.call_back(-78)
	fmt.Println(<-fromC)
	sum -= passed.freedBytes // which of those were dropped depends on the order
	fmt.Println("sum", sum+atomic.LoadInt64(&callbackSum))
	if path := os.Getenv("BOOKS"); path != "" {
		writeBooks(path)
	}
}
