package main

import (
	"context"
	"syscall"
)

// deletesPerStep is how many names are removed before somebody else may have the thread.
const deletesPerStep = 2048

type deleteHead struct {
	Path      string   `json:"path"`
	Recursive bool     `json:"recursive"`
	TimeoutMs *float64 `json:"timeoutMs"`
}

func (a *agent) deleteFile(ex *exchange, head []byte) error {
	request, whole, ctx, cancel, err := forPath(ex, head, func(r *deleteHead) (string, *float64) { return r.Path, r.TimeoutMs })
	if err != nil {
		return err
	}
	defer cancel()
	if err := refuseRoots(whole); err != nil {
		return err
	}
	var at place
	err = asUser(ctx, func() (err error) {
		if at, err = openPlace(whole); err != nil {
			return err
		}
		if err = removeName(at.directory, at.name); err != syscall.ENOTEMPTY || !request.Recursive {
			at.close()
		}
		return err
	})
	if err == syscall.ENOTEMPTY && request.Recursive {
		err = aTree(ctx, func() error { return deleteTree(ctx, at) })
		at.close()
	}
	if err != nil {
		return pathFailure(whole, err)
	}
	ex.answerJSON(map[string]any{"path": validText(whole), "deleted": true})
	return nil
}

func refuseRoots(whole string) error {
	if whole == "/" || whole == workspace {
		return fail("invalid_path", "%s itself stays", whole)
	}
	return nil
}

// removeName removes a file, a link or an empty directory.
func removeName(directory int, name string) error {
	err := unlinkat(directory, name, 0)
	if err != syscall.EISDIR && err != syscall.EPERM {
		return err
	}
	// For a directory Linux answers EISDIR, and POSIX allows EPERM, which has other causes as well.
	removed := unlinkat(directory, name, atRemovedir)
	switch removed {
	case syscall.ENOTDIR:
		return err
	case syscall.EEXIST:
		return syscall.ENOTEMPTY
	}
	return removed
}

type inode struct {
	device uint64
	number uint64
}

// treeRemoval empties a directory of any depth with two descriptors and 16 bytes a level: no path is ever made, the way
// up is "..". It looks whether that is still where it came from, because a program can move a directory meanwhile. What
// it was at in a directory above it finds again by reading that from its start: all before is gone.
type treeRemoval struct {
	ctx  context.Context
	fd   int
	self inode
	up   []inode
}

func deleteTree(ctx context.Context, at place) error {
	t := &treeRemoval{ctx: ctx, fd: -1}
	defer func() {
		if t.fd >= 0 {
			syscall.Close(t.fd)
		}
	}()
	err := asUser(ctx, func() error { return t.into(at.directory, at.name) })
	for done := false; err == nil && !done; {
		if ctx.Err() != nil {
			return contextFailure(ctx)
		}
		err = asUser(ctx, func() (err error) {
			done, err = t.step()
			return err
		})
	}
	if err != nil {
		return err
	}
	return asUser(ctx, func() error { return removeName(at.directory, at.name) })
}

// into opens a directory below fd and makes it the current one.
func (t *treeRemoval) into(directory int, name string) error {
	fd, err := openAt(directory, name, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0, resolveNoSymlinks)
	if err != nil {
		return err
	}
	return t.take(fd)
}

func (t *treeRemoval) take(fd int) error {
	self, err := inodeOf(fd)
	if err != nil {
		syscall.Close(fd)
		return err
	}
	if t.fd >= 0 {
		syscall.Close(t.fd)
	}
	t.fd, t.self = fd, self
	return nil
}

func inodeOf(fd int) (inode, error) {
	var stat syscall.Stat_t
	err := syscall.Fstat(fd, &stat)
	return inode{device: uint64(stat.Dev), number: stat.Ino}, err
}

// step removes some names. done is true when the directory with which all began is empty.
func (t *treeRemoval) step() (done bool, err error) {
	buffer := make([]byte, direntReadBytes)
	for removed := 0; removed < deletesPerStep; {
		n, failure := t.pass(buffer)
		if failure != nil {
			return false, failure
		}
		removed += n
		if n > 0 {
			continue
		}
		if len(t.up) == 0 {
			return true, nil
		}
		if err := t.goUp(); err != nil {
			return false, err
		}
		removed++
	}
	return false, nil
}

// pass removes what one reading of the current directory brings, or goes into a directory below. It returns 0 when there
// is nothing.
func (t *treeRemoval) pass(buffer []byte) (count int, err error) {
	// Some file systems leave out names that stand behind a removed one: every reading is from the start.
	if _, err := syscall.Seek(t.fd, 0, 0); err != nil {
		return 0, err
	}
	n, err := ignoringEINTR(func() (int, error) { return syscall.ReadDirent(t.fd, buffer) })
	if err != nil || n <= 0 {
		return 0, err
	}
	eachDirent(buffer[:n], func(e dirent) bool {
		name := string(e.name)
		count++
		switch err = removeName(t.fd, name); err {
		case nil:
		case syscall.ENOENT:
			err = nil
		case syscall.ENOTEMPTY:
			above := t.self
			if err = t.into(t.fd, name); err == nil {
				t.up = append(t.up, above)
			}
			return false
		}
		return err == nil
	})
	return count, err
}

func (t *treeRemoval) goUp() error {
	fd, err := openAt(t.fd, "..", syscall.O_RDONLY|syscall.O_DIRECTORY, 0, 0)
	if err != nil {
		return err
	}
	expected := t.up[len(t.up)-1]
	t.up = t.up[:len(t.up)-1]
	if err := t.take(fd); err != nil {
		return err
	}
	if t.self != expected {
		return fail("io_error", "a directory was moved while it was being deleted")
	}
	return nil
}
