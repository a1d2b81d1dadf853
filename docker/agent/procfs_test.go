package main

import (
	"os"
	"strings"
	"testing"
)

const statusText = "Name:\tsleep\\nGroups:\t30007\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t7\nPid:\t7\nPPid:\t1\n" +
	"Uid:\t10001\t10001\t10001\t10001\nGid:\t10001\t10001\t10001\t10001\nGroups:\t30001 \nThreads:\t1\n"

func TestStatusIsReadByWholeLines(t *testing.T) {
	status := parseStatus([]byte(strings.Replace(statusText, "PPid:\t1\n", "PPid:\t"+agentPid+"\n", 1)))
	if status.dead || !status.ours || !status.in(30001) {
		t.Fatalf("%+v", status)
	}
	for _, other := range []uint32{30007, 3000, 300010, 10001, 0} {
		if status.in(other) {
			t.Errorf("it is not in %d", other)
		}
	}
}

func TestAZombieIsDeadUnlessItHasThreads(t *testing.T) {
	if !parseStatus([]byte("State:\tZ (zombie)\nPPid:\t12\nGroups:\t30001 \nThreads:\t1\n")).dead {
		t.Error("a zombie lives")
	}
	if parseStatus([]byte("State:\tZ (zombie)\nPPid:\t12\nGroups:\t30001 \nThreads:\t2\n")).dead {
		t.Error("a process whose first thread has ended is dead")
	}
}

func TestTicksAreFoundBehindAnyName(t *testing.T) {
	if got := parseTicks([]byte("7 (a) b) 1 2) R 1 7 7 0 -1 4194304 100 0 0 0 11 22 33 44 20 0 1 0")); got != 110 {
		t.Fatal(got)
	}
	if got := parseTicks([]byte("garbage")); got != 0 {
		t.Fatal(got)
	}
}

func TestOomKillsOfBothVersions(t *testing.T) {
	for text, want := range map[string]int64{
		"oom_kill_disable 0\nunder_oom 0\noom_kill 3\n":                        3,
		"low 0\nhigh 0\nmax 12\noom 2\noom_kill 2\noom_group_kill 0\n":         2,
		"low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 7\nsock 9\n ": 0,
		"": 0,
	} {
		if got := parseEvents([]byte(text), "oom_kill "); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
	if parseCount([]byte("max\n")) != 0 || parseCount([]byte("123\n")) != 123 {
		t.Error("counts are misread")
	}
}

func TestTheRealProcIsUnderstood(t *testing.T) {
	f, err := newProcfs()
	if err != nil {
		t.Fatal(err)
	}
	pids, err := f.pids()
	if err != nil {
		t.Fatal(err)
	}
	self, found := os.Getpid(), os.Getpid() == 1
	for i, pid := range pids {
		found = found || pid == self
		if i > 0 && pids[i-1] >= pid {
			t.Fatal("processes are not in ascending order")
		}
	}
	if !found {
		t.Fatal("this process is not listed")
	}
	if status, err := f.status(self); err != nil || status.dead {
		t.Fatalf("%+v, %v", status, err)
	}
	if _, err := f.cpuTicks(self); err != nil {
		t.Fatal(err)
	}
	if _, err := f.status(1 << 30); err == nil {
		t.Fatal("a process that is not has a status")
	}
}
