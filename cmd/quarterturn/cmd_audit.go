package main

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quarterturn/ledger"
	"quarterturn/rotator"
)

func (a *app) auditCmd() *cobra.Command {
	c := &cobra.Command{Use: "audit", Short: "the trail, checked", Args: noSuchCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	var file string
	verify := &cobra.Command{Use: "verify", Short: "recompute every chain and digest", Args: names(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if file != "" {
				return a.verifyFile(c.Context(), file)
			}
			return a.with(c.Context(), func(s *shop) error { return a.verify(c.Context(), s) })
		}}
	verify.Flags().StringVar(&file, "file", "", "check this export instead, and that the ledger, if there, extends it")
	c.AddCommand(verify, a.exportCmd())
	return c
}

func (a *app) verify(ctx ctxt, s *shop) error {
	r, err := s.ledger.Verify(ctx)
	if err != nil {
		return err
	}
	problems := []map[string]any{}
	for _, p := range r.Problems {
		problems = append(problems, map[string]any{"chain": string(p.Chain), "seq": p.Seq, "what": p.What})
	}
	err = a.p.give(answer{json: map[string]any{"chains": r.Chains, "events": r.Events, "pairs": r.Pairs, "calls": r.Calls,
		"pruned": r.Pruned, "problems": problems}, text: func(p *printer) { printReport(p, r) }})
	if len(r.Problems) > 0 {
		return errors.Join(err, quietly(exitStop))
	}
	return err
}

func printReport(p *printer, r ledger.Report) {
	for _, bad := range r.Problems {
		where := fmt.Sprintf("%s event %d: ", bad.Chain, bad.Seq)
		if bad.Chain == "" {
			where = "" // it concerns the file as a whole
		}
		p.mark("STOP", "%s%s", where, bad.What)
	}
	if len(r.Problems) == 0 {
		p.mark("ok", "%d events in %d chains, %d pairs and %d vendor calls are as they were recorded", r.Events, r.Chains, r.Pairs, r.Calls)
	}
	if r.Pruned > 0 {
		p.mark("note", "%d calls that the trail names are older than they are kept", r.Pruned)
	}
}

// eventView is one line of the trail, for machines.
type eventView struct {
	Seq  int64             `json:"seq"`
	At   time.Time         `json:"at"`
	Kind string            `json:"kind"`
	Who  string            `json:"who"`
	From string            `json:"from,omitempty"`
	To   string            `json:"to,omitempty"`
	Text string            `json:"text"`
	Data map[string]string `json:"data,omitempty"`
	Hash string            `json:"hash"`
}

// chainView is one rotation's evidence, for machines.
type chainView struct {
	Rotation string      `json:"rotation"`
	Lane     string      `json:"lane"`
	State    string      `json:"state"`
	Old      string      `json:"old,omitempty"`
	New      string      `json:"new,omitempty"`
	Events   []eventView `json:"events"`
}

func (a *app) evidenceCmd() *cobra.Command {
	var all bool
	c := &cobra.Command{Use: "evidence NAME", Short: "what was seen, when, by whom, of a credential's last rotation", Args: names(1, 1, "one name"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withNamed(c.Context(), args, func(s *shop) error { return a.evidence(c.Context(), s, args[0], all) })
		}}
	c.Flags().BoolVar(&all, "all", false, "every rotation and burial, not only the last rotation")
	return c
}

func (a *app) evidence(ctx ctxt, s *shop, name string, all bool) error {
	if _, err := s.rt.Status(ctx, name); err != nil {
		return err
	}
	rotations, err := s.ledger.Rotations(ctx, name)
	if err != nil {
		return err
	}
	chains := []chainView{}
	for _, r := range chosen(rotations, all) {
		events, err := s.ledger.Events(ctx, r.ID)
		if err != nil {
			return err
		}
		chains = append(chains, viewChain(r, events))
	}
	inventory, err := s.ledger.Events(ctx, ledger.CredentialChain(name))
	if err != nil {
		return err
	}
	if len(inventory) > 0 {
		chain := viewChain(rotator.Rotation{ID: ledger.CredentialChain(name), Lane: "inventory", State: "adoptions and waivers"}, inventory)
		chains = append(chains, chain)
	}
	calls, err := s.ledger.Calls(ctx, name)
	if err != nil {
		return err
	}
	return a.p.give(answer{json: map[string]any{"credential": name, "chains": chains, "calls": len(calls)},
		text: func(p *printer) { printEvidence(p, chains, len(calls)) }})
}

// chosen is the last rotation, or everything.
func chosen(rotations []rotator.Rotation, all bool) []rotator.Rotation {
	if all {
		return rotations
	}
	for i := len(rotations) - 1; i >= 0; i-- {
		if rotations[i].Lane != rotator.Burial {
			return rotations[i : i+1]
		}
	}
	return nil
}

func viewChain(r rotator.Rotation, events []rotator.Event) chainView {
	v := chainView{Rotation: string(r.ID), Lane: string(r.Lane), State: string(r.State), Old: string(r.Old), New: string(r.New),
		Events: []eventView{}}
	for _, e := range events {
		v.Events = append(v.Events, eventView{Seq: e.Seq, At: e.At, Kind: e.Kind, Who: e.Who, From: string(e.From),
			To: string(e.To), Text: e.Text, Data: e.Data, Hash: e.Hash})
	}
	return v
}

func printEvidence(p *printer, chains []chainView, calls int) {
	if len(chains) == 0 {
		p.line("No rotation of this credential is in the ledger.")
		return
	}
	for _, c := range chains {
		p.line("%s  %s, %s", p.style(bold, c.Rotation), c.Lane, strings.ReplaceAll(c.State, "_", " "))
		for _, e := range c.Events {
			printEvent(p, e)
		}
	}
	p.say("%d vendor calls are kept beside the trail; it holds their digests. Check both: quarterturn audit verify", calls)
}

// printEvent leaves out what only machines want: calls, intents, and waits that awaited nobody.
func printEvent(p *printer, e eventView) {
	if e.Kind == "asked" || e.Kind == "intent" || e.Kind == "waiting" && e.Data["next"] == "" {
		return
	}
	what := strings.TrimSuffix(e.Kind+": "+e.Text, ": ")
	if e.To != "" && e.To != e.From {
		what = fmt.Sprintf("%s → %s: %s", orDash(e.From), e.To, e.Text)
	}
	if e.Who != "quarterturn" {
		what += " (" + e.Who + ")"
	}
	if detail := proofDetail(e); detail != "" {
		what += " (" + detail + ")"
	}
	p.row([]string{fmt.Sprintf("%4d", e.Seq), strings.TrimSuffix(stamp(e.At), " UTC"), what}, []int{4, 16, 0}, plain)
}

// proofDetail shows the ids by which an answer can be found at the vendor.
func proofDetail(e eventView) string {
	if e.Kind != "triple" {
		return ""
	}
	var parts []string
	for _, k := range []string{"new", "random", "old"} {
		parts = append(parts, k+" "+e.Data[k])
	}
	sort.Strings(parts)
	return strings.Join(parts, ", ")
}
