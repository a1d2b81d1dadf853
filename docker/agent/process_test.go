package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func (r reply) ends(t *testing.T, reason string) {
	t.Helper()
	if r.head["endReason"] != reason {
		t.Errorf("it ended as %v", r.head)
	}
}

func TestARunTellsOutputAndExitCode(t *testing.T) {
	s := connect(t)
	r := s.call("run", command("sh", "-c", "echo out; echo err >&2; cat; exit 3").with("stdin", "open"), []byte("input"))
	r.ends(t, endExited)
	if r.head["exitCode"] != 3.0 || r.text(streamStdout) != "out\ninput" || r.text(streamStderr) != "err\n" {
		t.Fatal(r.head, r.text(0))
	}
	if _, err := s.agent.table.find("p1"); err == nil {
		t.Error("the run is still known")
	}
}

func TestCommandsAreTheSandboxUserAndNobodyElse(t *testing.T) {
	s := connect(t)
	r := s.call("run", command("cat", "/proc/self/status"), nil)
	status := r.text(streamStdout)
	for _, want := range []string{"Uid:\t10001\t10001\t10001\t10001\n", "Gid:\t10001\t10001\t10001\t10001\n", "CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n"} {
		if !strings.Contains(status, want) {
			t.Errorf("no %q", want)
		}
	}
	parsed := parseStatus([]byte(status))
	if groups := s.agent.table.groups; len(parsed.groups) != 1 || parsed.groups[0] < groups.first || parsed.groups[0] > groups.last {
		t.Errorf("its groups are %v", parsed.groups)
	}
	r = s.call("run", command("sh", "-c", "ls /proc/self/fd; cat /proc/self/oom_score_adj; umask; env"), nil)
	if got := r.text(streamStdout); got != "0\n1\n2\n3\n1000\n0022\nPATH=/usr/local/bin:/usr/bin:/bin\n" && !strings.Contains(got, "PWD=") {
		t.Errorf("%q", got)
	}
}

func TestAProgramMayOpenItsOwnOutput(t *testing.T) {
	s := connect(t)
	r := s.call("run", command("sh", "-c", "echo a > /proc/self/fd/1; echo b > /proc/self/fd/2"), nil)
	if r.text(streamStdout) != "a\n" || r.text(streamStderr) != "b\n" {
		t.Fatal(r.head, r.text(0))
	}
}

func TestHowProgramsFailToStart(t *testing.T) {
	s := connect(t)
	directory := sandboxDirectory(t)
	write := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secret := filepath.Join(directory, "secret")
	if err := os.Mkdir(secret, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		command fields
		kind    string
	}{
		"a missing program":            {command("nothing-of-the-kind"), "not_found"},
		"a missing path":               {command("/nothing/of/the/kind"), "not_found"},
		"a path through a file":        {command("/etc/passwd/x"), "not_found"},
		"a missing interpreter":        {command(write("bad", "#!/nothing\n", 0o755)), "not_found"},
		"no program at all":            {command(write("text", "hello\n", 0o755)), "not_executable"},
		"a file without permission":    {command(write("plain", "#!/bin/sh\n", 0o644)), "permission_denied"},
		"a directory":                  {command("/tmp"), "permission_denied"},
		"a missing cwd":                {command("true").with("cwd", "/nothing"), "bad_cwd"},
		"a file as cwd":                {command("/bin/true").with("cwd", "/etc/passwd"), "bad_cwd"},
		"somebody else's cwd":          {command("/bin/true").with("cwd", secret), "bad_cwd"},
		"too long an argument":         {command("true", strings.Repeat("x", 131_072)), "args_too_long"},
		"a zero byte in an argument":   {command("true", "a\x00b"), "bad_args"},
		"no arguments":                 {command(), "bad_args"},
		"a variable without a name":    {command("true").with("env", fields{"": "x"}), "bad_args"},
		"a variable with an equals in": {command("true").with("env", fields{"A=B": "x"}), "bad_args"},
	} {
		r := s.call("run", c.command, nil)
		if r.head["endReason"] != endSpawnFailed || r.head["kind"] != c.kind || r.head["message"] == "" {
			t.Errorf("%s: %v", name, r.head)
		}
		c.command["processId"] = c.command["processId"].(string) + "s"
		if r := s.call("start", c.command, nil); r.code() != "spawn_failed" || r.head["error"].(map[string]any)["kind"] != c.kind {
			t.Errorf("%s, by start: %v", name, r.head)
		}
	}
}

