package ledger

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"quarterturn/ledger/ledgertest"
	"quarterturn/notify"
	"quarterturn/rotator"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// allRight fails the test at the first error.
func allRight(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestOpenedEvents: a burial that comes with a change gets its "opened" event from the ledger, unless the change tells it.
func TestOpenedEvents(t *testing.T) {
	l, clock, r := scenery(t)
	grave := func(id rotator.ID, pair rotator.PairID) rotator.Rotation {
		return rotator.Rotation{ID: id, Credential: "one", Lane: rotator.Burial, State: rotator.AwaitingRevocation, Old: pair, Why: "it is over"}
	}
	_, err := l.Record(t.Context(), rotator.Change{Rotation: r, Opens: []rotator.Rotation{grave("b1", "x1"), grave("b2", "x2"), grave("b3", "x3")},
		Events: []rotator.Event{{Rotation: "b2", Kind: "opened", Who: "ada"}, {Rotation: "b3", Kind: "seen", Who: "ada"}}})
	allRight(t, err)
	own := func(id rotator.ID, pair string) rotator.Event {
		return rotator.Event{Rotation: id, Seq: 1, At: clock.Now(), Kind: "opened", Who: "quarterturn", To: rotator.AwaitingRevocation,
			Text: "it is over", Data: map[string]string{"pair": pair, "by": "r1"}}
	}
	for id, want := range map[rotator.ID][]rotator.Event{
		"b1": {own("b1", "x1")},
		"b2": {{Rotation: "b2", Seq: 1, At: clock.Now(), Kind: "opened", Who: "ada"}},
		"b3": {own("b3", "x3"), {Rotation: "b3", Seq: 2, At: clock.Now(), Kind: "seen", Who: "ada"}},
	} {
		got, err := l.Events(t.Context(), id)
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(rotator.Event{}, "Prev", "Hash")); err != nil || d != "" {
			t.Errorf("%s: %v (-want +got):\n%s", id, err, d)
		}
	}
	allRight(t, l.Mend(t.Context(), rotator.Mend{Credential: "one", Opens: []rotator.Rotation{grave("b4", "x4")}}))
	if got, err := l.Events(t.Context(), "b4"); err != nil || got[0].Data["by"] != "credential:one" {
		t.Errorf("mended: %+v, %v", got, err)
	}
}

// TestWordsWakeWhomTheyConcern: only a word on the rotation, or on its credential, keeps a change from putting it off.
func TestWordsWakeWhomTheyConcern(t *testing.T) {
	for name, c := range map[string]struct {
		word rotator.Word
		wake bool
	}{
		"on the rotation":           {rotator.Word{Rotation: "r1"}, true},
		"on its credential":         {rotator.Word{Credential: "one"}, true},
		"on another rotation":       {rotator.Word{Rotation: "t1"}, false},
		"on another credential":     {rotator.Word{Credential: "two"}, false},
		"on a burial of its own":    {rotator.Word{Rotation: "b1"}, false},
		"on nobody's credential":    {rotator.Word{Credential: "nobody"}, false},
		"on its credential's chain": {rotator.Word{Credential: "one", Kind: rotator.WaiveIt}, true},
	} {
		l, clock, r := scenery(t)
		allRight(t, l.Open(t.Context(), rotator.Rotation{ID: "b1", Credential: "one", Lane: rotator.Burial, State: rotator.AwaitingRevocation, Old: "x"}))
		_, err := l.Say(t.Context(), c.word)
		allRight(t, err)
		r.NextAt = clock.Now().Add(day)
		_, err = l.Record(t.Context(), rotator.Change{Rotation: r})
		allRight(t, err)
		got, err := rotationOf(t.Context(), l, "r1")
		if awake := !got.NextAt.After(clock.Now()); err != nil || awake != c.wake {
			t.Errorf("a word %s: next at %s, %v", name, got.NextAt, err)
		}
	}
}

// TestLeaseIsNeverShortened by a record that asks for less than is left.
func TestLeaseIsNeverShortened(t *testing.T) {
	l, clock, r := scenery(t)
	_, err := l.Record(t.Context(), rotator.Change{Rotation: r, Lease: time.Minute})
	allRight(t, err)
	clock.Advance(59 * time.Minute)
	if _, err := l.Claim(t.Context(), "r1", "another", time.Minute); err == nil {
		t.Error("taken from who holds it")
	}
}

// TestEarlierTimesStay: what is due earlier is not put off by what rouses it.
func TestEarlierTimesStay(t *testing.T) {
	l, clock, r := scenery(t)
	early := clock.Now()
	r.NextAt = early
	_, err := l.Record(t.Context(), rotator.Change{Rotation: r, Release: true})
	allRight(t, err, l.Stock(t.Context(), rotator.Stock{Items: []rotator.Item{{Credential: "one", State: rotator.IsListed, LookAt: early}}}))
	clock.Advance(time.Minute)
	renewed := pairOf("p0", rotator.Current)
	renewed.Sealed = secret.Sealed("again")
	allRight(t, l.Renew(t.Context(), renewed, pairOf("p0", "").Sealed.Digest()))
	_, err = l.Say(t.Context(), rotator.Word{Credential: "one"})
	allRight(t, err)
	got, err := rotationOf(t.Context(), l, "r1")
	items, itemsErr := l.Inventory(t.Context(), "one")
	allRight(t, err, itemsErr)
	if !got.NextAt.Equal(early) || !items[0].LookAt.Equal(early) {
		t.Errorf("rotation at %s, credential at %s; both were due at %s", got.NextAt, items[0].LookAt, early)
	}
}

// TestTimesComeBackInUTC, and times that nobody gave are those of the ledger's clock.
func TestTimesComeBackInUTC(t *testing.T) {
	clock := ledgertest.NewClock()
	l := open(t, clock.Now)
	ctx, at := t.Context(), clock.Now().In(time.FixedZone("elsewhere", 3600))
	p := rotator.Pair{ID: "p", Credential: "one", Life: rotator.Current, Created: at, BornAt: at.Add(-time.Hour), EndedAt: at}
	r := rotator.Rotation{ID: "r", Credential: "one", Lane: rotator.Routine, State: rotator.DueState, OpenedAt: at.Add(-time.Hour), EnteredAt: at}
	c := rotator.Call{ID: "c", Credential: "one", Reading: vendors.Reading{At: at, ServerTime: at, RetryAt: at}}
	allRight(t, l.Adopt(ctx, p), l.Adopt(ctx, rotator.Pair{ID: "q", Credential: "two"}), l.Open(ctx, r),
		l.Open(ctx, rotator.Rotation{ID: "s", Credential: "two", Lane: rotator.Routine}), l.Log(ctx, c),
		l.Stock(ctx, rotator.Stock{Messages: []notify.Message{{At: at}}}))
	_, err := l.Say(ctx, rotator.Word{Credential: "one", At: at, Expires: at.Add(time.Hour)})
	words, err0 := l.Words(ctx, "one")
	allRight(t, err, err0)
	pairs, err1 := l.Pairs(ctx, "")
	rotations, err2 := l.Rotations(ctx, "")
	calls, err3 := l.Calls(ctx, "one")
	parcels, err4 := l.Outbox(ctx, clock.Now(), 9)
	allRight(t, err1, err2, err3, err4)
	for name, got := range map[string][2]time.Time{
		"created": {pairs[0].Created, at}, "born": {pairs[0].BornAt, p.BornAt}, "ended": {pairs[0].EndedAt, at}, "born now": {pairs[1].BornAt, clock.Now()},
		"opened": {rotations[0].OpenedAt, r.OpenedAt}, "entered": {rotations[0].EnteredAt, at}, "opened now": {rotations[1].OpenedAt, clock.Now()},
		"called": {calls[0].Reading.At, at}, "server": {calls[0].Reading.ServerTime, at}, "retry": {calls[0].Reading.RetryAt, at},
		"said": {words[0].At, at}, "expires": {words[0].Expires, at.Add(time.Hour)},
		"message": {parcels[0].Message.At, at},
	} {
		if !got[0].Equal(got[1]) || got[0].Location() != time.UTC {
			t.Errorf("%s: %s, want %s in UTC", name, got[0], got[1])
		}
	}
}

// TestBodiesHoldNoMore than is asked for: what has a column, and ciphertext, is in no other place of the file.
func TestBodiesHoldNoMore(t *testing.T) {
	l, _, r := scenery(t)
	r.Words = []rotator.Word{{Kind: rotator.Resume}}
	_, err := l.Record(t.Context(), rotator.Change{Rotation: r, Lease: time.Hour})
	allRight(t, err)
	got, err := rotationOf(t.Context(), l, "r1")
	if err != nil || got.Words != nil {
		t.Errorf("a listed rotation has words: %+v, %v", got.Words, err)
	}
	var body, rotation string
	allRight(t, l.db.QueryRowContext(t.Context(), `SELECT pairs.body, rotations.body FROM pairs, rotations WHERE pairs.id = 'p0' AND rotations.id = 'r1'`).
		Scan(&body, &rotation))
	var p rotator.Pair
	var kept rotator.Rotation
	allRight(t, decode(body, &p), decode(rotation, &kept))
	if len(p.Sealed) > 0 || len(p.Prints) > 0 || kept.Rev != 0 || kept.Epoch != 0 {
		t.Errorf("pair %+v, rotation %+v", p, kept)
	}
}

// TestDigestsOutliveCiphertext: the digest of what was wiped is still told.
func TestDigestsOutliveCiphertext(t *testing.T) {
	l, _, _ := scenery(t)
	wiped := pairOf("p0", rotator.Current)
	wiped.Sealed, wiped.Digest = nil, ""
	allRight(t, l.Mend(t.Context(), rotator.Mend{Credential: "one", Pairs: []rotator.Pair{wiped}}))
	all, err := l.Pairs(t.Context(), "one")
	if err != nil || len(all[0].Sealed) > 0 || all[0].Digest != pairOf("p0", "").Sealed.Digest() {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestStrangeTextsAreTidiedFirst: an event is hashed as it will be read back.
func TestStrangeTextsAreTidiedFirst(t *testing.T) {
	l, _, _ := scenery(t)
	strange, tidied := "a\x00b\xff", "a\ufffdb\ufffd"
	e := rotator.Event{Kind: strange, Who: strange, From: rotator.State(strange), To: rotator.State(strange), Text: strange,
		Data: map[string]string{strange: strange}}
	_, err := l.Say(t.Context(), rotator.Word{Rotation: "r1"}, e)
	allRight(t, err)
	all, err := l.Events(t.Context(), "r1")
	allRight(t, err)
	got := all[1]
	if d := cmp.Diff(map[string]string{tidied: tidied}, got.Data); d != "" || got.Kind != tidied || got.Who != tidied || got.Text != tidied ||
		string(got.From) != tidied || string(got.To) != tidied {
		t.Errorf("%+v", got)
	}
	if r := verify(t, l); !r.OK() {
		t.Errorf("%+v", r)
	}
}

// TestNanosAtTheEnds: times that do not fit become the nearest that does, and those at the ends fit.
func TestNanosAtTheEnds(t *testing.T) {
	at := func(year int) time.Time { return time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC) }
	for year, want := range map[int]int64{1677: -1 << 63, 1678: at(1678).UnixNano(), 2261: at(2261).UnixNano(), 2262: 1<<63 - 1} {
		if got := nanos(at(year)); got != want {
			t.Errorf("%d: %d, want %d", year, got, want)
		}
	}
}

// TestDefaults: the numbers that the documentation of Options names.
func TestDefaults(t *testing.T) {
	got, err := Options{}.withDefaults()
	want := Options{KeepCalls: 400 * day, Wait: 5 * time.Second, Gap: time.Second, Failing: 3, Window: 10 * time.Minute}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

// TestClosedTwice: the second time there is nothing to close, and it says so.
func TestClosedTwice(t *testing.T) {
	l, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), ledgertest.NewClock().Now, Options{})
	allRight(t, err, l.Close())
	if l.Close() == nil {
		t.Error("it was closed again")
	}
}

// TestEveryWipeIsSwept: ciphertext that is replaced or given up leaves the file and its log at once, by whichever call; and
// no other write waits for that.
func TestEveryWipeIsSwept(t *testing.T) {
	marker := strings.Repeat("ciphertext that must go away ", 1000)
	p := rotator.Pair{ID: "w", Credential: "four", Life: rotator.Current, Sealed: secret.Sealed(marker)}
	without := p
	without.Sealed = nil
	other := p
	other.Sealed = secret.Sealed("another")
	for name, do := range map[string]func(l *SQLite) error{
		"adopted without it": func(l *SQLite) error { return l.Adopt(t.Context(), without) },
		"renewed":            func(l *SQLite) error { return l.Renew(t.Context(), other, p.Sealed.Digest()) },
		"given up":           func(l *SQLite) error { return l.Renew(t.Context(), without, p.Sealed.Digest()) },
	} {
		l, _, _ := scenery(t)
		allRight(t, l.Adopt(t.Context(), p))
		if !held(t, l, marker[:28]) {
			t.Fatal("the ciphertext is nowhere before: this test sees nothing")
		}
		if info, err := os.Stat(l.path + "-wal"); err != nil || info.Size() == 0 {
			t.Errorf("%s: the log was swept without need: %v", name, err)
		}
		allRight(t, do(l))
		if held(t, l, marker[:28]) {
			t.Errorf("%s, and the ciphertext is still there", name)
		}
	}
}

