package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quarterturn/internal/config"
	"quarterturn/internal/strict"
)

// FuzzLoad: whatever stands in quarterturn.yaml, it is loaded or refused with problems that name the file, and a value of
// the file's is in none of them.
func FuzzLoad(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range seeds {
		text, err := os.ReadFile(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, seed := range []string{"", "ledger: sqlite:x.db\n", "include: ['*.yaml']\n", "credentials: [{name: a, vendor: b}]\n", "templates: {a: {extends: a}}\n", "{"} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(dir, "quarterturn.yaml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(path, kinds())
		problems, typed := err.(strict.Problems)
		if (c == nil) == (err == nil) || err != nil && (!typed || len(problems) == 0) {
			t.Fatalf("neither or both of configuration and problems: %v", err)
		}
		if err != nil && strings.Contains(string(text), ": hunter2hunter2\n") && strings.Contains(err.Error(), "hunter2hunter2") &&
			!strings.Contains(string(text), "hunter2hunter2:") {
			t.Fatalf("a value is in a problem: %v", err)
		}
	})
}
