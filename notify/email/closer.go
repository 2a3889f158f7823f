package email

import (
	"net"
	"sync"
)

// closer closes what is open, whichever comes first: the connection or the wish to end it.
type closer struct {
	mu   sync.Mutex
	conn net.Conn
	over bool
}

func (c *closer) set(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = conn
	if c.over {
		_ = conn.Close()
	}
}

func (c *closer) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.conn != nil {
		_ = c.conn.Close()
	}
}
