package main

import (
	"bytes"
	"testing"
	"unicode/utf8"
)

func TestIncompleteTail(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "abc": 0, "é": 0, "a\xc3": 1, "\xe2\x82": 2, "€": 0, "\xf0\x9f\x98": 3, "😀": 0,
		"\xff": 0, "\x80\x80\x80": 0, "\xc3\xc3": 1, "\xe2\x28": 0, "\xf0\x80": 0, "€\xe2": 1, "\xf8": 0,
	} {
		if got := incompleteTail([]byte(text)); got != want {
			t.Errorf("%q: %d instead of %d", text, got, want)
		}
	}
}

func TestChunksNeverSplitACharacter(t *testing.T) {
	text := []byte("aé€😀\xff\xc3(é\xe2\x82")
	for size := 1; size <= len(text); size++ {
		u := &pump{}
		var all []byte
		for at := 0; at < len(text); at += size {
			buffer := new([maxChunkBytes]byte)
			n := copy(buffer[u.heldBytes:], text[at:min(at+size, len(text))])
			data := u.cut(buffer, u.heldBytes+n)
			if len(data) > 0 && incompleteTail(data) > 0 {
				t.Fatalf("portions of %d: the chunk %q ends within a character", size, data)
			}
			all = append(all, data...)
		}
		all = append(all, u.held[:u.heldBytes]...)
		if !bytes.Equal(all, text) {
			t.Fatalf("portions of %d: %q instead of %q", size, all, text)
		}
	}
}

func TestWhatIsCutOffEndsAtACharacter(t *testing.T) {
	data := []byte("aé€")
	for limit := 0; limit <= len(data)+1; limit++ {
		n := wholeCharacters(data, limit)
		if n > limit || n < limit-2 || !utf8.Valid(data[:n]) {
			t.Errorf("limit %d: cut at %d", limit, n)
		}
	}
}

func TestForwardedBytesAreBoundedAndTheRestIsCounted(t *testing.T) {
	p := &process{output: newOutput(waitsForNobody, 1<<20, noReclaim), forwardBytes: 5, outputLimit: -1}
	p.wrote(streamStdout, []byte("abcé"))
	p.wrote(streamStdout, []byte("é!"))
	p.wrote(streamStderr, []byte("err"))
	produced, truncated := p.output.produced()
	if got := readAll(t, p.output, 0); got != "abcéerr" || produced[streamStdout] != 8 || produced[streamStderr] != 3 || !truncated {
		t.Fatalf("%q, %v, %v", got, produced, truncated)
	}
}

func TestNothingIsForwardedBehindAHole(t *testing.T) {
	p := &process{output: newOutput(waitsForNobody, 1<<20, noReclaim), forwardBytes: 4, outputLimit: -1}
	p.wrote(streamStdout, []byte("abcé"))
	p.wrote(streamStdout, []byte("x"))
	if got := readAll(t, p.output, 0); got != "abc" {
		t.Fatalf("%q", got)
	}
}
