package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"quarterturn/rotator"
	"quarterturn/secret"
)

// Problem is one thing that Verify found changed, missing or contradictory.
type Problem struct {
	Chain rotator.ID // the chain it concerns, "" for the file as a whole
	Seq   int64      // the event, 0 when it concerns no single one
	What  string     // one sentence, without any value
}

// Report is what Verify found.
type Report struct {
	Chains, Events, Pairs, Calls int // how many were checked
	Pruned                       int // calls the trail names that are gone by age
	Problems                     []Problem
}

// OK reports whether nothing was found.
func (r Report) OK() bool { return len(r.Problems) == 0 }

func (r *Report) add(chain rotator.ID, seq int64, format string, args ...any) {
	r.Problems = append(r.Problems, Problem{Chain: chain, Seq: seq, What: fmt.Sprintf(format, args...)})
}

// Verify computes every chain again and looks whether each rotation has one, whether each ciphertext has its digest, and
// whether the calls the trail names (data keys that begin with "call.") are the kept ones. It reads one snapshot and
// changes nothing. An error means that it could not look, e.g. ErrDamaged; what it found is in the report.
func (l *SQLite) Verify(ctx context.Context) (Report, error) {
	var r Report
	err := l.look(ctx, func(s session) error {
		r = Report{}
		for _, check := range []func(session, *Report) error{checkFile, checkCalls, checkChains, checkPairs, checkRotations} {
			if err := check(s, &r); err != nil {
				return err
			}
		}
		return nil
	})
	return r, err
}

// checkFile asks SQLite itself.
func checkFile(s session, r *Report) error {
	var answer string
	if err := s.row([]any{&answer}, `PRAGMA integrity_check(1)`); err != nil {
		return err
	}
	if answer != "ok" {
		r.add("", 0, "%s. %s", ErrDamaged, remedy(ErrDamaged))
	}
	return nil
}

type keptCall struct {
	call   rotator.Call
	at     int64
	digest string
}

func checkCalls(s session, r *Report) error {
	calls, err := list(s, func(scan func(...any) error) (k keptCall, err error) {
		var text string
		if err = scan(&text, &k.at, &k.digest); err != nil {
			return k, err
		}
		return k, decode(text, &k.call)
	}, `SELECT body, at, digest FROM calls ORDER BY n`)
	r.Calls = len(calls)
	for _, k := range calls {
		if rotator.Digest(k.call) != k.digest || !k.call.Reading.At.IsZero() && nanos(k.call.Reading.At) != k.at {
			r.add(CredentialChain(k.call.Credential), 0, "call %s was changed after it was logged", k.call.ID)
		}
	}
	return err
}

func checkChains(s session, r *Report) error {
	named, err := digests(s)
	if err != nil {
		return err
	}
	events, err := list(s, scanEvent, `SELECT `+eventColumns+` FROM events ORDER BY chain, seq`)
	var before rotator.Event
	for _, e := range events {
		if e.Rotation != before.Rotation {
			before = rotator.Event{Rotation: e.Rotation}
			r.Chains++
		}
		checkLink(before, e, r)
		checkNamed(named, e, r)
		before = e
	}
	r.Events = len(events)
	return err
}

// checkLink names the first thing that is wrong with one event; the hash covers the rest.
func checkLink(before, e rotator.Event, r *Report) {
	switch {
	case e.Seq != before.Seq+1:
		r.add(e.Rotation, e.Seq, "events %d to %d are missing", before.Seq+1, e.Seq-1)
	case e.Prev != before.Hash:
		r.add(e.Rotation, e.Seq, "it does not follow the event before it")
	case e.Hash != Hash(e):
		r.add(e.Rotation, e.Seq, "it was changed after it was recorded")
	}
}

// digests maps the digest of every call there ever was to whether it aged out.
func digests(s session) (map[string]bool, error) {
	type row struct {
		digest string
		pruned bool
	}
	rows, err := list(s, func(scan func(...any) error) (d row, err error) {
		err = scan(&d.digest, &d.pruned)
		return d, err
	}, `SELECT digest, 0 FROM calls UNION ALL SELECT digest, 1 FROM pruned_calls`)
	all := map[string]bool{}
	for _, d := range rows {
		all[d.digest] = d.pruned
	}
	return all, err
}

func checkNamed(known map[string]bool, e rotator.Event, r *Report) {
	for _, key := range slices.Sorted(maps.Keys(e.Data)) {
		if !strings.HasPrefix(key, "call.") {
			continue
		}
		pruned, there := known[e.Data[key]]
		switch {
		case !there:
			r.add(e.Rotation, e.Seq, "the vendor call it names as %s is missing or was changed", key)
		case pruned:
			r.Pruned++
		}
	}
}

// sealedPair is what a pair's ciphertext can be checked by.
type sealedPair struct {
	id, credential, digest string
	sealed                 secret.Sealed
}

func checkPairs(s session, r *Report) error {
	pairs, err := list(s, func(scan func(...any) error) (p sealedPair, err error) {
		var b []byte
		err = scan(&p.id, &p.credential, &p.digest, &b)
		p.sealed = b
		return p, err
	}, `SELECT id, credential, digest, sealed FROM pairs ORDER BY n`)
	r.Pairs = len(pairs)
	for _, p := range pairs {
		if len(p.sealed) > 0 && p.sealed.Digest() != p.digest {
			r.add(CredentialChain(p.credential), 0, "the ciphertext of pair %s is not the one that was sealed", p.id)
		}
	}
	return err
}

// checkRotations finds rotations whose whole chain is gone.
func checkRotations(s session, r *Report) error {
	silent, err := list(s, scanID, `SELECT id FROM rotations WHERE id NOT IN (SELECT chain FROM events) ORDER BY n`)
	for _, id := range silent {
		r.add(id, 0, "the rotation has no trail")
	}
	return err
}
