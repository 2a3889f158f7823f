package rotator

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// behaviour is one vendor, the people around it and the passes that look at it, drawn from one number. What is drawn here
// is the truth: nothing of it is known to the rotator but what the wire shows and a person says.
type behaviour struct {
	n       uint64
	truth   string          // what becomes of the pairs: a row of the table
	wire    string          // how the line lies about it: a column
	rate    float64         // share of the calls that the wire spoils
	victim  string          // whose calls: "old", "new", "random" or "" for all
	sticky  bool            // calls reach one edge for an hour; otherwise any, call by call
	bites   []time.Duration // per edge: from the revocation until it refuses the old pair
	knows   []time.Duration // per edge: from the creation until it knows the new pair
	denied  []spell         // per edge: when it refuses the old pair although that lives, from the request on
	outage  spell           // when its own check is broken for everybody, from the beginning on
	code    string          // of its refusals
	newer   bool            // generation of answers
	cadence time.Duration   // between passes
	after   time.Duration   // how long the person takes for what is asked
	pair    string          // what the new pair is: "issued", "never issued", "sandbox", "other tenant"
	person  string          // "honest", "silent" (revokes without a word), "mistaken" (a word without revoking), "wrong key", "idle"
	skew    time.Duration   // of the vendor's clock
	stale   time.Duration   // how old an answer out of a cache may be
	hours   int             // how long it is watched after the request
}

// spell is a time in which an edge refuses a living pair, over and over: refuse for bad, accept for good.
type spell struct{ from, bad, good, ends time.Duration }

func (s spell) refuses(at time.Duration) bool {
	return at >= s.from && at < s.ends && (at-s.from)%(s.bad+s.good) < s.bad
}

// What is promised is promised within these bounds; docs/decisions/0025 says why they are needed at all.
const (
	longestDelay = 120 * time.Minute // a revocation, a creation or a stale answer takes no longer to spread, nor does a refusal of a living pair
	// last longer where somebody says that it was revoked; where nobody does, it lasts less than a day
	shortestGood  = 16 * time.Minute // a living pair that was refused everywhere is accepted again for so long
	longestPasses = 15 * time.Minute // between two passes, where a living pair is refused off and on
)

func minutes(r *rand.Rand, from, to int) time.Duration {
	return time.Duration(from+r.IntN(to-from+1)) * time.Minute
}

