package main

import (
	"bytes"
	"context"
	"encoding/binary"
)

const (
	outputHeadBytes = 17
	// shortLineBytes is more than a program takes to say that it has begun what it was asked for.
	shortLineBytes = 64
)

// follow sends output until all of it is sent or ctx ends.
func (ex *exchange) follow(ctx context.Context, r *outputReader) error {
	for {
		c, missed, all := r.advance()
		switch {
		case c != nil:
			if !r.output.beginsAnswer(c) || !ex.sendSoon(outputHead(c), c.data) {
				if err := ex.send(ctx, outputHead(c), c.data); err != nil {
					return err
				}
			}
			r.sent()
		case missed != nil:
			ex.event(missed)
		case all:
			return nil
		default:
			select {
			case <-r.came:
			case <-ctx.Done():
				return contextFailure(ctx)
			}
		}
	}
}

// beginsAnswer tells the first line on a channel after something was written there: a program that says that it has
// begun mostly says more at once, and both had better leave together.
func (o *output) beginsAnswer(c *chunk) bool {
	if c.stream != streamChannel || !o.asked.Swap(false) {
		return false
	}
	return len(c.data) <= shortLineBytes && bytes.IndexByte(c.data, '\n') == len(c.data)-1
}

func outputHead(c *chunk) []byte {
	head := make([]byte, 0, outputHeadBytes)
	head = append(head, c.stream)
	head = binary.LittleEndian.AppendUint64(head, c.seq)
	return binary.LittleEndian.AppendUint64(head, c.offset)
}
