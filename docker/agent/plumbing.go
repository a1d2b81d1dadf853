package main

import "syscall"

// plumbing is the descriptors of a start: the child's three or four, and ours.
type plumbing struct {
	child                  []int
	input, output, errors  int
	channelIn, channelOut  int // below 0 without a channel
	terminal               bool
	inputSpent             bool // all of the input lies in the pipe, which has an end
	inputWritten           int  // or so much of its first piece
	closeChild, closeOwner []int
}

func (l *plumbing) close(fds []int) {
	for _, fd := range fds {
		syscall.Close(fd)
	}
}

// lay makes the descriptors. All are close-on-exec from the start; the fork gives the child copies of its three.
func (l *plumbing) lay(null int, request *processRequest, first []byte, last bool) *spawnFailure {
	if request.Pty != nil {
		master, slave, err := openTerminal(*request.Pty)
		if err != nil {
			return spawnError("pty_failed", err, "no terminal could be made")
		}
		l.terminal = true
		l.child = []int{slave, slave, slave}
		l.input, l.output = master, master
		l.closeOwner = []int{master, slave}
		return nil
	}
	l.child = make([]int, 3)
	if err := l.layInput(null, request.Stdin == "open", first, last); err != nil {
		return spawnError("resource_limit", err, "no pipe could be made")
	}
	for i, own := range []*int{&l.output, &l.errors} {
		read, write, err := l.pipe()
		if err != nil {
			return spawnError("resource_limit", err, "no pipe could be made")
		}
		*own = read
		l.child[1+i] = write
		l.closeChild, l.closeOwner = append(l.closeChild, write), append(l.closeOwner, read)
		if err := syscall.SetNonblock(read, true); err != nil {
			return spawnError("other", err, "no pipe could be made")
		}
	}
	if request.Channel {
		if err := l.layChannel(); err != nil {
			return spawnError("resource_limit", err, "no channel could be made")
		}
	}
	return nil
}

// layChannel gives the child a socket as its descriptor 3. Unlike a pipe it cannot be opened again by its name in /proc,
// so what the program does not hand on reaches nobody else. Our end has two descriptors: one is read and one written.
func (l *plumbing) layChannel() error {
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	l.channelOut = ends[0]
	l.child = append(l.child, ends[1])
	l.closeChild, l.closeOwner = append(l.closeChild, ends[1]), append(l.closeOwner, ends[0])
	if err := syscall.SetNonblock(l.channelOut, true); err != nil {
		return err
	}
	again, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(l.channelOut), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return errno
	}
	l.channelIn = int(again)
	l.closeOwner = append(l.closeOwner, l.channelIn)
	return nil
}

func (l *plumbing) pipe() (read, write int, err error) {
	var fds [2]int
	err = syscall.Pipe2(fds[:], syscall.O_CLOEXEC)
	return fds[0], fds[1], err
}

// layInput gives an input that is known whole, and fits, to the kernel before the program starts. A closed one is
// /dev/null, which a program sees end at once.
func (l *plumbing) layInput(null int, open bool, first []byte, last bool) error {
	spent := !open || last && len(first) == 0
	if spent && null >= 0 {
		l.child[0] = null
		l.inputSpent = true
		return nil
	}
	read, write, err := l.pipe()
	if err != nil {
		return err
	}
	l.child[0] = read
	l.closeChild, l.closeOwner = append(l.closeChild, read), append(l.closeOwner, write)
	if err := syscall.SetNonblock(write, true); err != nil {
		return err
	}
	l.input = write
	if !spent {
		if !last || len(first) > pipeBytes {
			return nil
		}
		// A pipe may be smaller than usual: beyond a number of pages a user gets two for each (pipe(7)).
		l.inputWritten, err = syscall.Write(write, first)
		if err != nil || l.inputWritten < len(first) {
			l.inputWritten = max(0, l.inputWritten)
			return nil
		}
	}
	l.inputSpent = true
	l.closeOwner = l.closeOwner[:0]
	l.input = -1
	return syscall.Close(write)
}
