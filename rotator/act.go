package rotator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/secret"
)

// errStopped means that an effect failed for good: a person is needed.
var errStopped = errors.New("stopped")

// effect tries m.Do, whose intent is recorded, and returns the row as the answer makes it with what is worth a line.
// The error is value-free and says that it is unknown, or known to be false, that the effect happened.
func (w *work) effect(ctx context.Context, m Move) (Change, error) {
	switch m.Do {
	case SealOld:
		return w.sealOld(ctx, m)
	case Put:
		return w.put(ctx, m)
	case Redeploy:
		return w.redeploy(ctx, m)
	}
	return Change{}, fmt.Errorf("unknown action %q", m.Do)
}

// intend declares the effect on the row, before it is tried.
func (w *work) intend(m Move) {
	target := w.target(m)
	w.r.Facts.Stop = ""
	w.r.Facts.Intent = &Intent{Do: m.Do, Target: m.Target, Pair: target, At: w.rt.now()}
	switch m.Do {
	case Put:
		w.r.Facts.Wrote = w.r.Facts.Wrote || target == w.r.New
	case Redeploy:
		w.r.Facts.Runs[m.Target] = RunFact{Pair: target, Once: once(w.r.ID, m.Target, target, m.Attempt),
			Attempt: m.Attempt, Tries: m.Tries, Asked: w.rt.now()}
	}
}

func (w *work) target(m Move) PairID {
	if m.Do == SealOld || w.r.State == RollingBack {
		return w.r.Old
	}
	return w.r.New
}

// once is the same for every try of one attempt, whoever makes it.
func once(id ID, consumer string, pair PairID, attempt int) string {
	h := sha256.Sum256([]byte(string(id) + "\n" + consumer + "\n" + string(pair) + "\n" + strconv.Itoa(attempt)))
	return "qt-" + hex.EncodeToString(h[:12])
}

// put writes one place. What it holds afterwards is the next look's business, unless nobody can look.
func (w *work) put(ctx context.Context, m Move) (Change, error) {
	pair := w.target(m)
	material, ok := w.l.opened[pair]
	if !ok {
		return Change{}, fmt.Errorf("pair %s is not open here", pair)
	}
	seen := w.s.Places[m.Target]
	err := w.l.c.Hands.Places[m.Target].Put(ctx, backends.Write{Material: material, Rotation: string(w.r.ID),
		Slot: string(pair), Expect: seen.Version, Epoch: w.r.Epoch})
	switch {
	case errors.Is(err, backends.ErrForbidden):
		return Change{}, fmt.Errorf("%w: place %s: %w", errStopped, m.Target, err)
	case errors.Is(err, backends.ErrChanged):
		return Change{Events: w.event("changed", "place "+m.Target+" changed meanwhile; nothing was written", nil)}, nil
	case err != nil:
		return Change{}, fmt.Errorf("place %s: %w", m.Target, err)
	}
	if seen.Holds == HoldsHidden || w.hidden(m.Target) {
		w.r.touched(m.Target, pair, w.rt.now())
	}
	return Change{Events: w.event("wrote", "wrote to "+m.Target, map[string]string{"place": m.Target, "pair": string(pair)})}, nil
}

// hidden: the place cannot be read back, whatever it held before.
func (w *work) hidden(place string) bool {
	for _, p := range w.l.c.Spec.Places {
		if p.Name == place {
			return !p.Readable
		}
	}
	return false
}

func (w *work) redeploy(ctx context.Context, m Move) (Change, error) {
	f := w.r.Facts.Runs[m.Target]
	run, err := w.l.c.Hands.Pipelines[m.Target].Redeploy(ctx, f.Once)
	switch {
	case errors.Is(err, cicd.ErrForbidden):
		return Change{}, fmt.Errorf("%w: consumer %s: %w", errStopped, m.Target, err)
	case err != nil:
		return Change{}, fmt.Errorf("consumer %s: %w", m.Target, err)
	}
	f.Run = run
	w.r.Facts.Runs[m.Target] = f
	return Change{Events: w.event("run", "redeploy of "+m.Target+" "+string(run.State), runData(m.Target, f))}, nil
}

