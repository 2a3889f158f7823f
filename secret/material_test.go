package secret_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"quarterturn/secret"
	"quarterturn/secret/secrettest"
)

// material builds one from field, value, field, value...
func material(pairs ...string) secret.Material {
	m := secret.Material{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = secret.New(pairs[i+1])
	}
	return m
}

// materials draws what a vendor may hand out: one to four fields with any sound text in them.
func materials(t *rapid.T) secret.Material {
	m := secret.Material{}
	text := rapid.Map(rapid.StringN(0, 20, -1), func(s string) string { return strings.ReplaceAll(s, "\uFFFD", "") })
	texts := rapid.MapOfN(rapid.StringMatching(`[a-z][a-z0-9_@.-]{0,6}`), text, 1, 4)
	for field, text := range texts.Draw(t, "material") {
		m[field] = secret.New(text)
	}
	return m
}

func TestDecode(t *testing.T) {
	for text, want := range map[string]secret.Material{
		`{}`: {},
		` {"key":"AK", "secret" : "sk\n\u00e9\ud83d\ude00"} ` + "\n": material("key", "AK", "secret", "sk\né😀"),
		`{"key":"","Key":"two"}`:                                     material("key", "", "Key", "two"),
	} {
		got, err := secret.Decode([]byte(text))
		if err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, fields %v", text, err, got.Fields())
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	canary := secrettest.Canary(20)
	for name, text := range map[string]string{
		"nothing":           ``,
		"bare text":         canary,
		"a string":          `"` + canary + `"`,
		"a list":            `["` + canary + `"]`,
		"null":              `null`,
		"cut in a value":    `{"key":"` + canary,
		"cut after a value": `{"key":"` + canary + `"`,
		"cut after a comma": `{"key":"` + canary + `",`,
		"two objects":       `{"key":"` + canary + `"}{"key":"` + canary + `"}`,
		"text behind":       `{"key":"` + canary + `"} ` + canary,
		"a number":          `{"` + canary + `":1234567890123}`,
		"null value":        `{"` + canary + `":null}`,
		"a boolean":         `{"` + canary + `":true}`,
		"nested":            `{"` + canary + `":{"key":"` + canary + `"}}`,
		"listed":            `{"` + canary + `":["` + canary + `"]}`,
		"twice":             `{"` + canary + `":"a","` + canary + `":"b"}`,
		"twice, escaped":    `{"key":"` + canary + `","\u006bey":"b"}`,
		"no name":           `{"":"` + canary + `"}`,
		"a print's name":    `{"@` + canary + `":"x"}`,
		"bad escape":        `{"key":"` + canary + `\x"}`,
		"not UTF-8":         `{"key":"` + canary + "\xff" + `"}`,
		"lone surrogate":    `{"key":"` + canary + `\ud800"}`,
		"damaged before":    `{"key":"` + canary + "\uFFFD" + `"}`,
		"name not UTF-8":    `{"` + canary + "\xff" + `":"x"}`,
	} {
		m, err := secret.Decode([]byte(text))
		if m != nil || !errors.Is(err, secret.ErrMaterial) {
			t.Errorf("%s: got fields %v and error %v", name, m.Fields(), err)
			continue
		}
		if found := secrettest.Find([]byte(err.Error()), canary); found != nil {
			t.Errorf("%s: the error quotes its input: %v", name, found)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{}`, `{"key":"AK","secret":"sk"}`, `{"a":"\u00e9"}`, `{"a":1}`, `[`, `{"a":"b"}x`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := secret.Decode(b)
		if (m == nil) == (err == nil) {
			t.Fatalf("material and error at once, or neither: %v", err)
		}
		var plain map[string]string
		if err == nil && (json.Unmarshal(b, &plain) != nil || !m.Equal(hidden(plain))) {
			t.Fatal("decoded to something else than encoding/json does")
		}
	})
}

func hidden(plain map[string]string) secret.Material {
	m := secret.Material{}
	for field, text := range plain {
		m[field] = secret.New(text)
	}
	return m
}

func TestMaterialEqual(t *testing.T) {
	a := material("key", "1", "secret", "2")
	for name, tc := range map[string]struct {
		b    secret.Material
		want bool
	}{
		"itself":          {a, true},
		"a copy":          {material("secret", "2", "key", "1"), true},
		"swapped":         {material("key", "2", "secret", "1"), false},
		"one differs":     {material("key", "1", "secret", "3"), false},
		"one missing":     {material("key", "1"), false},
		"one more":        {material("key", "1", "secret", "2", "x", ""), false},
		"other name":      {material("key", "1", "Secret", "2"), false},
		"empty for other": {material("key", "1", "x", ""), false},
		"nothing":         {nil, false},
	} {
		if a.Equal(tc.b) != tc.want || tc.b.Equal(a) != tc.want {
			t.Errorf("%s: want %v", name, tc.want)
		}
	}
	if !material().Equal(nil) {
		t.Error("two empty materials differ")
	}
}

func TestFields(t *testing.T) {
	if got := material("secret", "x", "key", "y").Fields(); !slices.Equal(got, []string{"key", "secret"}) {
		t.Errorf("got %v", got)
	}
}

func TestValue(t *testing.T) {
	var zero secret.Value
	v := secret.New("x")
	switch {
	case !zero.Empty(), zero.Reveal() != "", !zero.Equal(secret.New("")):
		t.Error("the zero Value is not empty")
	case v.Empty(), v.Reveal() != "x", !v.Equal(secret.New("x")), v.Equal(secret.New("y")), v.Equal(zero):
		t.Error("a Value is not what it was made of")
	}
}
