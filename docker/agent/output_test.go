package main

import (
	"strings"
	"testing"
	"time"
)

func noReclaim() bool { return false }

// readAll reads what is there, gaps as "<n>".
func readAll(t *testing.T, o *output, from uint64) string {
	t.Helper()
	r, err := o.read(from, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.leave()
	var text strings.Builder
	for {
		c, missed, _ := r.advance()
		switch {
		case c != nil:
			text.Write(c.data)
		case missed != nil:
			text.WriteString("<" + strings.Repeat("-", int(missed.DroppedBytes)) + ">")
		default:
			return text.String()
		}
	}
}

func TestTheOldestFallsOutAndIsCounted(t *testing.T) {
	o := newOutput(waitsForNobody, 3*(chunkOverhead+2), noReclaim)
	for _, text := range []string{"aa", "bb", "cc", "dd", "ee"} {
		o.append(streamStdout, []byte(text))
	}
	if got := readAll(t, o, 0); got != "<---->ccddee" {
		t.Errorf("from the start: %q", got)
	}
	if got := readAll(t, o, 1); got != "<-->ccddee" {
		t.Errorf("from a chunk that fell out: %q", got)
	}
	if got := readAll(t, o, 3); got != "ddee" {
		t.Errorf("from a chunk that is there: %q", got)
	}
	if got := readAll(t, o, 5); got != "" {
		t.Errorf("from the end: %q", got)
	}
	if _, err := o.read(6, false); err == nil {
		t.Error("a reader may begin where nothing is yet")
	}
}

func TestALateReaderIsToldWhatItMissesExactlyOrThatItIsMore(t *testing.T) {
	o := newOutput(waitsForNobody, 1, noReclaim)
	const chunks = 100_000
	for i := 0; i < chunks; i++ {
		o.append(streamStdout, []byte("xyz"))
	}
	missing := func(from uint64) *gap {
		r, err := o.read(from, false)
		if err != nil {
			t.Fatal(err)
		}
		defer r.leave()
		_, missed, _ := r.advance()
		return missed
	}
	for _, behind := range []uint64{1, 1024, 5_000, 15_000} {
		if missed := missing(chunks - 1 - behind); missed.DroppedBytes != 3*behind || missed.AtLeast {
			t.Errorf("%d chunks behind it is told %+v", behind, missed)
		}
	}
	if missed := missing(0); missed.DroppedBytes != 3*(chunks-1) || missed.AtLeast {
		t.Errorf("from the start it is told %+v", missed)
	}
	if missed := missing(1); missed.DroppedBytes == 0 || missed.DroppedBytes >= 3*(chunks-2) || !missed.AtLeast {
		t.Errorf("where nobody knows it is told %+v", missed)
	}
	if len(o.dropped.sizes) > 2*dropLogBytes {
		t.Errorf("%d bytes are kept of what was dropped", len(o.dropped.sizes))
	}
}

func TestSingleBytesDoNotFillTheMemory(t *testing.T) {
	o := newOutput(waitsForNobody, 64<<10, noReclaim)
	for i := 0; i < 100_000; i++ {
		o.append(streamStdout, []byte("x"))
	}
	if len(o.chunks) > 64<<10/chunkOverhead {
		t.Fatalf("%d chunks are kept", len(o.chunks))
	}
	if got := readAll(t, o, 0); len(got) < 100_000 {
		t.Fatalf("%d bytes told of, kept or dropped", len(got))
	}
}

func TestStreamsHaveOffsetsOfTheirOwn(t *testing.T) {
	o := newOutput(waitsForNobody, 1<<20, noReclaim)
	o.append(streamStdout, []byte("out"))
	o.append(streamStderr, []byte("err"))
	o.append(streamStdout, []byte("more"))
	for i, want := range []chunk{{stream: 1}, {stream: 2, seq: 1, before: 3}, {stream: 1, seq: 2, offset: 3, before: 6}} {
		if c := o.chunks[i]; c.stream != want.stream || c.seq != want.seq || c.offset != want.offset || c.before != want.before {
			t.Errorf("chunk %d is %+v", i, c)
		}
	}
}

func TestARunIsHeldUpUntilItsReaderHasSent(t *testing.T) {
	o := newOutput(waitsForOwner, 3*(chunkOverhead+2), noReclaim)
	r, _ := o.read(0, true)
	wrote := make(chan int, 10)
	go func() {
		for i := 0; i < 5; i++ {
			o.append(streamStdout, []byte("xx"))
			wrote <- i
		}
	}()
	for i := 0; i < 2; i++ {
		<-wrote
	}
	time.Sleep(20 * time.Millisecond)
	if len(wrote) > 1 {
		t.Fatal("the program was not held up")
	}
	for read := 0; read < 5; {
		if c, missed, _ := r.advance(); missed != nil {
			t.Fatal("a run lost output")
		} else if c != nil {
			read++
			r.sent()
		} else {
			<-r.came
		}
	}
	if o.holds() {
		t.Fatal("what was sent is kept")
	}
}

func TestAbandonLetsAProgramGoOn(t *testing.T) {
	o := newOutput(waitsForOwner, minKeepBytes, noReclaim)
	done := make(chan struct{})
	go func() {
		for i := 0; i < 100; i++ {
			o.append(streamStdout, make([]byte, 10_000))
		}
		close(done)
	}()
	time.Sleep(10 * time.Millisecond)
	o.abandon()
	<-done
	if o.holds() || !o.truncated {
		t.Fatal("abandoned output is kept, or nobody is told")
	}
}

func TestAllRingsTogetherAreBounded(t *testing.T) {
	before, limit := ringBytes.Load(), maxRingBytes
	defer func() { maxRingBytes = limit }()
	maxRingBytes = before + 1<<20
	var outputs []*output
	for i := 0; i < 3; i++ {
		o := newOutput(waitsForNobody, 1<<20, noReclaim)
		outputs = append(outputs, o)
		for k := 0; k < 40; k++ {
			o.append(streamStdout, make([]byte, 32<<10))
		}
	}
	if got := ringBytes.Load() - before; got > 1<<20+3*crowdedBytes {
		t.Fatalf("the rings hold %d bytes", got)
	}
	for _, o := range outputs {
		o.discard()
	}
	if ringBytes.Load() != before {
		t.Fatal("what is discarded is still counted")
	}
}

func TestWhatWasWithheldIsToldAtTheEnd(t *testing.T) {
	for name, c := range map[string]struct{ limit, forward int64 }{"by the limit": {5, -1}, "by what is forwarded": {-1, 5}} {
		p := &process{outputLimit: c.limit, forwardBytes: c.forward, output: newOutput(waitsForNobody, 1<<20, noReclaim)}
		p.overLimit = true // and nothing is to be killed
		p.wrote(streamStdout, []byte("abc"))
		p.wrote(streamStdout, []byte("defg"))
		p.wrote(streamStdout, []byte("hi"))
		p.output.close()
		for i, want := range []string{"abcde<---->", "abcde<---->", "de<---->"} {
			if got := readAll(t, p.output, uint64(i/2)); got != want {
				t.Errorf("%s: %q", name, got)
			}
		}
	}
}

func TestAReaderLearnsTheEnd(t *testing.T) {
	o := newOutput(waitsForNobody, 1<<20, noReclaim)
	r, _ := o.read(0, false)
	o.append(streamStdout, []byte("x"))
	o.close()
	if c, _, _ := r.advance(); c == nil {
		t.Fatal("the last chunk is missing")
	}
	if _, _, all := r.advance(); !all {
		t.Fatal("the end is not told")
	}
}