// sealOld reads the old pair once more, and stores it sealed: as the pair the ledger knows, or as a new one when a
// person changed it outside, in which case the one that was current becomes an orphan.
func (w *work) sealOld(ctx context.Context, m Move) (Change, error) {
	reader, ok := w.l.c.Hands.Places[m.Target].(backends.Reader)
	if !ok {
		return Change{}, fmt.Errorf("place %s cannot be read", m.Target)
	}
	material, err := reader.Read(ctx)
	if err != nil {
		return Change{}, fmt.Errorf("place %s: %w", m.Target, err)
	}
	known, err := w.rt.o.Ledger.Pairs(ctx, w.r.Credential)
	if err != nil {
		return Change{}, err
	}
	p, others := w.rt.recognise(w.l.c, material, known)
	if p.Life == Dead || p.Life == Ended { // the look found another one there
		return Change{}, fmt.Errorf("place %s was changed a moment ago and holds a pair that was revoked; nothing was taken in", m.Target)
	}
	if p.Sealed, _, err = w.rt.seal(material, p); err != nil {
		return Change{}, err
	}
	p.Digest, p.Life = p.Sealed.Digest(), Current
	w.r.Old = p.ID
	c := Change{Pairs: append(others, p), Events: w.event("sealed", "the old pair is sealed, as read from "+m.Target,
		map[string]string{"place": m.Target, "pair": string(p.ID), "digest": p.Digest})}
	graves := make([]Grave, 0, len(others))
	for _, o := range others {
		graves = append(graves, Grave{Pair: o.ID, State: AwaitingRevocation, Used: true})
		c.Events = append(c.Events, w.event("orphan", "the pair that was current is used nowhere; somebody changed it outside",
			map[string]string{"pair": string(o.ID)})...)
	}
	c.Opens, err = w.burials(ctx, graves)
	return c, err
}

// recognise finds the pair whose material this is, or makes one, and names the pairs that it supersedes.
func (rt *Rotator) recognise(c Credential, m secret.Material, known []Pair) (Pair, []Pair) {
	p := rt.pair(c, m)
	var others []Pair
	for _, k := range known {
		switch {
		case k.Prints.Compare(p.Prints) == secret.Equal:
			k.Prints = k.Prints.Merge(p.Prints)
			p = k
		case k.Life == Current:
			k.Life = Orphan
			others = append(others, k)
		}
	}
	return p, others
}

// pair describes material without holding it. Its age is unknown, hence overdue, until somebody says otherwise.
func (rt *Rotator) pair(c Credential, m secret.Material) Pair {
	p := Pair{ID: PairID("pair-" + rt.o.NewID()), Credential: c.Spec.Credential, Environment: c.Spec.Environment,
		Prints: rt.o.Keys.Prints(m), BornAt: rt.now(), Fragment: fragment(m[c.Spec.Profile.KeyField])}
	for _, consumer := range c.Spec.Consumers {
		p.Prints = p.Prints.Merge(rt.o.Keys.Reports(m, consumer.Name))
	}
	return p
}

// fragment is what a portal shows of a key: its last four characters, and none when that were a large part of it.
func fragment(key secret.Value) string {
	s := key.Reveal()
	if len(s) < 16 {
		return ""
	}
	return s[len(s)-4:]
}

// seal is Options.Seal, refused where the machine has none.
func (rt *Rotator) seal(m secret.Material, p Pair) (secret.Sealed, secret.Verify, error) {
	if rt.o.Seal == nil {
		return nil, nil, errors.New("this machine has no sealing recipients: nothing can be taken in safely")
	}
	return rt.o.Seal(m, bound(p))
}
