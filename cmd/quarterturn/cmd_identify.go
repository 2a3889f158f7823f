package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"quarterturn/intake"
	"quarterturn/internal/config"
	"quarterturn/rotator"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// identityView says whose a paste is, for machines.
type identityView struct {
	Known       bool      `json:"known"`
	Match       string    `json:"match"` // whole, half, mixed, swapped or none
	Credential  string    `json:"credential,omitempty"`
	Vendor      string    `json:"vendor,omitempty"`
	Environment string    `json:"environment,omitempty"`
	Pair        *pairView `json:"pair,omitempty"`
	Others      []string  `json:"other_pairs,omitempty"` // mixed: the other pairs that share a field
	Verdict     string    `json:"verdict"`               // alive, dead, unclear or not asked
	Host        string    `json:"host,omitempty"`
	Why         string    `json:"why"`
	Notes       []string  `json:"notes"`
	Next        string    `json:"next,omitempty"`
}

func (a *app) identifyCmd() *cobra.Command {
	var as string
	c := &cobra.Command{Use: "identify", Short: "whose a pair is, and whether it is alive; nothing is kept", Args: names(0, 0, "no arguments"),
		Long: "Say which credential, generation and environment a pasted pair, or half of one,\n" +
			"belongs to, and whether it is alive. A pair is sent to its own credential's\n" +
			"pinned host and to no other; an unknown one is sent nowhere, unless --probe\n" +
			"says whose it is. Neither the paste nor the answer is kept.",
		RunE: func(c *cobra.Command, _ []string) error {
			var named []string
			if as != "" {
				named = []string{as}
			}
			return a.withNamed(c.Context(), named, func(s *shop) error { return a.identify(c.Context(), s, as) })
		}}
	c.Flags().StringVar(&as, "probe", "", "probe a pair that nobody knows as this credential's")
	return c
}

func (a *app) identify(ctx ctxt, s *shop, as string) error {
	m, notes, err := a.pastePart(ctx, s.everyField())
	if err != nil {
		return pasteAgain(err, "quarterturn identify")
	}
	v, pair, err := s.recognise(ctx, m)
	if err != nil {
		return err
	}
	v.Notes = append([]string{}, notes...)
	if err := s.alive(ctx, a.w, &v, pair, m, as); err != nil {
		return err
	}
	return a.p.give(answer{json: v, next: v.Next, text: func(p *printer) { printIdentity(p, v) }})
}

// pastePart is paste for something that was found: half of it will do.
func (a *app) pastePart(ctx ctxt, fields []intake.Field) (secret.Material, []string, error) {
	if a.w.terminal != nil {
		return intake.PromptPart(ctx, a.w.terminal, fields)
	}
	return pipedBy(ctx, a.w.in, fields, intake.ReadPart)
}

func pasteAgain(err error, next string) error {
	if wrong, ok := errors.AsType[*intake.Error](err); ok {
		return &failure{code: exitUsage, next: next, err: wrong}
	}
	return err
}

// everyField is what the configured vendors' pairs consist of, each name once.
func (s *shop) everyField() []intake.Field {
	var all []intake.Field
	for _, c := range s.cfg.Credentials {
		for _, f := range s.fields(c.Name) {
			i := slices.IndexFunc(all, func(g intake.Field) bool { return g.Name == f.Name })
			if i < 0 {
				all = append(all, f)
				continue
			}
			for _, prefix := range f.Prefixes {
				if !slices.Contains(all[i].Prefixes, prefix) {
					all[i].Prefixes = append(all[i].Prefixes, prefix)
				}
			}
		}
	}
	return all
}

// recognise looks for the paste in the ledger, then for its fields in each other's place.
func (s *shop) recognise(ctx ctxt, m secret.Material) (identityView, rotator.Pair, error) {
	v, pair, err := s.found(ctx, m)
	if err != nil || v.Known {
		return v, pair, err
	}
	for _, turned := range turns(m, s.everyField()) {
		t, pair, err := s.found(ctx, turned)
		if err != nil {
			return v, pair, err
		}
		if t.Known && len(m) > 1 {
			t.Match = "swapped"
		}
		if t.Known {
			return t, pair, nil
		}
	}
	return v, rotator.Pair{}, nil
}

// turns are the other ways to read a paste: two values exchanged, or a lone one under each other name.
func turns(m secret.Material, fields []intake.Field) []secret.Material {
	names := m.Fields()
	if len(names) == 2 {
		return []secret.Material{{names[0]: m[names[1]], names[1]: m[names[0]]}}
	}
	var all []secret.Material
	for _, f := range fields {
		if len(names) == 1 && f.Name != names[0] {
			all = append(all, secret.Material{f.Name: m[names[0]]})
		}
	}
	return all
}

// found is the ledger's answer. A pair that agrees in every field that was pasted goes before one that shares one.
func (s *shop) found(ctx ctxt, m secret.Material) (identityView, rotator.Pair, error) {
	v := identityView{Match: "none", Verdict: "not asked"}
	prints := s.keys.Prints(m)
	fields := prints.Partial()
	known, err := s.ledger.Find(ctx, fields.Merge(prints))
	if err != nil || len(known) == 0 {
		return v, rotator.Pair{}, err
	}
	slices.SortStableFunc(known, func(p, q rotator.Pair) int {
		return cmp.Compare(q.Prints.Compare(fields), p.Prints.Compare(fields))
	})
	pair := known[0]
	view := viewPair(pair)
	v.Known, v.Credential, v.Environment, v.Pair = true, pair.Credential, pair.Environment, &view
	v.Vendor = s.configured(pair.Credential).Vendor
	switch {
	case pair.Prints.Compare(prints) == secret.Equal:
		v.Match = "whole"
	case pair.Prints.Compare(fields) == secret.Equal:
		v.Match = "half"
	default:
		v.Match = "mixed"
	}
	for _, other := range known[1:] {
		if v.Match == "mixed" {
			v.Others = append(v.Others, other.Credential+" "+string(other.ID))
		}
	}
	return v, pair, nil
}

