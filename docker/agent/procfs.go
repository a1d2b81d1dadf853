package main

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"syscall"
)

// procfs reads /proc. One at a time: the calls are short, and each that is within one needs a thread.
type procfs struct {
	mu      sync.Mutex
	root    int
	entries []byte
	content []byte
}

func newProcfs() (*procfs, error) {
	root, err := syscall.Open("/proc", syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return &procfs{root: root, entries: make([]byte, 32<<10), content: make([]byte, 8<<10)}, nil
}

// pids lists all processes but the agent itself, in ascending order as the kernel gives them. A process that forks and
// ends while it is listed leaves a child with a higher number, which comes later in the same list, unless the
// numbers wrapped: a second look is for that.
func (f *procfs) pids() ([]int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := syscall.Seek(f.root, 0, 0); err != nil {
		return nil, err
	}
	var pids []int
	for {
		n, err := ignoringEINTR(func() (int, error) { return syscall.ReadDirent(f.root, f.entries) })
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			return pids, nil
		}
		eachDirent(f.entries[:n], func(e dirent) bool {
			if pid, err := strconv.Atoi(string(e.name)); err == nil && pid > 1 {
				pids = append(pids, pid)
			}
			return true
		})
	}
}

// agentPid is 1, but in tests.
var agentPid = strconv.Itoa(os.Getpid())

type processStatus struct {
	dead   bool
	ours   bool // its parent is the agent
	groups []uint32
}

func (s processStatus) in(group uint32) bool {
	for _, one := range s.groups {
		if one == group {
			return true
		}
	}
	return false
}

func (f *procfs) status(pid int) (processStatus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	content, err := f.read(pid, "status")
	if err != nil {
		return processStatus{}, err
	}
	return parseStatus(content), nil
}

// parseStatus looks at whole lines only. The name, which a program may choose, is escaped by the kernel and so cannot
// bring a line of its own.
func parseStatus(content []byte) processStatus {
	var status processStatus
	zombie, threads := false, 1
	for len(content) > 0 {
		line := content
		if end := bytes.IndexByte(content, '\n'); end >= 0 {
			line, content = content[:end], content[end+1:]
		} else {
			content = nil
		}
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found {
			continue
		}
		value = bytes.TrimSpace(value)
		switch string(name) {
		case "State":
			zombie = len(value) > 0 && (value[0] == 'Z' || value[0] == 'X')
		case "Groups":
			for _, field := range bytes.Fields(value) {
				if group, err := strconv.ParseUint(string(field), 10, 32); err == nil {
					status.groups = append(status.groups, uint32(group))
				}
			}
		case "PPid":
			status.ours = string(value) == agentPid
		case "Threads":
			threads, _ = strconv.Atoi(string(value))
		}
	}
	// The first thread of a process may end alone: a zombie with other threads is alive.
	status.dead = zombie && threads <= 1
	return status
}

// cpuTicks is what a process and its children that it has waited for have used, in clock ticks.
func (f *procfs) cpuTicks(pid int) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	content, err := f.read(pid, "stat")
	if err != nil {
		return 0, err
	}
	return parseTicks(content), nil
}

func parseTicks(content []byte) int64 {
	// The name stands in parentheses and may hold any; the last one closes it.
	at := bytes.LastIndexByte(content, ')')
	if at < 0 {
		return 0
	}
	fields := bytes.Fields(content[at+1:])
	var ticks int64
	// utime stime cutime cstime: the fields 14 to 17 of proc_pid_stat(5), where state is 3.
	for i := 11; i < 15 && i < len(fields); i++ {
		n, _ := strconv.ParseInt(string(fields[i]), 10, 64)
		ticks += n
	}
	return ticks
}

func (f *procfs) read(pid int, name string) ([]byte, error) {
	fd, err := ignoringEINTR(func() (int, error) {
		return syscall.Open("/proc/"+strconv.Itoa(pid)+"/"+name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	n, err := ignoringEINTR(func() (int, error) { return syscall.Read(fd, f.content) })
	if err != nil {
		return nil, err
	}
	return f.content[:n], nil
}
