package secret_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"quarterturn/secret"
)

func TestCompare(t *testing.T) {
	pair := secret.Prints{"@k1": "w", "key@k1": "a", "secret@k1": "b"}
	for name, tc := range map[string]struct {
		p, q secret.Prints
		want secret.Likeness
		torn []string
	}{
		"itself":                {pair, pair, secret.Equal, nil},
		"nothing":               {pair, nil, secret.Incomparable, nil},
		"other key id":          {pair, secret.Prints{"@k2": "w", "key@k2": "a"}, secret.Incomparable, nil},
		"whole only":            {pair, secret.Prints{"@k1": "w"}, secret.Equal, nil},
		"other whole only":      {pair, secret.Prints{"@k1": "v"}, secret.Different, []string{"key", "secret"}},
		"all differ":            {pair, secret.Prints{"@k1": "v", "key@k1": "x", "secret@k1": "y"}, secret.Different, []string{"key", "secret"}},
		"torn":                  {pair, secret.Prints{"@k1": "v", "key@k1": "a", "secret@k1": "y"}, secret.Torn, []string{"secret"}},
		"torn without whole":    {pair, secret.Prints{"key@k1": "x", "secret@k1": "b"}, secret.Torn, []string{"key"}},
		"subset":                {pair, secret.Prints{"key@k1": "a"}, secret.Equal, nil},
		"other subset":          {pair, secret.Prints{"key@k1": "x"}, secret.Different, []string{"key"}},
		"half is missing":       {pair, secret.Prints{"@k1": "v", "key@k1": "a"}, secret.Torn, []string{"secret"}},
		"one more field":        {pair, secret.Prints{"@k1": "v", "key@k1": "a", "secret@k1": "b", "id@k1": "c"}, secret.Torn, []string{"id"}},
		"one more key id":       {pair, pair.Merge(secret.Prints{"@k2": "z", "key@k2": "z"}), secret.Equal, nil},
		"consumer's whole":      {secret.Prints{"@k1": "w", "@k1/app@eu:1": "r"}, secret.Prints{"@k1/app@eu:1": "r"}, secret.Equal, nil},
		"consumer has another":  {secret.Prints{"@k1": "w", "@k1/app": "r"}, secret.Prints{"@k1/app": "s"}, secret.Different, nil},
		"keys disagree":         {pair.Merge(secret.Prints{"@k2": "w"}), secret.Prints{"@k1": "w", "@k2": "v"}, secret.Different, nil},
		"keys disagree, a half": {secret.Prints{"a@k1": "1", "a@k2": "2"}, secret.Prints{"a@k1": "1", "a@k2": "3"}, secret.Different, []string{"a"}},
		"field with an @":       {secret.Prints{"a@b@k1": "1", "c@k1": "1"}, secret.Prints{"a@b@k1": "2", "c@k1": "1"}, secret.Torn, []string{"a@b"}},
	} {
		if got := tc.p.Compare(tc.q); got != tc.want {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
		if back := tc.q.Compare(tc.p); back != tc.want {
			t.Errorf("%s, the other way round: got %v", name, back)
		}
		if got := tc.p.Torn(tc.q); !slices.Equal(got, tc.torn) {
			t.Errorf("%s: torn %v, want %v", name, got, tc.torn)
		}
	}
}

// lines are few, so that two key files drawn from them may or may not have keys in common.
var lines = []string{secret.NewKey(), secret.NewKey(), secret.NewKey()}

func drawKeys(t *rapid.T, label string) (secret.Keys, []string) {
	held := rapid.Permutation(lines).Draw(t, label)[:rapid.IntRange(1, len(lines)).Draw(t, label+" length")]
	keys, err := secret.ParseKeys(strings.NewReader(strings.Join(held, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return keys, held
}

func shared(a, b []string) bool {
	return slices.ContainsFunc(a, func(line string) bool { return slices.Contains(b, line) })
}

// TestCompareAgreesWithTheMaterials: prints say about two materials what the materials themselves would say.
func TestCompareAgreesWithTheMaterials(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := materials(t)
		n := changed(t, m)
		mine, held := drawKeys(t, "keys")
		theirs, others := drawKeys(t, "other keys")
		p, q := mine.Prints(m), theirs.Prints(n)
		want := truth(m, n)
		if !shared(held, others) {
			want = secret.Incomparable
		}
		if got := p.Compare(q); got != want || q.Compare(p) != want {
			t.Fatalf("got %v, want %v", got, want)
		}
		if torn := p.Torn(q); want != secret.Incomparable && !slices.Equal(torn, differing(m, n)) {
			t.Fatalf("torn %v, want %v", torn, differing(m, n))
		}
	})
}

// changed alters, drops or leaves each field.
func changed(t *rapid.T, m secret.Material) secret.Material {
	n := maps.Clone(m)
	for _, field := range m.Fields() {
		switch rapid.SampledFrom([]string{"keep", "alter", "drop"}).Draw(t, field) {
		case "alter":
			n[field] = secret.New(m[field].Reveal() + "'")
		case "drop":
			delete(n, field)
		}
	}
	return n
}

func differing(m, n secret.Material) (fields []string) {
	for _, field := range m.Fields() {
		if v, ok := n[field]; !ok || !v.Equal(m[field]) {
			fields = append(fields, field)
		}
	}
	return fields
}

func truth(m, n secret.Material) secret.Likeness {
	switch differ := len(differing(m, n)); differ {
	case 0:
		return secret.Equal
	case len(m):
		return secret.Different
	}
	return secret.Torn
}

func TestPartialComparesSubsets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := materials(t)
		keys, _ := drawKeys(t, "keys")
		field := rapid.SampledFrom(m.Fields()).Draw(t, "field")
		place := keys.Prints(secret.Material{field: m[field]}).Partial()
		if got := keys.Prints(m).Compare(place); got != secret.Equal {
			t.Fatalf("a place with one of the fields compares as %v", got)
		}
		old := keys.Prints(secret.Material{field: secret.New(m[field].Reveal() + "'")}).Partial()
		if got := keys.Prints(m).Compare(old); got != secret.Different {
			t.Fatalf("a place with another field compares as %v", got)
		}
	})
}

func TestMerge(t *testing.T) {
	p, q := secret.Prints{"@a": "1", "x@a": "2"}, secret.Prints{"@b": "3", "x@a": "4"}
	if got := p.Merge(q); !maps.Equal(got, secret.Prints{"@a": "1", "x@a": "4", "@b": "3"}) {
		t.Errorf("got %v", got)
	}
	if p["x@a"] != "2" || len(p) != 2 || len(q) != 2 {
		t.Error("Merge changed its arguments")
	}
	if got := secret.Prints(nil).Merge(nil); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestPrintsAreAPlainMap(t *testing.T) {
	p := secret.Prints{"@a": "1", "key@a": "2"}
	b, err := json.Marshal(p)
	if err != nil || string(b) != `{"@a":"1","key@a":"2"}` {
		t.Fatalf("got %s, %v", b, err)
	}
	var back secret.Prints
	if err := json.Unmarshal(b, &back); err != nil || !maps.Equal(p, back) {
		t.Errorf("got %v, %v", back, err)
	}
}

func TestLikenessNames(t *testing.T) {
	for l, want := range map[secret.Likeness]string{
		secret.Incomparable: "incomparable", secret.Different: "different", secret.Torn: "torn", secret.Equal: "equal",
	} {
		if l.String() != want {
			t.Errorf("got %s, want %s", l, want)
		}
	}
}
