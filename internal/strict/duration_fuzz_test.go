package strict_test

import (
	"testing"

	"quarterturn/internal/strict"
)

// FuzzDuration: what is read as a duration is written in its shortest form, which reads back as the same.
func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"90d", "24h", "15m", "30s", "0s", "", "1.5h", "-1d", "99999d", "1 d", "1D", "100000d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := strict.ParseDuration(s)
		if err != nil {
			if d != 0 {
				t.Fatal("an error and a duration")
			}
			return
		}
		again, err := strict.ParseDuration(d.String())
		if err != nil || again != d || d < 0 {
			t.Fatalf("%q became %v, which reads as %v: %v", s, d, again, err)
		}
	})
}
