package main

import "encoding/binary"

// dropLogBytes is how much is remembered of where dropped chunks were: from about 5,000 large ones to 16,000 small ones,
// at times twice as many.
const dropLogBytes = 16 << 10

// dropLog is the places of the chunks that were dropped last, to tell a late reader what it misses.
type dropLog struct {
	first  uint64 // the seq of the first that is known
	before uint64 // bytes of all chunks before it
	sizes  []byte // of each since then, as varints
}

// add is called for each chunk that is dropped, in their order.
func (l *dropLog) add(c *chunk) {
	if len(l.sizes) == 0 {
		l.first, l.before = c.seq, c.before
	}
	l.sizes = binary.AppendUvarint(l.sizes, uint64(len(c.data)))
	if len(l.sizes) <= 2*dropLogBytes {
		return
	}
	rest := l.sizes
	for len(rest) > dropLogBytes {
		rest = l.pass(rest)
	}
	l.sizes = append([]byte(nil), rest...)
}

// pass forgets the first of sizes.
func (l *dropLog) pass(sizes []byte) []byte {
	size, n := binary.Uvarint(sizes)
	l.first++
	l.before += size
	return sizes[n:]
}

// placeOf tells how many bytes were before a dropped chunk. For one that is forgotten it is the first place that is known,
// and vague.
func (l *dropLog) placeOf(seq uint64) (before uint64, vague bool) {
	at := *l
	for rest := l.sizes; at.first < seq && len(rest) > 0; {
		rest = at.pass(rest)
	}
	return at.before, at.first > seq
}
