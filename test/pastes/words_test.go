package pastes

import (
	"strings"
	"testing"
)

// said is one of the cases that the harness was asked for, by its words.
type said struct {
	name, text  string
	kind        string
	says, offer string // of the message and of its remedy
}

// saids are written with a pair of their own, K and S, but for those that a ledger must know.
func saids(w World) []said {
	const (
		k = "test_bluum_4f9c02d1b7"
		s = "8d3a61c07be5f924e1aa7095"
	)
	lines := func(key, secret string) string { return "BLUUM_API_KEY=" + key + "\nBLUUM_API_SECRET=" + secret + "\n" }
	known := func(p Pair) string { return lines(p.Key, p.Secret) }
	return []said{
		{"outside the alphabet", lines(k, "8d3a\u041661c07be5f924"), "character", "line 2, character 22: has U+0416 CYRILLIC CAPITAL LETTER ZHE in it", "portal's copy button"},
		{"swapped fields", lines(s, k), "swapped", "each begins like the other", "exchange them"},
		{"swapped fields of a known pair", lines(w.Current.Secret, w.Current.Key), "swapped", "are in each other's place", "paste each in its own"},
		{"key pasted twice", lines(k, k), "same_value", "same value as another field", "from its own line"},
		{"key pasted twice in one field", lines(s[:20]+s[:20], s), "doubled", "twice in a row", "paste it once"},
		{"the pair in use", known(w.Current), "in_use", "the pair in use", "create a new one"},
		{"the previous pair", known(w.Previous), "previous", "the previous pair", "create a new one"},
		{"seen in another environment", known(w.Elsewhere), "other_environment", "belongs to elsewhere (sandbox)", "copy the pair of this environment"},
		{"seen in another credential", known(w.Neighbour), "other_credential", "belongs to neighbour", "copy the pair that was created for this credential"},
		{"a dead pair", known(w.Dead), "dead", "was revoked on 2026-03-02", "create a new one"},
		{"your_api_key", lines("your_api_key", s), "placeholder", "line 1, BLUUM_API_KEY: is a placeholder", "copy the real value"},
		{"prod_secret", lines(k, "prod_secret"), "placeholder", "line 2, BLUUM_API_SECRET: is a placeholder", "copy the real value"},
		{"export KEY=", "export BLUUM_API_KEY=" + k + "\n", "export", "a shell's assignment", "paste NAME=value alone"},
		{"a whole curl line", "curl -u " + k + ":" + s + " https://api.bluum.finance/v1/accounts", "command", "is a command", "paste only what it uses"},
		{"bracketed-paste marks", "\x1b[200~" + lines(k, s) + "\x1b[201~", "paste_marks", "paste marks", "at the prompt"},
		{"terminal truncation", (lines(k, strings.Repeat(s, 200)) + "\n")[:len("BLUUM_API_KEY=")+len(k)+1+4095], "cut", "ends at 4095 characters", "without cat"},
		{"homoglyph", lines(k, "8d3\u043061c07be5f924"), "look_alike", "line 2, character 21: has U+0430 CYRILLIC SMALL LETTER A", "type none of it"},
		{"full width", lines(k, "8d3\uff4161c07be5f924"), "look_alike", "U+FF41 FULLWIDTH LATIN SMALL LETTER A", "type none of it"},
		{"no-break space", lines(k, "8d3\u00a061c07be5f924"), "invisible", "U+00A0 NO-BREAK SPACE", "copy the value again"},
		{"zero width", lines(k+"\u200b", s), "invisible", "line 1, character 36: has U+200B ZERO WIDTH SPACE", "copy the value again"},
		{"another vendor's token", lines(k, "ghp_aB3daB3daB3daB3daB3daB3daB3daB3dXyZ1"), "other_vendor", "form of a token of GitHub", "the vendor whose key this is"},
		{"too short", lines(k, s[:6]), "shape", "secret: shorter than 8 characters", "copy it whole"},
	}
}

// TestWords: each case has a kind, a message and a remedy, and no two cases that differ in what to do share a message.
func TestWords(t *testing.T) {
	h := newHarness(t, seed, plant{})
	messages := map[string]string{}
	for _, c := range saids(h.world) {
		kind, message := h.submit(Paste{Credential: main, Text: c.text})
		if kind != c.kind || !strings.Contains(message, c.says) || !strings.Contains(message, c.offer) {
			t.Errorf("%s: %s: %s", c.name, kind, message)
		}
		if run := h.says.echo(message, c.text); run != "" {
			t.Errorf("%s: repeats %q: %s", c.name, run, message)
		}
		if other, taken := messages[message]; taken {
			t.Errorf("%s and %s say the same: %s", c.name, other, message)
		}
		messages[message] = c.name
		h.untouched(Paste{Class: c.name}, 0)
	}
	fails(t, h.findings)
}
