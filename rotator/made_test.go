package rotator

import (
	"testing"
	"time"

	"quarterturn/policies"
)

// I-15: a new pair counts from the opening of the rotation that asked for it, not from when a person got round to it.
func TestMade(t *testing.T) {
	opened, day := ago(10*policies.Day), noon().Truncate(policies.Day).AddDate(0, 0, -20)
	before, after := ago(40*policies.Day), ago(policies.Day)
	for _, c := range []struct {
		name  string
		known time.Time // when the pair is known to be made, zero: never seen
		paste Paste
		at    time.Time
		by    string
	}{
		{"handed in late", time.Time{}, Paste{}, opened, "submission"},
		{"a person says earlier", time.Time{}, Paste{Created: day}, day, "person"},
		{"a person says later", time.Time{}, Paste{Created: after}, after, "person"},
		{"refused before, and handed in again", before, Paste{}, before, "submission"},
		{"handed in again, said to be young", before, Paste{Created: after}, before, "submission"},
		{"handed in again, said to be older still", after, Paste{Created: day}, day, "person"},
		{"known to be younger than the rotation", after, Paste{}, opened, "submission"},
		{"the old pair, of unknown age", time.Time{}, Paste{Old: true}, time.Time{}, ""},
		{"the old pair, told", time.Time{}, Paste{Old: true, Created: before}, before, "person"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Pair{Created: c.known}
			if !c.known.IsZero() {
				p.CreatedBy = "submission"
			}
			if got := made(p, Rotation{OpenedAt: opened}, c.paste); !got.Created.Equal(c.at) || got.CreatedBy != c.by {
				t.Errorf("made %s by %q", got.Created, got.CreatedBy)
			}
		})
	}
}
