package main

import (
	"os"
	"syscall"
)

const (
	// usualSlackNs is what the kernel gives to every thread (PR_SET_TIMERSLACK(2const)).
	usualSlackNs = 50_000
	// monitorSlackNs is how late Go's monitor may look: as late as it does by itself where nothing happens for a while. It
	// sleeps for 20 µs as long as the agent does anything, be it only that it waits for a child to be executed, which costs
	// nearly a third of what the agent does for a command. Late, it only notices later that a system call lasts long, while
	// others could go on.
	monitorSlackNs = 10_000_000
)

// slackened is the argument by which the agent knows its second start.
const slackened = "slackened"

// slackenMonitor gives Go's monitor its slack. A thread has that of the thread that made it, and the monitor is there
// before any code of ours, so the agent starts itself once more. All other threads get the usual one back: makeThreads
// does so, and whoever forks, since commands inherit theirs.
func slackenMonitor() error {
	if len(os.Args) > 1 && os.Args[1] == slackened {
		return nil
	}
	setTimerSlack(monitorSlackNs)
	return syscall.Exec("/proc/self/exe", []string{os.Args[0], slackened}, os.Environ())
}
