package secret

import (
	"maps"
	"slices"
	"strings"
)

// Prints are keyed fingerprints that may be stored, compared and shown: lower-case hex HMAC-SHA256 by name, where
// "<field>@<key id>" stands for one field and "@<key id>" for the whole material. Every key held gives its own set.
// It is a plain map, and encodes as one.
type Prints map[string]string

// Likeness is what two sets of prints say about the materials behind them.
type Likeness int

const (
	// Incomparable: no name in common, e.g. taken under different keys. It says nothing at all.
	Incomparable Likeness = iota
	// Different: nothing that both name agrees.
	Different
	// Torn: some fields agree and others do not, or are missing on one side: a mixed pair.
	Torn
	// Equal: the wholes agree or, where no whole is in common, every field that both name.
	Equal
)

// String is for messages.
func (l Likeness) String() string {
	switch l {
	case Different:
		return "different"
	case Torn:
		return "torn"
	case Equal:
		return "equal"
	}
	return "incomparable"
}

// Compare judges by the names that both have. Wholes decide when they agree; when they do not, or are not in common, the
// fields do. Prints of a subset of the fields must not carry a whole (see Partial), or they compare as Torn.
func (p Prints) Compare(q Prints) Likeness {
	t := p.tally(q)
	switch {
	case t.whole == Equal, len(t.equal)+len(t.unequal) == 0:
		return t.whole
	case len(t.equal) == 0:
		return Different
	case len(t.unequal) > 0, t.whole == Different:
		return Torn
	}
	return Equal
}

// Torn names the fields that differ, sorted; where the wholes of one key differ, also those that only one side has.
func (p Prints) Torn(q Prints) []string {
	t := p.tally(q)
	if t.whole == Equal {
		return nil
	}
	differ := maps.Clone(t.unequal)
	p.missing(q, differ)
	q.missing(p, differ)
	return slices.Sorted(maps.Keys(differ))
}

// Merge returns the union; q's answer wins where both name the same.
func (p Prints) Merge(q Prints) Prints {
	both := make(Prints, len(p)+len(q))
	maps.Copy(both, p)
	maps.Copy(both, q)
	return both
}

// Partial returns the prints of the fields without the wholes: all that a place which is configured for some of the
// fields may claim.
func (p Prints) Partial() Prints {
	fields := make(Prints, len(p))
	for name, print := range p {
		if field, _ := split(name); field != "" {
			fields[name] = print
		}
	}
	return fields
}

// tally is the raw comparison: the wholes as Incomparable, Different or Equal, and every common field in one of two sets.
type tally struct {
	whole          Likeness
	equal, unequal map[string]bool
}

// tally is strict where several keys disagree, which honest prints never do: one difference makes a difference.
func (p Prints) tally(q Prints) tally {
	t := tally{equal: map[string]bool{}, unequal: map[string]bool{}}
	for name, mine := range p {
		if theirs, both := q[name]; both {
			t.add(name, mine == theirs)
		}
	}
	for field := range t.unequal {
		delete(t.equal, field)
	}
	return t
}

func (t *tally) add(name string, same bool) {
	field, _ := split(name)
	switch {
	case field == "" && !same:
		t.whole = Different
	case field == "" && t.whole == Incomparable:
		t.whole = Equal
	case field != "" && same:
		t.equal[field] = true
	case field != "":
		t.unequal[field] = true
	}
}

// missing adds the fields that q lacks under a key whose wholes both have and which differ.
func (p Prints) missing(q Prints, into map[string]bool) {
	for name := range p {
		field, id := split(name)
		mine, theirs := p["@"+id], q["@"+id]
		comparable := mine != "" && theirs != "" && mine != theirs
		if _, has := q[name]; field != "" && !has && comparable {
			into[field] = true
		}
	}
}

// split takes a print's name apart; the field is "" for the whole. Only an id after a leading "@" may hold another "@"
// (in a consumer's name).
func split(name string) (field, id string) {
	if whole, ok := strings.CutPrefix(name, "@"); ok {
		return "", whole
	}
	at := strings.LastIndexByte(name, '@')
	if at < 0 {
		return name, ""
	}
	return name[:at], name[at+1:]
}
