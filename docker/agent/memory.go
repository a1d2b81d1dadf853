package main

import (
	"runtime/debug"
	"sync/atomic"
	"time"
)

const (
	// trimStepBytes is how much must have been freed before it is worth giving it back.
	trimStepBytes = 16 << 20
	trimDelay     = 2 * time.Second
)

var (
	freedBytes atomic.Int64
	trimming   atomic.Bool
)

// memoryFreed is told what the rings let go. The sandbox's memory is its programs': Go by itself would keep what a flood
// of output took for minutes.
func memoryFreed(n int) {
	if freedBytes.Add(int64(n)) < trimStepBytes || !trimming.CompareAndSwap(false, true) {
		return
	}
	time.AfterFunc(trimDelay, func() {
		freedBytes.Store(0)
		debug.FreeOSMemory()
		trimming.Store(false)
	})
}
