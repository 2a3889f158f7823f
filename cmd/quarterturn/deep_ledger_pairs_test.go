package main

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"quarterturn/rotator"
	"quarterturn/secret"
)

// ---- pairs -----------------------------------------------------------------------------------------------------------

func (s deepSession) keepAll(credential string, pairs []rotator.Pair) error {
	for _, p := range pairs {
		if p.Credential != credential {
			return errDeepRefused
		}
		if err := s.keep(p); err != nil {
			return err
		}
	}
	return nil
}

func (s deepSession) pair(id rotator.PairID) int {
	return slices.IndexFunc(s.pairs, func(p rotator.Pair) bool { return p.ID == id })
}

func (s deepSession) keep(p rotator.Pair) error {
	if p.ID == "" || p.Credential == "" || len(p.Sealed) > 0 && p.Digest != "" && p.Digest != p.Sealed.Digest() {
		return errDeepRefused
	}
	if len(p.Sealed) > 0 {
		p.Digest = p.Sealed.Digest()
	}
	p.BornAt = deepTime(p.BornAt, s.now)
	p.Created, p.EndedAt, p.Sealed = p.Created.UTC(), p.EndedAt.UTC(), sealedOf(p.Sealed)
	defer s.stir(p.Credential)
	i := s.pair(p.ID)
	if i < 0 {
		p.Prints = secret.Prints{}.Merge(p.Prints)
		s.pairs = added(s.pairs, p)
		return nil
	}
	was := s.pairs[i]
	if p.Credential != was.Credential || was.Life == rotator.Dead && p.Life != rotator.Dead && p.Life != rotator.Orphan {
		return errDeepRefused
	}
	for name, print := range p.Prints {
		if before, there := was.Prints[name]; there && before != print {
			return errDeepRefused
		}
	}
	p.BornAt, p.Digest, p.Prints = was.BornAt, cmp.Or(p.Digest, was.Digest), was.Prints.Merge(p.Prints)
	s.pairs = set(s.pairs, i, p)
	return nil
}

func deepTime(t, fallback time.Time) time.Time {
	if t.IsZero() {
		return fallback
	}
	return t.UTC()
}

func (l *deepLedger) Keep(ctx context.Context, p rotator.Pair, w rotator.Word, e ...rotator.Event) error {
	return l.write(ctx, func(s deepSession) error {
		again, err := s.mayKeep(p, w)
		if err != nil {
			return err
		}
		if err := s.keep(p); err != nil {
			return err
		}
		if again && w.Target != "old" {
			return s.trail(w.Rotation, e)
		}
		_, err = s.say(w, e)
		return err
	})
}

func (s deepSession) mayKeep(p rotator.Pair, w rotator.Word) (known bool, err error) {
	i, at := s.row(w.Rotation), s.pair(p.ID)
	if i < 0 {
		return false, rotator.ErrNotFound
	}
	state := s.rows[i].state
	again := at >= 0 && s.pairs[at].Life == rotator.Candidate && p.Life == rotator.Candidate
	switch old := w.Target == "old"; {
	case old && state != rotator.DueState, !old && state != rotator.AwaitingKey && !(again && state == rotator.Received):
		return false, rotator.ErrExists
	case p.Credential != s.rows[i].credential:
		return false, errDeepRefused
	}
	for _, q := range s.pairs {
		same := q.Credential == p.Credential
		if same && q.Life == p.Life && q.ID != p.ID || !same && q.Life != rotator.Refused && deepSame(p.Prints, q.Prints, "@") {
			return false, rotator.ErrExists
		}
	}
	return at >= 0, nil
}

// deepSame: one print, of those whose name begins so, is equal.
func deepSame(p, q secret.Prints, prefix string) bool {
	for name, print := range p {
		if strings.HasPrefix(name, prefix) && q[name] == print {
			return true
		}
	}
	return false
}

func (l *deepLedger) Adopt(ctx context.Context, p rotator.Pair, e ...rotator.Event) error {
	return l.write(ctx, func(s deepSession) error {
		for _, row := range s.rows {
			if row.open && row.lane != rotator.Burial && row.credential == p.Credential {
				return rotator.ErrOpen
			}
		}
		for _, q := range s.pairs {
			if p.Life == rotator.Current && q.Life == rotator.Current && q.Credential == p.Credential && q.ID != p.ID {
				return rotator.ErrExists
			}
		}
		if err := s.keep(p); err != nil {
			return err
		}
		return s.trail("credential:"+rotator.ID(p.Credential), e)
	})
}

