package main

import (
	"os"
	"sync"
	"syscall"
	"time"
)

// kinds of processes: a run belongs to its exchange, a started one to nobody.
const (
	kindRun   = "run"
	kindStart = "start"
)

// How the agent itself ends a process.
const (
	endExited      = "exited"
	endSignaled    = "signaled"
	endTimedOut    = "timed_out"
	endCPU         = "cpu_exceeded"
	endMemory      = "out_of_memory"
	endOutput      = "output_limit"
	endCancelled   = "cancelled"
	endKilled      = "killed"
	endSpawnFailed = "spawn_failed"
)

// process is a command: its leader, which the agent forked, and whatever that starts, all of it marked by group.
// It lives as long as the table keeps it, whoever started it and whoever listens.
type process struct {
	agent     *agent
	id        string
	kind      string
	args      []string
	group     uint32
	pid       int
	startedAt time.Time
	before    marks // when it was about to start
	output    *output
	input     *input
	channel   *input   // what it reads from its channel; nil without
	terminal  *os.File // the controlling side of its terminal, if it has one
	slave     int      // its other side, kept open until nobody else can want it; -1 without
	sources   []*os.File

	inputSpent   bool  // there is nothing to pass on to it
	inputWritten int   // of the first piece that is
	outputLimit  int64 // of both streams; below 0 none
	wallLimit    *int64
	cpuLimit     *int64
	forwardBytes int64 // of each stream; below 0 all

	mu      sync.Mutex
	reaped  bool // from here on pid may be anybody's
	exitAt  time.Time
	status  syscall.WaitStatus
	usage   syscall.Rusage
	intent  string // the end that the agent decided on, before it killed
	killed9 bool   // somebody sent SIGKILL by `signal`
	grouped bool   // its process group was killed
	orphans orphanUsage
	reached map[int]bool // processes that were killed with it or after it, the leader not among them
	immune  int          // how many it could not kill
	cutOff  bool         // output was given up
	note    string       // what else there is to say of its end

	overLimit bool
	end       *processEnd

	sweeping sync.Mutex
	timers   []*time.Timer
	expiry   *time.Timer // guarded by the table

	exited  chan struct{} // the leader was reaped
	swept   chan struct{} // and nothing else of the command is left
	drained chan struct{} // its output was read to the end
	over    chan struct{} // all three, and end is set
}

// orphanUsage is what processes had used that the agent reaped in place of their parents.
type orphanUsage struct {
	cpu         time.Duration
	maxRssBytes int64
}

func newProcess(a *agent, request *processRequest, kind string) *process {
	return &process{
		agent: a, id: request.ProcessID, kind: kind, args: request.Args,
		slave: -1, reached: map[int]bool{},
		exited: make(chan struct{}), swept: make(chan struct{}), drained: make(chan struct{}), over: make(chan struct{}),
	}
}

// reap takes the leader, which is a zombie, out of the kernel's table. Signals are sent under the same lock and not
// after it, because the next process may be given the same number.
func (p *process) reap() {
	p.mu.Lock()
	p.killGroup()
	err := reapChild(p.pid, &p.status, &p.usage)
	p.reaped = true
	p.exitAt = time.Now()
	p.mu.Unlock()
	if err != nil {
		logf("waiting for process %d: %s", p.pid, err)
	}
	close(p.exited)
}

// reapOrphan does the same with a zombie that has lost its parent. The lock keeps the end from being composed between.
func (p *process) reapOrphan(pid int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var status syscall.WaitStatus
	var usage syscall.Rusage
	if reapChild(pid, &status, &usage) != nil {
		return
	}
	if p.grouped && status.Signaled() && status.Signal() == syscall.SIGKILL {
		p.reached[pid] = true
	}
	p.orphans.cpu += cpuOf(&usage)
	p.orphans.maxRssBytes = max(p.orphans.maxRssBytes, usage.Maxrss*1024)
}

func cpuOf(usage *syscall.Rusage) time.Duration {
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// signal sends to the leader or its process group. The group's number is the leader's, and cannot be another's as long
// as the leader is not reaped.
func (p *process) signal(signal syscall.Signal, group bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return fail("process_ended", "the process %s has ended", p.id)
	}
	if signal == syscall.SIGKILL {
		p.killed9 = true
	}
	return rawKill(p.pid, signal, group)
}

func rawKill(pid int, signal syscall.Signal, group bool) error {
	if group {
		pid = -pid
	}
	// Raw: kill does not wait for anything, and so needs no thread of its own.
	_, _, errno := syscall.RawSyscall(syscall.SYS_KILL, uintptr(pid), uintptr(signal), 0)
	return errnoOrNil(errno)
}

// stop kills the command for a reason, which is kept if it is the first and the leader still lives. It returns when
// nothing of it is left, or cannot be killed.
func (p *process) stop(reason string) {
	p.mu.Lock()
	if !p.reaped {
		if p.intent == "" {
			p.intent = reason
		}
		p.killGroup()
	}
	p.mu.Unlock()
	p.sweep(true)
}

// killGroup kills the leader and its process group, which most commands never leave, in one call: no fork gets away from
// it (copy_process fails with a signal pending), and no shell tells by an exit code of its own that a child was killed,
// as a parent hears of that under the lock of the call. Where thousands fork, seconds may pass before the agent has a
// processor for the next call. It is called with mu held and the leader not reaped, see signal.
func (p *process) killGroup() {
	p.grouped = true
	rawKill(p.pid, syscall.SIGKILL, true)
}

// exceeded notes that the command wrote more than it may, and returns true the first time. That is beyond doubt, so it
// stands even when the leader has ended since.
func (p *process) exceeded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := !p.overLimit
	p.overLimit = true
	if p.intent == "" {
		p.intent = endOutput
	}
	return first
}

// supervise leads the command from the end of its leader to its own.
func (p *process) supervise() {
	<-p.exited
	for _, timer := range p.timers {
		timer.Stop()
	}
	p.sweep(false)
	close(p.swept)
	p.shutInput()
	// What the dead have left is read to its end. Whoever reads gets a moment for it; nobody else is waited for any more.
	if p.output.isRead() {
		defer time.AfterFunc(heldPipeWait, p.output.stopWaiting).Stop()
	} else {
		p.output.stopWaiting()
	}
	// All that could write has been killed: if the end of the output does not come now, somebody else holds the pipe.
	for _, source := range p.sources {
		source.SetReadDeadline(time.Now().Add(heldPipeWait))
	}
	<-p.drained
	end := p.composeEnd()
	p.mu.Lock()
	p.end = end
	p.mu.Unlock()
	p.agent.table.ended(p)
	p.output.close()
	close(p.over)
	// Last, because nobody waits for it.
	p.closeSources()
}

// shutInput and closeSources take a slot, as all calls on pipes do: any number of commands may end at once.
func (p *process) shutInput() {
	pipeSlots <- struct{}{}
	defer func() { <-pipeSlots }()
	p.input.shut()
	if p.channel != nil {
		p.channel.shut()
	}
	if p.slave >= 0 {
		syscall.Close(p.slave)
	}
}

func (p *process) closeSources() {
	pipeSlots <- struct{}{}
	defer func() { <-pipeSlots }()
	for _, source := range p.sources {
		source.Close()
	}
}

func (p *process) ended() *processEnd {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.end
}
