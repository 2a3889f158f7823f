package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"quarterturn/rotator"
)

// Epoch implements rotator.Ledger.
func (l *SQLite) Epoch(ctx context.Context, credential string) (epoch int64, err error) {
	err = l.look(ctx, func(s session) error {
		err := s.row([]any{&epoch}, `SELECT epoch FROM epochs WHERE credential = ?`, credential)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return epoch, err
}

var _ rotator.Carer = (*SQLite)(nil)

// Mend implements rotator.Carer.
func (l *SQLite) Mend(ctx context.Context, m rotator.Mend) error {
	return l.write(ctx, func(s session) error { return s.mend(m) })
}

func (s session) mend(m rotator.Mend) error {
	if _, err := s.exec(`INSERT INTO epochs (credential, epoch) VALUES (?, ?)
		ON CONFLICT (credential) DO UPDATE SET epoch = max(epoch, excluded.epoch)`, m.Credential, m.Epoch); err != nil {
		return err
	}
	ended := CredentialChain(m.Credential)
	if m.Ends != nil {
		ended = m.Ends.ID
		if err := s.end(m); err != nil {
			return err
		}
	}
	for _, p := range m.Pairs {
		if p.Credential != m.Credential {
			return fmt.Errorf("%w: a pair of another credential", ErrRefused)
		}
		if err := s.keepPair(p); err != nil {
			return err
		}
	}
	if err := s.opens(rotator.Change{Rotation: rotator.Rotation{ID: ended}, Opens: m.Opens}, m.Credential); err != nil {
		return err
	}
	if err := s.rouse(m.Credential); err != nil {
		return err
	}
	return s.trail(CredentialChain(m.Credential), m.Events, ended)
}

// end ends a rotation whatever lease there is: who holds it finds its Rev gone.
func (s session) end(m rotator.Mend) error {
	r := *m.Ends
	text, err := encodeRotation(r)
	if err != nil {
		return err
	}
	n, err := s.exec(`UPDATE rotations SET state = ?, open = 0, lease_until = 0, body = ?, rev = rev + 1
		WHERE id = ? AND credential = ? AND rev = ? AND open = 1`, string(r.State), text, string(r.ID), m.Credential, r.Rev)
	switch {
	case err != nil:
		return err
	case !r.State.Over():
		return fmt.Errorf("%w: mending ends a rotation, and moves none", ErrRefused)
	case n == 0:
		return rotator.ErrStale
	}
	return nil
}

// rouse has every open rotation of a credential looked at now.
func (s session) rouse(credential string) error {
	_, err := s.exec(`UPDATE rotations SET next_at = ? WHERE credential = ? AND open = 1 AND next_at > ?`, nanos(s.now), credential, nanos(s.now))
	return err
}

// Renew implements rotator.Carer. What else is known of the pair stays as it is by now.
func (l *SQLite) Renew(ctx context.Context, p rotator.Pair, was string, e ...rotator.Event) error {
	return l.write(ctx, func(s session) error {
		now, known, err := s.pair(p.ID)
		switch {
		case err != nil:
			return err
		case !known:
			return fmt.Errorf("pair: %w", rotator.ErrNotFound)
		case digestOf(now) != was:
			return rotator.ErrStale
		}
		now.Sealed, now.Digest, now.Prints = p.Sealed, p.Digest, now.Prints.Merge(p.Prints)
		if err := s.keepPair(now); err != nil {
			return err
		}
		if was != digestOf(p) {
			l.wiped.Store(true)
		}
		if err := s.rouse(now.Credential); err != nil {
			return err
		}
		return s.trail(CredentialChain(now.Credential), e)
	})
}

func digestOf(p rotator.Pair) string {
	if len(p.Sealed) == 0 {
		return ""
	}
	return p.Sealed.Digest()
}

// Settle implements rotator.Carer.
func (l *SQLite) Settle(ctx context.Context, e rotator.Event, clock bool) error {
	return l.write(ctx, func(s session) error {
		if err := errors.Join(s.chain(e), s.unmark(markRestored)); err != nil || !clock {
			return err
		}
		return s.rightClock()
	})
}

// rightClock forgets what a wrong clock put into the future: the newest event, and every time that something waits for.
func (s session) rightClock() error {
	var newest int64
	if err := s.row([]any{&newest}, `SELECT COALESCE(max(n), 0) FROM events`); err != nil {
		return err
	}
	if err := s.mark(markClock, strconv.FormatInt(newest, 10)); err != nil {
		return err
	}
	now := nanos(s.now)
	for _, query := range []string{
		`UPDATE rotations SET next_at = ?1 WHERE open = 1 AND next_at > ?1`,
		`UPDATE rotations SET lease_until = 0 WHERE open = 1 AND lease_until > ?1 + 3600000000000`,
		`UPDATE inventory SET look_at = ?1 WHERE look_at > ?1`,
		`UPDATE outbox SET next_at = ?1 WHERE open = 1 AND next_at > ?1`,
		`DELETE FROM probes WHERE at > ?1`,
		`DELETE FROM silences WHERE until > ?1 + 3600000000000`,
	} {
		if _, err := s.exec(query, now); err != nil {
			return err
		}
	}
	return nil
}
