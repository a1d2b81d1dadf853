package main

import (
	"encoding/json"
	"strconv"
	"syscall"
)

const (
	defaultFileMode      = 0o644
	defaultDirectoryMode = 0o755
	temporaryPrefix      = ".codebeaker-"
)

type writeHead struct {
	Path      string          `json:"path"`
	Mode      string          `json:"mode"`
	FileMode  json.RawMessage `json:"fileMode"`
	Parents   bool            `json:"parents"`
	Size      *int64          `json:"size"`
	Version   bool            `json:"version"`
	IfVersion []string        `json:"ifVersion"`
	TimeoutMs *float64        `json:"timeoutMs"`
}

func (h writeHead) target() (string, *float64) { return h.Path, h.TimeoutMs }

type writeAnswer struct {
	Path    string `json:"path"`
	Bytes   int64  `json:"bytes"`
	Created bool   `json:"created"`
	Version string `json:"version,omitempty"`
}

// uploadWindowBytes are granted on top once a long upload has begun: with what an exchange begins with alone, it waits
// most of its time for credit to come round.
const uploadWindowBytes = 786_432

// writeBytes is what a long upload waits for before it writes, so that fewer threads are woken and fewer credits sent.
const writeBytes = 262_144

// wideUploads bounds the uploads that have them at once: what is on its way may come to lie in the agent's own memory.
var wideUploads = make(chan struct{}, 4)

// widenUpload returns what is to be done when the upload is over.
func (ex *exchange) widenUpload() (over func()) {
	select {
	case wideUploads <- struct{}{}:
		narrow := incomingRoom.widen()
		ex.widen(uploadWindowBytes)
		ex.want(writeBytes)
		return func() {
			narrow()
			<-wideUploads
		}
	default:
		return func() {}
	}
}

func (a *agent) writeFile(ex *exchange, head []byte) error {
	request, whole, ctx, cancel, err := forPath[writeHead](ex, head, noLimit)
	if err != nil {
		return err
	}
	defer cancel()
	w := &fileWriter{whole: whole, mode: request.Mode, fd: -1, seen: -1, expected: request.Size,
		wantsVersion: request.Version, ifVersion: request.IfVersion}
	if w.fresh, err = parseFileMode(request.FileMode); err != nil {
		return err
	}
	switch w.mode {
	case "create", "create_new", "append", "overwrite":
	default:
		return fail("bad_request", "the mode of a write is create, create_new, append or overwrite")
	}
	data, last, err := ex.take(ctx)
	if err != nil {
		return err
	}
	// What came with the request is written in the same step, and the whole of a small file in one.
	err = w.inTurn(last, func() error {
		return asUser(ctx, func() error {
			if err := refuseSlash(request.Path, whole); err != nil {
				return err
			}
			if err := w.open(request.Parents); err != nil {
				return err
			}
			return w.step(last, data)
		})
	})
	if err == nil && !last {
		defer ex.widenUpload()()
	}
	for parts := [][]byte{data}; err == nil && !last; {
		ex.grant(sizeOf(parts))
		for _, part := range parts {
			recycle(part)
		}
		if parts, last, err = ex.takeMany(ctx); err != nil {
			break
		}
		err = w.inTurn(last, func() error { return asUser(ctx, func() error { return w.step(last, parts...) }) })
	}
	if err != nil {
		w.undo()
		return pathFailure(whole, err)
	}
	answer := writeAnswer{Path: validText(whole), Bytes: w.bytes, Created: !w.existed}
	if w.seen >= 0 {
		_, answer.Version, _ = settledVersion(ctx, w.seen)
		syscall.Close(w.seen)
	}
	ex.answerJSON(answer)
	return nil
}

// parseFileMode takes a number or octal digits.
func parseFileMode(raw json.RawMessage) (uint32, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return defaultFileMode, nil
	}
	text, base := string(raw), 10
	if raw[0] == '"' {
		json.Unmarshal(raw, &text)
		base = 8
	}
	mode, err := strconv.ParseUint(text, base, 32)
	if err != nil || mode > 0o777 {
		return 0, fail("bad_request", "fileMode is permission bits up to 0777, as octal digits in a string or as a number")
	}
	return uint32(mode), nil
}
