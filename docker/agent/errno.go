package main

import (
	"strconv"
	"syscall"
)

// The names of the errors that a sandbox can meet; package syscall has only their sentences.
var errnoNames = map[syscall.Errno]string{
	syscall.E2BIG: "E2BIG", syscall.EACCES: "EACCES", syscall.EAGAIN: "EAGAIN", syscall.EBADF: "EBADF",
	syscall.EBUSY: "EBUSY", syscall.ECHILD: "ECHILD", syscall.EDQUOT: "EDQUOT", syscall.EEXIST: "EEXIST",
	syscall.EFAULT: "EFAULT", syscall.EFBIG: "EFBIG", syscall.EINTR: "EINTR", syscall.EINVAL: "EINVAL",
	syscall.EIO: "EIO", syscall.EISDIR: "EISDIR", syscall.ELIBBAD: "ELIBBAD", syscall.ELOOP: "ELOOP",
	syscall.EMFILE: "EMFILE", syscall.EMLINK: "EMLINK", syscall.ENAMETOOLONG: "ENAMETOOLONG",
	syscall.ENFILE: "ENFILE", syscall.ENODEV: "ENODEV", syscall.ENOENT: "ENOENT", syscall.ENOEXEC: "ENOEXEC",
	syscall.ENOMEM: "ENOMEM", syscall.ENOSPC: "ENOSPC", syscall.ENOSYS: "ENOSYS", syscall.ENOTDIR: "ENOTDIR",
	syscall.ENOTEMPTY: "ENOTEMPTY", syscall.ENOTSUP: "ENOTSUP", syscall.ENOTTY: "ENOTTY", syscall.ENXIO: "ENXIO",
	syscall.EOVERFLOW: "EOVERFLOW", syscall.EPERM: "EPERM", syscall.EPIPE: "EPIPE", syscall.EROFS: "EROFS",
	syscall.ESPIPE: "ESPIPE", syscall.ESRCH: "ESRCH", syscall.ESTALE: "ESTALE", syscall.ETXTBSY: "ETXTBSY",
	syscall.EUSERS: "EUSERS", syscall.EXDEV: "EXDEV",
}

func errnoName(errno syscall.Errno) string {
	if name, ok := errnoNames[errno]; ok {
		return name
	}
	return "E" + strconv.Itoa(int(errno))
}
