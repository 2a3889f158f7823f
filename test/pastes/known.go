package pastes

// known: pairs that the ledger has seen, and words that do not fit the credential.
func known() []Class {
	pair := func(which func(World) Pair) func(g *Gen) string {
		return func(g *Gen) string { g.Pair = which(g.W); return g.form(g.Pair) }
	}
	seen := func(which func(World) Pair) func(Paste) string {
		return func(p Paste) string { return when(p.Pair != Pair{} && contains(p.Text, p.Pair), "it is known") }
	}
	all := func(name, kind string, which func(World) Pair) Class {
		return Class{Name: name, Kinds: []string{kind}, Make: pair(which), Why: seen(which)}
	}
	return []Class{
		all("the pair in use", "in_use", func(w World) Pair { return w.Current }),
		all("the previous pair", "previous", func(w World) Pair { return w.Previous }),
		all("a dead pair", "dead", func(w World) Pair { return w.Dead }),
		all("a pair handed in before", "seen", func(w World) Pair { return w.Orphan }),
		all("another environment's pair", "other_environment", func(w World) Pair { return w.Elsewhere }),
		all("another credential's pair", "other_credential", func(w World) Pair { return w.Neighbour }),
		{Name: "a known pair, swapped", Kinds: []string{"swapped"}, Why: func(p Paste) string { return when(contains(p.Text, p.Pair), "it is known") },
			Make: func(g *Gen) string {
				g.Pair = []Pair{g.W.Current, g.W.Previous, g.W.Elsewhere, g.W.Dead}[g.IntN(4)]
				return g.form(Pair{g.Pair.Secret, g.Pair.Key})
			}},
		{Name: "new key, old secret", Kinds: []string{"mixed"}, Why: func(p Paste) string { return when(p.Pair.Secret != "", "half of it is known") },
			Make: func(g *Gen) string {
				g.Pair.Secret = g.one(g.W.Current.Secret, g.W.Previous.Secret)
				return g.form(g.Pair)
			}},
		{Name: "old key, new secret", Kinds: []string{"mixed"}, Why: func(p Paste) string { return when(p.Pair.Key != "", "half of it is known") },
			Make: func(g *Gen) string { g.Pair.Key = g.one(g.W.Current.Key, g.W.Previous.Key); return g.form(g.Pair) }},
		{Name: "the portal was on another environment", Kinds: []string{"other_environment"},
			Why:  func(p Paste) string { return when(p.Environment == "sandbox", "not this environment") },
			Make: func(g *Gen) string { g.paste.Environment = "sandbox"; return g.form(g.Pair) }},
		{Name: "the portal was on another organisation", Kinds: []string{"other_organisation"},
			Why:  func(p Paste) string { return when(p.Organisation == "Globex", "not this organisation") },
			Make: func(g *Gen) string { g.paste.Organisation = "Globex"; return g.form(g.Pair) }},
	}
}
