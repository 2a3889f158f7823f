package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"quarterturn/rotator"
	"quarterturn/secret"
)

// keepPair stores a pair whole. What is proven or was once seen stays: a dead pair's life (I-14), prints, the digest of
// wiped ciphertext, when the pair was first seen.
func (s session) keepPair(p rotator.Pair) error {
	before, known, err := s.pair(p.ID)
	if err != nil {
		return err
	}
	if p, err = follow(before, known, p); err != nil {
		return err
	}
	if p.BornAt.IsZero() {
		p.BornAt = s.now
	}
	if err := s.storePair(p); err != nil {
		return err
	}
	if err := s.stir(p.Credential); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(p.Prints)) {
		if _, there := before.Prints[name]; there {
			continue
		}
		if _, err := s.exec(`INSERT INTO prints (pair, name, print) VALUES (?, ?, ?)`,
			string(p.ID), name, p.Prints[name]); err != nil {
			return err
		}
	}
	return nil
}

// follow says whether p may come after before, and carries over what stays.
func follow(before rotator.Pair, known bool, p rotator.Pair) (rotator.Pair, error) {
	if p.ID == "" || p.Credential == "" {
		return p, fmt.Errorf("%w: a pair needs an id and a credential", ErrRefused)
	}
	if len(p.Sealed) > 0 {
		if p.Digest != "" && p.Digest != p.Sealed.Digest() {
			return p, fmt.Errorf("%w: a pair's digest is not that of its ciphertext", ErrRefused)
		}
		p.Digest = p.Sealed.Digest()
	}
	if !known {
		return p, nil
	}
	switch {
	case p.Credential != before.Credential:
		return p, fmt.Errorf("%w: a pair stays with its credential", ErrRefused)
	case before.Life == rotator.Dead && p.Life != rotator.Dead && p.Life != rotator.Orphan:
		return p, fmt.Errorf("%w: a proven death stays; only an accepted call makes a dead pair an orphan", ErrRefused)
	}
	for name, print := range p.Prints {
		if was, there := before.Prints[name]; there && was != print {
			return p, fmt.Errorf("%w: a pair's print cannot change", ErrRefused)
		}
	}
	p.BornAt = before.BornAt
	p.Digest = or(p.Digest, before.Digest)
	return p, nil
}

func (s session) storePair(p rotator.Pair) error {
	rest := p
	rest.Sealed, rest.Prints = nil, nil
	rest.Created, rest.BornAt, rest.EndedAt = p.Created.UTC(), p.BornAt.UTC(), p.EndedAt.UTC()
	text, err := encode(rest)
	if err != nil {
		return err
	}
	var sealed []byte
	if len(p.Sealed) > 0 {
		sealed = p.Sealed
	}
	_, err = s.exec(`INSERT INTO pairs (id, credential, life, digest, sealed, body) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET life = excluded.life, digest = excluded.digest, sealed = excluded.sealed,
		body = excluded.body`, string(p.ID), p.Credential, string(p.Life), p.Digest, sealed, text)
	return err
}

func (s session) pair(id rotator.PairID) (rotator.Pair, bool, error) {
	all, err := s.pairs(`pairs.id = ?`, string(id))
	if err != nil || len(all) == 0 {
		return rotator.Pair{}, false, err
	}
	return all[0], true, nil
}

