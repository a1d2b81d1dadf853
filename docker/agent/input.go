package main

import (
	"context"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipeBytes is what an empty pipe takes without anybody reading it (pipe(7)).
const pipeBytes = 65_536

// endOfTransmission ends the input of a terminal, which cannot be closed without hanging it up.
const endOfTransmission = 4

// input is a command's stdin. Writers take turns, each with all that it has to write, in the order in which their
// requests came: the reader of frames queues them, because the goroutines that answer run in any order.
type input struct {
	file     *os.File // nil when it was closed from the start
	terminal bool
	closed   bool // guarded by the turns
	over     chan struct{}

	mu   sync.Mutex
	last *inputTurn
}

type inputTurn struct {
	before *inputTurn
	done   chan struct{}
}

func newInput(file *os.File, terminal bool) *input {
	return &input{file: file, terminal: terminal, closed: file == nil, over: make(chan struct{})}
}

// queue takes the next turn. Whoever has it must begin it or give it up.
func (in *input) queue() *inputTurn {
	in.mu.Lock()
	defer in.mu.Unlock()
	turn := &inputTurn{before: in.last, done: make(chan struct{})}
	in.last = turn
	return turn
}

func (t *inputTurn) finish() { close(t.done) }

// giveUp lets the next one in when it would have been its turn.
func (t *inputTurn) giveUp() {
	if t.before == nil {
		close(t.done)
		return
	}
	go func() {
		<-t.before.done
		close(t.done)
	}()
}

var (
	errStdinClosed  = fail("stdin_closed", "the program's stdin is closed")
	errProcessEnded = fail("process_ended", "the program has ended")
)

// begin waits until it is the turn's time. With an error the turn is given up.
func (in *input) begin(ctx context.Context, turn *inputTurn) error {
	if turn.before != nil {
		var err error
		select {
		case <-turn.before.done:
		case <-in.over:
			err = errProcessEnded
		case <-ctx.Done():
			err = contextFailure(ctx)
		}
		if err != nil {
			turn.giveUp()
			return err
		}
		turn.before = nil
	}
	if in.closed {
		turn.finish()
		return errStdinClosed
	}
	return nil
}

// write returns when the pipe has taken all of data. The caller has the turn.
func (in *input) write(ctx context.Context, data []byte) error {
	if in.closed {
		return errStdinClosed
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		in.file.SetWriteDeadline(time.Unix(1, 0))
		close(interrupted)
	})
	defer func() {
		// The next writer must not meet the deadline that was for this one.
		if !stop() {
			<-interrupted
			in.file.SetWriteDeadline(time.Time{})
		}
	}()
	raw, err := in.file.SyscallConn()
	if err != nil {
		return errProcessEnded
	}
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		for len(data) > 0 {
			n, err := writePipe(int(fd), data)
			if err == syscall.EAGAIN {
				return false
			}
			if err != nil {
				failed = err
				return true
			}
			data = data[n:]
		}
		return true
	})
	switch {
	case ctx.Err() != nil && err != nil:
		return contextFailure(ctx)
	case err != nil:
		return errProcessEnded
	case failed == syscall.EPIPE:
		return errStdinClosed
	case failed != nil:
		return errProcessEnded
	}
	return nil
}

func writePipe(fd int, data []byte) (int, error) {
	pipeSlots <- struct{}{}
	defer func() { <-pipeSlots }()
	return ignoringEINTR(func() (int, error) { return syscall.Write(fd, data) })
}

// close ends the program's input. The caller has the turn.
func (in *input) close(ctx context.Context) {
	if in.closed {
		return
	}
	if in.terminal {
		in.write(ctx, []byte{endOfTransmission})
		return
	}
	in.closed = true
	in.file.Close()
}

// shut is called once, when nobody can read it any more. A writer that waits for room is let go.
func (in *input) shut() {
	close(in.over)
	if in.file != nil && !in.terminal {
		in.file.Close()
	}
}

// feed passes an exchange's data on to the command until its last or until ctx ends. A program that does not want it is
// no fault: the rest is taken and thrown away, so that the server is not left waiting.
func (p *process) feed(ctx context.Context, ex *exchange) {
	turn := p.input.queue()
	if p.input.begin(ctx, turn) != nil {
		return
	}
	defer turn.finish()
	wanted := true
	written := p.inputWritten
	for {
		data, last, err := ex.take(ctx)
		if err != nil {
			return
		}
		if wanted && len(data) > written {
			wanted = p.input.write(ctx, data[written:]) == nil
		}
		written = 0
		ex.grant(len(data))
		if last {
			p.input.close(ctx)
			return
		}
	}
}
