package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"
)

const (
	initialCreditBytes = 262_144
	// grantStepBytes is what is saved up before it is granted: few CREDIT frames, and the sender is never without.
	grantStepBytes = 65_536
	// maxDataBytes is the payload of a DATA frame of ours.
	maxDataBytes = 131_072
)

// exchange is one request, its data both ways, and its response. One goroutine answers it, and is the only one that
// sends; one, the same or another, takes its incoming data.
type exchange struct {
	conn   *connection
	id     uint32
	ctx    context.Context
	cancel context.CancelCauseFunc
	serial uint64 // the order in which requests came

	awaited atomic.Bool // what it runs is for nobody but the server

	// Of a `write`: set by the reader of frames.
	writesTo   *process
	writesInto *input
	turn       *inputTurn

	mu       sync.Mutex
	queue    [][]byte
	queued   int // bytes of the queue
	wanted   int // so many of them takeMany waits for
	noMore   bool
	window   int // what the server may still send
	consumed int // what it has not been granted again
	credit   int64
	answered bool

	// Buffered by one: a wake-up that comes before its sleeper is kept, and the waker never waits.
	dataCame   chan struct{}
	creditCame chan struct{}
}

func newExchange(conn *connection, f frame) *exchange {
	ex := &exchange{conn: conn, id: f.id, window: initialCreditBytes, credit: initialCreditBytes,
		dataCame: make(chan struct{}, 1), creditCame: make(chan struct{}, 1)}
	ex.ctx, ex.cancel = context.WithCancelCause(context.Background())
	ex.receive(f)
	return ex
}

// receive takes data from the reader of frames, which it never holds up: what the window does not allow ends the
// exchange instead of being kept.
func (ex *exchange) receive(f frame) {
	ex.mu.Lock()
	if len(f.payload) > ex.window {
		ex.mu.Unlock()
		ex.cancel(errOverrun)
		return
	}
	if len(f.payload) > 0 && !ex.noMore {
		ex.window -= len(f.payload)
		ex.queue = append(ex.queue, f.payload)
		ex.queued += len(f.payload)
	}
	ex.noMore = ex.noMore || f.end
	enough := ex.enough()
	ex.mu.Unlock()
	if enough {
		wake(ex.dataCame)
	}
}

// enough is called with the lock held. Small pieces are not waited for: they would fill the memory.
func (ex *exchange) enough() bool {
	return ex.noMore || ex.queued >= ex.wanted || len(ex.queue) >= maxVectors
}

func wake(sleeper chan struct{}) {
	select {
	case sleeper <- struct{}{}:
	default:
	}
}

// takeNow returns what has come, and whether that was all.
func (ex *exchange) takeNow() (data []byte, last bool) {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	if len(ex.queue) > 0 {
		data = ex.queue[0]
		ex.queue = ex.queue[1:]
		ex.queued -= len(data)
	}
	return data, ex.noMore && len(ex.queue) == 0
}

// peek returns the first data without taking it, and whether it is all there will be.
func (ex *exchange) peek() (data []byte, all bool) {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	if len(ex.queue) > 0 {
		data = ex.queue[0]
	}
	return data, ex.noMore && len(ex.queue) <= 1
}

// take waits for data. With last it returns what may be the last piece, empty or not.
func (ex *exchange) take(ctx context.Context) (data []byte, last bool, err error) {
	for {
		data, last = ex.takeNow()
		if len(data) > 0 || last {
			return data, last, nil
		}
		select {
		case <-ex.dataCame:
		case <-ctx.Done():
			return nil, false, contextFailure(ctx)
		}
	}
}

// takeMany waits for as much data as is wanted, and returns what there is of it, in pieces for one system call. With
// last it may be nothing.
func (ex *exchange) takeMany(ctx context.Context) (parts [][]byte, last bool, err error) {
	for {
		ex.mu.Lock()
		if ex.enough() && (len(ex.queue) > 0 || ex.noMore) {
			count := min(len(ex.queue), maxVectors)
			parts, ex.queue = ex.queue[:count:count], ex.queue[count:]
			ex.queued -= sizeOf(parts)
			last = ex.noMore && len(ex.queue) == 0
			ex.mu.Unlock()
			return parts, last, nil
		}
		ex.mu.Unlock()
		select {
		case <-ex.dataCame:
		case <-ctx.Done():
			return nil, false, contextFailure(ctx)
		}
	}
}

