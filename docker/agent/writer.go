package main

import (
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// postedLimitBytes bounds what waits for a server that does not read; further small answers are then lost with it.
	postedLimitBytes = 48 << 20
	// postRounds is how often one who only posts goes on to write what others have posted meanwhile.
	postRounds = 4
	// companyWait is how long a frame that nobody waits for waits for others: each write wakes the engine and the server.
	companyWait = time.Millisecond
)

// frameWriter owns stdout. Frames go out whole, one at a time, in turns:
//
//   - send waits for its turn and then until the frame has left. Turns are granted in the order in which they were
//     asked for, and a turn is one frame, so an exchange that floods gets one frame out for each of the others'.
//   - post never waits. Whoever finds nobody writing writes at once, without a hand-over; otherwise the frame is left
//     with the one who writes, before any send. The reader of frames may therefore post.
//   - postSoon is post for a frame that nobody waits for: it leaves in front of the next one, in the same system call,
//     or after companyWait by itself.
//
// Every frame belongs to a connection. Once a new HELLO has replaced that, its frames are dropped where they stand, so
// that the new server never sees an answer under an id that it uses for something else.
type frameWriter struct {
	file *os.File
	raw  syscall.RawConn

	mu      sync.Mutex
	current *connection
	writing bool
	posted  [][]byte
	bytes   int
	turns   []chan struct{}
	broken  bool
	company *time.Timer // ends the wait of what postSoon has left in posted while nobody wrote

	// remainder takes what a post could not write without waiting; at most one is there, as only the writing one puts it.
	remainder chan []byte
}

func newFrameWriter(file *os.File) (*frameWriter, error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	w := &frameWriter{file: file, raw: raw, remainder: make(chan []byte, 1)}
	w.company = time.AfterFunc(time.Hour, w.leave)
	w.company.Stop()
	go w.drain()
	return w, nil
}

// replace makes conn the one whose frames leave, and opening the first bytes of it.
func (w *frameWriter) replace(conn *connection, opening []byte) {
	w.mu.Lock()
	w.current = conn
	w.posted, w.bytes = nil, 0
	w.mu.Unlock()
	w.post(conn, opening)
}

func (c *connection) isCurrent() bool {
	w := c.agent.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.current == c
}

func (w *frameWriter) post(conn *connection, whole []byte) {
	w.mu.Lock()
	if conn != w.current || w.broken {
		w.mu.Unlock()
		return
	}
	if w.writing {
		if w.bytes < postedLimitBytes {
			w.posted = append(w.posted, whole)
			w.bytes += len(whole)
		}
		w.mu.Unlock()
		return
	}
	w.writing = true
	if before := w.gather(); before != nil {
		whole = append(before[:len(before):len(before)], whole...)
	}
	w.mu.Unlock()
	w.writeWithoutWaiting(whole)
}

func (w *frameWriter) postSoon(conn *connection, whole []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if conn != w.current || w.broken || w.bytes >= postedLimitBytes {
		return
	}
	w.posted = append(w.posted, whole)
	w.bytes += len(whole)
	if !w.writing {
		w.company.Reset(companyWait)
	}
}

// leave writes what has waited for company long enough.
func (w *frameWriter) leave() {
	w.mu.Lock()
	whole := []byte(nil)
	if !w.writing {
		whole = w.gather()
	}
	w.writing = w.writing || whole != nil
	w.mu.Unlock()
	if whole != nil {
		w.writeWithoutWaiting(whole)
	}
}

// gather takes all that was posted, or returns nil. It is called with mu held.
func (w *frameWriter) gather() []byte {
	if len(w.posted) == 0 {
		return nil
	}
	w.company.Stop()
	whole := w.posted[0]
	if len(w.posted) > 1 {
		whole = make([]byte, 0, w.bytes)
		for _, one := range w.posted {
			whole = append(whole, one...)
		}
	}
	w.posted, w.bytes = nil, 0
	return whole
}

func (w *frameWriter) writeWithoutWaiting(whole []byte) {
	for round := 0; ; round++ {
		written := 0
		if round < postRounds {
			written = w.tryWrite(whole)
		}
		if written < len(whole) {
			w.remainder <- whole[written:]
			return
		}
		whole = w.takePosted()
		if whole == nil {
			return
		}
	}
}

// takePosted returns what was posted while the caller wrote. Where there is none it passes the turn on and returns nil.
func (w *frameWriter) takePosted() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if whole := w.gather(); whole != nil {
		return whole
	}
	if len(w.turns) > 0 {
		close(w.turns[0])
		w.turns = w.turns[1:]
		return nil
	}
	w.turns = nil
	w.writing = false
	return nil
}

// send writes one frame given in parts. It returns false when the connection is not the current one any more.
func (w *frameWriter) send(conn *connection, parts ...[]byte) bool {
	w.mu.Lock()
	if w.writing {
		turn := make(chan struct{})
		w.turns = append(w.turns, turn)
		w.mu.Unlock()
		<-turn
		w.mu.Lock()
	}
	w.writing = true
	stale := conn != w.current || w.broken
	if !stale {
		if before := w.gather(); before != nil {
			parts = append([][]byte{before}, parts...)
		}
	}
	w.mu.Unlock()
	if !stale {
		w.write(parts)
	}
	for whole := w.takePosted(); whole != nil; whole = w.takePosted() {
		w.write([][]byte{whole})
	}
	return !stale
}

func (w *frameWriter) drain() {
	for rest := range w.remainder {
		for ; rest != nil; rest = w.takePosted() {
			w.write([][]byte{rest})
		}
	}
}

func (w *frameWriter) tryWrite(whole []byte) int {
	written := 0
	err := w.raw.Write(func(fd uintptr) bool {
		n, err := ignoringEINTR(func() (int, error) { return syscall.Write(int(fd), whole) })
		if n > 0 {
			written = n
		}
		if err != nil && err != syscall.EAGAIN {
			w.fail()
			written = len(whole)
		}
		return true
	})
	if err != nil {
		w.fail()
		return len(whole)
	}
	return written
}

func (w *frameWriter) write(parts [][]byte) {
	var failed error
	err := w.raw.Write(func(fd uintptr) bool {
		for {
			n, err := ignoringEINTR(func() (int, error) { return writev(int(fd), parts) })
			if err == syscall.EAGAIN {
				return false
			}
			if err != nil {
				failed = err
				return true
			}
			if parts = skipBytes(parts, n); len(parts) == 0 {
				return true
			}
		}
	})
	if err != nil || failed != nil {
		w.fail()
	}
}

// fail is for a stdout that nobody will ever read again: frames are dropped from here on, and stdin's end will come.
func (w *frameWriter) fail() {
	w.mu.Lock()
	w.broken = true
	w.posted, w.bytes = nil, 0
	w.mu.Unlock()
}

func skipBytes(parts [][]byte, n int) [][]byte {
	for len(parts) > 0 && n >= len(parts[0]) {
		n -= len(parts[0])
		parts = parts[1:]
	}
	if n > 0 {
		rest := append([][]byte{parts[0][n:]}, parts[1:]...)
		return rest
	}
	return parts
}
