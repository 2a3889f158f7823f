package pastes

import (
	"fmt"
	"strings"
)

// Classes lists every way to be wrong that is known, each with what must refuse it.
func Classes() []Class {
	return append(append(append(characters(), forms()...), values()...), known()...)
}

// characters: something in the text that no key has.
func characters() []Class {
	in := func(what ...string) func(g *Gen) string {
		return func(g *Gen) string { return g.form(g.either(g.inside(g.one(what...)))) }
	}
	return []Class{
		{Name: "nothing", Kinds: []string{"empty"}, Make: func(g *Gen) string {
			g.Pair = Pair{}
			return g.one("", "\uFEFF") + strings.Repeat(g.one(" ", "\t", "\n", "\r\n"), g.IntN(9))
		}},
		{Name: "longer than 64 KiB", Kinds: []string{"too_long"}, Rare: true,
			Make: func(g *Gen) string { return g.form(g.either(instead(g.draw(base64url, 70000)))) }},
		{Name: "not UTF-8", Kinds: []string{"not_text"}, Make: in("\xff", "\xc3\x28", "\x00")},
		{Name: "UTF-16", Kinds: []string{"not_text"},
			Make: func(g *Gen) string {
				return "\xff\xfe" + strings.Join(strings.Split(g.form(g.Pair), ""), "\x00") + "\x00"
			}},
		{Name: "homoglyph", Kinds: []string{"look_alike"}, Make: in("\u0430", "\u0435", "\u043e", "\u0440", "\u0441", "\u0445", "\u0410",
			"\u0415", "\u041e", "\u0391", "\u039f", "\u03bf", "\u0131", "\u0456", "\u2010", "\u2013", "\u2212")},
		{Name: "fullwidth or mathematical", Kinds: []string{"look_alike"},
			Make: in("\uff41", "\uff21", "\uff10", "\uff0d", "\U0001d400", "\U0001d7ce")},
		{Name: "no-break or other blank", Kinds: []string{"invisible"}, Make: in("\u00a0", "\u2007", "\u2009", "\u202f", "\u3000", "\u2028")},
		{Name: "zero width", Kinds: []string{"invisible"}, Make: in("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u200e")},
		{Name: "arrow or other key", Kinds: []string{"control"}, Make: in("\x1b[A", "\x1b[D", "\x1bOP", "\x7f", "\x1b")},
		{Name: "other script", Kinds: []string{"character"}, Make: in("\u0416", "\u00e9", "\u4e2d", "\U0001f511", "\ue000")},
		{Name: "typographic quotes", Kinds: []string{"smart_quotes"},
			Make: func(g *Gen) string { return g.form(g.either(func(v string) string { return "\u201c" + v + "\u201d" })) }},
		{Name: "blank inside", Kinds: []string{"inner_space"}, Make: in(" ", "\t", "  ")},
		{Name: "paste marks", Kinds: []string{"paste_marks"}, Make: func(g *Gen) string {
			return g.one("\x1b", "^[") + "[200~" + g.lines(g.Pair) + g.one("\x1b[201~", "")
		}},
		{Name: "a paste mark inside", Kinds: []string{"paste_marks"},
			Make: func(g *Gen) string { return g.lines(g.either(g.inside("\x1b[20" + g.one("0", "1") + "~"))) }},
		{Name: "cut by a terminal", Kinds: []string{"cut"}, Make: func(g *Gen) string {
			line := g.W.Names[1] + "=" + g.draw(base64url, 5000)
			return g.W.Names[0] + "=" + g.Pair.Key + "\n" + line[:4095] + "\n"
		}},
		{Name: "JSON cut by a terminal", Kinds: []string{"cut"}, Make: func(g *Gen) string {
			return (fmt.Sprintf(`{"key":%s,"secret":%s,"note":"`, quoted(g.Pair.Key), quoted(g.Pair.Secret)) + g.draw(base64url, 5000))[:4095]
		}},
	}
}

