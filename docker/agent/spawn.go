package main

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// defaultPath is where programs are looked for when the environment names no PATH.
	defaultPath = "/usr/local/bin:/usr/bin:/bin"
	// childOomScore makes the kernel take the commands before the agent when memory is full (proc_pid_oom_score_adj(5)).
	childOomScore = "1000"
)

// spawnFailure is why a program never ran.
type spawnFailure struct {
	kind    string
	errno   syscall.Errno
	message string
}

func (f *spawnFailure) end(p *process) *processEnd {
	now := p.agent.marks()
	end := &processEnd{EndReason: endSpawnFailed, StartedAt: isoTime(p.startedAt), Kind: f.kind, Message: f.message,
		LimitsHit: limitsHit(endSpawnFailed, p.before, now), FullDisks: now.fullDisks()}
	if f.errno != 0 {
		end.Errno = errnoName(f.errno)
	}
	return end
}

func (f *spawnFailure) asError() error {
	e := fail("spawn_failed", "%s", f.message)
	e.Kind = f.kind
	if f.errno != 0 {
		e.Errno = errnoName(f.errno)
	}
	return e
}

// spawn starts the program. Looking it up, making its pipes and forking all happen on one thread that has the sandbox
// user's file system rights, without a hand-over in between: the pipes must belong to that user, or a program could not
// open its own /dev/stdout.
func (p *process) spawn(request *processRequest, first []byte, last bool) *spawnFailure {
	p.before = p.agent.marks()
	environment, failure := encodeEnvironment(request)
	if failure != nil {
		return failure
	}
	table := p.agent.table
	table.forking.Lock()
	defer table.forking.Unlock()
	lines := &plumbing{input: -1, output: -1, errors: -1, channelIn: -1, channelOut: -1}
	err := onUserThread(func() error {
		if failure = p.fork(request, environment, lines, first, last); failure == nil {
			raiseOomScore(p.pid)
		}
		return nil
	})
	lines.close(lines.closeChild)
	if err != nil {
		failure = &spawnFailure{kind: "other", message: err.Error()}
	}
	if failure != nil {
		lines.close(lines.closeOwner)
		return failure
	}
	p.attachLines(lines)
	table.register(p)
	return nil
}

func (p *process) fork(request *processRequest, environment []string, lines *plumbing, first []byte, last bool) *spawnFailure {
	path, failure := findProgram(request)
	if failure != nil {
		return failure
	}
	if failure := lines.lay(p.agent.null, request, first, last); failure != nil {
		return failure
	}
	files := make([]uintptr, len(lines.child))
	for i, fd := range lines.child {
		files[i] = uintptr(fd)
	}
	setTimerSlack(usualSlackNs)
	p.startedAt = time.Now()
	pid, err := syscall.ForkExec(path, request.Args, &syscall.ProcAttr{
		Dir:   request.Cwd,
		Env:   environment,
		Files: files,
		Sys: &syscall.SysProcAttr{
			Credential: &syscall.Credential{Uid: sandboxUser, Gid: sandboxGroup, Groups: []uint32{p.group}},
			Setsid:     true,
			Setctty:    lines.terminal,
		},
	})
	if err != nil {
		return explainSpawn(err, request, path)
	}
	p.pid = pid
	return nil
}

// attachLines makes files of the descriptors, for the network poller, and starts what reads them.
func (p *process) attachLines(lines *plumbing) {
	var inputFile *os.File
	if lines.terminal {
		// Without a slave that stays open, a program that closes its terminal for a while would end its output.
		p.slave = lines.child[0]
		p.terminal = os.NewFile(uintptr(lines.output), "terminal")
		p.sources = []*os.File{p.terminal}
		inputFile = p.terminal
	} else {
		if lines.input >= 0 {
			inputFile = os.NewFile(uintptr(lines.input), "stdin")
		}
		p.sources = []*os.File{os.NewFile(uintptr(lines.output), "stdout"), os.NewFile(uintptr(lines.errors), "stderr")}
	}
	p.inputSpent, p.inputWritten = lines.inputSpent, lines.inputWritten
	p.input = newInput(inputFile, lines.terminal)
	if lines.channelOut >= 0 {
		p.channel = newInput(os.NewFile(uintptr(lines.channelIn), "channel"), false)
		p.sources = append(p.sources, os.NewFile(uintptr(lines.channelOut), "channel"))
	}
	left := new(atomic.Int32)
	left.Store(int32(len(p.sources)))
	var pumps []*pump
	for i, source := range p.sources {
		u := &pump{process: p, stream: byte(streamStdout + i), source: source, left: left}
		if u.stream == streamChannel {
			u.before = pumps
		}
		pumps = append(pumps, u)
	}
	for _, u := range pumps {
		go guarded(u.run)
	}
}

func encodeEnvironment(request *processRequest) ([]string, *spawnFailure) {
	bad := func(what string) *spawnFailure {
		return &spawnFailure{kind: "bad_args", errno: syscall.EINVAL, message: what + " holds a zero byte"}
	}
	if len(request.Args) == 0 || request.Args[0] == "" {
		return nil, &spawnFailure{kind: "bad_args", errno: syscall.EINVAL, message: "there is no program to run"}
	}
	for _, arg := range request.Args {
		if strings.IndexByte(arg, 0) >= 0 {
			return nil, bad("an argument")
		}
	}
	if strings.IndexByte(request.Cwd, 0) >= 0 {
		return nil, bad("the working directory")
	}
	environment := make([]string, 0, len(request.Env))
	for name, value := range request.Env {
		if strings.IndexByte(name, 0) >= 0 || strings.IndexByte(value, 0) >= 0 {
			return nil, bad("the environment")
		}
		if name == "" || strings.IndexByte(name, '=') >= 0 {
			return nil, &spawnFailure{kind: "bad_args", errno: syscall.EINVAL,
				message: "the environment holds the name " + strconv.Quote(shorten(name, 80))}
		}
		environment = append(environment, name+"="+value)
	}
	return environment, nil
}

// raiseOomScore is best effort. The file belongs to the process's user, or to root where its program may not be read.
func raiseOomScore(pid int) {
	name := "/proc/" + strconv.Itoa(pid) + "/oom_score_adj"
	fd, err := syscall.Open(name, syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err == syscall.EACCES {
		setFileUser(0, 0)
		fd, err = syscall.Open(name, syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	}
	if err != nil {
		return
	}
	syscall.Write(fd, []byte(childOomScore))
	syscall.Close(fd)
}
