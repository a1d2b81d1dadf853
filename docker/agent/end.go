package main

import (
	"fmt"
	"syscall"
	"time"
)

// processEnd is End of PROTOCOL.md: why a command ended, and what shows it. The server makes the sentences of it; Message
// is only what the other members do not say.
type processEnd struct {
	EndReason       string   `json:"endReason"`
	ExitCode        *int     `json:"exitCode"`
	Signal          *string  `json:"signal"`
	StartedAt       string   `json:"startedAt"`
	DurationMs      int64    `json:"durationMs"`
	CPUMs           int64    `json:"cpuMs"`
	MaxRssBytes     int64    `json:"maxRssBytes"`
	StdoutBytes     uint64   `json:"stdoutBytes"`
	StderrBytes     uint64   `json:"stderrBytes"`
	Truncated       bool     `json:"truncated"`
	OomKills        int64    `json:"oomKills"`
	LeftoversKilled int      `json:"leftoversKilled"`
	LimitsHit       []string `json:"limitsHit"`
	FullDisks       []string `json:"fullDisks,omitempty"`
	Limit           *int64   `json:"limit,omitempty"`
	Kind            string   `json:"kind,omitempty"`
	Errno           string   `json:"errno,omitempty"`
	Message         string   `json:"message,omitempty"`
}

// shellKilled is the exit code with which shells pass on that a child died of SIGKILL.
const shellKilled = 128 + int(syscall.SIGKILL)

// composeEnd is called once, after the last of the command's processes and of its output.
func (p *process) composeEnd() *processEnd {
	now := p.agent.marks()
	produced, truncated := p.output.produced()
	p.mu.Lock()
	defer p.mu.Unlock()
	end := &processEnd{
		StartedAt:       isoTime(p.startedAt),
		DurationMs:      milliseconds(p.exitAt.Sub(p.startedAt)),
		CPUMs:           milliseconds(cpuOf(&p.usage) + p.orphans.cpu),
		MaxRssBytes:     max(p.usage.Maxrss*1024, p.orphans.maxRssBytes),
		StdoutBytes:     produced[streamStdout],
		StderrBytes:     produced[streamStderr],
		Truncated:       truncated || p.cutOff,
		OomKills:        max(0, now.oomKills-p.before.oomKills),
		LeftoversKilled: len(p.reached),
	}
	if p.status.Exited() {
		code := p.status.ExitStatus()
		end.ExitCode = &code
	} else {
		name := signalName(p.status.Signal())
		end.Signal = &name
	}
	end.EndReason = p.reason(end)
	end.Limit = p.limitBehind(end.EndReason)
	end.LimitsHit, end.FullDisks = limitsHit(end.EndReason, p.before, now), now.fullDisks()
	if end.EndReason == endCancelled {
		end.Message = p.note
	}
	if p.immune > 0 {
		end.Message = addSentence(end.Message, fmt.Sprintf("%d of its processes could not be killed", p.immune))
	}
	if p.cutOff {
		end.Message = addSentence(end.Message, "its output was cut off, because a process that is not its own kept it open")
	}
	return end
}

// reason is called with mu held.
func (p *process) reason(end *processEnd) string {
	bySignal9 := end.Signal != nil && p.status.Signal() == syscall.SIGKILL
	switch {
	case p.intent == endOutput:
		// Also of one that was quicker than the kill: see exceeded.
		return endOutput
	case p.intent != "" && bySignal9:
		return p.intent
	case end.OomKills > 0 && bySignal9 && !p.killed9:
		return endMemory
	case end.OomKills > 0 && end.ExitCode != nil && *end.ExitCode == shellKilled:
		return endMemory
	case end.Signal != nil:
		return endSignaled
	default:
		// Also where the agent had decided to kill it, and it was quicker.
		return endExited
	}
}

// limitBehind is the limit that an end is about, in the unit of its field.
func (p *process) limitBehind(reason string) *int64 {
	switch reason {
	case endTimedOut:
		return p.wallLimit
	case endCPU:
		return p.cpuLimit
	case endOutput:
		return &p.outputLimit
	default:
		return nil
	}
}

func addSentence(message, more string) string {
	if message == "" {
		return more
	}
	return message + "; " + more
}

func milliseconds(d time.Duration) int64 { return int64(d.Round(time.Millisecond) / time.Millisecond) }

func fromMilliseconds(ms float64) time.Duration {
	const longest = 366 * 24 * time.Hour
	if ms >= float64(longest/time.Millisecond) {
		return longest
	}
	return time.Duration(ms * float64(time.Millisecond))
}

func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
