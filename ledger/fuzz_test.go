package ledger

import (
	"errors"
	"strings"
	"testing"

	"quarterturn/rotator"
)

// FuzzRow: a row that somebody changed is read or is damaged, and the error never quotes it.
func FuzzRow(f *testing.F) {
	for _, seed := range []string{`{}`, `{"ID":"p1","Life":"current"}`, `{"Created":"x"}`, `[]`, `null`, `{"Facts":{"Places":{"a":1}}}`, `"hunter2hunter2"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, into := range []any{&rotator.Pair{}, &rotator.Rotation{}, &rotator.Event{}, &rotator.Word{}} {
			err := decode(text, into)
			if err == nil {
				continue
			}
			if !errors.Is(err, ErrDamaged) || strings.Contains(text, "hunter2hunter2") && strings.Contains(err.Error(), "hunter2hunter2") {
				t.Fatalf("not damaged, or quoted: %v", err)
			}
		}
	})
}
