package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"quarterturn/rotator"
	"quarterturn/secret/secrettest"
)

// check holds the invariants against the world from outside the core, after a pass.
func (b *bench) check() {
	b.t.Helper()
	b.awaited() // first: a service's call may take its time
	b.served()
	b.unmixed()
	b.writtenOnce()
	b.whole()
}

// served is I-1: whatever quarterturn did, the vendor serves every consumer.
func (b *bench) served() {
	b.t.Helper()
	if b.broken {
		return
	}
	for i, s := range b.services() {
		if status := s.Work(b.ctx); status != http.StatusOK {
			r := b.rotation()
			b.t.Fatalf("I-1: the vendor answers consumer %d with status %d while the rotation is %s: %s", i, status, r.State, r.Why)
		}
	}
}

// unmixed is I-3: no file ever holds the key of one pair with the secret of another, nor a pair from nowhere.
func (b *bench) unmixed() {
	b.t.Helper()
	for _, env := range b.envs {
		key, secret := b.inFile(env)
		if key == "" && secret == "" {
			continue
		}
		if want, known := b.known[key]; !known || want != secret {
			b.t.Fatalf("I-3: %s holds a key with a secret that is not its own", env)
		}
	}
}

// writtenOnce is I-7: one write for each place and generation, unless a person's hand undid it.
func (b *bench) writtenOnce() {
	b.t.Helper()
	for what, n := range b.tap.written() {
		if n > 1+b.rewrites {
			b.t.Fatalf("I-7: %d writes of %s to %s", n, what.pair, what.place)
		}
	}
}

var oneCommand = regexp.MustCompile(`^quarterturn [a-z]+( [^;|&\n]+)?$`)

// awaited is L-1: whatever is open waits for a time to come, and names at most one command, which is not refused.
func (b *bench) awaited() {
	b.t.Helper()
	for _, r := range b.open() {
		opened := r.Why == "opened" && r.OpenedAt.Equal(b.clock.now()) // by this pass; the next one looks
		if !r.NextAt.After(b.clock.now()) && r.Command == "" && !opened {
			b.t.Fatalf("L-1: %s waits for nobody and for no time to come: %s", r.State, r.Why)
		}
		b.runnable(r.State, r.Command, r.Why)
	}
	if st, err := b.standing(b.ctx); err != nil || st.Rotation == nil {
		b.must(err)
		b.runnable("idle", st.Command, st.Why)
	}
}

// runnable tries a command out, once for each state, on a copy of everything quarterturn keeps.
func (b *bench) runnable(state rotator.State, command, why string) {
	b.t.Helper()
	if command == "" || b.asked[string(state)+command] {
		return
	}
	b.asked[string(state)+command] = true
	if !oneCommand.MatchString(command) {
		b.t.Fatalf("L-1: in %s the next command is %q", state, command)
	}
	code, out := b.tryOut(strings.Fields(command)[1:])
	finds := strings.HasPrefix(command, "quarterturn check") && code == exitUsage // what is wrong with the configuration
	if code == exitUsage && !finds || strings.Contains(out, "error:") {
		b.t.Errorf("L-1: in %s (%s) the next command %q is refused with %d:\n%s", state, why, command, code, out)
	}
}

// tryOut runs a command in a copy of the folder, with a clock of its own: nothing of it comes back but what it printed.
func (b *bench) tryOut(args []string) (int, string) {
	b.t.Helper()
	there := &bench{stage: &stage{dir: b.t.TempDir(), w: b.w}, t: b.t, ctx: b.ctx, as: b.whoMay(args[0])}
	now := &clock{at: b.clock.now()}
	there.w.now, there.w.wait = now.now, now.wait
	b.copyTo(there.dir)
	code := there.line(b.says(args), args...)
	b.everything.WriteString(there.out)
	return code, there.out
}

