package main

import (
	"runtime"
	"time"
)

const (
	// clockTick is the unit of /proc/<pid>/stat: USER_HZ is 100 on every Linux that Go knows.
	clockTick = 10 * time.Millisecond
	// A command that stays just below its limit is looked at ever less often, up to longestCPUWait.
	shortestCPUWait = 20 * time.Millisecond
	longestCPUWait  = 250 * time.Millisecond
)

// limitCPU stops the command when all its processes together have used more than limit. There is no clock that ticks
// for it: with n processors the remaining budget cannot be used up sooner than in an nth of it, so it looks again then.
func (p *process) limitCPU(limit time.Duration) {
	cpus := time.Duration(runtime.NumCPU())
	floor := shortestCPUWait
	var before time.Duration
	var look func()
	again := func(remaining time.Duration) {
		time.AfterFunc(max(remaining/cpus, floor), func() { guarded(look) })
	}
	look = func() {
		select {
		case <-p.exited:
			return
		default:
		}
		used := p.cpuUsed()
		if used >= limit {
			p.stop(endCPU)
			return
		}
		if used-before < clockTick {
			floor = min(2*floor, longestCPUWait)
		} else {
			floor = shortestCPUWait
		}
		before = used
		again(limit - used)
	}
	again(limit)
}

// cpuUsed is what all the command's processes have used: those that live, those whose parents waited for them, which
// the kernel adds to the parents, and those that the agent reaped.
func (p *process) cpuUsed() time.Duration {
	p.mu.Lock()
	used := p.orphans.cpu
	p.mu.Unlock()
	pids, err := p.agent.procfs.pids()
	if err != nil {
		return used
	}
	for _, pid := range pids {
		if leader := p.agent.table.leader(pid); leader != nil && leader != p {
			continue
		}
		status, err := p.agent.procfs.status(pid)
		if err != nil || !status.in(p.group) {
			continue
		}
		ticks, _ := p.agent.procfs.cpuTicks(pid)
		used += time.Duration(ticks) * clockTick
	}
	return used
}
