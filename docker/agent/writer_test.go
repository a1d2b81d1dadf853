package main

import (
	"bytes"
	"io"
	"os"
	"sync"
	"testing"
	"time"
)

func writerToPipe(t *testing.T) (w *frameWriter, conn *connection, read *os.File) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { read.Close() })
	if w, err = newFrameWriter(write); err != nil {
		t.Fatal(err)
	}
	a := &agent{writer: w}
	conn = &connection{agent: a, exchanges: map[uint32]*exchange{}}
	w.replace(conn, join2(preamble))
	return w, conn, read
}

func TestFramesOfManyWritersStayWhole(t *testing.T) {
	w, conn, read := writerToPipe(t)
	const writers, each = 20, 50
	var all sync.WaitGroup
	for i := 1; i <= writers; i++ {
		all.Add(1)
		go func(id uint32) {
			defer all.Done()
			for k := 0; k < each; k++ {
				payload := bytes.Repeat([]byte{byte(id)}, 100*k)
				if k%2 == 0 {
					w.post(conn, encodeFrame(id, frameData, nil, payload, false))
					continue
				}
				front := appendHeader(nil, id, frameData, 0, len(payload), false)
				w.send(conn, front, payload, trailer)
			}
		}(uint32(i))
	}
	reader := newFrameReader(read)
	for n := 0; n < writers*each; n++ {
		f, err := reader.next()
		if err != nil {
			t.Fatal(err)
		}
		if len(bytes.Trim(f.payload, string([]byte{byte(f.id)}))) > 0 {
			t.Fatalf("frame %d is mixed with another", n)
		}
	}
	all.Wait()
}

func TestPostNeverWaits(t *testing.T) {
	w, conn, _ := writerToPipe(t)
	posted := make(chan struct{})
	go func() {
		for i := 0; i < 100; i++ {
			w.post(conn, encodeFrame(1, frameResponse, nil, make([]byte, 100_000), true))
		}
		close(posted)
	}()
	select {
	case <-posted:
	case <-time.After(5 * time.Second):
		t.Fatal("post waits for a server that does not read")
	}
}

func TestWhatNobodyWaitsForLeavesWithTheNext(t *testing.T) {
	w, conn, read := writerToPipe(t)
	w.company = time.NewTimer(time.Hour) // so that nothing leaves by itself
	if _, err := io.ReadFull(read, make([]byte, len(preamble))); err != nil {
		t.Fatal(err)
	}
	first, second := encodeFrame(1, frameResponse, nil, nil, true), encodeFrame(2, frameResponse, nil, nil, true)
	for name, next := range map[string]func(){
		"post": func() { w.post(conn, second) },
		"send": func() { w.send(conn, second) },
	} {
		w.postSoon(conn, first)
		next()
		got := make([]byte, 1024)
		n, err := read.Read(got)
		if err != nil || !bytes.Equal(got[:n], append(first[:len(first):len(first)], second...)) {
			t.Fatalf("%s: %q, %v", name, got[:n], err)
		}
	}
}

func TestWhatNobodyWaitsForLeavesByItself(t *testing.T) {
	w, conn, read := writerToPipe(t)
	for id := uint32(1); id <= 3; id++ {
		w.postSoon(conn, encodeFrame(id, frameResponse, nil, nil, true))
	}
	reader := newFrameReader(read)
	for id := uint32(1); id <= 3; id++ {
		if f, err := reader.next(); err != nil || f.id != id {
			t.Fatalf("frame %d: %v, %v", id, f.id, err)
		}
	}
}

func TestAFloodHoldsUpNobody(t *testing.T) {
	w, conn, read := writerToPipe(t)
	stop := make(chan struct{})
	flood := make([]byte, 200_000)
	for i := 0; i < 4; i++ {
		go func() {
			front := appendHeader(nil, 1, frameData, 0, len(flood), false)
			for w.send(conn, front, flood, trailer) {
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
	}
	defer close(stop)
	reader := newFrameReader(read)
	for n := 0; n < 20; n++ {
		if _, err := reader.next(); err != nil {
			t.Fatal(err)
		}
	}
	go w.send(conn, appendHeader(nil, 2, frameData, 0, 0, false), nil, trailer)
	w.post(conn, encodeFrame(3, frameResponse, nil, nil, true))
	seen := map[uint32]int{}
	for n := 0; n < 100 && (seen[2] == 0 || seen[3] == 0); n++ {
		f, err := reader.next()
		if err != nil {
			t.Fatal(err)
		}
		seen[f.id]++
	}
	if seen[2] == 0 || seen[3] == 0 || seen[1] > 20 {
		t.Fatalf("before the others came out: %v", seen)
	}
}

func TestFramesOfAnEarlierConnectionAreDropped(t *testing.T) {
	w, conn, read := writerToPipe(t)
	// Filled up, so that what follows is queued behind it.
	w.post(conn, encodeFrame(1, frameData, nil, make([]byte, 200_000), true))
	w.post(conn, encodeFrame(2, frameResponse, nil, nil, true))
	sent := make(chan bool)
	go func() { sent <- w.send(conn, appendHeader(nil, 3, frameData, 0, 0, false), nil, trailer) }()
	for waiting := 0; waiting == 0; time.Sleep(time.Millisecond) {
		w.mu.Lock()
		waiting = len(w.turns)
		w.mu.Unlock()
	}
	next := &connection{agent: conn.agent}
	w.replace(next, join2(preamble, encodeFrame(0, frameHello, nil, nil, true)))
	w.post(conn, encodeFrame(4, frameResponse, nil, nil, true))
	w.post(next, encodeFrame(5, frameResponse, nil, nil, true))
	reader := newFrameReader(read)
	var ids []uint32
	for len(ids) == 0 || ids[len(ids)-1] != 5 {
		f, err := reader.next()
		if err != nil {
			t.Fatal(err)
		}
		if ids = append(ids, f.id); f.kind == frameData {
			reader.tear()
		}
	}
	if len(ids) != 3 || ids[0] != 1 || ids[1] != 0 {
		t.Fatalf("frames of %v came out", ids)
	}
	if <-sent {
		t.Fatal("a frame of the earlier connection is said to have left")
	}
}
