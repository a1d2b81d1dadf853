package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"path"
	"slices"
	"sync"
	"syscall"
)

// fileWriter is a file while it is being written.
type fileWriter struct {
	whole  string
	mode   string
	fresh  uint32 // permission bits of a new file
	at     place
	opened bool // at holds a descriptor

	fd        int
	temporary string // its name until it is complete; empty when it is appended to
	bits      uint32
	before    int64 // size of what is appended to
	appends   inode // of that, where it counts among the appenders
	bytes     int64
	existed   bool
	expected  *int64 // what the server has promised to send

	ifVersion    []string // what the old file must be one of, unless there are none
	wantsVersion bool
	seen         int // the new file, kept to tell its version
}

// replacing keeps a write that asks for a version from losing what another write puts there between its look and its
// rename. Writes that ask for none do not wait for each other.
var replacing sync.RWMutex

// inTurn does one step of a write; the last one puts the file in its place. It is called without a thread of the
// sandbox user's, as it may wait.
func (w *fileWriter) inTurn(last bool, step func() error) error {
	if last && w.ifVersion != nil {
		replacing.Lock()
		defer replacing.Unlock()
	} else if last {
		replacing.RLock()
		defer replacing.RUnlock()
	}
	return step()
}

func (w *fileWriter) open(parents bool) error {
	if w.whole == "/" {
		return syscall.EISDIR
	}
	at, err := openPlace(w.whole)
	if err == syscall.ENOENT && parents {
		if _, err = makeDirectories(path.Dir(w.whole)); err == nil {
			at, err = openPlace(w.whole)
		}
	}
	if err != nil {
		return withoutDirectory(w.whole, err)
	}
	w.at, w.opened = at, true
	if w.at, err = w.at.follow(); err != nil {
		return err
	}
	exists, err := w.lookAtTarget()
	w.existed = exists
	switch {
	case err != nil:
		return err
	case exists && w.mode == "create_new":
		return syscall.EEXIST
	case !exists && w.mode == "overwrite":
		return syscall.ENOENT
	case w.mode == "append":
		return w.openToAppend()
	}
	if err := w.checkVersion(); err != nil {
		return err
	}
	if w.temporary, w.fd, err = makeTemporary(w.at.directory); err != nil {
		return err
	}
	return w.checkRoom()
}

// checkVersion fails where the file in place is none of those that the server wants to replace.
func (w *fileWriter) checkVersion() error {
	if w.ifVersion == nil {
		return nil
	}
	var stat syscall.Stat_t
	err := fstatat(w.at.directory, w.at.name, &stat, atSymlinkNofollow)
	if err != nil && err != syscall.ENOENT {
		return err
	}
	if err == nil && slices.Contains(w.ifVersion, fileVersion(&stat)) {
		return nil
	}
	return fail("version_mismatch", "%s is not the version that was asked for", shorten(validText(w.whole), messagePathBytes))
}

// checkRoom refuses at once what cannot find room, instead of when the disk is full.
func (w *fileWriter) checkRoom() error {
	if w.expected == nil {
		return nil
	}
	var stat syscall.Statfs_t
	if err := syscall.Fstatfs(w.fd, &stat); err != nil {
		return err
	}
	if blocks := (*w.expected + stat.Bsize - 1) / stat.Bsize; blocks > 0 && uint64(blocks) > stat.Bavail {
		return syscall.ENOSPC
	}
	return nil
}

// lookAtTarget finds out what is there, and whether the sandbox user may write it: replacing it by a rename would only
// ask for its directory.
func (w *fileWriter) lookAtTarget() (exists bool, err error) {
	w.bits = w.fresh
	var stat syscall.Stat_t
	err = fstatat(w.at.directory, w.at.name, &stat, atSymlinkNofollow)
	if err == syscall.ENOENT {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch stat.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
	case syscall.S_IFDIR:
		return true, syscall.EISDIR
	default:
		return true, errSpecialFile
	}
	w.bits = stat.Mode & 0o7777
	if w.mode == "create_new" {
		return true, nil
	}
	fd, err := openAt(w.at.directory, w.at.name, syscall.O_WRONLY|syscall.O_NOFOLLOW, 0, 0)
	if err == syscall.ETXTBSY && w.mode != "append" {
		return true, nil // a program that runs may be replaced
	}
	if err == nil {
		syscall.Close(fd)
	}
	return true, err
}

// appenders counts, by file, the writes that have it open to append: one that made it may not remove it again while
// another one is about to write into it.
var appenders = struct {
	sync.Mutex
	count map[inode]int
}{count: map[inode]int{}}

func (w *fileWriter) openToAppend() error {
	appenders.Lock()
	defer appenders.Unlock()
	flags := syscall.O_WRONLY | syscall.O_APPEND | syscall.O_NOFOLLOW
	fd, err := -1, error(syscall.EEXIST)
	if !w.existed {
		fd, err = openAt(w.at.directory, w.at.name, flags|syscall.O_CREAT|syscall.O_EXCL, w.fresh, 0)
	}
	if err == syscall.EEXIST {
		// It was there, or somebody else has made it since the look.
		w.existed = true
		fd, err = openAt(w.at.directory, w.at.name, flags, 0, 0)
	}
	if err != nil {
		return err
	}
	w.fd = fd
	stat, err := checkFile(fd)
	if err != nil {
		return err
	}
	w.before = stat.Size
	w.appends = inode{device: uint64(stat.Dev), number: stat.Ino}
	appenders.count[w.appends]++
	return nil
}

