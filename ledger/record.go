package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"quarterturn/rotator"
)

// Record implements rotator.Ledger. Two things beyond compare-and-swap keep a word from being lost while a pass is at
// work: a word said since the claim keeps NextAt at now or earlier, and a Record that would end the rotation past such a
// word is ErrStale. ErrNotFound: no such rotation. Events may also name the credential's chain or that of a burial in
// Opens; one that none of them opens gets its "opened" event from here.
func (l *SQLite) Record(ctx context.Context, c rotator.Change) (rev int64, err error) {
	err = l.write(ctx, func(s session) error {
		if err := s.record(c); err != nil {
			return err
		}
		if wipes(c.Pairs) {
			l.wiped.Store(true)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return c.Rotation.Rev + 1, nil
}

func (s session) record(c rotator.Change) error {
	h, err := s.holding(c.Rotation.ID)
	if err != nil {
		return err
	}
	if err := s.swap(c, h); err != nil {
		return err
	}
	for _, p := range c.Pairs {
		if p.Credential != h.credential {
			return fmt.Errorf("%w: a pair of another credential", ErrRefused)
		}
		if err := s.keepPair(p); err != nil {
			return err
		}
	}
	if err := s.opens(c, h.credential); err != nil {
		return err
	}
	for _, m := range c.Messages {
		if err := s.post(m); err != nil {
			return err
		}
	}
	if c.Behind { // epochs go on growing here: what one look noticed, a later one might not
		if err := s.mark(markRestored, s.now.Format(time.RFC3339)); err != nil {
			return err
		}
	}
	if c.Retires {
		if err := s.retire(h.credential); err != nil {
			return err
		}
	}
	if c.Rotation.State.Over() {
		if err := s.stir(h.credential); err != nil {
			return err
		}
	}
	return s.trail(c.Rotation.ID, c.Events, append(ids(c.Opens), CredentialChain(h.credential))...)
}

// holding is what a Record must not change, and the lease.
type holding struct {
	credential string
	body       rotator.Rotation
	lease      time.Time
	word       bool // something was said since the claim
}

func (s session) holding(id rotator.ID) (holding, error) {
	var h holding
	var lease, told int64
	var text string
	err := s.row([]any{&h.credential, &text, &lease, &told},
		`SELECT credential, body, lease_until, told FROM rotations WHERE id = ?`, string(id))
	if errors.Is(err, sql.ErrNoRows) {
		return h, fmt.Errorf("rotation: %w", rotator.ErrNotFound)
	}
	if err != nil {
		return h, err
	}
	h.lease = fromNanos(lease)
	if err := decode(text, &h.body); err != nil {
		return h, err
	}
	var words int
	err = s.row([]any{&words}, `SELECT count(*) FROM words WHERE seq > ?
		AND (rotation = ? OR rotation = '' AND credential = ?)`, told, string(id), h.credential)
	h.word = words > 0
	return h, err
}

// swap is the compare-and-swap: it alone decides whether a Record happens.
func (s session) swap(c rotator.Change, h holding) error {
	r := c.Rotation
	r.Credential, r.Lane, r.OpenedAt = h.credential, h.body.Lane, h.body.OpenedAt
	if h.word && r.State.Over() {
		return fmt.Errorf("%w: a word came in that this rotation has not heard", rotator.ErrStale)
	}
	if h.word && r.NextAt.After(s.now) {
		r.NextAt = s.now
	}
	text, err := encodeRotation(r)
	if err != nil {
		return err
	}
	n, err := s.exec(`UPDATE rotations SET state = ?, open = ?, old_pair = ?, next_at = ?, lease_until = ?, body = ?,
		rev = rev + 1 WHERE id = ? AND rev = ? AND epoch = ? AND lease_until > ? AND open = 1`,
		string(r.State), flag(!r.State.Over()), string(r.Old), nanos(r.NextAt), nanos(s.leaseAfter(c, h)), text,
		string(r.ID), r.Rev, r.Epoch, nanos(s.now))
	if err == nil && n == 0 {
		return rotator.ErrStale
	}
	return err
}

// leaseAfter never shortens a lease that is kept.
func (s session) leaseAfter(c rotator.Change, h holding) time.Time {
	if c.Release || c.Rotation.State.Over() {
		return time.Time{}
	}
	if until := s.now.Add(c.Lease); until.After(h.lease) {
		return until
	}
	return h.lease
}

// opens opens what belongs to the change: burials, and the journey that follows one which ends with it.
func (s session) opens(c rotator.Change, credential string) error {
	for _, b := range c.Opens {
		if b.Credential != credential {
			return fmt.Errorf("%w: a rotation of another credential", ErrRefused)
		}
		if err := s.open(b); err != nil {
			return err
		}
		if opened(c.Events, b.ID) {
			continue
		}
		if err := s.chain(rotator.Event{Rotation: b.ID, Kind: "opened", Who: "quarterturn", To: b.State, Text: b.Why,
			Data: map[string]string{"pair": string(b.Old), "by": string(c.Rotation.ID)}}); err != nil {
			return err
		}
	}
	return nil
}

func opened(events []rotator.Event, id rotator.ID) bool {
	for _, e := range events {
		if e.Rotation == id && e.Kind == "opened" {
			return true
		}
	}
	return false
}

func ids(rotations []rotator.Rotation) []rotator.ID {
	var all []rotator.ID
	for _, r := range rotations {
		all = append(all, r.ID)
	}
	return all
}

func wipes(pairs []rotator.Pair) bool {
	for _, p := range pairs {
		if len(p.Sealed) == 0 {
			return true
		}
	}
	return false
}
