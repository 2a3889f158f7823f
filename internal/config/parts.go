package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"quarterturn/internal/strict"
)

// Diff compares the parts of a credential before and after: the paths that are new, gone, and different, each sorted.
func Diff(before, after map[string]string) (added, removed, changed []string) {
	for path, digest := range after {
		switch old, was := before[path]; {
		case !was:
			added = append(added, path)
		case old != digest:
			changed = append(changed, path)
		}
	}
	for path := range before {
		if _, is := after[path]; !is {
			removed = append(removed, path)
		}
	}
	slices.Sort(added)
	slices.Sort(removed)
	slices.Sort(changed)
	return added, removed, changed
}

// digests collects parts.
type digests map[string]string

// parts are those of everything that digest covers.
func parts(c Credential) map[string]string {
	d := digests{}
	for path, text := range map[string]string{"vendor": c.Vendor, "environment": c.Environment, "organisation": c.Organisation,
		"people.owner": c.Owner, "people.deputy": c.Deputy} {
		d.text(path, text)
	}
	d.some("people.approvers", slices.Sorted(slices.Values(c.Approvers)))
	d.policy(c)
	d.put("places", names(c.Places, func(p Place) string { return p.Name })) // their order is that of writing
	for _, p := range c.Places {
		d.place(p)
	}
	for _, one := range c.Consumers {
		d.consumer(one)
	}
	return d
}

func (d digests) policy(c Credential) {
	p := c.Policy
	for path, value := range map[string]any{"name": p.Name, "max_age": p.MaxAge, "rotate_at": p.RotateAt, "remind": p.Remind,
		"overlap": p.Overlap, "escalate_after": p.EscalateAfter, "approve_revocation": p.ApproveRevocation} {
		d.put("policy."+path, value)
	}
	if len(p.Freezes) > 0 {
		d.put("policy.freezes", p.Freezes)
	}
}

func (d digests) place(p Place) {
	at := "places." + p.Name + "."
	d.settings(at+p.Kind, p.Settings)
	for field, name := range p.Fields { // the vendor's fields: their names may be shown
		d.put(at+"fields."+field, name)
	}
	d.text(at+"follows", p.Follows)
	if link := p.Connection; link != nil {
		d.text(at+"on", link.Name)
		d.settings("connections."+link.Name+"."+link.Kind, link.Settings)
	}
}

func (d digests) consumer(c Consumer) {
	at := "consumers." + c.Name + "."
	d.put(at+"reads", slices.Sorted(slices.Values(c.Reads)))
	d.put(at+"prove_within", c.ProveWithin)
	if c.Redeploy != nil {
		d.settings(at+"redeploy."+c.Redeploy.Kind, c.Redeploy.Settings)
	}
	if c.Proof != nil {
		d.settings(at+"proof."+c.Proof.Kind, c.Proof.Settings)
	}
}

// settings digests each named setting; lists are one part, and so are fields whose names must not be shown.
func (d digests) settings(path string, settings *strict.Document) {
	fields, _ := settings.Fields()
	shown := !slices.ContainsFunc(fields, func(f *strict.Document) bool { return strict.ShowName(f.Name()) != f.Name() })
	switch {
	case len(fields) > 0 && shown:
		for _, field := range fields {
			d.settings(path+"."+field.Name(), field)
		}
	case settings != nil:
		d.put(path, settings)
	}
}

func (d digests) text(path, value string) {
	if value != "" {
		d.put(path, value)
	}
}

func (d digests) some(path string, list []string) {
	if len(list) > 0 {
		d.put(path, list)
	}
}

func (d digests) put(path string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic("config: a resolved part always encodes") // it is plain data
	}
	sum := sha256.Sum256(append([]byte(path+"\x00"), text...))
	d[path] = hex.EncodeToString(sum[:8])
}