func (l *deepLedger) Sealed(_ context.Context, id rotator.PairID) (sealed secret.Sealed, err error) {
	err = rotator.ErrNotFound
	l.look(func(s deepSession) {
		if i := s.pair(id); i >= 0 {
			sealed, err = sealedOf(s.pairs[i].Sealed), nil
		}
	})
	return sealed, err
}

func (l *deepLedger) Pairs(_ context.Context, credential string) ([]rotator.Pair, error) {
	return l.those(func(p rotator.Pair) bool { return credential == "" || p.Credential == credential }), nil
}

func (l *deepLedger) Find(_ context.Context, prints secret.Prints) ([]rotator.Pair, error) {
	return l.those(func(p rotator.Pair) bool { return deepSame(prints, p.Prints, "") }), nil
}

func (l *deepLedger) those(want func(rotator.Pair) bool) (all []rotator.Pair) {
	l.look(func(s deepSession) {
		for _, p := range s.pairs {
			if want(p) {
				p.Sealed, p.Prints = sealedOf(p.Sealed), secret.Prints{}.Merge(p.Prints)
				all = append(all, p)
			}
		}
	})
	return all
}

// ---- words -----------------------------------------------------------------------------------------------------------

func (l *deepLedger) Say(ctx context.Context, w rotator.Word, e ...rotator.Event) (seq int64, err error) {
	err = l.write(ctx, func(s deepSession) error {
		seq, err = s.say(w, e)
		return err
	})
	return seq, err
}

func (s deepSession) say(w rotator.Word, e []rotator.Event) (int64, error) {
	home, others := w.Rotation, []rotator.ID(nil)
	switch i := s.row(w.Rotation); {
	case w.Rotation == "" && w.Credential == "":
		return 0, errDeepRefused
	case w.Rotation == "":
	case i < 0 || !s.rows[i].open:
		return 0, rotator.ErrNotFound
	case w.Credential != "" && w.Credential != s.rows[i].credential:
		return 0, errDeepRefused
	default:
		w.Credential = s.rows[i].credential
	}
	if others = []rotator.ID{"credential:" + rotator.ID(w.Credential)}; home == "" {
		home = others[0]
	}
	w.Seq, w.At, w.Expires = int64(len(s.words))+1, deepTime(w.At, s.now), w.Expires.UTC()
	s.words = added(s.words, w)
	for i, row := range s.rows {
		if row.open && row.next.After(s.now) && (row.id == w.Rotation || w.Rotation == "" && row.credential == w.Credential) {
			row.next = s.now
			s.rows = set(s.rows, i, row)
		}
	}
	return w.Seq, s.trail(home, e, others...)
}

func (l *deepLedger) Words(_ context.Context, credential string) (all []rotator.Word, err error) {
	l.look(func(s deepSession) {
		for _, w := range s.words {
			if w.Credential == credential {
				all = append(all, w)
			}
		}
	})
	return all, nil
}

// ---- inventory, outbox, calls ----------------------------------------------------------------------------------------

func (l *deepLedger) Ready(_ context.Context, now time.Time, limit int) (a rotator.Agenda, err error) {
	l.look(func(s deepSession) {
		a = rotator.Agenda{Inventory: s.stock, Restored: s.behind, Skew: s.skew}
		var due []deepRow
		for _, row := range s.rows {
			if row.open && !row.next.After(now) && !row.lease.After(s.now) {
				due = append(due, row)
			}
		}
		slices.SortStableFunc(due, func(a, b deepRow) int { return a.next.Compare(b.next) })
		for _, row := range due[:min(len(due), limit)] {
			a.Rotations = append(a.Rotations, row.id)
		}
		s.aged(&a, now, limit)
		if s.events != nil {
			a.Newest = s.events.last.At
		}
		a.Parcels = slices.ContainsFunc(s.parcels, func(p rotator.Parcel) bool { return !p.Over && !p.NextAt.After(now) })
	})
	return a, nil
}

