package main

import (
	"os"
	"os/signal"
	"syscall"
)

// reapForever takes every child out of the kernel's table, its own and those that lost their parent: PID 1 is given
// them. It is the only one that does, and it looks before it takes: a zombie's number is nobody else's, so what is
// looked up under it is right.
func (a *agent) reapForever() {
	forEachExit(func(pid int) { guarded(func() { a.reap(pid) }) })
}

// forEachExit calls reap with each child that has become a zombie, for ever.
//
// It is told by SIGCHLD and not by a wait that blocks: Go leaves a blocked wait its processor for some milliseconds, and
// its monitor wakes thousands of times a second as long as that lasts, beside the very program that is waited for.
func forEachExit(reap func(pid int)) {
	came := make(chan os.Signal, 1)
	signal.Notify(came, syscall.SIGCHLD)
	for {
		if pid, err := exitedChild(); err == nil && pid != 0 {
			reap(pid)
			continue
		}
		<-came
	}
}

func (a *agent) reap(pid int) {
	p := a.table.takeLeader(pid)
	if p == nil {
		// A leader may be forked and not yet be registered. Whoever forks holds this lock until it is.
		a.table.forking.Lock()
		p = a.table.takeLeader(pid)
		a.table.forking.Unlock()
	}
	if p != nil {
		p.reap()
		return
	}
	if status, err := a.procfs.status(pid); err == nil {
		if owner := a.table.owner(status.groups); owner != nil {
			owner.reapOrphan(pid)
			return
		}
	}
	reapChild(pid, nil, nil)
}
