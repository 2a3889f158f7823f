package strict_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"quarterturn/internal/strict"
)

func schema(t testing.TB) *strict.Schema {
	t.Helper()
	text, err := os.ReadFile("testdata/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := strict.Compile("test.json", text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// findings is everything Parse and Validate say about a text, one a line.
func findings(s *strict.Schema, text string) string {
	d, err := strict.Parse("f.yaml", []byte(text))
	if err != nil {
		return err.Error()
	}
	return d.Validate(s).Error()
}

func TestParseRefuses(t *testing.T) {
	const look = "; look at quotes, brackets, colons and indentation (spaces, never tabs) here and just above"
	for name, c := range map[string]struct{ text, want string }{
		"empty":        {"", "f.yaml: empty; write at least one field"},
		"comment only": {"# nothing\n", "f.yaml: empty; write at least one field"},
		"not UTF-8":    {"a: \xff\n", "f.yaml: not UTF-8 text; save it as UTF-8"},
		"too large":    {strings.Repeat("#", 1<<20+1), "f.yaml: larger than 1 MiB; check that this is the right file"},
		"tab":          {"a:\n\tb: 1\n", "f.yaml:2:1: not readable as YAML" + look},
		"open bracket": {"a: [1,\n  2\nb: 3\n", "f.yaml:3:2: not readable as YAML, in what begins at line 1" + look},
		"escape":       {`a: "\q"`, "f.yaml:1:5: not readable as YAML" + look},
		"two documents": {"a: 1\n---\nb: 2\n",
			"f.yaml: several documents in one file; keep one; remove what follows the --- line"},
		"broken second document": {"a: 1\n---\nb: [\n", "f.yaml:4:1: not readable as YAML" + look},
		"everything else at once": {
			"a: &x {b: 1}\nc: *x\nd:\n  <<: {q: 1}\n  e: !!str 1\n  e: 2\n? [f]\n: 1\ng: [1, {h: 1, h: 2}]\ntrue: 1\n",
			`f.yaml:2:4: c: an alias; write the value out; if it is text that begins with *, put it in quotes
f.yaml:4:3: d: a merge key; write the fields out
f.yaml:5:6: d.e: a tag; remove it; if it is text that begins with !, put it in quotes
f.yaml:6:3: d.e: written twice, first at line 5; keep one
f.yaml:7:3: a key that is no plain name; put the name in quotes
f.yaml:9:15: g[1].h: written twice, first at line 9; keep one
f.yaml:10:1: a key that is no plain name; put the name in quotes`},
		"unknown anchor": {"a: *hunter2hunter2\n", "f.yaml:1:4: not readable as YAML" + look},
		"deep":           {strings.Repeat("[", 70) + strings.Repeat("]", 70), "f.yaml:1:66: " + strings.Repeat("[0]", 65) + ": nested too deeply; flatten it"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := strict.Parse("f.yaml", []byte(c.text))
			var problems strict.Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %T, want Problems", err)
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestValidateFindsEverythingAtOnce(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"good": {"name: a\nage: 90d\nmode: fast\nsize: 0x5\nflag: true\nday: 2026-12-20\nlist: [a]\n", ""},
		"json": {`{"name": "a", "size": 3, "places": [{"name": "p", "vault": {}}]}`, ""},
		"scalars": {"name: UPPER\nage: 3 months\nmode: quick\nsize: 1\nshare: 1.5\nflag: yes\none: two\nshort: a\nday: soon\n",
			`f.yaml:1:7: name: not in the expected form; write a name of up to 10 small letters
f.yaml:2:6: age: not in the expected form; write a duration such as 90d, 24h or 15m
f.yaml:3:7: mode: none of the allowed words; use one of: fast, slow
f.yaml:4:7: size: too small; use at least 2
f.yaml:5:8: share: too large; use less than 1.5
f.yaml:6:7: flag: must be true or false, but is text; correct it
f.yaml:7:6: one: not the expected word; write only
f.yaml:8:8: short: too short; write at least 2 characters
f.yaml:9:6: day: not a valid date; see what the schema's description of this field says`},
		"more scalars": {"name: a\nsize: 10\nshare: 0\nshort: abcde\nage: 5\nlist: [a, a]\n",
			`f.yaml:2:7: size: too large; use at most 9
f.yaml:3:8: share: too small; use more than 0
f.yaml:4:8: short: too long; write at most 4 characters
f.yaml:5:6: age: must be text; write a duration such as 90d, 24h or 15m, in quotes
f.yaml:6:11: list[1]: the same as entry 0; keep one`},
		"infinity": {"name: a\nsize: .inf\n", "f.yaml:2:7: size: must be a whole number, but is text; correct it"},
		"shapes": {"places: {}\nlist: []\npeople:\naction:\n  http: {}\n  command: []\n",
			`f.yaml:1:1: name: missing; add it: a name of up to 10 small letters
f.yaml:1:1: places: must be a list, but is named fields; correct it
f.yaml:2:1: list: too few entries; give at least 1 entry
f.yaml:3:1: people: empty, but must be named fields; give it a value or remove it
f.yaml:4:1: action: too many fields; give exactly one of these kinds: command, http`},
		"names": {"nam: a\nlater: 1\nnever: 2\nbanana: 3\npeople: {UP: x}\naction: {}\n",
			`f.yaml:1:1: nam: unknown field; did you mean name?
f.yaml:1:1: name: missing; add it: a name of up to 10 small letters
f.yaml:2:1: later: not built yet; remove it
f.yaml:3:1: never: not allowed here; remove it
f.yaml:4:1: banana: unknown field; remove it; known here: action, age, argument, day, flag, list, mode, name, never, one, people, places, share, short, size
f.yaml:5:10: people.UP: not a name that is possible here; write up to 8 small letters
f.yaml:6:1: action: too few fields; give exactly one of these kinds: command, http`},
		"pasted names": {"name: a\nAKIAIOSFODNN7EXAMPLE: x\nsk_live_4eC39HqLyjWDarjtT1zdp7dc: y\n\"a b\": 1\n",
			strings.ReplaceAll(`f.yaml:2:1: (hidden): @
f.yaml:3:1: (hidden): @
f.yaml:4:1: (hidden): @`, "@", "unknown field, not shown since it may be a secret; remove it; known here: action, age, argument, day, flag, "+
				"list, mode, name, never, one, people, places, share, short, size")},
		"places": {`name: a
places:
  - name: ok
    dotenv: {file: app.env}
  - name: both
    dotenv: {fil: app.env}
    vault: {}
  - dotenv:
      label: 3
  - name: none
  - text
`, `f.yaml:5:5: places[1]: more than one kind; give exactly one of: dotenv, vault
f.yaml:6:5: places[1].dotenv.file: missing; add it
f.yaml:6:14: places[1].dotenv.fil: unknown field; did you mean file?
f.yaml:8:5: places[2].dotenv.file: missing; add it
f.yaml:8:5: places[2].name: missing; add it: a name
f.yaml:9:14: places[2].dotenv.label: must be text; put it in quotes
f.yaml:10:5: places[3]: its kind is missing; give exactly one of: dotenv, vault
f.yaml:11:5: places[4]: must be named fields, but is text; correct it`},
		"alternatives": {"name: a\nargument: [1]\n", "f.yaml:2:12: argument[0]: must be text; put it in quotes"},
		"no alternative": {"name: a\nargument: 1\n",
			"f.yaml:2:11: argument: none of the allowed forms; see what the schema's description of this field says"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, findings(schema(t), c.text)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCompileRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"not JSON":      `{`,
		"bad keyword":   `{"type": 3}`,
		"outside":       `{"$ref": "https://schemas.example/other.json"}`,
		"a file":        `{"$ref": "file:///etc/passwd"}`,
		"propertyNames": `{"items": [{"propertyNames": {"pattern": "a"}}]}`,
	} {
		if _, err := strict.Compile("test.json", []byte(text)); err == nil {
			t.Errorf("%s: compiled", name)
		}
	}
}

func TestDecode(t *testing.T) {
	type place struct {
		Name string `yaml:"name"`
		Keep strict.Duration
	}
	d, err := strict.Parse("f.yaml", []byte("places:\n- name: a\n  keep: 90d\n- name: b\n  keep: hunter2hunter2\n  more: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	var good place
	if err := d.Sub("places", 0).Decode(&good); err != nil || good != (place{"a", strict.Duration(90 * 24 * time.Hour)}) {
		t.Errorf("got %v, %v", good, err)
	}
	want := `f.yaml:5:9: places[1].keep: not usable; write a duration such as 90d, 24h or 15m
f.yaml:6:3: places[1].more: not usable; compare it with the schema`
	var bad struct{ Places []place }
	if diff := cmp.Diff(want, d.Decode(&bad).Error()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, d.Sub("places", 1).Decode(&good).Error()); diff != "" {
		t.Error(diff)
	}
}

func TestSubAndProblem(t *testing.T) {
	d, err := strict.Parse("f.yaml", []byte("a:\n  - b: 1\n    c: {d: 2}\ne:\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		got  strict.Problem
		want string
	}{
		{d.Problem("w", "r", "a", 0, "b"), "f.yaml:2:8: a[0].b: w; r"},
		{d.Problem("w", "", "a", 0, "c"), "f.yaml:3:5: a[0].c: w"},
		{d.Sub("a", 0).Problem("w", "r", "c", "x"), "f.yaml:3:5: a[0].c.x: w; r"},
		{d.Problem("w", "r", "a", 7), "f.yaml:1:1: a[7]: w; r"},
		{d.Problem("w", "r", "e"), "f.yaml:4:1: e: w; r"},
		{d.Problem("w", "r"), "f.yaml:1:1: w; r"},
		{d.KeyProblem("w", "r", "a", 0, "b"), "f.yaml:2:5: a[0].b: w; r"},
	} {
		if c.got.Error() != c.want {
			t.Errorf("got %s, want %s", c.got.Error(), c.want)
		}
	}
	for _, path := range [][]any{{"x"}, {"a", 1}, {"a", -1}, {"a", "b"}, {"e", 0}, {"a", 0, "c", "d", "e"}} {
		if d.Sub(path...) != nil {
			t.Errorf("found something at %v", path)
		}
	}
}

func TestCanonicalIgnoresStyle(t *testing.T) {
	texts := []string{"a: 16 # sixteen\nb: [x, true, ~, 1.5]\n", "{\"b\": ['x', true, null, 1.5], \"a\": 0x10}"}
	for _, text := range texts {
		d, err := strict.Parse("f.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(d.Canonical()); got != `{"a":16,"b":["x",true,null,1.5]}` {
			t.Errorf("%s became %s", text, got)
		}
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"max_age": "max_age", "trading-api.v2": "trading-api.v2", "quarterly-2026-11": "quarterly-2026-11",
		"sha256": "sha256", "": "(hidden)", "a b": "(hidden)", "zażółć": "(hidden)", "123456789": "(hidden)",
		"4f8d1c2e9b7a": "(hidden)", "AKIAIOSFODNN7EXAMPLE": "(hidden)", strings.Repeat("ab-", 14): "(hidden)",
		"3c9d0f1e-7a4b-4c2d-9e8f-1a2b3c4d5e6f": "(hidden)",
	} {
		if got := strict.ShowName(name); got != want {
			t.Errorf("%q is shown as %q, want %q", name, got, want)
		}
	}
	known := []string{"vendor", "environment", "at"}
	for name, want := range map[string]string{
		"vender": "vendor", "Vendor": "vendor", "vndr": "vendor", "evnironment": "environment", "xy": "", "banana": "", "a": "at",
	} {
		if got := strict.Nearest(name, known); got != want {
			t.Errorf("%q is near %q, want %q", name, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90d": 90 * 24 * time.Hour, "24h": 24 * time.Hour, "15m": 15 * time.Minute, "30s": 30 * time.Second, "0s": 0,
		"99999d": 99999 * 24 * time.Hour,
	} {
		if got, err := strict.ParseDuration(text); err != nil || time.Duration(got) != want {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "90", "1.5h", "1h30m", "-1d", " 1d", "1D", "100000d", "1w"} {
		if _, err := strict.ParseDuration(text); !errors.Is(err, strict.ErrDuration) {
			t.Errorf("%q: got %v", text, err)
		}
	}
	for d, want := range map[time.Duration]string{
		24 * time.Hour: "1d", 36 * time.Hour: "36h", 90 * time.Minute: "90m", 61 * time.Second: "61s", 0: "0s",
		1500 * time.Millisecond: "1.5s",
	} {
		if got := strict.Duration(d).String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestDurationReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := strict.Duration(time.Duration(rapid.IntRange(0, 99999).Draw(t, "seconds")) * time.Second)
		if back, err := strict.ParseDuration(d.String()); err != nil || back != d {
			t.Fatalf("%s read back as %s, %v", d, back, err)
		}
	})
}

func TestProblemsSorted(t *testing.T) {
	if strict.Problems(nil).Err() != nil {
		t.Error("no problems are an error")
	}
	p := strict.Problems{{File: "b", What: "w"}, {File: "a", Line: 2, Column: 1}, {File: "a", Line: 1, Column: 9}, {File: "b", What: "w"}}
	if got, want := p.Err().Error(), "a:1:9\na:2:1\nb: w"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
