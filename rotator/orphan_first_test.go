package rotator

import (
	"context"
	"testing"

	"quarterturn/vendors"
)

// I-16: a burial that found the pair in use refused asks for a new key, and one wrong answer is enough for that. Before a
// rotation that awaits a key passes it on, the vendor is asked about the pair in use; otherwise it is left alone.
func TestTheVendorIsAskedBeforeABurialsWishForAKeyIsPassedOn(t *testing.T) {
	for command, want := range map[string]vendors.Verdict{
		"quarterturn rotate bluum": vendors.Accepted, "quarterturn revoked bluum --pair new": vendors.Unclear, "": vendors.Unclear,
	} {
		l, r := awaitingBesideABurial(t, command)
		s, err := newLooker(l.rt, l.rt.creds["bluum"]).look(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		if got := verdict(s.Old); got != want || (l.v.calls == 1) != (want == vendors.Accepted) {
			t.Errorf("the burial asks for %q: %d calls, the pair in use is %s, want %s", command, l.v.calls, got, want)
		}
	}
}

// awaitingBesideABurial: a key is awaited, and the pair before is an orphan whose burial asks for the command.
func awaitingBesideABurial(t *testing.T, command string) (*life, Rotation) {
	t.Helper()
	tr, ctx := newTrial(t), context.Background()
	n := uint64(0)
	for !draw(n).useful() {
		n++
	}
	l, err := newLife(draw(n), planted{}, tr.profile, tr.keys)
	if err != nil {
		t.Fatal(err)
	}
	l.change(t, newID, Orphan)
	buried := Rotation{ID: "burial", Credential: "bluum", Lane: Burial, State: AwaitingRevocation, Old: newID, Command: command}
	if err := l.book.Open(ctx, buried); err != nil {
		t.Fatal(err)
	}
	return l, Rotation{ID: "rot", Credential: "bluum", Lane: Routine, State: AwaitingKey, Old: oldID}
}
