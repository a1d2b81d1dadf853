package main

import (
	"archive/tar"
	"bufio"
	"context"
	"path"
	"syscall"
	"time"
)

const (
	// maxTarDepth bounds the descriptors of a tar: one a level.
	maxTarDepth = 512
	// maxTars bounds the tars at once. One that nobody reads must not keep others waiting, so one more is refused.
	maxTars = 8
)

var tarSlots = make(chan struct{}, maxTars)

// tarStream writes a directory as a tar while it reads it. What went meanwhile is not in it; what cannot be read ends
// it with an error, since a tar that lacks something looks like a whole one.
type tarStream struct {
	ctx     context.Context
	out     *tar.Writer
	buffer  []byte
	leftOut int64
}

// sendTar sends the open directory as a tar whose names begin with the directory's own.
func (ex *exchange) sendTar(ctx context.Context, fd int, stat *syscall.Stat_t, whole string) (bytes, leftOut int64, err error) {
	select {
	case tarSlots <- struct{}{}:
		defer func() { <-tarSlots }()
	default:
		return 0, 0, fail("busy", "%d directories are being sent already", maxTars)
	}
	to := &dataWriter{ctx: ctx, ex: ex}
	buffered := bufio.NewWriterSize(to, maxDataBytes)
	t := &tarStream{ctx: ctx, out: tar.NewWriter(buffered), buffer: make([]byte, maxDataBytes)}
	below := path.Base(whole)
	if whole == "/" {
		below = "."
	}
	if err := t.directory(fd, stat, below, whole, 0); err != nil {
		return to.bytes, t.leftOut, err
	}
	if err := t.out.Close(); err != nil {
		return to.bytes, t.leftOut, err
	}
	err = buffered.Flush()
	return to.bytes, t.leftOut, err
}

// directory writes an open directory and all that is in it; below is its name in the tar, source its path.
func (t *tarStream) directory(fd int, stat *syscall.Stat_t, below, source string, depth int) error {
	if depth == maxTarDepth {
		return pathFailure(source, syscall.ENAMETOOLONG)
	}
	if err := t.header(tar.TypeDir, below+"/", "", stat); err != nil {
		return pathFailure(source, err)
	}
	for {
		names, err := nextNames(t.ctx, fd)
		if err != nil {
			return pathFailure(source, err)
		}
		if names == nil {
			return nil
		}
		for _, name := range names {
			inside := path.Join(source, name)
			if err := t.entry(place{fd, name}, below+"/"+name, inside, depth); err != nil {
				return pathFailure(inside, err)
			}
		}
	}
}

func (t *tarStream) entry(at place, below, source string, depth int) error {
	fd, stat, target, part := -1, syscall.Stat_t{}, "", t.buffer
	err := asUser(t.ctx, func() (err error) {
		if err = fstatat(at.directory, at.name, &stat, atSymlinkNofollow); err != nil {
			return err
		}
		switch stat.Mode & syscall.S_IFMT {
		case syscall.S_IFREG:
			if fd, err = openAt(at.directory, at.name, syscall.O_RDONLY|syscall.O_NOFOLLOW, 0, 0); err != nil {
				return err
			}
			if stat, err = checkFile(fd); err != nil {
				return err
			}
			part = part[:min(stat.Size, int64(len(part)))]
			return readPart(fd, &part, 0)
		case syscall.S_IFDIR:
			if fd, err = openAt(at.directory, at.name, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0, 0); err != nil {
				return err
			}
			if err = syscall.Fstat(fd, &stat); err != nil {
				return err
			}
			return plainFileSystem(fd)
		case syscall.S_IFLNK:
			target, err = readlinkat(at.directory, at.name)
			return err
		}
		return errSpecialFile
	})
	defer func() { closeAll(fd) }()
	switch {
	case err == syscall.ENOENT:
		return nil
	case err == errSpecialFile:
		t.leftOut++
		return nil
	case err != nil:
		return err
	}
	switch stat.Mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		return t.directory(fd, &stat, below, source, depth+1)
	case syscall.S_IFLNK:
		return t.header(tar.TypeSymlink, below, target, &stat)
	}
	if err := t.header(tar.TypeReg, below, "", &stat); err != nil {
		return err
	}
	return t.content(fd, part, stat.Size)
}

// content writes as many bytes as the header has promised; part is the first of them.
func (t *tarStream) content(fd int, part []byte, size int64) error {
	for written := int64(0); written < size; {
		if len(part) == 0 {
			return fail("io_error", "a file became shorter while it was read")
		}
		if _, err := t.out.Write(part); err != nil {
			return err
		}
		written += int64(len(part))
		part = t.buffer[:min(size-written, int64(len(t.buffer)))]
		if err := asUser(t.ctx, func() error { return readPart(fd, &part, written) }); err != nil {
			return err
		}
	}
	return nil
}

// header leaves out the bits that would give a file its owner's rights, and rounds times to seconds: a fraction would
// need a record of its own for each.
func (t *tarStream) header(kind byte, name, target string, stat *syscall.Stat_t) error {
	header := &tar.Header{Typeflag: kind, Name: name, Linkname: target, Mode: int64(stat.Mode & 0o777),
		Uid: int(stat.Uid), Gid: int(stat.Gid), ModTime: time.Unix(int64(stat.Mtim.Sec), 0)}
	if kind == tar.TypeReg {
		header.Size = stat.Size
	}
	return t.out.WriteHeader(header)
}

// dataWriter sends what is written to it as DATA.
type dataWriter struct {
	ctx   context.Context
	ex    *exchange
	bytes int64
}

func (w *dataWriter) Write(data []byte) (int, error) {
	for rest := data; len(rest) > 0; {
		n := min(len(rest), maxDataBytes)
		if err := w.ex.send(w.ctx, nil, rest[:n]); err != nil {
			return len(data) - len(rest), err
		}
		w.bytes += int64(n)
		rest = rest[n:]
	}
	return len(data), nil
}
