package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"quarterturn/internal/strict"
	"quarterturn/policies"
)

// credential resolves one of a file without problems.
func (l *loading) credential(i int) Credential {
	written := l.file.Credentials[i]
	group := l.file.People[chosen(written.People, l.file.Defaults.People)]
	c := Credential{
		Name: written.Name, Vendor: written.Vendor, Environment: written.Environment, Organisation: written.Organisation,
		Policy: l.policy(l.policyName(written)),
		Owner:  group.Owner, Deputy: group.Deputy, Approvers: group.Approvers,
	}
	for j, p := range written.Places {
		kind, settings := kindAt(l.doc, l.kinds.Places, "credentials", i, "places", j)
		c.Places = append(c.Places, Place{Name: p.Name, Kind: kind.Name, Settings: settings, Fields: l.fields(p, written, kind),
			Follows: p.Follows, Connection: l.connection(p.On)})
	}
	for j, one := range written.Consumers {
		c.Consumers = append(c.Consumers, l.consumer(one, "credentials", i, "consumers", j))
	}
	c.Digest, c.Parts = digest(c), parts(c)
	c.Where = l.doc.Sub("credentials", i).Where()
	return c
}

// channel resolves one of a file without problems.
func (l *loading) channel(i int) Channel {
	written := l.file.Notify[i]
	kind, settings := kindAt(l.doc, l.kinds.Channels, "notify", i)
	return Channel{Name: written.Name, Kind: kind.Name, Settings: settings, Connection: l.connection(written.On), Only: written.Only}
}

func (l *loading) consumer(written consumer, path ...any) Consumer {
	c := Consumer{Name: written.Name, Reads: written.Reads, ProveWithin: time.Duration(written.ProveWithin)}
	if c.ProveWithin == 0 {
		c.ProveWithin = DefaultProveWithin
	}
	c.Redeploy = setting(l.doc, l.kinds.Redeploys, append(slices.Clip(path), "redeploy"))
	c.Proof = setting(l.doc, l.kinds.Proofs, append(slices.Clip(path), "proof"))
	return c
}

func setting(doc *strict.Document, kinds []Kind, path []any) *Setting {
	kind, settings := kindAt(doc, kinds, path...)
	if settings == nil {
		return nil
	}
	return &Setting{Kind: kind.Name, Settings: settings}
}

// policy starts from the built-in one; a policy that is written takes from it only what fits its own age.
func (l *loading) policy(name string) policies.Policy {
	resolved := policies.Quarterly()
	written, is := l.file.Policies[name]
	if !is {
		return resolved
	}
	resolved.Name, resolved.MaxAge, resolved.RotateAt = name, time.Duration(written.MaxAge), time.Duration(written.RotateAt)
	resolved.Overlap, resolved.Remind = time.Duration(written.overlap()), written.reminders()
	if written.EscalateAfter != 0 {
		resolved.EscalateAfter = time.Duration(written.EscalateAfter)
	}
	if written.ApproveRevocation != "" {
		resolved.ApproveRevocation = policies.Approval(written.ApproveRevocation)
	}
	for _, f := range written.Freezes {
		resolved.Freezes = append(resolved.Freezes, policies.Freeze{From: day(f.From), To: day(f.To), Reason: f.Reason})
	}
	return resolved
}

// reminders are those written, or those of the built-in policy below max_age; longest first.
func (p policy) reminders() []time.Duration {
	var steps []time.Duration
	for _, step := range p.Remind {
		steps = append(steps, time.Duration(step))
	}
	if p.Remind == nil {
		steps = slices.DeleteFunc(policies.Quarterly().Remind, func(step time.Duration) bool { return step >= time.Duration(p.MaxAge) })
	}
	slices.Sort(steps)
	slices.Reverse(steps)
	return slices.Compact(steps)
}

// digest names everything an approval relies on. Lists whose order says nothing are sorted; that of places is the
// order in which they are written.
func digest(c Credential) string {
	c.Approvers = slices.Sorted(slices.Values(c.Approvers))
	c.Places, c.Consumers = slices.Clone(c.Places), slices.Clone(c.Consumers)
	for i := range c.Consumers {
		c.Consumers[i].Reads = slices.Sorted(slices.Values(c.Consumers[i].Reads))
	}
	text, err := json.Marshal(c)
	if err != nil {
		panic("config: a resolved credential always encodes") // it is plain data
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
