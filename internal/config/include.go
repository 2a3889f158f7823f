package config

import (
	"path/filepath"
	"slices"
	"strings"

	"quarterturn/internal/strict"
)

// shared are the sections that an included file may hold; the rest says where this installation stands, in one file.
func shared() []string {
	return []string{"connections", "credentials", "people", "policies", "profiles", "templates"}
}

// composing turns a file and what it includes into one document, in which every credential is written out.
type composing struct {
	c         *strict.Composer
	kinds     Kinds
	files     []string                      // read so far, the main file first
	seen      map[string]bool               // by full path
	open      []string                      // full paths of the files being included now, to find circles
	parts     map[string][]*strict.Document // by section: entries of all files
	sections  map[string]*strict.Document   // by section: where it was written first
	foreign   map[string]bool               // sections with entries of another file than the main one
	spoiled   map[string]bool               // sections that the main file writes in a wrong form
	templates map[string]*strict.Document
	links     map[string]*strict.Document // connections by name
	problems  strict.Problems
}

// compose reads everything that the file at path names. The document stands for the main file.
func compose(path string, k Kinds) (*strict.Document, *composing, error) {
	main, err := parse(path)
	if err != nil {
		return nil, nil, err
	}
	c := &composing{c: strict.NewComposer(), kinds: k, seen: map[string]bool{}, parts: map[string][]*strict.Document{},
		sections: map[string]*strict.Document{}, foreign: map[string]bool{}, spoiled: map[string]bool{}}
	c.take(main, path, true)
	c.templates, c.links = byName(c.parts["templates"]), byName(c.parts["connections"])
	c.checkTemplates()
	return c.whole(main), c, nil
}

func parse(path string) (*strict.Document, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	return strict.Parse(path, data)
}

// byName keeps the first of a name: the second is a problem already.
func byName(entries []*strict.Document) map[string]*strict.Document {
	named := map[string]*strict.Document{}
	for _, e := range entries {
		if _, twice := named[e.Name()]; !twice {
			named[e.Name()] = e
		}
	}
	return named
}

// take collects a file's sections, then those of the files it includes.
func (c *composing) take(doc *strict.Document, path string, main bool) {
	full := fullPath(path)
	c.seen[full] = true
	c.open, c.files = append(c.open, full), append(c.files, path)
	if !main {
		c.refuse(doc)
	}
	for _, name := range shared() {
		if part := doc.Sub(name); part != nil {
			c.collect(name, part, main)
		}
	}
	included, _ := doc.Sub("include").Items()
	for _, pattern := range included {
		c.include(pattern, filepath.Dir(path))
	}
	c.open = c.open[:len(c.open)-1]
}

// fullPath tells files apart, also behind links.
func fullPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}

// refuse finds what an included file must not hold.
func (c *composing) refuse(doc *strict.Document) {
	if _, is := doc.Fields(); !is {
		c.problem(doc.Problem("must be named fields", "write fields such as credentials: []"))
	}
	known := append([]string{"include"}, shared()...)
	for _, name := range doc.Names() {
		switch {
		case slices.Contains(known, name):
		case slices.Contains([]string{"ledger", "seal", "fingerprint", "defaults", "calls", "notify"}, name):
			c.problem(doc.KeyProblem("not allowed in an included file", "move it to the main file", name))
		default:
			c.problem(doc.KeyProblem("unknown field", choose(name, known), name))
		}
	}
	if part := doc.Sub("include"); part != nil {
		c.checkPatterns(part)
	}
}

func (c *composing) checkPatterns(part *strict.Document) {
	items, is := part.Items()
	if !is {
		c.problem(part.Problem("must be a list", "write a list such as [credentials/*.yaml]"))
	}
	for _, item := range items {
		if pattern, text := item.Text(); !text || pattern == "" {
			c.problem(item.Problem("must be text", "write the path of a file, or a pattern such as credentials/*.yaml"))
		}
	}
}

func (c *composing) problem(p strict.Problem) { c.problems = append(c.problems, p) }

func (c *composing) collect(name string, part *strict.Document, main bool) {
	list := name == "credentials" || name == "profiles"
	entries, is := part.Fields()
	form := "must be named fields"
	if list {
		entries, is = part.Items()
		form = "must be a list"
	}
	if c.spoiled[name] || !is && main {
		c.spoiled[name] = true // the schema says so, of the main file as it stands
		return
	}
	if !is {
		c.problem(part.Problem(form, "see how the main file would write it"))
		return
	}
	if c.sections[name] == nil {
		c.sections[name] = part
	}
	c.foreign[name] = c.foreign[name] || !main
	c.parts[name] = append(c.parts[name], entries...)
}

func (c *composing) include(at *strict.Document, dir string) {
	pattern, is := at.Text()
	if !is || pattern == "" {
		return // said by the schema, or by refuse
	}
	found, err := filepath.Glob(resolve(dir, pattern))
	if err != nil {
		c.problem(at.Problem("not a pattern that can be read", "close every [ with ]"))
		return
	}
	if len(found) == 0 && !strings.ContainsAny(pattern, "*?[") {
		c.problem(at.Problem("no such file", "correct the path; it starts at this file's folder"))
	}
	for _, path := range found {
		c.includeFile(at, path)
	}
}

// includeFile reads a file once, also when two patterns name it.
func (c *composing) includeFile(at *strict.Document, path string) {
	full := fullPath(path)
	switch {
	case slices.Contains(c.open, full):
		c.problem(at.Problem("a circle: it includes a file that is being read", "keep included files in a folder of their own"))
		return
	case c.seen[full]:
		return
	}
	doc, err := parse(path)
	if err != nil {
		c.seen[full] = true
		c.problems = append(c.problems, asProblems(path, err)...)
		return
	}
	c.take(doc, path, false)
}

// whole is the main file with the sections of all files, and with every credential written out.
func (c *composing) whole(main *strict.Document) *strict.Document {
	fields, is := main.Fields()
	if !is {
		return main
	}
	var parts []strict.Part
	for _, field := range fields {
		if _, collected := c.sections[field.Name()]; !collected {
			parts = append(parts, strict.Part{From: c.channels(field)})
		}
	}
	for _, name := range shared() {
		if at := c.sections[name]; at != nil {
			parts = append(parts, strict.Part{From: c.section(name, at)})
		}
	}
	return c.c.Map(main, parts)
}

func (c *composing) section(name string, at *strict.Document) *strict.Document {
	entries := c.parts[name]
	switch {
	case name == "credentials":
		return c.c.List(at, c.credentials(entries))
	case !c.foreign[name]:
		return at
	case name == "profiles":
		return c.c.List(at, entries)
	}
	return c.c.Map(at, c.once(entries))
}

// once finds names that two files define.
func (c *composing) once(entries []*strict.Document) []strict.Part {
	first := map[string]*strict.Document{}
	var parts []strict.Part
	for _, e := range entries {
		if before, twice := first[e.Name()]; twice {
			c.problem(e.KeyProblem("defined twice, first at "+before.Where(), "keep one"))
			continue
		}
		first[e.Name()] = e
		parts = append(parts, strict.Part{From: e})
	}
	return parts
}
