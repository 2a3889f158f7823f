package pastes

import (
	"regexp"
	"strings"
)

// values: of legal characters, and not the value that was meant.
func values() []Class {
	with := func(what ...string) func(g *Gen) string {
		return func(g *Gen) string { return g.named(g.either(instead(g.one(what...)))) }
	}
	return []Class{
		{Name: "placeholder of words", Kinds: []string{"placeholder"}, Why: either(manual), Make: with("your_api_key", "prod_secret",
			"your-api-secret", "change_me", "changeme", "CHANGE_ME", "yourapisecret", "YOUR_API_KEY_HERE", "my-secret-key", "replace-me-now",
			"insert_key_here", "api_secret_goes_here", "test_bluum_your_key", "bluum_prod_secret", "placeholder", "example-token")},
		{Name: "placeholder in a frame", Kinds: []string{"placeholder"}, Why: either(manual),
			Make: with("<your-api-key>", "<secret-key>", "[secret]", "<API_SECRET>", "[REDACTED]", "__API_SECRET__")},
		{Name: "placeholder of one character", Kinds: []string{"placeholder"}, Why: either(manual),
			Make: with("xxxxxxxxxxxx", "XXXX-XXXX-XXXX", "00000000", "--------", "test_bluum_xxxxxxxx", "12345678", "abcdefghij", "0123456789")},
		{Name: "a manual's example", Kinds: []string{"placeholder"}, Why: either(manual),
			Make: with("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")},
		{Name: "masked", Kinds: []string{"masked"}, Why: either(func(v string) bool {
			return strings.Contains(v, "***") || strings.Contains(v, "...") || v[:6] == "xxxxxx"
		}),
			Make: func(g *Gen) string {
				tail := g.draw(hex, 4)
				return g.named(g.either(instead(g.one("****************", "********", "8d3a61c0...", "sk-...", "xxxxxxxxxxxx") + tail)))
			}},
		{Name: "masked with dots of print", Kinds: []string{"masked"},
			Make: func(g *Gen) string {
				return g.named(g.either(instead(strings.Repeat(g.one("\u2022", "\u25cf", "\u2217"), 8+g.IntN(9)) + g.draw(hex, 4))))
			}},
		{Name: "reference", Kinds: []string{"reference"},
			Why: either(func(v string) bool {
				return strings.HasPrefix(v, "$") || strings.HasPrefix(v, "{{") || strings.Contains(v, "://") || v[0] == '%' || strings.HasPrefix(v, "arn:")
			}),
			Make: with("${BLUUM_API_SECRET}", "$BLUUM_API_SECRET", "{{bluum.secret}}", "{{ secrets.KEY }}", "${{ secrets.BLUUM }}",
				"op://vault/bluum/secret", "%BLUUM_API_SECRET%", "arn:aws:secretsmanager:eu-west-1:1234:secret:bluum", "${BLUUM_API_SECRET:-none}")},
		{Name: "address as a value", Kinds: []string{"address"}, Why: either(func(v string) bool { return strings.Contains(v, "://") }),
			Make: with("https://api.bluum.finance/v1", "http://127.0.0.1:8080", "postgres://u@h/db")},
		{Name: "another vendor's token", Kinds: []string{"other_vendor"}, Why: either(issued), Make: func(g *Gen) string {
			return g.named(g.either(instead(g.foreign())))
		}},
		{Name: "quote left open", Kinds: []string{"quotes"}, Make: func(g *Gen) string {
			q := g.one(`"`, "'", "`")
			return g.named(g.either(func(v string) string { return g.one(q+v, v+q) }))
		}},
		{Name: "comma of a list", Kinds: []string{"quotes"},
			Why: either(func(v string) bool {
				return strings.Trim(v[len(v)-1:], ",;") == "" && strings.Trim(v[:len(v)-1], base64url) == ""
			}),
			Make: func(g *Gen) string {
				g.fresh(24, 60)
				return g.named(g.either(func(v string) string { return v + g.one(",", ";") }))
			}},
		{Name: "name again in the value", Kinds: []string{"named"},
			Why: func(p Paste) string {
				return when(strings.Contains(p.Text, "KEY=BLUUM_") || strings.Contains(p.Text, "SECRET=API"), "a name stands in the value")
			},
			Make: func(g *Gen) string {
				return g.one(g.W.Names[0]+"="+g.named(g.Pair), g.W.Names[0]+"="+g.Pair.Key+"\n"+g.W.Names[1]+"=API_SECRET="+g.Pair.Secret)
			}},
		{Name: "one value twice in a row", Kinds: []string{"doubled"},
			Why:  either(func(v string) bool { return len(v)%2 == 0 && v[:len(v)/2] == v[len(v)/2:] }),
			Make: func(g *Gen) string { return g.named(g.either(func(v string) string { return v + v })) }},
		{Name: "key in both fields", Kinds: []string{"same_value"},
			Make: func(g *Gen) string { v := g.one(g.Pair.Key, g.Pair.Secret); return g.form(Pair{v, v}) }},
		{Name: "one value in the other", Kinds: []string{"within"},
			Why: func(p Paste) string {
				return when(strings.Contains(p.Text, p.Pair.Key+p.Pair.Secret) || strings.Contains(p.Text, p.Pair.Secret+p.Pair.Key), "joined")
			},
			Make: func(g *Gen) string {
				return g.one(g.named(Pair{g.Pair.Key, g.Pair.Key + g.Pair.Secret}), g.named(Pair{g.Pair.Secret + g.Pair.Key, g.Pair.Secret}))
			}},
		{Name: "swapped by how they begin", Kinds: []string{"swapped"},
			Why: func(p Paste) string {
				return when(strings.HasPrefix(p.Pair.Key, "test_bluum_"), "the secret begins like a key")
			},
			Make: func(g *Gen) string {
				g.Pair.Key = "test_bluum_" + g.draw(hex, 20)
				return g.named(Pair{g.Pair.Secret, g.Pair.Key})
			}},
		{Name: "too short", Kinds: []string{"shape"}, Make: func(g *Gen) string {
			return g.named(g.either(instead("q7" + g.draw(hex, 1+g.IntN(5)))))
		}},
		{Name: "too long a value", Kinds: []string{"shape"},
			Make: func(g *Gen) string { return g.form(g.either(instead(g.draw(base64url, 513+g.IntN(900))))) }},
		{Name: "colon in the key", Kinds: []string{"shape"},
			Make: func(g *Gen) string { g.Pair.Key = g.inside(":")(g.Pair.Key); return g.named(g.Pair) }},
		{Name: "outside the profile's alphabet", Kinds: []string{"shape"}, Make: func(g *Gen) string {
			g.paste.Credential = g.W.Narrow
			g.Pair = Pair{"a1" + g.draw(hex, 30), "b2" + g.draw(hex, 40)}
			return g.named(g.either(g.inside(g.one("g", "-", "+", "_", "@", "Z"))))
		}},
	}
}

