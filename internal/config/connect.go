package config

import (
	"slices"
	"strings"

	"quarterturn/internal/strict"
)

// connect gives every place of a credential that says `on` the kind which its connection implies.
func (c *composing) connect(credential *strict.Document) *strict.Document {
	places, is := credential.Sub("places").Items()
	if !is || !slices.ContainsFunc(places, func(p *strict.Document) bool { return p.Sub("on") != nil }) {
		return credential
	}
	fields, _ := credential.Fields()
	var parts []strict.Part
	for _, field := range fields {
		if field.Name() == "places" {
			field = c.c.List(field, c.settled(places, c.kinds.Places, []string{"name", "fields", "follows", "on"}, "place"))
		}
		parts = append(parts, strict.Part{From: field})
	}
	return c.c.Map(credential, parts)
}

// channels does the same for the main file's notify; every other field stays as it is.
func (c *composing) channels(field *strict.Document) *strict.Document {
	items, is := field.Items()
	if field.Name() != "notify" || !is {
		return field
	}
	return c.c.List(field, c.settled(items, c.kinds.Channels, []string{"name", "only", "on"}, "channel"))
}

func (c *composing) settled(items []*strict.Document, kinds []Kind, common []string, what string) []*strict.Document {
	out := make([]*strict.Document, len(items))
	for i, item := range items {
		out[i] = c.settle(item, kinds, common, what)
	}
	return out
}

// settle moves settings that stand inline under the one kind that uses such a connection. When none can be told, it
// says why, and leaves the settings out: nothing else can be said about them.
func (c *composing) settle(item *strict.Document, kinds []Kind, common []string, what string) *strict.Document {
	on := item.Sub("on")
	name, is := item.Sub("on").Text()
	fields, _ := item.Fields()
	if on == nil || !is || explicit(item, kinds) {
		return item
	}
	var parts, inline []strict.Part
	for _, field := range fields {
		if slices.Contains(common, field.Name()) {
			parts = append(parts, strict.Part{From: field})
		} else {
			inline = append(inline, strict.Part{From: field})
		}
	}
	kind := c.implied(on, name, kinds, what)
	if kind == "" {
		return c.c.Map(item, parts)
	}
	return c.c.Map(item, append(parts, strict.Part{Name: kind, From: c.c.Map(item, inline)}))
}

func explicit(item *strict.Document, kinds []Kind) bool {
	return slices.ContainsFunc(kinds, func(k Kind) bool { return item.Sub(k.Name) != nil })
}

// implied is the one kind that uses what connection name is, "" when that cannot be told.
func (c *composing) implied(on *strict.Document, name string, kinds []Kind, what string) string {
	link := c.links[name]
	if link == nil {
		return "" // said when names are checked
	}
	to, _ := kindAt(link, c.kinds.Connections)
	if to.Name == "" {
		return "" // said by the schema at the connection
	}
	using := usersOf(to.Name, kinds)
	switch len(using) {
	case 1:
		return using[0]
	case 0:
		c.problem(on.Problem("no kind of "+what+" uses a connection of this kind", "name another connection, or write the kind's settings"))
	default:
		c.problem(on.Problem("several kinds of "+what+" use such a connection", "write the settings under one of: "+strings.Join(using, ", ")))
	}
	return ""
}

func usersOf(connection string, kinds []Kind) []string {
	var using []string
	for _, k := range kinds {
		if k.On == connection {
			using = append(using, k.Name)
		}
	}
	slices.Sort(using)
	return using
}

// checkOn finds a connection that nobody defined, that its user's kind cannot use, or that is missing.
func (l *loading) checkOn(on string, kind Kind, path []any) {
	at := append(slices.Clip(path), "on")
	if l.doc.Sub(at...) == nil {
		if kind.On != "" {
			l.problem("missing", "name one of connections, of kind "+kind.On, at...)
		}
		return
	}
	known := l.sectionNames("connections")
	l.checkName("no connection of this name", on, known, at...)
	link := l.doc.Sub("connections", on)
	if link == nil || kind.Name == "" {
		return
	}
	if to, _ := kindAt(link, l.kinds.Connections); to.Name != "" && to.Name != kind.On {
		remedy := "remove it: this kind needs no connection"
		if kind.On != "" {
			remedy = "name a connection of kind " + kind.On
		}
		l.problem("a connection of another kind", remedy, at...)
	}
}

// connection resolves a name that was checked; nil for none.
func (l *loading) connection(name string) *Connection {
	link := l.doc.Sub("connections", name)
	if name == "" || link == nil {
		return nil
	}
	kind, settings := kindAt(link, l.kinds.Connections)
	return &Connection{Name: name, Kind: kind.Name, Settings: settings}
}