func TestLimitsEndACommandWithWhatItWroteBefore(t *testing.T) {
	s := connect(t)
	r := s.call("run", command("sh", "-c", "echo before; sleep 60").with("timeoutMs", 200), nil)
	r.ends(t, endTimedOut)
	if r.text(streamStdout) != "before\n" {
		t.Errorf("%q", r.text(0))
	}
	r = s.call("run", command("sh", "-c", "while :; do :; done").with("cpuTimeMs", 200).with("timeoutMs", 20_000), nil)
	r.ends(t, endCPU)
	r = s.call("run", command("yes").with("outputLimitBytes", 1000), nil)
	r.ends(t, endOutput)
	if len(r.text(0)) != 1000 || r.head["truncated"] != true {
		t.Errorf("%d bytes, %v", len(r.text(0)), r.head)
	}
	r = s.call("run", command("sh", "-c", "kill -9 $$"), nil)
	r.ends(t, endSignaled)
	if r.head["signal"] != "SIGKILL" || r.head["exitCode"] != nil {
		t.Error(r.head)
	}
}

func TestEveryByteOverTheLimitIsToldOf(t *testing.T) {
	s := connect(t)
	for name, script := range map[string]string{
		"killed":                 "yes",
		"quicker than the kill":  "head -c 1500 /dev/zero",
		"of both streams":        "head -c 900 /dev/zero; head -c 900 /dev/zero >&2; exec yes",
		"more than the ring has": "yes | head -c 300000; exec yes",
	} {
		p := command("sh", "-c", script).with("outputLimitBytes", 1000).with("keepBytes", 65_536)
		if name == "more than the ring has" {
			p = p.with("outputLimitBytes", 300_000)
		}
		s.call("start", p, nil)
		for _, when := range []string{"live", "late"} {
			r := s.call("attach", fields{"processId": p["processId"]}, nil)
			r.ends(t, endOutput)
			told := float64(len(r.text(0)))
			for _, f := range r.events {
				var missed gap
				json.Unmarshal(f.head, &missed)
				told += float64(missed.DroppedBytes)
			}
			if wrote := r.head["stdoutBytes"].(float64) + r.head["stderrBytes"].(float64); told != wrote {
				t.Errorf("%s, %s: %v bytes were told of and %v counted", name, when, told, wrote)
			}
			if r.head["limit"] != float64(p["outputLimitBytes"].(int)) {
				t.Errorf("%s: %v", name, r.head)
			}
			if (r.head["exitCode"] == nil) == (r.head["signal"] == nil) {
				t.Errorf("%s: %v", name, r.head)
			}
		}
	}
}

// leaver starts a process that keeps neither parent, session, process group nor environment, and tells its number.
const leaver = `setsid sh -c 'echo $$; exec env -i /bin/sleep 300' & `

func TestNothingOutlivesItsCommand(t *testing.T) {
	s := connect(t)
	other := command("sleep", "300")
	otherPid := int(s.call("start", other, nil).head["pid"].(float64))
	for name, c := range map[string]fields{
		"after its end":    command("sh", "-c", leaver+"sleep 0.2; exit 0"),
		"after a time-out": command("sh", "-c", leaver+"sleep 300").with("timeoutMs", 300),
		"with its output":  command("sh", "-c", leaver+"exec sleep 0.2"),
	} {
		begin := time.Now()
		r := s.call("run", c, nil)
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("%s: it took %v", name, took)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(r.text(streamStdout)))
		if err != nil || r.head["leftoversKilled"].(float64) < 1 {
			t.Errorf("%s: %q, %v", name, r.text(0), r.head)
			continue
		}
		if status, err := s.agent.procfs.status(pid); err == nil && !status.dead {
			t.Errorf("%s: process %d lives", name, pid)
		}
	}
	if !alive(otherPid) {
		t.Error("another command was killed")
	}
	if r := s.call("kill", fields{"processId": other["processId"]}, nil); r.head["killed"] != 1.0 {
		t.Error(r.head)
	}
	s.call("wait", fields{"processId": other["processId"]}, nil).ends(t, endKilled)
}

func TestAnUnreadFloodStopsTheProgramAndLosesNothing(t *testing.T) {
	s := connect(t)
	const size = 3_000_000
	id := s.open("run", command("sh", "-c", "head -c "+strconv.Itoa(size)+" /dev/zero; sleep 0.1").with("keepBytes", 65_536), nil, true)
	time.Sleep(300 * time.Millisecond)
	if r := s.call("ping", nil, nil); r.code() != "" {
		t.Fatal(r.head)
	}
	// The data that came with the ping was passed over, and its credit is granted now.
	s.grant(id, size)
	r := s.wait(id)
	r.ends(t, endExited)
	if r.head["stdoutBytes"] != float64(size) || r.head["truncated"] != false {
		t.Fatal(r.head)
	}
	last := r.data[len(r.data)-1]
	if got := leUint64(last.head[9:]) + uint64(len(last.payload)); got != size {
		t.Fatalf("the last chunk ends at %d", got)
	}
}

func leUint64(b []byte) (n uint64) {
	for i := 7; i >= 0; i-- {
		n = n<<8 | uint64(b[i])
	}
	return n
}

