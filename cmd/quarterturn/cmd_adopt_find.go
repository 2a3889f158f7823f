package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"quarterturn/backends"
)

// foundView is one location of a pair that was looked for, for machines.
type foundView struct {
	Kind   string            `json:"kind"`
	File   string            `json:"file"`
	Fields map[string]string `json:"fields"`
	Whole  bool              `json:"whole"`
}

// find takes the pair in use once and prints where it stands, as places of the configuration. Nothing is kept or written.
func (a *app) find(ctx ctxt, s *shop, name, dir string) error {
	m, notes, err := a.paste(ctx, s.fields(name))
	if err != nil {
		return pasteAgain(err, "")
	}
	views := []foundView{}
	for kind, k := range inOrder(placeKinds()) {
		if k.finder == nil {
			continue
		}
		found, said, err := k.finder.Find(ctx, dir, m)
		if err != nil {
			return foundNothing(ctx, err)
		}
		notes = append(notes, said...)
		for _, f := range found {
			v := foundView{Kind: kind, File: s.relative(f.Where), Fields: f.Fields, Whole: len(f.Fields) == len(m)}
			views, notes = append(views, v), append(notes, remarks(f, v)...)
		}
	}
	block := placesBlock(views)
	next := ""
	if len(views) > 0 {
		next = "quarterturn config check"
	}
	return a.p.give(answer{json: map[string]any{"credential": name, "found": views, "places": block,
		"notes": append([]string{}, notes...), "next": next}, next: next, text: func(p *printer) { printFound(p, name, views, notes, block) }})
}

func foundNothing(ctx ctxt, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return usage("%w", err)
}

// remarks are what a place cannot say.
func remarks(f backends.Found, v foundView) []string {
	var notes []string
	if !v.Whole {
		notes = append(notes, v.File+" holds only a part of the pair")
	}
	if len(f.Others) > 0 {
		notes = append(notes, v.File+" holds it again under "+strings.Join(f.Others, ", ")+": a place writes one entry for each field")
	}
	return notes
}

// relative is a path as the configuration would name it.
func (s *shop) relative(path string) string {
	dir, err := filepath.EvalSymlinks(s.cfg.Dir)
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	rel, rerr := filepath.Rel(dir, path)
	if err != nil || rerr != nil || !filepath.IsLocal(rel) {
		return path
	}
	return rel
}

// placesBlock is ready to be pasted into a credential.
func placesBlock(views []foundView) string {
	if len(views) == 0 {
		return ""
	}
	text := "    places:\n"
	for i, v := range views {
		name := "env"
		if i > 0 {
			name += "-" + strconv.Itoa(i+1)
		}
		text += fmt.Sprintf("      - name: %s\n        %s: {file: %q}\n        fields:\n", name, v.Kind, v.File)
		for _, field := range slices.Sorted(maps.Keys(v.Fields)) {
			text += fmt.Sprintf("          %s: %q\n", field, v.Fields[field])
		}
	}
	return text
}

func printFound(p *printer, name string, views []foundView, notes []string, block string) {
	for _, n := range notes {
		p.mark("note", "%s", n)
	}
	if len(views) == 0 {
		p.say("The pair was not found. Nothing was written.")
		return
	}
	p.mark("ok", "Found in %d %s. For %s in the configuration; nothing was written:", len(views), plural("file", len(views)), name)
	p.line("%s", strings.TrimSuffix(block, "\n"))
}
