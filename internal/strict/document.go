package strict

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Document is a parsed file, or a part of one that still knows where it stands. It holds what a person wrote: show
// nothing of it but through Problem.
type Document struct {
	file string
	node *yaml.Node
	key  *yaml.Node // the key it stands under, nil for a list item and for the whole file
	path []any      // string keys and int indexes from the top of the file
	user string     // who uses this text where it was not written, "" when nobody else does

	marks map[*yaml.Node]mark // of the composer that made the whole, nil for one file
}

// Sub is the part at path (string keys, int indexes), with its positions and its full path; nil when nothing is there.
func (d *Document) Sub(path ...any) *Document {
	sub := d
	for _, step := range path {
		if sub = sub.child(step); sub == nil {
			return nil
		}
	}
	return sub
}

// Names lists the fields written here, in their order; nil when these are no named fields.
func (d *Document) Names() []string {
	var names []string
	for i := 0; d.node.Kind == yaml.MappingNode && i < len(d.node.Content); i += 2 {
		names = append(names, d.node.Content[i].Value)
	}
	return names
}

// Problem is located at path, or at its nearest parent that exists when something is missing.
func (d *Document) Problem(what, remedy string, path ...any) Problem {
	near, missing := d, path
	for len(missing) > 0 {
		next := near.child(missing[0])
		if next == nil {
			break
		}
		near, missing = next, missing[1:]
	}
	return near.at(near.mark(), join(near.path, missing...), what, remedy)
}

// KeyProblem is like Problem, but located at the name of the field at path rather than at its value.
func (d *Document) KeyProblem(what, remedy string, path ...any) Problem {
	p := d.Problem(what, remedy, path...)
	if sub := d.Sub(path...); sub != nil && sub.key != nil {
		p.Line, p.Column = sub.key.Line, sub.key.Column
	}
	return p
}

// Canonical is the same JSON for everything that means the same: no comments, no order of fields, no style. It holds
// values, so it is for digests only.
func (d *Document) Canonical() []byte {
	b, err := json.Marshal(plain(d.node))
	if err != nil {
		panic("strict: plain values always encode") // plain makes nothing that JSON lacks
	}
	return b
}

// MarshalJSON is Canonical, so that a digest can cover a struct that holds settings.
func (d *Document) MarshalJSON() ([]byte, error) { return d.Canonical(), nil }

func (d *Document) child(step any) *Document {
	switch step := step.(type) {
	case string:
		return d.field(step)
	case int:
		if d.node.Kind == yaml.SequenceNode && step >= 0 && step < len(d.node.Content) {
			return d.part(nil, d.node.Content[step], step)
		}
	}
	return nil
}

func (d *Document) field(name string) *Document {
	if d.node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(d.node.Content); i += 2 {
		if key := d.node.Content[i]; key.Value == name {
			return d.part(key, d.node.Content[i+1], name)
		}
	}
	return nil
}

// part stands one step below d, or where its mark says that it was written.
func (d *Document) part(key, n *yaml.Node, step any) *Document {
	if m, is := d.marks[n]; is {
		return &Document{file: m.file, path: m.path, user: m.user, key: key, node: n, marks: d.marks}
	}
	return &Document{file: d.file, path: join(d.path, step), user: d.user, key: key, node: n, marks: d.marks}
}

// mark is the node a person looks for: a scalar itself, but the name above a map or list, which begins a line later.
func (d *Document) mark() *yaml.Node {
	if d.key != nil && (d.node.Kind != yaml.ScalarNode || d.node.ShortTag() == "!!null") {
		return d.key
	}
	return d.node
}

func (d *Document) at(n *yaml.Node, path []any, what, remedy string) Problem {
	return Problem{File: d.file, Line: n.Line, Column: n.Column, Field: Field(path...), What: what, Remedy: remedy, User: d.user}
}

func join(path []any, more ...any) []any { return append(slices.Clip(path), more...) }

// plain is the JSON value of a node that refuse let pass.
func plain(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		fields := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			fields[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return fields
	case yaml.SequenceNode:
		items := make([]any, len(n.Content))
		for i, item := range n.Content {
			items[i] = plain(item)
		}
		return items
	}
	return scalar(n)
}

func scalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int", "!!float":
		return number(n)
	}
	return n.Value
}

// number is text when JSON has no such number, so that a schema refuses it as the wrong type.
func number(n *yaml.Node) any {
	var v any
	if err := n.Decode(&v); err != nil {
		return n.Value
	}
	if f, is := v.(float64); is && (math.IsInf(f, 0) || math.IsNaN(f)) {
		return n.Value
	}
	return v
}
