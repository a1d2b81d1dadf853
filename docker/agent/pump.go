package main

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"
)

const (
	maxChunkBytes = 65_536
	// A chunk of at least so much keeps the buffer that it was read into; a smaller one is copied out of it.
	keepBufferBytes = 49_152
	// heldPipeWait is how long the end of the output may take when all that belongs to the command is dead.
	heldPipeWait = 2 * time.Second
	// afterwardsBytes is more than any pipe can hold (fs.pipe-max-size is 1 MiB): what comes beyond it in that time was
	// written by somebody else.
	afterwardsBytes = 4 << 20
	// overtakenBytes is more than a pipe can hold, too: a program that writes without end does not hold its channel up.
	overtakenBytes = 1 << 20
)

// pipeSlots bounds the threads that may be within calls on the programs' pipes. They do not wait there, but a program
// whose memory is being reclaimed can hold a pipe's lock in the kernel for a while.
var pipeSlots = make(chan struct{}, pipeThreads)

var chunkBuffers = sync.Pool{New: func() any { return new([maxChunkBytes]byte) }}

// pump reads one stream of a command to its end. Several of them run for one command; the last closes drained.
type pump struct {
	process *process
	stream  byte
	source  *os.File
	left    *atomic.Int32
	before  []*pump // what lies in their pipes goes out before anything that this one has read

	mu        sync.Mutex        // held while bytes are on their way from the pipe into the output
	held      [utf8.UTFMax]byte // the beginning of a character whose rest has not come
	heldBytes int
	late      int // bytes read after the time for it
}

