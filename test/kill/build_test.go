// Package kill builds the program as it is shipped and ends it without warning at random moments, while a person, two
// runners, three consumers and a simulated vendor go on around it. It knows the program by its commands, files and exit codes
// alone. Every harness in it is shown weakened builds, which it must find.
package kill

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// root is the folder of the module, seen from here.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// recipe is what `make build` runs, read from the Makefile itself so that the two can't part.
func recipe(t *testing.T, out, flags string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "\nbuild:")
	_, after, more := strings.Cut(after, "\n\t")
	line, _, _ := strings.Cut(after, "\n")
	if !found || !more || !strings.Contains(line, "-o bin/quarterturn ") || !strings.HasPrefix(line, "$(GO) build ") {
		t.Fatalf("the Makefile's build is not understood: %q", line)
	}
	return strings.NewReplacer("$(GO) build", "go build"+flags, "$(VERSION)", "kill", "bin/quarterturn", out).Replace(line)
}

// shipped is the program as it is shipped, built once for all tests.
type shipped struct {
	once sync.Once
	dir  string
}

var program shipped

// TestMain takes away what was built.
func TestMain(m *testing.M) {
	code := m.Run()
	if program.dir != "" {
		_ = os.RemoveAll(program.dir)
	}
	os.Exit(code)
}

func (s *shipped) path(t *testing.T) string {
	t.Helper()
	s.once.Do(func() {
		dir, err := os.MkdirTemp("", "quarterturn-kill-*")
		if err != nil {
			t.Fatal(err)
		}
		s.dir = dir
		build(t, dir, "")
	})
	return filepath.Join(s.dir, "quarterturn")
}

// build makes the program in dir, with some files of it replaced where overlay is not "".
func build(t *testing.T, dir, overlay string) string {
	t.Helper()
	out, flags := filepath.Join(dir, "quarterturn"), ""
	if overlay != "" {
		flags = " -overlay " + overlay
	}
	c := exec.Command("sh", "-c", recipe(t, out, flags))
	c.Dir, c.Env = root(t), append(os.Environ(), "CGO_ENABLED=0")
	if said, err := c.CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, said)
	}
	return out
}

// plant is one weakness: texts of a source file and what stands there instead.
type plant struct {
	name    string
	file    string // of the module
	changes []change
	found   string // what the harness must say of it, a part
}

type change struct{ from, to string }

// sow writes the plant's overlay and returns its path. A plant that no longer fits the source fails.
func (p plant) sow(t *testing.T) string {
	t.Helper()
	source := filepath.Join(root(t), p.file)
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	weak := string(text)
	for _, c := range p.changes {
		if strings.Count(weak, c.from) != 1 {
			t.Fatalf("the plant %q no longer fits %s: %q", p.name, p.file, c.from)
		}
		weak = strings.Replace(weak, c.from, c.to, 1)
	}
	dir := t.TempDir()
	planted, overlay := filepath.Join(dir, "planted.go"), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {source: planted}})
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string][]byte{planted: []byte(weak), overlay: list} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return overlay
}

// say prints at once, also when the test passes.
func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }
