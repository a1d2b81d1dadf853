package main

import (
	"context"
	"time"
)

const (
	maxProcessIDBytes = 64
	minKeepBytes      = 65_536
	maxKeepBytes      = 16 << 20
	// cancelledOutputWait is how long a run that was cancelled waits for credit to send the last of its output.
	cancelledOutputWait = 500 * time.Millisecond
)

type processRequest struct {
	ProcessID        string            `json:"processId"`
	Args             []string          `json:"args"`
	Env              map[string]string `json:"env"`
	Cwd              string            `json:"cwd"`
	Stdin            string            `json:"stdin"`
	TimeoutMs        *float64          `json:"timeoutMs"`
	CPUTimeMs        *float64          `json:"cpuTimeMs"`
	OutputLimitBytes *int64            `json:"outputLimitBytes"`
	ForwardBytes     *int64            `json:"forwardBytes"`
	Pty              *windowSize       `json:"pty"`
	KeepBytes        *int64            `json:"keepBytes"`
	Channel          bool              `json:"channel"`
	Detached         bool              `json:"detached"`
}

func (r *processRequest) check() error {
	if !validProcessID(r.ProcessID) {
		return fail("bad_request", "a processId has 1 to %d of A-Z a-z 0-9 _ -", maxProcessIDBytes)
	}
	if r.Stdin != "" && r.Stdin != "open" && r.Stdin != "closed" {
		return fail("bad_request", "stdin is either open or closed")
	}
	if r.Cwd == "" {
		r.Cwd = workspace
	}
	if r.Pty != nil {
		return r.Pty.check()
	}
	return nil
}

func validProcessID(id string) bool {
	for _, c := range []byte(id) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return len(id) >= 1 && len(id) <= maxProcessIDBytes
}

func (r *processRequest) keep() int {
	if r.KeepBytes == nil {
		return defaultKeepBytes
	}
	return int(min(max(*r.KeepBytes, minKeepBytes), maxKeepBytes))
}

func limitOf(value *int64) int64 {
	if value == nil {
		return -1
	}
	return max(0, *value)
}

func wholeMilliseconds(ms *float64) *int64 {
	if ms == nil {
		return nil
	}
	whole := milliseconds(fromMilliseconds(*ms))
	return &whole
}

// waitingFor says whom a command's output waits for.
func waitingFor(kind string, channel bool) patience {
	switch {
	case kind == kindRun:
		return waitsForOwner
	case channel:
		return waitsForAnyReader
	default:
		return waitsForNobody
	}
}

// launch starts a command. failure says that there is none because the program could not be started.
func (a *agent) launch(ex *exchange, head []byte, kind string) (p *process, failure *spawnFailure, err error) {
	request, err := decodeHead[processRequest](head)
	if err != nil {
		return nil, nil, err
	}
	if err := request.check(); err != nil {
		return nil, nil, err
	}
	if request.Channel && (kind != kindStart || request.Pty != nil) {
		return nil, nil, fail("bad_request", "only a start without a terminal can have a channel")
	}
	ex.awaited.Store(kind == kindRun && !request.Detached)
	p = newProcess(a, &request, kind)
	p.outputLimit, p.forwardBytes = limitOf(request.OutputLimitBytes), limitOf(request.ForwardBytes)
	p.wallLimit, p.cpuLimit = wholeMilliseconds(request.TimeoutMs), wholeMilliseconds(request.CPUTimeMs)
	p.output = newOutput(waitingFor(kind, request.Channel), request.keep(), a.table.reclaim)
	if err := a.table.reserve(p); err != nil {
		return nil, nil, err
	}
	// Once forked it is another's to end: a request that was cancelled already must not begin.
	if ex.ctx.Err() != nil {
		a.table.abandon(p)
		return nil, nil, contextFailure(ex.ctx)
	}
	var first []byte
	last := false
	if kind == kindRun && request.Stdin == "open" && request.Pty == nil {
		first, last = ex.peek()
	}
	p.startedAt = time.Now()
	if failure := p.spawn(&request, first, last); failure != nil {
		a.table.abandon(p)
		return p, failure, nil
	}
	if request.TimeoutMs != nil {
		p.timers = append(p.timers, time.AfterFunc(fromMilliseconds(*request.TimeoutMs), func() {
			guarded(func() { p.stop(endTimedOut) })
		}))
	}
	if request.CPUTimeMs != nil {
		p.limitCPU(fromMilliseconds(*request.CPUTimeMs))
	}
	go guarded(p.supervise)
	return p, nil, nil
}

// run is a whole command in one exchange, and ends with it.
func (a *agent) run(ex *exchange, head []byte) error {
	p, failure, err := a.launch(ex, head, kindRun)
	if err != nil {
		return err
	}
	if failure != nil {
		ex.answerJSON(failure.end(p))
		return nil
	}
	defer a.table.forget(p)
	reader, err := p.output.read(0, true)
	if err != nil {
		return err
	}
	// sending outlives a cancellation, so that what the program wrote before it is still seen.
	sending, stopSending := context.WithCancelCause(context.Background())
	defer stopSending(nil)
	release := context.AfterFunc(ex.ctx, func() {
		guarded(func() { p.cancelRun(ex, stopSending) })
	})
	if !p.inputSpent {
		go guarded(func() { p.feed(sending, ex) })
	}
	if ex.follow(sending, reader) != nil {
		p.output.abandon()
	}
	<-p.over
	release()
	if context.Cause(ex.ctx) == errOverrun {
		return errOverrun
	}
	ex.answerJSON(p.ended())
	return nil
}

func (p *process) cancelRun(ex *exchange, stopSending context.CancelCauseFunc) {
	cause := context.Cause(ex.ctx)
	if cause == errDisconnected && !ex.conn.isCurrent() {
		stopSending(cause)
	}
	if cause == errSilent {
		p.mu.Lock()
		p.note = errSilent.Message
		p.mu.Unlock()
	}
	p.stop(endCancelled)
	select {
	case <-p.over:
	case <-time.After(cancelledOutputWait):
		stopSending(cause)
	}
}

// start leaves the command to itself.
func (a *agent) start(ex *exchange, head []byte) error {
	p, failure, err := a.launch(ex, head, kindStart)
	if err != nil {
		return err
	}
	if failure != nil {
		return failure.asError()
	}
	ex.answerJSON(map[string]int{"pid": p.pid})
	return nil
}
