package main

import (
	"path"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"
)

const (
	workspace    = "/workspace"
	maxPathBytes = 4096
	// defaultFileTime bounds a file request that brings no limit of its own.
	defaultFileTime = 5 * time.Minute
)

// cleanPath makes a request's path absolute, and resolves "." and ".." in it by its letters, as clients do that join
// paths. What it names is decided by the kernel afterwards.
func cleanPath(asked string) (string, error) {
	if asked == "" {
		return "", fail("invalid_path", "the path is empty")
	}
	if len(asked) > maxPathBytes {
		return "", fail("invalid_path", "the path has %d bytes, of at most %d", len(asked), maxPathBytes)
	}
	if strings.IndexByte(asked, 0) >= 0 {
		return "", fail("invalid_path", "the path holds a zero byte")
	}
	below, inside := strings.CutPrefix(asked, workspace)
	if asked[0] != '/' {
		below, inside = asked, true
	} else if below != "" && below[0] != '/' {
		inside = false
	}
	if !inside {
		return path.Clean(asked), nil
	}
	if climbs(below) {
		return "", fail("invalid_path", "the path %s climbs out of %s", shorten(asked, messagePathBytes), workspace)
	}
	return path.Join(workspace, below), nil
}

// climbs says whether a relative path is at some point above where it begins, even if it comes back.
func climbs(relative string) bool {
	depth := 0
	for _, part := range strings.Split(relative, "/") {
		switch part {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return true
			}
		default:
			depth++
		}
	}
	return false
}

// validText is text with what is not UTF-8 replaced, for JSON.
func validText(text string) string { return strings.ToValidUTF8(text, string(utf8.RuneError)) }

// hasOpenat2 is false before Linux 5.6 and under seccomp profiles of that time. Magic links could then be followed, but
// those of the agent are closed to the sandbox user, since it is not dumpable.
var hasOpenat2 = func() bool {
	fd, err := openat2(atFdcwd, "/", openHow{flags: oPath | syscall.O_CLOEXEC, resolve: resolveNoMagiclinks})
	if err != nil {
		return false
	}
	syscall.Close(fd)
	return true
}()

// openAt opens for the sandbox user; it runs on one of its threads. Nothing is ever waited for: a FIFO without a writer
// opens at once with O_NONBLOCK, which plain files ignore.
func openAt(dirfd int, name string, flags int, mode uint32, resolve uint64) (int, error) {
	flags |= syscall.O_CLOEXEC | syscall.O_NOCTTY
	if flags&oPath == 0 {
		flags |= syscall.O_NONBLOCK
	} else {
		flags &^= syscall.O_NOCTTY
	}
	if hasOpenat2 {
		return openat2(dirfd, name, openHow{flags: uint64(flags), mode: uint64(mode), resolve: resolve | resolveNoMagiclinks})
	}
	if resolve&resolveNoSymlinks != 0 {
		flags |= syscall.O_NOFOLLOW
	}
	return ignoringEINTR(func() (int, error) { return syscall.Openat(dirfd, name, flags, mode) })
}

// File systems whose files are the kernel's, and may do anything when they are opened (magic.h). /dev has none of them:
// it is a tmpfs, and its devices are told by their type.
var kernelFileSystems = map[int64]bool{
	0x9fa0: true, 0x62656572: true, // proc, sysfs
	0x27e0eb: true, 0x63677270: true, // cgroup, cgroup2
	0x64626720: true, 0x74726163: true, 0x73636673: true, // debugfs, tracefs, securityfs
	0xcafe4a11: true, 0x62656570: true, 0x6165676c: true, // bpf, configfs, pstore
	0x6e736673: true, 0x1cd1: true, 0x19800202: true, // nsfs, devpts, mqueue
}

// plainDirectory refuses descriptors on the kernel's own file systems.
func plainFileSystem(fd int) error {
	var stat syscall.Statfs_t
	if err := syscall.Fstatfs(fd, &stat); err != nil {
		return err
	}
	if kernelFileSystems[int64(stat.Type)] {
		return errSpecialFile
	}
	return nil
}

var errSpecialFile = &failure{Code: "special_file"}

// place is a name in an open directory: what can be made, replaced or removed there without walking the path again.
type place struct {
	directory int
	name      string
}

