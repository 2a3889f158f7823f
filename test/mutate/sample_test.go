package mutate

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// sampled is the package whose mutants are in the sample: to build more would cost make test more than it shows.
const sampled = "rotator"

// every is how many mutants one of the sample stands for.
const every = 151

// TestSample plants the mutants of sample.txt, each before the one test that killed it in a full run: a test that has
// gone blind, or an operator that plants nothing any more, shows in seconds. QUARTERTURN_MUTATION_SAMPLE=write makes the
// file again from what the last runs found.
func TestSample(t *testing.T) {
	if os.Getenv("QUARTERTURN_MUTATION_SAMPLE") == "write" {
		writeSample(t)
	}
	text, err := os.ReadFile("sample.txt")
	if err != nil {
		t.Fatal(err)
	}
	killers, err := survivors(string(text))
	if err != nil {
		t.Fatal("sample.txt: ", err)
	}
	pr := quarterturn(t)
	pr.targets = slices.DeleteFunc(pr.targets, func(tg target) bool { return tg.folder != sampled })
	pr.flags = []string{"-gcflags=-N -l"} // a few short runs are not worth making it quick
	b, chosen := build(t, pr, func(m mutant) bool { return killers[m.name] != "" })
	for folder := range b.binaries {
		if p := b.once(t, batch{Folder: folder, Tests: uniqueTests(chosen, killers, folder)}, -1); p.failed {
			t.Fatalf("%s fails without any mutant:\n%s", folder, p.out)
		}
	}
	dead := 0
	for _, m := range chosen {
		if p := b.once(t, batch{Folder: m.folder(), Tests: []string{killers[m.name]}}, m.id); p.failed {
			dead++
		} else {
			t.Errorf("%s noticed this fault once, and does not any more: %s", killers[m.name], m.name)
		}
	}
	t.Logf("%d mutants compiled in; of a sample of %d, %d are there still, and %d were killed", len(b.mutants), len(killers),
		len(chosen), dead)
	if 2*len(chosen) < len(killers) || len(killers) == 0 {
		t.Error("most of the sample is gone with the code it was in: after a full run, QUARTERTURN_MUTATION_SAMPLE=write go test ./test/mutate")
	}
}

func (b *built) once(t *testing.T, bt batch, n int) process {
	t.Helper()
	p, err := b.run(t.Context(), bt, n, "", 2*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func uniqueTests(chosen []mutant, killers map[string]string, folder string) []string {
	seen := map[string]bool{}
	var all []string
	for _, m := range chosen {
		if k := killers[m.name]; m.folder() == folder && !seen[k] {
			seen[k] = true
			all = append(all, k)
		}
	}
	return all
}

func writeSample(t *testing.T) {
	t.Helper()
	mutants, _, err := quarterturn(t).plant()
	if err != nil {
		t.Fatal(err)
	}
	kept := keptResults(t)
	var b strings.Builder
	b.WriteString("# Some mutants of decide and Accept, and the test that killed each.\n")
	n := 0
	for _, m := range mutants {
		r := kept.get(m.name)
		if test, _, _ := strings.Cut(r.Test, "/"); r.Outcome == killed && filepath.Dir(m.file) == sampled && !strings.Contains(test, "|") {
			if n++; n%every == 0 {
				fmt.Fprintf(&b, "%s :: %s\n", m.name, test)
			}
		}
	}
	if err := os.WriteFile("sample.txt", []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
