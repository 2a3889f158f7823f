package ledger

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"quarterturn/ledger/ledgertest"
	"quarterturn/notify"
	"quarterturn/rotator"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// operation is one call of a ledger, and the error that it ends with when nothing fails, nil for none.
type operation struct {
	name string
	do   call
	ends error
}

type call func(ctx context.Context, l *SQLite) (answer any, err error)

// silent is a call without an answer.
func silent(do func(ctx context.Context, l *SQLite) error) call {
	return func(ctx context.Context, l *SQLite) (any, error) { return nil, do(ctx, l) }
}

// operations are every call there is, in an order in which each finds what it needs; every branch that speaks to the
// database is in one of them.
func operations(now time.Time) []operation {
	all := append(beginnings(now), endings(now)...)
	return append(append(all, budgeting(now)...), readings(now)...)
}

func pairOf(id rotator.PairID, life rotator.Life) rotator.Pair {
	s := secret.Sealed("ciphertext of " + string(id))
	return rotator.Pair{ID: id, Credential: "one", Life: life, Sealed: s, Prints: secret.Prints{"@k": string(id), "key@k": "k" + string(id)}}
}

func said(kind string) rotator.Event { return rotator.Event{Kind: kind, Who: "ada"} }

func beginnings(now time.Time) []operation {
	ok := func(name string, do func(ctx context.Context, l *SQLite) error) operation {
		return operation{name, silent(do), nil}
	}
	call := rotator.Call{ID: "call1", Credential: "one", Reading: vendors.Reading{At: now, ServerTime: now.Add(time.Hour)}}
	later := rotator.Call{ID: "call2", Credential: "one", Reading: vendors.Reading{At: now, ServerTime: now}}
	message := notify.Message{Credential: "one", What: "it happened"}
	return []operation{
		ok("adopt", func(ctx context.Context, l *SQLite) error {
			return l.Adopt(ctx, pairOf("p0", rotator.Current), said("adopted"))
		}),
		ok("stock", func(ctx context.Context, l *SQLite) error {
			return l.Stock(ctx, rotator.Stock{Digest: "d1", Items: []rotator.Item{{Credential: "one", State: rotator.IsListed, LookAt: now.Add(day)}},
				Events: []rotator.Event{{Rotation: "credential:one", Kind: "listed"}}, Messages: []notify.Message{message}})
		}),
		ok("stock what was judged", func(ctx context.Context, l *SQLite) error {
			return l.Stock(ctx, rotator.Stock{Items: []rotator.Item{{Credential: "one", State: rotator.IsListed, LookAt: now.Add(2 * day)}},
				Seen: map[string]time.Time{"one": now.Add(day)}})
		}),
		reading("what was judged is stored", func(ctx context.Context, l *SQLite) ([]rotator.Item, error) { return l.Inventory(ctx, "one") }),
		ok("open", func(ctx context.Context, l *SQLite) error {
			return l.Open(ctx, rotator.Rotation{ID: "r1", Credential: "one", Lane: rotator.Routine, State: rotator.AwaitingKey,
				Old: "p0", NextAt: now.Add(day)}, said("opened"))
		}),
		ok("say on a rotation", func(ctx context.Context, l *SQLite) error {
			_, err := l.Say(ctx, rotator.Word{Rotation: "r1", Kind: rotator.Submitted}, said("said"))
			return err
		}),
		ok("say on a credential", func(ctx context.Context, l *SQLite) error {
			_, err := l.Say(ctx, rotator.Word{Credential: "one", Kind: rotator.WaiveIt, Expires: now.Add(day)}, said("said"))
			return err
		}),
		ok("log far off", func(ctx context.Context, l *SQLite) error { return l.Log(ctx, call) }),
		ok("log", func(ctx context.Context, l *SQLite) error { return l.Log(ctx, later) }),
		{"log again", silent(func(ctx context.Context, l *SQLite) error { return l.Log(ctx, later) }), rotator.ErrExists},
		ok("keep", func(ctx context.Context, l *SQLite) error {
			return l.Keep(ctx, pairOf("p1", rotator.Candidate), rotator.Word{Rotation: "r1", Kind: rotator.Submitted}, said("submitted"))
		}),
		ok("keep again", func(ctx context.Context, l *SQLite) error {
			return l.Keep(ctx, pairOf("p1", rotator.Candidate), rotator.Word{Rotation: "r1", Kind: rotator.Submitted}, said("sealed"))
		}),
	}
}

// claimed records a change of r1.
func claimed(change func(r rotator.Rotation) rotator.Change) call {
	return func(ctx context.Context, l *SQLite) (any, error) {
		r, err := rotationOf(ctx, l, "r1")
		if err != nil {
			return nil, err
		}
		return l.Record(ctx, change(r))
	}
}

