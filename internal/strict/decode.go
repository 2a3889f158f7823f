package strict

import (
	"errors"

	"go.yaml.in/yaml/v4"
)

// Decode fills a pointer to a struct with `yaml:"..."` tags. Validate first: what fails here is a difference between
// schema and struct, a field the struct lacks included, and comes back as Problems without the decoder's words.
func (d *Document) Decode(into any) error {
	err := d.node.Load(into, yaml.WithKnownFields())
	if err == nil {
		return nil
	}
	var several *yaml.LoadErrors
	if !errors.As(err, &several) {
		return Problems{d.Problem("not usable", "compare it with the schema")}
	}
	var found Problems
	for _, one := range several.Errors {
		found = append(found, d.misfit(one))
	}
	return found.Err()
}

func (d *Document) misfit(e *yaml.LoadError) Problem {
	remedy := "compare it with the schema"
	if errors.Is(e, ErrDuration) {
		remedy = "write " + DurationForm
	}
	p := Problem{File: d.file, Line: e.Mark.Line, Column: e.Mark.Column, What: "not usable", Remedy: remedy}
	p.Field = Field(d.path...)
	if found := d.locate(p.Line, p.Column); found != nil {
		p.File, p.Field = found.file, Field(found.path...)
	}
	return p
}

// locate finds the innermost part whose name or value stands exactly at a position.
func (d *Document) locate(line, column int) *Document {
	for _, sub := range d.children() {
		if found := sub.locate(line, column); found != nil {
			return found
		}
	}
	if here(d.node, line, column) || d.key != nil && here(d.key, line, column) {
		return d
	}
	return nil
}

func (d *Document) children() []*Document {
	var subs []*Document
	for i := range d.node.Content {
		switch {
		case d.node.Kind == yaml.SequenceNode:
			subs = append(subs, d.part(nil, d.node.Content[i], i))
		case d.node.Kind == yaml.MappingNode && i%2 == 0:
			subs = append(subs, d.part(d.node.Content[i], d.node.Content[i+1], d.node.Content[i].Value))
		}
	}
	return subs
}

func here(n *yaml.Node, line, column int) bool { return n.Line == line && n.Column == column }
