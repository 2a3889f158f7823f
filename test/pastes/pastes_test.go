package pastes

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// seed is that of the fixed sample, and of the full run: the full run goes on where the sample ends.
const seed = 20260302

// amounts is how many of each there are: a sample, or with QUARTERTURN_PASTES=all what the full run shows.
func amounts() (perClass, rare, right int) {
	if os.Getenv("QUARTERTURN_PASTES") == "all" {
		return 1500, 60, 10000
	}
	return 6, 1, 150
}

// TestWrongPastes: none of them reaches the ledger or the place, each is refused as what it is, and no message repeats it.
func TestWrongPastes(t *testing.T) {
	perClass, rare, _ := amounts()
	h := newHarness(t, seed, plant{})
	classes, total := Classes(), 0
	for i, c := range classes {
		n := perClass
		if c.Rare {
			n = rare
		}
		h.wrong(c, n)
		if total += n; perClass > 100 && i%10 == 9 {
			t.Logf("%d classes, %d wrong pastes so far", i+1, total)
			h.look()
		}
	}
	h.look()
	if fails(t, h.findings); len(classes) < 28 || perClass > 100 && total < 100000 {
		t.Errorf("only %d classes and %d pastes", len(classes), total)
	}
	fmt.Printf("%-40s %8s  %s\n", "wrong pastes, seed "+fmt.Sprint(seed), "count", "refused by")
	for _, c := range classes {
		fmt.Printf("%-40s %8d  %s\n", c.Name, sum(h.counts[c.Name]), strings.Join(slices.Sorted(maps.Keys(h.counts[c.Name])), ", "))
	}
	fmt.Printf("%d wrong pastes in %d classes: %d reached the ledger or a place, %d findings\n", total, len(classes), reached(h.findings), len(h.findings))
}

// TestLegalPastes: none is refused, and what is kept is what was meant.
func TestLegalPastes(t *testing.T) {
	_, _, right := amounts()
	findings := legal(t, seed, right, plant{})
	fails(t, findings)
	fmt.Printf("%d legal pastes, seed %d: %d findings\n", right, seed, len(findings))
}

// fails reports the first findings, and how to see them again.
func fails(t *testing.T, findings []string) {
	t.Helper()
	for _, f := range findings[:min(len(findings), 20)] {
		t.Error(f)
	}
	if len(findings) > 0 {
		t.Errorf("%d findings; again with: QUARTERTURN_PASTES=%s go test -count=1 -run '^%s$' ./test/pastes", len(findings),
			os.Getenv("QUARTERTURN_PASTES"), t.Name())
	}
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

func reached(findings []string) (n int) {
	for _, f := range findings {
		if strings.Contains(f, "reached the") || strings.Contains(f, "stands in") {
			n++
		}
	}
	return n
}
