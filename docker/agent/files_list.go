package main

import "encoding/base64"

const (
	maxListLimit     = 10_000
	defaultListLimit = 1_000
	// listPageBytes ends a page early when its entries are long: a client that goes on with the cursor sees no
	// difference.
	listPageBytes = 8 << 20
	// listFrameBytes is how many bytes of entries are put into one DATA.
	listFrameBytes = 65_536
)

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
	cursor, err := base64.RawURLEncoding.DecodeString(request.Cursor)
	if err != nil {
		return fail("bad_request", "the cursor is none of this agent's")
	}
	err = aTree(ctx, func() error {
		defer l.close()
		if err := l.open(); err != nil {
			return err
		}
		return l.list(string(cursor))
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
		next := base64.RawURLEncoding.EncodeToString([]byte(l.last))
		answer.NextCursor = &next
	}
	ex.answerJSON(answer)
	return nil
}
