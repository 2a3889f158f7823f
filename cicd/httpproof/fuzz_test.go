package httpproof

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzLookup: an answer of a consumer gives a string that stands in it, or an error without anything of it.
func FuzzLookup(f *testing.F) {
	for _, seed := range []string{`{"print":"qtf-00000001/app:00"}`, `{"a":{"print":"x"}}`, `{"print":null}`, `{"print":"a","print":"b"}`, `[`, `{"print":1}`} {
		f.Add([]byte(seed), "$.print")
		f.Add([]byte(seed), "$.a.print")
	}
	f.Fuzz(func(t *testing.T, body []byte, path string) {
		found, err := lookup(body, path)
		if (found == "") == (err == nil) {
			t.Fatal("neither or both of text and error")
		}
		if err == nil && !json.Valid(body) {
			t.Fatal("something was found in what is no JSON")
		}
		if err != nil && strings.Contains(string(body), "hunter2hunter2") && strings.Contains(err.Error(), "hunter2hunter2") &&
			!strings.Contains(path, "hunter2") {
			t.Fatal("the error repeats the answer")
		}
	})
}

// FuzzAlike: a label that is like ours has its length and its beginning.
func FuzzAlike(f *testing.F) {
	f.Add("pair-01ab", "pair-77cd")
	f.Add("secret", "pair-77cd")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, label, ours string) {
		if alike(label, ours) != alike(ours, label) && len(label) == len(ours) && strings.IndexAny(label, "-_.:") == strings.IndexAny(ours, "-_.:") {
			t.Fatal("one is like the other, and not the other way round")
		}
		if !alike(ours, ours) {
			t.Fatal("a label is not like itself")
		}
	})
}
