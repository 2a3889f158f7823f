package config

import (
	"maps"
	"slices"

	"quarterturn/internal/strict"
	"quarterturn/policies"
)

func (l *loading) checkCredential(c credential, path ...any) {
	at := func(more ...any) []any { return append(slices.Clip(path), more...) }
	l.checkName("no policy of this name", c.Policy, l.policyNames(), at("policy")...)
	l.checkName("no group of people of this name", c.People, l.peopleNames(), at("people")...)
	l.checkPolicyChosen(c, path)
	l.checkPeopleChosen(c, path)
	l.checkVendor(c, path)
	placeNames := names(c.Places, func(p place) string { return p.Name })
	l.checkTwice(placeNames, at("places")...)
	l.checkTwice(names(c.Consumers, func(c consumer) string { return c.Name }), at("consumers")...)
	for i, p := range c.Places {
		l.checkPlace(p, c, at("places", i))
	}
	for i, one := range c.Consumers {
		for j, read := range one.Reads {
			l.checkName("no place of this name", read, placeNames, at("consumers", i, "reads", j)...)
		}
	}
	l.noteUnread(c, path)
}

// chosen is the credential's own word or the default's.
func chosen(own, otherwise string) string {
	if own != "" {
		return own
	}
	return otherwise
}

func (l *loading) policyName(c credential) string {
	name := chosen(c.Policy, l.file.Defaults.Policy)
	if name == "" && l.doc.Sub("policies") == nil {
		return DefaultPolicy
	}
	return name
}

func (l *loading) checkPolicyChosen(c credential, path []any) {
	if l.policyName(c) == "" && l.silent("policy", path) {
		l.problem("missing", "name one of policies here or in defaults", append(slices.Clip(path), "policy")...)
	}
}

// silent reports that neither the credential nor the defaults even try to say field: a broken word is said elsewhere.
func (l *loading) silent(field string, path []any) bool {
	return l.doc.Sub(append(slices.Clip(path), field)...) == nil && l.doc.Sub("defaults", field) == nil
}

// checkPeopleChosen wants somebody to ask, and somebody else where the policy asks for a second person.
func (l *loading) checkPeopleChosen(c credential, path []any) {
	name := chosen(c.People, l.file.Defaults.People)
	if name == "" {
		if l.silent("people", path) {
			l.problem("missing", "name a group of people here or in defaults", append(slices.Clip(path), "people")...)
		}
		return
	}
	group, known := l.file.People[name]
	approval := policies.Approval(l.file.Policies[l.policyName(c)].ApproveRevocation)
	if known && approval == policies.SecondPerson && l.doc.Sub("people", name, "approvers", 0) == nil {
		l.problem("missing, but a policy asks for a second person", "add who may approve", "people", name, "approvers")
	}
	if approval == policies.SecondPerson && len(group.Approvers) == 1 && group.Approvers[0] == group.Owner {
		l.note("only the owner can approve, but never a pair that the owner submitted", "add somebody else", "people", name, "approvers")
	}
}

func (l *loading) note(what, remedy string, path ...any) {
	l.notes = append(l.notes, l.doc.Problem(what, remedy, path...))
}

func (l *loading) checkVendor(c credential, path []any) {
	if l.vendors == nil {
		return
	}
	at := func(field string) []any { return append(slices.Clip(path), field) }
	l.checkName("no vendor of this name", c.Vendor, slices.Sorted(maps.Keys(l.vendors)), at("vendor")...)
	if vendor, known := l.vendors[c.Vendor]; known {
		l.checkName("no such environment of this vendor", c.Environment, vendor.Environments, at("environment")...)
	}
}

func (l *loading) checkPlace(p place, c credential, path []any) {
	at := func(more ...any) []any { return append(slices.Clip(path), more...) }
	written := l.doc.Sub(at("fields")...)
	if vendor, known := l.vendors[c.Vendor]; known && written != nil && len(written.Names()) > 0 {
		l.checkFields(p, vendor, path)
	}
	l.checkFieldsDiffer(p, path)
	kind, _ := kindAt(l.doc, l.kinds.Places, path...)
	l.checkOn(p.On, kind, path)
	l.checkOneKind(l.kinds.Places, path)
	if p.On != "" && kind.Name != "" && !kind.OwnNames && written == nil {
		l.problem("missing", "add it", at("fields")...)
	}
	switch {
	case p.Follows == "":
	case p.Follows == p.Name:
		l.problem("the place itself", "name the place it copies, or remove it", at("follows")...)
	case follows(c.Places, p):
		l.problem("part of a circle: no place in it would ever be written", "remove one follows", at("follows")...)
	default:
		l.checkName("no place of this name", p.Follows, names(c.Places, func(p place) string { return p.Name }), at("follows")...)
	}
}

func (l *loading) checkFields(p place, vendor Vendor, path []any) {
	for _, field := range slices.Sorted(maps.Keys(p.Fields)) {
		if !slices.Contains(vendor.Fields, field) {
			found := l.doc.KeyProblem("no field of this vendor", choose(field, vendor.Fields), append(slices.Clip(path), "fields", field)...)
			l.problems = append(l.problems, found)
		}
	}
	for _, field := range vendor.Fields {
		if l.doc.Sub(append(slices.Clip(path), "fields", field)...) == nil {
			l.problem("missing", "name the entry that holds it", append(slices.Clip(path), "fields", field)...)
		}
	}
}

// checkFieldsDiffer finds two fields under one name in one place: the second would replace the first.
func (l *loading) checkFieldsDiffer(p place, path []any) {
	holds := map[string]string{}
	for _, field := range slices.Sorted(maps.Keys(p.Fields)) {
		entry := p.Fields[field]
		if other, twice := holds[entry]; twice {
			l.problem("the same entry as "+strict.Field("fields", other), "give each field its own", append(slices.Clip(path), "fields", field)...)
			continue
		}
		holds[entry] = field
	}
}

// follows reports that start is reached again by going from place to place.
func follows(places []place, start place) bool {
	next := map[string]string{}
	for _, p := range places {
		next[p.Name] = p.Follows
	}
	at := start.Follows
	for range places {
		if at == start.Name {
			return true
		}
		at = next[at]
	}
	return false
}

// noteUnread names places whose holding no consumer can prove.
func (l *loading) noteUnread(c credential, path []any) {
	for i, p := range c.Places {
		if p.Name != "" && !isRead(c, p.Name) {
			l.note("read by no consumer", "name it in a consumer's reads, if anything uses it", append(slices.Clip(path), "places", i)...)
		}
	}
}

func isRead(c credential, name string) bool {
	return slices.ContainsFunc(c.Consumers, func(one consumer) bool { return slices.Contains(one.Reads, name) }) ||
		slices.ContainsFunc(c.Places, func(p place) bool { return p.Follows == name })
}
