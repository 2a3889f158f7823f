// Package dotenv keeps a pair in two or more entries of one .env file, and every other byte of the file as it is.
//
// A write makes a new file beside the old one and renames it over: a reader finds the old pair or the new one, never
// half of each, and a process that is killed leaves the old file. Writers take a lock on the folder. The version is made
// of the file's content, inode and time of change, and the latter grows with every write, so no version comes back. An
// editor takes no lock: what it saves within the few microseconds between our last look and the rename is lost.
//
// The epoch of the last write stands in one comment line of its own directly above our entries: who reads it sees whether
// something older than the place is about to decide on it.
//
// Where common readers of .env files disagree about an entry of ours, nothing is read and nothing written: the error
// names the line, and a person rewrites it.
//
// Permissions it needs: to read, search and write the folder, to read the file, and to keep the file's owner and group
// (which is to be that user, or root). It makes a link, a hard link and anything but a regular file no target.
package dotenv

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"quarterturn/backends"
	"quarterturn/secret"
)

// Place is one .env file: a backends.Place, Checker and Reader. Safe for concurrent use, by any number of processes too.
type Place struct {
	folder, base string
	label        string
	options      Options
	fields       []string // sorted
	names        []string // of all our entries: fields in order, then the label
}

var (
	_ backends.Place   = (*Place)(nil)
	_ backends.Checker = (*Place)(nil)
	_ backends.Reader  = (*Place)(nil)
)

// New refuses what Config.Validate refuses, and options that lack a part. It touches no file.
func New(c Config, o Options) (*Place, error) {
	if bad := append(c.Validate(), o.validate(c.Label)...); len(bad) > 0 {
		return nil, refuse("dotenv: %s", strings.Join(bad, "; "))
	}
	path := c.File
	if !filepath.IsAbs(path) {
		path = filepath.Join(o.Dir, path)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("dotenv: %w", err)
	}
	o.Fields = maps.Clone(o.Fields)
	p := &Place{folder: filepath.Dir(path), base: filepath.Base(path), label: c.Label, options: o}
	p.fields = slices.Sorted(maps.Keys(o.Fields))
	for _, field := range p.fields {
		p.names = append(p.names, o.Fields[field])
	}
	if p.label != "" {
		p.names = append(p.names, p.label)
	}
	return p, nil
}

// Put implements backends.Place.
func (p *Place) Put(ctx context.Context, w backends.Write) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	want, err := p.entries(w)
	if err != nil {
		return err
	}
	f, err := enter(p.folder, p.base)
	if err != nil {
		return err
	}
	defer f.leave()
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return p.write(ctx, f, want, w.Expect, w.Epoch)
}

// write runs under the lock.
func (p *Place) write(ctx context.Context, f *folder, want []entry, expect string, epoch int64) error {
	if err := f.resolve(); err != nil {
		return err
	}
	if err := f.sweep(); err != nil {
		return explain("removing what a killed write left in "+f.path, err)
	}
	was, doc, err := p.look(f)
	if err != nil || doc.holds(want) {
		return err
	}
	if p.version(was, doc) != expect {
		return backends.ErrChanged
	}
	if err := f.alone(was); err != nil {
		return err
	}
	next, err := doc.stamped(epoch).set(want)
	if err != nil {
		return refuse("%s: %s", f.file(), err)
	}
	if len(next) > limit {
		return refuse("%s would grow beyond 1 MiB; nothing was changed: make it smaller", f.file())
	}
	return f.replace(ctx, was, next, p.options.Now())
}

// entries is what a write sets. It is the only place where values are revealed.
func (p *Place) entries(w backends.Write) ([]entry, error) {
	var want []entry
	for _, field := range p.fields {
		value := w.Material[field].Reveal()
		if value == "" {
			return nil, refuse("the pair has no field %q; nothing was changed: correct fields in the configuration", field)
		}
		if why := uncarriable(value); why != "" {
			return nil, refuse("field %q cannot stand in a .env file: %s; nothing was changed", field, why)
		}
		want = append(want, entry{p.options.Fields[field], value})
	}
	if p.label == "" {
		return want, nil
	}
	if w.Slot == "" || uncarriable(w.Slot) != "" {
		return nil, refuse("this write carries no usable generation label; nothing was changed")
	}
	return append(want, entry{p.label, w.Slot}), nil
}

// Observe implements backends.Place. A field whose entry stands several times with different values is left out of the
// prints, so that the place is never taken for one that holds a whole pair.
func (p *Place) Observe(ctx context.Context) (backends.Holding, error) {
	p.tidy()
	was, doc, err := p.see(ctx)
	if err != nil {
		return backends.Holding{}, err
	}
	if !p.present(doc) {
		return backends.Holding{}, backends.ErrAbsent
	}
	m, _ := p.material(doc)
	label, _, others := doc.get(p.label)
	if len(others) > 0 {
		label = ""
	}
	return backends.Holding{
		Prints:    p.options.Prints(m),
		Grade:     backends.ReadBack,
		Version:   p.version(was, doc),
		Label:     label,
		Epoch:     doc.epoch(),
		ChangedAt: was.changed().UTC(),
	}, nil
}

// Read implements backends.Reader. Half a pair, and an entry that stands several times with different values, are errors.
func (p *Place) Read(ctx context.Context) (secret.Material, error) {
	_, doc, err := p.see(ctx)
	if err != nil {
		return nil, err
	}
	if !p.present(doc) {
		return nil, backends.ErrAbsent
	}
	m, problems := p.material(doc)
	if len(problems) > 0 {
		return nil, refuse("%s: %s", filepath.Join(p.folder, p.base), strings.Join(problems, "; "))
	}
	return m, nil
}

// tidy removes what a killed write left: it holds a pair, and nobody may ever write here again. A write that is under way
// holds the lock, and looks after itself. Nothing depends on it, so nothing is said of it.
func (p *Place) tidy() {
	f, err := enter(p.folder, p.base)
	if err != nil {
		return
	}
	defer f.leave()
	if f.resolve() != nil {
		return
	}
	if names, _ := f.leftovers(); len(names) == 0 {
		return
	}
	if unlock, free := f.tryLock(); free {
		_ = f.sweep()
		unlock()
	}
}

func (p *Place) see(ctx context.Context) (snapshot, document, error) {
	if err := ctx.Err(); err != nil {
		return snapshot{}, document{}, err
	}
	f, err := enter(p.folder, p.base)
	if err != nil {
		return snapshot{}, document{}, err
	}
	defer f.leave()
	if err := f.resolve(); err != nil {
		return snapshot{}, document{}, err
	}
	return p.look(f)
}

func (p *Place) look(f *folder) (snapshot, document, error) {
	was, err := f.look()
	if err != nil {
		return snapshot{}, document{}, err
	}
	doc, err := parse(was.data, p.names)
	if err != nil {
		return snapshot{}, document{}, refuse("%s, %s; nothing was changed", f.file(), err)
	}
	return was, doc, nil
}

// present reports whether one of the fields is there at all. An empty entry is a gap to be filled, not a key; a label
// alone says nothing.
func (p *Place) present(doc document) bool {
	return slices.ContainsFunc(p.fields, func(field string) bool {
		_, found, others := doc.get(p.options.Fields[field])
		return found || len(others) > 0
	})
}

// material is every field that is there with one value, and what is wrong with the others.
func (p *Place) material(doc document) (m secret.Material, problems []string) {
	m = secret.Material{}
	for _, field := range p.fields {
		name := p.options.Fields[field]
		value, found, others := doc.get(name)
		switch {
		case len(others) > 0:
			slices.Sort(others)
			problems = append(problems, fmt.Sprintf("%s is set several times with different values, also in line %d: keep one", name, others[0]))
		case !found:
			problems = append(problems, name+" is missing or empty: add it, or let the next write do so")
		default:
			m[field] = secret.New(value)
		}
	}
	return m, problems
}

// version is "" where Observe says absent. The content goes in as keyed prints: a plain hash of a small file could be
// guessed backwards.
func (p *Place) version(was snapshot, doc document) string {
	if was.info == nil || !p.present(doc) {
		return ""
	}
	h := sha256.New()
	prints := p.options.Prints(secret.Material{"file": secret.New(string(was.data))})
	for _, name := range slices.Sorted(maps.Keys(prints)) {
		fmt.Fprintf(h, "%s=%s\n", name, prints[name])
	}
	fmt.Fprintf(h, "%d %d", stat(was.info).Ino, was.changed().UnixNano())
	return hex.EncodeToString(h.Sum(nil)[:16])
}
