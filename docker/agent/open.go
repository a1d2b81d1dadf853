package main

import (
	"path"
	"strings"
	"syscall"
)

// hasOpenat2 is false before Linux 5.6 and under seccomp profiles of that time.
var hasOpenat2 = func() bool {
	fd, err := openat2(atFdcwd, "/", openHow{flags: oPath | syscall.O_CLOEXEC, resolve: resolveNoMagiclinks})
	if err != nil {
		return false
	}
	syscall.Close(fd)
	return true
}()

// openAt opens for the sandbox user; it runs on one of its threads. Nothing is ever waited for: a FIFO without a writer
// opens at once with O_NONBLOCK, which plain files ignore. Magic links are not followed: those of /proc/self would be the
// agent's own, and open to its own threads whatever their user.
func openAt(dirfd int, name string, flags int, mode uint32, resolve uint64) (int, error) {
	flags |= syscall.O_CLOEXEC
	if flags&oPath == 0 {
		flags |= syscall.O_NONBLOCK | syscall.O_NOCTTY
	}
	if hasOpenat2 {
		return openat2(dirfd, name, openHow{flags: uint64(flags), mode: uint64(mode), resolve: resolve | resolveNoMagiclinks})
	}
	return openByParts(dirfd, name, flags, mode, resolve)
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

// plainFileSystem refuses descriptors on the kernel's own file systems.
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

// errSpecialFile becomes an answer in pathFailure, which knows the path.
var errSpecialFile = &failure{Code: "special_file", Message: "a special file"}

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
