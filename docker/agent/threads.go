package main

import (
	"runtime"
	"sync"
)

// Go starts a thread when all of its own are within system calls, and ends the program when the kernel refuses it one.
// A fork bomb fills the sandbox's pids limit, so from the start on there must be threads enough for ever. Idle ones
// stay parked; Go never ends them. What can be within a system call at once:
//
//	1  running Go (agentProcessors)
//	1  waiting for the network poller, 1 sysmon, 1 Go's template thread, 1 receiving signals
//	6  in file systems as the sandbox user                      (userThreads)
//	1  forking                                                  (spawn.go)
//	8  reading and writing the programs' pipes                  (pipeThreads)
//	2  reading /proc and killing, 1 reading control groups      (procfs.go, sweep.go, cgroup.go)
//	1  asking disks for their room                              (limits.go)
//	2  reading and writing frames
//
// and some to spare.
//
// One runs Go at a time: what the agent does for a request is short and mostly one step after the other, and handing it
// from one processor to another would cost more than a third of it.
const (
	agentProcessors = 1
	agentThreads    = 32
	pipeThreads     = 8
)

// makeThreads makes Go have agentThreads threads. Goroutines locked to their threads need one each; when all of them
// have one, all let go.
func makeThreads() {
	var locked, left sync.WaitGroup
	all := make(chan struct{})
	locked.Add(agentThreads)
	left.Add(agentThreads)
	for i := 0; i < agentThreads; i++ {
		go func() {
			defer left.Done()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			setTimerSlack(usualSlackNs)
			locked.Done()
			<-all
		}()
	}
	locked.Wait()
	close(all)
	left.Wait()
}