// whoMay is a person who may say it: the one who brought a pair in does not approve its revocation.
func (b *bench) whoMay(verb string) string {
	if verb == "approve" {
		return "bob@acme.example"
	}
	return b.as
}

// says is what a printed command leaves to the person, as lines on standard input.
func (b *bench) says(args []string) string {
	switch {
	case args[0] == "submit":
		return "BLUUM_API_KEY=" + b.old.Key + "\nBLUUM_API_SECRET=" + b.old.Secret + "\n"
	case args[0] == "revoked":
		which := b.rotation().Old
		if len(args) == 4 {
			which = rotator.PairID(args[3])
		}
		return last4(b.pairShown(which)) + "\n"
	case args[0] == "attest" && slices.Contains(args, "--environment"):
		return "Acme Trading\n"
	}
	return "as the story goes\n" + b.clock.now().Add(time.Hour).Format("2006-01-02T15:04Z07:00") + "/1h\n"
}

func (b *bench) copyTo(dir string) {
	b.t.Helper()
	for _, name := range b.files() {
		if strings.HasSuffix(name, "-shm") {
			continue // rebuilt from the log
		}
		text, err := os.ReadFile(b.path(name))
		b.must(err)
		b.must(os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
}

func (b *bench) files() (names []string) {
	entries, err := os.ReadDir(b.dir)
	b.must(err)
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names
}

// whole: the trail is as it was written.
func (b *bench) whole() {
	b.t.Helper()
	report, err := b.shop.ledger.Verify(b.ctx)
	b.must(err)
	for _, p := range report.Problems {
		b.t.Fatalf("the ledger's %s, event %d: %s", p.Chain, p.Seq, p.What)
	}
}

// leaks is I-18: no value in the ledger, the trail, anything printed, or any file beside the places themselves.
func (b *bench) leaks() {
	b.t.Helper()
	b.leaksIn("what was printed", b.everything.Bytes())
	b.leaksIn("the trail", b.trail())
	b.must(b.shop.Close()) // which leaves one file
	b.shop = nil
	for _, name := range b.files() {
		if strings.HasSuffix(name, ".env") {
			continue
		}
		text, err := os.ReadFile(b.path(name))
		b.must(err)
		b.leaksIn(name, text)
	}
}

// recounts wants a sentence in the trail.
func (b *bench) recounts(want string) {
	b.t.Helper()
	if !strings.Contains(string(b.trail()), want) {
		b.t.Errorf("the trail does not say %q", want)
	}
}

// trail is every event, without the hashes, which the ledger's file has as well.
func (b *bench) trail() []byte {
	chains, err := b.shop.ledger.Chains(b.ctx)
	b.must(err)
	var all []byte
	for _, id := range chains {
		events, err := b.shop.ledger.Events(b.ctx, id)
		b.must(err)
		for _, e := range events {
			e.Prev, e.Hash = "", ""
			maps.DeleteFunc(e.Data, func(name, _ string) bool { return strings.HasPrefix(name, "call.") })
			text, err := json.Marshal(e)
			b.must(err)
			all = append(all, text...)
		}
	}
	return all
}

// chance is how many runs of eight bytes of a story's values may stand in its hashes by accident: values and hashes are
// hex digits both, and one run in 4 billion is the same. A value of 12 bytes or more makes five.
const chance = 4

// padding is what a ledger's pages are filled up with.
var padding = regexp.MustCompile(`\x00{16,}`)

func (b *bench) leaksIn(where string, text []byte) {
	b.t.Helper()
	var needles []string
	for _, s := range b.ids {
		needles = append(needles, s.Key, s.Secret)
	}
	for _, line := range secrettest.Find(padding.ReplaceAll(text, nil), needles...) {
		count, _, _ := strings.Cut(line[strings.LastIndex(line, ": ")+2:], " ")
		if n, err := strconv.Atoi(count); err != nil || n > chance {
			b.t.Errorf("I-18: in %s: %s", where, line)
		}
	}
}
