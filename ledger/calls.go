package ledger

import (
	"context"
	"fmt"

	"quarterturn/rotator"
)

// Log implements rotator.Ledger. ErrExists: a call with this id is there.
func (l *SQLite) Log(ctx context.Context, c rotator.Call) error {
	return l.write(ctx, func(s session) error {
		if c.ID == "" || c.Credential == "" {
			return fmt.Errorf("%w: a call needs an id and a credential", ErrRefused)
		}
		var same int
		if err := s.row([]any{&same}, `SELECT count(*) FROM calls WHERE id = ?`, c.ID); err != nil {
			return err
		}
		if same > 0 {
			return fmt.Errorf("a call with this id: %w", rotator.ErrExists)
		}
		if err := s.skew(c.Reading); err != nil {
			return err
		}
		return s.log(c)
	})
}

func (s session) log(c rotator.Call) error {
	r := &c.Reading
	r.At, r.ServerTime, r.RetryAt = r.At.UTC(), r.ServerTime.UTC(), r.RetryAt.UTC()
	text, err := encode(c)
	if err != nil {
		return err
	}
	at := r.At
	if at.IsZero() {
		at = s.now
	}
	_, err = s.exec(`INSERT INTO calls (id, credential, pair, at, host, method, path, status, code, verdict, trace_id,
		request_id, latency, digest, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		c.ID, c.Credential, string(c.Pair), nanos(at), clean(r.Host), clean(r.Method), clean(r.Path), r.Status,
		clean(r.Code), r.Verdict.String(), clean(r.TraceID), clean(r.RequestID), int64(r.Latency), rotator.Digest(c), text)
	return err
}

// Calls implements rotator.Ledger.
func (l *SQLite) Calls(ctx context.Context, credential string) (all []rotator.Call, err error) {
	err = l.look(ctx, func(s session) error {
		all, err = list(s, body[rotator.Call], `SELECT body FROM calls WHERE credential = ? ORDER BY n`, credential)
		return err
	})
	return all, err
}

// Prune deletes vendor calls older than Options.KeepCalls and returns how many. Their digests stay, so that Verify can
// tell a call that aged out from one that was taken away.
func (l *SQLite) Prune(ctx context.Context) (gone int64, err error) {
	err = l.write(ctx, func(s session) error {
		before := nanos(s.now.Add(-l.o.KeepCalls))
		if _, err := s.exec(`UPDATE retention SET calls_before = ? WHERE calls_before < ?`, before, before); err != nil {
			return err
		}
		if _, err := s.exec(`INSERT INTO pruned_calls (digest, at) SELECT digest, at FROM calls WHERE at < ?
			ON CONFLICT (digest) DO NOTHING`, before); err != nil {
			return err
		}
		gone, err = s.exec(`DELETE FROM calls WHERE at < ?`, before)
		return err
	})
	return gone, err
}
