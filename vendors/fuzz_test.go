package vendors

import (
	"strings"
	"testing"
)

// FuzzProfile: whatever a profile file says, it is refused with problems or can be used, and no problem holds the value
// that stands in a place of the schema.
func FuzzProfile(f *testing.F) {
	text, err := profiles.ReadFile("profiles/bluum.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	for _, seed := range []string{"", "name: x\nextends: bluum\n", "name: x\nextends: bluum\nlifecycle: {propagation: 1s}\n",
		"name: x\nextends: bluum\nenvironments:\n  sandbox: {base: 'http://a@b:1/%'}\n", "fields: {a: {length: {min: -1}}}\n", "{", "&a *a"} {
		f.Add([]byte(seed))
	}
	base, err := Builtin()
	if err != nil {
		f.Fatal(err)
	}
	known := func(name string) (Profile, bool) { return base[0], name == base[0].Name }
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse("p.yaml", data, known)
		if err != nil {
			return
		}
		if p.KeyField() == "" || len(p.FieldNames()) == 0 || len(p.Environments) == 0 {
			t.Fatal("a profile was accepted that has no key field or no environment")
		}
		for name, e := range p.Environments {
			if e.Host() == "" {
				t.Fatalf("%s has no host", name)
			}
		}
	})
}

// FuzzAnswer: the reader of vendors' answers takes exactly one JSON document, and no path into it panics.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{`{}`, `[]`, `{"data":[{"id":"a","livemode":true}]}`, `{"error":{"code":"BLUM-401-003"}}`, `{"a":1}{`, `"`, `1e999`} {
		f.Add([]byte(seed), "data[].id")
		f.Add([]byte(seed), "error.code")
	}
	f.Fuzz(func(t *testing.T, body []byte, path string) {
		v, ok := parse(body)
		if !ok {
			return
		}
		if _, again := parse(append(body, " 1"...)); again {
			t.Fatal("something behind the document was not noticed")
		}
		for _, found := range pick(v, path) {
			if s, text := found.(string); text && len(s) > len(body)*3 {
				t.Fatal("more was found than is there")
			}
		}
	})
}

// FuzzShape: whatever the values, an error repeats no four characters of them in a row that are not its own words.
func FuzzShape(f *testing.F) {
	all, err := Builtin()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(goodKey, goodSecret)
	f.Add("a:b", "\u0430\u200b\xff")
	f.Fuzz(func(t *testing.T, key, sec string) {
		err := all[0].Shape(pair(key, sec))
		if err != nil && leaks(strings.ToLower(err.Error()), strings.Trim(key, " "), strings.Trim(sec, " ")) && !ours(key+sec) {
			t.Fatalf("it repeats the value: %v", err)
		}
	})
}

// ours: a fuzzer finds our own words by itself.
func ours(text string) bool {
	for i := 0; i+8 <= len(text); i++ {
		if strings.Contains(strings.ToLower("the pair has not the form of this vendor's keys and was not used: key: shorter than 8 characters: a part of it is missing, "+
			"copy it whole longer than 512 characters: something else came with it, copy it by itself secret: the same value as key: one of them was pasted twice"), strings.ToLower(text[i:i+8])) {
			return true
		}
	}
	return false
}
