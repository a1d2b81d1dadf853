package main

import (
	"sync"
	"syscall"
)

const (
	fSetPipeSize = 1031 // F_SETPIPE_SZ
	// widePipeBytes lets a frame leave in one call and those who copy on the way sleep less. It is not more, because the
	// frames of others wait behind what lies there, and not always, because all pages of pipes of a user are counted.
	widePipeBytes = 262_144
)

// pipeRoom makes one of the agent's own pipes larger while the content of files goes through it.
type pipeRoom struct {
	fd    int
	mu    sync.Mutex
	users int
}

var (
	incomingRoom = pipeRoom{fd: 0}
	outgoingRoom = pipeRoom{fd: 1}
)

// widen returns what is to be done afterwards. Where the kernel gives no more, the pipe stays as it is, and so it does
// where there is none.
func (r *pipeRoom) widen() (over func()) {
	r.change(1, 1, widePipeBytes)
	return func() { r.change(-1, 0, pipeBytes) }
}

// change resizes the pipe when that makes it have so many users.
func (r *pipeRoom) change(by, at, bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users += by; r.users == at {
		syscall.Syscall(syscall.SYS_FCNTL, uintptr(r.fd), fSetPipeSize, uintptr(bytes))
	}
}
