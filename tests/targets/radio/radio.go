// radio.go - the Go part of radio (main.rs): TLS connections through cgo, each with an SSL_CTX of its own that nobody frees.
package main

// #cgo CFLAGS: -O2
// #include "part.h"
import "C"

import (
	"runtime"
	"sync/atomic"
)

var leaked int64

// Returns the answer's bytes, or -1.
//
//go:noinline
func leakInGo(port C.int) C.int {
	context := C.SSL_CTX_new(C.TLS_client_method()) // here it is lost
	atomic.AddInt64(&leaked, 1)
	ssl := C.SSL_new(context)
	n := C.part_fetch(ssl, port)
	C.SSL_free(ssl)
	return n
}

//go:noinline
func fetchTidily(context *C.SSL_CTX, port C.int) C.int {
	ssl := C.SSL_new(context)
	n := C.part_fetch(ssl, port)
	C.SSL_free(ssl)
	return n
}

// One connection on the thread that calls, one each in two goroutines; garbage is collected meanwhile.
//
//export GoRound
func GoRound(context *C.SSL_CTX, port C.int) C.int {
	answers := make(chan C.int)
	go func() { answers <- leakInGo(port) }()
	go func() { answers <- fetchTidily(context, port) }()
	runtime.GC()
	n := leakInGo(port)
	for i := 0; i < 2; i++ {
		if m := <-answers; m < n {
			n = m
		}
	}
	return n
}

//export GoLeaked
func GoLeaked() C.long {
	return C.long(atomic.LoadInt64(&leaked))
}

func main() {}
