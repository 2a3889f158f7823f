package pastes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"quarterturn/intake"
	"quarterturn/rotator"
	"quarterturn/secret"
)

// TestPlantsAreFound: each weakened door is noticed by the very harness that finds nothing at the real one.
func TestPlantsAreFound(t *testing.T) {
	for _, p := range plants() {
		t.Run(p.name, func(t *testing.T) {
			h := newHarness(t, seed, p.plant)
			for _, c := range Classes() {
				if c.Name == p.class {
					h.wrong(c, 12)
				}
			}
			h.mayLook()
			if p.class == "legal" {
				h.findings = legal(t, seed, 60, p.plant)
			}
			for _, f := range h.findings {
				if strings.Contains(f, p.found) {
					t.Logf("found: %s", f)
					return
				}
			}
			t.Errorf("not found; the findings are %q", h.findings)
		})
	}
}

// mayLook reads the files; a plant that let something in has moved the rotation on, which look would trip over.
func (h *harness) mayLook() {
	if r, err := h.rt.Underway(h.t.Context(), main); err == nil && r.State == rotator.AwaitingKey {
		h.look()
	}
}

// planted is a plant, the class of pastes that must show it, and what the harness says then.
type planted struct {
	plant
	class, found string
}

func plants() []planted {
	return append([]planted{
		{plant{name: "inner blanks are taken out", door: before(func(s string) string { return strings.ReplaceAll(s, " ", "") })},
			"blank inside", "reached the ledger"},
		{plant{name: "look-alikes are folded", door: before(func(s string) string {
			return strings.NewReplacer("\u0430", "a", "\u0435", "e", "\u043e", "o", "\u0440", "p", "\u0441", "c", "\u2013", "-").Replace(s)
		})}, "homoglyph", "reached the ledger"},
		{plant{name: "what cannot be seen is dropped", door: before(func(s string) string {
			return regexp.MustCompile(`\p{Cf}`).ReplaceAllString(s, "")
		})}, "zero width", "reached the ledger"},
		{plant{name: "paste marks are removed", door: before(func(s string) string {
			return regexp.MustCompile(`\x1b\[20[01]~`).ReplaceAllString(s, "")
		})}, "a paste mark inside", "reached the ledger"},
		{plant{name: "export is left out", door: before(func(s string) string {
			return regexp.MustCompile(`(?m)^(export|set|setx|declare -x|ENV) `).ReplaceAllString(s, "")
		})}, "export NAME=", "reached the ledger"},
		{plant{name: "placeholders pass", door: forgives(intake.Placeholder)}, "placeholder of words", "reached the ledger"},
		{plant{name: "other vendors' tokens pass", door: forgives(intake.OtherVendor)}, "another vendor's token", "reached the ledger"},
		{plant{name: "a cut line passes", door: forgives(intake.Cut), shape: func(secret.Material) error { return nil }},
			"cut by a terminal", "reached the ledger"},
		{plant{name: "no form is asked for", shape: func(secret.Material) error { return nil }}, "too short", "reached the ledger"},
	}, deeper()...)
}

// deeper are plants behind the intake, and two at the end of it.
func deeper() []planted {
	return []planted{
		{plant{name: "other environments are not compared", ledger: blindTo(func(p rotator.Pair) bool { return p.Environment != "production" })},
			"another environment's pair", "instead of [other_environment]"},
		{plant{name: "other credentials are not compared", ledger: blindTo(func(p rotator.Pair) bool { return p.Credential == "neighbour" })},
			"another credential's pair", "instead of [other_credential]"},
		{plant{name: "the previous pair passes", ledger: blindTo(func(p rotator.Pair) bool { return p.Life == rotator.Previous })},
			"the previous pair", "reached the ledger"},
		{plant{name: "halves are not compared", ledger: blindTo(func(p rotator.Pair) bool { return p.Life == rotator.Current || p.Life == rotator.Previous })},
			"new key, old secret", "reached the ledger"},
		{plant{name: "the message repeats five characters", door: echoes}, "blank inside", "repeats the paste"},
		{plant{name: "the refused text is kept as an event", door: keepsTheText}, "key:secret", "stands in ledger.db"},
		{plant{name: "the place is written first", door: writesFirst}, "too short", "reached the place"},
		{plant{name: "a rule fits values by chance", door: refuses(regexp.MustCompile(`[,;:].*[<>]`))}, "legal", "was refused"},
		{plant{name: "values are folded to lower case", door: before(strings.ToLower)}, "legal", "something else was kept"},
	}
}

