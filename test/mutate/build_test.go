package mutate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// built is a project with every mutant compiled in: one test binary for each package whose tests are to kill.
type built struct {
	project
	mutants  []mutant
	binaries map[string]string // by folder
	digests  map[string]string // by folder: of everything that package's tests are made of
	dir      string
	scratch  string // where tests write: in memory where there is such a folder, for ledgers wait for their disk
}

// build compiles the instrumented copy for the packages that some chosen mutant is in. The product's files stay as they
// are: an overlay shows the go command others.
func build(t *testing.T, pr project, pattern func(mutant) bool) (*built, []mutant) {
	t.Helper()
	mutants, texts, err := pr.plant()
	if err != nil {
		t.Fatal(err)
	}
	b := &built{project: pr, mutants: mutants, binaries: map[string]string{}, digests: map[string]string{}, dir: t.TempDir(),
		scratch: scratch(t)}
	overlay, err := pr.overlay(texts, b.dir)
	if err != nil {
		t.Fatal(err)
	}
	var chosen []mutant
	for _, m := range mutants {
		if !pattern(m) {
			continue
		}
		chosen = append(chosen, m)
		if b.binaries[m.folder()] != "" {
			continue
		}
		if err := b.compile(m.folder(), overlay, texts); err != nil {
			t.Fatal("the mutants do not compile; an operator plants what it must not: ", err)
		}
	}
	return b, chosen
}

func (b *built) compile(folder, overlay string, texts map[string]string) (err error) {
	out := filepath.Join(b.dir, strings.ReplaceAll(folder, "/", "_")+".test")
	args := append([]string{"test", "-c", "-vet=off", "-overlay", overlay, "-o", out}, b.flags...)
	if _, err := b.goes(append(args, "./"+folder)...); err != nil {
		return err
	}
	b.binaries[folder] = out
	b.digests[folder], err = b.digest(folder, texts)
	return err
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

// digest is over every file in the folders of the packages that a package and its tests are made of, and over what the
// operators made of them.
func (pr project) digest(folder string, texts map[string]string) (string, error) {
	out, err := pr.goes("list", "-deps", "-test", "-f", "{{if and .Module .Module.Main}}{{.Dir}}{{end}}", "./"+folder)
	if err != nil {
		return "", err
	}
	dirs := strings.Fields(string(out))
	slices.Sort(dirs)
	h := sha256.New()
	for _, dir := range slices.Compact(dirs) {
		if err := hashFolder(h, pr.root, dir, texts); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

func hashFolder(h io.Writer, root, dir string, texts map[string]string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		full := filepath.Join(dir, e.Name())
		if e.IsDir() && e.Name() == "testdata" {
			err = hashFolder(h, root, full, texts)
		} else if e.Type().IsRegular() {
			var text []byte
			text, err = os.ReadFile(full)
			fmt.Fprintf(h, "%s\x00%s\x00%s\x00", strings.TrimPrefix(full, root), text, texts[full])
		}
		if err != nil {
			return err
		}
	}
	return nil
}
