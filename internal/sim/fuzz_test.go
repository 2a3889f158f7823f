package sim

import (
	"bytes"
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

// FuzzResume: a world goes on from any state that a world wrote, and from nothing else; what it then writes leads to the
// same again.
func FuzzResume(f *testing.F) {
	f.Add([]byte(`{"seed":"s","pairs":[]}`))
	f.Add([]byte(`{"seed":"","pairs":[{"key_sha256":"00"}]}`))
	f.Add([]byte(`{"seed":"s","pairs":[{"last_four":"abcd","key_sha256":"` + strings.Repeat("0a", 32) + `","secret_sha256":"` +
		strings.Repeat("ff", 32) + `","created":"2026-03-02T09:00:00Z","acts":[{"status":1,"bites":"2026-03-02T09:00:00Z"}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var w, again World
		if w.resume(text) != nil {
			return
		}
		wrote := w.state()
		if err := again.resume(wrote); err != nil {
			t.Fatalf("what a world wrote is refused: %v", err)
		}
		if !bytes.Equal(again.state(), wrote) {
			t.Fatalf("%s became %s", wrote, again.state())
		}
	})
}
