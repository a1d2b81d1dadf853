package main

import (
	"context"
	"path"
	"syscall"
)

const (
	// maxCopyDepth bounds the descriptors of a copy: one on each side a level.
	maxCopyDepth = 512
	// copyDirentBytes is small, because every level on the way keeps what it has read.
	copyDirentBytes = 8192
)

// treeCopy copies into a temporary name beside the destination.
type treeCopy struct {
	ctx         context.Context
	destination string
	bytes       int64
}

func (c *treeCopy) copyInto(from, to place, source string, overwrite bool) error {
	temporary := place{directory: to.directory, name: temporaryName()}
	err := c.copyAny(from, temporary, source, 0)
	if err == nil {
		err = asUser(c.ctx, func() error {
			if overwrite {
				keepBits(temporary, to)
			}
			return pathFailureOrNil(c.destination, putInPlace(to.directory, temporary.name, to, overwrite))
		})
	}
	if err != nil {
		// Whatever ended the request, nothing of it stays.
		cleanup := context.Background()
		removed := asUser(cleanup, func() error { return removeName(temporary.directory, temporary.name) })
		if removed == syscall.ENOTEMPTY {
			deleteTree(cleanup, temporary)
		}
	}
	return err
}

// keepBits gives the copy the permission bits of the file that it replaces.
func keepBits(temporary, to place) {
	var stat syscall.Stat_t
	if fstatat(to.directory, to.name, &stat, atSymlinkNofollow) != nil || stat.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return
	}
	if fd, err := openAt(temporary.directory, temporary.name, syscall.O_RDONLY|syscall.O_NOFOLLOW, 0, 0); err == nil {
		syscall.Fchmod(fd, stat.Mode&0o7777)
		syscall.Close(fd)
	}
}

// copyAny copies whatever from is; source is its path, to speak of it.
func (c *treeCopy) copyAny(from, to place, source string, depth int) error {
	var stat syscall.Stat_t
	err := asUser(c.ctx, func() error {
		if err := fstatat(from.directory, from.name, &stat, atSymlinkNofollow); err != nil {
			return err
		}
		if stat.Mode&syscall.S_IFMT != syscall.S_IFLNK {
			return nil
		}
		target, err := readlinkat(from.directory, from.name)
		if err != nil {
			return err
		}
		return symlinkat(target, to.directory, to.name)
	})
	if err != nil {
		return pathFailure(source, err)
	}
	switch stat.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		return c.copyPlain(from, to, source)
	case syscall.S_IFLNK:
		return nil
	case syscall.S_IFDIR:
		return c.copyDirectory(from, to, source, depth)
	}
	return fileFailure("special_file", source)
}

func (c *treeCopy) copyDirectory(from, to place, source string, depth int) error {
	if depth == maxCopyDepth {
		return pathFailure(source, syscall.ENAMETOOLONG)
	}
	in, out := -1, -1
	defer func() { closeAll(in, out) }()
	var stat syscall.Stat_t
	err := asUser(c.ctx, func() (err error) {
		in, err = openAt(from.directory, from.name, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0, 0)
		if err != nil {
			return err
		}
		if err = syscall.Fstat(in, &stat); err != nil {
			return err
		}
		return plainFileSystem(in)
	})
	if err != nil {
		return pathFailure(source, err)
	}
	err = asUser(c.ctx, func() (err error) {
		// Until it is filled its owner may do anything in it, whatever the source says.
		if err = syscall.Mkdirat(to.directory, to.name, 0o700); err != nil {
			return err
		}
		out, err = openAt(to.directory, to.name, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0, 0)
		return err
	})
	if err != nil {
		return pathFailure(c.destination, err)
	}
	if err := c.copyEntries(in, out, source, depth); err != nil {
		return err
	}
	return pathFailureOrNil(c.destination, asUser(c.ctx, func() error { return syscall.Fchmod(out, stat.Mode&0o777) }))
}

func (c *treeCopy) copyEntries(in, out int, source string, depth int) error {
	for {
		names, err := nextNames(c.ctx, in)
		if err != nil {
			return pathFailure(source, err)
		}
		if names == nil {
			return nil
		}
		for _, name := range names {
			err := c.copyAny(place{in, name}, place{out, name}, path.Join(source, name), depth+1)
			if err != nil {
				return err
			}
		}
	}
}

// nextNames reads some more names of an open directory; nil is the end.
func nextNames(ctx context.Context, directory int) (names []string, err error) {
	err = asUser(ctx, func() error {
		var buffer [copyDirentBytes]byte
		n, err := ignoringEINTR(func() (int, error) { return syscall.ReadDirent(directory, buffer[:]) })
		if err == nil && n > 0 {
			names = []string{}
			eachDirent(buffer[:n], func(e dirent) bool {
				names = append(names, string(e.name))
				return true
			})
		}
		return err
	})
	return names, err
}

// copyPlain copies what the file has when it is opened, and so comes to an end with one that grows.
func (c *treeCopy) copyPlain(from, to place, source string) error {
	in, out := -1, -1
	defer func() { closeAll(in, out) }()
	var stat syscall.Stat_t
	err := asUser(c.ctx, func() (err error) {
		if in, err = openAt(from.directory, from.name, syscall.O_RDONLY|syscall.O_NOFOLLOW, 0, 0); err == nil {
			stat, err = checkFile(in)
		}
		return err
	})
	if err != nil {
		return pathFailure(source, err)
	}
	err = asUser(c.ctx, func() (err error) {
		out, err = openAt(to.directory, to.name, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_EXCL|syscall.O_NOFOLLOW, 0o600, 0)
		return err
	})
	buffer := make([]byte, min(stat.Size, maxDataBytes))
	for left := stat.Size; err == nil && left > 0; {
		if c.ctx.Err() != nil {
			return contextFailure(c.ctx)
		}
		var n int64
		if n, err = c.copyStep(in, out, buffer, min(left, copyStepBytes)); n == 0 {
			break
		}
		left -= n
	}
	if err == nil {
		err = asUser(c.ctx, func() error {
			if err := syscall.Fchmod(out, stat.Mode&0o777); err != nil {
				return err
			}
			fd := out
			out = -1
			return syscall.Close(fd)
		})
	}
	return pathFailureOrNil(c.destination, err)
}

func (c *treeCopy) copyStep(in, out int, buffer []byte, limit int64) (copied int64, err error) {
	err = asUser(c.ctx, func() error {
		for copied < limit {
			part := buffer[:min(int64(len(buffer)), limit-copied)]
			n, err := ignoringEINTR(func() (int, error) { return syscall.Read(in, part) })
			if err != nil || n == 0 {
				return err
			}
			if _, err := writeAll(out, part[:n]); err != nil {
				return err
			}
			copied += int64(n)
			c.bytes += int64(n)
		}
		return nil
	})
	return copied, err
}

func closeAll(fds ...int) {
	for _, fd := range fds {
		if fd >= 0 {
			syscall.Close(fd)
		}
	}
}
