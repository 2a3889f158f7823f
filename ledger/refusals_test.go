package ledger

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"quarterturn/ledger/ledgertest"
	"quarterturn/rotator"
	"quarterturn/secret"
)

// scenery is a ledger with two credentials: of "one" r1 is claimed and awaits a key, and p0 is in use; of "two" t1 is open
// and t0 is in use. rv of "three" has received a candidate.
func scenery(t *testing.T) (*SQLite, *ledgertest.Clock, rotator.Rotation) {
	t.Helper()
	clock := ledgertest.NewClock()
	l := openAt(t, filepath.Join(t.TempDir(), "ledger.db"), clock.Now, Options{})
	ctx := t.Context()
	other := rotator.Pair{ID: "t0", Credential: "two", Life: rotator.Current, Prints: secret.Prints{"@k": "t0", "key@k": "kt0"}}
	gone := rotator.Pair{ID: "dead", Credential: "one", Life: rotator.Dead}
	for _, err := range []error{
		l.Adopt(ctx, pairOf("p0", rotator.Current)), l.Adopt(ctx, gone), l.Adopt(ctx, other),
		l.Open(ctx, rotator.Rotation{ID: "r1", Credential: "one", Lane: rotator.Routine, State: rotator.AwaitingKey}, said("opened")),
		l.Open(ctx, rotator.Rotation{ID: "t1", Credential: "two", Lane: rotator.Routine, State: rotator.AwaitingKey}, said("opened")),
		l.Open(ctx, rotator.Rotation{ID: "rv", Credential: "three", Lane: rotator.Routine, State: rotator.Received}, said("opened")),
		l.Open(ctx, rotator.Rotation{ID: "old", Credential: "four", Lane: rotator.Routine, State: rotator.Closed}, said("opened")),
		l.Mend(ctx, rotator.Mend{Credential: "three", Pairs: []rotator.Pair{{ID: "c1", Credential: "three", Life: rotator.Candidate},
			{ID: "c2", Credential: "three", Life: rotator.Refused}}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	r, err := l.Claim(ctx, "r1", "worker", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return l, clock, r
}

// TestRefusals: what breaks a rule is refused in words of the ledger's own, and nothing of it is recorded.
func TestRefusals(t *testing.T) {
	l, _, r := scenery(t)
	open := func(r rotator.Rotation) error { return l.Open(t.Context(), r) }
	adopt := func(p rotator.Pair) error { return l.Adopt(t.Context(), p) }
	keep := func(p rotator.Pair, rotation rotator.ID) error {
		return l.Keep(t.Context(), p, rotator.Word{Rotation: rotation, Kind: rotator.Submitted})
	}
	record := func(c rotator.Change) error { _, err := l.Record(t.Context(), c); return err }
	mend := func(m rotator.Mend) error { return l.Mend(t.Context(), m) }
	say := func(w rotator.Word) error { _, err := l.Say(t.Context(), w); return err }
	claim := func(ttl time.Duration) error { _, err := l.Claim(t.Context(), "t1", "worker", ttl); return err }
	over := r
	over.State = rotator.Closed
	foreign := rotator.Pair{ID: "x", Credential: "two"}
	burial := rotator.Rotation{ID: "b", Credential: "two", Lane: rotator.Burial, State: rotator.AwaitingRevocation, Old: "t9"}
	for name, c := range map[string]struct {
		err  error
		kind error
		says string
	}{
		"a call without id":             {l.Log(t.Context(), rotator.Call{Credential: "one"}), ErrRefused, "needs an id"},
		"a call without credential":     {l.Log(t.Context(), rotator.Call{ID: "c"}), ErrRefused, "needs an id"},
		"a rotation without id":         {open(rotator.Rotation{Credential: "five"}), ErrRefused, "needs an id"},
		"a rotation without credential": {open(rotator.Rotation{ID: "x"}), ErrRefused, "needs an id"},
		"a burial of nothing":           {open(rotator.Rotation{ID: "x", Credential: "five", Lane: rotator.Burial}), ErrRefused, "a burial its pair"},
		"the id of one that is open":    {open(rotator.Rotation{ID: "r1", Credential: "five"}), rotator.ErrExists, "with this id"},
		"the id of one that ended":      {open(rotator.Rotation{ID: "old", Credential: "five"}), rotator.ErrExists, "with this id"},
		"a second journey":              {open(rotator.Rotation{ID: "x", Credential: "one"}), rotator.ErrOpen, `"one"`},
		"a pair without id":             {adopt(rotator.Pair{Credential: "five"}), ErrRefused, "needs an id"},
		"a pair without credential":     {adopt(rotator.Pair{ID: "x"}), ErrRefused, "needs an id"},
		"a pair changes hands":          {adopt(rotator.Pair{ID: "p0", Credential: "five"}), ErrRefused, "stays with its credential"},
		"adopted beside a journey":      {adopt(pairOf("p0", rotator.Current)), rotator.ErrOpen, `"one"`},
		"a death taken back": {mend(rotator.Mend{Credential: "one", Pairs: []rotator.Pair{{ID: "dead", Credential: "one", Life: rotator.Current}}}),
			ErrRefused, "only an accepted call"},
		"another digest than the ciphertext's": {mend(rotator.Mend{Credential: "one", Pairs: []rotator.Pair{{ID: "x", Credential: "one",
			Sealed: secret.Sealed("s"), Digest: "00"}}}), ErrRefused, "not that of its ciphertext"},
		"a print that changes": {mend(rotator.Mend{Credential: "one", Pairs: []rotator.Pair{{ID: "p0", Credential: "one",
			Prints: secret.Prints{"@k": "another"}}}}), ErrRefused, "print cannot change"},
		"a lease of nothing":                  {claim(0), ErrRefused, "must last"},
		"a lease that is over":                {claim(-1), ErrRefused, "must last"},
		"kept for nobody":                     {keep(pairOf("x", rotator.Candidate), "nobody"), rotator.ErrNotFound, "rotation"},
		"kept for another credential":         {keep(pairOf("x", rotator.Candidate), "t1"), ErrRefused, "of another credential"},
		"received already":                    {keep(rotator.Pair{ID: "x", Credential: "three", Life: rotator.Candidate}, "rv"), rotator.ErrExists, "awaits no key"},
		"received already, and refused":       {keep(rotator.Pair{ID: "c2", Credential: "three", Life: rotator.Candidate}, "rv"), rotator.ErrExists, "awaits no key"},
		"received already, and no candidate":  {keep(rotator.Pair{ID: "c1", Credential: "three", Life: rotator.Current}, "rv"), rotator.ErrExists, "awaits no key"},
		"another credential has it":           {keep(rotator.Pair{ID: "x", Credential: "one", Life: rotator.Candidate, Prints: secret.Prints{"@k": "t0"}}, "r1"), rotator.ErrExists, `"two" has it`},
		"recorded for nobody":                 {record(rotator.Change{Rotation: rotator.Rotation{ID: "nobody"}}), rotator.ErrNotFound, "rotation"},
		"recorded another credential's pair":  {record(rotator.Change{Rotation: r, Pairs: []rotator.Pair{foreign}}), ErrRefused, "pair of another credential"},
		"recorded another credential's grave": {record(rotator.Change{Rotation: r, Opens: []rotator.Rotation{burial}}), ErrRefused, "rotation of another credential"},
		"recorded on a stranger's chain": {record(rotator.Change{Rotation: r, Events: []rotator.Event{{Rotation: "t1", Kind: "moved"}}}),
			ErrRefused, "does not concern"},
		"mended another credential's pair":      {mend(rotator.Mend{Credential: "one", Pairs: []rotator.Pair{foreign}}), ErrRefused, "pair of another credential"},
		"mended another credential's grave":     {mend(rotator.Mend{Credential: "one", Opens: []rotator.Rotation{burial}}), ErrRefused, "rotation of another credential"},
		"mended another credential's rotation":  {mend(rotator.Mend{Credential: "two", Ends: &over}), rotator.ErrStale, ""},
		"mended, and it goes on":                {mend(rotator.Mend{Credential: "one", Ends: &r}), ErrRefused, "moves none"},
		"said on nothing":                       {say(rotator.Word{}), ErrRefused, "needs a rotation or a credential"},
		"said on another credential's rotation": {say(rotator.Word{Rotation: "t1", Credential: "one"}), ErrRefused, "another credential"},
		"said on what ended":                    {say(rotator.Word{Rotation: "old"}), rotator.ErrNotFound, "it has ended"},
		"renewed what is not there":             {l.Renew(t.Context(), rotator.Pair{ID: "nobody"}, ""), rotator.ErrNotFound, "pair"},
	} {
		if !errors.Is(c.err, c.kind) || c.err != nil && !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("%s: %v, want %v", name, c.err, c.kind)
		}
	}
	if r := verify(t, l); !r.OK() || r.Events != 4 || r.Pairs != 5 || r.Calls != 0 {
		t.Errorf("something was recorded: %+v", r)
	}
}

// TestTakenAllTheSame: what looks like a breach of those rules and is none.
func TestTakenAllTheSame(t *testing.T) {
	for name, do := range map[string]func(ctx context.Context, l *SQLite) error{
		"one field in common with another credential's pair": func(ctx context.Context, l *SQLite) error {
			return l.Keep(ctx, rotator.Pair{ID: "x", Credential: "one", Life: rotator.Candidate, Prints: secret.Prints{"@k": "x", "key@k": "kt0"}},
				rotator.Word{Rotation: "r1", Kind: rotator.Submitted})
		},
		"a candidate sealed again after it was received": func(ctx context.Context, l *SQLite) error {
			return l.Keep(ctx, rotator.Pair{ID: "c1", Credential: "three", Life: rotator.Candidate}, rotator.Word{Rotation: "rv", Kind: rotator.Submitted})
		},
		"current beside a dead one, when the journey has ended": func(ctx context.Context, l *SQLite) error {
			return errors.Join(l.Adopt(ctx, rotator.Pair{ID: "f1", Credential: "four", Life: rotator.Dead}),
				l.Adopt(ctx, rotator.Pair{ID: "f2", Credential: "four", Life: rotator.Current}))
		},
		"a dead pair that is accepted again": func(ctx context.Context, l *SQLite) error {
			return l.Mend(ctx, rotator.Mend{Credential: "one", Pairs: []rotator.Pair{{ID: "dead", Credential: "one", Life: rotator.Orphan}}})
		},
	} {
		l, _, _ := scenery(t)
		if err := do(t.Context(), l); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
