package main

import (
	"strings"
	"testing"
	"time"
)

// echoes reads lines from its channel, and answers each there after it has written it to its stdout.
const echoes = `while read line; do echo "out $line"; echo "answer $line" >&3; done <&3`

func channelled(args ...string) fields { return command(args...).with("channel", true) }

func TestAChannelCarriesBothWaysBesideTheOutput(t *testing.T) {
	s := connect(t)
	head := channelled("sh", "-c", "read line <&3; echo out; echo \"answer $line\" >&3; exit 4")
	if r := s.call("start", head, nil); r.code() != "" {
		t.Fatal(r.head)
	}
	attached := s.open("attach", fields{"processId": head["processId"]}, nil, true)
	r := s.call("write", fields{"processId": head["processId"], "channel": true}, []byte("hello\n"))
	if r.head["bytes"] != 6.0 {
		t.Fatal(r.head)
	}
	r = s.wait(attached)
	r.ends(t, endExited)
	if r.text(streamChannel) != "answer hello\n" || r.text(streamStdout) != "out\n" || r.head["stdoutBytes"] != 4.0 {
		t.Fatal(r.head, r.text(0))
	}
}

func TestWhatWasPrintedComesBeforeWhatTheChannelSaysOfIt(t *testing.T) {
	s := connect(t)
	head := channelled("sh", "-c", echoes)
	s.call("start", head, nil)
	attached := s.open("attach", fields{"processId": head["processId"]}, nil, true)
	const rounds = 200 // fewer than exchanges may run at once
	go func() {
		for i := 0; i < rounds; i++ {
			s.open("write", fields{"processId": head["processId"], "channel": true}, []byte("x\n"), true)
		}
	}()
	printed, answered := "", ""
	for len(answered) < rounds*len("answer x\n") {
		f := s.next()
		if f.id != attached || f.kind != frameData {
			continue
		}
		switch f.head[0] {
		case streamStdout:
			printed += string(f.payload)
		case streamChannel:
			answered += string(f.payload)
			if want := strings.Count(answered, "\n") * len("out x\n"); len(printed) < want {
				t.Fatalf("%d bytes were printed before an answer that comes after %d", len(printed), want)
			}
		}
	}
}

func TestAProgramWithAChannelWaitsForItsReaderAndLosesNothing(t *testing.T) {
	s := connect(t)
	head := channelled("sh", "-c", "head -c 1000000 /dev/zero >&3; echo done").with("keepBytes", minKeepBytes)
	s.call("start", head, nil)
	time.Sleep(50 * time.Millisecond)
	r := s.wait(s.open("attach", fields{"processId": head["processId"]}, nil, true))
	r.ends(t, endExited)
	if len(r.text(streamChannel)) != 1_000_000 || r.text(streamStdout) != "done\n" || len(r.events) != 0 {
		t.Fatalf("%d bytes, %q, %d gaps", len(r.text(streamChannel)), r.text(streamStdout), len(r.events))
	}
}

func TestAProgramThatWaitsForAReaderEndsWhenItIsKilled(t *testing.T) {
	s := connect(t)
	head := channelled("sh", "-c", "cat /dev/zero >&3").with("keepBytes", minKeepBytes)
	s.call("start", head, nil)
	if r := s.call("kill", fields{"processId": head["processId"]}, nil); r.code() != "" {
		t.Fatal(r.head)
	}
	s.call("wait", fields{"processId": head["processId"]}, nil).ends(t, endKilled)
}

func TestOnlyAStartWithoutATerminalHasAChannel(t *testing.T) {
	s := connect(t)
	if r := s.call("run", channelled("true"), nil); r.code() != "bad_request" {
		t.Error(r.head)
	}
	if r := s.call("start", channelled("true").with("pty", fields{"cols": 80, "rows": 24}), nil); r.code() != "bad_request" {
		t.Error(r.head)
	}
	head := command("sleep", "100")
	s.call("start", head, nil)
	if r := s.call("write", fields{"processId": head["processId"], "channel": true}, []byte("x")); r.code() != "bad_request" {
		t.Error(r.head)
	}
}
