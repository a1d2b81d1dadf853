package main

import (
	"syscall"
	"unsafe"
)

// What package syscall lacks. The numbers are the same on amd64 and arm64, except for those in syscalls_<arch>.go.
const (
	sysPidfdSendSignal = 424
	sysPidfdOpen       = 434
	sysOpenat2         = 437
	sysFaccessat2      = 439

	atFdcwd           = -100
	atSymlinkNofollow = 0x100
	atRemovedir       = 0x200
	atEaccess         = 0x200
	atEmptyPath       = 0x1000
	accessWrite       = 2
	accessSearch      = 1
	oPath             = 0x200000

	renameNoreplace = 1

	resolveNoMagiclinks = 0x02
	resolveNoSymlinks   = 0x04
	resolveBeneath      = 0x08

	prSetDumpable   = 4
	prSetTimerSlack = 29
	prSetNoNewPrivs = 38
	prGetNoNewPrivs = 39

	waitAll    = 0
	waitNohang = 0x1
	waitExited = 0x4
	waitNowait = 0x1000000
	// waitAnyKind includes children that tell of their end by another signal than SIGCHLD.
	waitAnyKind = 0x40000000
)

type openHow struct {
	flags   uint64
	mode    uint64
	resolve uint64
}

// ignoringEINTR repeats a system call that a signal interrupted; Go's own scheduler sends signals.
func ignoringEINTR(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != syscall.EINTR {
			return n, err
		}
	}
}

func errnoOrNil(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

func openat2(dirfd int, path string, how openHow) (int, error) {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return -1, err
	}
	return ignoringEINTR(func() (int, error) {
		fd, _, errno := syscall.Syscall6(sysOpenat2, uintptr(dirfd), uintptr(unsafe.Pointer(name)),
			uintptr(unsafe.Pointer(&how)), unsafe.Sizeof(how), 0, 0)
		if errno != 0 {
			return -1, errno
		}
		return int(fd), nil
	})
}

func fstatat(dirfd int, path string, stat *syscall.Stat_t, flags int) error {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	_, _, errno := syscall.Syscall6(sysFstatat, uintptr(dirfd), uintptr(unsafe.Pointer(name)),
		uintptr(unsafe.Pointer(stat)), uintptr(flags), 0, 0)
	return errnoOrNil(errno)
}

// faccessat2 asks, for the open directory itself, with the ids that file operations are done with.
func faccessat2(dirfd int, mode, flags uintptr) error {
	empty := [1]byte{}
	_, _, errno := syscall.Syscall6(sysFaccessat2, uintptr(dirfd), uintptr(unsafe.Pointer(&empty)), mode, flags, 0, 0)
	return errnoOrNil(errno)
}

func unlinkat(dirfd int, path string, flags int) error {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	_, _, errno := syscall.Syscall(syscall.SYS_UNLINKAT, uintptr(dirfd), uintptr(unsafe.Pointer(name)), uintptr(flags))
	return errnoOrNil(errno)
}

func readlinkat(dirfd int, path string) (string, error) {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return "", err
	}
	target := make([]byte, syscall.PathMax)
	n, _, errno := syscall.Syscall6(syscall.SYS_READLINKAT, uintptr(dirfd), uintptr(unsafe.Pointer(name)),
		uintptr(unsafe.Pointer(&target[0])), uintptr(len(target)), 0, 0)
	return string(target[:n*boolToUintptr(errno == 0)]), errnoOrNil(errno)
}

func boolToUintptr(b bool) uintptr {
	if b {
		return 1
	}
	return 0
}

func symlinkat(target string, dirfd int, path string) error {
	to, err := syscall.BytePtrFromString(target)
	if err != nil {
		return err
	}
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	_, _, errno := syscall.Syscall(syscall.SYS_SYMLINKAT, uintptr(unsafe.Pointer(to)), uintptr(dirfd),
		uintptr(unsafe.Pointer(name)))
	return errnoOrNil(errno)
}

func linkat(fromfd int, from string, tofd int, to string) error {
	fromName, err := syscall.BytePtrFromString(from)
	if err != nil {
		return err
	}
	toName, err := syscall.BytePtrFromString(to)
	if err != nil {
		return err
	}
	_, _, errno := syscall.Syscall6(syscall.SYS_LINKAT, uintptr(fromfd), uintptr(unsafe.Pointer(fromName)), uintptr(tofd),
		uintptr(unsafe.Pointer(toName)), 0, 0)
	return errnoOrNil(errno)
}

func renameat2(fromfd int, from string, tofd int, to string, flags int) error {
	fromName, err := syscall.BytePtrFromString(from)
	if err != nil {
		return err
	}
	toName, err := syscall.BytePtrFromString(to)
	if err != nil {
		return err
	}
	_, _, errno := syscall.Syscall6(sysRenameat2, uintptr(fromfd), uintptr(unsafe.Pointer(fromName)), uintptr(tofd),
		uintptr(unsafe.Pointer(toName)), uintptr(flags), 0)
	return errnoOrNil(errno)
}

// maxVectors is how many parts a writev of ours takes.
const maxVectors = 8

func writev(fd int, parts [][]byte) (int, error) {
	var space [maxVectors]syscall.Iovec
	vectors := space[:0]
	for _, part := range parts {
		if len(part) == 0 {
			continue
		}
		vector := syscall.Iovec{Base: &part[0]}
		vector.SetLen(len(part))
		vectors = append(vectors, vector)
	}
	if len(vectors) == 0 {
		return 0, nil
	}
	n, _, errno := syscall.Syscall(syscall.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&vectors[0])),
		uintptr(len(vectors)))
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}

func ioctl(fd int, request uintptr, argument unsafe.Pointer) error {
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(argument))
	return errnoOrNil(errno)
}

func pidfdOpen(pid int) (int, error) {
	fd, _, errno := syscall.Syscall(sysPidfdOpen, uintptr(pid), 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

func pidfdSendSignal(fd int, signal syscall.Signal) error {
	_, _, errno := syscall.Syscall6(sysPidfdSendSignal, uintptr(fd), uintptr(signal), 0, 0, 0, 0)
	return errnoOrNil(errno)
}

// exitedChild returns a child that is a zombie, and leaves it one; 0 when there is none.
func exitedChild() (pid int, err error) {
	return waitid(waitExited | waitNowait | waitAnyKind | waitNohang)
}

// hasChildren says whether the caller has any, living or dead.
func hasChildren() bool {
	_, err := exitedChild()
	return err != syscall.ECHILD
}

// waitid must not be made to wait: it is a raw call, and would keep a processor of Go's.
func waitid(options uintptr) (pid int, err error) {
	// siginfo_t is 128 bytes; on 64 bits the pid of a SIGCHLD stands at 16 (include/uapi/asm-generic/siginfo.h).
	var info [128 / 4]int32
	_, err = ignoringEINTR(func() (int, error) {
		_, _, errno := syscall.RawSyscall6(syscall.SYS_WAITID, waitAll, 0, uintptr(unsafe.Pointer(&info)), options, 0, 0)
		return 0, errnoOrNil(errno)
	})
	return int(info[4]), err
}

// reapChild takes a zombie out of the kernel's table.
func reapChild(pid int, status *syscall.WaitStatus, usage *syscall.Rusage) error {
	_, err := ignoringEINTR(func() (int, error) {
		return syscall.Wait4(pid, status, syscall.WNOHANG|waitAnyKind, usage)
	})
	return err
}

// setTimerSlack is for the thread that it is called on.
func setTimerSlack(ns uintptr) {
	syscall.RawSyscall(syscall.SYS_PRCTL, prSetTimerSlack, ns, 0)
}
