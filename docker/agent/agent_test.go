package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestPingAndTheUnknown(t *testing.T) {
	s := connect(t)
	if r := s.call("ping", nil, nil); r.code() != "" {
		t.Error(r.head)
	}
	if r := s.call("frobnicate", nil, nil); r.code() != "unknown_method" {
		t.Error(r.head)
	}
	s.input.Write(encodeFrame(900, 99, nil, nil, true))
	if r := s.wait(900); r.code() != "unknown_type" {
		t.Error(r.head)
	}
	s.input.Write(encodeFrame(901, frameRequest, []byte("{not json"), nil, true))
	if r := s.wait(901); r.code() != "bad_request" {
		t.Error(r.head)
	}
	if r := s.call("wait", fields{"processId": "nobody"}, nil); r.code() != "process_not_found" {
		t.Error(r.head)
	}
	if r := s.call("ping", nil, nil); r.code() != "" {
		t.Error("the agent does not answer afterwards")
	}
}

func TestTheClaimThatCameLastIsKept(t *testing.T) {
	s := connect(t)
	if age := s.call("info", nil, nil).head["claimAgeMs"]; age != nil {
		t.Errorf("no claim is %v ms old", age)
	}
	var last uint32
	for i := byte(0); i < 50; i++ {
		last = s.open("claim", nil, []byte{i}, true)
	}
	open := 50
	for open > 0 {
		if f := s.next(); f.kind == frameResponse && f.id <= last {
			open--
		}
	}
	r := s.call("info", nil, nil)
	if !bytes.Equal(r.payload, []byte{49}) {
		t.Fatalf("the claim is %v", r.payload)
	}
	time.Sleep(50 * time.Millisecond)
	if age := s.call("info", nil, nil).head["claimAgeMs"].(float64); age < 50 || age > 60_000 {
		t.Errorf("the claim is %v ms old", age)
	}
	if r := s.call("claim", nil, make([]byte, maxClaimBytes+1)); r.code() != "bad_request" {
		t.Error(r.head)
	}
}

func TestInfoFitsAFrameHoweverLongTheArguments(t *testing.T) {
	s := connect(t)
	s.call("claim", nil, make([]byte, maxClaimBytes))
	long := strings.Repeat("x", 100_000)
	for i := 0; i < 4; i++ {
		if r := s.call("start", command("sh", "-c", "exit 0", long), nil); r.code() != "" {
			t.Fatal(r.head)
		}
	}
	r := s.call("info", nil, nil)
	if len(r.payload) != maxClaimBytes || len(r.head["processes"].([]any)) != 4 {
		t.Fatal("info is not whole")
	}
}

func TestTooManyRequestsAreRefusedAtOnce(t *testing.T) {
	s := connect(t)
	p := command("sleep", "60")
	s.call("start", p, nil)
	for i := 0; i < maxExchanges; i++ {
		s.open("wait", fields{"processId": p["processId"]}, nil, true)
	}
	if r := s.call("info", nil, nil); r.code() != "busy" {
		t.Fatal(r.head)
	}
	if r := s.call("ping", nil, nil); r.code() != "" {
		t.Fatal("ping is refused too")
	}
	// A new connection ends them all.
	s.hello()
	if r := s.call("info", nil, nil); r.code() != "" {
		t.Fatal(r.head)
	}
}

func TestAPeerThatOverrunsItsCreditIsToldSo(t *testing.T) {
	s := connect(t)
	p := command("sleep", "60").with("stdin", "open")
	s.call("start", p, nil)
	id := s.open("write", fields{"processId": p["processId"]}, nil, false)
	for i := 0; i < 5; i++ {
		s.input.Write(encodeFrame(id, frameData, nil, make([]byte, 131_072), false))
	}
	if r := s.wait(id); r.code() != "bad_request" {
		t.Fatal(r.head)
	}
}

func TestASilentServersRunsEndAndNothingElse(t *testing.T) {
	s := connect(t)
	s.input.Write(make([]byte, maxFrameBytes))
	s.greet(`{"protocol":1,"nonce":"0123456789abcdef0123456789abcdef","silenceMs":1500}`)
	started, detached := command("sleep", "60"), command("sleep", "60").with("detached", true)
	s.call("start", started, nil)
	s.open("wait", fields{"processId": started["processId"]}, nil, true)
	s.open("run", detached, nil, true)
	run := s.open("run", command("sleep", "60"), nil, true)
	for begin := time.Now(); time.Since(begin) < 2*time.Second; time.Sleep(20 * time.Millisecond) {
		s.input.Write(make([]byte, lengthBytes))
	}
	if len(s.agent.table.startedAlive()) != 1 || len(s.agent.table.all()) != 3 {
		t.Fatal("a server that only sends padding is taken for silent")
	}
	r := s.wait(run)
	r.ends(t, endCancelled)
	if r.head["message"] != errSilent.Message {
		t.Error(r.head)
	}
	alive := 0
	for _, p := range s.agent.table.all() {
		if p.ended() == nil {
			alive++
		}
	}
	if alive != 2 {
		t.Errorf("%d of the other two live", alive)
	}
	if r := s.call("ping", nil, nil); r.code() != "" {
		t.Error("a server that comes back is not answered")
	}
}

func TestANewConnectionKillsRunsAndLeavesTheStarted(t *testing.T) {
	s := connect(t)
	started, run := command("sleep", "60"), command("sleep", "60")
	s.call("start", started, nil)
	s.open("run", run, nil, true)
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if p, _ := s.agent.table.find(run["processId"].(string)); p != nil {
			s.input.Write(make([]byte, maxFrameBytes))
			s.hello()
			<-p.over
			if p.ended().EndReason != endCancelled {
				t.Errorf("the run ended as %s", p.ended().EndReason)
			}
			for err := error(nil); err == nil; time.Sleep(time.Millisecond) {
				_, err = s.agent.table.find(p.id)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the run does not begin")
		}
	}
	var info sandboxInfo
	head, _ := json.Marshal(s.call("info", nil, nil).head)
	json.Unmarshal(head, &info)
	if len(info.Processes) != 1 || info.Processes[0].ProcessID != started["processId"] || info.Processes[0].State != "running" {
		t.Fatalf("%+v", info.Processes)
	}
}
