// The agent is PID 1 of a sandbox: it runs commands and reads and writes files there for a server that speaks to it over
// its stdin and stdout. PROTOCOL.md says how.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"
)

// version is set by the linker: -ldflags "-X main.version=…".
var version = "dev"

const (
	// childUmask is what commands begin with. The agent itself says every mode it wants.
	childUmask = 0o022
	// Memory of the agent besides the rings; the collector works harder as it comes near.
	ownMemoryBytes = 24 << 20
	// The rings may take so much of the sandbox's memory at most.
	ringShare    = 8
	minRingBytes = 8 << 20
)

type agent struct {
	startedAt time.Time
	writer    *frameWriter
	table     *processTable
	procfs    *procfs
	cgroup    *cgroup
	disks     *disks
	null      int
	kept      claimKeeper
	sweeps    sync.Mutex
	serial    uint64 // of the last request; the reader of frames alone has it
}

func main() {
	if os.Getpid() != 1 {
		die("the agent cannot start", errors.New("it must be PID 1 of a PID namespace, since it reaps and kills all that is in it"))
	}
	if err := slackenMonitor(); err != nil {
		die("the agent cannot start", err)
	}
	prepareSignals()
	if err := shutOut(); err != nil {
		die("the agent cannot shut commands out of itself", err)
	}
	runtime.GOMAXPROCS(agentProcessors)
	makeThreads()
	a, err := newAgent(pollable(1, "stdout"))
	if err != nil {
		die("the agent cannot start", err)
	}
	go a.reapForever()
	go a.exitOnSignal()
	err = a.serve(newFrameReader(pollable(0, "stdin")))
	if !errors.Is(err, io.EOF) {
		logf("stdin: %s", err)
	}
	a.outlive()
}

func newAgent(stdout *os.File) (*agent, error) {
	a := &agent{startedAt: time.Now(), table: newProcessTable(), cgroup: openCgroup(), disks: openDisks()}
	var err error
	if a.procfs, err = newProcfs(); err != nil {
		return nil, err
	}
	if a.writer, err = newFrameWriter(stdout); err != nil {
		return nil, err
	}
	a.null, err = syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		a.null = -1
	}
	if _, limit := a.cgroup.memory(); limit > 0 {
		maxRingBytes = min(maxRingBytes, max(minRingBytes, limit/ringShare))
	}
	debug.SetMemoryLimit(maxRingBytes + ownMemoryBytes)
	return a, nil
}

// shutOut takes from commands every way to the agent that its own user and capabilities would leave them.
func shutOut() error {
	// Its memory, environment and descriptors in /proc belong to root from here on, and nobody may trace it.
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetDumpable, 0, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	// The image's groups of root are not the agent's.
	if err := syscall.Setgroups(nil); err != nil {
		return fmt.Errorf("setgroups: %w", err)
	}
	// The engine should have done it already.
	if has, _, _ := syscall.RawSyscall6(syscall.SYS_PRCTL, prGetNoNewPrivs, 0, 0, 0, 0, 0); has != 1 {
		if _, _, errno := syscall.AllThreadsSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0); errno != 0 {
			return fmt.Errorf("no_new_privs: %w", errno)
		}
	}
	syscall.Umask(childUmask)
	for fd := 0; fd <= 2; fd++ {
		syscall.CloseOnExec(fd)
	}
	// A log that nobody reads must not hold the agent up.
	syscall.SetNonblock(2, true)
	return nil
}

// pollable makes a file of an inherited descriptor so that waiting for it takes no thread.
func pollable(fd int, name string) *os.File {
	syscall.SetNonblock(fd, true)
	return os.NewFile(uintptr(fd), name)
}

// prepareSignals keeps signals from ending PID 1. They are caught and not ignored, because commands would inherit that.
func prepareSignals() {
	unwanted := make(chan os.Signal, 1)
	signal.Notify(unwanted, syscall.SIGPIPE, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
		syscall.SIGALRM, syscall.SIGVTALRM, syscall.SIGXCPU, syscall.SIGXFSZ)
}

func (a *agent) exitOnSignal() {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM, syscall.SIGINT)
	<-asked
	a.exit("it was asked to")
}

// exit ends the sandbox: the kernel kills everything in a PID namespace whose first process ends.
func (a *agent) exit(why string) {
	logf("the agent exits: %s", why)
	os.Exit(0)
}

// outlive waits for what `start` has started, when nobody can speak to the agent any more.
func (a *agent) outlive() {
	for _, p := range a.table.startedAlive() {
		<-p.over
	}
	a.exit("its stdin has ended, and so have the processes")
}

func logf(format string, arguments ...any) {
	syscall.Write(2, []byte("agent: "+fmt.Sprintf(format, arguments...)+"\n"))
}

// guarded keeps a fault of ours in one command from ending PID 1, and with it the sandbox.
func guarded(work func()) {
	defer func() {
		if fault := recover(); fault != nil {
			logf("fault: %v\n%s", fault, debug.Stack())
		}
	}()
	work()
}

func die(what string, err error) {
	logf("%s: %s", what, err)
	os.Exit(1)
}
