package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"quarterturn/rotator"
)

// Open implements rotator.Ledger. ErrExists: the id is already there.
func (l *SQLite) Open(ctx context.Context, r rotator.Rotation, e ...rotator.Event) error {
	return l.write(ctx, func(s session) error {
		if err := s.open(r); err != nil {
			return err
		}
		return s.trail(r.ID, e, CredentialChain(r.Credential))
	})
}

func (s session) open(r rotator.Rotation) error {
	if err := s.mayOpen(r); err != nil {
		return err
	}
	if r.OpenedAt.IsZero() {
		r.OpenedAt = s.now
	}
	text, err := encodeRotation(r)
	if err != nil {
		return err
	}
	_, err = s.exec(`INSERT INTO rotations (id, credential, lane, state, open, old_pair, rev, epoch, next_at, body)
		VALUES (?, ?, ?, ?, ?, ?, 1, 0, ?, ?)`, string(r.ID), r.Credential, string(r.Lane), string(r.State),
		flag(!r.State.Over()), string(r.Old), nanos(r.NextAt), text)
	return err
}

// mayOpen says in our words what the unique indexes would refuse.
func (s session) mayOpen(r rotator.Rotation) error {
	burial := r.Lane == rotator.Burial
	if r.ID == "" || r.Credential == "" || burial && r.Old == "" {
		return fmt.Errorf("%w: a rotation needs an id and a credential, and a burial its pair", ErrRefused)
	}
	var same, journeys, burials int
	if err := s.row([]any{&same, &journeys, &burials}, `SELECT count(CASE WHEN id = ? THEN 1 END),
		count(CASE WHEN open = 1 AND lane <> 'burial' AND credential = ? THEN 1 END),
		count(CASE WHEN open = 1 AND lane = 'burial' AND old_pair = ? THEN 1 END) FROM rotations`,
		string(r.ID), r.Credential, string(r.Old)); err != nil {
		return err
	}
	switch {
	case same > 0:
		return fmt.Errorf("a rotation with this id: %w", rotator.ErrExists)
	case !burial && journeys > 0:
		return fmt.Errorf("credential %q: %w", r.Credential, rotator.ErrOpen)
	case burial && burials > 0:
		return fmt.Errorf("a burial of this pair: %w", rotator.ErrOpen)
	}
	return nil
}

// encodeRotation leaves out what has a column that SQL alone moves.
func encodeRotation(r rotator.Rotation) (string, error) {
	r.Words, r.Rev, r.Epoch, r.NextAt = nil, 0, 0, time.Time{}
	r.OpenedAt, r.EnteredAt = r.OpenedAt.UTC(), r.EnteredAt.UTC()
	return encode(r)
}

const rotationColumns = `body, rev, epoch, next_at`

func scanRotation(scan func(...any) error) (rotator.Rotation, error) {
	var r rotator.Rotation
	var text string
	var rev, epoch, next int64
	if err := scan(&text, &rev, &epoch, &next); err != nil {
		return r, err
	}
	err := decode(text, &r)
	r.Rev, r.Epoch, r.NextAt = rev, epoch, fromNanos(next)
	return r, err
}

// Claim implements rotator.Ledger.
func (l *SQLite) Claim(ctx context.Context, id rotator.ID, owner string, ttl time.Duration) (rotator.Rotation, error) {
	var r rotator.Rotation
	if ttl <= 0 {
		return r, fmt.Errorf("%w: a lease must last", ErrRefused)
	}
	err := l.write(ctx, func(s session) (err error) {
		r, err = s.claim(id, owner, ttl)
		return err
	})
	if err != nil {
		return rotator.Rotation{}, err
	}
	return r, nil
}

func (s session) claim(id rotator.ID, owner string, ttl time.Duration) (rotator.Rotation, error) {
	n, err := s.exec(`UPDATE rotations SET owner = ?, lease_until = ?,
		told = (SELECT COALESCE(max(seq), 0) FROM words) WHERE id = ? AND open = 1 AND lease_until <= ?`,
		owner, nanos(s.now.Add(ttl)), string(id), nanos(s.now))
	if err != nil {
		return rotator.Rotation{}, err
	}
	if n == 0 {
		return rotator.Rotation{}, s.unclaimed(id)
	}
	r, err := s.rotation(id)
	if err != nil {
		return r, err
	}
	if r.Epoch, err = s.nextEpoch(r); err != nil {
		return r, err
	}
	r.Words, err = s.unheard(r)
	return r, err
}

// nextEpoch counts over all of a credential's rotations: what a place was written under can be told older or newer.
func (s session) nextEpoch(r rotator.Rotation) (int64, error) {
	if _, err := s.exec(`INSERT INTO epochs (credential, epoch) VALUES (?, 1)
		ON CONFLICT (credential) DO UPDATE SET epoch = epochs.epoch + 1`, r.Credential); err != nil {
		return 0, err
	}
	_, err := s.exec(`UPDATE rotations SET epoch = (SELECT epoch FROM epochs WHERE credential = ?) WHERE id = ?`,
		r.Credential, string(r.ID))
	if err != nil {
		return 0, err
	}
	var epoch int64
	err = s.row([]any{&epoch}, `SELECT epoch FROM rotations WHERE id = ?`, string(r.ID))
	return epoch, err
}

// unclaimed says why a claim found nothing to take.
func (s session) unclaimed(id rotator.ID) error {
	var open int
	err := s.row([]any{&open}, `SELECT open FROM rotations WHERE id = ?`, string(id))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("rotation: %w", rotator.ErrNotFound)
	case err != nil:
		return err
	case open == 0:
		return fmt.Errorf("an open rotation with this id: %w; it has ended", rotator.ErrNotFound)
	}
	return rotator.ErrHeld
}

func (s session) rotation(id rotator.ID) (rotator.Rotation, error) {
	all, err := list(s, scanRotation, `SELECT `+rotationColumns+` FROM rotations WHERE id = ?`, string(id))
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("rotation: %w", rotator.ErrNotFound)
	}
	if err != nil {
		return rotator.Rotation{}, err
	}
	return all[0], nil
}

// Rotations implements rotator.Ledger.
func (l *SQLite) Rotations(ctx context.Context, credential string) (all []rotator.Rotation, err error) {
	err = l.look(ctx, func(s session) error {
		all, err = list(s, scanRotation, `SELECT `+rotationColumns+` FROM rotations
			WHERE credential = ? OR ? = '' ORDER BY n`, credential, credential)
		return err
	})
	return all, err
}
