package sim

import (
	"fmt"
	"strings"
	"testing"
)

// FuzzEnv: a simulated service reads any .env file or is down, and what it read is read again from a file of the same.
func FuzzEnv(f *testing.F) {
	for _, seed := range []string{"A=b\n", "export A='x y'\n# c\nB=\"q\\n\"", "\ufeffA=1", "A", "A='", "=x", "A=\"\\"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := parseEnv(text)
		if err != nil {
			return
		}
		var b strings.Builder
		for name, value := range entries {
			if strings.Contains(value, "'") || strings.Contains(name, "#") || strings.HasPrefix(name, "export ") || strings.HasPrefix(name, "\ufeff") {
				return // single quotes carry everything but themselves
			}
			fmt.Fprintf(&b, "%s='%s'\n", name, value)
		}
		again, err := parseEnv(b.String())
		if err != nil || len(again) != len(entries) {
			t.Fatalf("%q was read once: %v", text, err)
		}
		for name, value := range entries {
			if again[name] != value {
				t.Fatalf("%q of %q is another value the second time", name, text)
			}
		}
	})
}
