package main

import (
	"context"
	"syscall"
)

// copyStepBytes is how much is copied before somebody else may have the thread.
const copyStepBytes = 1 << 20

type copyHead struct {
	Source      string   `json:"source"`
	Destination string   `json:"destination"`
	Overwrite   bool     `json:"overwrite"`
	Recursive   bool     `json:"recursive"`
	TimeoutMs   *float64 `json:"timeoutMs"`
}

func (h copyHead) target() (string, *float64) { return h.Source, h.TimeoutMs }

func (a *agent) copyFile(ex *exchange, head []byte) error {
	request, source, ctx, cancel, err := forPath[copyHead](ex, head, defaultFileTime)
	if err != nil {
		return err
	}
	defer cancel()
	destination, err := request.cleanDestination(ctx, source)
	if err != nil {
		return err
	}
	var bytes int64
	err = aTree(ctx, func() error {
		bytes, err = copyTo(ctx, source, destination, request.Overwrite, request.Recursive, true)
		return err
	})
	if err != nil {
		return err
	}
	ex.answerJSON(map[string]any{"source": validText(source), "destination": validText(destination), "bytes": bytes})
	return nil
}

// cleanDestination also refuses a name that only a directory can have for what is none.
func (h copyHead) cleanDestination(ctx context.Context, source string) (string, error) {
	destination, err := cleanPath(h.Destination)
	if err != nil || !namesDirectory(h.Destination) {
		return destination, err
	}
	return destination, asUser(ctx, func() error {
		if requireDirectory(source) == nil {
			return nil
		}
		return refuseSlash(h.Destination, destination)
	})
}

// copyTo copies a file or a tree to a name that is given to it when it is complete. follow says whether links at both ends
// are followed; else one at the source is copied, and one at the destination replaced.
func copyTo(ctx context.Context, source, destination string, overwrite, recursive, follow bool) (bytes int64, err error) {
	var stat syscall.Stat_t
	var from, to place
	err = asUser(ctx, func() error {
		if from, err = openPlace(source); err != nil {
			return pathFailure(source, err)
		}
		if follow {
			if from, err = from.follow(); err != nil {
				return pathFailure(source, err)
			}
		}
		return pathFailureOrNil(source, fstatat(from.directory, from.name, &stat, atSymlinkNofollow))
	})
	if from.name != "" {
		defer from.close()
	}
	if err != nil {
		return 0, err
	}
	isDirectory := stat.Mode&syscall.S_IFMT == syscall.S_IFDIR
	if isDirectory && !recursive {
		return 0, pathFailure(source, syscall.EISDIR)
	}
	err = asUser(ctx, func() error {
		if to, err = openPlace(destination); err != nil {
			return withoutDirectory(destination, err)
		}
		if follow {
			if to, err = to.follow(); err != nil {
				return err
			}
		}
		return checkDestination(from, to, stat, overwrite)
	})
	if to.name != "" {
		defer to.close()
	}
	if err != nil {
		return 0, pathFailure(destination, err)
	}
	c := &treeCopy{ctx: ctx, destination: destination}
	err = c.copyInto(from, to, source, overwrite)
	return c.bytes, err
}

func pathFailureOrNil(whole string, err error) error {
	if err == nil {
		return nil
	}
	return pathFailure(whole, err)
}

func checkDestination(from, to place, source syscall.Stat_t, overwrite bool) error {
	var stat syscall.Stat_t
	err := fstatat(to.directory, to.name, &stat, atSymlinkNofollow)
	if err == nil {
		isDirectory := stat.Mode&syscall.S_IFMT == syscall.S_IFDIR
		switch {
		case isDirectory:
			return syscall.EISDIR
		case !overwrite || source.Mode&syscall.S_IFMT == syscall.S_IFDIR:
			return syscall.EEXIST
		case stat.Mode&syscall.S_IFMT != syscall.S_IFREG:
			return errSpecialFile
		}
		fd, err := openAt(to.directory, to.name, syscall.O_WRONLY|syscall.O_NOFOLLOW, 0, 0)
		if err == nil {
			syscall.Close(fd)
		} else if err != syscall.ETXTBSY {
			return err
		}
	} else if err != syscall.ENOENT {
		return err
	}
	if source.Mode&syscall.S_IFMT == syscall.S_IFDIR {
		return refuseInside(inode{device: uint64(source.Dev), number: source.Ino}, to.directory)
	}
	return nil
}

type inode struct {
	device uint64
	number uint64
}

func inodeOf(fd int) (inode, error) {
	var stat syscall.Stat_t
	err := syscall.Fstat(fd, &stat)
	return inode{device: uint64(stat.Dev), number: stat.Ino}, err
}

// refuseInside goes up from a directory to the root, and fails when it comes past the one that is to be copied: by
// inodes, since paths through links tell nothing.
func refuseInside(source inode, directory int) error {
	fd, err := openAt(directory, ".", oPath|syscall.O_DIRECTORY, 0, 0)
	for err == nil {
		var at, above inode
		if at, err = inodeOf(fd); err != nil {
			break
		}
		if at == source {
			syscall.Close(fd)
			return fail("invalid_path", "a directory cannot be copied into itself")
		}
		up, openError := openAt(fd, "..", oPath|syscall.O_DIRECTORY, 0, 0)
		syscall.Close(fd)
		fd, err = up, openError
		if err != nil {
			return err
		}
		if above, err = inodeOf(fd); err == nil && above == at {
			break
		}
	}
	if fd >= 0 {
		syscall.Close(fd)
	}
	return err
}