func (u *pump) run() {
	defer func() {
		if u.left.Add(-1) == 0 {
			close(u.process.drained)
		}
	}()
	raw, err := u.source.SyscallConn()
	if err != nil {
		return
	}
	for u.pass(raw) {
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.heldBytes > 0 {
		u.process.wrote(u.stream, append([]byte(nil), u.held[:u.heldBytes]...))
	}
}

// pass takes what comes next from the pipe into the output, and returns false at its end.
func (u *pump) pass(raw syscall.RawConn) bool {
	data, err := u.read(raw)
	defer u.mu.Unlock()
	for _, other := range u.before {
		other.drain()
	}
	if len(data) > 0 {
		u.process.wrote(u.stream, data)
	}
	return err == nil
}

// drain passes on what lies in the pipe now, in place of the pump that waits for it.
func (u *pump) drain() {
	u.mu.Lock()
	defer u.mu.Unlock()
	raw, err := u.source.SyscallConn()
	if err != nil {
		return
	}
	for passed := 0; passed < overtakenBytes; {
		var buffer *[maxChunkBytes]byte
		var n int
		err := raw.Control(func(fd uintptr) { buffer, n, _ = u.readNow(int(fd)) })
		if err != nil || n <= 0 {
			return
		}
		passed += n
		if data := u.cut(buffer, u.heldBytes+n); len(data) > 0 {
			u.process.wrote(u.stream, data)
		}
	}
}

var errEndOfOutput = errors.New("end of output")

// read waits for bytes and returns them as a slice that nobody else has, without the beginning of a last character.
// A buffer is only taken when there is something to read: two hundred silent programs would hold 25 MiB.
// It returns with mu held.
func (u *pump) read(raw syscall.RawConn) ([]byte, error) {
	var buffer *[maxChunkBytes]byte
	var n int
	var err error
	waitError := raw.Read(func(fd uintptr) bool {
		u.mu.Lock()
		buffer, n, err = u.readNow(int(fd))
		if err == syscall.EAGAIN {
			u.mu.Unlock()
		}
		return err != syscall.EAGAIN
	})
	if waitError != nil {
		u.mu.Lock()
		buffer, n, err = u.readLate(raw, waitError)
	}
	if err != nil || n == 0 {
		// A terminal whose last user has gone answers EIO.
		return nil, errEndOfOutput
	}
	return u.cut(buffer, u.heldBytes+n), nil
}

func (u *pump) readNow(fd int) (*[maxChunkBytes]byte, int, error) {
	pipeSlots <- struct{}{}
	defer func() { <-pipeSlots }()
	buffer := chunkBuffers.Get().(*[maxChunkBytes]byte)
	n, err := ignoringEINTR(func() (int, error) { return syscall.Read(fd, buffer[u.heldBytes:]) })
	if err != nil || n <= 0 {
		chunkBuffers.Put(buffer)
		return nil, 0, err
	}
	return buffer, n, nil
}

// readLate is for after the deadline that supervise sets. What still lies in the pipe is read; a pipe that is neither
// empty and closed nor comes to an end is in the hands of a process that is not the command's, and is given up.
func (u *pump) readLate(raw syscall.RawConn, waitError error) (buffer *[maxChunkBytes]byte, n int, err error) {
	if !errors.Is(waitError, os.ErrDeadlineExceeded) {
		return nil, 0, errEndOfOutput
	}
	controlError := raw.Control(func(fd uintptr) { buffer, n, err = u.readNow(int(fd)) })
	if controlError != nil {
		return nil, 0, errEndOfOutput
	}
	u.late += n
	if err == syscall.EAGAIN || u.late > afterwardsBytes {
		u.process.mu.Lock()
		u.process.cutOff = true
		u.process.mu.Unlock()
	}
	if u.late > afterwardsBytes {
		return nil, 0, errEndOfOutput
	}
	return buffer, n, err
}

// cut makes a chunk of the first n bytes of buffer, into which the held ones were not yet put.
func (u *pump) cut(buffer *[maxChunkBytes]byte, n int) []byte {
	copy(buffer[:], u.held[:u.heldBytes])
	whole := n - incompleteTail(buffer[:n])
	u.heldBytes = copy(u.held[:], buffer[whole:n])
	if whole >= keepBufferBytes {
		return buffer[:whole:whole]
	}
	data := append([]byte(nil), buffer[:whole]...)
	chunkBuffers.Put(buffer)
	return data
}

// incompleteTail is how many bytes at the end of data begin a UTF-8 character that may yet be completed: at most three.
func incompleteTail(data []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(data); n++ {
		if tail := data[len(data)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

// wholeCharacters is the largest number up to limit at which data may be cut without splitting a character.
func wholeCharacters(data []byte, limit int) int {
	if limit >= len(data) {
		return len(data)
	}
	return limit - incompleteTail(data[:limit])
}

// wrote takes what the program has written: counts it, forwards what is to be forwarded, and ends a program that has
// written too much.
func (p *process) wrote(stream byte, data []byte) {
	o := p.output
	o.mu.Lock()
	before := o.streams[streamStdout].produced + o.streams[streamStderr].produced
	count := &o.streams[stream]
	allowed := len(data)
	if p.forwardBytes >= 0 {
		// What was cut to whole characters must not be filled up by a later, smaller piece.
		allowed = 0
		if count.produced == count.forwarded {
			allowed = wholeCharacters(data, int(min(int64(len(data)), max(0, p.forwardBytes-int64(count.forwarded)))))
		}
	}
	exceeded := p.outputLimit >= 0 && before+uint64(len(data)) > uint64(p.outputLimit)
	if exceeded {
		room := max(0, p.outputLimit-int64(before))
		allowed = min(allowed, wholeCharacters(data, int(min(room, int64(len(data))))))
	}
	count.produced += uint64(len(data))
	o.withheld += uint64(len(data) - allowed)
	o.truncated = o.truncated || allowed < len(data)
	o.mu.Unlock()
	if exceeded && p.exceeded() {
		// Not by this pump, which has to read on.
		go guarded(func() { p.stop(endOutput) })
	}
	if allowed > 0 {
		o.append(stream, data[:allowed:allowed])
	}
}
