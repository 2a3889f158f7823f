package strict

import (
	"slices"

	"go.yaml.in/yaml/v4"
)

// mark says where a part was written that now stands somewhere else.
type mark struct {
	file string
	path []any
	user string
}

// Composer puts parts of several documents together into one. Every part keeps the file, position and path it was
// written at, so a problem found in the whole points to the text that a person has to change. Documents of one composer
// may be composed again by it, and by no other. Not safe for concurrent use.
type Composer struct{ marks map[*yaml.Node]mark }

// NewComposer returns one that has composed nothing yet.
func NewComposer() *Composer { return &Composer{marks: map[*yaml.Node]mark{}} }

// Part is one field of a composed map.
type Part struct {
	Name string // "": the name it was written under
	From *Document
}

// Map is named fields that stand where at stands.
func (c *Composer) Map(at *Document, parts []Part) *Document {
	n := &yaml.Node{Kind: yaml.MappingNode, Line: at.node.Line, Column: at.node.Column}
	for _, p := range parts {
		key := p.From.key
		if p.Name != "" {
			key = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: p.Name, Line: p.From.node.Line, Column: p.From.node.Column}
		}
		n.Content = append(n.Content, key, c.put(at, p.From, key.Value))
	}
	return c.stand(at, n)
}

// List is items that stand where at stands.
func (c *Composer) List(at *Document, items []*Document) *Document {
	n := &yaml.Node{Kind: yaml.SequenceNode, Line: at.node.Line, Column: at.node.Column}
	for i, item := range items {
		n.Content = append(n.Content, c.put(at, item, i))
	}
	return c.stand(at, n)
}

// Rewrite is d with every text in it, names of fields aside, replaced by what text makes of it. What stays as it is is
// shared with d.
func (c *Composer) Rewrite(d *Document, text func(string) string) *Document {
	return c.stand(d, rewrite(d.node, text))
}

func (c *Composer) stand(at *Document, n *yaml.Node) *Document {
	return &Document{file: at.file, user: at.user, path: at.path, key: at.key, node: n, marks: c.marks}
}

// put is part's node, marked unless the step below at says already where it stands.
func (c *Composer) put(at, part *Document, step any) *yaml.Node {
	_, marked := c.marks[part.node]
	n := len(at.path)
	if !marked && part.file == at.file && part.user == at.user && len(part.path) == n+1 && part.path[n] == step &&
		slices.Equal(part.path[:n], at.path) {
		return part.node
	}
	own := *part.node // shared text is marked once for each place it stands in
	c.marks[&own] = mark{part.file, part.path, part.user}
	return &own
}

func rewrite(n *yaml.Node, text func(string) string) *yaml.Node {
	if n.Kind == yaml.ScalarNode {
		return rewriteText(n, text)
	}
	var own *yaml.Node
	for i, sub := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			continue
		}
		if changed := rewrite(sub, text); changed != sub {
			if own == nil {
				copied := *n
				own, copied.Content = &copied, slices.Clone(n.Content)
			}
			own.Content[i] = changed
		}
	}
	if own == nil {
		return n
	}
	return own
}

func rewriteText(n *yaml.Node, text func(string) string) *yaml.Node {
	if n.ShortTag() != "!!str" {
		return n
	}
	changed := text(n.Value)
	if changed == n.Value {
		return n
	}
	own := *n
	own.Value, own.Tag = changed, "!!str"
	return &own
}

// UsedBy is d, whose problems also say who uses it. user is value-free, e.g. "credentials[3] at quarterturn.yaml:30:5".
func (d *Document) UsedBy(user string) *Document {
	used := *d
	used.user = user
	return &used
}

// Text is the text written here; false when it is none, also for a nil document.
func (d *Document) Text() (string, bool) {
	if d == nil || d.node.Kind != yaml.ScalarNode || d.node.ShortTag() != "!!str" {
		return "", false
	}
	return d.node.Value, true
}

// Texts visits every text in d, names of fields aside.
func (d *Document) Texts(visit func(at *Document, text string)) {
	if text, is := d.Text(); is {
		visit(d, text)
	}
	for _, sub := range d.children() {
		sub.Texts(visit)
	}
}

// Items are the entries of a list; false when it is none, also for a nil document.
func (d *Document) Items() ([]*Document, bool) {
	if d == nil || d.node.Kind != yaml.SequenceNode {
		return nil, false
	}
	return d.children(), true
}

// Fields are the named fields written here, in their order; false when these are none, also for a nil document.
func (d *Document) Fields() ([]*Document, bool) {
	if d == nil || d.node.Kind != yaml.MappingNode {
		return nil, false
	}
	return d.children(), true
}

// Name is the name of the field that d stands under, "" for a list's entry and for a whole file.
func (d *Document) Name() string {
	if d.key == nil {
		return ""
	}
	return d.key.Value
}

// Where is the position of d as people read it: "file:line:column".
func (d *Document) Where() string {
	n := d.mark()
	return Problem{File: d.file, Line: n.Line, Column: n.Column}.Error()
}

// File is the file in which d was written, as given to Parse.
func (d *Document) File() string { return d.file }

// Field is the path of d in its own file, e.g. "credentials[0].places[1]".
func (d *Document) Field() string { return Field(d.path...) }

// User is who uses the text where it was not written, "" when nobody else does.
func (d *Document) User() string { return d.user }
