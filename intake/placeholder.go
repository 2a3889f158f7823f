package intake

import (
	"regexp"
	"slices"
	"strings"
)

// words are what manuals put together where a value belongs; fillers say so alone, beside words of any kind.
const (
	words = " your my our the an this it me is to of be in by for from prod production sandbox staging test testing live demo " +
		"example sample dummy fake new old current change replace insert enter paste put add fill api key keys secret secrets token " +
		"tokens password passwd pass pwd value values string text here goes id client public private access real actual auth " +
		"credential credentials foo bar baz lorem ipsum set use xxx hidden masked vendor name "
	fillers = " your changeme replaceme placeholder redacted todo tbd fixme none null nil undefined insert replace example " +
		"dummy change "
)

// framed is <...> or [...] with words in it.
var framed = regexp.MustCompile(`^<[A-Za-z0-9 _.'-]+>$|^\[[A-Za-z0-9 _.'-]+\]$|^__[A-Z_]+__$`)

// letters, and few enough digits that no value is made of them.
var (
	lettersOnly = regexp.MustCompile(`^[a-z]+$`)
	fewDigits   = regexp.MustCompile(`^[0-9]{1,4}$`)
)

// placeholder recognises what stands in manuals: <...>, one character over and over, characters in their order, a name
// that is asked for, or words.
func (p *parser) placeholder(v string, prefixes []string) bool {
	low := strings.ToLower(v)
	switch {
	case low == "":
		return false
	case strings.Trim(low, low[:1]) == "", ascending(low), p.names[normal(v)] != "",
		strings.HasSuffix(v, "EXAMPLE"), strings.HasSuffix(v, "EXAMPLEKEY"):
		return true
	case framed.MatchString(v):
		return p.worded(tokens(strings.Trim(low, "<>[]_'")), true)
	}
	for _, prefix := range prefixes {
		low = strings.TrimPrefix(low, strings.ToLower(prefix))
	}
	return p.worded(tokens(low), false)
}

func tokens(low string) []string {
	return strings.FieldsFunc(low, func(r rune) bool { return strings.ContainsRune("_-. '", r) })
}

// worded reports whether all tokens are words, or all are letters and one says that a value belongs there. In a frame,
// one word is enough.
func (p *parser) worded(tokens []string, frame bool) bool {
	readable := !slices.ContainsFunc(tokens, func(t string) bool { return !lettersOnly.MatchString(t) && !fewDigits.MatchString(t) })
	told := slices.ContainsFunc(tokens, func(t string) bool { return listed(fillers, t) })
	worded := slices.ContainsFunc(tokens, p.word)
	return readable && told || frame && worded ||
		!slices.ContainsFunc(tokens, func(t string) bool { return !fewDigits.MatchString(t) && !p.word(t) }) &&
			(worded || len(tokens) == 0)
}

// word is a word of a manual, several of them written as one, a part of a name that is asked for, or a row of x.
func (p *parser) word(token string) bool {
	return strings.Trim(token, "x") == "" || spelled(token) || slices.Contains(p.parts(), token)
}

// parts are the pieces of the names asked for, e.g. "bluum".
func (p *parser) parts() []string {
	var all []string
	for _, f := range p.fields {
		all = append(all, tokens(strings.ToLower(f.Entry))...)
	}
	return all
}

// spelled reports whether words stand in a row without anything between. Nobody reads a longer row.
func spelled(token string) bool {
	if len(token) > 40 || !lettersOnly.MatchString(token) {
		return false
	}
	ends := make([]bool, len(token)+1) // whether words end here
	ends[0] = true
	for end := 1; end <= len(token); end++ {
		for begin := max(0, end-11); begin < end && !ends[end]; begin++ {
			ends[end] = ends[begin] && (listed(words, token[begin:end]) || listed(fillers, token[begin:end]))
		}
	}
	return ends[len(token)]
}

func listed(list, word string) bool { return strings.Contains(list, " "+word+" ") }

// ascending is 12345678 or abcdefgh: each character the one after that before.
func ascending(low string) bool {
	for i := 1; i < len(low); i++ {
		if low[i] != low[i-1]+1 && (low[i-1] != '9' || low[i] != '0') {
			return false
		}
	}
	return len(low) > 1
}
