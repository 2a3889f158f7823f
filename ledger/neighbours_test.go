package ledger

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"quarterturn/ledger/ledgertest"
	"quarterturn/notify"
	"quarterturn/rotator"
	"quarterturn/secret"
)

// neighbours is what a call on credential "one" does not concern: another credential in the middle of everything, and an
// ended rotation of the same one.
func neighbours(t *testing.T, l *SQLite, now time.Time) {
	t.Helper()
	ctx, far := t.Context(), now.Add(30*day)
	pair := rotator.Pair{ID: "t0", Credential: "two", Life: rotator.Current, Sealed: secret.Sealed("two's"), Prints: secret.Prints{"@k": "t0", "key@k": "kt0"}}
	candidate := rotator.Pair{ID: "t1", Credential: "two", Life: rotator.Candidate, Sealed: secret.Sealed("two's next"), Prints: secret.Prints{"@k": "t1"}}
	noErr := func(errs ...error) {
		t.Helper()
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	noErr(l.Adopt(ctx, pair, said("adopted")),
		l.Open(ctx, rotator.Rotation{ID: "s1", Credential: "two", Lane: rotator.Routine, State: rotator.AwaitingKey}, said("opened")),
		l.Open(ctx, rotator.Rotation{ID: "ended", Credential: "one", Lane: rotator.Routine, State: rotator.Closed, NextAt: far}, said("opened")),
		l.Keep(ctx, candidate, rotator.Word{Rotation: "s1", Kind: rotator.Submitted}, said("submitted")),
		l.Log(ctx, rotator.Call{ID: "call9", Credential: "two"}))
	_, err := l.Say(ctx, rotator.Word{Credential: "two", Kind: rotator.WaiveIt, Expires: far}, said("waived"))
	noErr(err)
	r, err := l.Claim(ctx, "s1", "worker", 30*day)
	noErr(err)
	r.NextAt = far
	_, err = l.Record(ctx, rotator.Change{Rotation: r, Lease: 30 * day})
	noErr(err)
	for _, host := range []string{"a", "b", "c"} {
		_, err := l.Take(ctx, "k2", host)
		noErr(err)
	}
	noErr(l.Stock(ctx, rotator.Stock{Items: []rotator.Item{{Credential: "two", State: rotator.IsListed, LookAt: far}},
		Messages: []notify.Message{{Credential: "two"}, {Credential: "two"}}}),
		l.Posted(ctx, rotator.Parcel{Seq: 1, NextAt: far}), l.Posted(ctx, rotator.Parcel{Seq: 2, Over: true}),
		l.Open(ctx, rotator.Rotation{ID: "s2", Credential: "two", Lane: rotator.Burial, State: rotator.AwaitingRevocation, Old: "t9", NextAt: far}, said("opened")),
		l.Done(ctx, "k2", "c", true), l.Silence(ctx, "y", now.Add(time.Hour)), l.Silence(ctx, "z", now.Add(time.Second)))
}

// rowsOf is every row of every table, as text, but for those that there is one of.
func rowsOf(t *testing.T, l *SQLite) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, table := range []string{"rotations", "pairs", "prints", "words", "events", "calls", "probes", "silences", "inventory", "epochs", "outbox"} {
		rows, err := l.db.QueryContext(t.Context(), `SELECT * FROM `+table)
		if err != nil {
			t.Fatal(err)
		}
		for columns, _ := rows.Columns(); rows.Next(); {
			row := make([]any, len(columns))
			into := make([]any, len(columns))
			for i := range row {
				into[i] = &row[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			all[fmt.Sprintf("%s %v", table, row)] = true
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestNeighboursChangeNothing makes every call on a ledger of its own and on one that holds more: the answers are the same,
// and no row that was there is touched.
func TestNeighboursChangeNothing(t *testing.T) {
	clock := ledgertest.NewClock()
	alone := openAt(t, filepath.Join(t.TempDir(), "alone.db"), clock.Now, Options{})
	shared := openAt(t, filepath.Join(t.TempDir(), "shared.db"), clock.Now, Options{})
	neighbours(t, shared, clock.Now())
	before := rowsOf(t, shared)
	numbers := cmp.Options{cmpopts.IgnoreFields(rotator.Word{}, "Seq"), cmpopts.IgnoreFields(rotator.Parcel{}, "Seq")} // of the whole ledger
	everybodys := []string{"settle the clock", "verify", "chains", "inventory", "newest", "backup"}
	for _, o := range operations(clock.Now()) {
		want, wantErr := o.do(t.Context(), alone)
		got, err := o.do(t.Context(), shared)
		if fmt.Sprint(err) != strings.ReplaceAll(fmt.Sprint(wantErr), alone.path, shared.path) {
			t.Errorf("%s: %v, and alone %v", o.name, err, wantErr)
		}
		if slices.Contains(everybodys, o.name) {
			continue
		}
		if d := cmp.Diff(want, withoutEnded(got), cmpopts.EquateEmpty(), numbers); d != "" {
			t.Errorf("%s answers otherwise when there is more (-alone +shared):\n%s", o.name, d)
		}
		after := rowsOf(t, shared)
		for _, row := range slices.Sorted(maps.Keys(before)) {
			if !after[row] {
				t.Fatalf("%s changed what it does not concern: %s", o.name, row)
			}
		}
	}
}

func withoutEnded(answer any) any {
	if all, ok := answer.([]rotator.Rotation); ok {
		return slices.DeleteFunc(all, func(r rotator.Rotation) bool { return r.ID == "ended" })
	}
	return answer
}
