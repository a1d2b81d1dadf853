package main

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
)

// testServer is the other end of an agent that runs in this process.
type testServer struct {
	t      *testing.T
	agent  *agent
	input  *os.File
	output *frameReader
	lastID uint32
}

var testProcesses atomic.Int64

// connect starts an agent. It needs root, as the agent does: without, the test is skipped and says so.
func connect(t *testing.T) *testServer {
	t.Helper()
	needSandboxUser(t)
	stdinRead, stdinWrite, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdoutRead, stdoutWrite, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	a, err := newAgent(stdoutWrite)
	if err != nil {
		t.Fatal(err)
	}
	// Where tests run without a PID namespace of their own there may be sandboxes beside them, whose commands carry the
	// usual groups.
	first := 1_000_000 + uint32(os.Getpid()%100_000)*1000
	a.table.groups = groupRange{first: first, last: first + 999}
	reapOnce(a)
	go a.serve(newFrameReader(stdinRead))
	s := &testServer{t: t, agent: a, input: stdinWrite, output: newFrameReader(stdoutRead)}
	t.Cleanup(func() {
		stdinWrite.Close()
		for _, p := range a.table.all() {
			p.stop(endKilled)
			<-p.swept
		}
		stdoutRead.Close()
		stdinRead.Close()
	})
	s.hello()
	return s
}

// currentAgent is whose children are reaped: one process has one reaper.
var currentAgent atomic.Pointer[agent]

func reapOnce(a *agent) {
	if currentAgent.Swap(a) != nil {
		return
	}
	go forEachExit(func(pid int) { currentAgent.Load().reap(pid) })
}

func needSandboxUser(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become the sandbox user")
	}
	if err := onUserThread(func() error { return nil }); err != nil {
		t.Skip("needs CAP_SETUID, to become the sandbox user")
	}
}

// sandboxDirectory is a directory that belongs to the sandbox user.
func sandboxDirectory(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	if err := os.Chmod(filepath.Dir(directory), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(directory, sandboxUser, sandboxGroup); err != nil {
		t.Fatal(err)
	}
	return directory
}

func (s *testServer) hello() {
	s.t.Helper()
	s.greet(`{"protocol":1,"nonce":"0123456789abcdef0123456789abcdef"}`)
}

func (s *testServer) greet(head string) {
	s.t.Helper()
	s.input.Write(join2(preamble, encodeFrame(0, frameHello, []byte(head), nil, true)))
	s.output.tear()
	if err := s.output.seek(); err != nil {
		s.t.Fatal(err)
	}
	s.output.seeking = false
	nonce := make([]byte, nonceBytes)
	if err := s.output.readFull(nonce); err != nil || string(nonce) != "0123456789abcdef0123456789abcdef" {
		s.t.Fatalf("the nonce came back as %q, %v", nonce, err)
	}
	if f := s.next(); f.kind != frameHello {
		s.t.Fatalf("the agent's first frame is of type %d", f.kind)
	}
}

func (s *testServer) next() frame {
	s.t.Helper()
	f, err := s.output.next()
	if err != nil {
		s.t.Fatal(err)
	}
	return f
}

type fields map[string]any

func (s *testServer) open(method string, head fields, payload []byte, end bool) uint32 {
	s.lastID++
	whole := fields{"method": method}
	for name, value := range head {
		whole[name] = value
	}
	encoded, _ := json.Marshal(whole)
	s.input.Write(encodeFrame(s.lastID, frameRequest, encoded, payload, end))
	return s.lastID
}

type reply struct {
	head    fields
	payload []byte
	data    []frame
	events  []frame
}

// code is the error's, or empty.
func (r reply) code() string {
	if e, ok := r.head["error"].(map[string]any); ok {
		return e["code"].(string)
	}
	return ""
}

func (r reply) text(stream byte) string {
	text := ""
	for _, f := range r.data {
		if stream == 0 || f.head[0] == stream {
			text += string(f.payload)
		}
	}
	return text
}

// wait takes the answer to id, granting credit for all that comes before it.
func (s *testServer) wait(id uint32) reply {
	s.t.Helper()
	var r reply
	for {
		f := s.next()
		if f.id != id {
			continue
		}
		switch f.kind {
		case frameData:
			r.data = append(r.data, f)
			s.grant(id, len(f.payload))
		case frameEvent:
			r.events = append(r.events, f)
		case frameResponse:
			if err := json.Unmarshal(f.head, &r.head); err != nil {
				s.t.Fatal(err)
			}
			r.payload = f.payload
			return r
		}
	}
}

func (s *testServer) grant(id uint32, n int) {
	s.input.Write(encodeFrame(id, frameCredit, nil, binary.LittleEndian.AppendUint32(nil, uint32(n)), false))
}

func (s *testServer) call(method string, head fields, payload []byte) reply {
	s.t.Helper()
	return s.wait(s.open(method, head, payload, true))
}

func command(args ...string) fields {
	return fields{
		"processId": "p" + strconv.FormatInt(testProcesses.Add(1), 10), "args": args, "cwd": "/", "stdin": "closed",
		"env": fields{"PATH": "/usr/local/bin:/usr/bin:/bin"},
	}
}

func (f fields) with(name string, value any) fields {
	f[name] = value
	return f
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }
