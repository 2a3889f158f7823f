package intake

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// FuzzReadPart: what was found somewhere is taken apart, or refused, and never repeated.
func FuzzReadPart(f *testing.F) {
	for _, c := range wrong() {
		if len(c.text) < 1000 {
			f.Add([]byte(c.text))
		}
	}
	f.Add([]byte(goodSecret))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, notes, err := ReadPart(bytes.NewReader(text), fields)
		if (err == nil) == (m == nil) {
			t.Fatal("neither or both of material and error")
		}
		if _, typed := errors.AsType[*Error](err); err != nil && !typed {
			t.Fatal("an error without a kind")
		}
		leaks(t, string(text), fmt.Sprint(err, notes))
	})
}

// FuzzCleanAgrees: a text is judged the same whatever line ends it has.
func FuzzCleanAgrees(f *testing.F) {
	f.Add("key=" + goodKey + "\nsecret=" + goodSecret)
	f.Add(goodKey + "\n\n" + goodSecret + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		if bytes.ContainsAny([]byte(text), "\r") || len(text) > Limit/2 {
			return
		}
		one, _, err := Parse([]byte(text), fields)
		two, _, err2 := Parse(bytes.ReplaceAll([]byte(text), []byte("\n"), []byte("\r\n")), fields)
		if (err == nil) != (err2 == nil) || err == nil && !one.Equal(two) {
			t.Fatalf("%v, and with CRLF %v", err, err2)
		}
	})
}
