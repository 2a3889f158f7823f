package mutate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// built is a project with every mutant compiled in: one test binary for each package that kills.
type built struct {
	project
	mutants  []mutant
	binaries map[string]string // by folder
	dir      string
	scratch  string // where tests write: in memory where there is such a folder, for ledgers wait for their disk
	digest   string // of every file of the module that a test could depend on
}

// build compiles the instrumented copy. The product's files stay as they are: an overlay shows the go command others.
func build(t *testing.T, pr project, dir string) *built {
	t.Helper()
	mutants, texts, err := pr.plant()
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := pr.overlay(texts, dir)
	if err != nil {
		t.Fatal(err)
	}
	b := &built{project: pr, mutants: mutants, binaries: map[string]string{}, dir: dir, scratch: scratch(t)}
	if b.digest, err = digest(pr.root, texts); err != nil {
		t.Fatal(err)
	}
	for _, k := range pr.killers {
		out := filepath.Join(dir, strings.ReplaceAll(k.folder, "/", "_")+".test")
		if _, err := pr.goes("test", "-c", "-vet=off", "-overlay", overlay, "-o", out, "./"+k.folder); err != nil {
			t.Fatalf("the mutants do not compile; an operator plants what it must not: %v", err)
		}
		b.binaries[k.folder] = out
	}
	return b
}

func scratch(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "mutation")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// overlay writes the changed texts, and the file that tells the go command where they are.
func (pr project) overlay(texts map[string]string, dir string) (string, error) {
	helpers, err := filepath.Abs("testdata/mutant/mutant.go")
	if err != nil {
		return "", err
	}
	replace := map[string]string{filepath.Join(pr.root, "internal/mutant/mutant.go"): helpers}
	for full, text := range texts {
		rel, err := filepath.Rel(pr.root, full)
		if err != nil {
			return "", err
		}
		replace[full] = filepath.Join(dir, strings.ReplaceAll(rel, "/", "_"))
		if err := os.WriteFile(replace[full], []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	out, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, out, 0o600)
}

func below(root, name string) string { return strings.TrimPrefix(name, root) }

// digest is over every file that a test of the product could depend on, and over what the operators made of it.
func digest(root string, texts map[string]string) (string, error) {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		h.Write([]byte(below(root, name) + "\x00" + texts[name]))
	}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		base := filepath.Base(name)
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && slices.Contains([]string{".git", "bin", "docs", "test"}, base):
			return filepath.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		h.Write([]byte(below(root, name) + "\x00"))
		h.Write(text)
		return nil
	})
	return hex.EncodeToString(h.Sum(nil))[:16], err
}
