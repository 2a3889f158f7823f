package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// stopOver is one command line of the tour.
type stopOver struct {
	line  string // FRESH is the pair's last four characters, DIR a folder that is heard out at the end
	stdin string // "" or "pair": the pair in use is on standard input; "half": its secret alone
}

// leakTour is every command, in an order that leaves the next one something to say. What is refused in the state a story
// ended in is heard as well: refusals are where neighbouring text slips into messages.
func leakTour() []stopOver {
	return []stopOver{
		{"status", ""}, {"status NAME", ""}, {"plan", ""}, {"plan NAME", ""}, {"work", ""}, {"check", ""}, {"check NAME", ""},
		{"config", ""}, {"config check", ""}, {"config show", ""}, {"config schema", ""},
		{"audit", ""}, {"audit verify", ""}, {"audit export --file DIR/trail.jsonl", ""}, {"audit verify --export DIR/trail.jsonl", ""},
		{"evidence NAME", ""}, {"identify", "pair"}, {"identify", "half"}, {"fingerprint", ""}, {"fingerprint key app --file DIR/app.key", ""},
		{"fingerprint report", "pair"}, {"adopt NAME", ""}, {"adopt --find NAME --in DIR", "pair"}, {"adopt --csv DIR/list.csv", ""},
		{"submit NAME", "pair"}, {"submit NAME", "half"}, {"rotate NAME --no-wait", ""}, {"run", ""}, {"run --log", ""},
		{"approve NAME --reason seen", ""}, {"revoked NAME --last4 FRESH", ""}, {"attest NAME --consumer app --reason seen", ""},
		{"waive NAME tenant --reason known --for 1d", ""}, {"rollback NAME --reason drill", ""}, {"abandon NAME --reason drill", ""},
		{"resume NAME", ""}, {"rekey", ""}, {"rekey seal", ""}, {"rekey fingerprint", ""}, {"ledger", ""},
		{"ledger backup --file DIR/copy.db", ""}, {"ledger restore --force --file DIR/copy.db", ""}, {"ledger reconcile", ""},
		{"init --environment sandbox --owner owner@acme.example", ""}, {"man --dir DIR", ""}, {"completion bash", ""}, {"version", ""},
		{"demo-restart http://127.0.0.1:1", ""}, {"help", ""}, {"", ""}, {"retire NAME --reason ended", ""}, {"demo --interactive --keep DIR/x", ""},
	}
}

// args are a stop's words in this world.
func (w *leakWorld) args(s stopOver) []string {
	args := strings.Fields(s.line)
	fresh := w.pairs[len(w.pairs)-1]
	for i := range args {
		args[i] = strings.NewReplacer("NAME", demoName, "DIR", w.dir, "FRESH", last4(fresh)).Replace(args[i])
	}
	return args
}

func (w *leakWorld) stdin(s stopOver) string {
	fresh := w.pairs[len(w.pairs)-1]
	switch s.stdin {
	case "pair":
		return pasted(fresh)
	case "half":
		return fresh.Secret + "\n"
	}
	return ""
}

// printKey is the service's own, which fingerprint report takes from the environment.
func (w *leakWorld) printKey() string {
	text, _ := os.ReadFile(w.path("print.key"))
	return strings.TrimSpace(string(text))
}

// tour makes some stops, chosen by the seed, or all for a negative number; each in text and in JSON.
func (w *leakWorld) tour(stops int) error {
	all := leakTour()
	if stops >= 0 {
		w.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		all = all[:stops]
	}
	list := fmt.Sprintf("name,created\n%s,2026-01-01\n%s,x\n", demoName, w.pairs[len(w.pairs)-1].Secret)
	err := os.WriteFile(w.path("list.csv"), []byte(list), 0o600)
	for _, s := range all {
		for range 2 {
			err = errors.Join(err, w.process(func() error {
				w.line("alice@acme.example", w.stdin(s), w.args(s)...)
				return nil
			}))
		}
	}
	return errors.Join(err, os.Remove(w.path("list.csv")))
}

// TestLeakTour hears every command, in both formats, after a rotation; make test-leak before a key was adopted as well.
func TestLeakTour(t *testing.T) {
	root := leakTemp(t)
	var sum leakCount
	befores := []func(*leakWorld) error{func(w *leakWorld) error { return w.play(leakLanes()[0]) }}
	if leakAll() {
		befores = append(befores, func(*leakWorld) error { return nil })
	}
	for _, before := range befores {
		dir, err := os.MkdirTemp(root, "tour-*")
		if err != nil {
			t.Fatal(err)
		}
		w, err := newLeakWorld(t.Context(), leakOptions{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		w.w.environ = append(w.w.environ, "QUARTERTURN_PRINT_KEY="+w.printKey())
		if err := errors.Join(before(w), w.tour(-1), w.collect(), w.end()); err != nil {
			t.Fatal(err)
		}
		sum.add(w.book.read(w.pairs))
	}
	for _, f := range sum.Findings {
		t.Error(f)
	}
	fmt.Printf("leak: every command in text and JSON, in %d worlds\n%s", len(befores), sum.table())
}

// TestLeakTourIsWhole fails when a command is added that the tour doesn't make.
func TestLeakTourIsWhole(t *testing.T) {
	made := map[string]bool{}
	root := (&app{w: scriptWorld()}).root()
	root.InitDefaultHelpCmd()
	for _, s := range leakTour() {
		c, _, err := root.Find(strings.Fields(s.line))
		if err != nil {
			t.Fatalf("%q: %v", s.line, err)
		}
		made[c.CommandPath()] = true
	}
	for _, c := range below(root) {
		if !made[c.CommandPath()] {
			t.Errorf("%s is not in leakTour: what it says and leaves is not searched for secrets", c.CommandPath())
		}
	}
	if len(made) < 30 {
		t.Errorf("the tour makes %d commands", len(made))
	}
}

func below(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		all = append(all, below(sub)...)
	}
	return all
}