func sizeOf(parts [][]byte) (bytes int) {
	for _, part := range parts {
		bytes += len(part)
	}
	return bytes
}

// want makes takeMany wait for so many bytes, which must be fewer than may be on their way.
func (ex *exchange) want(bytes int) {
	ex.mu.Lock()
	ex.wanted = bytes
	ex.mu.Unlock()
}

// grant lets the server send n more bytes, of those that were taken and used.
func (ex *exchange) grant(n int) {
	ex.mu.Lock()
	ex.consumed += n
	if ex.consumed < grantStepBytes || ex.noMore {
		ex.mu.Unlock()
		return
	}
	n, ex.consumed = ex.consumed, 0
	ex.mu.Unlock()
	ex.widen(n)
}

// widen lets the server have n bytes more on their way.
func (ex *exchange) widen(n int) {
	ex.mu.Lock()
	ex.window += n
	ex.mu.Unlock()
	ex.conn.post(encodeFrame(ex.id, frameCredit, nil, binary.LittleEndian.AppendUint32(nil, uint32(n)), false))
}

func (ex *exchange) addCredit(n uint32) {
	ex.mu.Lock()
	ex.credit += int64(n)
	ex.mu.Unlock()
	wake(ex.creditCame)
}

func (ex *exchange) spendCredit(n int) bool {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	if ex.credit < int64(n) {
		return false
	}
	ex.credit -= int64(n)
	return true
}

// send sends one DATA frame when there is credit for it.
func (ex *exchange) send(ctx context.Context, head, payload []byte) error {
	for !ex.spendCredit(len(payload)) {
		select {
		case <-ex.creditCame:
		case <-ctx.Done():
			return contextFailure(ctx)
		}
	}
	return ex.sendSpent(head, payload)
}

// sendSpent sends a DATA frame for which credit was taken.
func (ex *exchange) sendSpent(head, payload []byte) error {
	front := make([]byte, 0, headerBytes+len(head))
	front = appendHeader(front, ex.id, frameData, len(head), len(payload), false)
	front = append(front, head...)
	if !ex.conn.agent.writer.send(ex.conn, front, payload, trailer) {
		return errDisconnected
	}
	return nil
}

// sendSoon is send for data that nobody waits for. It returns false where there is no credit for it.
func (ex *exchange) sendSoon(head, payload []byte) bool {
	if !ex.spendCredit(len(payload)) {
		return false
	}
	ex.conn.agent.writer.postSoon(ex.conn, encodeFrame(ex.id, frameData, head, payload, false))
	return true
}

func (ex *exchange) event(head any) {
	ex.conn.post(encodeFrame(ex.id, frameEvent, mustEncode(head), nil, false))
}

// answer ends the exchange. Only the first answer counts.
func (ex *exchange) answer(head, payload []byte) { ex.answerBy(ex.conn.post, head, payload) }

// answerSoon is answer where the server does not wait for it.
func (ex *exchange) answerSoon(head any) { ex.answerBy(ex.conn.postSoon, mustEncode(head), nil) }

func (ex *exchange) answerBy(post func([]byte), head, payload []byte) {
	ex.mu.Lock()
	again := ex.answered
	ex.answered = true
	ex.queue = nil
	ex.mu.Unlock()
	if again {
		return
	}
	// Forgotten first: as soon as the server has the response it may use the id again.
	ex.conn.forget(ex.id)
	post(encodeFrame(ex.id, frameResponse, head, payload, true))
	ex.cancel(nil)
}

func (ex *exchange) answerJSON(head any) { ex.answer(mustEncode(head), nil) }

func (ex *exchange) answerError(err error) { ex.answer(errorHead(err), nil) }

// within returns a context that also ends after milliseconds, or else after limit; with a limit of 0 it does not.
func (ex *exchange) within(milliseconds *float64, limit time.Duration) (context.Context, context.CancelFunc) {
	if milliseconds != nil {
		limit = fromMilliseconds(*milliseconds)
	}
	if limit <= 0 {
		return ex.ctx, func() {}
	}
	return context.WithTimeoutCause(ex.ctx, limit, errTimedOut)
}

func decodeHead[T any](head []byte) (T, error) {
	var value T
	if len(head) == 0 {
		return value, nil
	}
	if err := json.Unmarshal(head, &value); err != nil {
		return value, fail("bad_request", "the head of the request is not as the protocol says: %s", err)
	}
	return value, nil
}
