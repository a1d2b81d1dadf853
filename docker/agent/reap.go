package main

import (
	"runtime"
	"syscall"
)

// reapForever takes every child out of the kernel's table, its own and those that lost their parent: PID 1 is given
// them. It is the only one that does, and it looks before it takes: a zombie's number is nobody else's, so what is
// looked up under it is right.
func (a *agent) reapForever() {
	for {
		pid, err := waitForExit()
		if err != nil {
			// ECHILD: no child, and so nobody whose children could become ours. The next one is forked by us.
			<-a.table.childCame
			continue
		}
		guarded(func() { a.reap(pid) })
		// Those that were woken run now: the next wait takes this goroutine's processor away from them without notice,
		// which Go would see only later.
		runtime.Gosched()
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
	var owner *process
	if status, err := a.procfs.status(pid); err == nil {
		owner = a.table.owner(status.groups)
	}
	var status syscall.WaitStatus
	var usage syscall.Rusage
	if err := reapChild(pid, &status, &usage); err == nil && owner != nil {
		owner.addOrphan(&usage)
	}
}
