package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

const (
	maxBytes = 1 << 20 // nobody writes more by hand; a log or a dump given by mistake is refused early
	maxDepth = 64
)

// Parse reads one document. The error is always Problems: not UTF-8, over 1 MiB, syntax, empty, several documents, a
// key written twice, aliases, merge keys, tags, keys that are no names. Positions count lines and columns from 1.
func Parse(file string, data []byte) (*Document, error) {
	if p, ok := unfit(file, data); ok {
		return nil, Problems{p}
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return nil, Problems{syntax(file, err)}
	}
	var node yaml.Node
	if err := loader.Load(&node); err != nil {
		return nil, Problems{syntax(file, err)}
	}
	d := &Document{file: file, node: node.Content[0]}
	problems := d.refuse(nil, d.node, 0)
	if err := loader.Load(&yaml.Node{}); !errors.Is(err, io.EOF) {
		problems = append(problems, trailing(file, err))
	}
	if len(problems) > 0 {
		return nil, problems.Err()
	}
	return d, nil
}

func unfit(file string, data []byte) (Problem, bool) {
	switch {
	case len(data) > maxBytes:
		return Problem{File: file, What: "larger than 1 MiB", Remedy: "check that this is the right file"}, true
	case !utf8.Valid(data):
		return Problem{File: file, What: "not UTF-8 text", Remedy: "save it as UTF-8"}, true
	}
	return Problem{}, false
}

// syntax keeps the position of a decoder's error and drops its words, which may quote the input.
func syntax(file string, err error) Problem {
	if errors.Is(err, io.EOF) {
		return Problem{File: file, What: "empty", Remedy: "write at least one field"}
	}
	p := Problem{File: file, What: "not readable as YAML",
		Remedy: "look at quotes, brackets, colons and indentation (spaces, never tabs) here and just above"}
	var at *yaml.LoadError
	if errors.As(err, &at) {
		p.Line, p.Column = at.Mark.Line, at.Mark.Column
		if begun := at.ContextMark.Line; begun > 0 && begun < p.Line {
			p.What = fmt.Sprintf("not readable as YAML, in what begins at line %d", begun)
		}
	}
	return p
}

func trailing(file string, err error) Problem {
	if err != nil {
		return syntax(file, err)
	}
	return Problem{File: file, What: "several documents in one file", Remedy: "keep one; remove what follows the --- line"}
}

// refuse finds what YAML allows and this package does not: anything that makes a reader see other fields than those
// written where they stand.
func (d *Document) refuse(path []any, n *yaml.Node, depth int) Problems {
	switch {
	case depth > maxDepth:
		return Problems{d.at(n, path, "nested too deeply", "flatten it")}
	case n.Kind == yaml.AliasNode:
		return Problems{d.at(n, path, "an alias", "write the value out; if it is text that begins with *, put it in quotes")}
	case n.Style&yaml.TaggedStyle != 0:
		return Problems{d.at(n, path, "a tag", "remove it; if it is text that begins with !, put it in quotes")}
	case n.Kind == yaml.MappingNode:
		return d.refuseFields(path, n, depth)
	case n.Kind == yaml.SequenceNode:
		var found Problems
		for i, item := range n.Content {
			found = append(found, d.refuse(join(path, i), item, depth+1)...)
		}
		return found
	}
	return nil
}

func (d *Document) refuseFields(path []any, n *yaml.Node, depth int) Problems {
	var found Problems
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if p, bad := d.refuseKey(path, key, seen); bad {
			found = append(found, p)
			continue
		}
		seen[key.Value] = key.Line
		found = append(found, d.refuse(join(path, key.Value), n.Content[i+1], depth+1)...)
	}
	return found
}

func (d *Document) refuseKey(path []any, key *yaml.Node, seen map[string]int) (Problem, bool) {
	tag := key.ShortTag()
	if tag == "!!merge" {
		return d.at(key, path, "a merge key", "write the fields out"), true
	}
	if key.Kind != yaml.ScalarNode || key.Style&yaml.TaggedStyle != 0 || tag != "!!str" && tag != "!!int" {
		return d.at(key, path, "a key that is no plain name", "put the name in quotes"), true
	}
	if line, twice := seen[key.Value]; twice {
		return d.at(key, join(path, key.Value), fmt.Sprintf("written twice, first at line %d", line), "keep one"), true
	}
	return Problem{}, false
}