func rotationOf(ctx context.Context, l *SQLite, id rotator.ID) (rotator.Rotation, error) {
	all, err := l.Rotations(ctx, "one")
	for _, r := range all {
		if r.ID == id {
			return r, err
		}
	}
	return rotator.Rotation{}, err
}

func endings(now time.Time) []operation {
	claim := func(id rotator.ID) call {
		return func(ctx context.Context, l *SQLite) (any, error) { return l.Claim(ctx, id, "worker", time.Hour) }
	}
	wiped := pairOf("p1", rotator.Refused)
	wiped.Sealed = nil
	burial := rotator.Rotation{ID: "b1", Credential: "one", Lane: rotator.Burial, State: rotator.AwaitingRevocation, Old: "p0"}
	record := func(r rotator.Rotation) rotator.Change {
		return rotator.Change{Rotation: r, Pairs: []rotator.Pair{wiped}, Opens: []rotator.Rotation{burial}, Events: []rotator.Event{said("moved")},
			Messages: []notify.Message{{Credential: "one"}}, Behind: true, Retires: true, Lease: time.Hour}
	}
	mend := func(id rotator.ID) call {
		return silent(func(ctx context.Context, l *SQLite) error {
			r, err := rotationOf(ctx, l, id)
			if err != nil {
				return err
			}
			r.State = rotator.Abandoned
			another := rotator.Rotation{ID: "b2", Credential: "one", Lane: rotator.Burial, State: rotator.AwaitingRevocation, Old: "p2"}
			return l.Mend(ctx, rotator.Mend{Credential: "one", Epoch: 9, Ends: &r, Pairs: []rotator.Pair{pairOf("p2", rotator.Orphan)},
				Opens: []rotator.Rotation{another}, Events: []rotator.Event{said("mended")}})
		})
	}
	renewed := pairOf("p0", rotator.Current)
	renewed.Sealed = secret.Sealed("sealed again")
	return []operation{
		{"claim", claim("r1"), nil},
		{"claim what is held", claim("r1"), rotator.ErrHeld},
		{"claim nothing", claim("nobody"), rotator.ErrNotFound},
		{"record", claimed(record), nil},
		{"record the end", claimed(func(r rotator.Rotation) rotator.Change {
			r.State = rotator.Closed
			return rotator.Change{Rotation: r, Release: true}
		}), nil},
		{"claim what ended", claim("r1"), rotator.ErrNotFound},
		{"record what ended", claimed(record), rotator.ErrStale},
		{"open after", silent(func(ctx context.Context, l *SQLite) error {
			return l.Open(ctx, rotator.Rotation{ID: "r2", Credential: "one", Lane: rotator.Routine, State: rotator.DueState}, said("opened"))
		}), nil},
		{"mend", silent(func(ctx context.Context, l *SQLite) error {
			return l.Mend(ctx, rotator.Mend{Credential: "three", Epoch: 3})
		}), nil},
		{"mend what ended", mend("r1"), rotator.ErrStale},
		{"mend and end", mend("r2"), nil},
		{"renew by another digest", silent(func(ctx context.Context, l *SQLite) error {
			return l.Renew(ctx, renewed, pairOf("p0", rotator.Current).Digest, said("renewed"))
		}), rotator.ErrStale},
		{"renew by its digest", silent(func(ctx context.Context, l *SQLite) error {
			return l.Renew(ctx, renewed, pairOf("p0", rotator.Current).Sealed.Digest(), said("renewed"))
		}), nil},
		{"settle", silent(func(ctx context.Context, l *SQLite) error {
			return l.Settle(ctx, rotator.Event{Rotation: "ledger"}, false)
		}), nil},
		{"posted", silent(func(ctx context.Context, l *SQLite) error {
			all, err := l.Outbox(ctx, now, 1)
			if err != nil {
				return err
			}
			all[0].Over = true
			return l.Posted(ctx, all[0])
		}), nil},
	}
}

func budgeting(now time.Time) []operation {
	take := func(key, host string) call {
		return func(ctx context.Context, l *SQLite) (any, error) { return l.Take(ctx, key, host) }
	}
	done := func(refused bool) call {
		return silent(func(ctx context.Context, l *SQLite) error { return l.Done(ctx, "k", "a", refused) })
	}
	return []operation{
		{"take", take("k", "a"), nil}, {"take too soon", take("k", "a"), nil}, {"done", done(false), nil},
		{"take another host", take("k", "b"), nil}, {"refused", done(true), nil}, {"refused again", done(true), nil},
		{"take with another key", take("m", "a"), nil},
		{"that key is refused", silent(func(ctx context.Context, l *SQLite) error { return l.Done(ctx, "m", "a", true) }), nil},
		{"mark as put back", silent(func(ctx context.Context, l *SQLite) error { return l.marked(ctx) }), nil},
		{"nothing done", done(false), nil}, {"take after", take("k", "c"), nil},
		{"silence", silent(func(ctx context.Context, l *SQLite) error { return l.Silence(ctx, "a", now.Add(time.Minute)) }), nil},
		{"take in silence", take("l", "a"), nil},
		{"backup", func(ctx context.Context, l *SQLite) (any, error) { return l.Backup(ctx, l.path+".copy") }, nil},
		{"prune", func(ctx context.Context, l *SQLite) (any, error) { return l.Prune(ctx) }, nil},
	}
}