func (s deepSession) aged(a *rotator.Agenda, now time.Time, limit int) {
	var aged []rotator.Item
	for _, i := range s.items {
		switch {
		case i.State == rotator.Vanished:
			a.Vanished = append(a.Vanished, i.Credential)
		case i.State == rotator.IsListed && !i.LookAt.After(now):
			aged = append(aged, i)
		}
	}
	slices.SortStableFunc(aged, func(a, b rotator.Item) int { return a.LookAt.Compare(b.LookAt) })
	for _, i := range aged[:min(len(aged), limit)] {
		a.Credentials = append(a.Credentials, i.Credential)
	}
}

func (l *deepLedger) Inventory(_ context.Context, names ...string) (all []rotator.Item, err error) {
	l.look(func(s deepSession) {
		for _, i := range s.items {
			if len(names) == 0 || slices.Contains(names, i.Credential) {
				all = append(all, i)
			}
		}
	})
	return all, nil
}

// item stores one, by name.
func (s deepSession) item(i rotator.Item) {
	i.LookAt = i.LookAt.UTC()
	at, there := slices.BinarySearchFunc(s.items, i, func(a, b rotator.Item) int { return cmp.Compare(a.Credential, b.Credential) })
	if there {
		s.items = set(s.items, at, i)
		return
	}
	s.items = slices.Insert(slices.Clone(s.items), at, i)
}

func (s deepSession) itemOf(credential string) (rotator.Item, bool) {
	for _, i := range s.items {
		if i.Credential == credential {
			return i, true
		}
	}
	return rotator.Item{}, false
}

// stir has a credential's age judged again.
func (s deepSession) stir(credential string) {
	if i, there := s.itemOf(credential); there && i.LookAt.After(s.now) {
		i.LookAt = s.now
		s.item(i)
	}
}

func (l *deepLedger) Stock(ctx context.Context, st rotator.Stock) error {
	return l.write(ctx, func(s deepSession) error {
		late := map[string]bool{}
		for _, i := range st.Items {
			was, there := s.itemOf(i.Credential)
			if at, judged := st.Seen[i.Credential]; judged && (!there || !was.LookAt.Equal(at)) {
				late[i.Credential] = true
				continue
			}
			s.item(i)
		}
		for _, e := range st.Events {
			s.chain(e)
		}
		for _, m := range st.Messages {
			if !late[m.Credential] {
				s.parcels = added(s.parcels, rotator.Parcel{Seq: int64(len(s.parcels)) + 1, Message: m, NextAt: s.now})
			}
		}
		s.stock = cmp.Or(st.Digest, s.stock)
		return nil
	})
}

func (l *deepLedger) Outbox(_ context.Context, now time.Time, limit int) (all []rotator.Parcel, err error) {
	l.look(func(s deepSession) {
		for _, p := range s.parcels {
			if !p.Over && !p.NextAt.After(now) && len(all) < limit {
				all = append(all, p)
			}
		}
	})
	return all, nil
}

func (l *deepLedger) Posted(ctx context.Context, p rotator.Parcel) error {
	return l.write(ctx, func(s deepSession) error {
		if i := int(p.Seq) - 1; i >= 0 && i < len(s.parcels) {
			s.parcels = set(s.parcels, i, p)
		}
		return nil
	})
}

func (l *deepLedger) Log(ctx context.Context, c rotator.Call) error {
	return l.write(ctx, func(s deepSession) error {
		if c.ID == "" || c.Credential == "" {
			return errDeepRefused
		}
		for k := s.calls; k != nil; k = k.before {
			if k.last.ID == c.ID {
				return rotator.ErrExists
			}
		}
		if r := c.Reading; !r.ServerTime.IsZero() && !r.At.IsZero() {
			if s.skew = r.ServerTime.Sub(r.At).Truncate(time.Second); s.skew.Abs() <= rotator.ClockTolerance {
				s.skew = 0
			}
		}
		if !utf8.ValidString(c.Reading.Why) {
			var err error
			if c, err = deepJSON(c); err != nil {
				return err
			}
		}
		s.calls = s.calls.with(c)
		return nil
	})
}

func (l *deepLedger) Calls(_ context.Context, credential string) (all []rotator.Call, err error) {
	l.look(func(s deepSession) {
		for _, c := range s.calls.all() {
			if c.Credential == credential {
				all = append(all, c)
			}
		}
	})
	return all, nil
}
