package main

import (
	"context"
	"runtime"
	"syscall"
)

const (
	sandboxUser  = 10001
	sandboxGroup = 10001

	// userThreads bounds the threads that may be within a file system call, longUserThreads those of them that work
	// on whole trees: a short request always finds one.
	userThreads     = 6
	longUserThreads = 3
)

var (
	userSlots = make(chan struct{}, userThreads)
	longSlots = make(chan struct{}, longUserThreads)
)

// asUser runs work with the file system rights of the sandbox user and no others. It must make system calls and
// nothing that waits for another goroutine.
func asUser(ctx context.Context, work func() error) error {
	select {
	case userSlots <- struct{}{}:
	case <-ctx.Done():
		return contextFailure(ctx)
	}
	defer func() { <-userSlots }()
	return onUserThread(work)
}

// aTree lets a few works on whole trees through at a time. Each of their steps is an asUser of its own.
func aTree(ctx context.Context, work func() error) error {
	select {
	case longSlots <- struct{}{}:
	case <-ctx.Done():
		return contextFailure(ctx)
	}
	defer func() { <-longSlots }()
	return work()
}

// onUserThread lends the goroutine's own thread to the sandbox user: fsuid and fsgid belong to a thread. The agent has
// no supplementary group and none of the capabilities that step over file permissions, so these two are all there is.
// Changing them twice takes two microseconds; handing the work to a thread that keeps them would take twenty.
func onUserThread(work func() error) error {
	runtime.LockOSThread()
	if !setFileUser(sandboxUser, sandboxGroup) {
		if setFileUser(0, 0) {
			runtime.UnlockOSThread()
		}
		return fail("internal", "the agent could not become the sandbox user")
	}
	defer func() {
		// A thread that could not be turned back stays locked, and so ends with this goroutine.
		if setFileUser(0, 0) {
			runtime.UnlockOSThread()
		}
	}()
	return work()
}

// setFileUser reports whether the thread has the ids afterwards. setfsuid says nothing of a failure: it returns what was
// before, and asked for an impossible id it changes nothing (setfsuid(2)).
func setFileUser(uid, gid uintptr) bool {
	const impossible = ^uintptr(0)
	syscall.RawSyscall(syscall.SYS_SETFSGID, gid, 0, 0)
	syscall.RawSyscall(syscall.SYS_SETFSUID, uid, 0, 0)
	hasGid, _, _ := syscall.RawSyscall(syscall.SYS_SETFSGID, impossible, 0, 0)
	hasUid, _, _ := syscall.RawSyscall(syscall.SYS_SETFSUID, impossible, 0, 0)
	return hasUid == uid && hasGid == gid
}