// either: one of the two values is so, where they stand under their entries.
func either(wrong func(string) bool) func(Paste) string {
	return func(p Paste) string {
		for _, line := range strings.Split(p.Text, "\n") {
			if _, v, _ := strings.Cut(line, "="); len(v) > 6 && wrong(v) {
				return "a value is none"
			}
		}
		return ""
	}
}

func when(b bool, why string) string {
	if b {
		return why
	}
	return ""
}

// manual is the oracle's own idea of a placeholder: nothing is left but words, frames, rows and counting.
func manual(v string) bool {
	low := strings.ToLower(v)
	if strings.HasSuffix(low, "example") || strings.HasSuffix(low, "examplekey") || strings.HasPrefix(digits, low) ||
		strings.Contains("1234567890", low) || strings.Contains("abcdefghijklmnopqrstuvwxyz", low) {
		return true
	}
	rest := regexp.MustCompile(`test_bluum_|your|bluum|prod|secret|api|key|change|me|here|my|replace|now|insert|goes|placeholder|example|token|`+
		`redacted|[<>_\[\]-]+|x+|0+`).ReplaceAllString(low, "")
	return rest == ""
}

// foreign is a token in a form that another vendor publishes.
func (g *Gen) foreign() string {
	a := letters + digits
	return g.one("ghp_"+g.draw(a, 36), "github_pat_"+g.draw(a, 40), "AKIA"+g.draw("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 15)+"Q",
		"glpat-"+g.draw(a, 20), "xoxb-"+g.draw(digits, 12)+"-"+g.draw(a, 24), "sk_live_"+g.draw(a, 24), "AIza"+g.draw(a, 35),
		"hvs."+g.draw(base64url, 30), "dp.st.prd."+g.draw(a, 40), "sk-proj-"+g.draw(a, 40), "npm_"+g.draw(a, 36), "dckr_pat_"+g.draw(a, 27),
		"SG."+g.draw(a, 22)+"."+g.draw(a, 43), "eyJ"+g.draw(a, 20)+".eyJ"+g.draw(a, 30)+"."+g.draw(a, 43), "AC"+g.draw(hex, 32))
}

// issued is the oracle's own idea of such a token: how it begins.
func issued(v string) bool {
	for _, begin := range strings.Fields("ghp_ github_pat_ AKIA glpat- xoxb- sk_live_ AIza hvs. dp.st. sk-proj- npm_ dckr_pat_ SG. eyJ AC") {
		if strings.HasPrefix(v, begin) {
			return true
		}
	}
	return false
}
