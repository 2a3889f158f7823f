package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"quarterturn/rotator"
)

// CredentialChain is the id of the chain for what is said and done on a credential outside any rotation.
func CredentialChain(credential string) rotator.ID { return rotator.ID("credential:" + credential) }

// Hash is what the next event of a chain carries as Prev: lower-case hex SHA-256 over these fields in this order, each as
// "<byte length>:<bytes>,": "quarterturn event v1", rotation, seq, at, kind, who, from, to, text, the number of data
// entries, then each entry's key and value sorted by key, then prev. Numbers are decimal; at is nanoseconds since 1970
// UTC. The event's own Hash is not part of it.
func Hash(e rotator.Event) string {
	h := sha256.New()
	for _, f := range []string{"quarterturn event v1", string(e.Rotation), strconv.FormatInt(e.Seq, 10),
		strconv.FormatInt(nanos(e.At), 10), e.Kind, e.Who, string(e.From), string(e.To), e.Text, strconv.Itoa(len(e.Data))} {
		writeField(h, f)
	}
	for _, k := range slices.Sorted(maps.Keys(e.Data)) {
		writeField(h, k)
		writeField(h, e.Data[k])
	}
	writeField(h, e.Prev)
	return hex.EncodeToString(h.Sum(nil))
}

func writeField(w io.Writer, s string) { _, _ = fmt.Fprintf(w, "%d:%s,", len(s), s) }

// trail appends events in order, to home unless they name one of the other chains this write may speak on.
func (s session) trail(home rotator.ID, events []rotator.Event, others ...rotator.ID) error {
	for _, e := range events {
		if e.Rotation == "" {
			e.Rotation = home
		}
		if e.Rotation != home && !slices.Contains(others, e.Rotation) {
			return fmt.Errorf("%w: an event names a chain that this write does not concern", ErrRefused)
		}
		if err := s.chain(e); err != nil {
			return err
		}
	}
	return nil
}

// chain appends one event. Two writers can't both extend the same head: (chain, seq) is unique.
func (s session) chain(e rotator.Event) error {
	e = tidy(e)
	if e.At.IsZero() {
		e.At = s.now
	}
	err := s.row([]any{&e.Seq, &e.Prev}, `SELECT seq, hash FROM events WHERE chain = ? ORDER BY seq DESC LIMIT 1`,
		string(e.Rotation))
	if errors.Is(err, sql.ErrNoRows) {
		e.Seq, e.Prev, err = 0, "", nil
	}
	if err != nil {
		return err
	}
	e.Seq++
	data, err := encode(e.Data)
	if err != nil {
		return err
	}
	_, err = s.exec(`INSERT INTO events (chain, seq, at, kind, who, from_state, to_state, text, data, prev, hash)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, string(e.Rotation), e.Seq, nanos(e.At), e.Kind, e.Who,
		string(e.From), string(e.To), e.Text, data, e.Prev, Hash(e))
	return err
}

// tidy makes an event what reading it back will give, before it is hashed.
func tidy(e rotator.Event) rotator.Event {
	e.Kind, e.Who, e.Text = clean(e.Kind), clean(e.Who), clean(e.Text)
	e.From, e.To = rotator.State(clean(string(e.From))), rotator.State(clean(string(e.To)))
	var data map[string]string
	for k, v := range e.Data {
		if data == nil {
			data = map[string]string{}
		}
		data[clean(k)] = clean(v)
	}
	e.Data = data
	e.At = fromNanos(nanos(e.At))
	return e
}

const eventColumns = `chain, seq, at, kind, who, from_state, to_state, text, data, prev, hash`

func scanEvent(scan func(...any) error) (rotator.Event, error) {
	var e rotator.Event
	var at int64
	var data string
	if err := scan(&e.Rotation, &e.Seq, &at, &e.Kind, &e.Who, &e.From, &e.To, &e.Text, &data, &e.Prev, &e.Hash); err != nil {
		return e, err
	}
	e.At = fromNanos(at)
	return e, decode(data, &e.Data)
}

// Events lists one chain's events in order; none when there is no such chain.
func (l *SQLite) Events(ctx context.Context, id rotator.ID) (all []rotator.Event, err error) {
	err = l.look(ctx, func(s session) error {
		all, err = list(s, scanEvent, `SELECT `+eventColumns+` FROM events WHERE chain = ? ORDER BY seq`, string(id))
		return err
	})
	return all, err
}

// Chains lists the ids of every chain, oldest first.
func (l *SQLite) Chains(ctx context.Context) (all []rotator.ID, err error) {
	err = l.look(ctx, func(s session) error {
		all, err = list(s, scanID, `SELECT chain FROM events GROUP BY chain ORDER BY min(n)`)
		return err
	})
	return all, err
}

func scanID(scan func(...any) error) (id rotator.ID, err error) {
	err = scan(&id)
	return id, err
}
