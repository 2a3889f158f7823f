package rotator

import (
	"context"
	"strings"
	"testing"
)

// I-14: between the look and the effect somebody puts another pair into the place. One that is known as revoked is not taken
// for the pair in use, whose burial would be next.
func TestARevokedPairIsNotTakenIntoUse(t *testing.T) {
	for life, taken := range map[Life]bool{Dead: false, Ended: false, Current: true, Orphan: true} {
		l, r := awaitingBesideABurial(t, "")
		l.change(t, oldID, life)
		r.State = DueState
		w := &work{rt: l.rt, r: r, l: newLooker(l.rt, l.rt.creds["bluum"]), out: &Outcome{}}
		c, err := w.sealOld(context.Background(), Move{Do: SealOld, Target: "vault"})
		if (err == nil) != taken || (len(c.Pairs) > 0) != taken {
			t.Errorf("%s: %v, %d pairs", life, err, len(c.Pairs))
		}
		if err != nil && !strings.Contains(err.Error(), "holds a pair that was revoked; nothing was taken in") {
			t.Errorf("%s: %v", life, err)
		}
	}
}

// change gives a pair another life.
func (l *life) change(t *testing.T, id PairID, to Life) {
	t.Helper()
	pairs, err := l.book.Pairs(context.Background(), "bluum")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pairs {
		if p.ID == id {
			p.Life = to
			l.book.keep(p)
		}
	}
}
