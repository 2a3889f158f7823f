package ledger

import (
	"context"
	"time"

	"quarterturn/notify"
	"quarterturn/rotator"
)

// post puts a message into the outbox, to be sent at once.
func (s session) post(m notify.Message) error {
	m.At = m.At.UTC()
	text, err := encode(rotator.Parcel{Message: m})
	if err != nil {
		return err
	}
	_, err = s.exec(`INSERT INTO outbox (open, next_at, body) VALUES (1, ?, ?)`, nanos(s.now), text)
	return err
}

func scanParcel(scan func(...any) error) (rotator.Parcel, error) {
	var p rotator.Parcel
	var n, next int64
	var text string
	if err := scan(&n, &next, &text); err != nil {
		return p, err
	}
	err := decode(text, &p)
	p.Seq, p.NextAt = n, fromNanos(next)
	return p, err
}

// Outbox implements rotator.Ledger.
func (l *SQLite) Outbox(ctx context.Context, now time.Time, limit int) (all []rotator.Parcel, err error) {
	err = l.look(ctx, func(s session) error {
		all, err = list(s, scanParcel, `SELECT n, next_at, body FROM outbox WHERE open = 1 AND next_at <= ? ORDER BY n LIMIT ?`,
			nanos(now), max(0, limit))
		return err
	})
	return all, err
}

// Posted implements rotator.Ledger.
func (l *SQLite) Posted(ctx context.Context, p rotator.Parcel) error {
	return l.write(ctx, func(s session) error {
		text, err := encode(p)
		if err != nil {
			return err
		}
		_, err = s.exec(`UPDATE outbox SET open = ?, next_at = ?, body = ? WHERE n = ?`, flag(!p.Over), nanos(p.NextAt), text, p.Seq)
		return err
	})
}