// TestRecordSweepsOnlyWipes: a record that wipes nothing leaves the log to SQLite.
func TestRecordSweepsOnlyWipes(t *testing.T) {
	l, _, r := scenery(t)
	_, err := l.Record(t.Context(), rotator.Change{Rotation: r, Pairs: []rotator.Pair{pairOf("p0", rotator.Current)}})
	allRight(t, err)
	if info, err := os.Stat(l.path + "-wal"); err != nil || info.Size() == 0 {
		t.Errorf("the log was swept without need: %v", err)
	}
}

// TestWhatAClaimHandsOver: waivers on the credential, and words on this very rotation.
func TestWhatAClaimHandsOver(t *testing.T) {
	l, clock, r := scenery(t)
	_, err := l.Record(t.Context(), rotator.Change{Rotation: r, Release: true})
	allRight(t, err, l.Open(t.Context(), rotator.Rotation{ID: "b1", Credential: "one", Lane: rotator.Burial, State: rotator.AwaitingRevocation, Old: "x"}))
	later := clock.Now().Add(day)
	for _, w := range []rotator.Word{
		{Credential: "one", Kind: rotator.WaiveIt, Expires: later, Text: "handed over"}, {Credential: "one", Kind: rotator.Reviewed, Expires: later},
		{Rotation: "b1", Kind: rotator.WaiveIt, Expires: later}, {Rotation: "t1", Kind: rotator.WaiveIt, Expires: later},
		{Credential: "two", Kind: rotator.WaiveIt, Expires: later}, {Rotation: "r1", Kind: rotator.Resume, Text: "handed over"}} {
		_, err := l.Say(t.Context(), w)
		allRight(t, err)
	}
	got, err := l.Claim(t.Context(), "r1", "worker", time.Minute)
	if err != nil || len(got.Words) != 2 || got.Words[0].Text+got.Words[1].Text != "handed overhanded over" {
		t.Errorf("%+v, %v", got.Words, err)
	}
}

// TestReadyLimits: no more than asked for, and nothing when nothing is; what there is one of is told all the same.
func TestReadyLimits(t *testing.T) {
	l, clock, _ := scenery(t)
	ctx, now := t.Context(), clock.Now()
	allRight(t, l.Stock(ctx, rotator.Stock{Digest: "d1", Items: []rotator.Item{{Credential: "one", State: rotator.IsListed}},
		Messages: []notify.Message{{What: "first"}, {What: "second"}}}))
	for limit, want := range map[int]int{-1: 0, 0: 0, 1: 1} {
		a, err := l.Ready(ctx, now, limit)
		parcels, err2 := l.Outbox(ctx, now, limit)
		allRight(t, err, err2)
		if len(a.Rotations) != want || len(a.Credentials) != want || len(parcels) != want || a.Inventory != "d1" || !a.Parcels {
			t.Errorf("at most %d: %+v, parcels %+v", limit, a, parcels)
		}
	}
	parcels, err := l.Outbox(ctx, now, 9)
	if err != nil || len(parcels) != 2 || parcels[0].Message.What != "first" {
		t.Errorf("the oldest is not first: %+v, %v", parcels, err)
	}
	for _, p := range parcels {
		p.Over = true
		allRight(t, l.Posted(ctx, p))
	}
	if a, err := l.Ready(ctx, now, 9); err != nil || a.Parcels {
		t.Errorf("nothing is left to send, and it says: %+v, %v", a, err)
	}
}

// TestSkewIsMarkedAlone: a vendor's clock that is right again takes away what was said of it, and nothing else; a call that
// says no time says nothing of clocks.
func TestSkewIsMarkedAlone(t *testing.T) {
	l, clock, _ := scenery(t)
	ctx, now := t.Context(), clock.Now()
	allRight(t, l.Stock(ctx, rotator.Stock{Digest: "d1"}))
	ready := func(want time.Duration) {
		t.Helper()
		if a, err := l.Ready(ctx, now, 9); err != nil || a.Skew != want || a.Inventory != "d1" {
			t.Errorf("%+v, %v; want %s", a, err, want)
		}
	}
	allRight(t, l.Log(ctx, rotator.Call{ID: "1", Credential: "one", Reading: vendors.Reading{ServerTime: now}}))
	ready(0)
	allRight(t, l.Log(ctx, rotator.Call{ID: "2", Credential: "one", Reading: vendors.Reading{At: now, ServerTime: now.Add(time.Hour)}}))
	ready(time.Hour)
	allRight(t, l.Log(ctx, rotator.Call{ID: "3", Credential: "one", Reading: vendors.Reading{At: now}}))
	ready(time.Hour)
	allRight(t, l.Log(ctx, rotator.Call{ID: "4", Credential: "one", Reading: vendors.Reading{At: now, ServerTime: now}}))
	ready(0)
}
