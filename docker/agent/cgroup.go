package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// cgroup reads the sandbox's control group, version 1 or 2, from within. Its files are opened once and read by pread,
// which takes two microseconds. What is not there reads as 0.
type cgroup struct {
	mu          sync.Mutex
	oomKillFile int
	memoryUsed  int
	memoryLimit int
	pidsCurrent int
	pidsEvents  int
	buffer      [4096]byte
}

const cgroupRoot = "/sys/fs/cgroup"

func openCgroup() *cgroup {
	memory, pids, unified := cgroupPaths()
	return &cgroup{
		oomKillFile: openFirst(join(memory, "memory.oom_control"), join(unified, "memory.events")),
		memoryUsed:  openFirst(join(memory, "memory.usage_in_bytes"), join(unified, "memory.current")),
		memoryLimit: openFirst(join(memory, "memory.limit_in_bytes"), join(unified, "memory.max")),
		pidsCurrent: openFirst(join(pids, "pids.current"), join(unified, "pids.current")),
		pidsEvents:  openFirst(join(pids, "pids.events"), join(unified, "pids.events")),
	}
}

// cgroupPaths is where the controllers of version 1, and those of version 2 together, may be: with a cgroup namespace, or
// version 1 in a container, at the root of what is mounted; else below it at the place that /proc/self/cgroup names.
func cgroupPaths() (memory, pids, unified []string) {
	memory = []string{cgroupRoot + "/memory"}
	pids = []string{cgroupRoot + "/pids"}
	unified = []string{cgroupRoot}
	content, _ := os.ReadFile("/proc/self/cgroup")
	for _, line := range strings.Split(string(content), "\n") {
		fields := strings.SplitN(line, ":", 3)
		if len(fields) != 3 {
			continue
		}
		if fields[0] == "0" {
			unified = append([]string{filepath.Join(cgroupRoot, fields[2])}, unified...)
		}
		for _, controller := range strings.Split(fields[1], ",") {
			switch controller {
			case "memory":
				memory = append([]string{filepath.Join(cgroupRoot, "memory", fields[2])}, memory...)
			case "pids":
				pids = append([]string{filepath.Join(cgroupRoot, "pids", fields[2])}, pids...)
			}
		}
	}
	return memory, pids, unified
}

func join(directories []string, name string) []string {
	paths := make([]string, len(directories))
	for i, directory := range directories {
		paths[i] = filepath.Join(directory, name)
	}
	return paths
}

func openFirst(candidates ...[]string) int {
	for _, paths := range candidates {
		for _, path := range paths {
			fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
			if err == nil {
				return fd
			}
		}
	}
	return -1
}

func (c *cgroup) read(fd int) []byte {
	if fd < 0 {
		return nil
	}
	n, err := ignoringEINTR(func() (int, error) { return syscall.Pread(fd, c.buffer[:], 0) })
	if err != nil {
		return nil
	}
	return c.buffer[:n]
}

// oomKills is how many processes the kernel has killed here because the memory limit was reached.
func (c *cgroup) oomKills() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return parseEvents(c.read(c.oomKillFile), "oom_kill ")
}

// refusedForks is how many processes and threads could not be made here because the limit of them was reached.
func (c *cgroup) refusedForks() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return parseEvents(c.read(c.pidsEvents), "max ")
}

// parseEvents reads one counter of a file that has one a line; name ends with the space behind it.
func parseEvents(content []byte, name string) int64 {
	for _, line := range bytes.Split(content, []byte("\n")) {
		if value, found := bytes.CutPrefix(line, []byte(name)); found {
			return parseCount(value)
		}
	}
	return 0
}

// parseCount reads a number; "max", which stands for no limit, is 0.
func parseCount(content []byte) int64 {
	n, _ := strconv.ParseInt(string(bytes.TrimSpace(content)), 10, 64)
	return n
}

func (c *cgroup) memory() (used, limit int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	used = parseCount(c.read(c.memoryUsed))
	limit = parseCount(c.read(c.memoryLimit))
	// Version 1 says "no limit" with the largest page-aligned number.
	if limit >= 1<<62 {
		limit = 0
	}
	return used, limit
}

// pids is how many processes and threads there are, the agent's own included.
func (c *cgroup) pids() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return parseCount(c.read(c.pidsCurrent))
}
