package main

import (
	"sort"
	"sync"
	"time"
)

const (
	maxProcesses = 200
	// How long and how many ended processes are kept, for whoever asks late how they ended.
	endedTime = 10 * time.Minute
	maxEnded  = 64
)

type groupRange struct{ first, last uint32 }

// commandGroups are the group ids that commands are told apart by. Whoever carries one is killed with its command, in the
// whole PID namespace.
var commandGroups = groupRange{first: 30_000, last: 59_999}

// processTable knows every command.
//
// Locks: forking is held from before a fork until its child is in byPid, so that whoever finds a child that is not
// there takes it once and looks again. mu guards the maps, is held shortly and never while forking. An output's lock may be
// taken under mu, never the other way round.
type processTable struct {
	forking sync.Mutex

	mu      sync.Mutex
	byID    map[string]*process // nil while it is being started
	byPid   map[int]*process    // leaders that are not reaped
	byGroup map[uint32]*process // commands that are not over; nil where a process could not be killed
	groups  groupRange
	group   uint32     // the one that was given last
	done    []*process // ended `start`s, the oldest first

}

func newProcessTable() *processTable {
	return &processTable{byID: map[string]*process{}, byPid: map[int]*process{}, byGroup: map[uint32]*process{},
		groups: commandGroups, group: commandGroups.last}
}

// reserve takes a name and a group for p before it is started.
func (t *processTable) reserve(p *process) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, taken := t.byID[p.id]; taken {
		return fail("process_exists", "there is a process %s already", p.id)
	}
	if len(t.byGroup) >= maxProcesses {
		return fail("too_many_processes", "%d processes are running already", maxProcesses)
	}
	for {
		t.group++
		if t.group > t.groups.last || t.group < t.groups.first {
			t.group = t.groups.first
		}
		if _, taken := t.byGroup[t.group]; !taken {
			break
		}
	}
	p.group = t.group
	t.byID[p.id] = nil
	t.byGroup[p.group] = p
	return nil
}

// register is called while forking is held.
func (t *processTable) register(p *process) {
	t.mu.Lock()
	t.byID[p.id] = p
	t.byPid[p.pid] = p
	t.mu.Unlock()
}

func (t *processTable) abandon(p *process) {
	t.mu.Lock()
	delete(t.byID, p.id)
	delete(t.byGroup, p.group)
	t.mu.Unlock()
}

func (t *processTable) find(id string) (*process, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.byID[id]; p != nil {
		return p, nil
	}
	return nil, fail("process_not_found", "there is no process %s", shorten(id, 80))
}

func (t *processTable) leader(pid int) *process {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byPid[pid]
}

// takeLeader is leader, and forgets the number: once it is reaped it may be another's.
func (t *processTable) takeLeader(pid int) *process {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.byPid[pid]
	delete(t.byPid, pid)
	return p
}

// owner finds the command that one of groups belongs to.
func (t *processTable) owner(groups []uint32) *process {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, group := range groups {
		if p := t.byGroup[group]; p != nil {
			return p
		}
	}
	return nil
}

// withoutLeaders returns those of pids that are no command's leader.
func (t *processTable) withoutLeaders(pids []int) []int {
	t.mu.Lock()
	defer t.mu.Unlock()
	var others []int
	for _, pid := range pids {
		if t.byPid[pid] == nil {
			others = append(others, pid)
		}
	}
	return others
}

// ended keeps the end of a started process for a time. A run's is told to its exchange, which then forgets it.
func (t *processTable) ended(p *process) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.immune > 0 {
		// What could not be killed carries the group on: nobody else may ever be given it.
		t.byGroup[p.group] = nil
	} else {
		delete(t.byGroup, p.group)
	}
	if p.kind != kindStart {
		return
	}
	t.done = append(t.done, p)
	if len(t.done) > maxEnded {
		t.drop(t.done[0])
	}
	p.expiry = time.AfterFunc(endedTime, func() { t.forget(p) })
}

func (t *processTable) forget(p *process) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(p)
}

// drop is called with mu held.
func (t *processTable) drop(p *process) {
	if t.byID[p.id] != p {
		return
	}
	delete(t.byID, p.id)
	for i, other := range t.done {
		if other == p {
			t.done = append(t.done[:i:i], t.done[i+1:]...)
			break
		}
	}
	if p.expiry != nil {
		p.expiry.Stop()
	}
	p.output.discard()
}

// all lists the commands in the order in which they were started.
func (t *processTable) all() []*process {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*process, 0, len(t.byID))
	for _, p := range t.byID {
		if p != nil {
			list = append(list, p)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].startedAt.Before(list[j].startedAt) })
	return list
}

// oldestEnded returns the first of the ended whose output is still kept.
func (t *processTable) oldestEnded() *process {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.done {
		if p.output.holds() {
			return p
		}
	}
	return nil
}

// reclaim frees the output of the one that ended first, and returns false when there is none.
func (t *processTable) reclaim() bool {
	p := t.oldestEnded()
	if p == nil {
		return false
	}
	p.output.discard()
	return true
}

// startedAlive says whether a process that was started by `start` has not ended.
func (t *processTable) startedAlive() []*process {
	var alive []*process
	for _, p := range t.all() {
		if p.kind == kindStart && p.ended() == nil {
			alive = append(alive, p)
		}
	}
	return alive
}
