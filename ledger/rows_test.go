package ledger

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"quarterturn/ledger/ledgertest"
	"quarterturn/rotator"
	"quarterturn/secret"
)

// readers are calls by name.
type readers map[string]func(ctx context.Context, l *SQLite, now time.Time) error

// TestDamagedRowsAreTold: whatever reads a row that is none says so, and never takes it for an empty one.
func TestDamagedRowsAreTold(t *testing.T) {
	for _, c := range []struct {
		spoils string
		reads  readers
	}{
		{`UPDATE rotations SET body = '{'`, readers{
			"rotations": func(ctx context.Context, l *SQLite, _ time.Time) error { _, err := l.Rotations(ctx, ""); return err },
			"claim": func(ctx context.Context, l *SQLite, _ time.Time) error {
				_, err := l.Claim(ctx, "r1", "w", 1)
				return err
			},
			"record": func(ctx context.Context, l *SQLite, _ time.Time) error {
				_, err := l.Record(ctx, rotator.Change{Rotation: rotator.Rotation{ID: "r1", Rev: 1, Epoch: 1}})
				return err
			},
		}},
		{`UPDATE pairs SET body = '{'`, readers{
			"pairs": func(ctx context.Context, l *SQLite, _ time.Time) error { _, err := l.Pairs(ctx, "one"); return err },
			"find": func(ctx context.Context, l *SQLite, _ time.Time) error {
				_, err := l.Find(ctx, secret.Prints{"@k": "print"})
				return err
			},
			"adopt": func(ctx context.Context, l *SQLite, _ time.Time) error {
				return l.Adopt(ctx, rotator.Pair{ID: "p1", Credential: "another"})
			},
		}},
		{`UPDATE words SET body = '{'`, readers{
			"words": func(ctx context.Context, l *SQLite, _ time.Time) error { _, err := l.Words(ctx, "one"); return err },
			"claim": func(ctx context.Context, l *SQLite, _ time.Time) error {
				_, err := l.Claim(ctx, "r1", "w", 1)
				return err
			},
		}},
		{`UPDATE events SET data = '{'`, readers{
			"events": func(ctx context.Context, l *SQLite, _ time.Time) error { _, err := l.Events(ctx, "r1"); return err },
			"verify": func(ctx context.Context, l *SQLite, _ time.Time) error { _, err := l.Verify(ctx); return err },
		}},
		{`UPDATE calls SET body = '{'`, readers{
			"calls":  func(ctx context.Context, l *SQLite, _ time.Time) error { _, err := l.Calls(ctx, "one"); return err },
			"verify": func(ctx context.Context, l *SQLite, _ time.Time) error { _, err := l.Verify(ctx); return err },
		}},
		{`INSERT INTO inventory VALUES ('one', 'listed', '', 0, '{')`, readers{
			"inventory": func(ctx context.Context, l *SQLite, _ time.Time) error { _, err := l.Inventory(ctx); return err },
		}},
		{`INSERT INTO inventory VALUES ('one', 'listed', '', 'soon', '{}')`, readers{
			"stock": func(ctx context.Context, l *SQLite, now time.Time) error {
				return l.Stock(ctx, rotator.Stock{Items: []rotator.Item{{Credential: "one"}}, Seen: map[string]time.Time{"one": now}})
			},
		}},
		{`INSERT INTO outbox VALUES (1, 1, 1.5, '{}')`, readers{
			"outbox": func(ctx context.Context, l *SQLite, now time.Time) error { _, err := l.Outbox(ctx, now, 9); return err },
		}},
		{`INSERT INTO outbox VALUES (1, 1, 0, '{')`, readers{
			"outbox": func(ctx context.Context, l *SQLite, now time.Time) error { _, err := l.Outbox(ctx, now, 9); return err },
		}},
	} {
		clock := ledgertest.NewClock()
		l := open(t, clock.Now)
		story(t, l, clock)
		for _, trigger := range []string{"events_keep", "words_keep", "calls_keep"} {
			must(t, l, `DROP TRIGGER `+trigger)
		}
		must(t, l, c.spoils)
		for name, read := range c.reads {
			if err := read(t.Context(), l, clock.Now()); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: %s says %v", c.spoils, name, err)
			}
		}
	}
}

// TestDamagedColumnsAreTold: a text where a number belongs is a damaged row as well, and no error quotes it.
func TestDamagedColumnsAreTold(t *testing.T) {
	const secretText = "hunter2hunter2"
	for spoils, read := range map[string]func(ctx context.Context, l *SQLite) error{
		`UPDATE rotations SET rev = ?`: func(ctx context.Context, l *SQLite) error { _, err := l.Rotations(ctx, ""); return err },
		`UPDATE rotations SET lease_until = ?`: func(ctx context.Context, l *SQLite) error {
			_, err := l.Record(ctx, rotator.Change{Rotation: rotator.Rotation{ID: "r1"}})
			return err
		},
		`UPDATE events SET at = ?`:               func(ctx context.Context, l *SQLite) error { _, err := l.Events(ctx, "r1"); return err },
		`UPDATE events SET at = ? WHERE seq > 0`: func(ctx context.Context, l *SQLite) error { _, err := l.Ready(ctx, time.Now(), 9); return err },
		`UPDATE calls SET at = ?`:                func(ctx context.Context, l *SQLite) error { _, err := l.Verify(ctx); return err },
		`UPDATE inventory SET look_at = ?`:       func(ctx context.Context, l *SQLite) error { _, err := l.Inventory(ctx); return err },
		`UPDATE epochs SET epoch = ?`:            func(ctx context.Context, l *SQLite) error { _, err := l.Epoch(ctx, "one"); return err },
	} {
		clock := ledgertest.NewClock()
		l := open(t, clock.Now)
		story(t, l, clock)
		allRight(t, l.Stock(t.Context(), rotator.Stock{Items: []rotator.Item{{Credential: "one"}}}))
		for _, trigger := range []string{"events_keep", "calls_keep"} {
			must(t, l, `DROP TRIGGER `+trigger)
		}
		_, err := l.db.ExecContext(t.Context(), spoils, secretText)
		allRight(t, err)
		err = read(t.Context(), l)
		if !errors.Is(err, ErrDamaged) || strings.Contains(err.Error(), secretText) || !strings.Contains(err.Error(), "restore it from a backup") {
			t.Errorf("%s: %v", spoils, err)
		}
	}
}
