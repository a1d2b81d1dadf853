package main

import (
	"context"
	"syscall"
)

// deletesPerStep is how many names are removed before somebody else may have the thread.
const deletesPerStep = 256

type deleteHead struct {
	Path      string   `json:"path"`
	Recursive bool     `json:"recursive"`
	TimeoutMs *float64 `json:"timeoutMs"`
}

func (h deleteHead) target() (string, *float64) { return h.Path, h.TimeoutMs }

func (a *agent) deleteFile(ex *exchange, head []byte) error {
	request, whole, ctx, cancel, err := forPath[deleteHead](ex, head, defaultFileTime)
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

// treeRemoval empties a directory of any depth: with a descriptor for each level down to maxDeleteDepth, and no path ever
// made. What lies deeper is first moved up to the top of the same tree, and is met there again. Going back by ".." would
// need no descriptors, but in a bind mount the kernel walks all the way up to see whether it may (path_connected), which
// takes half an hour for a tree of a hundred thousand levels.
type treeRemoval struct {
	ctx    context.Context
	levels []int
	buffer []byte
}

const maxDeleteDepth = 256

func deleteTree(ctx context.Context, at place) error {
	t := &treeRemoval{ctx: ctx, buffer: make([]byte, direntReadBytes)}
	defer func() { closeAll(t.levels...) }()
	err := asUser(ctx, func() error { return t.into(at.directory, at.name) })
	for err == nil && len(t.levels) > 0 {
		if ctx.Err() != nil {
			return contextFailure(ctx)
		}
		err = asUser(ctx, t.step)
	}
	if err != nil {
		return err
	}
	return asUser(ctx, func() error { return removeName(at.directory, at.name) })
}

func (t *treeRemoval) into(directory int, name string) error {
	fd, err := openAt(directory, name, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0, resolveNoSymlinks)
	if err != nil {
		return err
	}
	t.levels = append(t.levels, fd)
	return nil
}

// step removes some names, or what one reading of a directory brings.
func (t *treeRemoval) step() error {
	for removed := 0; removed < deletesPerStep && len(t.levels) > 0; {
		n, err := t.pass()
		if err != nil {
			return err
		}
		removed += n
		if n == 0 {
			last := len(t.levels) - 1
			syscall.Close(t.levels[last])
			t.levels = t.levels[:last]
			removed++
		}
	}
	return nil
}

// pass removes what one reading of the deepest directory brings, or goes into a directory below. It returns 0 when there
// is nothing.
func (t *treeRemoval) pass() (count int, err error) {
	fd := t.levels[len(t.levels)-1]
	// Some file systems leave out names that stand behind a removed one: every pass is from the start.
	if _, err := syscall.Seek(fd, 0, 0); err != nil {
		return 0, err
	}
	// A reading may bring nothing but "." and "..", and the next one more.
	for count == 0 && err == nil {
		n, readError := ignoringEINTR(func() (int, error) { return syscall.ReadDirent(fd, t.buffer) })
		if readError != nil || n <= 0 {
			return 0, readError
		}
		eachDirent(t.buffer[:n], func(e dirent) bool {
			count++
			var deeper bool
			deeper, err = t.remove(fd, string(e.name))
			return err == nil && !deeper
		})
	}
	return count, err
}

// remove returns deeper true when it went into a directory instead.
func (t *treeRemoval) remove(directory int, name string) (deeper bool, err error) {
	switch err = removeName(directory, name); {
	case err == syscall.ENOENT:
		return false, nil
	case err != syscall.ENOTEMPTY:
		return false, err
	case len(t.levels) == maxDeleteDepth:
		return false, renameat2(directory, name, t.levels[0], temporaryName(), renameNoreplace)
	}
	return true, t.into(directory, name)
}
