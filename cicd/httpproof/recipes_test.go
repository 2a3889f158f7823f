package httpproof

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"quarterturn/secret"
)

const recipes = "../../docs/recipes"

// recipe is one way to compute a report, and what must be there to run it.
type recipe struct {
	file  string
	needs []string // programs; the first runs the file
	args  []string // before the file
	hint  string   // what to install
}

func allRecipes() []recipe {
	return []recipe{
		{"fingerprint.sh", []string{"sh", "openssl"}, nil, "openssl"},
		{"fingerprint.sh", []string{"bash", "openssl"}, nil, "bash and openssl"},
		{"fingerprint.go", []string{"go"}, []string{"run"}, "Go"},
		{"fingerprint.js", []string{"node"}, nil, "Node.js"},
		{"fingerprint.py", []string{"python3"}, nil, "Python 3"},
	}
}

// Every recipe computes what secret.Report does, lengths counted in bytes included.
func TestRecipesAgreeWithReport(t *testing.T) {
	derived := freshKeys(t).Derive("app: blue/green")
	pairs := []secret.Material{
		{"key": secret.New("test_bluum_4f9c02d1b7"), "secret": secret.New("8d3a61c07be5f924e1aa7095")},
		{"key": secret.New(`a:b,c%d\n $HOME 'q'`), "secret": secret.New("gr\u00fc\u00dfe \u2713")},
	}
	ran := 0
	for _, r := range allRecipes() {
		t.Run(r.needs[0], func(t *testing.T) {
			for _, program := range r.needs {
				if _, err := exec.LookPath(program); err != nil {
					t.Logf("NOT RUN: %s: install %s", r.file, r.hint)
					return
				}
			}
			for _, m := range pairs {
				want, err := secret.Report(derived, m)
				if err != nil {
					t.Fatal(err)
				}
				if got := r.run(t, derived, m); got != want {
					t.Errorf("%s prints %q, want %q", r.file, got, want)
				}
			}
			if r.needs[0] != "go" {
				ran++
			}
		})
	}
	if ran == 0 {
		t.Error("no recipe but Go's could run: install openssl, Node.js or Python 3")
	}
}

// run gives the recipe its environment and returns its one line.
func (r recipe) run(t *testing.T, derived secret.Value, m secret.Material) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), r.needs[0], append(r.args, filepath.Join(recipes, r.file))...)
	cmd.Env = append(os.Environ(), "QUARTERTURN_PRINT_KEY="+derived.Reveal(),
		"BLUUM_API_KEY="+m["key"].Reveal(), "BLUUM_API_SECRET="+m["secret"].Reveal())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", r.file, err)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// The page shows the files as they are, and each is as short as promised.
func TestRecipesPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(recipes, "fingerprint.md"))
	if err != nil {
		t.Fatal(err)
	}
	for file, language := range map[string]string{
		"fingerprint.sh": "sh", "fingerprint.go": "go", "fingerprint.js": "js", "fingerprint.py": "python",
	} {
		text, err := os.ReadFile(filepath.Join(recipes, file))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(page), "`"+file+"`\n\n```"+language+"\n"+string(text)+"```\n") {
			t.Errorf("fingerprint.md does not show %s as it is", file)
		}
		if n := length(string(text)); n > 10 {
			t.Errorf("%s has %d lines of its own, more than ten", file, n)
		}
	}
	if !strings.Contains(string(page), "`3:key,3:abc,6:secret,4:d\u00e9f,`") {
		t.Error("the worked example is gone")
	}
}

// length counts lines that do something: no blanks, comments, package clause and imports.
func length(text string) (n int) {
	imports := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		imports = imports && line != ")" || line == "import ("
		switch {
		case imports, line == "", line == ")", strings.HasPrefix(line, "#"), strings.HasPrefix(line, "//"),
			strings.HasPrefix(line, "package "), strings.HasPrefix(line, "import "):
		default:
			n++
		}
	}
	return n
}
