package vendors

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"quarterturn/internal/httpx"
	"quarterturn/internal/strict"
)

//go:embed schema.json
var schema []byte

//go:embed profiles/*.yaml
var profiles embed.FS

// Schema is the JSON Schema (draft 2020-12) of a profile file.
func Schema() []byte { return bytes.Clone(schema) }

// Builtin returns the profiles that come with this program, by name.
func Builtin() ([]Profile, error) {
	files, err := profiles.ReadDir("profiles")
	if err != nil {
		return nil, err
	}
	var all []Profile
	for _, f := range files {
		name := path.Join("profiles", f.Name())
		data, err := profiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		p, err := Parse(name, data, unknown)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func unknown(string) (Profile, bool) { return Profile{}, false }

// Parse reads one profile file: a whole one, or one that extends a known profile (fields merge, lists replace). known
// finds the profiles that may be extended. The error is strict.Problems, every problem at once.
func Parse(file string, data []byte, known func(name string) (Profile, bool)) (Profile, error) {
	form, err := strict.Compile("profile", schema)
	if err != nil {
		return Profile{}, strict.Problems{{File: file, What: "the built-in schema is broken", Remedy: "report this as a bug"}}
	}
	doc, err := strict.Parse(file, data)
	if err != nil {
		return Profile{}, err
	}
	if problems := doc.Validate(form); len(problems) > 0 {
		return Profile{}, problems
	}
	plain, problems := whole(doc, known)
	if len(problems) > 0 {
		return Profile{}, problems
	}
	return build(file, doc, plain, form)
}

// whole is what the document says together with what it extends.
func whole(doc *strict.Document, known func(string) (Profile, bool)) (map[string]any, strict.Problems) {
	var own map[string]any
	if err := json.Unmarshal(doc.Canonical(), &own); err != nil {
		return nil, strict.Problems{doc.Problem("not usable", "compare it with the schema")}
	}
	name, extends := own["extends"].(string)
	if !extends {
		return own, nil
	}
	base, found := known(name)
	if !found || base.plain == nil {
		return nil, strict.Problems{doc.Problem("no profile of this name is known here",
			"name a built-in profile, or one whose file is read too", "extends")}
	}
	delete(own, "extends")
	return merge(base.plain, own), nil
}

// merge lays over on base: fields merge at every depth, everything else replaces.
func merge(base, over map[string]any) map[string]any {
	merged := map[string]any{}
	maps.Copy(merged, base)
	for name, value := range over {
		fields, is := value.(map[string]any)
		under, was := merged[name].(map[string]any)
		if is && was {
			value = merge(under, fields)
		}
		merged[name] = value
	}
	return merged
}

// build reads the whole and judges it. Its problems stand in a text nobody wrote, so they are moved to the place in the
// file that comes nearest.
func build(file string, doc *strict.Document, plain map[string]any, form *strict.Schema) (Profile, error) {
	text, err := json.Marshal(plain)
	if err != nil {
		return Profile{}, strict.Problems{doc.Problem("not usable", "compare it with the schema")}
	}
	merged, err := strict.Parse(file, text)
	if err != nil {
		return Profile{}, strict.Problems{doc.Problem("not usable together with what it extends", "compare both", "extends")}
	}
	problems := merged.Validate(form)
	if len(problems) > 0 {
		return Profile{}, moved(doc, problems)
	}
	p := Profile{plain: plain}
	if err := merged.Decode(&p); err != nil {
		return Profile{}, err
	}
	p.trim()
	if err := p.check(doc).Err(); err != nil {
		return Profile{}, err
	}
	return p, nil
}

func moved(doc *strict.Document, problems strict.Problems) strict.Problems {
	var there strict.Problems
	for _, p := range problems {
		there = append(there, doc.Problem(p.What, p.Remedy, steps(p.Field)...))
	}
	return there.Sorted()
}

// steps turns a field such as "answers.lists[0].name" back into a path. The schema allows no name with a dot or bracket
// above anything that can be missing.
func steps(field string) []any {
	var path []any
	for _, part := range strings.FieldsFunc(field, func(r rune) bool { return strings.ContainsRune(".[]", r) }) {
		if i, err := strconv.Atoi(part); err == nil {
			path = append(path, i)
			continue
		}
		path = append(path, part)
	}
	return path
}

// trim makes base URLs end without a slash, so that a probe's path can follow.
func (p *Profile) trim() {
	for name, e := range p.Environments {
		e.Base = strings.TrimRight(e.Base, "/")
		p.Environments[name] = e
	}
}

// WithHosts is the same profile aimed at other base URLs, by environment: for a simulated world or a demonstration, so
// only loopback is allowed. The aliases go; nothing else changes, no environment is left on a real host, and the result
// can't be extended.
func (p Profile) WithHosts(base map[string]string) (Profile, error) {
	aimed := maps.Clone(p.Environments)
	for name, to := range base {
		e, err := p.Env(name)
		if err != nil {
			return Profile{}, err
		}
		if u, err := url.Parse(to); err != nil || badBase(u) != "" || !httpx.Loopback(u.Hostname()) {
			return Profile{}, fmt.Errorf("the base URL for %s is not one on loopback; nothing was changed: "+
				"use http://127.0.0.1:PORT/PATH", name)
		}
		e.Base, e.Aliases = strings.TrimRight(to, "/"), nil
		aimed[name] = e
	}
	p.Environments, p.plain = aimed, nil
	if err := p.apart(); err != nil {
		return Profile{}, err
	}
	return p, nil
}

// apart makes sure that a redirected profile is redirected altogether, and that no two environments share a host.
func (p Profile) apart() error {
	var hosts []string
	for _, name := range sortedKeys(p.Environments) {
		e := p.Environments[name]
		if !e.loopback() || slices.Contains(hosts, e.Host()) {
			return fmt.Errorf("environment %s must have a loopback address of its own; nothing was changed: "+
				"give every environment its own port", name)
		}
		hosts = append(hosts, e.Host())
	}
	return nil
}
