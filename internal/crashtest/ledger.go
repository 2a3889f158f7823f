package crashtest

import (
	"context"
	"time"

	"quarterturn/rotator"
	"quarterturn/secret"
)

// ledger stands before a ledger: writes are points in every position, reads may fail.
type ledger struct {
	s     *Stopper
	life  *life
	inner rotator.Ledger
}

func (l *ledger) write(name string, do func() error) error { return l.s.call(l.life, write, name, do) }

// ask is a call with an answer: none comes back with an error.
func ask[T any](s *Stopper, l *life, k kind, name string, do func() (T, error)) (T, error) {
	var answer, none T
	err := s.call(l, k, name, func() error {
		var err error
		answer, err = do()
		return err
	})
	if err != nil {
		return none, err
	}
	return answer, nil
}

// pass is a call whose answer may come with an error of its own.
func pass[T any](s *Stopper, l *life, k kind, name string, do func() (T, error)) (T, error) {
	var answer T
	err := s.call(l, k, name, func() error {
		var err error
		answer, err = do()
		return err
	})
	return answer, err
}

func (l *ledger) Open(ctx context.Context, r rotator.Rotation, e ...rotator.Event) error {
	return l.write("open", func() error { return l.inner.Open(ctx, r, e...) })
}

func (l *ledger) Claim(ctx context.Context, id rotator.ID, owner string, ttl time.Duration) (rotator.Rotation, error) {
	return ask(l.s, l.life, write, "claim", func() (rotator.Rotation, error) { return l.inner.Claim(ctx, id, owner, ttl) })
}

func (l *ledger) Record(ctx context.Context, c rotator.Change) (int64, error) {
	return ask(l.s, l.life, write, "record "+describe(c), func() (int64, error) {
		rev, err := l.inner.Record(ctx, c)
		if err != nil {
			return rev, err
		}
		return rev, l.declared(ctx, c)
	})
}

// declared believes what the ledger kept, not what it was told to keep.
func (l *ledger) declared(ctx context.Context, c rotator.Change) error {
	if c.Rotation.Facts.Intent == nil {
		l.s.set(func() { l.s.journal.declare(nil) })
		return nil
	}
	kept, err := l.inner.Rotations(ctx, c.Rotation.Credential)
	for _, r := range kept {
		if r.ID == c.Rotation.ID {
			l.s.set(func() { l.s.journal.declare(r.Facts.Intent) })
		}
	}
	return err
}

// describe tells records apart by what they are about: a move, an intent, an effect's answer, or a wait.
func describe(c rotator.Change) string {
	for i := len(c.Events) - 1; i >= 0; i-- {
		switch e := c.Events[i]; e.Kind {
		case "moved":
			return "move to " + string(e.To)
		case "intent":
			return "intent " + e.Data["do"] + " " + e.Data["target"]
		case "asked", "waiting", "opened":
		default:
			if !c.Release {
				return e.Kind
			}
		}
	}
	if c.Release {
		return "wait in " + string(c.Rotation.State)
	}
	return "answer in " + string(c.Rotation.State)
}

func (l *ledger) Say(ctx context.Context, w rotator.Word, e ...rotator.Event) (int64, error) {
	return ask(l.s, l.life, write, "say "+string(w.Kind), func() (int64, error) { return l.inner.Say(ctx, w, e...) })
}

func (l *ledger) Keep(ctx context.Context, p rotator.Pair, w rotator.Word, e ...rotator.Event) error {
	return l.write("keep", func() error { return l.inner.Keep(ctx, p, w, e...) })
}

func (l *ledger) Adopt(ctx context.Context, p rotator.Pair, e ...rotator.Event) error {
	return l.write("adopt", func() error { return l.inner.Adopt(ctx, p, e...) })
}

func (l *ledger) Log(ctx context.Context, c rotator.Call) error {
	return l.write("log", func() error { return l.inner.Log(ctx, c) })
}

func (l *ledger) Sealed(ctx context.Context, id rotator.PairID) (secret.Sealed, error) {
	return ask(l.s, l.life, check, "read back", func() (secret.Sealed, error) { return l.inner.Sealed(ctx, id) })
}

// glanced is a read of the ledger.
func glanced[T any](l *ledger, name string, do func() (T, error)) (T, error) {
	return ask(l.s, l.life, glance, "list "+name, do)
}

func (l *ledger) Stock(ctx context.Context, st rotator.Stock) error {
	return l.write("stock", func() error { return l.inner.Stock(ctx, st) })
}

func (l *ledger) Posted(ctx context.Context, p rotator.Parcel) error {
	return l.write("posted", func() error { return l.inner.Posted(ctx, p) })
}

func (l *ledger) Outbox(ctx context.Context, now time.Time, limit int) ([]rotator.Parcel, error) {
	return glanced(l, "outbox", func() ([]rotator.Parcel, error) { return l.inner.Outbox(ctx, now, limit) })
}

func (l *ledger) Inventory(ctx context.Context, names ...string) ([]rotator.Item, error) {
	return glanced(l, "inventory", func() ([]rotator.Item, error) { return l.inner.Inventory(ctx, names...) })
}

func (l *ledger) Ready(ctx context.Context, now time.Time, limit int) (rotator.Agenda, error) {
	return glanced(l, "ready", func() (rotator.Agenda, error) { return l.inner.Ready(ctx, now, limit) })
}

func (l *ledger) Pairs(ctx context.Context, credential string) ([]rotator.Pair, error) {
	return glanced(l, "pairs", func() ([]rotator.Pair, error) { return l.inner.Pairs(ctx, credential) })
}

func (l *ledger) Find(ctx context.Context, p secret.Prints) ([]rotator.Pair, error) {
	return glanced(l, "found", func() ([]rotator.Pair, error) { return l.inner.Find(ctx, p) })
}

func (l *ledger) Epoch(ctx context.Context, credential string) (int64, error) {
	return glanced(l, "epoch", func() (int64, error) { return l.inner.Epoch(ctx, credential) })
}

func (l *ledger) Rotations(ctx context.Context, credential string) ([]rotator.Rotation, error) {
	return glanced(l, "rotations", func() ([]rotator.Rotation, error) { return l.inner.Rotations(ctx, credential) })
}

func (l *ledger) Words(ctx context.Context, credential string) ([]rotator.Word, error) {
	return glanced(l, "words", func() ([]rotator.Word, error) { return l.inner.Words(ctx, credential) })
}

func (l *ledger) Events(ctx context.Context, id rotator.ID) ([]rotator.Event, error) {
	return glanced(l, "events", func() ([]rotator.Event, error) { return l.inner.Events(ctx, id) })
}

func (l *ledger) Chains(ctx context.Context) ([]rotator.ID, error) {
	return glanced(l, "chains", func() ([]rotator.ID, error) { return l.inner.Chains(ctx) })
}

func (l *ledger) Calls(ctx context.Context, credential string) ([]rotator.Call, error) {
	return glanced(l, "calls", func() ([]rotator.Call, error) { return l.inner.Calls(ctx, credential) })
}
