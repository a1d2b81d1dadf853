package main

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// maxResponsePayload is what comes with the response itself; anything longer comes as DATA before it.
const maxResponsePayload = 131_072

type fileHead struct {
	Path      string   `json:"path"`
	Offset    *int64   `json:"offset"`
	Length    *int64   `json:"length"`
	TimeoutMs *float64 `json:"timeoutMs"`
}

func (h fileHead) target() (string, *float64) { return h.Path, h.TimeoutMs }

// pathHead is the head of a request about one path in the first place.
type pathHead interface {
	target() (asked string, timeoutMs *float64)
}

// forPath decodes such a head, and gives the request its time: its own, or else limit. What has a slash behind it must be
// a directory.
func forPath[T pathHead](ex *exchange, head []byte, limit time.Duration) (
	request T, clean string, ctx context.Context, cancel context.CancelFunc, err error) {
	if request, err = decodeHead[T](head); err != nil {
		return
	}
	asked, timeoutMs := request.target()
	if clean, err = cleanPath(asked); err != nil {
		return
	}
	ctx, cancel = ex.within(timeoutMs, limit)
	if namesDirectory(asked) && !makesItself(request) {
		if err = asUser(ctx, func() error { return requireDirectory(clean) }); err != nil {
			cancel()
		}
	}
	return
}

// makesItself says that a request's path need not be there.
func makesItself(request pathHead) bool {
	switch request.(type) {
	case writeHead, createDirectoryHead:
		return true
	}
	return false
}

type readAnswer struct {
	Path       string `json:"path"`
	Bytes      int64  `json:"bytes"`
	Size       int64  `json:"size"`
	ModifiedAt string `json:"modifiedAt"`
	Mode       string `json:"mode"`
}

// readFile reads what the file had when it was opened: one that grows meanwhile comes to an end all the same.
func (a *agent) readFile(ex *exchange, head []byte) error {
	request, whole, ctx, cancel, err := forPath[fileHead](ex, head, noLimit)
	if err != nil {
		return err
	}
	defer cancel()
	if request.Offset != nil && *request.Offset < 0 || request.Length != nil && *request.Length < 0 {
		return fail("bad_request", "offset and length are not below 0")
	}
	fd := -1
	var stat syscall.Stat_t
	var first []byte
	var at, end int64
	err = asUser(ctx, func() (err error) {
		if fd, stat, err = openFile(whole, syscall.O_RDONLY); err != nil {
			return err
		}
		at, end = readRange(stat.Size, request.Offset, request.Length)
		first = make([]byte, min(end-at, maxResponsePayload))
		return readPart(fd, &first, at)
	})
	if fd >= 0 {
		defer syscall.Close(fd)
	}
	if err != nil {
		return pathFailure(whole, err)
	}
	answer := readAnswer{Path: whole, Size: stat.Size, ModifiedAt: modifiedAt(&stat), Mode: modeText(stat.Mode)}
	if end-at <= maxResponsePayload {
		answer.Bytes = int64(len(first))
		ex.answer(mustEncode(answer), first)
		return nil
	}
	if answer.Bytes, err = ex.sendRange(ctx, fd, first, at, end); err != nil {
		return pathFailure(whole, err)
	}
	ex.answerJSON(answer)
	return nil
}

func readRange(size int64, offset, length *int64) (from, to int64) {
	to = size
	if offset != nil {
		from = min(*offset, size)
	}
	if length != nil {
		to = min(size, from+min(*length, size-from))
	}
	return from, to
}

// readPart fills part from the file, and shortens it where the file has become shorter.
func readPart(fd int, part *[]byte, at int64) error {
	filled := 0
	for filled < len(*part) {
		n, err := ignoringEINTR(func() (int, error) { return syscall.Pread(fd, (*part)[filled:], at+int64(filled)) })
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		filled += n
	}
	*part = (*part)[:filled]
	return nil
}

func modifiedAt(stat *syscall.Stat_t) string {
	return isoTime(time.Unix(int64(stat.Mtim.Sec), int64(stat.Mtim.Nsec)))
}

func modeText(mode uint32) string { return fmt.Sprintf("%04o", mode&0o7777) }
