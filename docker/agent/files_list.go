package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
)

const (
	maxListLimit     = 10_000
	defaultListLimit = 1_000
	// listPageBytes ends a page early when its entries are long: a client that goes on with the cursor sees no
	// difference.
	listPageBytes = 8 << 20
	// listFrameBytes is how many bytes of entries are put into one DATA.
	listFrameBytes = 65_536
	cursorTagBytes = 12
)

// cursorKey lets a cursor be known for one of this agent's: one that is not would be taken for a place in the listing,
// and what comes before that place would be missing without a word.
var cursorKey = func() []byte {
	key := make([]byte, sha256.Size)
	rand.Read(key)
	return key
}()

type listHead struct {
	Path          string   `json:"path"`
	Recursive     bool     `json:"recursive"`
	Pattern       string   `json:"pattern"`
	IncludeHidden bool     `json:"includeHidden"`
	MaxDepth      *int     `json:"maxDepth"`
	Limit         *int     `json:"limit"`
	Cursor        string   `json:"cursor"`
	TimeoutMs     *float64 `json:"timeoutMs"`
}

func (h listHead) target() (string, *float64) { return h.Path, h.TimeoutMs }

type listAnswer struct {
	Path       string  `json:"path"`
	NextCursor *string `json:"nextCursor"`
}

func (a *agent) listDirectory(ex *exchange, head []byte) error {
	request, whole, ctx, cancel, err := forPath[listHead](ex, head, defaultFileTime)
	if err != nil {
		return err
	}
	defer cancel()
	l := &listing{ctx: ctx, whole: whole, root: -1, recursive: request.Recursive, hidden: request.IncludeHidden,
		pattern: newGlob(request.Pattern), left: defaultListLimit, depth: maxPathBytes}
	if request.Limit != nil {
		if *request.Limit < 1 || *request.Limit > maxListLimit {
			return fail("bad_request", "the limit of a listing is 1 to %d", maxListLimit)
		}
		l.left = *request.Limit
	}
	if request.MaxDepth != nil {
		if *request.MaxDepth < 1 {
			return fail("bad_request", "the depth of a listing is at least 1")
		}
		l.depth = *request.MaxDepth
	}
	if err := l.pattern.check(); err != nil {
		return err
	}
	cursor, ok := request.readCursor(whole)
	if !ok {
		return fail("bad_request", "the cursor is not the nextCursor of a listing with the same path and options")
	}
	err = aTree(ctx, func() error {
		defer l.close()
		if err := l.open(); err != nil {
			return err
		}
		return l.list(cursor)
	})
	if err != nil {
		return pathFailure(whole, err)
	}
	for out := l.out.Bytes(); len(out) > 0; {
		n := min(len(out), listFrameBytes)
		if err := ex.send(ctx, nil, out[:n]); err != nil {
			return err
		}
		out = out[n:]
	}
	answer := listAnswer{Path: validText(whole)}
	if l.more {
		next := request.cursor(whole, l.last)
		answer.NextCursor = &next
	}
	ex.answerJSON(answer)
	return nil
}

// cursor stands for a place in one listing: of this directory, with these options.
func (h listHead) cursor(whole, last string) string {
	return base64.RawURLEncoding.EncodeToString(append(h.cursorTag(whole, last), last...))
}

func (h listHead) readCursor(whole string) (last string, ok bool) {
	if h.Cursor == "" {
		return "", true
	}
	decoded, err := base64.RawURLEncoding.DecodeString(h.Cursor)
	if err != nil || len(decoded) < cursorTagBytes {
		return "", false
	}
	last = string(decoded[cursorTagBytes:])
	return last, hmac.Equal(decoded[:cursorTagBytes], h.cursorTag(whole, last))
}

func (h listHead) cursorTag(whole, last string) []byte {
	h.Path, h.Cursor, h.Limit, h.TimeoutMs = "", "", nil, nil
	options, _ := json.Marshal(h)
	mac := hmac.New(sha256.New, cursorKey)
	for _, part := range []string{whole, string(options), last} {
		mac.Write([]byte(part))
		mac.Write([]byte{0})
	}
	return mac.Sum(nil)[:cursorTagBytes]
}
