package rotator

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quarterturn/secret"
	"quarterturn/vendors"
)

const (
	neverCloses = "an honest vendor and an honest person, and it does not close"
	vendorsAll  = 100_000 // make test-vendors
)

// trial lives through behaviours; the same number is the same behaviour, always.
type trial struct {
	profile vendors.Profile
	keys    secret.Keys
	plant   planted
}

func newTrial(t *testing.T) trial {
	t.Helper()
	all, err := vendors.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(p vendors.Profile) bool { return p.Name == "bluum" })
	keys, err := secret.ParseKeys(strings.NewReader("qtf-00000001:" + strings.Repeat("5a", 32)))
	if err != nil || i < 0 {
		t.Fatal("no profile, or no keys: ", err)
	}
	return trial{profile: all[i], keys: keys}
}

func (tr trial) run(n uint64) (behaviour, outcome) {
	b := draw(n)
	l, err := newLife(b, tr.plant, tr.profile, tr.keys)
	if err != nil {
		return b, outcome{wrong: []string{"it could not begin: " + err.Error()}}
	}
	o := l.live(tr.plant)
	if b.useful() && !o.closed {
		o.wrong = append(o.wrong, neverCloses)
	}
	return b, o
}

// useful: nothing stands in the way of an end.
func (b behaviour) useful() bool {
	return b.wire == "honest" && b.pair == "issued" && (b.person == "honest" || b.person == "silent") && slices.Max(b.knows) == 0
}

// tally counts outcomes by a name.
type tally struct {
	lives, staged, asked, closed, turned, wiped, wrong, calls int
	took                                                      time.Duration
}

func (t *tally) add(o outcome) {
	t.lives, t.calls, t.wrong = t.lives+1, t.calls+o.calls, t.wrong+min(1, len(o.wrong))
	for count, is := range map[*int]bool{&t.staged: o.staged, &t.asked: o.asked, &t.closed: o.closed, &t.turned: o.turned, &t.wiped: o.wiped} {
		if is {
			*count++
		}
	}
	if o.closed {
		t.took += o.took
	}
}

func (t *tally) line() string {
	mean := "-"
	if t.closed > 0 {
		mean = (t.took / time.Duration(t.closed)).Round(time.Minute).String()
		mean = strings.TrimSuffix(mean, "0s")
	}
	return fmt.Sprintf("%7d %7d %7d %7d %8s %7d %7d %6d", t.lives, t.staged, t.asked, t.closed, mean, t.turned, t.wiped, t.wrong)
}

// report is what is printed at the end.
type report struct {
	mu            sync.Mutex
	all           tally
	truths, wires map[string]*tally
	wrong         []string
}

func newReport() *report { return &report{truths: map[string]*tally{}, wires: map[string]*tally{}} }

func (r *report) add(b behaviour, o outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for by, name := range map[*map[string]*tally]string{&r.truths: b.truth, &r.wires: b.wire} {
		if (*by)[name] == nil {
			(*by)[name] = &tally{}
		}
		(*by)[name].add(o)
	}
	r.all.add(o)
	if len(o.wrong) > 0 && len(r.wrong) < 20 {
		r.wrong = append(r.wrong, o.wrong[0]+"\n    "+b.String())
	}
}

func (r *report) print(t *testing.T) {
	const head = "%-36s   lives  staged   asked  closed    after  turned   wiped  WRONG"
	t.Logf(head, "what is true")
	for _, tr := range truths() {
		t.Logf("%-36s %s", tr.name, r.truths[tr.name].line())
	}
	t.Logf(head, "what the line makes of it")
	for _, w := range wires() {
		t.Logf("%-36s %s", w.name, r.wires[w.name].line())
	}
	t.Logf("%-36s %s", "all", r.all.line())
	t.Logf("%d calls to the vendor. turned: another new pair is asked for. wiped: the new pair was alive then, and has to be pasted again", r.all.calls)
}

// A vendor, a line and people as bad as they may be: never is a living pair proven dead, nor a rotation closed before its
// old pair is dead, nor a new pair taken for good that is not.
func TestVendorsNeverAFalseDeath(t *testing.T) {
	sample := uint64(len(truths()) * len(wires())) // every truth with every wire, once
	tr, from, to := newTrial(t), uint64(0), sample
	switch only := os.Getenv("QUARTERTURN_VENDORS"); only {
	case "":
	case "all":
		to = vendorsAll
	default:
		n, err := strconv.ParseUint(only, 10, 64)
		if err != nil {
			t.Fatalf("QUARTERTURN_VENDORS is %q: \"all\", or the number of a behaviour", only)
		}
		b, o := tr.run(n)
		t.Logf("%s\n%+v", b, o)
		from, to = n, n+1
	}
	r := newReport()
	tr.each(from, to, func(b behaviour, o outcome) bool { r.add(b, o); return true })
	if to-from > 1 {
		r.print(t)
	}
	for _, w := range r.wrong {
		t.Errorf("%s", w)
	}
	t.Logf("%d behaviours, %d wrong; make test lives through %d fixed ones, make test-vendors through %d", r.all.lives, r.all.wrong, sample, vendorsAll)
}

// each runs the behaviours from <= n < to on every core, until done says no.
func (tr trial) each(from, to uint64, done func(behaviour, outcome) bool) {
	var next atomic.Uint64
	var all sync.WaitGroup
	next.Store(from)
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for n := next.Add(1) - 1; n < to; n = next.Add(1) - 1 {
				b, o := tr.run(n)
				if n%10_000 == 9_999 {
					fmt.Printf("    %d behaviours\n", n+1)
				}
				if !done(b, o) {
					next.Store(to)
				}
			}
		})
	}
	all.Wait()
}
