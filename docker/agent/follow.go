package main

import (
	"context"
	"encoding/binary"
)

const outputHeadBytes = 17

// follow sends output until all of it is sent or ctx ends.
func (ex *exchange) follow(ctx context.Context, r *outputReader) error {
	for {
		c, missed, all := r.advance()
		switch {
		case c != nil:
			if err := ex.send(ctx, outputHead(c), c.data); err != nil {
				return err
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

func outputHead(c *chunk) []byte {
	head := make([]byte, 0, outputHeadBytes)
	head = append(head, c.stream)
	head = binary.LittleEndian.AppendUint64(head, c.seq)
	return binary.LittleEndian.AppendUint64(head, c.offset)
}
