package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"sync"
	"sync/atomic"
)

// Frames, byte for byte as PROTOCOL.md has them.

const (
	frameHello    = 1
	frameRequest  = 2
	frameResponse = 3
	frameData     = 4
	frameCredit   = 5
	frameCancel   = 6
	frameEvent    = 7

	flagEnd = 1

	maxFrameBytes  = 262_144 // a whole frame, its length field included
	lengthBytes    = 4
	headerBytes    = 16
	trailerBytes   = 4
	emptyLength    = headerBytes - lengthBytes + trailerBytes
	readAheadBytes = 262_144
)

var (
	preamble = []byte("\x00CODEBEAKER-AGT\n")
	trailer  = []byte("CB.\n")
)

type frame struct {
	id      uint32
	kind    byte
	end     bool
	head    []byte
	payload []byte
	// first says that a preamble stood right before it.
	first bool
}

// encodeFrame puts a frame into one buffer, so that it leaves in one write.
func encodeFrame(id uint32, kind byte, head, payload []byte, end bool) []byte {
	total := headerBytes + len(head) + len(payload) + trailerBytes
	whole := make([]byte, 0, total)
	whole = appendHeader(whole, id, kind, len(head), len(payload), end)
	whole = append(whole, head...)
	whole = append(whole, payload...)
	return append(whole, trailer...)
}

func appendHeader(to []byte, id uint32, kind byte, headLength, payloadLength int, end bool) []byte {
	to = binary.LittleEndian.AppendUint32(to, uint32(emptyLength+headLength+payloadLength))
	to = binary.LittleEndian.AppendUint32(to, id)
	to = binary.LittleEndian.AppendUint32(to, uint32(headLength))
	var flags byte
	if end {
		flags = flagEnd
	}
	return append(to, kind, flags, 0, 0)
}

// frameReader turns a byte stream into frames. Before the first one, and after a torn one, it skips everything up to
// the next preamble.
type frameReader struct {
	source     io.Reader
	buffer     []byte
	start, end int
	seeking    bool
	heard      atomic.Bool // something has come since somebody last looked
}

func newFrameReader(source io.Reader) *frameReader {
	return &frameReader{source: source, buffer: make([]byte, readAheadBytes), seeking: true}
}

// tear makes the reader look for a preamble again.
func (r *frameReader) tear() { r.seeking = true }

// next returns the next whole frame. Its bytes are the caller's, who may give those of a payload to recycle.
func (r *frameReader) next() (frame, error) {
	for {
		first := r.seeking
		if r.seeking {
			if err := r.seek(); err != nil {
				return frame{}, err
			}
			r.seeking = false
		}
		f, ok, err := r.read()
		if err != nil {
			return frame{}, err
		}
		if ok {
			f.first = first
			return f, nil
		}
	}
}

func (r *frameReader) seek() error {
	for {
		if at := bytes.Index(r.buffer[r.start:r.end], preamble); at >= 0 {
			r.start += at + len(preamble)
			return nil
		}
		r.start = max(r.start, r.end-len(preamble)+1)
		if err := r.fill(); err != nil {
			return err
		}
	}
}

// read returns ok false where it skipped something, be it padding or a torn frame.
func (r *frameReader) read() (f frame, ok bool, err error) {
	if err := r.need(lengthBytes); err != nil {
		return f, false, err
	}
	length := binary.LittleEndian.Uint32(r.buffer[r.start:])
	if length == 0 {
		r.start += lengthBytes
		return f, false, nil
	}
	if length < emptyLength || length > maxFrameBytes-lengthBytes {
		// The four bytes stay: padding that ended here may be followed by a preamble, which begins with them.
		r.tear()
		return f, false, nil
	}
	if err := r.need(headerBytes); err != nil {
		return f, false, err
	}
	header := r.buffer[r.start : r.start+headerBytes]
	f.id = binary.LittleEndian.Uint32(header[4:])
	headLength := binary.LittleEndian.Uint32(header[8:])
	f.kind = header[12]
	f.end = header[13]&flagEnd != 0
	r.start += headerBytes
	body := frameBody(int(length - (headerBytes - lengthBytes)))
	if err := r.readFull(body); err != nil {
		return f, false, err
	}
	inner := uint32(len(body) - trailerBytes)
	if headLength > inner || !bytes.Equal(body[inner:], trailer) {
		// Dropped whole and searched by nobody: a preamble within it would be somebody's data.
		r.tear()
		return f, false, nil
	}
	f.head = body[:headLength:headLength]
	f.payload = body[headLength:inner]
	return f, true, nil
}

// recycleBytes is what a payload must have room for to be worth keeping.
const recycleBytes = 32_768

// usedBodies holds memory of frames that is used again: fresh memory is cleared first, and found by the collector later.
var usedBodies sync.Pool

func frameBody(size int) []byte {
	if size <= recycleBytes {
		return make([]byte, size)
	}
	if used, ok := usedBodies.Get().(*[]byte); ok && cap(*used) >= size {
		return (*used)[:size]
	}
	return make([]byte, size, (size+recycleBytes-1)/recycleBytes*recycleBytes)
}

// recycle takes a payload of which nobody has anything any more.
func recycle(payload []byte) {
	if cap(payload) >= recycleBytes {
		payload = payload[:0]
		usedBodies.Put(&payload)
	}
}

// need makes n bytes, at most a header, lie in the buffer.
func (r *frameReader) need(n int) error {
	for r.end-r.start < n {
		if err := r.fill(); err != nil {
			return err
		}
	}
	return nil
}

func (r *frameReader) fill() error {
	if r.start == r.end {
		r.start, r.end = 0, 0
	} else if r.end == len(r.buffer) {
		r.end = copy(r.buffer, r.buffer[r.start:r.end])
		r.start = 0
	}
	n, err := r.source.Read(r.buffer[r.end:])
	r.end += n
	if n > 0 {
		r.heard.Store(true)
		return nil
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

func (r *frameReader) readFull(to []byte) error {
	n := copy(to, r.buffer[r.start:r.end])
	r.start += n
	_, err := io.ReadFull(r.source, to[n:])
	r.heard.Store(true)
	return err
}
