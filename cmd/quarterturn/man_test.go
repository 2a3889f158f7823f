package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Every command that people see has a page, which says what --help says, and renders.
func TestManualPages(t *testing.T) {
	dir := t.TempDir()
	root := (&app{w: storyWorld()}).root()
	n, err := writePages(root, dir)
	if err != nil || n < 30 {
		t.Fatalf("%d pages: %v", n, err)
	}
	for _, c := range visible(root) {
		text, err := os.ReadFile(filepath.Join(dir, pageName(c)))
		if err != nil || !strings.Contains(string(text), roff(c.Short)) {
			t.Errorf("%s: %v", c.CommandPath(), err)
		}
		if strings.Contains(string(text), dir) {
			t.Errorf("%s: a folder of this machine is in it", c.CommandPath())
		}
	}
	if _, err := exec.LookPath("man"); err != nil {
		t.Log("NOT RUN: rendering, for there is no man here")
		return
	}
	out, err := exec.CommandContext(t.Context(), "man", "-l", filepath.Join(dir, "quarterturn-approve.1")).Output()
	if err != nil || !strings.Contains(string(out), "maintenance") && !strings.Contains(string(out), "window") {
		t.Errorf("man: %v\n%s", err, out)
	}
}

// Names are completed from the configuration, and nothing is said when there is none.
func TestCompletesNames(t *testing.T) {
	st, err := newStage(t.Context(), storyWorld(), t.TempDir(), time.Date(2026, 8, 3, 9, 0, 0, 0, time.UTC), stageOptions{Age: demoAge})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.close() }()
	for config, want := range map[string]string{st.path("quarterturn.yaml"): demoName, st.path("nowhere.yaml"): ""} {
		a := &app{w: storyWorld(), config: config}
		got, _ := a.configuredNames(nil, nil, "")
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q", config, got)
		}
	}
}

func TestCompletionForEveryShell(t *testing.T) {
	for shell, want := range map[string]string{"bash": "__start_quarterturn", "zsh": "#compdef quarterturn", "fish": "complete -c quarterturn",
		"powershell": "Register-ArgumentCompleter"} {
		var out, problems bytes.Buffer
		w := storyWorld()
		w.out, w.err = &out, &problems
		if code := run(t.Context(), []string{"completion", shell}, w); code != exitDone || !strings.Contains(out.String(), want) {
			t.Errorf("%s: exit code %d, %s", shell, code, problems.String())
		}
	}
}
