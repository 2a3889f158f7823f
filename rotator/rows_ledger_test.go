package rotator

import (
	"strings"
	"testing"
)

// TestLedgerUnfit: in every lane and state that saw such a place, nothing but waiting is decided, and only a hurry goes
// before it.
func TestLedgerUnfit(t *testing.T) {
	sp := Spec{Credential: "c", Places: []PlaceSpec{{Name: "a"}, {Name: "b"}}}
	for name, c := range map[string]struct {
		seen PlaceSeen
		want string
	}{
		"a later epoch":      {PlaceSeen{Holds: HoldsNew, Epoch: 8}, reconcileIt},
		"incomparable":       {PlaceSeen{Holds: HoldsIncomparable}, reprintIt},
		"both":               {PlaceSeen{Holds: HoldsIncomparable, Epoch: 8}, reconcileIt},
		"this epoch":         {PlaceSeen{Holds: HoldsNew, Epoch: 7}, ""},
		"none":               {PlaceSeen{Holds: HoldsNew}, ""},
		"hidden, yet later":  {PlaceSeen{Holds: HoldsHidden, Epoch: 9}, reconcileIt},
		"foreign, and older": {PlaceSeen{Holds: HoldsForeign, Epoch: 3}, ""},
	} {
		for _, lane := range []Lane{Routine, Burial, Compromised, Replace, Retire} {
			for _, state := range []State{DueState, AwaitingKey, Staged, Distributed, Verified, AwaitingRevocation, RollingBack, FailedState} {
				r := Rotation{Credential: "c", Lane: lane, State: state, Epoch: 7}
				s := Seen{Places: map[string]PlaceSeen{"b": c.seen}}
				m, ok := ledgerUnfit(view{sp: sp, r: r, s: s})
				if ok != (c.want != "") || ok && (m.Command != c.want || !m.Stop || m.To != "" || m.Do != Nothing) {
					t.Fatalf("%s, %s in %s: %+v", name, lane, state, m)
				}
				if got := decide(sp, r, s, s.At); ok && got.Why != m.Why || ok && !strings.Contains(got.Why, "place b") {
					t.Errorf("%s, %s in %s: decided %+v", name, lane, state, got)
				}
			}
		}
	}
}
