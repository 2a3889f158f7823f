package rotator

import (
	"context"
	"fmt"
	"slices"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/secret"
)

// preflight finds everything that would stop the rotation later, before anybody is asked to create a key (I-13).
// s.Places is filled already.
func (l *looker) preflight(ctx context.Context, r Rotation, s *Seen) error {
	s.Checked = true
	problem := func(format string, args ...any) { s.Problems = append(s.Problems, fmt.Sprintf(format, args...)) }
	waivers, err := l.waivers(ctx)
	if err != nil {
		return err
	}
	for _, p := range l.c.Spec.Places {
		l.preflightPlace(ctx, p, s, r.Epoch, waivers, problem)
	}
	err = l.source(ctx, r, s, waivers, problem)
	s.Unfit = len(s.Problems)
	if life := l.c.Spec.Profile.Lifecycle; life != "overlap" && life != "replace" {
		problem("the vendor's lifecycle is %s, and overlap and replace are built", life)
	}
	for _, c := range l.c.Spec.Consumers {
		l.preflightConsumer(ctx, c, waivers, s, problem)
	}
	return err
}

// waivers are the targets waived now.
func (l *looker) waivers(ctx context.Context) (map[string]bool, error) {
	words, err := l.rt.o.Ledger.Words(ctx, l.c.Spec.Credential)
	live := map[string]bool{}
	for _, w := range words {
		if w.Kind == WaiveIt && w.Expires.After(l.rt.now()) {
			live[w.Target] = true
		}
	}
	return live, err
}

func (l *looker) preflightPlace(ctx context.Context, p PlaceSpec, s *Seen, epoch int64, waived map[string]bool,
	problem func(string, ...any)) {
	seen := s.Places[p.Name]
	if seen.Holds == HoldsUnknown {
		problem("place %s cannot be reached: %s", p.Name, seen.Err)
	}
	if !p.Readable && !l.read(p.Name) && !waived["place:"+p.Name] {
		problem("place %s cannot be read back and no consumer reads it: nothing would ever show that it holds the pair; "+
			"declare a consumer or waive place:%s", p.Name, p.Name)
		s.Waivable = append(s.Waivable, "place:"+p.Name)
	}
	if why, command := unfitFor(p.Name, seen, epoch); command != "" {
		problem("%s; run %s", why, command)
	}
	checker, ok := l.c.Hands.Places[p.Name].(backends.Checker)
	if !ok || p.Follows != "" {
		return
	}
	ready, err := checker.Check(ctx)
	if err != nil {
		problem("place %s cannot be checked: %s", p.Name, err)
	}
	for _, text := range ready.Problems {
		problem("place %s: %s", p.Name, text)
	}
}

func (l *looker) read(place string) bool {
	for _, c := range l.c.Spec.Consumers {
		for _, p := range c.Reads {
			if p == place {
				return true
			}
		}
	}
	return false
}

// preflightConsumer asks what a consumer will be able to show. One that waits for its first key need not serve yet, and
// one that is waived need not prove.
func (l *looker) preflightConsumer(ctx context.Context, c ConsumerSpec, waived map[string]bool, s *Seen,
	problem func(string, ...any)) {
	if !c.Best.Counts() && !waived["consumer:"+c.Name] {
		problem("consumer %s can show %q at best, which is true with the old pair as well; give it a proof, or waive "+
			"consumer:%s with a reason", c.Name, c.Best, c.Name)
		s.Waivable = append(s.Waivable, "consumer:"+c.Name)
	}
	parts := []any{l.c.Hands.Pipelines[c.Name], l.c.Hands.Provers[c.Name]}
	if s.Nowhere || waived["consumer:"+c.Name] {
		parts = parts[:1]
	}
	for _, a := range parts {
		checker, ok := a.(cicd.Checker)
		if !ok {
			continue
		}
		ready, err := checker.Check(ctx)
		if err != nil {
			problem("consumer %s cannot be checked: %s", c.Name, err)
		}
		for _, text := range ready.Problems {
			problem("consumer %s: %s", c.Name, text)
		}
	}
}