// forms: something else than a pair.
func forms() []Class {
	return []Class{
		{Name: "curl line", Kinds: []string{"command"}, Make: func(g *Gen) string {
			return fmt.Sprintf(g.one("curl -u %s:%s https://api.bluum.finance/v1/accounts", "$ curl --user '%s:%s' https://api.bluum.finance",
				"curl https://api.bluum.finance -H \"X: %s\" \\\n  -d %s"), g.Pair.Key, g.Pair.Secret)
		}},
		{Name: "header", Kinds: []string{"command"}, Make: func(g *Gen) string {
			return g.one("Authorization: Basic ", "Bearer ", "-H 'Authorization: Basic ", "X-API-Key: ") + g.Pair.Key + "\n" + g.Pair.Secret
		}},
		{Name: "export NAME=", Kinds: []string{"export"}, Make: func(g *Gen) string {
			w := g.one("export ", "set ", "setx ", "declare -x ", "ENV ")
			return w + g.W.Names[0] + "=" + g.Pair.Key + "\n" + w + g.W.Names[1] + "=" + g.one(g.Pair.Secret, "", `"`+g.Pair.Secret+`"`)
		}},
		{Name: "$env:NAME =", Kinds: []string{"export"}, Make: func(g *Gen) string {
			return fmt.Sprintf("$env:%s = \"%s\"\n$env:%s = \"%s\"", g.W.Names[0], g.Pair.Key, g.W.Names[1], g.Pair.Secret)
		}},
		{Name: "export in a value", Kinds: []string{"export"}, Make: func(g *Gen) string {
			return g.W.Names[0] + "=" + g.Pair.Key + "\n" + g.W.Names[1] + "=export " + g.W.Names[1] + "=" + g.Pair.Secret
		}},
		{Name: "PEM block", Kinds: []string{"private_key"}, Make: func(g *Gen) string {
			return "-----BEGIN " + g.one("", "RSA ", "EC ") + "PRIVATE KEY-----\n" + g.draw(base64, 64) + "\n-----END PRIVATE KEY-----"
		}},
		{Name: "address", Kinds: []string{"address"}, Make: func(g *Gen) string {
			return "https://api.bluum.finance/v1?k=" + g.Pair.Key + "\n" + g.Pair.Key + "\n" + g.Pair.Secret
		}},
		{Name: "key:secret", Kinds: []string{"joined"}, Make: func(g *Gen) string { return g.Pair.Key + ":" + g.Pair.Secret + g.one("", "\n") }},
		{Name: "both in one line", Kinds: []string{"inner_space"},
			Make: func(g *Gen) string { return g.Pair.Key + g.one(" ", "\t", ", ", " / ") + g.Pair.Secret }},
		{Name: "prose", Kinds: []string{"inner_space"}, Make: func(g *Gen) string {
			return g.one("here are the new ones", "Hi, the keys you asked for") + "\n" + g.Pair.Key + "\n" + g.Pair.Secret
		}},
		{Name: "one field of two", Kinds: []string{"missing_field"},
			Make: func(g *Gen) string { return g.one(g.W.Names[0]+"="+g.Pair.Key, g.W.Names[1]+"="+g.Pair.Secret) }},
		{Name: "one value alone", Kinds: []string{"missing_field"}, Make: func(g *Gen) string { return g.one(g.Pair.Key, g.Pair.Secret) }},
		{Name: "three values", Kinds: []string{"unnamed"},
			Make: func(g *Gen) string { return g.Pair.Key + "\n" + g.Pair.Secret + "\n" + g.draw(hex, 32) }},
		{Name: "field twice", Kinds: []string{"field_twice"}, Make: func(g *Gen) string {
			return g.W.Names[0] + "=" + g.Pair.Key + "\nAPI key: " + g.one(g.Pair.Key, g.draw(hex, 32)) + "\nsecret=" + g.Pair.Secret
		}},
		{Name: "whole pair twice", Kinds: []string{"field_twice", "label"},
			Make: func(g *Gen) string { one := g.named(g.Pair); return one + "\n" + one }},
		{Name: "name without a value", Kinds: []string{"no_value"},
			Make: func(g *Gen) string {
				return g.W.Names[0] + "=" + g.Pair.Key + "\n" + g.W.Names[1] + g.one("=", "=\"\"", ": ")
			}},
		{Name: "other vendor's names", Kinds: []string{"unknown_entry"}, Why: func(p Paste) string {
			return when(strings.Contains(p.Text, "_API_KEY=") && !strings.Contains(p.Text, "BLUUM_API"), "the names are another vendor's")
		}, Make: func(g *Gen) string {
			v := g.one("ACME", "STRIPE", "ALPACA_LIVE")
			return v + "_API_KEY=" + g.Pair.Key + "\n" + v + "_API_SECRET=" + g.Pair.Secret
		}},
		{Name: "one entry too many", Kinds: []string{"unknown_entry"},
			Make: func(g *Gen) string { return g.named(g.Pair) + "\nDATABASE_PASSWORD=" + g.draw(hex, 20) }},
		{Name: "broken JSON", Kinds: []string{"json"},
			Make: func(g *Gen) string {
				return fmt.Sprintf(`{"key": %s, "secret": %s`, quoted(g.Pair.Key), quoted(g.Pair.Secret))
			}},
		{Name: "nested JSON", Kinds: []string{"json"},
			Make: func(g *Gen) string {
				return fmt.Sprintf(`{"data": {"key": %s, "secret": %s}}`, quoted(g.Pair.Key), quoted(g.Pair.Secret))
			}},
		{Name: "JSON of other names", Kinds: []string{"unknown_entry"},
			Make: func(g *Gen) string {
				return fmt.Sprintf(`{"k": %s, "s": %s}`, quoted(g.Pair.Key), quoted(g.Pair.Secret))
			}},
		{Name: "lines out of JSON", Kinds: []string{"json"},
			Make: func(g *Gen) string {
				return fmt.Sprintf("\"key\": %s,\n\"secret\": %s", quoted(g.Pair.Key), quoted(g.Pair.Secret))
			}},
		{Name: "broken over two lines", Kinds: []string{"mixed"}, Make: func(g *Gen) string { return g.named(g.Pair) + "\n" + g.draw(letters+digits, 20) }},
	}
}

// named is a pair under its entries.
func (g *Gen) named(p Pair) string {
	return fmt.Sprintf("%s=%s\n%s=%s", g.W.Names[0], p.Key, g.W.Names[1], p.Secret)
}
