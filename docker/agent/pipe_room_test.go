package main

import (
	"syscall"
	"testing"
)

const fGetPipeSize = 1032 // F_GETPIPE_SZ

func TestAPipeIsWideAsLongAsSomebodyUsesIt(t *testing.T) {
	var ends [2]int
	if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer closeAll(ends[:]...)
	size := func() int {
		bytes, _, _ := syscall.Syscall(syscall.SYS_FCNTL, uintptr(ends[0]), fGetPipeSize, 0)
		return int(bytes)
	}
	room := pipeRoom{fd: ends[1]}
	first := room.widen()
	wide := size()
	second := room.widen()
	first()
	if size() != wide {
		t.Errorf("the pipe has %d bytes while one still uses it, and had %d", size(), wide)
	}
	second()
	if size() != pipeBytes || wide < pipeBytes {
		t.Errorf("the pipe had %d bytes, and has %d afterwards", wide, size())
	}
}

func TestWhatIsNoPipeStaysAsItIs(t *testing.T) {
	room := pipeRoom{fd: -1}
	room.widen()()
	if room.users != 0 {
		t.Errorf("%d users are left", room.users)
	}
}
