package mutate

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func weak(t *testing.T) project {
	root, err := filepath.Abs("testdata/weak")
	if err != nil {
		t.Fatal(err)
	}
	return project{root: root, module: "weakly.example", targets: []target{{"weak", ".", regexp.MustCompile(`^weak\.go$`)}},
		killers: []killer{{folder: "."}}}
}

// TestWeakTestsAreFound: in a package whose tests are weak in known places, exactly the known mutants live.
func TestWeakTestsAreFound(t *testing.T) {
	m, err := remember(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b, _ := build(t, weak(t), func(mutant) bool { return true })
	c := &campaign{built: b, memory: m}
	c.survey(t)
	var alive []string
	counts := tally{}
	for _, r := range c.fight(t, c.mutants) {
		counts.add("weak", r)
		if !r.dead() {
			alive = append(alive, r.Name)
		}
	}
	text, err := os.ReadFile("testdata/weak/survivors.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(text)), "\n")
	slices.Sort(want)
	slices.Sort(alive)
	for _, name := range alive {
		if !slices.Contains(want, name) {
			t.Error("lives, and some test should have noticed it: ", name)
		}
	}
	for _, name := range want {
		if !slices.Contains(alive, name) {
			t.Error("is called killed, and no test can have noticed it: ", name)
		}
	}
	t.Logf("\n%s", counts)
}

// TestEveryOperatorPlants: none of the kinds of fault has quietly stopped being planted.
func TestEveryOperatorPlants(t *testing.T) {
	mutants, _, err := weak(t).plant()
	if err != nil {
		t.Fatal(err)
	}
	planted := map[string]bool{}
	for _, m := range mutants {
		planted[m.op] = true
	}
	for _, op := range []string{"and to or", "arithmetic", "bool", "boundary", "case", "drop", "duration", "equality", "field",
		"negate", "nil error", "number", "or to and", "order", "query", "row", "zero"} {
		if !planted[op] {
			t.Errorf("no %q was planted", op)
		}
		delete(planted, op)
	}
	if len(planted) > 0 {
		t.Errorf("kinds this test does not know: %v", planted)
	}
}

func TestQueries(t *testing.T) {
	changed, said := queries("UPDATE r SET rev = rev + 1 WHERE id = ? AND until > ? AND open = 1")
	want := []string{"UPDATE r SET rev = rev + 1 WHERE (id = ? OR 1) AND until > ? AND open = 1",
		"UPDATE r SET rev = rev + 1 WHERE id = ? AND (until > ? OR 1) AND open = 1",
		"UPDATE r SET rev = rev + 1 WHERE id = ? AND until >= ? AND open = 1",
		"UPDATE r SET rev = rev + 1 WHERE id = ? AND until > ? AND (open = 1 OR 1)"}
	if !slices.Equal(changed, want) {
		t.Errorf("%q", changed)
	}
	if len(said) != len(want) || said[2] != "until > ? -> until >= ?" {
		t.Errorf("%q", said)
	}
	if changed, _ := queries("a word, WHERE id = ?"); changed != nil {
		t.Errorf("no statement, and changed: %q", changed)
	}
}

func TestJudge(t *testing.T) {
	listed, err := survivors("# why each may live\n\na :: the same\nb :: the same\n")
	if err != nil {
		t.Fatal(err)
	}
	got := judge([]result{{Name: "a", Outcome: killed, Test: "TestX", Folder: "p"}, {Name: "b", Outcome: survived},
		{Name: "c", Outcome: unreached}, {Name: "d", Outcome: timedOut}}, listed)
	if len(got) != 2 || !strings.HasSuffix(got[0], "list: a") || !strings.HasSuffix(got[1], "reason: c") {
		t.Errorf("%q", got)
	}
	if got := gone([]mutant{{name: "a"}}, listed); len(got) != 1 || !strings.HasSuffix(got[0], "list: b") {
		t.Errorf("%q", got)
	}
	for _, wrong := range []string{"a", "a :: ", "a :: x\na :: y"} {
		if _, err := survivors(wrong); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}