// endAppend takes this write out of the count, and calls alone where no other one has the file open.
func (w *fileWriter) endAppend(alone func()) {
	appenders.Lock()
	defer appenders.Unlock()
	if appenders.count[w.appends] == 0 {
		return
	}
	appenders.count[w.appends]--
	if appenders.count[w.appends] > 0 {
		return
	}
	delete(appenders.count, w.appends)
	alone()
}

// makeTemporary makes a file that nobody else opens before it is complete.
func makeTemporary(directory int) (name string, fd int, err error) {
	name = temporaryName()
	fd, err = openAt(directory, name, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_EXCL|syscall.O_NOFOLLOW, 0o600, 0)
	if err != nil {
		return "", -1, err
	}
	return name, fd, nil
}

func temporaryName() string {
	var random [12]byte
	rand.Read(random[:])
	return temporaryPrefix + hex.EncodeToString(random[:])
}

// step writes the parts, at most maxVectors.
func (w *fileWriter) step(last bool, parts ...[]byte) error {
	written, err := writeAll(w.fd, parts...)
	w.bytes += int64(written)
	if err == nil && last {
		err = w.complete()
	}
	return err
}

// writeAll says how much was written also where not all of it was.
func writeAll(fd int, parts ...[]byte) (written int, err error) {
	for left := sizeOf(parts); left > 0; {
		n, err := ignoringEINTR(func() (int, error) { return writev(fd, parts) })
		if err != nil {
			return written, err
		}
		if n == 0 {
			return written, syscall.ENOSPC
		}
		written += n
		left -= n
		parts = skipBytes(parts, n)
	}
	return written, nil
}

// complete puts the file in its place. Nothing is reported as written before close has said so.
func (w *fileWriter) complete() error {
	if w.expected != nil && w.bytes != *w.expected {
		return fail("bad_request", "%d bytes were to come, and %d came", *w.expected, w.bytes)
	}
	if w.temporary != "" {
		if err := syscall.Fchmod(w.fd, w.bits); err != nil {
			return err
		}
		if err := w.checkVersion(); err != nil {
			return err
		}
		if err := w.keepInSight(); err != nil {
			return err
		}
	}
	w.endAppend(func() {})
	fd := w.fd
	w.fd = -1
	if err := syscall.Close(fd); err != nil {
		return err
	}
	if w.temporary != "" {
		if err := putInPlace(w.at.directory, w.temporary, w.at, w.mode != "create_new"); err != nil {
			return err
		}
		w.temporary = ""
	}
	w.at.close()
	w.opened = false
	return nil
}

// keepInSight holds on to the new file itself: under its name there may soon be another one.
func (w *fileWriter) keepInSight() (err error) {
	if w.wantsVersion {
		w.seen, err = openAt(w.at.directory, w.temporary, oPath|syscall.O_NOFOLLOW, 0, 0)
	}
	return err
}

// putInPlace renames. Where the file system cannot refuse to replace, a hard link can.
func putInPlace(directory int, name string, to place, replace bool) error {
	flags := renameNoreplace
	if replace {
		flags = 0
	}
	err := renameat2(directory, name, to.directory, to.name, flags)
	if err != syscall.EINVAL || replace {
		return err
	}
	if err := linkat(directory, name, to.directory, to.name); err != nil {
		return err
	}
	return unlinkat(directory, name, 0)
}

// undo removes what was begun, whatever has ended the request: it must not depend on its context.
func (w *fileWriter) undo() {
	if !w.opened {
		return
	}
	asUser(context.Background(), func() error {
		if w.fd >= 0 {
			if w.temporary == "" {
				w.takeBack()
			}
			syscall.Close(w.fd)
			w.fd = -1
		}
		if w.temporary != "" {
			unlinkat(w.at.directory, w.temporary, 0)
		}
		closeAll(w.seen)
		w.at.close()
		w.opened = false
		return nil
	})
}

// takeBack cuts off what was appended, unless somebody else has appended to it too, and removes a file that was made to
// be appended to and has nothing in it.
func (w *fileWriter) takeBack() {
	var stat, there syscall.Stat_t
	if syscall.Fstat(w.fd, &stat) == nil && stat.Size > w.before && stat.Size <= w.before+w.bytes {
		syscall.Ftruncate(w.fd, w.before)
	}
	w.endAppend(func() {
		if w.existed || syscall.Fstat(w.fd, &stat) != nil || stat.Size > 0 {
			return
		}
		err := fstatat(w.at.directory, w.at.name, &there, atSymlinkNofollow)
		if err == nil && there.Dev == stat.Dev && there.Ino == stat.Ino {
			unlinkat(w.at.directory, w.at.name, 0)
		}
	})
}
