package mutate

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// least is how many of a hundred mutants must die.
const least = 90.0

// quarterturn says what is asked about, and whose tests are to notice. Tests that take minutes, or that show a terminal
// and a process rather than what is decided, don't kill.
func quarterturn(t *testing.T) project {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return project{root: root, module: "quarterturn", targets: []target{
		{"decide", "rotator", regexp.MustCompile(`^(decide|rows_[a-z]+|learn|pace|apply)\.go$`)},
		{"Accept", "rotator", regexp.MustCompile(`^accept\.go$`)},
		{"the ledger", "ledger", regexp.MustCompile(`\.go$`)},
	}, killers: []killer{
		{folder: "rotator", skip: "TestModel.*|TestInvariantsHoldWhateverHappens|TestVendors(NeverAFalseDeath|FindsPlantedFaults)"},
		{folder: "ledger", skip: "TestKilledWhileWriting", parts: []string{"TestLedger"}},
	}}
}

// TestMutants plants every fault (all), those that lived the last time (lived), or those whose names match.
func TestMutants(t *testing.T) {
	pattern := os.Getenv("QUARTERTURN_MUTATION")
	if pattern == "" {
		t.Skip("NOT RUN: make test-mutation")
	}
	m := keptResults(t)
	chosen := func(x mutant) bool { return !m.get(x.name).dead() }
	if pattern != "lived" {
		re, err := regexp.Compile(regexp.MustCompile("^all$").ReplaceAllString(pattern, "."))
		if err != nil {
			t.Fatal(err)
		}
		chosen = func(x mutant) bool { return re.MatchString(x.name) }
	}
	b, mutants := build(t, quarterturn(t), chosen)
	c := &campaign{built: b, memory: m}
	t.Logf("%d mutants of %d compiled in; sources %v", len(mutants), len(c.mutants), c.digests)
	c.survey(t)
	c.report(t, c.fight(t, mutants), len(mutants) == len(c.mutants))
}

func keptResults(t *testing.T) *memory {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	m, err := remember(filepath.Join(cache, "quarterturn-mutation"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// report prints the counts and says what is wrong. Shares are judged over all mutants only.
func (c *campaign) report(t *testing.T, all []result, whole bool) {
	t.Helper()
	byTarget, byFile, byOp := tally{}, tally{}, tally{}
	index := map[string]mutant{}
	for _, m := range c.mutants {
		index[m.name] = m
	}
	for _, r := range all {
		m := index[r.Name]
		byTarget.add(c.of(m), r)
		byFile.add(m.file, r)
		byOp.add(m.op, r)
	}
	text, err := os.ReadFile("survivors.txt")
	if err != nil {
		t.Fatal(err)
	}
	listed, err := survivors(string(text))
	if err != nil {
		t.Fatal("survivors.txt: ", err)
	}
	for _, p := range append(judge(all, listed), gone(c.mutants, listed)...) {
		t.Error(p)
	}
	t.Logf("by operator:\n%sby file:\n%sin all:\n%s", byOp, byFile, byTarget)
	for name := range byTarget {
		if whole && byTarget.share(name) < least {
			t.Errorf("%s: %.1f %% killed, want %.0f", name, byTarget.share(name), least)
		}
	}
}