// before changes a text without a word.
func before(change func(string) string) func(*desk, door) door {
	return func(_ *desk, was door) door {
		parse := was.parse
		was.parse = func(text []byte, fields []intake.Field) (secret.Material, []string, error) {
			return parse([]byte(change(string(text))), fields)
		}
		return was
	}
}

// forgives takes what the intake refused as one kind, as the lines NAME=value have it.
func forgives(kind intake.Kind) func(*desk, door) door {
	return func(_ *desk, was door) door {
		parse := was.parse
		was.parse = func(text []byte, fields []intake.Field) (secret.Material, []string, error) {
			m, notes, err := parse(text, fields)
			var wrong *intake.Error
			if pair, ok := read(string(text)); errors.As(err, &wrong) && wrong.Kind == kind && ok {
				return material(pair), nil, nil
			}
			return m, notes, err
		}
		return was
	}
}

func refuses(rule *regexp.Regexp) func(*desk, door) door {
	return func(_ *desk, was door) door {
		parse := was.parse
		was.parse = func(text []byte, fields []intake.Field) (secret.Material, []string, error) {
			if rule.Match(text) {
				return nil, nil, &intake.Error{Kind: intake.Command}
			}
			return parse(text, fields)
		}
		return was
	}
}

func echoes(_ *desk, was door) door {
	parse := was.parse
	was.parse = func(text []byte, fields []intake.Field) (secret.Material, []string, error) {
		m, notes, err := parse(text, fields)
		var wrong *intake.Error
		if errors.As(err, &wrong) {
			wrong.Character, wrong.Kind = "something near "+string(text[len(text)-8:len(text)-3]), intake.Character
		}
		return m, notes, err
	}
	return was
}

func keepsTheText(d *desk, was door) door {
	parse := was.parse
	was.parse = func(text []byte, fields []intake.Field) (secret.Material, []string, error) {
		m, notes, err := parse(text, fields)
		if err != nil {
			_, err2 := d.ledger.Say(d.t.Context(), rotator.Word{Credential: main, Kind: rotator.WaiveIt, Who: "sam", Text: string(text)})
			d.must(err2)
		}
		return m, notes, err
	}
	return was
}

func writesFirst(d *desk, was door) door {
	accept := was.accept
	was.accept = func(ctx context.Context, p rotator.Paste) (rotator.Receipt, error) {
		text := fmt.Sprintf("BLUUM_API_KEY=%s\nBLUUM_API_SECRET=%s\n", p.Material["key"].Reveal(), p.Material["secret"].Reveal())
		d.must(os.WriteFile(d.path("app.env"), []byte(text), 0o600))
		return accept(ctx, p)
	}
	return was
}

// blindTo is a ledger that does not find some of the known pairs.
func blindTo(hidden func(rotator.Pair) bool) func(rotator.Ledger) rotator.Ledger {
	return func(l rotator.Ledger) rotator.Ledger { return blind{l, hidden} }
}

type blind struct {
	rotator.Ledger
	hidden func(rotator.Pair) bool
}

func (b blind) Find(ctx context.Context, p secret.Prints) ([]rotator.Pair, error) {
	all, err := b.Ledger.Find(ctx, p)
	var seen []rotator.Pair
	for _, one := range all {
		if !b.hidden(one) {
			seen = append(seen, one)
		}
	}
	return seen, err
}
