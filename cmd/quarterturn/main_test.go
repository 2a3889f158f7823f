package main

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestMain lets the test binary stand in for quarterturn: where it is called by that name, and where a stage's
// configuration names it as redeploy command.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "quarterturn" || len(os.Args) == 3 && os.Args[1] == "demo-restart" {
		leaksPlanted()
		main()
	}
	os.Exit(m.Run())
}

// scriptWorld is what a command takes from outside where no stage stands: a fixed time, and nobody at a terminal.
func scriptWorld() world {
	return world{now: func() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) },
		wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }, newID: newID, rand: rand.Reader}
}

// closeShop lets commands be the only ones that hold the ledger.
func closeShop(st *stage) error {
	err := st.shop.Close()
	st.shop = nil
	return err
}
