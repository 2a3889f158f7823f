package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestEveryCommandHasAPage: also that none names this machine, and that man, where there is one, renders it.
func TestEveryCommandHasAPage(t *testing.T) {
	dir, here := t.TempDir(), filepath.Join(t.TempDir(), "machine.yaml")
	root := (&app{w: world{environ: []string{"QUARTERTURN_CONFIG=" + here}}}).root()
	if _, err := writePages(root, dir); err != nil {
		t.Fatal(err)
	}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		b, err := os.ReadFile(filepath.Join(dir, pageName(c)+".1"))
		if err != nil || !strings.Contains(string(b), roff(c.Short)) {
			t.Errorf("%s has no page that says what it does: %v", c.CommandPath(), err)
		}
		if strings.Contains(string(b), here) || strings.Contains(string(b), roff(here)) {
			t.Errorf("the page of %s names a path of this machine", c.CommandPath())
		}
		for _, sub := range visible(c) {
			walk(sub)
		}
	}
	walk(root)
	if man, err := exec.LookPath("man"); err == nil {
		out, err := exec.Command(man, "-l", filepath.Join(dir, "quarterturn-audit-export.1")).CombinedOutput()
		if err != nil || len(out) == 0 {
			t.Errorf("man -l: %v: %s", err, out)
		}
	}
}
