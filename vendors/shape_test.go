package vendors

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"quarterturn/secret"
)

const (
	goodKey    = "test_bluum_9f8e7d6c5b4a39281706f5e4d3c2b1a0"
	goodSecret = "0a1b2c3d4e5f60718293a4b5c6d7e8f9f0e1d2c3b4a59687"
)

func pair(key, sec string) secret.Material {
	return secret.Material{"key": secret.New(key), "secret": secret.New(sec)}
}

func good() secret.Material { return pair(goodKey, goodSecret) }

// leaks reports whether text holds 8 or more bytes in a row of a value.
func leaks(text string, values ...string) bool {
	for _, v := range values {
		for i := 0; i+8 <= len(v); i++ {
			if strings.Contains(text, v[i:i+8]) {
				return true
			}
		}
	}
	return false
}

func TestShape(t *testing.T) {
	p := bluum(t)
	if err := p.Shape(good()); err != nil {
		t.Fatal(err)
	}
	extra := good()
	extra["pasted-secret-value"] = secret.New("x")
	for _, c := range []struct {
		name  string
		m     secret.Material
		field string
		fault Fault
		at    int
		what  string
	}{
		{"nothing", secret.Material{}, "key", Missing, 0, "missing"},
		{"half", secret.Material{"key": secret.New(goodKey)}, "secret", Missing, 0, "missing"},
		{"extra", extra, "", Extra, 0, "1 more than the fields key, secret"},
		{"empty", pair("", goodSecret), "key", Empty, 0, "empty"},
		{"short", pair("1234567", goodSecret), "key", TooShort, 0, "shorter than 8"},
		{"long", pair(goodKey, strings.Repeat("a", 513)), "secret", TooLong, 0, "longer than 512"},
		{"space", pair(goodKey[:9]+" "+goodKey[9:], goodSecret), "key", Whitespace, 10, "a space at character 10"},
		{"line break", pair(goodKey+"\n", goodSecret), "key", Whitespace, len(goodKey) + 1, "a line break"},
		{"tab first", pair(goodKey, "\t"+goodSecret), "secret", Whitespace, 1, "a tab"},
		{"no-break space", pair(goodKey, goodSecret[:4]+"\u00a0"+goodSecret[4:]), "secret", Whitespace, 5, "a no-break space"},
		{"quotes", pair(`"`+goodKey+`"`, goodSecret), "key", Foreign, 1, "a quotation mark"},
		{"control", pair(goodKey, goodSecret+"\x1b[0m"), "secret", Foreign, len(goodSecret) + 1, "a control character"},
		{"zero width", pair(goodKey+"\u200b", goodSecret), "key", Foreign, len(goodKey) + 1, "an invisible character"},
		{"not ASCII", pair(goodKey, "é"+goodSecret), "secret", Foreign, 1, "a character outside ASCII"},
		{"not UTF-8", pair(goodKey, "\xff"+goodSecret), "secret", Foreign, 1, "not UTF-8"},
		{"colon in the name", pair(goodKey[:11]+":"+goodKey[11:], goodSecret), "key", Foreign, 12, "a colon"},
		{"twice the same", pair(goodKey, goodKey), "secret", Same, 0, "the same value as key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := p.Shape(c.m)
			first, ok := errors.AsType[*ShapeError](err)
			if !ok {
				t.Fatalf("got %v", err)
			}
			if first.Field != c.field || first.Fault != c.fault || first.Position != c.at || !strings.Contains(first.What, c.what) {
				t.Errorf("got %+v", first)
			}
			if leaks(fmt.Sprintf("%v %+v %#v", err, err, first), goodKey, goodSecret, "pasted-secret-value") {
				t.Errorf("leaked: %v", err)
			}
		})
	}
}

func TestShapeNamesEveryFault(t *testing.T) {
	err := bluum(t).Shape(pair("short", "with space inside"))
	if found, _ := errors.AsType[ShapeErrors](err); len(found) != 2 {
		t.Errorf("got %v", err)
	}
}

func TestASecretMayHoldAColon(t *testing.T) {
	if err := bluum(t).Shape(pair(goodKey, goodSecret+":x")); err != nil {
		t.Error(err)
	}
}

func TestAlphabets(t *testing.T) {
	for alphabet, chars := range map[string]struct{ in, out string }{
		"":             {`!#$%&()*+,-./09:;<=>?@AZ[\]^_az{|}~`, "\"'` \x7fé"},
		"printable":    {"~!", `"`},
		"alphanumeric": {"azAZ09", "-_+é"},
		"hex":          {"09afAF", "gG-"},
		"base64":       {"azAZ09+/=", "-_"},
		"base64url":    {"azAZ09-_=", "+/"},
	} {
		for _, r := range chars.in {
			if !within(alphabet, r) {
				t.Errorf("%s lacks %q", alphabet, r)
			}
		}
		for _, r := range chars.out {
			if within(alphabet, r) {
				t.Errorf("%s has %q", alphabet, r)
			}
		}
	}
}

// Whatever is pasted, no error repeats it.
func TestShapeNeverEchoes(t *testing.T) {
	p := bluum(t)
	rapid.Check(t, func(t *rapid.T) {
		key, sec := rapid.String().Draw(t, "key"), rapid.StringN(8, 600, -1).Draw(t, "secret")
		if err := p.Shape(pair(key, sec)); err != nil && len(sec) > 30 && leaks(err.Error(), sec) {
			t.Fatalf("leaked: %v", err)
		}
	})
}

func TestRandomPairHasTheFormButNotTheValue(t *testing.T) {
	p := bluum(t)
	one, err := p.Random(rand.Reader, good())
	if err != nil {
		t.Fatal(err)
	}
	two, _ := p.Random(rand.Reader, good())
	if err := p.Shape(one); err != nil {
		t.Error(err)
	}
	for _, name := range p.FieldNames() {
		got, like := one[name].Reveal(), good()[name].Reveal()
		if len(got) != len(like) || got == like || one[name].Equal(two[name]) {
			t.Errorf("%s: %d characters, like the sample %v, like the next %v", name, len(got), got == like, one[name].Equal(two[name]))
		}
	}
	if !strings.HasPrefix(one["key"].Reveal(), "test_bluum_") {
		t.Error("the hinted prefix is gone")
	}
	if strings.Trim(one["secret"].Reveal(), lowHex) != "" || leaks(one["secret"].Reveal(), goodSecret) {
		t.Error("a hex secret became something else, or stayed")
	}
}

func TestRandomKeepsKindsAndMarks(t *testing.T) {
	m, err := bluum(t).Random(rand.Reader, pair("AKzz-00.ZZzz", "é\n______"))
	if err != nil {
		t.Fatal(err)
	}
	key, sec := m["key"].Reveal(), m["secret"].Reveal()
	for i, kind := range []string{upper, upper, lower, lower, "-", digits, digits, ".", upper, upper, lower, lower} {
		if !strings.Contains(kind, key[i:i+1]) {
			t.Errorf("character %d is of another kind", i+1)
		}
	}
	if len(sec) != 8 || sec[2:] != "______" {
		t.Errorf("%d characters", len(sec))
	}
}

func TestRandomWithoutASample(t *testing.T) {
	p := bluum(t)
	m, err := p.Random(rand.Reader, nil)
	if err != nil || p.Shape(m) != nil {
		t.Errorf("%v %v", err, p.Shape(m))
	}
	if m, err := p.Random(strings.NewReader("too little"), good()); err == nil || m != nil {
		t.Error("a broken source gave a pair")
	}
	if _, err := p.Random(io.MultiReader(), nil); err == nil {
		t.Error("an empty source gave a pair")
	}
}
