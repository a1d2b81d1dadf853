package main

import (
	"sync"
	"syscall"
)

// Limits by the names that End tells them by. There is none for open files: the kernel counts nowhere how often it
// answered EMFILE.
const (
	limitMemory   = "memory"
	limitPids     = "pids"
	limitCPUTime  = "cpu_time"
	limitWallTime = "wall_time"
	limitOutput   = "output"
	limitDisk     = "disk"
)

// diskPaths is where commands can write.
var diskPaths = [...]string{workspace, "/tmp", "/dev/shm"}

// disks are handles of diskPaths, below 0 where there is none. They are asked one at a time: each call needs a thread.
type disks struct {
	mu      sync.Mutex
	handles [len(diskPaths)]int
}

// marks are what the limits that end no command by themselves look like at one moment. They are the sandbox's: by them
// alone, commands that run side by side cannot be told apart.
type marks struct {
	oomKills     int64
	refusedForks int64
	full         [len(diskPaths)]bool
}

func openDisks() *disks {
	d := new(disks)
	for i, path := range diskPaths {
		fd, err := syscall.Open(path, oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
		if err != nil {
			fd = -1
		}
		d.handles[i] = fd
	}
	return d
}

func (a *agent) marks() marks {
	return marks{oomKills: a.cgroup.oomKills(), refusedForks: a.cgroup.refusedForks(), full: a.disks.full()}
}

func (d *disks) full() (full [len(diskPaths)]bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, handle := range d.handles {
		var stat syscall.Statfs_t
		full[i] = handle >= 0 && syscall.Fstatfs(handle, &stat) == nil && isFull(&stat)
	}
	return full
}

// isFull says that a file system has not a block or not an inode left. One without a limit counts none at all.
func isFull(stat *syscall.Statfs_t) bool {
	return stat.Blocks > 0 && stat.Bavail == 0 || stat.Files > 0 && stat.Ffree == 0
}

func (m marks) fullDisks() (paths []string) {
	for i, full := range m.full {
		if full {
			paths = append(paths, diskPaths[i])
		}
	}
	return paths
}

// limitsHit names the limits that are known to have been reached between two moments. A disk that was full before is
// none of them: whether anything was written to it since, nobody can tell.
func limitsHit(reason string, before, now marks) []string {
	hit := []string{}
	if now.oomKills > before.oomKills {
		hit = append(hit, limitMemory)
	}
	if now.refusedForks > before.refusedForks {
		hit = append(hit, limitPids)
	}
	for i, full := range now.full {
		if full && !before.full[i] {
			hit = append(hit, limitDisk)
			break
		}
	}
	switch reason {
	case endCPU:
		hit = append(hit, limitCPUTime)
	case endTimedOut:
		hit = append(hit, limitWallTime)
	case endOutput:
		hit = append(hit, limitOutput)
	}
	return hit
}