func (p place) close() { syscall.Close(p.directory) }

// openPlace opens the directory that holds the last part of an absolute clean path.
func openPlace(whole string) (place, error) {
	parent, name := path.Dir(whole), path.Base(whole)
	fd, err := openAt(atFdcwd, parent, oPath|syscall.O_DIRECTORY, 0, 0)
	if err != nil {
		return place{}, specialAncestor(parent, err)
	}
	if err := plainFileSystem(fd); err != nil {
		syscall.Close(fd)
		return place{}, err
	}
	if whole == "/" {
		name = "."
	}
	return place{directory: fd, name: name}, nil
}

// specialAncestor finds out whether a path failed because it leads into /proc or the like, where links of the kernel's
// and other users' directories answer with errors that say little.
func specialAncestor(whole string, err error) error {
	if err != syscall.EACCES && err != syscall.ELOOP && err != syscall.EPERM {
		return err
	}
	if err == syscall.ELOOP && leadsToSpecial(whole) {
		return errSpecialFile
	}
	for at := whole; ; at = path.Dir(at) {
		fd, openError := openAt(atFdcwd, at, oPath, 0, 0)
		if openError == nil {
			special := plainFileSystem(fd)
			syscall.Close(fd)
			if special == errSpecialFile {
				return special
			}
			return err
		}
		if at == "/" || at == "." {
			return err
		}
	}
}

// leadsToSpecial follows a link by its letters, as far as the directory of a link of the kernel's.
func leadsToSpecial(whole string) bool {
	if whole == "/" {
		return false
	}
	at, err := openPlace(whole)
	if err != nil {
		return false
	}
	at, err = at.follow()
	at.close()
	return err == errSpecialFile
}

const maxLinks = 40

// follow goes through symbolic links until the place is no link, so that a file can be replaced where the link leads.
func (p place) follow() (place, error) {
	for links := 0; ; links++ {
		var stat syscall.Stat_t
		err := fstatat(p.directory, p.name, &stat, atSymlinkNofollow)
		if err == syscall.ENOENT || err == nil && stat.Mode&syscall.S_IFMT != syscall.S_IFLNK {
			return p, nil
		}
		if err == nil && links == maxLinks {
			err = syscall.ELOOP
		}
		if err != nil {
			return p, err
		}
		target, err := readlinkat(p.directory, p.name)
		if err != nil {
			return p, err
		}
		parent, name := path.Split(strings.TrimRight(target, "/"))
		if name == "" || name == "." || name == ".." {
			return p, syscall.EISDIR
		}
		if parent == "" {
			parent = "."
		}
		fd, err := openAt(p.directory, parent, oPath|syscall.O_DIRECTORY, 0, 0)
		if err != nil {
			return p, err
		}
		p.close()
		p = place{directory: fd, name: name}
		if err := plainFileSystem(fd); err != nil {
			return p, err
		}
	}
}

// checkFile tells a plain file from all that is none, of what was opened, not of what a name stood for before.
func checkFile(fd int) (syscall.Stat_t, error) {
	var stat syscall.Stat_t
	if err := syscall.Fstat(fd, &stat); err != nil {
		return stat, err
	}
	switch stat.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		return stat, plainFileSystem(fd)
	case syscall.S_IFDIR:
		return stat, syscall.EISDIR
	case syscall.S_IFLNK:
		return stat, syscall.ELOOP
	}
	return stat, errSpecialFile
}

// openFile opens a plain file. It looks at what is there first, without opening it: opening a FIFO would let a program go
// on that waits for the other end.
func openFile(whole string, flags int) (fd int, stat syscall.Stat_t, err error) {
	fd, err = openAt(atFdcwd, whole, oPath, 0, 0)
	if err != nil {
		return -1, stat, specialAncestor(whole, err)
	}
	stat, err = checkFile(fd)
	syscall.Close(fd)
	if err != nil {
		return -1, stat, err
	}
	fd, err = openAt(atFdcwd, whole, flags, 0, 0)
	if err != nil {
		return -1, stat, err
	}
	if stat, err = checkFile(fd); err != nil {
		syscall.Close(fd)
		return -1, stat, err
	}
	return fd, stat, nil
}
