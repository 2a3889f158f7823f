package config

import (
	"slices"
	"strings"

	"quarterturn/internal/strict"
)

// inherited are the fields that a credential takes from its template as a whole; of listed it takes each entry.
func inherited() []string {
	return []string{"vendor", "environment", "organisation", "policy", "people"}
}

func listed() []string { return []string{"places", "consumers"} }

// words are what a template's placeholders stand for.
func words() []string {
	return []string{"name", "vendor", "environment", "NAME", "VENDOR", "ENVIRONMENT"}
}

// checkTemplates finds what is wrong with a template whoever uses it: its placeholders, and what it extends.
func (c *composing) checkTemplates() {
	for _, t := range c.parts["templates"] {
		t.Texts(func(at *strict.Document, text string) {
			if _, ok := substitute(text, func(string) string { return "" }); !ok {
				c.problem(at.Problem("an unknown placeholder", "use one of {"+strings.Join(words(), "}, {")+"}, or write {{ for a brace"))
			}
		})
		parent := t.Sub("extends")
		name, is := t.Sub("extends").Text()
		switch {
		case parent == nil || !is:
		case c.templates[name] == nil:
			c.problem(parent.Problem("no template of this name", choose(name, c.templateNames(t.Name()))))
		case slices.Contains(c.chain(name), t):
			c.problem(parent.Problem("part of a circle: no template in it has an end", "remove one extends"))
		}
	}
}

// templateNames are those that can be extended, by all but the template of the given name.
func (c *composing) templateNames(but string) []string {
	var all []string
	for _, t := range c.parts["templates"] {
		if t.Name() != but {
			all = append(all, t.Name())
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// chain is a template and those it extends, nearest first; a circle is walked once.
func (c *composing) chain(name string) []*strict.Document {
	var chain []*strict.Document
	for t := c.templates[name]; t != nil && !slices.Contains(chain, t); {
		chain = append(chain, t)
		next, _ := t.Sub("extends").Text()
		t = c.templates[next]
	}
	return chain
}

// credentials writes each credential out: what its templates say, and the kinds that connections imply.
func (c *composing) credentials(written []*strict.Document) []*strict.Document {
	out := make([]*strict.Document, len(written))
	for i, own := range written {
		out[i] = c.connect(c.extend(own))
	}
	return out
}

func (c *composing) extend(own *strict.Document) *strict.Document {
	at := own.Sub("extends")
	if at == nil {
		return own
	}
	name, is := at.Text()
	if !is {
		return own // the schema says so
	}
	chain := c.chain(name)
	if len(chain) == 0 {
		c.problem(at.Problem("no template of this name", choose(name, c.templateNames(""))))
		return own
	}
	return c.merge(own, chain)
}

func (c *composing) merge(own *strict.Document, chain []*strict.Document) *strict.Document {
	fill := c.filler(own, chain)
	user := own.Field() + " at " + own.Where()
	var parts []strict.Part
	fields, _ := own.Fields()
	for _, field := range fields {
		if name := field.Name(); name != "extends" && !slices.Contains(listed(), name) {
			parts = append(parts, strict.Part{From: field})
		}
	}
	for _, name := range inherited() {
		if from := first(chain, name); from != nil && own.Sub(name) == nil {
			parts = append(parts, strict.Part{From: c.c.Rewrite(from, fill).UsedBy(user)})
		}
	}
	for _, name := range listed() {
		if list := c.mergeList(name, own, chain, fill, user); list != nil {
			parts = append(parts, strict.Part{From: list})
		}
	}
	return c.c.Map(own, parts)
}

// first is what the nearest template says of a field.
func first(chain []*strict.Document, name string) *strict.Document {
	for _, t := range chain {
		if found := t.Sub(name); found != nil {
			return found
		}
	}
	return nil
}

// mergeList is the farthest template's entries in their order; an entry of the same name nearer to the credential takes
// the place of the whole entry, further ones follow.
func (c *composing) mergeList(name string, own *strict.Document, chain []*strict.Document, fill func(string) string, user string) *strict.Document {
	at := own.Sub(name)
	if at != nil {
		if _, is := at.Items(); !is {
			return at // the schema says so
		}
	}
	var merged []*strict.Document
	for _, t := range slices.Backward(chain) {
		items, _ := t.Sub(name).Items()
		for _, item := range items {
			merged = override(merged, c.c.Rewrite(item, fill).UsedBy(user))
		}
	}
	inheritedUpTo := len(merged)
	items, _ := own.Sub(name).Items()
	for _, item := range items {
		merged = overrideUpTo(merged, inheritedUpTo, item)
	}
	if at == nil {
		at = first(chain, name)
	}
	if at == nil {
		return nil
	}
	return c.c.List(at, merged)
}

func override(list []*strict.Document, item *strict.Document) []*strict.Document {
	return overrideUpTo(list, len(list), item)
}

// overrideUpTo leaves entries of the credential itself alone, so that a name written twice there is still found.
func overrideUpTo(list []*strict.Document, upTo int, item *strict.Document) []*strict.Document {
	name, is := item.Sub("name").Text()
	for i := range list[:upTo] {
		if other, named := list[i].Sub("name").Text(); is && named && other == name {
			list[i] = item
			return list
		}
	}
	return append(list, item)
}

// filler replaces placeholders by what the credential says; what it does not say is a problem elsewhere.
func (c *composing) filler(own *strict.Document, chain []*strict.Document) func(string) string {
	values := map[string]string{}
	for _, word := range words()[:3] {
		value, is := own.Sub(word).Text()
		if from := first(chain, word); from != nil && own.Sub(word) == nil && word != "name" {
			value, is = from.Text()
		}
		if !is || value == "" {
			value = "x"
		}
		values[word], values[strings.ToUpper(word)] = value, upper(value)
	}
	return func(text string) string {
		filled, ok := substitute(text, func(word string) string { return values[word] })
		if !ok {
			return "x" + strings.Trim(upper(text), "_") // the placeholder is a problem already: nothing more is said of it
		}
		return filled
	}
}

// upper is a value as the name of an environment variable: upper case, everything but letters and digits as _.
func upper(value string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' && r < 'A' || r > 'Z' {
			return '_'
		}
		return r
	}, strings.ToUpper(value))
}

// substitute fills the placeholders of a text; {{ is a brace. False when one is unknown.
func substitute(text string, value func(word string) string) (string, bool) {
	if !strings.Contains(text, "{") {
		return text, true
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "{")
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		if rest, brace := strings.CutPrefix(after, "{"); brace {
			b.WriteByte('{')
			text = rest
			continue
		}
		word, rest, closed := strings.Cut(after, "}")
		if !closed || !slices.Contains(words(), word) {
			return "", false
		}
		b.WriteString(value(word))
		text = rest
	}
}
