package main

import (
	"context"
	"time"
)

const endedMoment = 50 * time.Millisecond

type processHead struct {
	ProcessID string  `json:"processId"`
	FromSeq   *uint64 `json:"fromSeq"`
	Close     bool    `json:"close"`
	Channel   bool    `json:"channel"`
	Cols      int     `json:"cols"`
	Rows      int     `json:"rows"`
	Signal    string  `json:"signal"`
	Target    string  `json:"target"`
	Reason    string  `json:"reason"`
}

func (a *agent) named(head []byte) (*process, processHead, error) {
	request, err := decodeHead[processHead](head)
	if err != nil {
		return nil, request, err
	}
	p, err := a.table.find(request.ProcessID)
	return p, request, err
}

func (a *agent) attach(ex *exchange, head []byte) error {
	p, request, err := a.named(head)
	if err != nil {
		return err
	}
	var from uint64
	if request.FromSeq != nil {
		from = *request.FromSeq
	}
	reader, err := p.output.read(from, false)
	if err != nil {
		return err
	}
	defer reader.leave()
	if err := ex.follow(ex.ctx, reader); err != nil {
		return err
	}
	return ex.answerEnd(ex.ctx, p)
}

func (a *agent) wait(ex *exchange, head []byte) error {
	p, _, err := a.named(head)
	if err != nil {
		return err
	}
	return ex.answerEnd(ex.ctx, p)
}

func (ex *exchange) answerEnd(ctx context.Context, p *process) error {
	select {
	case <-p.over:
	case <-ctx.Done():
		return contextFailure(ctx)
	}
	ex.answerJSON(p.ended())
	return nil
}

// queueWrite is called by the reader of frames, so that writes to one process keep their order.
func (a *agent) queueWrite(ex *exchange, processID string, toChannel bool) {
	p, err := a.table.find(processID)
	if err != nil {
		return
	}
	ex.writesTo, ex.writesInto = p, p.input
	if toChannel {
		ex.writesInto = p.channel
	}
	if ex.writesInto != nil {
		ex.turn = ex.writesInto.queue()
	}
}

// write answers when the pipe has taken everything, or tells how it ended before.
func (a *agent) write(ex *exchange, head []byte) error {
	request, err := decodeHead[processHead](head)
	if err == nil && ex.writesTo == nil {
		_, err = a.table.find(request.ProcessID)
	}
	if err != nil {
		if ex.turn != nil {
			ex.turn.giveUp()
		}
		return err
	}
	p, into := ex.writesTo, ex.writesInto
	if into == nil {
		return fail("bad_request", "the process %s has no channel", p.id)
	}
	if err := into.begin(ex.ctx, ex.turn); err != nil {
		return err
	}
	defer ex.turn.finish()
	bytes := 0
	for {
		data, last, err := ex.take(ex.ctx)
		if err != nil {
			return err
		}
		if len(data) > 0 {
			if request.Channel {
				p.output.asked.Store(true)
			}
			if err := into.write(ex.ctx, data); err != nil {
				return p.explainClosed(err)
			}
		}
		bytes += len(data)
		ex.grant(len(data))
		if last {
			break
		}
	}
	if request.Close {
		into.close(ex.ctx)
	}
	written := map[string]int{"bytes": bytes}
	if request.Channel {
		ex.answerSoon(written)
	} else {
		ex.answerJSON(written)
	}
	return nil
}

// explainClosed tells a program that closed its stdin from one that ended: the kernel closes the pipe a moment before it
// tells of the end.
func (p *process) explainClosed(err error) error {
	if err == errStdinClosed {
		select {
		case <-p.exited:
			return errProcessEnded
		case <-time.After(endedMoment):
		}
	}
	return err
}

func (a *agent) resize(ex *exchange, head []byte) error {
	p, request, err := a.named(head)
	if err != nil {
		return err
	}
	if p.terminal == nil {
		return fail("not_a_pty", "the process %s has no terminal", p.id)
	}
	size := windowSize{Cols: request.Cols, Rows: request.Rows}
	if err := size.check(); err != nil {
		return err
	}
	raw, err := p.terminal.SyscallConn()
	if err == nil {
		controlError := raw.Control(func(fd uintptr) { err = setWindowSize(int(fd), size) })
		if controlError != nil {
			err = errProcessEnded
		}
	}
	if err != nil {
		return err
	}
	ex.answer(emptyObject, nil)
	return nil
}

func (a *agent) signal(ex *exchange, head []byte) error {
	p, request, err := a.named(head)
	if err != nil {
		return err
	}
	number, ok := signalNumbers[request.Signal]
	if !ok {
		return fail("unknown_signal", "there is no signal %q", shorten(request.Signal, 40))
	}
	if request.Target != "" && request.Target != "group" && request.Target != "leader" {
		return fail("bad_request", "a signal's target is either group or leader")
	}
	if err := p.signal(number, request.Target != "leader"); err != nil {
		return err
	}
	ex.answer(emptyObject, nil)
	return nil
}

// kill answers when nothing is left that could still run; the output may still be on its way to its readers.
func (a *agent) kill(ex *exchange, head []byte) error {
	p, request, err := a.named(head)
	if err != nil {
		return err
	}
	reason := endKilled
	switch request.Reason {
	case "", endKilled:
	case endCancelled:
		reason = endCancelled
	default:
		return fail("bad_request", "a kill's reason is either killed or cancelled")
	}
	select {
	case <-p.swept:
		ex.answerJSON(map[string]int{"killed": 0})
		return nil
	default:
	}
	p.stop(reason)
	p.mu.Lock()
	left := p.immune
	p.mu.Unlock()
	if left > 0 {
		return fail("timed_out", "%d processes of %s could not be killed", left, p.id)
	}
	select {
	case <-p.swept:
	case <-ex.ctx.Done():
		return contextFailure(ex.ctx)
	}
	ex.answerJSON(map[string]int{"killed": p.killedCount()})
	return nil
}

// killedCount counts the leader too when it was killed.
func (p *process) killedCount() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.reached)
	if p.status.Signaled() {
		n++
	}
	return n
}

func (a *agent) release(ex *exchange, head []byte) error {
	p, _, err := a.named(head)
	if err != nil {
		return err
	}
	if p.ended() == nil {
		return fail("bad_request", "the process %s has not ended", p.id)
	}
	a.table.forget(p)
	ex.answer(emptyObject, nil)
	return nil
}
