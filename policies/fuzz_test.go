package policies_test

import (
	"testing"
	"time"

	"quarterturn/policies"
)

// FuzzCreation: what is read is in UTC, and the time it is written as reads back as the same moment. A day never counts
// from later than its own midnight.
func FuzzCreation(f *testing.F) {
	for _, seed := range []string{"2026-09-01", "2026-09-01T10:00:00Z", "2026-09-01T10:00:00+14:00", "", "2026-02-30", "0000-01-01", "9999-12-31T23:59:59Z", "1.9.2026"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, ok := policies.Creation(text)
		if !ok {
			if !at.IsZero() {
				t.Fatal("refused, and a time")
			}
			return
		}
		again, ok := policies.Creation(at.Format(time.RFC3339))
		if at.Year() >= 0 && at.Year() <= 9999 && (!ok || !again.Equal(at.Truncate(time.Second))) || at.Location() != time.UTC {
			t.Fatalf("%q became %v, which reads as %v", text, at, again)
		}
		if policies.Earliest(at).After(at) {
			t.Fatalf("%v counts from later", at)
		}
	})
}
