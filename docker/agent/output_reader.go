package main

// outputReader is one place in an output.
type outputReader struct {
	output   *output
	next     uint64 // seq
	position uint64 // bytes of all chunks before next; no more than these where vague
	vague    bool
	owner    bool // a run's own: what it has sent is dropped
	toldAll  bool // that something was withheld
	came     chan struct{}
}

// read adds a reader that begins at seq.
func (o *output) read(seq uint64, owner bool) (*outputReader, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if seq > o.nextSeq {
		return nil, fail("bad_request", "the output has only come to %d yet", o.nextSeq)
	}
	r := &outputReader{output: o, next: seq, owner: owner, came: make(chan struct{}, 1)}
	r.position, r.vague = o.positionOf(seq)
	o.readers = append(o.readers, r)
	return r, nil
}

// positionOf is called with mu held. For a chunk that was dropped so long ago that its place is forgotten it is the
// first place that is known, and vague.
func (o *output) positionOf(seq uint64) (position uint64, vague bool) {
	first := o.firstSeq()
	switch {
	case seq == 0:
		return 0, false
	case seq == o.nextSeq:
		return o.total, false
	case seq >= first:
		return o.chunks[seq-first].before, false
	}
	return o.dropped.placeOf(seq)
}

func (r *outputReader) leave() {
	o := r.output
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, other := range o.readers {
		if other == r {
			o.readers = append(o.readers[:i:i], o.readers[i+1:]...)
			return
		}
	}
}

type gap struct {
	Event        string `json:"event"`
	DroppedBytes uint64 `json:"droppedBytes"`
	AtLeast      bool   `json:"atLeast,omitempty"`
	NextSeq      uint64 `json:"nextSeq"`
}

// advance returns what comes next: a chunk, or what was missed before the next one, or that all is read, or nothing yet.
func (r *outputReader) advance() (c *chunk, missed *gap, all bool) {
	o := r.output
	o.mu.Lock()
	defer o.mu.Unlock()
	first := o.firstSeq()
	if r.next < first {
		at := o.total
		if len(o.chunks) > 0 {
			at = o.chunks[0].before
		}
		missed = &gap{Event: "gap", DroppedBytes: at - r.position, AtLeast: r.vague, NextSeq: first}
		r.next, r.position, r.vague = first, at, false
		return nil, missed, false
	}
	if r.next == o.nextSeq {
		if o.closed && !r.owner && !r.toldAll && o.withheld > 0 {
			r.toldAll = true
			return nil, &gap{Event: "gap", DroppedBytes: o.withheld, NextSeq: r.next}, false
		}
		return nil, nil, o.closed
	}
	c = o.chunks[r.next-first]
	r.next++
	r.position += uint64(len(c.data))
	return c, nil, false
}

// sent tells the output that this reader is done with all before next. A run's then falls out.
func (r *outputReader) sent() {
	o := r.output
	o.mu.Lock()
	o.sentSeq = max(o.sentSeq, r.next)
	if !r.owner {
		o.room.Broadcast()
		o.mu.Unlock()
		return
	}
	if done := int(r.next - o.firstSeq()); done > 0 {
		o.dropTo(min(done, len(o.chunks)))
	}
	o.room.Broadcast()
	o.mu.Unlock()
}
