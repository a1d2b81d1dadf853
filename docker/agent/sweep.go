package main

import (
	"os"
	"syscall"
	"time"
)

const (
	// sweepTime is how long a command's processes have to die. One that the kernel does not let go is counted.
	sweepTime      = 5 * time.Second
	leastSweeps    = 10
	firstSweepWait = 100 * time.Microsecond
	longestWait    = 20 * time.Millisecond
	// sweepsBeforeStop is after how many passes those that still fork are stopped first.
	sweepsBeforeStop = 2
	stopPasses       = 20
)

// sweep kills whatever carries the command's group, until a look through /proc finds nothing. Groups of processes and
// sessions are left by setsid, an environment is cleared, parents are lost by forking twice; a supplementary group
// stays, since dropping it takes CAP_SETGID, in a user namespace as well (user_namespaces(7), setgroups).
//
// After a leader that ended by itself, thorough false, it costs one call when nothing else is there, and one look at /proc
// when only leaders are.
func (p *process) sweep(thorough bool) {
	p.sweeping.Lock()
	defer p.sweeping.Unlock()
	if !thorough && p.alone() {
		return
	}
	deadline := time.Now().Add(sweepTime)
	wait := firstSweepWait
	clean := 0
	for pass := 0; ; pass++ {
		// Where many commands are killed at once the time may have gone by waiting for a turn.
		late := pass >= leastSweeps && time.Now().After(deadline)
		alive, unreaped := p.sweepOnce(pass, late)
		if len(alive) == 0 && unreaped > 0 && !late {
			time.Sleep(wait)
			continue
		}
		if len(alive) == 0 {
			// Twice where something was found: see procfs.pids.
			if clean++; clean > 1 || pass == 0 {
				break
			}
			continue
		}
		clean = 0
		if late {
			p.setImmune(len(alive))
			return
		}
		time.Sleep(wait)
		wait = min(2*wait, longestWait)
	}
	p.setImmune(0)
}

// sweepOnce kills what one pass finds. One command at a time: each that is within a call needs a thread.
func (p *process) sweepOnce(pass int, late bool) (alive []int, unreaped int) {
	p.agent.sweeps.Lock()
	defer p.agent.sweeps.Unlock()
	alive, unreaped, fresh := p.members()
	if late {
		return alive, unreaped
	}
	if pass >= sweepsBeforeStop && fresh {
		alive = p.stopForking(alive)
	}
	for _, pid := range alive {
		p.signalMember(pid, syscall.SIGKILL)
	}
	return alive, unreaped
}

func (p *process) setImmune(n int) {
	p.mu.Lock()
	p.immune = n
	p.mu.Unlock()
}

// alone says that no process is there but registered leaders, of this command and of others.
func (p *process) alone() bool {
	// What has lost its parent is PID 1's child: without children it is by itself. That is the usual case, and one call.
	if os.Getpid() == 1 && !hasChildren() {
		return true
	}
	pids, err := p.agent.procfs.pids()
	return err == nil && len(p.agent.table.withoutLeaders(pids)) == 0
}

// members lists the command's living processes, counts those that are dead and still to be reaped by the agent, which
// adds what they have used, and says whether any was never seen before.
func (p *process) members() (alive []int, unreaped int, fresh bool) {
	pids, err := p.agent.procfs.pids()
	if err != nil {
		logf("listing processes: %s", err)
		return nil, 0, false
	}
	for _, pid := range pids {
		if leader := p.agent.table.leader(pid); leader != nil && leader != p {
			continue
		}
		status, err := p.agent.procfs.status(pid)
		if err != nil || !status.in(p.group) {
			continue
		}
		if status.dead {
			if status.ours {
				unreaped++
			}
			continue
		}
		alive = append(alive, pid)
		if pid != p.pid {
			p.mu.Lock()
			fresh = fresh || !p.reached[pid]
			p.reached[pid] = true
			p.mu.Unlock()
		}
	}
	return alive, unreaped, fresh
}

// stopForking stops processes that fork faster than they are found, so that one pass can kill them all: a fork with
// a signal pending fails in the kernel (copy_process), and a stopped process makes none.
func (p *process) stopForking(alive []int) []int {
	for pass := 0; pass < stopPasses; pass++ {
		for _, pid := range alive {
			p.signalMember(pid, syscall.SIGSTOP)
		}
		var fresh bool
		if alive, _, fresh = p.members(); !fresh {
			break
		}
	}
	return alive
}

// signalMember signals pid if it is, at that moment, a process of this command. The descriptor keeps the signal from one
// that was given the number since: what the second look tells is of the process that it names, or of nobody it reaches.
func (p *process) signalMember(pid int, signal syscall.Signal) {
	fd, err := pidfdOpen(pid)
	if err == syscall.ESRCH {
		return
	}
	if err != nil {
		// Linux before 5.3, or no descriptor left. Between look and kill a number would have to go round.
		p.signalByNumber(pid, signal)
		return
	}
	defer syscall.Close(fd)
	if status, err := p.agent.procfs.status(pid); err == nil && status.in(p.group) {
		pidfdSendSignal(fd, signal)
	}
}

func (p *process) signalByNumber(pid int, signal syscall.Signal) {
	if status, err := p.agent.procfs.status(pid); err == nil && status.in(p.group) {
		rawKill(pid, signal, false)
	}
}
