package strict_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quarterturn/internal/strict"
)

func parsed(t *testing.T, file, text string) *strict.Document {
	t.Helper()
	d, err := strict.Parse(file, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What was moved is read where it is, and reported where it was written.
func TestComposedPartsKnowWhereTheyWereWritten(t *testing.T) {
	main := parsed(t, "main.yaml", "keep: {a: 1}\nlist:\n  - x\n")
	other := parsed(t, "other.yaml", "list:\n  - {name: \"{w}\", n: 3}\n")
	c := strict.NewComposer()
	moved := c.Rewrite(other.Sub("list", 0), func(string) string { return "filled" }).UsedBy("somebody at main.yaml:1:1")
	list := c.List(main.Sub("list"), []*strict.Document{main.Sub("list", 0), moved})
	whole := c.Map(main, []strict.Part{{From: main.Sub("keep")}, {From: list}, {Name: "again", From: other.Sub("list", 0, "n")}})

	if diff := cmp.Diff(`{"again":3,"keep":{"a":1},"list":["x",{"n":3,"name":"filled"}]}`, string(whole.Canonical())); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(`{"list":[{"n":3,"name":"{w}"}]}`, string(other.Canonical())); diff != "" {
		t.Errorf("the text that was used changed: %s", diff)
	}
	for _, at := range []struct {
		path []any
		want string
	}{
		{[]any{"keep", "a"}, "main.yaml:1:11: keep.a: w; r"},
		{[]any{"list", 0}, "main.yaml:3:5: list[0]: w; r"},
		{[]any{"list", 1, "name"}, "other.yaml:2:12: list[0].name: w; r (used by somebody at main.yaml:1:1)"},
		{[]any{"list", 1, "gone", "deep"}, "other.yaml:2:5: list[0].gone.deep: w; r (used by somebody at main.yaml:1:1)"},
		{[]any{"again"}, "other.yaml:2:22: list[0].n: w; r"},
		{[]any{"gone"}, "main.yaml:1:1: gone: w; r"},
	} {
		if got := whole.Problem("w", "r", at.path...).Error(); got != at.want {
			t.Errorf("%v: got %s, want %s", at.path, got, at.want)
		}
	}
}

// A schema's and a decoder's findings take the same way.
func TestComposedFindingsPointToTheirFile(t *testing.T) {
	main, other := parsed(t, "main.yaml", "a: 1\n"), parsed(t, "other.yaml", "\n\nb: text\n")
	whole := strict.NewComposer().Map(main, []strict.Part{{From: main.Sub("a")}, {From: other.Sub("b")}})
	schema, err := strict.Compile("test", []byte(`{"properties": {"b": {"type": "number"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := whole.Validate(schema).Error(); got != "other.yaml:3:4: b: must be a number, but is text; correct it" {
		t.Errorf("got %s", got)
	}
	var into struct {
		A int `yaml:"a"`
		B int `yaml:"b"`
	}
	var problems strict.Problems
	if err := whole.Decode(&into); !errors.As(err, &problems) || problems[0].File != "other.yaml" || problems[0].Field != "b" {
		t.Errorf("got %v", err)
	}
}

func TestOneProblemOfManyUsersIsSaidOnce(t *testing.T) {
	p := strict.Problem{File: "f", Line: 1, Column: 1, What: "w"}
	by := func(user string) strict.Problem { q := p; q.User = user; return q }
	for _, c := range []struct {
		name string
		in   strict.Problems
		want string
	}{
		{"many", strict.Problems{by("c[10]"), by("c[2]"), by("c[2]"), by("c[3]")}, "f:1:1: w (used by c[2] and 2 more)"},
		{"one", strict.Problems{by("c[2]")}, "f:1:1: w (used by c[2])"},
		{"wrong whoever uses it", strict.Problems{by("c[2]"), p}, "f:1:1: w"},
	} {
		sorted := c.in.Sorted()
		if got := sorted.Error(); got != c.want || sorted.Sorted().Error() != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
