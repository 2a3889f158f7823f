// Package arch holds what the compiler cannot: who may import whom inside the project (docs/design.md, section 5) and
// the numbers of section 9. It has tests only, and every checker in it is itself shown a tree that must fail.
package arch

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

const module = "quarterturn"

// row is one line of section 5. Folders are relative to the module; "x/*" is any one folder in x, "x/..." is x and
// everything below, "*" alone everything.
type row struct {
	folder string
	may    []string // own packages its non-test files may import
	why    string   // said when something else is imported
}

// The contracts: each is a small vocabulary that the rest agrees on.
var contracts = []string{"policies", "vendors", "backends", "cicd", "notify"}

// Suites are exported test code: a product that links one would carry its tests around.
var suites = []string{"backends/backendtest", "ledger/ledgertest", "secret/secrettest", "internal/crashtest",
	"notify/notifytest"}

// The first row whose folder matches a package holds it.
var table = []row{
	{"secret", nil, "everything depends on it, so it depends on nothing"},
	{"secret/secrettest", []string{"secret"}, "it serves the tests of every package, so it may pull in none of them"},
	{"policies", nil, "pure rules: facts in, a finding out"},
	{"vendors", []string{"secret", "internal/httpx", "internal/strict"},
		"a profile is data and a prober one HTTP call; neither needs more"},
	{"vendors/*", []string{"vendors", "secret", "internal/httpx", "internal/conn/*"},
		"an issuer speaks to its vendor and nothing else"},
	{"backends", []string{"secret"}, "a contract names values and nothing that implements or uses it"},
	{"backends/backendtest", []string{"backends", "secret"},
		"the suite runs on foreign plugins too, so it may know the contract alone"},
	{"backends/*", []string{"backends", "secret", "internal/httpx", "internal/conn/*", "internal/strict"},
		"a place knows its contract and its wire, never what it is used for"},
	{"cicd", []string{"secret"}, "a contract names values and nothing that implements or uses it"},
	{"cicd/*", []string{"cicd", "backends", "secret", "internal/httpx", "internal/conn/*", "internal/strict"},
		"a pipeline knows its contract and its wire; backends because it may hold its own secrets"},
	{"notify", nil, "a message has no room for a value, so it cannot even name one"},
	{"notify/notifytest", []string{"notify"}, "the suite runs on every sender, so it may know the contract alone"},
	{"notify/*", []string{"notify", "secret", "internal/httpx", "internal/conn/*", "internal/strict"},
		"a sender knows messages and its wire"},
	{"rotator", append([]string{"secret"}, contracts...),
		"the one place that knows what a rotation is must see contracts only, so that decide stays pure"},
	{"ledger", append([]string{"rotator", "secret"}, contracts...),
		"it stores what rotator says and decides nothing"},
	{"ledger/ledgertest", append([]string{"rotator", "secret"}, contracts...),
		"the suite knows the contract, never one implementation"},
	{"intake", []string{"rotator", "vendors", "backends", "secret"}, "every intake ends in rotator.Accept and reaches no store"},
	{"internal/config", []string{"policies", "vendors", "internal/strict"},
		"it receives kinds and decoders from cmd, so that a new kind never touches it"},
	{"internal/strict", nil, "plain decoding: it must be usable by every adapter"},
	{"internal/seal/*", []string{"secret", "internal/conn/*"}, "a sealer wraps a data key and knows nothing of pairs"},
	{"internal/conn/*", []string{"secret", "internal/httpx"}, "a login shared by adapters may depend on none of them"},
	{"internal/httpx", nil, "one HTTP client below everything that speaks HTTP"},
	{"internal/console", []string{"rotator", "intake", "secret"}, "pages say words and show the read model; they reach no store"},
	{"internal/sim", nil, "the simulated world imports nothing of the project, so that it cannot share our mistakes"},
	{"internal/crashtest", append([]string{"rotator", "secret"}, contracts...),
		"it wraps contracts with faults; an adapter in it would tie the faults to one implementation"},
	{"cmd/...", []string{"*"}, ""},
	{"test/...", []string{"*"}, ""},
}

// ban is what no row may ever allow, whoever edits the table.
type ban struct {
	name     string
	from, to func(folder string) bool
	tests    bool // test files are held to it too
	why      string
}

