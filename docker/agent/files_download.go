package main

import (
	"context"
	"syscall"
)

// maxRangeBytes is how long the words may be that say which part of a file is wanted.
const maxRangeBytes = 1024

type openedEvent struct {
	Event      string `json:"event"`
	Path       string `json:"path"`
	Type       string `json:"type"`
	Size       int64  `json:"size"`
	ModifiedAt string `json:"modifiedAt"`
	Version    string `json:"version,omitempty"`
}

type rangeWanted struct {
	Offset *int64 `json:"offset"`
	Length *int64 `json:"length"`
}

type downloadAnswer struct {
	Path    string `json:"path"`
	Bytes   int64  `json:"bytes"`
	LeftOut int64  `json:"leftOut"`
}

// download opens a file or a directory, tells what it is, and sends of that very file what the server then asks for.
func (a *agent) download(ex *exchange, head []byte) error {
	_, whole, ctx, cancel, err := forPath[fileHead](ex, head, noLimit)
	if err != nil {
		return err
	}
	defer cancel()
	fd, stat, isDirectory := -1, syscall.Stat_t{}, false
	err = asUser(ctx, func() (err error) {
		if fd, stat, err = openFile(whole, syscall.O_RDONLY); err == syscall.EISDIR {
			isDirectory = true
			fd, stat, err = openDirectory(whole)
		}
		return err
	})
	if fd >= 0 {
		defer syscall.Close(fd)
	}
	if err != nil {
		return pathFailure(whole, err)
	}
	opened := openedEvent{Event: "opened", Path: validText(whole), Type: "directory"}
	if !isDirectory {
		opened.Type = "file"
		if stat, opened.Version, err = settledVersion(ctx, fd); err != nil {
			return pathFailure(whole, err)
		}
		opened.Size = stat.Size
	}
	opened.ModifiedAt = modifiedAt(&stat)
	ex.event(opened)
	wanted, err := ex.takeRange(ctx)
	if err != nil {
		return err
	}
	answer := downloadAnswer{Path: opened.Path}
	if isDirectory {
		answer.Bytes, answer.LeftOut, err = ex.sendTar(ctx, fd, &stat, whole)
	} else {
		answer.Bytes, err = ex.sendOpened(ctx, fd, stat.Size, wanted)
	}
	if err != nil {
		return pathFailure(whole, err)
	}
	ex.answerJSON(answer)
	return nil
}

func openDirectory(whole string) (fd int, stat syscall.Stat_t, err error) {
	if fd, err = openAt(atFdcwd, whole, syscall.O_RDONLY|syscall.O_DIRECTORY, 0, 0); err != nil {
		return -1, stat, specialAncestor(whole, err)
	}
	if err = syscall.Fstat(fd, &stat); err == nil {
		err = plainFileSystem(fd)
	}
	return fd, stat, err
}

// takeRange waits until the server has said what it wants of what was opened.
func (ex *exchange) takeRange(ctx context.Context) (wanted rangeWanted, err error) {
	var words []byte
	for last := false; !last; {
		var data []byte
		if data, last, err = ex.take(ctx); err != nil {
			return wanted, err
		}
		if words = append(words, data...); len(words) > maxRangeBytes {
			return wanted, fail("bad_request", "the words for a range are at most %d bytes", maxRangeBytes)
		}
	}
	if wanted, err = decodeHead[rangeWanted](words); err != nil {
		return wanted, err
	}
	if wanted.Offset != nil && *wanted.Offset < 0 || wanted.Length != nil && *wanted.Length < 0 {
		return wanted, fail("bad_request", "offset and length are not below 0")
	}
	return wanted, nil
}

func (ex *exchange) sendOpened(ctx context.Context, fd int, size int64, wanted rangeWanted) (int64, error) {
	at, end := readRange(size, wanted.Offset, wanted.Length)
	first := make([]byte, min(end-at, maxDataBytes))
	if err := asUser(ctx, func() error { return readPart(fd, &first, at) }); err != nil {
		return 0, err
	}
	return ex.sendRange(ctx, fd, first, at, end)
}

// sendRange sends what an open file has from at to end, or less where it has become shorter; part is the first of it.
func (ex *exchange) sendRange(ctx context.Context, fd int, part []byte, at, end int64) (sent int64, err error) {
	if end-at > widePipeBytes {
		defer outgoingRoom.widen()()
	}
	for len(part) > 0 {
		if err := ex.send(ctx, nil, part); err != nil {
			return sent, err
		}
		sent += int64(len(part))
		part = part[:min(end-at-sent, int64(cap(part)))]
		if len(part) == 0 {
			break
		}
		if err := asUser(ctx, func() error { return readPart(fd, &part, at+sent) }); err != nil {
			return sent, err
		}
	}
	return sent, nil
}