// reading has an answer that must not be empty.
func reading[T any](name string, read func(ctx context.Context, l *SQLite) ([]T, error)) operation {
	return operation{name, func(ctx context.Context, l *SQLite) (any, error) {
		all, err := read(ctx, l)
		if err == nil && len(all) == 0 {
			return nil, errors.New("nothing was read: the step that fails may never come")
		}
		return all, err
	}, nil}
}

func readings(now time.Time) []operation {
	return []operation{
		{"ready", func(ctx context.Context, l *SQLite) (any, error) { return l.Ready(ctx, now, 9) }, nil},
		{"epoch", func(ctx context.Context, l *SQLite) (any, error) { return l.Epoch(ctx, "one") }, nil},
		{"epoch of nobody", func(ctx context.Context, l *SQLite) (any, error) { return l.Epoch(ctx, "nobody") }, nil},
		{"verify", func(ctx context.Context, l *SQLite) (any, error) { return l.Verify(ctx) }, nil},
		{"sealed of nobody", func(ctx context.Context, l *SQLite) (any, error) { return l.Sealed(ctx, "nobody") }, rotator.ErrNotFound},
		reading("sealed", func(ctx context.Context, l *SQLite) ([]byte, error) { s, err := l.Sealed(ctx, "p0"); return s, err }),
		reading("inventory", func(ctx context.Context, l *SQLite) ([]rotator.Item, error) { return l.Inventory(ctx) }),
		reading("inventory of one", func(ctx context.Context, l *SQLite) ([]rotator.Item, error) { return l.Inventory(ctx, "one") }),
		reading("outbox", func(ctx context.Context, l *SQLite) ([]rotator.Parcel, error) { return l.Outbox(ctx, now, 9) }),
		reading("pairs", func(ctx context.Context, l *SQLite) ([]rotator.Pair, error) { return l.Pairs(ctx, "one") }),
		reading("find", func(ctx context.Context, l *SQLite) ([]rotator.Pair, error) {
			return l.Find(ctx, secret.Prints{"@k": "p0"})
		}),
		reading("rotations", func(ctx context.Context, l *SQLite) ([]rotator.Rotation, error) { return l.Rotations(ctx, "one") }),
		reading("words", func(ctx context.Context, l *SQLite) ([]rotator.Word, error) { return l.Words(ctx, "one") }),
		reading("events", func(ctx context.Context, l *SQLite) ([]rotator.Event, error) { return l.Events(ctx, "r1") }),
		reading("chains", func(ctx context.Context, l *SQLite) ([]rotator.ID, error) { return l.Chains(ctx) }),
		reading("calls", func(ctx context.Context, l *SQLite) ([]rotator.Call, error) { return l.Calls(ctx, "one") }),
		reading("newest", func(ctx context.Context, l *SQLite) ([]byte, error) { s, err := l.newest(ctx); return []byte(s), err }),
		{"has", func(ctx context.Context, l *SQLite) (any, error) { return l.has(ctx, "00") }, nil},
		{"settle the clock", silent(func(ctx context.Context, l *SQLite) error {
			return l.Settle(ctx, rotator.Event{Rotation: "ledger"}, true)
		}), nil},
	}
}

// TestEveryStepMayFail lets each step of each call fail, one at a time: the call says so, with the cause, and nothing at
// all was recorded. Then the call is made once more, and goes well.
func TestEveryStepMayFail(t *testing.T) {
	clock := ledgertest.NewClock()
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := openAt(t, path, clock.Now, Options{})
	witness := rawDB(t, path)
	witness.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = witness.Close() })
	f := &flaky{}
	f.wrap(t, l)
	steps := 0
	for _, o := range operations(clock.Now()) {
		for n := 1; ; n++ {
			before := version(t, witness)
			f.arm(n)
			_, err := o.do(t.Context(), l)
			if !f.fired {
				if !errors.Is(err, o.ends) {
					t.Fatalf("%s: %v, want %v", o.name, err, o.ends)
				}
				break
			}
			steps++
			if !errors.Is(err, errFlaky) {
				t.Errorf("%s: its step %d failed, and it said: %v", o.name, n, err)
			}
			if version(t, witness) != before {
				t.Fatalf("%s: its step %d failed, and something was recorded", o.name, n)
			}
		}
	}
	t.Logf("%d steps failed", steps)
}