func oneOf[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// draw makes the n-th behaviour. Truths and wires are met in turn, all with all; the rest is chance.
func draw(n uint64) behaviour {
	r := rand.New(rand.NewPCG(n, 25))
	truths, wires := truths(), wires()
	t := truths[n%uint64(len(truths))]
	w := wires[(n/uint64(len(truths)))%uint64(len(wires))]
	b := behaviour{n: n, truth: t.name, wire: w.name, rate: oneOf(r, 0.05, 0.2, 0.5, 1), victim: oneOf(r, "", "old", "old", "new", "random"),
		sticky: r.IntN(2) == 0, code: oneOf(r, "BLUM-401-003", "BLUM-401-004", "BLUM-401-005"), newer: r.IntN(2) == 0,
		cadence: oneOf(r, 5*time.Minute, longestPasses, longestPasses, longestPasses), after: minutes(r, 0, 90), pair: "issued",
		person: "honest", stale: minutes(r, 1, 120), hours: 7}
	for range 1 + r.IntN(3) {
		b.bites, b.knows, b.denied = append(b.bites, 0), append(b.knows, 0), append(b.denied, spell{bad: 1})
	}
	t.draw(r, &b)
	w.draw(r, &b)
	if b.denies() && (b.victim == "old" || b.victim == "") && b.outage.bad == 0 {
		b.victim = oneOf(r, "new", "random")
	}
	return b
}

// truth is one kind of what becomes of the pairs.
type truth struct {
	name string
	draw func(r *rand.Rand, b *behaviour)
}

func truths() []truth {
	return []truth{
		{"revoked, bites at once", func(*rand.Rand, *behaviour) {}},
		{"revoked, bites in 0-120 min", func(r *rand.Rand, b *behaviour) { b.allBite(minutes(r, 0, 120)) }},
		{"revoked, each edge in its time", edgesBite},
		{"revoked, one edge in 120 min", func(r *rand.Rand, b *behaviour) {
			edgesBite(r, b)
			b.bites = append(b.bites, longestDelay)
			b.denied, b.knows = append(b.denied, spell{bad: 1}), append(b.knows, 0)
		}},
		{"revoked without a word", func(r *rand.Rand, b *behaviour) {
			edgesBite(r, b)
			b.person = "silent"
		}},
		{"not revoked, and nobody says so", func(_ *rand.Rand, b *behaviour) { b.person, b.hours = "idle", 3 }},
		{"not revoked, and somebody says so", func(_ *rand.Rand, b *behaviour) { b.person = "mistaken" }},
		{"refused for up to 120 min, alive", refusedOnce("idle")},
		{"the same, and somebody says so", refusedOnce("mistaken")},
		{"refused off and on, alive", flapping("idle")},
		{"refused by one edge of four, alive", oneEdge("idle")},
		{"by one of four, and said revoked", oneEdge("mistaken")},
		{"the new one is revoked instead", func(r *rand.Rand, b *behaviour) { edgesBite(r, b); b.person = "wrong key" }},
		{"the new one spreads in 0-120 min", func(r *rand.Rand, b *behaviour) {
			for i := range b.knows {
				b.knows[i] = minutes(r, 0, 120)
			}
		}},
		{"the new one was never issued", func(_ *rand.Rand, b *behaviour) { b.pair = "never issued" }},
		{"the new one is of the sandbox", func(_ *rand.Rand, b *behaviour) { b.pair, b.newer = "sandbox", true }},
		{"the new one is of another tenant", func(_ *rand.Rand, b *behaviour) { b.pair = "other tenant" }},
	}
}

func (b *behaviour) allBite(d time.Duration) {
	for i := range b.bites {
		b.bites[i] = d
	}
}

func edgesBite(r *rand.Rand, b *behaviour) {
	for i := range b.bites {
		b.bites[i] = minutes(r, 0, 120)
	}
}

// refusedOnce: every edge refuses the living pair, for one stretch.
func refusedOnce(person string) func(*rand.Rand, *behaviour) {
	return func(r *rand.Rand, b *behaviour) {
		s := spell{from: minutes(r, 0, 180), bad: minutes(r, 1, 120), good: time.Hour}
		s.ends = s.from + s.bad
		b.denyAll(s)
		b.person = person
	}
}

// flapping: every edge refuses it over and over, and accepts it in between.
func flapping(person string) func(*rand.Rand, *behaviour) {
	return func(r *rand.Rand, b *behaviour) {
		s := spell{from: minutes(r, 0, 60), bad: minutes(r, 5, 120), good: shortestGood + minutes(r, 0, 60), ends: 100 * time.Hour}
		b.denyAll(s)
		b.person, b.hours = person, 9
	}
}

// oneEdge: one edge of four refuses it most of the time, and any call may reach any edge.
func oneEdge(person string) func(*rand.Rand, *behaviour) {
	return func(r *rand.Rand, b *behaviour) {
		b.bites, b.knows = make([]time.Duration, 4), make([]time.Duration, 4)
		lies := spell{from: minutes(r, 0, 60), bad: longestDelay, good: minutes(r, 0, 60), ends: 100 * time.Hour}
		b.denied = []spell{lies, {bad: 1}, {bad: 1}, {bad: 1}}
		b.sticky, b.person, b.hours = false, person, 5
	}
}

// denies: a living pair is refused for a while, or off and on; the line does not hide the other answers, nor keep that one.
func (b behaviour) denies() bool { return b.denied[0].ends > 0 }

func (b *behaviour) denyAll(s spell) {
	for i := range b.denied {
		b.denied[i] = s
	}
}

func (b behaviour) String() string {
	return fmt.Sprintf("QUARTERTURN_VENDORS=%d: %s; wire: %s, %d%% of the calls of %q; person %s after %s; a pass every %s; edges bite %v, know %v, "+
		"deny %v; sticky %v", b.n, b.truth, b.wire, int(b.rate*100), b.victim, b.person, b.after, b.cadence, b.bites, b.knows, b.denied, b.sticky)
}
