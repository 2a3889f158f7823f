package ledger

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"
)

// How a smoke call stands in the budget.
const (
	asked   = "asked"   // under way: it may still fail, and counts as failing until Done
	fine    = "fine"    // it did not fail
	failing = "failing" // the vendor refused the pair
)

// underway is longer than a call can last. A process that died between Take and Done blocks a key no longer than this.
const underway = time.Minute

// pending is how long a call without an answer counts: no longer than a failing one.
func (o Options) pending() time.Duration { return min(underway, o.Window) }

// Take asks whether one smoke call with key (a non-secret id) to host may be made now, over all processes that share
// the ledger. A zero time: go ahead, the call is counted; call Done after it. Otherwise nothing was counted, and free is
// when to ask again: at most one call per Options.Gap for a key and host, and at most Options.Failing failing ones per
// key within Options.Window (I-17).
func (l *SQLite) Take(ctx context.Context, key, host string) (free time.Time, err error) {
	err = l.write(ctx, func(s session) error {
		free, err = s.take(l.o, key, host)
		return err
	})
	return free, err
}

func (s session) take(o Options, key, host string) (time.Time, error) {
	if err := s.forget(o); err != nil {
		return time.Time{}, err
	}
	gap, err := s.gap(o, key, host)
	if err != nil {
		return time.Time{}, err
	}
	refused, err := s.failures(o, key)
	if err != nil {
		return time.Time{}, err
	}
	quiet, err := s.silence(host)
	if err != nil {
		return time.Time{}, err
	}
	for _, t := range []time.Time{refused, quiet} {
		if t.After(gap) {
			gap = t
		}
	}
	if !gap.IsZero() {
		return gap, nil
	}
	_, err = s.exec(`INSERT INTO probes (key, host, at, state) VALUES (?, ?, ?, ?)`, key, host, nanos(s.now), asked)
	return time.Time{}, err
}

// forget keeps the table small. A call far in the future is a clock that was set back, and not waited for.
func (s session) forget(o Options) error {
	_, err := s.exec(`DELETE FROM probes WHERE at > ? OR state = ? AND at <= ? OR state = ? AND at <= ?
		OR state = ? AND at <= ?`, nanos(s.now.Add(o.Window)), fine, nanos(s.now.Add(-o.Gap)),
		failing, nanos(s.now.Add(-o.Window)), asked, nanos(s.now.Add(-max(o.pending(), o.Gap))))
	return err
}

// gap is when the last call with this key to this host is long enough ago; zero: now.
func (s session) gap(o Options, key, host string) (time.Time, error) {
	var last int64
	err := s.row([]any{&last}, `SELECT COALESCE(max(at), 0) FROM probes WHERE key = ? AND host = ?`, key, host)
	if free := fromNanos(last).Add(o.Gap); err == nil && last != 0 && free.After(s.now) {
		return free, nil
	}
	return time.Time{}, err
}

// silence is until when a host asked to be left alone; zero: now.
func (s session) silence(host string) (time.Time, error) {
	var until int64
	err := s.row([]any{&until}, `SELECT COALESCE(max(until), 0) FROM silences WHERE host = ? AND until > ?`, host, nanos(s.now))
	if err != nil || until == 0 {
		return time.Time{}, err
	}
	return fromNanos(until), nil
}

// Silence keeps every process from calling host until then, because the host asked for it. An earlier end than the one
// known changes nothing.
func (l *SQLite) Silence(ctx context.Context, host string, until time.Time) error {
	return l.write(ctx, func(s session) error {
		if _, err := s.exec(`DELETE FROM silences WHERE until <= ? OR host = ? AND until < ?`, nanos(s.now), host, nanos(until)); err != nil {
			return err
		}
		_, err := s.exec(`INSERT INTO silences (host, until) SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM silences WHERE host = ?)`,
			host, nanos(until), host)
		return err
	})
}

// failures is when one more call may fail; zero: now. The n-th newest of what failed or may fail decides.
func (s session) failures(o Options, key string) (time.Time, error) {
	until, err := list(s, func(scan func(...any) error) (t time.Time, err error) {
		var at int64
		var state string
		err = scan(&at, &state)
		if t = fromNanos(at).Add(o.Window); state == asked {
			t = fromNanos(at).Add(o.pending())
		}
		return t, err
	}, `SELECT at, state FROM probes WHERE key = ? AND state <> ?`, key, fine)
	if err != nil || len(until) < o.Failing {
		return time.Time{}, err
	}
	return nthNewest(until, o.Failing), nil
}

// nthNewest is the n-th from the end in time; there are at least n.
func nthNewest(times []time.Time, n int) time.Time {
	slices.SortFunc(times, time.Time.Compare)
	return times[len(times)-n]
}

// Done ends a call that Take allowed; refused says that the vendor refused the pair. A failure counts from now, and
// counts even if the call took longer than anybody waited for it.
func (l *SQLite) Done(ctx context.Context, key, host string, refused bool) error {
	return l.write(ctx, func(s session) error {
		var n int64
		err := s.row([]any{&n}, `SELECT n FROM probes WHERE key = ? AND host = ? AND state = ? ORDER BY n LIMIT 1`,
			key, host, asked)
		switch {
		case errors.Is(err, sql.ErrNoRows) && !refused:
			return nil
		case errors.Is(err, sql.ErrNoRows):
			_, err = s.exec(`INSERT INTO probes (key, host, at, state) VALUES (?, ?, ?, ?)`, key, host, nanos(s.now), failing)
			return err
		case err != nil:
			return err
		case refused:
			_, err = s.exec(`UPDATE probes SET state = ?, at = ? WHERE n = ?`, failing, nanos(s.now), n)
			return err
		}
		_, err = s.exec(`UPDATE probes SET state = ? WHERE n = ?`, fine, n)
		return err
	})
}
