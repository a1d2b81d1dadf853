package main

import (
	"runtime/debug"
	"sync/atomic"
	"syscall"
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
		forgetPeak()
		trimming.Store(false)
	})
}

// forgetPeak makes the agent's greatest size its present one. The kernel counts it into the size of every command: a
// child has its parent's memory until it is executed (exec_mmap, setmax_mm_hiwater_rss).
func forgetPeak() {
	fd, err := syscall.Open("/proc/self/clear_refs", syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	syscall.Write(fd, []byte("5"))
	syscall.Close(fd)
}
