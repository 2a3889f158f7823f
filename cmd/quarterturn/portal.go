package main

import (
	"time"

	"quarterturn/internal/config"
	"quarterturn/rotator"
)

// configured is a credential's configuration, zero when there is none of that name.
func (s *shop) configured(name string) config.Credential {
	for _, c := range s.cfg.Credentials {
		if c.Name == name {
			return c
		}
	}
	return config.Credential{}
}

func (s *shop) environment(name string) string { return s.configured(name).Environment }

// portal lists what a person does in the vendor's portal: which is "create" or "revoke". fragment tells the key to be
// revoked.
func (s *shop) portal(name, which, fragment string, now time.Time) []string {
	c := s.configured(name)
	organisation := c.Organisation
	if organisation == "" {
		organisation = "(yours)"
	}
	return s.profiles[c.Vendor].Steps(which, organisation, c.Environment, keyName(name, which, fragment, now))
}

// keyName is what a new key should be called, or how the one to be revoked is found.
func keyName(name, which, fragment string, now time.Time) string {
	switch {
	case which == "create":
		return name + "-" + now.UTC().Format("2006-01-02")
	case fragment != "":
		return "that ends in " + fragment
	}
	return "shown above"
}

// oldFragment is how the portal shows the pair to be revoked, "" when that is not known.
func (s *shop) oldFragment(ctx ctxt, name string) string {
	standings, err := s.rt.Status(ctx, name)
	if err != nil || standings[0].Rotation == nil {
		return ""
	}
	return find(standings[0].Pairs, rotator.PairID(standings[0].Rotation.Old)).Fragment
}

func fragmentOf(st rotator.Standing) string { return find(st.Pairs, st.Rotation.Old).Fragment }
