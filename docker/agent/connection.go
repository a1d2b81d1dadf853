package main

import (
	"encoding/binary"
	"sync"
	"time"
)

const (
	// maxExchanges bounds the requests that run at once. One more is answered busy, by the reader itself.
	maxExchanges = 256
	// silenceLooks is how often a silent server is looked for before it is given up. Looks are counted, and not the time:
	// who was paused, this sandbox or the server's machine, has not been silent.
	silenceLooks = 6
)

// connection is the life of one server's attachment, from its HELLO to the next one or to the end of stdin.
type connection struct {
	agent *agent

	mu        sync.Mutex
	exchanges map[uint32]*exchange
	over      chan struct{}
}

func newConnection(a *agent) *connection {
	return &connection{agent: a, exchanges: map[uint32]*exchange{}, over: make(chan struct{})}
}

func (c *connection) post(whole []byte) { c.agent.writer.post(c, whole) }

func (c *connection) postSoon(whole []byte) { c.agent.writer.postSoon(c, whole) }

func (c *connection) refuse(id uint32, err error) {
	c.post(encodeFrame(id, frameResponse, errorHead(err), nil, true))
}

func (c *connection) find(id uint32) *exchange {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exchanges[id]
}

func (c *connection) forget(id uint32) {
	c.mu.Lock()
	delete(c.exchanges, id)
	c.mu.Unlock()
}

// end ends every exchange that is still open, as PROTOCOL.md says under Disconnect.
func (c *connection) end() {
	c.mu.Lock()
	open := c.exchanges
	c.exchanges = map[uint32]*exchange{}
	c.mu.Unlock()
	close(c.over)
	for _, ex := range open {
		ex.cancel(errDisconnected)
	}
}

// watch ends the runs of a server that says nothing for so long: it is dead or cut off, and the engine tells nobody. What
// else it had asked for may wait for it, should it live after all.
func (c *connection) watch(reader *frameReader, silence time.Duration) {
	ticker := time.NewTicker(max(silence/silenceLooks, time.Millisecond))
	defer ticker.Stop()
	for quiet := 0; ; {
		select {
		case <-c.over:
			return
		case <-ticker.C:
		}
		if quiet++; reader.heard.Swap(false) {
			quiet = 0
		}
		if quiet == silenceLooks {
			c.endRuns()
		}
	}
}

func (c *connection) endRuns() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ex := range c.exchanges {
		if ex.awaited.Load() {
			ex.cancel(errSilent)
		}
	}
}

// serve reads frames until stdin ends. Nothing that it calls waits for anybody: a server that is slow, or a sandbox
// that is full, must not keep it from the next frame.
func (a *agent) serve(reader *frameReader) error {
	conn := newConnection(a)
	defer func() { conn.end() }()
	for {
		f, err := reader.next()
		if err != nil {
			return err
		}
		if !f.first && f.kind != frameHello {
			conn.receive(f)
			continue
		}
		// A preamble and a HELLO belong together; one without the other is no connection.
		opening, silence, ok := a.greet(f)
		if !ok {
			reader.tear()
			continue
		}
		conn.end()
		conn = newConnection(a)
		a.writer.replace(conn, opening)
		if silence > 0 {
			go conn.watch(reader, silence)
		}
	}
}

func (c *connection) receive(f frame) {
	switch f.kind {
	case frameRequest:
		c.request(f)
	case frameData:
		if ex := c.find(f.id); ex != nil {
			ex.receive(f)
		}
	case frameCredit:
		if ex := c.find(f.id); ex != nil && len(f.payload) >= 4 {
			ex.addCredit(binary.LittleEndian.Uint32(f.payload))
		}
	case frameCancel:
		if ex := c.find(f.id); ex != nil {
			head, _ := decodeHead[struct{ Reason string }](f.head)
			if head.Reason == "disconnected" {
				ex.cancel(errDisconnected)
			} else {
				ex.cancel(errCancelled)
			}
		}
	case frameResponse, frameEvent:
	default:
		c.refuse(f.id, fail("unknown_type", "frames of type %d are unknown to this agent", f.kind))
	}
}

func (c *connection) request(f frame) {
	head, err := decodeHead[struct {
		Method, ProcessID string
		Channel           bool
	}](f.head)
	if err != nil {
		c.refuse(f.id, err)
		return
	}
	if head.Method == "ping" {
		c.post(encodeFrame(f.id, frameResponse, emptyObject, nil, true))
		return
	}
	method, ok := methods[head.Method]
	if !ok {
		c.refuse(f.id, fail("unknown_method", "this agent has no method %q", shorten(head.Method, 64)))
		return
	}
	c.mu.Lock()
	if c.exchanges[f.id] != nil {
		c.mu.Unlock()
		// Not answered: an answer under this id would end the exchange that has it.
		return
	}
	if len(c.exchanges) >= maxExchanges {
		c.mu.Unlock()
		c.refuse(f.id, fail("busy", "%d requests are running already", maxExchanges))
		return
	}
	ex := newExchange(c, f)
	c.exchanges[f.id] = ex
	c.mu.Unlock()
	c.agent.serial++
	ex.serial = c.agent.serial
	if head.Method == "write" {
		c.agent.queueWrite(ex, head.ProcessID, head.Channel)
	}
	go ex.perform(method, f.head)
}

func (ex *exchange) perform(method handler, head []byte) {
	err := error(fail("internal", "the agent met a fault of its own"))
	guarded(func() { err = method(ex.conn.agent, ex, head) })
	if err != nil {
		ex.answerError(err)
	}
}