// pairs lists whole pairs, oldest first.
func (s session) pairs(where string, args ...any) ([]rotator.Pair, error) {
	all, err := list(s, scanPair, `SELECT body, sealed FROM pairs WHERE `+where+` ORDER BY n`, args...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	prints, err := list(s, scanPrint, `SELECT prints.pair, prints.name, prints.print FROM prints
		JOIN pairs ON pairs.id = prints.pair WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	byPair := map[rotator.PairID]secret.Prints{}
	for _, p := range prints {
		if byPair[p.pair] == nil {
			byPair[p.pair] = secret.Prints{}
		}
		byPair[p.pair][p.name] = p.print
	}
	for i := range all {
		all[i].Prints = byPair[all[i].ID]
	}
	return all, nil
}

func scanPair(scan func(...any) error) (rotator.Pair, error) {
	var p rotator.Pair
	var text string
	var sealed []byte
	if err := scan(&text, &sealed); err != nil {
		return p, err
	}
	err := decode(text, &p)
	p.Sealed = sealed
	return p, err
}

type printRow struct {
	pair        rotator.PairID
	name, print string
}

func scanPrint(scan func(...any) error) (r printRow, err error) {
	err = scan(&r.pair, &r.name, &r.print)
	return r, err
}

// Keep implements rotator.Ledger. It also wakes the rotation, and is ErrExists when another credential's pair, unless it
// was refused by its host, has one of p's whole prints: of two credentials that are given the same pair at one moment,
// one gets it. ErrNotFound: no such rotation.
func (l *SQLite) Keep(ctx context.Context, p rotator.Pair, w rotator.Word, e ...rotator.Event) error {
	return l.write(ctx, func(s session) error {
		known, err := s.mayKeep(p, w)
		if err != nil {
			return err
		}
		if err := s.keepPair(p); err != nil {
			return err
		}
		if known && w.Target != "old" {
			return s.trail(w.Rotation, e, CredentialChain(p.Credential))
		}
		_, err = s.say(w, e)
		return err
	})
}

// mayKeep says whether p is a pair that is there already, to be sealed again.
func (s session) mayKeep(p rotator.Pair, w rotator.Word) (known bool, err error) {
	r, err := s.rotation(w.Rotation)
	if err != nil {
		return false, err
	}
	was, known, err := s.pair(p.ID)
	if err != nil {
		return false, err
	}
	again := known && was.Life == rotator.Candidate && p.Life == rotator.Candidate
	if !awaits(r.State, w, again) {
		return known, fmt.Errorf("the rotation awaits no key now: %w", rotator.ErrExists)
	}
	if p.Credential != r.Credential {
		return known, fmt.Errorf("%w: a pair of another credential", ErrRefused)
	}
	var others int
	if err := s.row([]any{&others}, `SELECT count(*) FROM pairs WHERE credential = ? AND life = ? AND id <> ?`,
		p.Credential, string(p.Life), string(p.ID)); err != nil {
		return known, err
	}
	if others > 0 {
		return known, fmt.Errorf("another %s pair of this credential is there: %w", p.Life, rotator.ErrExists)
	}
	return known, s.elsewhere(p)
}

// awaits: a new pair comes in awaiting_key, and may be sealed again until it is accepted; the old one comes in due.
func awaits(state rotator.State, w rotator.Word, again bool) bool {
	if w.Target == "old" {
		return state == rotator.DueState
	}
	return state == rotator.AwaitingKey || again && state == rotator.Received
}

// elsewhere refuses a pair that another credential has (I-4).
func (s session) elsewhere(p rotator.Pair) error {
	same, err := s.sharing(p.Prints)
	if err != nil {
		return err
	}
	for _, q := range same {
		if q.Credential != p.Credential && q.Life != rotator.Refused && sameWhole(p.Prints, q.Prints) {
			return fmt.Errorf("credential %q has it: %w", q.Credential, rotator.ErrExists)
		}
	}
	return nil
}

func sameWhole(p, q secret.Prints) bool {
	for name, print := range p {
		if strings.HasPrefix(name, "@") && q[name] == print {
			return true
		}
	}
	return false
}

// Adopt implements rotator.Ledger. ErrOpen: a rotation of the credential, burials aside, is open. ErrExists: p is to be
// current, and another pair of the credential is.
func (l *SQLite) Adopt(ctx context.Context, p rotator.Pair, e ...rotator.Event) error {
	return l.write(ctx, func(s session) error {
		if err := s.mayAdopt(p); err != nil {
			return err
		}
		if err := s.keepPair(p); err != nil {
			return err
		}
		if len(p.Sealed) == 0 {
			l.wiped.Store(true)
		}
		return s.trail(CredentialChain(p.Credential), e)
	})
}

func (s session) mayAdopt(p rotator.Pair) error {
	var open, current int
	err := s.row([]any{&open, &current}, `SELECT
		(SELECT count(*) FROM rotations WHERE credential = ? AND open = 1 AND lane <> 'burial'),
		(SELECT count(*) FROM pairs WHERE credential = ? AND life = ? AND id <> ?)`,
		p.Credential, p.Credential, string(rotator.Current), string(p.ID))
	switch {
	case err != nil:
		return err
	case open > 0:
		return fmt.Errorf("credential %q: %w", p.Credential, rotator.ErrOpen)
	case p.Life == rotator.Current && current > 0:
		return fmt.Errorf("credential %q has another current pair: %w", p.Credential, rotator.ErrExists)
	}
	return nil
}

// Sealed implements rotator.Ledger: the connection it reads from can't write and has seen no open transaction. It is nil
// when the pair was wiped or never held.
func (l *SQLite) Sealed(ctx context.Context, id rotator.PairID) (sealed secret.Sealed, err error) {
	err = l.look(ctx, func(s session) error {
		var b []byte
		err := s.row([]any{&b}, `SELECT sealed FROM pairs WHERE id = ?`, string(id))
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("pair: %w", rotator.ErrNotFound)
		}
		sealed = b
		return err
	})
	return sealed, err
}

// Pairs implements rotator.Ledger. Pairs come whole, ciphertext and prints included.
func (l *SQLite) Pairs(ctx context.Context, credential string) (all []rotator.Pair, err error) {
	err = l.look(ctx, func(s session) error {
		all, err = s.pairs(`pairs.credential = ? OR ? = ''`, credential, credential)
		return err
	})
	return all, err
}

// Find implements rotator.Ledger: equal prints under equal names, whole or field. No prints find nothing.
func (l *SQLite) Find(ctx context.Context, p secret.Prints) (all []rotator.Pair, err error) {
	err = l.look(ctx, func(s session) error {
		all, err = s.sharing(p)
		return err
	})
	return all, err
}

func (s session) sharing(p secret.Prints) ([]rotator.Pair, error) {
	if len(p) == 0 {
		return nil, nil
	}
	var some []string
	var args []any
	for _, name := range slices.Sorted(maps.Keys(p)) {
		some = append(some, `name = ? AND print = ?`)
		args = append(args, name, p[name])
	}
	return s.pairs(`pairs.id IN (SELECT pair FROM prints WHERE `+strings.Join(some, ` OR `)+`)`, args...)
}
