package main

import (
	"context"
	"sync"
	"time"
)

// clock is the one clock of a demo: time stands still between waits, and a wait moves it. No flag or variable reaches it.
// Once live is set it is the machine's own, and nothing moves it.
type clock struct {
	mu   sync.Mutex
	at   time.Time
	live func() time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live != nil {
		return c.live()
	}
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(max(d, 0))
}

// run hands over to the machine's clock.
func (c *clock) run(live func() time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live = live
}

// wait moves the clock instead of waiting.
func (c *clock) wait(ctx context.Context, d time.Duration) error {
	c.advance(d)
	return ctx.Err()
}
