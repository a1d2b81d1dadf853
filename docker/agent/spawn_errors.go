package main

import (
	"errors"
	"path"
	"strings"
	"syscall"
)

// findProgram runs on a thread of the sandbox user. A name with a slash is handed to execve as it is; any other is looked
// for in the PATH of its own environment, as execvp(3) does.
func findProgram(request *processRequest) (string, *spawnFailure) {
	name := request.Args[0]
	if strings.IndexByte(name, '/') >= 0 {
		return name, nil
	}
	search, ok := request.Env["PATH"]
	if !ok {
		search = defaultPath
	}
	denied := false
	for _, directory := range strings.Split(search, ":") {
		candidate := directory + "/" + name
		if directory == "" {
			candidate = "./" + name
		}
		shown := candidate
		if candidate[0] != '/' {
			// The child is in its working directory when it is executed; this thread is not.
			shown = request.Cwd + "/" + candidate
		}
		switch executable(shown) {
		case nil:
			return candidate, nil
		case syscall.EACCES:
			denied = true
		}
	}
	if failure := checkDirectory(request.Cwd); failure != nil {
		return "", failure
	}
	if denied {
		return "", spawnError("permission_denied", syscall.EACCES, "the sandbox user may not execute "+shorten(name, messagePathBytes))
	}
	return "", spawnError("not_found", syscall.ENOENT, "there is no program "+shorten(name, messagePathBytes)+" in the PATH")
}

// executable asks as the sandbox user whether a path can be executed. access(2) would ask for the real user, root.
func executable(path string) error {
	var stat syscall.Stat_t
	if err := fstatat(atFdcwd, path, &stat, 0); err != nil {
		return err
	}
	bit := uint32(0o001)
	switch {
	case stat.Uid == sandboxUser:
		bit = 0o100
	case stat.Gid == sandboxGroup:
		bit = 0o010
	}
	if stat.Mode&syscall.S_IFMT != syscall.S_IFREG || stat.Mode&bit == 0 {
		return syscall.EACCES
	}
	return nil
}

func spawnError(kind string, err error, message string) *spawnFailure {
	var errno syscall.Errno
	errors.As(err, &errno)
	if errno != 0 && message != "" {
		message += " (" + errno.Error() + ")"
	}
	return &spawnFailure{kind: kind, errno: errno, message: message}
}

// checkDirectory tells a working directory that cannot be entered from a program that is missing: the child says ENOENT
// or EACCES for both. Runs on a thread of the sandbox user.
func checkDirectory(directory string) *spawnFailure {
	fd, err := ignoringEINTR(func() (int, error) {
		return syscall.Open(directory, oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	})
	if err == nil {
		var stat syscall.Stat_t
		err = fstatat(fd, ".", &stat, 0)
		syscall.Close(fd)
	}
	if err == nil {
		return nil
	}
	return spawnError("bad_cwd", err, "the working directory "+shorten(directory, messagePathBytes)+" cannot be entered")
}

// explainSpawn sorts what the fork or the child before its execve ran into.
func explainSpawn(err error, request *processRequest, program string) *spawnFailure {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return &spawnFailure{kind: "other", message: err.Error()}
	}
	switch errno {
	case syscall.E2BIG:
		return spawnError("args_too_long", errno, "arguments and environment are too long together")
	case syscall.EAGAIN, syscall.EMFILE, syscall.ENFILE:
		return spawnError("resource_limit", errno, "the sandbox is at its limit of processes or descriptors")
	case syscall.ENOMEM:
		return spawnError("out_of_memory", errno, "there is no memory to start a program")
	}
	if failure := checkDirectory(request.Cwd); failure != nil {
		return failure
	}
	shown := shorten(request.Args[0], messagePathBytes)
	switch errno {
	case syscall.ENOENT:
		target := program
		if !strings.HasPrefix(target, "/") {
			target = path.Join(request.Cwd, program)
		}
		if executable(target) == nil {
			return spawnError("not_found", errno, "the interpreter or loader that "+shown+" asks for is not there")
		}
		return spawnError("not_found", errno, "there is no program "+shown)
	case syscall.ENOTDIR, syscall.ENAMETOOLONG:
		return spawnError("not_found", errno, "there is no program "+shown)
	case syscall.EACCES:
		return spawnError("permission_denied", errno, "the sandbox user may not execute "+shown)
	case syscall.ENOEXEC, syscall.ELIBBAD, syscall.EISDIR:
		return spawnError("not_executable", errno, shown+" is not a program of this machine, and names no interpreter")
	}
	return spawnError("other", errno, shown+" could not be started")
}