// alive asks the vendor where that is allowed (I-4), and says what is known where it is not.
func (s *shop) alive(ctx ctxt, w world, v *identityView, pair rotator.Pair, m secret.Material, as string) error {
	if v.Match == "swapped" {
		names := m.Fields()
		m = secret.Material{names[0]: m[names[1]], names[1]: m[names[0]]}
	}
	if v.Known {
		return s.aliveKnown(ctx, w, v, pair, m)
	}
	if as == "" {
		v.Why = "no credential of this ledger ever had it; it was sent nowhere: --probe NAME asks as that credential"
		return nil
	}
	c := s.configured(as)
	profile := s.profiles[c.Vendor]
	if len(m) < len(profile.FieldNames()) {
		v.Why = "half a pair cannot be asked about; it was sent nowhere"
		return nil
	}
	lost, err := s.incomparable(ctx, c)
	if err != nil {
		return err
	}
	if lost > 0 {
		v.Why = fmt.Sprintf("%d %s of other environments cannot be compared, because their fingerprint key is not held here: it may be one "+
			"of them, and was sent nowhere", lost, plural("pair", lost))
		return nil
	}
	if other := profile.Elsewhere(m, c.Environment); other != "" {
		v.Why = "it begins like a pair of " + other + ", and " + as + " is " + c.Environment + ": environments never mix; it was sent nowhere"
		return nil
	}
	return s.probe(ctx, w, v, c, m)
}

// incomparable counts pairs of other hosts and environments than c's that no key held here can name (I-4): a paste that
// nobody seems to know may be one of them.
func (s *shop) incomparable(ctx ctxt, c config.Credential) (n int, err error) {
	pairs, err := s.ledger.Pairs(ctx, "")
	for _, p := range pairs {
		here := p.Environment == c.Environment && s.configured(p.Credential).Vendor == c.Vendor
		if len(p.Prints) > 0 && !s.keys.Knows(p.Prints) && !here {
			n++
		}
	}
	return n, err
}

func (s *shop) aliveKnown(ctx ctxt, w world, v *identityView, pair rotator.Pair, m secret.Material) error {
	c := s.configured(pair.Credential)
	switch {
	case v.Match == "mixed":
		v.Why = "its fields belong to different pairs: no such pair exists, and it was sent nowhere"
	case v.Match == "half":
		v.Why = "half a pair cannot be asked about; the ledger knows the pair as " + string(pair.Life)
	case c.Name == "" || c.Environment != pair.Environment:
		v.Why = "its credential is not configured for " + pair.Environment + " any more; it was sent nowhere"
	case (pair.Life == rotator.Dead || pair.Life == rotator.Ended) && !s.profiles[c.Vendor].Lifecycle.FailingProbes:
		v.Why = "the ledger knows it as " + string(pair.Life) + ", and the vendor's profile forbids calls that are expected to fail"
	default:
		v.Next = s.inUse(pair)
		return s.probe(ctx, w, v, c, m)
	}
	v.Next = s.inUse(pair)
	return nil
}

// inUse is where to look on: the standing of a credential that is configured.
func (s *shop) inUse(pair rotator.Pair) string {
	if s.configured(pair.Credential).Name == "" {
		return ""
	}
	return "quarterturn status " + pair.Credential
}

// probe makes one smoke call on the credential's pinned host. Only the budget of calls hears of it.
func (s *shop) probe(ctx ctxt, w world, v *identityView, c config.Credential, m secret.Material) error {
	prober, err := vendors.NewProber(s.profiles[c.Vendor], c.Environment, vendors.ProberOptions{Budget: s.ledger, Key: s.budgetKey,
		Now: w.now, Wait: w.wait})
	if err != nil {
		return err
	}
	rd, err := prober.Probe(ctx, m)
	if err != nil {
		v.Why = err.Error()
		return nil
	}
	verdicts := map[vendors.Verdict]string{vendors.Accepted: "alive", vendors.Refused: "dead"}
	v.Verdict, v.Host, v.Why = cmp.Or(verdicts[rd.Verdict], "unclear"), rd.Host, "the vendor accepts it"
	if rd.Verdict != vendors.Accepted {
		v.Why = rd.Why
	}
	if !v.Known {
		v.Why += "; asked as " + c.Name
	}
	return nil
}

func printIdentity(p *printer, v identityView) {
	for _, n := range v.Notes {
		p.mark("note", "%s", n)
	}
	if v.Known {
		p.mark("ok", "%s of %s (%s).", matchText(v.Match), v.Credential, v.Environment)
		p.mark("", "%s, key ends in %s, created %s\npair %s", v.Pair.Life, orDash(v.Pair.LastFour), created(v.Pair), v.Pair.ID)
	} else {
		p.mark("note", "Not known here.")
	}
	if len(v.Others) > 0 {
		p.mark("note", "It shares a field with %s too.", strings.Join(v.Others, ", "))
	}
	words := map[string]string{"alive": "ok", "dead": "STOP"}
	p.mark(cmp.Or(words[v.Verdict], "note"), "%s: %s.", v.Verdict, v.Why)
}

func matchText(match string) string {
	return map[string]string{"whole": "A pair", "half": "Half a pair", "mixed": "A mixture with a pair",
		"swapped": "A pair, its fields in each other's place,"}[match]
}

func created(v *pairView) string {
	if v.Created == nil {
		return "unknown"
	}
	return day(*v.Created)
}
