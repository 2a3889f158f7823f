package config

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"quarterturn/internal/strict"
	"quarterturn/policies"
)

// loading collects what is wrong with one composed file. Its file may be filled in part only: the schema has said why, so every
// check here passes over what is empty.
type loading struct {
	doc      *strict.Document
	dir      string
	kinds    Kinds
	file     file
	vendors  map[string]Vendor // nil when some profiles failed: then no vendor can be called unknown
	named    map[string][]string
	problems strict.Problems
	notes    strict.Problems
}

func (l *loading) problem(what, remedy string, path ...any) {
	l.problems = append(l.problems, l.doc.Problem(what, remedy, path...))
}

func (l *loading) check() {
	l.checkVendorFiles()
	l.checkCalls()
	l.checkDefaults()
	for _, name := range slices.Sorted(maps.Keys(l.file.Policies)) {
		l.checkPolicy(l.file.Policies[name], "policies", name)
	}
	l.checkTwice(names(l.file.Credentials, func(c credential) string { return c.Name }), "credentials")
	for i, c := range l.file.Credentials {
		l.checkCredential(c, "credentials", i)
	}
	l.checkChannels()
	l.checkEntries()
}

func (l *loading) checkVendorFiles() {
	known, err := l.kinds.Vendors(l.profiles())
	var several strict.Problems
	switch {
	case err == nil:
		l.vendors = known
	case errors.As(err, &several):
		l.problems = append(l.problems, several...)
	default:
		l.problem(err.Error(), "correct the profile files", "profiles")
	}
}

func (l *loading) profiles() []string {
	var files []string
	for _, path := range l.file.Profiles {
		files = append(files, resolve(l.dir, path))
	}
	return files
}

func (l *loading) checkCalls() {
	if keep := time.Duration(l.file.Calls.Keep); keep != 0 && keep < MinKeepCalls {
		l.problem("too short: an audit looks back further", "use at least 30d", "calls", "keep")
	}
}

func (l *loading) checkDefaults() {
	l.checkName("no policy of this name", l.file.Defaults.Policy, l.policyNames(), "defaults", "policy")
	l.checkName("no group of people of this name", l.file.Defaults.People, l.peopleNames(), "defaults", "people")
}

func (l *loading) policyNames() []string {
	if l.doc.Sub("policies") == nil {
		return []string{DefaultPolicy}
	}
	return l.sectionNames("policies")
}

func (l *loading) peopleNames() []string { return l.sectionNames("people") }

// sectionNames are the names that a section defines, sorted; nil when it is not written. They are asked for by every
// credential, so they are sorted once.
func (l *loading) sectionNames(section string) []string {
	if known, done := l.named[section]; done {
		return known
	}
	var known []string
	if written := l.doc.Sub(section); written != nil {
		known = slices.Sorted(slices.Values(written.Names()))
	}
	if l.named == nil {
		l.named = map[string][]string{}
	}
	l.named[section] = known
	return known
}

// checkChannels checks what a schema cannot: names, and the connection of each.
func (l *loading) checkChannels() {
	l.checkTwice(names(l.file.Notify, func(c channel) string { return c.Name }), "notify")
	for i, c := range l.file.Notify {
		path := []any{"notify", i}
		kind, _ := kindAt(l.doc, l.kinds.Channels, path...)
		l.checkOn(c.On, kind, path)
		l.checkOneKind(l.kinds.Channels, path)
	}
}

// checkOneKind finds two kinds beside a connection; without one the schema does.
func (l *loading) checkOneKind(kinds []Kind, path []any) {
	at := l.doc.Sub(path...)
	if at == nil || at.Sub("on") == nil {
		return
	}
	var given []string
	for _, k := range kinds {
		if at.Sub(k.Name) != nil {
			given = append(given, k.Name)
		}
	}
	if len(given) > 1 {
		l.problem("more than one kind", "give exactly one of: "+strings.Join(given, ", "), path...)
	}
}

// same names another part of the configuration, with its position when it is in another file, and its user when it is in a template.
func (l *loading) same(as, than *strict.Document) string {
	switch {
	case as.User() != "":
		return as.Field() + " for " + as.User()
	case as.File() != than.File():
		return as.Field() + " at " + as.Where()
	}
	return as.Field()
}

// checkName finds a name that nothing carries. An empty one is missing or broken, which is said elsewhere.
func (l *loading) checkName(what, name string, known []string, path ...any) {
	if name != "" && !slices.Contains(known, name) {
		l.problem(what, choose(name, known), path...)
	}
}

// choose says which name was probably meant.
func choose(name string, known []string) string {
	if near := strict.Nearest(name, known); near != "" {
		return "did you mean " + strict.ShowName(near) + "?"
	}
	var shown []string
	for _, k := range known {
		if k != "" {
			shown = append(shown, strict.ShowName(k))
		}
	}
	if len(shown) == 0 {
		return "there is none yet: write it"
	}
	return "use one of: " + strings.Join(shown, ", ")
}

func (l *loading) checkPolicy(p policy, path ...any) {
	at := func(more ...any) []any { return append(slices.Clip(path), more...) }
	maxAge, rotateAt := p.MaxAge, p.RotateAt
	if maxAge == 0 || rotateAt == 0 {
		return
	}
	if rotateAt > maxAge {
		l.problem("later than max_age: a rotation would open when the key is overdue", "use less than "+maxAge.String(), at("rotate_at")...)
	} else if spare := maxAge - rotateAt; p.overlap() > spare {
		l.problem("too long: it does not fit between rotate_at and max_age", overlapRemedy(spare), at("overlap")...)
	}
	for i, step := range p.Remind {
		if step >= maxAge {
			l.problem("not below max_age, from which it counts back", "use less than "+maxAge.String(), at("remind", i)...)
		}
	}
	for i, f := range p.Freezes {
		if from, to := day(f.From), day(f.To); !from.IsZero() && !to.IsZero() && !from.Before(to) {
			l.problem("not after from", "give the first day after the freeze", at("freezes", i, "to")...)
		}
	}
}

func overlapRemedy(spare strict.Duration) string {
	if spare == 0 {
		return "lower rotate_at"
	}
	return "use at most " + spare.String() + ", or lower rotate_at"
}

func (p policy) overlap() strict.Duration {
	if p.Overlap == 0 {
		return strict.Duration(policies.Quarterly().Overlap)
	}
	return p.Overlap
}

// day is midnight UTC of a date, zero when it is none.
func day(date string) time.Time {
	t, _ := time.Parse(time.DateOnly, date)
	return t
}

// checkTwice finds names that stand twice in the list at path.
func (l *loading) checkTwice(names []string, path ...any) {
	first := map[string]int{}
	for i, name := range names {
		before, twice := first[name]
		if name != "" && twice {
			list := l.doc.Sub(path...)
			l.problem("the same name as "+l.same(list.Sub(before), list.Sub(i)), "give each its own", append(slices.Clip(path), i, "name")...)
			continue
		}
		first[name] = i
	}
}

func names[T any](list []T, name func(T) string) []string {
	all := make([]string, len(list))
	for i, item := range list {
		all[i] = name(item)
	}
	return all
}
