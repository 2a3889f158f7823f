package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMain lets the test binary stand in for quarterturn: where it is called by that name, and where a stage's
// configuration names it as redeploy command.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "quarterturn" || len(os.Args) == 3 && os.Args[1] == "demo-restart" {
		main()
	}
	os.Exit(m.Run())
}
