package main

import (
	"sync"
	"time"
)

const (
	protocolVersion = 1
	nonceBytes      = 32
	maxClaimBytes   = 131_072
	// infoHeadBytes is what is left for the head of `info` in a frame that also holds the largest claim.
	infoHeadBytes = maxFrameBytes - maxClaimBytes - 1024
	// shortArgBytes is what is shown of a process's arguments when there are too many for one frame.
	shortArgBytes = 64
)

var emptyObject = []byte("{}")

// claimKeeper keeps what the server has written into this sandbox, and ends the sandbox when its server stays away.
type claimKeeper struct {
	mu       sync.Mutex
	bytes    []byte
	serial   uint64 // of the request that brought them
	at       time.Time
	destruct *time.Timer
}

func (a *agent) greet(f frame) (opening []byte, silence time.Duration, ok bool) {
	hello, err := decodeHead[struct {
		Protocol  int     `json:"protocol"`
		Nonce     string  `json:"nonce"`
		SilenceMs float64 `json:"silenceMs"`
	}](f.head)
	if f.kind != frameHello || !f.first || err != nil || len(hello.Nonce) != nonceBytes {
		return nil, 0, false
	}
	// Whatever protocol the server speaks: it learns from the answer that this is another.
	opening = append(opening, preamble...)
	opening = append(opening, hello.Nonce...)
	head := mustEncode(map[string]any{"protocol": protocolVersion, "agent": version, "startedAt": isoTime(a.startedAt)})
	return append(opening, encodeFrame(0, frameHello, head, nil, true)...), fromMilliseconds(hello.SilenceMs), true
}

func (a *agent) claim(ex *exchange, head []byte) error {
	request, err := decodeHead[struct {
		SelfDestructMs *float64 `json:"selfDestructMs"`
	}](head)
	if err != nil {
		return err
	}
	var claim []byte
	for last := false; !last; {
		var data []byte
		if data, last, err = ex.take(ex.ctx); err != nil {
			return err
		}
		if len(claim)+len(data) > maxClaimBytes {
			return fail("bad_request", "a claim has at most %d bytes", maxClaimBytes)
		}
		claim = append(claim, data...)
		ex.grant(len(data))
	}
	a.kept.mu.Lock()
	defer a.kept.mu.Unlock()
	defer ex.answer(emptyObject, nil)
	if ex.serial < a.kept.serial {
		// A later one was quicker.
		return nil
	}
	a.kept.bytes, a.kept.serial, a.kept.at = claim, ex.serial, time.Now()
	if a.kept.destruct != nil {
		a.kept.destruct.Stop()
		a.kept.destruct = nil
	}
	if request.SelfDestructMs != nil {
		a.kept.destruct = time.AfterFunc(fromMilliseconds(*request.SelfDestructMs), func() {
			a.exit("its server has not claimed it again in time")
		})
	}
	return nil
}

type processInfo struct {
	ProcessID string      `json:"processId"`
	Pid       int         `json:"pid"`
	Args      []string    `json:"args"`
	State     string      `json:"state"`
	StartedAt string      `json:"startedAt"`
	Kind      string      `json:"kind"`
	Pty       bool        `json:"pty"`
	Channel   bool        `json:"channel"`
	FirstSeq  uint64      `json:"firstSeq"`
	NextSeq   uint64      `json:"nextSeq"`
	End       *processEnd `json:"end"`
}

type memoryInfo struct {
	UsedBytes  int64 `json:"usedBytes"`
	LimitBytes int64 `json:"limitBytes"`
	OomKills   int64 `json:"oomKills"`
}

type sandboxInfo struct {
	StartedAt  string        `json:"startedAt"`
	ClaimAgeMs *int64        `json:"claimAgeMs"`
	Processes  []processInfo `json:"processes"`
	Memory     memoryInfo    `json:"memory"`
	Pids       int64         `json:"pids"`
}

func (a *agent) info(ex *exchange, _ []byte) error {
	used, limit := a.cgroup.memory()
	info := sandboxInfo{
		StartedAt: isoTime(a.startedAt),
		Processes: []processInfo{},
		Memory:    memoryInfo{UsedBytes: used, LimitBytes: limit, OomKills: a.cgroup.oomKills()},
		Pids:      a.cgroup.pids(),
	}
	for _, p := range a.table.all() {
		info.Processes = append(info.Processes, p.info())
	}
	a.kept.mu.Lock()
	claim := a.kept.bytes
	if !a.kept.at.IsZero() {
		// By the monotonic clock: the time of day may have been set since.
		age := time.Since(a.kept.at).Milliseconds()
		info.ClaimAgeMs = &age
	}
	a.kept.mu.Unlock()
	head := mustEncode(info)
	if len(head) > infoHeadBytes {
		for i := range info.Processes {
			info.Processes[i].Args = shortArgs(info.Processes[i].Args)
		}
		head = mustEncode(info)
	}
	ex.answer(head, claim)
	return nil
}

func (p *process) info() processInfo {
	info := processInfo{ProcessID: p.id, Pid: p.pid, Args: p.args, State: "running", StartedAt: isoTime(p.startedAt),
		Kind: p.kind, Pty: p.terminal != nil, Channel: p.channel != nil, End: p.ended()}
	info.FirstSeq, info.NextSeq = p.output.span()
	if info.End != nil {
		info.State = "ended"
	}
	return info
}

func shortArgs(args []string) []string {
	if len(args) == 0 {
		return args
	}
	short := []string{shorten(args[0], shortArgBytes)}
	if len(args) > 1 {
		short = append(short, "…")
	}
	return short
}