var bans = []ban{
	{"anything to cmd", not(in("cmd/...")), in("cmd/..."), true,
		"cmd is the wiring list: whoever imports it knows every adapter"},
	{"contract or adapter to rotator or ledger", anyOf(isContract, isAdapter), in("rotator/...", "ledger/..."), true,
		"a contract or adapter that can name a rotation starts to decide about it"},
	{"adapter to adapter", isAdapter, isAdapter, false,
		"adapters are exchanged one by one; what two share belongs in internal/conn"},
	{"rotator to a subfolder", in("rotator"), func(folder string) bool { return strings.Contains(folder, "/") }, false,
		"subfolders are implementations and plumbing; rotator sees contracts only"},
	{"product to a suite", not(in(append([]string{"test/...", "cmd/..."}, suites...)...)), in(suites...), false,
		"suites are test code and may be imported from _test.go files alone"},
	{"cmd to a suite other than backendtest", in("cmd/..."),
		in("ledger/ledgertest", "secret/secrettest", "internal/crashtest", "notify/notifytest"), false,
		"cmd may run backendtest on plugins; every other suite is for tests alone"},
	{"sim to the project", in("internal/sim/..."), func(string) bool { return true }, false,
		"the simulated world imports the standard library alone, so that it cannot share our mistakes"},
}

func isContract(folder string) bool { return folder == "secret" || slices.Contains(contracts, folder) }

func isAdapter(folder string) bool {
	return in("vendors/*", "backends/*", "cicd/*", "notify/*")(folder) && !slices.Contains(suites, folder)
}

func in(patterns ...string) func(string) bool {
	return func(folder string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, folder) })
	}
}

func not(f func(string) bool) func(string) bool {
	return func(folder string) bool { return !f(folder) }
}

func anyOf(fs ...func(string) bool) func(string) bool {
	return func(folder string) bool {
		return slices.ContainsFunc(fs, func(f func(string) bool) bool { return f(folder) })
	}
}

func matches(pattern, folder string) bool {
	if root, deep := strings.CutSuffix(pattern, "/..."); deep {
		return folder == root || strings.HasPrefix(folder, root+"/")
	}
	if pattern == "*" {
		return true
	}
	ok, err := path.Match(pattern, folder)
	return err == nil && ok
}

// pkg is one package as go list sees it; imports are whole import paths.
type pkg struct {
	folder               string
	imports, testImports []string
}

// violations says everything that is wrong with one package's imports.
func violations(p pkg) []string {
	i := slices.IndexFunc(table, func(r row) bool { return matches(r.folder, p.folder) })
	if i < 0 {
		return []string{p.folder + " is unknown: add it to the table in docs/design.md section 5 and in test/arch"}
	}
	var out []string
	for _, imported := range p.imports {
		if why := forbidden(table[i], p.folder, imported); why != "" {
			out = append(out, fmt.Sprintf("%s imports %s: %s", p.folder, imported, why))
		}
	}
	for _, imported := range p.testImports {
		if why := forbiddenInTests(p.folder, imported); why != "" {
			out = append(out, fmt.Sprintf("a test of %s imports %s: %s", p.folder, imported, why))
		}
	}
	return out
}

// forbidden returns why the import is not allowed in non-test files, "" when it is.
func forbidden(r row, from, imported string) string {
	to, own := ownFolder(imported)
	if !own {
		if in("internal/sim/...")(from) && !standard(imported) {
			return r.why
		}
		return ""
	}
	for _, b := range bans {
		if b.from(from) && b.to(to) {
			return b.why
		}
	}
	if !in(r.may...)(to) {
		return fmt.Sprintf("%s (its row allows: %s)", r.why, list(r.may))
	}
	return ""
}

// forbiddenInTests is the looser row: a test may reach for any part of the house that its subject could meet, but cmd
// stays unimported, and contracts and adapters are tested without a rotation.
func forbiddenInTests(from, imported string) string {
	to, own := ownFolder(imported)
	if !own || to == from {
		return ""
	}
	for _, b := range bans {
		if b.tests && b.from(from) && b.to(to) {
			return b.why
		}
	}
	return ""
}

func ownFolder(imported string) (string, bool) {
	return strings.CutPrefix(imported, module+"/")
}

// standard reports whether an import path is of the standard library: its first element has no dot, and is not ours.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".") && first != module
}

func list(may []string) string {
	if len(may) == 0 {
		return "nothing of the project"
	}
	return strings.Join(may, ", ")
}
