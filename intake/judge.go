package intake

import (
	"regexp"
	"slices"
	"strings"
)

// judge says what is wrong with one value, "" when nothing is.
func (p *parser) judge(value string) Kind {
	for _, rule := range []struct {
		kind  Kind
		holds func(string) bool
	}{
		{NoValue, func(v string) bool { return v == "" }},
		{Masked, masked},
		{Reference, reference},
		{Placeholder, p.placeholder},
		{Address, func(v string) bool { return strings.Contains(v, "://") }},
		{Named, p.renamed},
		{InnerSpace, func(v string) bool { return strings.ContainsAny(v, space) }},
		{Quotes, misquoted},
		{Doubled, doubled},
	} {
		if rule.holds(value) {
			return rule.kind
		}
	}
	return ""
}

// masked is what a page shows until somebody presses "reveal", or what it shortened.
func masked(v string) bool { return strings.Contains(v, "***") || strings.Contains(v, "...") }

// variable is a whole value that only names another one.
var variable = regexp.MustCompile(`^(\$\{.*\}|\$[A-Za-z_][A-Za-z0-9_]*|\$\(.*\)|%[A-Za-z_][A-Za-z0-9_]*%)$`)

// reference is a value that some other tool would have to look up.
func reference(v string) bool {
	return variable.MatchString(v) || strings.Contains(v, "{{") || strings.HasPrefix(v, "op://") ||
		strings.HasPrefix(v, "arn:aws:")
}

// words that manuals put where a value belongs; fillers are words that say so alone.
const (
	words = " your my the a an prod production sandbox test testing live example sample dummy fake new old current " +
		"api key keys secret token password value string text here goes id client public private access "
	fillers = " your changeme change_me replaceme placeholder redacted todo tbd fixme none null nil undefined insert " +
		"replace example dummy "
)

// placeholder recognises what stands in manuals: <...>, one character over and over, a name that is asked for, or words.
func (p *parser) placeholder(v string) bool {
	low := strings.ToLower(v)
	switch {
	case low == "":
		return false
	case strings.HasPrefix(low, "<") && strings.HasSuffix(low, ">"),
		strings.HasPrefix(low, "[") && strings.HasSuffix(low, "]"),
		strings.Trim(low, low[:1]) == "", strings.HasSuffix(v, "EXAMPLE"), strings.HasSuffix(v, "EXAMPLEKEY"),
		p.names[normal(v)] != "":
		return true
	}
	tokens := strings.FieldsFunc(low, func(r rune) bool { return strings.ContainsRune("_-. ", r) })
	return slices.ContainsFunc(tokens, filler) || !slices.ContainsFunc(tokens, meaningful)
}

func filler(token string) bool { return strings.Contains(fillers, " "+token+" ") }

func meaningful(token string) bool {
	return strings.Trim(token, "x") != "" && !strings.Contains(words, " "+token+" ")
}

// renamed is KEY=KEY=value: a name pasted in front of a line that had one.
func (p *parser) renamed(v string) bool {
	name, _, ok := strings.Cut(v, "=")
	if !ok {
		name, _, ok = strings.Cut(v, ":")
	}
	return ok && p.names[normal(name)] != ""
}

// misquoted is what is left of quotes or of the list it was copied from.
func misquoted(v string) bool {
	return strings.ContainsAny(v, "\"'`") || strings.HasSuffix(v, ",") || strings.HasSuffix(v, ";")
}

// doubled is one value twice in a row. Shorter ones could be so by chance.
func doubled(v string) bool {
	half := len(v) / 2
	return len(v) >= 16 && len(v)%2 == 0 && v[:half] == v[half:]
}
