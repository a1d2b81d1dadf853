package main

import (
	"reflect"
	"syscall"
	"testing"
)

func TestWhichLimitsWereHit(t *testing.T) {
	full := [len(diskPaths)]bool{true}
	for name, c := range map[string]struct {
		reason      string
		before, now marks
		want        []string
	}{
		"none":                       {endExited, marks{}, marks{}, []string{}},
		"counters from before":       {endExited, marks{oomKills: 3, refusedForks: 9}, marks{oomKills: 3, refusedForks: 9}, []string{}},
		"a process taken by memory":  {endExited, marks{oomKills: 3}, marks{oomKills: 4}, []string{limitMemory}},
		"a refused fork":             {endExited, marks{refusedForks: 9}, marks{refusedForks: 12}, []string{limitPids}},
		"a fork of the agent's own":  {endSpawnFailed, marks{}, marks{refusedForks: 1}, []string{limitPids}},
		"a disk that became full":    {endExited, marks{}, marks{full: full}, []string{limitDisk}},
		"a disk that was full":       {endExited, marks{full: full}, marks{full: full}, []string{}},
		"a disk that was freed":      {endExited, marks{full: full}, marks{}, []string{}},
		"cpu time":                   {endCPU, marks{}, marks{}, []string{limitCPUTime}},
		"wall time":                  {endTimedOut, marks{}, marks{}, []string{limitWallTime}},
		"output":                     {endOutput, marks{}, marks{}, []string{limitOutput}},
		"a kill that somebody wants": {endKilled, marks{}, marks{}, []string{}},
		"several": {endTimedOut, marks{}, marks{oomKills: 1, refusedForks: 1, full: full},
			[]string{limitMemory, limitPids, limitDisk, limitWallTime}},
	} {
		if got := limitsHit(c.reason, c.before, c.now); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestADiskIsFullWhenBlocksOrInodesAreGone(t *testing.T) {
	for name, c := range map[string]struct {
		stat syscall.Statfs_t
		want bool
	}{
		"room":                   {syscall.Statfs_t{Blocks: 10, Bfree: 3, Bavail: 1, Files: 10, Ffree: 1}, false},
		"no block":               {syscall.Statfs_t{Blocks: 10, Files: 10, Ffree: 1}, true},
		"blocks for root alone":  {syscall.Statfs_t{Blocks: 10, Bfree: 3, Files: 10, Ffree: 1}, true},
		"no inode":               {syscall.Statfs_t{Blocks: 10, Bfree: 3, Bavail: 3, Files: 10}, true},
		"no limit":               {syscall.Statfs_t{}, false},
		"inodes made as wanted":  {syscall.Statfs_t{Blocks: 10, Bfree: 3, Bavail: 3}, false},
		"no limit but of inodes": {syscall.Statfs_t{Files: 5}, true},
	} {
		if got := isFull(&c.stat); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if paths := (marks{full: [len(diskPaths)]bool{true, false, true}}).fullDisks(); !reflect.DeepEqual(paths, []string{"/workspace", "/dev/shm"}) {
		t.Errorf("%v", paths)
	}
}

func TestRefusedForksAreReadFromEitherVersion(t *testing.T) {
	for text, want := range map[string]int64{"max 7\n": 7, "max 0\n": 0, "": 0, "maximum 5\n": 0} {
		if got := parseEvents([]byte(text), "max "); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
}

func TestTheEndTellsTheLimitsThatFired(t *testing.T) {
	s := connect(t)
	for name, c := range map[string]struct {
		command fields
		want    []any
	}{
		"none":      {command("true"), []any{}},
		"wall time": {command("sleep", "60").with("timeoutMs", 100), []any{limitWallTime}},
		"cpu time":  {command("sh", "-c", "while :; do :; done").with("cpuTimeMs", 100), []any{limitCPUTime}},
		"output":    {command("yes").with("outputLimitBytes", 1000), []any{limitOutput}},
	} {
		if r := s.call("run", c.command, nil); !reflect.DeepEqual(r.head["limitsHit"], c.want) {
			t.Errorf("%s: %v", name, r.head)
		}
	}
}
