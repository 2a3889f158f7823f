package dotenv

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"quarterturn/backends"
	"quarterturn/secret"
)

// How much one search looks at.
const (
	mostSeen    = 200_000 // files and folders
	mostEntries = 500     // entries of one file
)

// Finder looks for a pair in files that are named like .env files: .env, .env.*, *.env, *.env.*, .envrc.
type Finder struct{}

var _ backends.Finder = Finder{}

// Find implements backends.Finder.
func (Finder) Find(ctx context.Context, dir string, m secret.Material) ([]backends.Found, []string, error) {
	dir, err := filepath.Abs(dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir) // the folder that was named may be a link; nothing below it
	}
	if err != nil {
		return nil, nil, refuse("the folder to look in cannot be entered; nothing was changed: correct the path")
	}
	s := &search{material: m}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return s.visit(path, d, err)
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		err = refuse("the folder to look in cannot be read; nothing was changed: correct the path or its rights")
	}
	return s.found, s.notes, err
}

type search struct {
	material secret.Material
	seen     int
	found    []backends.Found
	notes    []string
}

func (s *search) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

func (s *search) visit(path string, d fs.DirEntry, err error) error {
	s.seen++
	switch {
	case err != nil && s.seen == 1:
		return err
	case err != nil:
		s.note("%s cannot be read: not looked at", path)
		return fs.SkipDir
	case s.seen > mostSeen:
		s.note("stopped after %d files and folders: name a smaller folder for the rest", mostSeen)
		return fs.SkipAll
	case d.IsDir() && d.Name() == ".git":
		return fs.SkipDir
	case d.IsDir() || !likely(d.Name()):
		return nil
	case d.Type()&fs.ModeSymlink != 0:
		s.note("%s is a link: not followed", path)
		return nil
	case !d.Type().IsRegular():
		s.note("%s is no regular file: not looked at", path)
		return nil
	}
	s.file(path)
	return nil
}

func likely(name string) bool {
	return strings.HasSuffix(name, ".env") || strings.Contains(name, ".env.") || name == ".envrc"
}

// file compares every entry with every field, in constant time.
func (s *search) file(path string) {
	f, err := enter(filepath.Split(path))
	if err != nil {
		s.note("%s cannot be read: not looked at", path)
		return
	}
	defer f.leave()
	was, err := f.look()
	if err != nil {
		s.note("%s cannot be read: not looked at", path)
		return
	}
	hit := backends.Found{Where: path, Fields: map[string]string{}}
	for _, name := range s.entries(path, was.data) {
		doc, err := parse(was.data, []string{name})
		if err != nil {
			if s.suspect(was.data, name) {
				s.note("%s, %s", path, err)
			}
			continue
		}
		s.compare(&hit, doc, name)
	}
	if len(hit.Fields) > 0 {
		s.found = append(s.found, hit)
	}
}

// suspect: some line gives the name what looks like a field, although not every reader would see it there. Entries that
// have nothing to do with the pair are nobody's business.
func (s *search) suspect(data []byte, name string) bool {
	for line := range strings.SplitSeq(string(data), "\n") {
		at := head.FindStringSubmatchIndex(line)
		if at == nil || line[at[2]:at[3]] != name {
			continue
		}
		value := secret.New(strings.Trim(line[at[1]:], " \t\r\"'"))
		for _, field := range s.material {
			if field.Equal(value) {
				return true
			}
		}
	}
	return false
}

func (s *search) compare(hit *backends.Found, doc document, name string) {
	value, there, _ := doc.get(name)
	for _, field := range s.material.Fields() {
		switch {
		case !there || !secret.New(value).Equal(s.material[field]):
		case hit.Fields[field] != "":
			hit.Others = append(hit.Others, name)
		default:
			hit.Fields[field] = name
		}
	}
}

// entries are the names that lines of the file begin with, each once, in order.
func (s *search) entries(path string, data []byte) []string {
	var names []string
	for line := range strings.SplitSeq(string(data), "\n") {
		m := head.FindStringSubmatch(line)
		if m == nil || !entryName.MatchString(m[1]) || slices.Contains(names, m[1]) {
			continue
		}
		if len(names) == mostEntries {
			s.note("%s has more than %d entries: the rest was not looked at", path, mostEntries)
			break
		}
		names = append(names, m[1])
	}
	return names
}
