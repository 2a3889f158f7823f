package secret

import (
	"bytes"
	"errors"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// tricky draws texts made of the encoding's own signs, which is where an ambiguous encoding would show.
func tricky() *rapid.Generator[Material] {
	text := rapid.StringMatching(`[0-3:,a\x00é]{0,5}`)
	return rapid.Map(rapid.MapOfN(text, text, 0, 3), func(plain map[string]string) Material {
		m := Material{}
		for field, s := range plain {
			m[field] = New(s)
		}
		return m
	})
}

func TestCanonicalIsInjective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := tricky().Draw(t, "a"), tricky().Draw(t, "b")
		if bytes.Equal(canonical(a), canonical(b)) != a.Equal(b) {
			t.Fatalf("%q and %q", canonical(a), canonical(b))
		}
	})
}

// TestCanonicalReadsBack is the stronger half: what can be read back cannot be shared by two materials.
func TestCanonicalReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := tricky().Draw(t, "m")
		got, err := parseCanonical(canonical(m))
		if err != nil || !got.Equal(m) {
			t.Fatalf("%q: %v", canonical(m), err)
		}
	})
}

func TestCanonicalBytes(t *testing.T) {
	m := Material{"secret": New("s3cr3t,:é"), "key": New("AK"), "note": New("")}
	want := "3:key,2:AK,4:note,0:,6:secret,10:s3cr3t,:é,"
	if got := string(canonical(m)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func parseCanonical(b []byte) (Material, error) {
	m := Material{}
	for len(b) > 0 {
		var field, value string
		var err error
		if field, b, err = cutNetstring(b); err != nil {
			return nil, err
		}
		if value, b, err = cutNetstring(b); err != nil {
			return nil, err
		}
		m[field] = New(value)
	}
	return m, nil
}

func cutNetstring(b []byte) (string, []byte, error) {
	digits, rest, _ := bytes.Cut(b, []byte(":"))
	n, err := strconv.Atoi(string(digits))
	if err != nil || n >= len(rest) || rest[n] != ',' {
		return "", nil, errors.New("not a netstring")
	}
	return string(rest[:n]), rest[n+1:], nil
}
