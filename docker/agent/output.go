package main

import (
	"sync"
	"sync/atomic"
)

const (
	streamStdout = 1
	streamStderr = 2
	// streamChannel is what a program writes to its channel.
	streamChannel = 3

	defaultKeepBytes = 4 << 20
	// chunkOverhead is what a chunk costs besides its bytes, so that single bytes do not fill the memory.
	chunkOverhead = 160
	// crowdedBytes is how much of a run's output waits for its reader when all rings together are full.
	crowdedBytes = 256 << 10
)

// ringBytes is what all rings hold, maxRingBytes what they may. The latter is set once, at the start.
var (
	ringBytes    atomic.Int64
	maxRingBytes int64 = 64 << 20
)

type chunk struct {
	stream byte
	seq    uint64
	offset uint64 // its place in its stream
	before uint64 // bytes of all chunks before it
	data   []byte
}

func (c *chunk) cost() int { return len(c.data) + chunkOverhead }

// output is what a command has written and is still kept.
//
// A `start` is never held up: the oldest falls out. A `run` is: append waits until its reader has sent enough, and
// nothing falls out. Between them is a `start` with a channel: what some reader has sent falls out, and append waits for
// the rest. Readers hold chunks while they send them, which the garbage collector allows: a chunk's bytes
// are never used again.
type output struct {
	keep    int
	reclaim func() bool // frees the ring of somebody who needs it less

	mu        sync.Mutex
	room      sync.Cond
	chunks    []*chunk
	bytes     int
	nextSeq   uint64
	total     uint64 // bytes of all chunks ever
	dropped   dropLog
	readers   []*outputReader
	closed    bool
	abandoned bool
	patience  patience
	sentSeq   uint64 // all before it was sent by some reader

	asked     atomic.Bool // something was written to the channel, and nothing has come from there yet
	streams   [4]streamCount
	withheld  uint64 // what the program wrote beyond its limits and was put into no chunk
	truncated bool
}

// patience is whom a program waits for when its ring is full.
type patience int

const (
	waitsForNobody patience = iota
	waitsForAnyReader
	waitsForOwner
)

type streamCount struct {
	produced  uint64 // by the program
	forwarded uint64 // into chunks
}

func newOutput(patience patience, keep int, reclaim func() bool) *output {
	o := &output{patience: patience, keep: keep, reclaim: reclaim}
	o.room.L = &o.mu
	return o
}

// append takes data over as a new chunk.
func (o *output) append(stream byte, data []byte) {
	for ringBytes.Load() > maxRingBytes && o.reclaim() {
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.patience != waitsForNobody && !o.abandoned && o.bytes > 0 && o.bytes+len(data) > o.allowed() {
		if o.patience == waitsForAnyReader && o.firstSeq() < o.sentSeq {
			o.dropTo(1)
			continue
		}
		o.room.Wait()
	}
	c := &chunk{stream: stream, seq: o.nextSeq, offset: o.streams[stream].forwarded, before: o.total, data: data}
	o.nextSeq++
	o.total += uint64(len(data))
	o.streams[stream].forwarded += uint64(len(data))
	o.chunks = append(o.chunks, c)
	o.account(c.cost())
	if o.abandoned {
		o.dropTo(len(o.chunks))
	} else if o.patience == waitsForNobody {
		for len(o.chunks) > 1 && o.bytes > o.allowed() {
			o.dropTo(1)
		}
	}
	o.wakeReaders()
}

// allowed is called with mu held.
func (o *output) allowed() int {
	if ringBytes.Load() > maxRingBytes {
		return min(o.keep, crowdedBytes)
	}
	return o.keep
}

func (o *output) account(n int) {
	o.bytes += n
	ringBytes.Add(int64(n))
	if n < 0 {
		memoryFreed(-n)
	}
}

// dropTo drops the first n chunks. It is called with mu held.
func (o *output) dropTo(n int) {
	for _, c := range o.chunks[:n] {
		o.account(-c.cost())
		o.dropped.add(c)
	}
	clear(o.chunks[:n])
	o.chunks = o.chunks[n:]
}

// firstSeq is called with mu held.
func (o *output) firstSeq() uint64 { return o.nextSeq - uint64(len(o.chunks)) }

func (o *output) span() (first, next uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.firstSeq(), o.nextSeq
}

func (o *output) produced() (produced [4]uint64, truncated bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, stream := range o.streams {
		produced[i] = stream.produced
	}
	return produced, o.truncated
}

func (o *output) isRead() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.readers) > 0
}

func (o *output) holds() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.chunks) > 0
}

func (o *output) discard() {
	o.mu.Lock()
	o.dropTo(len(o.chunks))
	o.mu.Unlock()
}

// stopWaiting lets the oldest fall out from now on, read or not.
func (o *output) stopWaiting() {
	o.mu.Lock()
	if o.patience == waitsForAnyReader {
		o.patience = waitsForNobody
	}
	o.room.Broadcast()
	o.mu.Unlock()
}

// abandon says that nobody will read what waits for its reader: the program is not held up any more.
func (o *output) abandon() {
	o.mu.Lock()
	o.abandoned = true
	o.truncated = o.truncated || len(o.chunks) > 0
	o.dropTo(len(o.chunks))
	o.room.Broadcast()
	o.wakeReaders()
	o.mu.Unlock()
}

func (o *output) close() {
	o.mu.Lock()
	o.closed = true
	o.wakeReaders()
	o.mu.Unlock()
}

func (o *output) wakeReaders() {
	for _, r := range o.readers {
		wake(r.came)
	}
}
