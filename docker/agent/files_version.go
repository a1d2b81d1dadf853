package main

import (
	"context"
	"fmt"
	"syscall"
	"time"
	"unsafe"
)

const (
	clockRealtimeCoarse = 5
	// maxTickTime is more than the kernel's slowest clock takes for a tick.
	maxTickTime = 25 * time.Millisecond
)

// fileVersion tells one content of one file from any other. Programs may set a file's mtime, but not its ctime.
func fileVersion(stat *syscall.Stat_t) string {
	return fmt.Sprintf("%x-%x-%x", stat.Ino, stat.Size, syscall.TimespecToNsec(stat.Ctim))
}

// settledVersion is the version of an open file once a later change is bound to give another one: the kernel stamps
// files with a clock that stands still for some milliseconds at a time. It is empty where that cannot be waited for,
// because the clock was set back or the file system keeps whole seconds.
func settledVersion(ctx context.Context, fd int) (stat syscall.Stat_t, version string, err error) {
	for until := time.Now().Add(maxTickTime); ; {
		// The clock first: a change after it and before the look at the file is seen.
		now := coarseClock()
		if err = syscall.Fstat(fd, &stat); err != nil {
			return stat, "", err
		}
		changed := syscall.TimespecToNsec(stat.Ctim)
		if stat.Ctim.Nsec == 0 {
			changed += int64(time.Second)
		}
		if changed < now {
			return stat, fileVersion(&stat), nil
		}
		if time.Now().After(until) {
			return stat, "", nil
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return stat, "", contextFailure(ctx)
		}
	}
}

// coarseClock is the clock that files are stamped with, in nanoseconds; 0 where the kernel refuses it.
func coarseClock() int64 {
	var now syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockRealtimeCoarse, uintptr(unsafe.Pointer(&now)), 0); errno != 0 {
		return 0
	}
	return syscall.TimespecToNsec(now)
}
