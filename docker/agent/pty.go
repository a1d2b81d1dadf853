package main

import (
	"strconv"
	"syscall"
	"unsafe"
)

const (
	tiocSptlck   = 0x40045431
	tiocGptn     = 0x80045430
	tiocGptpeer  = 0x5441
	maxTermCells = 65_535
)

type windowSize struct {
	Cols int `json:"cols"`
	Rows int `json:"rows"`
}

func (s windowSize) check() error {
	if s.Cols < 1 || s.Cols > maxTermCells || s.Rows < 1 || s.Rows > maxTermCells {
		return fail("bad_request", "a terminal of %d by %d cannot be", s.Cols, s.Rows)
	}
	return nil
}

func setWindowSize(fd int, size windowSize) error {
	cells := [4]uint16{uint16(size.Rows), uint16(size.Cols), 0, 0}
	return ioctl(fd, syscall.TIOCSWINSZ, unsafe.Pointer(&cells))
}

// setUTF8 makes the terminal erase whole characters, not single bytes of them.
func setUTF8(fd int) error {
	var settings syscall.Termios
	if err := ioctl(fd, syscall.TCGETS, unsafe.Pointer(&settings)); err != nil {
		return err
	}
	settings.Iflag |= syscall.IUTF8
	return ioctl(fd, syscall.TCSETS, unsafe.Pointer(&settings))
}

// openTerminal runs on a thread of the sandbox user: whoever opens /dev/ptmx owns the other side.
func openTerminal(size windowSize) (master, slave int, err error) {
	master, err = ignoringEINTR(func() (int, error) {
		return syscall.Open("/dev/ptmx", syscall.O_RDWR|syscall.O_NOCTTY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	})
	if err != nil {
		return -1, -1, err
	}
	slave, err = openSlave(master)
	if err == nil {
		err = setWindowSize(master, size)
		if err == nil {
			err = setUTF8(slave)
		}
		if err != nil {
			syscall.Close(slave)
		}
	}
	if err != nil {
		syscall.Close(master)
		return -1, -1, err
	}
	return master, slave, nil
}

func openSlave(master int) (int, error) {
	var unlock int32
	if err := ioctl(master, tiocSptlck, unsafe.Pointer(&unlock)); err != nil {
		return -1, err
	}
	const flags = syscall.O_RDWR | syscall.O_NOCTTY | syscall.O_CLOEXEC
	slave, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(master), tiocGptpeer, flags)
	if errno == 0 {
		return int(slave), nil
	}
	// Linux before 4.13 finds it by its name only.
	var number uint32
	if err := ioctl(master, tiocGptn, unsafe.Pointer(&number)); err != nil {
		return -1, err
	}
	return syscall.Open("/dev/pts/"+strconv.Itoa(int(number)), flags, 0)
}
