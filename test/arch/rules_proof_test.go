package arch

import (
	"strings"
	"testing"
)

// TestRulesCanFail shows the checker trees that break one rule each, and trees that break none.
func TestRulesCanFail(t *testing.T) {
	for name, tc := range map[string]struct {
		folder  string
		imports []string
		tests   []string
		want    string // in the one violation; "" none
	}{
		"allowed":                   {"backends/dotenv", []string{"os", "quarterturn/secret", "quarterturn/backends"}, nil, ""},
		"library":                   {"backends/dotenv", []string{"github.com/google/renameio/v2"}, nil, ""},
		"adapter to shared login":   {"cicd/ecs", []string{"quarterturn/internal/conn/aws"}, nil, ""},
		"unknown package":           {"helpers", nil, nil, "add it to the table"},
		"unknown depth":             {"backends/aws/kms", nil, nil, "add it to the table"},
		"not in the row":            {"intake", []string{"quarterturn/cicd"}, nil, "its row allows: rotator, vendors"},
		"nothing in the row":        {"policies", []string{"quarterturn/secret"}, nil, "its row allows: nothing of the project"},
		"anything to cmd":           {"intake", []string{"quarterturn/cmd/quarterturn"}, nil, "wiring list"},
		"cmd in a test":             {"intake", nil, []string{"quarterturn/cmd/quarterturn"}, "wiring list"},
		"contract to rotator":       {"cicd", []string{"quarterturn/rotator"}, nil, "name a rotation"},
		"adapter to ledger":         {"backends/dotenv", []string{"quarterturn/ledger"}, nil, "name a rotation"},
		"adapter's test to rotator": {"backends/dotenv", nil, []string{"quarterturn/rotator"}, "name a rotation"},
		"adapter to adapter":        {"cicd/github", []string{"quarterturn/backends/dotenv"}, nil, "internal/conn"},
		"rotator to a subfolder":    {"rotator", []string{"quarterturn/internal/httpx"}, nil, "subfolders are implementations"},
		"product to a suite":        {"intake", []string{"quarterturn/internal/crashtest"}, nil, "suites are test code"},
		"suite from a test":         {"backends/dotenv", nil, []string{"quarterturn/backends/backendtest"}, ""},
		"cmd to backendtest":        {"cmd/quarterturn", []string{"quarterturn/backends/backendtest"}, nil, ""},
		"cmd to another suite":      {"cmd/quarterturn", []string{"quarterturn/secret/secrettest"}, nil, "cmd may run backendtest"},
		"cmd's test to any suite":   {"cmd/quarterturn", nil, []string{"quarterturn/internal/crashtest"}, ""},
		"sim to the project":        {"internal/sim", []string{"quarterturn/secret"}, nil, "cannot share our mistakes"},
		"sim to a library":          {"internal/sim", []string{"golang.org/x/time/rate"}, nil, "cannot share our mistakes"},
		"sim's test comparing":      {"internal/sim", nil, []string{"quarterturn/secret"}, ""},
		"own external test":         {"internal/sim", nil, []string{"quarterturn/internal/sim"}, ""},
	} {
		got := violations(pkg{tc.folder, tc.imports, tc.tests})
		switch {
		case tc.want == "" && len(got) > 0:
			t.Errorf("%s: want no violation, got %q", name, got)
		case tc.want != "" && (len(got) != 1 || !strings.Contains(got[0], tc.want)):
			t.Errorf("%s: want one violation with %q, got %q", name, tc.want, got)
		}
	}
}

// TestRowsObeyBans holds the table itself: no row may allow what a ban forbids, and every row says why.
func TestRowsObeyBans(t *testing.T) {
	for _, r := range table {
		if r.why == "" && !in(r.may...)("anything") {
			t.Errorf("row %s gives no reason", r.folder)
		}
		for _, to := range r.may {
			for _, b := range bans {
				if to != "*" && b.from(r.folder) && b.to(to) {
					t.Errorf("row %s allows %s, which %q forbids", r.folder, to, b.name)
				}
			}
		}
	}
}

func TestDocumented(t *testing.T) {
	const text = "| `pgregory.net/rapid` | why |\n| `github.com/google/renameio/v2` | why |"
	for imported, want := range map[string]bool{
		"os/exec":                           true,
		"quarterturn/secret":                true,
		"pgregory.net/rapid":                true,
		"github.com/google/renameio/v2/sub": true,
		"github.com/google/renameio":        false,
		"github.com/new/one":                false,
	} {
		if got := documented(text, imported); got != want {
			t.Errorf("documented(%s) = %v, want %v", imported, got, want)
		}
	}
}
