package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func framesIn(t *testing.T, stream []byte) []frame {
	t.Helper()
	reader := newFrameReader(bytes.NewReader(stream))
	var frames []frame
	for {
		f, err := reader.next()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, f)
	}
}

func join2(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestFramesComeOutAsTheyWentIn(t *testing.T) {
	large := bytes.Repeat([]byte("x"), maxFrameBytes-headerBytes-trailerBytes-2)
	stream := join2(preamble, encodeFrame(7, frameRequest, []byte("{}"), large, true), encodeFrame(8, frameData, nil, nil, false))
	for name, reader := range map[string]io.Reader{
		"at once":         bytes.NewReader(stream),
		"byte by byte":    iotest.OneByteReader(bytes.NewReader(stream)),
		"in odd portions": iotest.HalfReader(bytes.NewReader(stream)),
	} {
		r := newFrameReader(reader)
		f, err := r.next()
		if err != nil || f.id != 7 || f.kind != frameRequest || !f.end || !f.first || string(f.head) != "{}" || !bytes.Equal(f.payload, large) {
			t.Fatalf("%s: first frame is %d %d %v, %v", name, f.id, f.kind, f.first, err)
		}
		f, err = r.next()
		if err != nil || f.id != 8 || f.end || f.first || len(f.head) != 0 || len(f.payload) != 0 {
			t.Fatalf("%s: second frame is %+v, %v", name, f, err)
		}
	}
}

func TestAnythingBeforeThePreambleIsSkipped(t *testing.T) {
	hello := encodeFrame(0, frameHello, []byte("{}"), nil, true)
	for name, before := range map[string][]byte{
		"nothing":                nil,
		"an http body":           []byte("{\"stream\":true}\r\n\r\n"),
		"zeros":                  make([]byte, 70_000),
		"the preamble's first":   preamble[:9],
		"the preamble less one":  preamble[1:],
		"a frame":                encodeFrame(3, frameRequest, []byte("{}"), nil, true),
		"more than a buffer":     bytes.Repeat([]byte("CODEBEAKER"), 20_000),
		"a half preamble, twice": join2(preamble[:5], preamble[:12]),
	} {
		frames := framesIn(t, join2(before, preamble, hello))
		if len(frames) != 1 || frames[0].kind != frameHello || !frames[0].first {
			t.Errorf("%s: %d frames", name, len(frames))
		}
	}
}

func TestAFrameCutAnywhereIsNeverObeyed(t *testing.T) {
	whole := encodeFrame(5, frameRequest, []byte(`{"method":"write_file"}`), []byte("content"), true)
	after := join2(make([]byte, maxFrameBytes), preamble, encodeFrame(0, frameHello, nil, nil, true))
	for cut := 0; cut < len(whole); cut++ {
		frames := framesIn(t, join2(preamble, encodeFrame(1, frameHello, nil, nil, true), whole[:cut], after))
		if len(frames) != 2 || frames[1].kind != frameHello || !frames[1].first {
			t.Fatalf("cut after %d bytes: %d frames", cut, len(frames))
		}
	}
}

func TestTornFramesAreDropped(t *testing.T) {
	good := encodeFrame(5, frameRequest, []byte("{}"), []byte("abc"), true)
	change := func(at int, to byte) []byte {
		changed := bytes.Clone(good)
		changed[at] = to
		return changed
	}
	for name, torn := range map[string][]byte{
		"a wrong trailer":            change(len(good)-1, 'x'),
		"a head beyond the frame":    change(8, 200),
		"a length below the least":   {3, 0, 0, 0},
		"a length beyond the most":   {0xff, 0xff, 0xff, 0xff},
		"a length that is too small": change(0, good[0]-1),
	} {
		stream := join2(preamble, good, torn, good, preamble, good)
		if frames := framesIn(t, stream); len(frames) != 2 || !frames[1].first {
			t.Errorf("%s: %d frames", name, len(frames))
		}
	}
}

func TestAPreambleWithinADroppedFrameIsNotObeyed(t *testing.T) {
	inner := join2(preamble, encodeFrame(9, frameHello, nil, nil, true))
	torn := encodeFrame(5, frameData, nil, inner, true)
	torn[len(torn)-1] = 0
	if frames := framesIn(t, join2(preamble, torn)); len(frames) != 0 {
		t.Fatalf("%d frames out of somebody's data", len(frames))
	}
}

func TestPaddingIsSkipped(t *testing.T) {
	f := encodeFrame(5, frameRequest, []byte("{}"), nil, true)
	if frames := framesIn(t, join2(preamble, make([]byte, 400), f, make([]byte, 4), f)); len(frames) != 2 {
		t.Fatalf("%d frames", len(frames))
	}
}

func FuzzFrameReader(f *testing.F) {
	whole := encodeFrame(5, frameRequest, []byte(`{"method":"ping"}`), []byte("abc"), true)
	f.Add(join2(preamble, whole))
	f.Add(join2(preamble, whole[:20], make([]byte, 64), preamble, whole))
	f.Add(join2([]byte("HTTP/1.1"), preamble, make([]byte, 8), whole, whole))
	f.Add(binary.LittleEndian.AppendUint32(bytes.Clone(preamble), maxFrameBytes))
	f.Fuzz(func(t *testing.T, stream []byte) {
		at := 0
		for _, one := range framesIn(t, stream) {
			again := encodeFrame(one.id, one.kind, one.head, one.payload, one.end)
			// Each frame stands in the stream, after the one before it; only the unused header bytes may differ.
			found := bytes.Index(stream[at:], again[lengthBytes+1:12])
			if found < 0 || len(again) > maxFrameBytes {
				t.Fatalf("a frame of %d bytes that was not sent", len(again))
			}
			at += found
		}
	})
}
