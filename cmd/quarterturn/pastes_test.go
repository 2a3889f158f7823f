package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"quarterturn/internal/sim"
	"quarterturn/test/pastes"
)

// Every class of test/pastes that needs no more than a pair in use, through submit itself: as text and with JSON for an
// answer. What is refused changes nothing and is never repeated.
func TestSubmitRefusesEveryClass(t *testing.T) {
	b := raise(t, stageOptions{})
	b.does(exitDone, "run")
	before, err := b.shop.ledger.Pairs(b.ctx, demoName)
	b.must(err)
	g := pastes.New(20260302, pastes.World{Credential: demoName, Current: pastes.Pair{Key: b.old.Key, Secret: b.old.Secret},
		Names: [2]string{"BLUUM_API_KEY", "BLUUM_API_SECRET"}})
	for _, c := range pastes.Classes() {
		if beyond(c.Name) {
			continue
		}
		p := g.Wrong(c)
		args := []string{"submit", demoName}
		if p.Environment+p.Organisation != "" {
			args = append(args, "--environment", p.Environment, "--organisation", p.Organisation)
		}
		for _, form := range []string{"text", "json"} {
			if code := b.line(p.Text, append([]string{"--output", form}, args...)...); code != exitUsage && code != exitStop {
				t.Errorf("%s: exit code %d: %s", c.Name, code, b.out)
			}
			if repeats(b.out, p.Pair) || !strings.Contains(strings.Join(strings.Fields(b.out), " "), "nothing was") {
				t.Errorf("%s: repeats the paste, or does not say that nothing was kept: %s", c.Name, b.out)
			}
		}
	}
	after, err := b.shop.ledger.Pairs(b.ctx, demoName)
	b.must(err)
	env, err := os.ReadFile(b.path("app.env"))
	if err != nil || len(after) != len(before) || !strings.Contains(string(env), b.old.Secret) {
		t.Errorf("%d pairs became %d, or the place was written: %v", len(before), len(after), err)
	}
}

// beyond: classes whose pairs this ledger does not know, or whose profile this is not.
func beyond(class string) bool {
	return slices.Contains([]string{"the previous pair", "a dead pair", "a pair handed in before", "another environment's pair",
		"another credential's pair", "a known pair, swapped", "new key, old secret", "old key, new secret",
		"outside the profile's alphabet"}, class)
}

func repeats(said string, p pastes.Pair) bool {
	for _, v := range []string{p.Key, p.Secret} {
		for i := strings.LastIndex(v, "_") + 1; i+8 <= len(v); i++ {
			if strings.Contains(said, v[i:i+8]) {
				return true
			}
		}
	}
	return false
}

// The same at a terminal, where the paste is hidden and comes between the terminal's marks.
func TestTerminalRefusesWrongPastes(t *testing.T) {
	st := realStage(t, "100s")
	for _, c := range []struct{ name, paste, says string }{
		{"a look-alike", "BLUUM_API_KEY=" + st.old.Key + "\rBLUUM_API_SECRET=8d3\u043061c07be5f924\r", "U+0430 CYRILLIC SMALL LETTER A"},
		{"a curl line", "curl -u " + st.old.Key + ":" + st.old.Secret + " https://api.bluum.finance\r", "is a command or a header"},
		{"a placeholder", "BLUUM_API_KEY=" + st.old.Key + "\rBLUUM_API_SECRET=change_me\r", "is a placeholder"},
		{"export", "export BLUUM_API_KEY=" + st.old.Key + "\r", "is a shell's assignment"},
	} {
		s := sit(t, process(t, st, "submit", demoName))
		s.expect("hidden")
		s.hidden()
		s.types("\x1b[200~" + c.paste + "\x1b[201~\r\r")
		s.expect(c.says)
		if code := s.ends(); code != exitUsage {
			t.Errorf("%s: exit code %d; the screen:\n%s", c.name, code, s.text())
		}
		s.secretless(sim.Shown{Key: st.old.Key, Secret: st.old.Secret})
	}
}
