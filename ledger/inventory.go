package ledger

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"

	"quarterturn/rotator"
	"quarterturn/vendors"
)

// The marks there are.
const (
	markInventory = "inventory" // digest of the configuration last taken in
	markRestored  = "restored"  // when a backup was put back, until it is reconciled
	markClock     = "clock"     // the newest event when a person said that the clock is right: those before do not count
	markSkew      = "skew"      // by how many seconds a vendor's clock was ahead in its last answer, when that is far
)

// Ready implements rotator.Ledger. Leases are judged by the ledger's own clock.
func (l *SQLite) Ready(ctx context.Context, now time.Time, limit int) (a rotator.Agenda, err error) {
	limit = max(0, limit)
	err = l.look(ctx, func(s session) error {
		lines, err := list(s, scanLine, agendaQuery, nanos(now), nanos(s.now), limit, string(rotator.IsListed), nanos(now), limit,
			string(rotator.Vanished), nanos(now),
			nanos(s.now.Add(-l.o.KeepCalls)))
		a = rotator.Agenda{}
		for _, line := range lines {
			line.into(&a)
		}
		return err
	})
	return a, err
}

// agendaQuery asks every index for what is due. Each part is small, and none grows with what is not.
const agendaQuery = `
	SELECT 'rotation', id, 0 FROM (SELECT id FROM rotations WHERE open = 1 AND next_at <= ? AND lease_until <= ?
		ORDER BY next_at, n LIMIT ?) AS due
	UNION ALL SELECT 'credential', credential, 0 FROM (SELECT credential FROM inventory WHERE state = ? AND look_at <= ?
		ORDER BY look_at, credential LIMIT ?) AS aged
	UNION ALL SELECT 'vanished', credential, 0 FROM inventory WHERE state = ?
	UNION ALL SELECT name, value, 0 FROM marks
	UNION ALL SELECT 'newest', '', at FROM (SELECT at FROM events WHERE n >
		(SELECT COALESCE(max(CAST(value AS INTEGER)), 0) FROM marks WHERE name = 'clock') ORDER BY n DESC LIMIT 1) AS last
	UNION ALL SELECT 'parcel', '', 0 FROM (SELECT n FROM outbox WHERE open = 1 AND next_at <= ? LIMIT 1) AS waiting
	UNION ALL SELECT 'old calls', '', 0 FROM (SELECT n FROM calls WHERE at < ? LIMIT 1) AS old`

type agendaLine struct {
	kind, name string
	at         int64
}

func scanLine(scan func(...any) error) (l agendaLine, err error) {
	err = scan(&l.kind, &l.name, &l.at)
	return l, err
}

func (l agendaLine) into(a *rotator.Agenda) {
	switch l.kind {
	case "rotation":
		a.Rotations = append(a.Rotations, rotator.ID(l.name))
	case "credential":
		a.Credentials = append(a.Credentials, l.name)
	case "vanished":
		a.Vanished = append(a.Vanished, l.name)
	case markInventory:
		a.Inventory = l.name
	case markRestored:
		a.Restored = true
	case markSkew:
		seconds, _ := strconv.ParseInt(l.name, 10, 64)
		a.Skew = time.Duration(seconds) * time.Second
	case "newest":
		a.Newest = fromNanos(l.at)
	case "old calls":
		a.OldCalls = true
	case "parcel":
		a.Parcels = true
	}
}

const itemColumns = `credential, state, digest, look_at, body`

func scanItem(scan func(...any) error) (rotator.Item, error) {
	var i rotator.Item
	var credential, state, digest, text string
	var look int64
	if err := scan(&credential, &state, &digest, &look, &text); err != nil {
		return i, err
	}
	err := decode(text, &i)
	i.Credential, i.State, i.Digest, i.LookAt = credential, rotator.Listed(state), digest, fromNanos(look)
	return i, err
}

// Inventory implements rotator.Ledger.
func (l *SQLite) Inventory(ctx context.Context, names ...string) (all []rotator.Item, err error) {
	err = l.look(ctx, func(s session) error {
		all, err = s.items(names)
		return err
	})
	return all, err
}

func (s session) items(names []string) ([]rotator.Item, error) {
	if len(names) == 0 {
		return list(s, scanItem, `SELECT `+itemColumns+` FROM inventory ORDER BY credential`)
	}
	args := make([]any, len(names))
	for i, n := range names {
		args[i] = n
	}
	return list(s, scanItem, `SELECT `+itemColumns+` FROM inventory WHERE credential IN (?`+strings.Repeat(", ?", len(names)-1)+
		`) ORDER BY credential`, args...)
}

// Stock implements rotator.Ledger.
func (l *SQLite) Stock(ctx context.Context, st rotator.Stock) error {
	return l.write(ctx, func(s session) error {
		late := map[string]bool{}
		for _, i := range st.Items {
			stale, err := s.item(i, st.Seen)
			if err != nil {
				return err
			}
			late[i.Credential] = stale
		}
		for _, e := range st.Events {
			if err := s.chain(e); err != nil {
				return err
			}
		}
		for _, m := range st.Messages {
			if late[m.Credential] {
				continue
			}
			if err := s.post(m); err != nil {
				return err
			}
		}
		return s.mark(markInventory, st.Digest)
	})
}

// item stores one, unless its LookAt moved since it was judged.
func (s session) item(i rotator.Item, seen map[string]time.Time) (stale bool, err error) {
	if at, judged := seen[i.Credential]; judged {
		var look int64
		err := s.row([]any{&look}, `SELECT look_at FROM inventory WHERE credential = ?`, i.Credential)
		if errors.Is(err, sql.ErrNoRows) || err == nil && look != nanos(at) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	text, err := encode(rotator.Item{Parts: i.Parts, Reminded: i.Reminded})
	if err != nil {
		return false, err
	}
	_, err = s.exec(`INSERT INTO inventory (credential, state, digest, look_at, body) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (credential) DO UPDATE SET state = excluded.state, digest = excluded.digest, look_at = excluded.look_at,
		body = excluded.body`, i.Credential, string(i.State), i.Digest, nanos(i.LookAt), text)
	return false, err
}

// mark sets a mark; an empty value leaves it.
func (s session) mark(name, value string) error {
	if value == "" {
		return nil
	}
	_, err := s.exec(`INSERT INTO marks (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
		name, value)
	return err
}

// unmark takes a mark away.
func (s session) unmark(name string) error {
	_, err := s.exec(`DELETE FROM marks WHERE name = ?`, name)
	return err
}

// skew keeps in mind that a vendor's clock and ours are far apart, until it answers with another time.
func (s session) skew(r vendors.Reading) error {
	if r.ServerTime.IsZero() || r.At.IsZero() {
		return nil
	}
	if ahead := r.ServerTime.Sub(r.At); ahead.Abs() > rotator.ClockTolerance {
		return s.mark(markSkew, strconv.FormatInt(int64(ahead/time.Second), 10))
	}
	return s.unmark(markSkew)
}

// retire marks a credential as ended, whether or not a pass has listed it.
func (s session) retire(credential string) error {
	_, err := s.exec(`INSERT INTO inventory (credential, state, digest, look_at, body) VALUES (?, ?, '', ?, '{}')
		ON CONFLICT (credential) DO UPDATE SET state = excluded.state, look_at = excluded.look_at`,
		credential, string(rotator.Retired), nanos(s.now))
	return err
}

// stir has a credential's age judged again: something about it changed.
func (s session) stir(credential string) error {
	_, err := s.exec(`UPDATE inventory SET look_at = ? WHERE credential = ? AND look_at > ?`, nanos(s.now), credential, nanos(s.now))
	return err
}
