package config

import (
	"maps"
	"slices"

	"quarterturn/internal/strict"
)

// entry is one name in one target: what two fields must never share.
type entry struct{ kind, target, name string }

// holder is the first field found at an entry.
type holder struct {
	credential int
	place      int
	field      string
}

func (h holder) path() []any {
	return []any{"credentials", h.credential, "places", h.place, "fields", h.field}
}

// checkEntries finds entries that two places would write: whichever comes last wins, and a production key may end in a
// sandbox. Places that follow another are not written, yet one of them can't show two keys either.
func (l *loading) checkEntries() {
	seen := map[entry]holder{}
	for i, c := range l.file.Credentials {
		for j, p := range c.Places {
			kind, settings := kindAt(l.doc, l.kinds.Places, "credentials", i, "places", j)
			if settings == nil {
				continue
			}
			target := l.target(kind, settings)
			if link := l.connection(p.On); target != "" && link != nil && link.Settings != nil {
				target += "\x00" + link.Kind + string(link.Settings.Canonical())
			}
			p.Fields = l.fields(p, c, kind)
			for _, field := range slices.Sorted(maps.Keys(p.Fields)) {
				if target != "" && p.Fields[field] != "" {
					l.claim(seen, entry{kind.Name, target, p.Fields[field]}, holder{i, j, field})
				}
			}
		}
	}
}

// at is where a holder's field is written; its place when the field has no name of its own.
func (l *loading) at(h holder) *strict.Document {
	if field := l.doc.Sub(h.path()...); field != nil {
		return field
	}
	return l.doc.Sub("credentials", h.credential, "places", h.place)
}

// fields are those written, or the vendor's own names where the kind allows that.
func (l *loading) fields(p place, c credential, kind Kind) map[string]string {
	vendor, known := l.vendors[c.Vendor]
	if p.Fields != nil || !kind.OwnNames || !known {
		return p.Fields
	}
	own := map[string]string{}
	for _, field := range vendor.Fields {
		own[field] = field
	}
	return own
}

func (l *loading) target(kind Kind, settings *strict.Document) string {
	if kind.Target == nil {
		return string(settings.Canonical())
	}
	return kind.Target(l.dir, settings)
}

func (l *loading) claim(seen map[entry]holder, e entry, h holder) {
	first, taken := seen[e]
	if !taken {
		seen[e] = h
		return
	}
	if first.credential == h.credential && first.place == h.place {
		return // two fields of one place: said by checkFieldsDiffer
	}
	all := l.file.Credentials
	what := "the same entry as " + l.same(l.at(first), l.at(h))
	switch {
	case all[first.credential].Environment != all[h.credential].Environment:
		what += ": environments would mix"
	case first.credential != h.credential:
		what += ": one credential would overwrite the other"
	}
	l.problem(what, "give it a target or a name of its own", h.path()...)
}

// kindAt finds which of the kinds stands at path, and its settings; nil when none or its settings are empty.
func kindAt(doc *strict.Document, kinds []Kind, path ...any) (Kind, *strict.Document) {
	for _, kind := range kinds {
		if settings := doc.Sub(append(slices.Clip(path), kind.Name)...); settings != nil {
			return kind, settings
		}
	}
	return Kind{}, nil
}