// source finds the place to take the old pair from, and sees to it that all readable places agree.
func (l *looker) source(ctx context.Context, r Rotation, s *Seen, waived map[string]bool, problem func(string, ...any)) error {
	var from string
	var agreed secret.Prints
	absent := 0
	for _, p := range l.c.Spec.Places {
		if s.Places[p.Name].Holds == HoldsNothing {
			absent++
			continue
		}
		prints, ok := l.held(ctx, p, s.Places[p.Name], waived, problem)
		switch {
		case !ok:
		case from == "" && (agreed == nil || prints.Compare(agreed) == secret.Equal):
			agreed = prints
			if len(p.Fields) == len(l.c.Spec.Fields) {
				from = p.Name
			}
		case prints.Compare(agreed) != secret.Equal:
			problem("place %s holds another pair than the places before it: mend it, or waive place:%s to have it overwritten",
				p.Name, p.Name)
			s.Waivable = append(s.Waivable, "place:"+p.Name)
		}
	}
	s.Source, s.Nowhere = from, absent == len(l.c.Spec.Places)
	if r.Lane == Compromised && l.unfinished(agreed, s) {
		s.Source, s.Nowhere = "", s.OldPair.ID == ""
		return nil
	}
	if agreed != nil && agreed.Compare(l.arrived.Prints) == secret.Equal { // put there by hand: it is the new pair, not the old
		s.Source, s.Nowhere = "", s.OldPair.ID == ""
		return nil
	}
	switch {
	case agreed == nil, r.Facts.Wrote: // a third key is asked for: the places hold what was written
	case agreed.Compare(s.OldPair.Prints) == secret.Torn:
		problem("the places hold a mix of the pair in use and another: mend them")
	case from != "" && agreed.Compare(s.OldPair.Prints) == secret.Different:
		s.Changed, s.OldHeld = true, false
	}
	return l.elsewhere(ctx, from, agreed, s, problem)
}

// unfinished: the places hold the pair of the rotation that was superseded: it is not the compromised one.
func (l *looker) unfinished(agreed secret.Prints, s *Seen) bool {
	return agreed != nil && slices.ContainsFunc(s.Orphans, func(o OrphanSeen) bool {
		return o.Sealed && agreed.Compare(o.Whole.Prints) == secret.Equal
	})
}

// held reads a place and says what it holds; false when it cannot be read, or need not agree.
func (l *looker) held(ctx context.Context, p PlaceSpec, seen PlaceSeen, waived map[string]bool,
	problem func(string, ...any)) (secret.Prints, bool) {
	reader, ok := l.c.Hands.Places[p.Name].(backends.Reader)
	if !ok || seen.Holds == HoldsUnknown || waived["place:"+p.Name] {
		return nil, false
	}
	m, err := reader.Read(ctx)
	if err != nil {
		problem("place %s cannot be read: %s", p.Name, err)
		return nil, false
	}
	for _, f := range p.Fields {
		if m[f].Empty() {
			problem("place %s holds half a pair: its %s is missing", p.Name, f)
			return nil, false
		}
	}
	prints := l.rt.o.Keys.Prints(m)
	if len(p.Fields) < len(l.c.Spec.Fields) {
		prints = prints.Partial()
	}
	return prints, true
}

// elsewhere: I-4, a pair that the ledger knows from another environment or credential is not this one's.
func (l *looker) elsewhere(ctx context.Context, place string, p secret.Prints, s *Seen, problem func(string, ...any)) error {
	if place == "" {
		return nil
	}
	known, err := l.rt.o.Ledger.Find(ctx, p)
	if err != nil {
		return err
	}
	for _, k := range known {
		switch {
		case k.Credential != l.c.Spec.Credential:
			problem("place %s holds the pair of %s (%s)", place, k.Credential, k.Environment)
		case k.Life == Dead || k.Life == Ended:
			problem("place %s holds a pair that was revoked", place)
		default:
			continue
		}
		s.Source, s.Changed, s.OldHeld = "", false, len(s.OldPair.Sealed) > 0 // it is nobody's old pair, also where a finding only warns
	}
	return nil
}