// untilWritten waits until a command has written so many chunks.
func (s *testServer) untilWritten(p fields, chunks uint64) {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if found, err := s.agent.table.find(p["processId"].(string)); err == nil {
			if _, next := found.output.span(); next >= chunks {
				return
			}
		}
	}
	s.t.Fatal("the program writes nothing")
}

func TestStartedProcessesAreAttachedToLateAndAgain(t *testing.T) {
	s := connect(t)
	p := command("sh", "-c", "echo one; read line; echo got $line; exit 7").with("stdin", "open")
	name := fields{"processId": p["processId"]}
	s.call("start", p, nil)
	if r := s.call("start", p, nil); r.code() != "process_exists" {
		t.Error(r.head)
	}
	if r := s.call("release", fields{"processId": p["processId"]}, nil); r.code() != "bad_request" {
		t.Error(r.head)
	}
	s.untilWritten(p, 1)
	if r := s.call("write", fields{"processId": p["processId"]}, []byte("a line\n")); r.head["bytes"] != 7.0 {
		t.Error(r.head)
	}
	r := s.call("attach", fields{"processId": p["processId"], "fromSeq": 0}, nil)
	r.ends(t, endExited)
	if r.text(0) != "one\ngot a line\n" {
		t.Errorf("%q", r.text(0))
	}
	r = s.call("attach", fields{"processId": p["processId"], "fromSeq": 1}, nil)
	if r.text(0) != "got a line\n" {
		t.Errorf("%q", r.text(0))
	}
	if r := s.call("write", fields{"processId": p["processId"]}, []byte("x")); r.code() != "process_ended" {
		t.Error(r.head)
	}
	if r := s.call("resize", fields{"processId": p["processId"], "cols": 1, "rows": 1}, nil); r.code() != "not_a_pty" {
		t.Error(r.head)
	}
	if r := s.call("signal", fields{"processId": p["processId"], "signal": "SIGTERM"}, nil); r.code() != "process_ended" {
		t.Error(r.head)
	}
	s.call("release", name, nil)
	if r := s.call("wait", name, nil); r.code() != "process_not_found" {
		t.Error(r.head)
	}
}

func TestWritesKeepTheirOrder(t *testing.T) {
	s := connect(t)
	p := command("cat").with("stdin", "open")
	s.call("start", p, nil)
	want := ""
	for i := 0; i < 100; i++ {
		line := strconv.Itoa(i) + "\n"
		want += line
		s.open("write", fields{"processId": p["processId"], "close": i == 99}, []byte(line), true)
	}
	if r := s.call("attach", fields{"processId": p["processId"]}, nil); r.text(0) != want {
		t.Fatalf("%q", r.text(0))
	}
}

func TestATerminal(t *testing.T) {
	s := connect(t)
	p := command("sh", "-c", "trap 'stty size; exit 5' INT; stty size; while :; do sleep 0.05; done")
	p = p.with("stdin", "open").with("pty", fields{"cols": 80, "rows": 24})
	if r := s.call("start", p, nil); r.code() != "" {
		t.Skip("no terminal can be made here: ", r.head)
	}
	s.untilWritten(p, 1)
	if r := s.call("resize", fields{"processId": p["processId"], "cols": 100, "rows": 30}, nil); r.code() != "" {
		t.Error(r.head)
	}
	s.call("write", fields{"processId": p["processId"]}, []byte{3})
	r := s.call("attach", fields{"processId": p["processId"]}, nil)
	if r.head["exitCode"] != 5.0 || !strings.Contains(r.text(0), "24 80\r\n") || !strings.Contains(r.text(0), "30 100\r\n") {
		t.Fatalf("%v %q", r.head, r.text(0))
	}
}

func TestACancelledRunTellsWhatItWrote(t *testing.T) {
	s := connect(t)
	id := s.open("run", command("sh", "-c", "echo before; sleep 60"), nil, true)
	for f := s.next(); f.kind != frameData; f = s.next() {
	}
	s.input.Write(encodeFrame(id, frameCancel, []byte(`{"reason":"cancelled"}`), nil, true))
	s.wait(id).ends(t, endCancelled)
}

func TestASlowReaderHoldsUpNobody(t *testing.T) {
	s := connect(t)
	p := command("sh", "-c", "head -c 2000000 /dev/zero; echo end >&2; exit 4").with("keepBytes", 100_000)
	s.call("start", p, nil)
	// This one never grants anything.
	s.open("attach", fields{"processId": p["processId"], "fromSeq": 0}, nil, true)
	s.call("wait", fields{"processId": p["processId"]}, nil).ends(t, endExited)
	r := s.call("attach", fields{"processId": p["processId"], "fromSeq": 0}, nil)
	if r.text(streamStderr) != "end\n" || len(r.events) != 1 {
		t.Fatalf("%d events, %q", len(r.events), r.text(streamStderr))
	}
}
