package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"quarterturn/rotator"
)

// patience is how long rotate waits by itself before it says when to come back.
const patience = 2 * time.Minute

func (a *app) rotateCmd() *cobra.Command {
	var compromised, noWait bool
	c := &cobra.Command{Use: "rotate NAME", Short: "open a rotation, or go on with it, and guide the person through it", Args: names(1, 1, "one name"),
		RunE: func(c *cobra.Command, args []string) error {
			lane := rotator.Routine
			if compromised {
				lane = rotator.Compromised
			}
			if a.output != "json" {
				n := newNarrator(a.p)
				a.wi.trail = n.tell
				return a.with(c.Context(), func(s *shop) error { return a.rotate(c.Context(), s, args[0], lane, n, noWait) })
			}
			return a.with(c.Context(), func(s *shop) error { return a.rotate(c.Context(), s, args[0], lane, nil, true) })
		}}
	c.Flags().BoolVar(&compromised, "compromised", false, "the key is known to others: not built yet")
	c.Flags().BoolVar(&noWait, "no-wait", false, "stop instead of waiting a short while for machines")
	return c
}

// rotate goes as far as it can: through passes while something moves, through prompts while somebody is there.
func (a *app) rotate(ctx ctxt, s *shop, name string, lane rotator.Lane, n *narrator, noWait bool) error {
	id, err := a.openOrGoOn(ctx, s, name, lane)
	if err != nil {
		return err
	}
	if n != nil {
		n.begin(ctx, s, name)
	}
	for {
		out, worked := s.rt.One(ctx, id)
		if !worked {
			return &failure{code: exitTransient, next: "quarterturn status " + name, err: out.Err}
		}
		again, err := a.between(ctx, s, out, n, noWait)
		if err != nil || !again {
			return err
		}
	}
}

// openOrGoOn finds the open rotation or opens one.
func (a *app) openOrGoOn(ctx ctxt, s *shop, name string, lane rotator.Lane) (rotator.ID, error) {
	standings, err := s.rt.Status(ctx, name)
	if err != nil {
		return "", err
	}
	if r := standings[0].Rotation; r != nil && lane == rotator.Routine {
		return r.ID, nil
	}
	r, err := s.rt.OpenNow(ctx, name, lane, a.as, "asked for by "+a.as)
	return r.ID, err
}

func (n *narrator) begin(ctx ctxt, s *shop, name string) {
	standings, err := s.rt.Status(ctx, name)
	if err != nil {
		return
	}
	st := standings[0]
	n.p.line("Rotating %s (%s, %s). %s.", n.p.style(bold, name), st.Vendor, st.Environment, st.Finding.Rule)
	if st.Rotation != nil {
		n.enter(st.Rotation.State)
	}
}

// between says what is awaited after a pass, and deals with it when it can be dealt with here. true: go on.
func (a *app) between(ctx ctxt, s *shop, out rotator.Outcome, n *narrator, noWait bool) (bool, error) {
	switch {
	case out.Err != nil && n == nil, out.To.Over(), out.Broken != "":
		return false, a.finish(ctx, s, out, n)
	case out.To == rotator.AwaitingKey && a.w.terminal != nil && n != nil && out.Command == "quarterturn rotate "+out.Credential:
		return a.guide(ctx, s, out, n)
	case out.To == rotator.Received && a.w.terminal != nil && n != nil && out.Command != "":
		return a.askPortal(ctx, s, out, n)
	case out.Command == "" && !noWait && !out.Next.IsZero() && out.Next.Sub(a.w.now()) <= patience:
		return a.waitFor(ctx, out, n)
	}
	return false, a.finish(ctx, s, out, n)
}

// waitFor is a short wait for machines, said once a reason.
func (a *app) waitFor(ctx ctxt, out rotator.Outcome, n *narrator) (bool, error) {
	d := out.Next.Sub(a.w.now())
	if d > 0 {
		n.p.mark("wait", "%s (looking again in %s)", out.Why, d.Round(time.Second))
	}
	return true, a.w.wait(ctx, max(d, 0))
}

// guide shows the way through the portal and takes the paste.
func (a *app) guide(ctx ctxt, s *shop, out rotator.Outcome, n *narrator) (bool, error) {
	a.showPortal(s, out, n)
	organisation, err := a.whose(s, out.Credential)
	if err != nil {
		return false, err
	}
	receipt, notes, err := a.takeIn(ctx, s, rotator.Paste{Credential: out.Credential, Organisation: organisation,
		Environment: s.environment(out.Credential)})
	var refused *rotator.Refusal
	if errors.As(err, &refused) {
		n.p.mark("STOP", "%s", refused.Text)
		return true, nil
	}
	if err != nil {
		return false, err
	}
	n.enter(rotator.Received)
	printReceipt(n.p, receipt, notes)
	return true, nil
}

// showPortal is the portal step: which organisation and environment must be on the screen, and what to name the key.
func (a *app) showPortal(s *shop, out rotator.Outcome, n *narrator) {
	n.enter(rotator.AwaitingKey)
	if out.Why != "" && out.From != rotator.AwaitingKey && out.Broken == "" {
		n.p.mark("ask", "%s", out.Why)
	}
	for i, step := range s.portal(out.Credential, "create", "", a.w.now()) {
		n.p.mark("ask", "%d. %s", i+1, step)
	}
}

// whose asks for the organisation where the configuration does not name it.
func (a *app) whose(s *shop, name string) (string, error) {
	c := s.configured(name)
	prompt := fmt.Sprintf("        Which organisation does the portal show, with environment %s? ", c.Environment)
	if c.Organisation != "" {
		prompt = fmt.Sprintf("        The portal shows organisation %q and environment %s: type the organisation: ", c.Organisation, c.Environment)
	}
	return a.ask(prompt)
}

// askPortal gets the word that the vendor's answer could not give.
func (a *app) askPortal(ctx ctxt, s *shop, out rotator.Outcome, n *narrator) (bool, error) {
	n.p.mark("ask", "%s", out.Why)
	organisation, err := a.whose(s, out.Credential)
	if err != nil {
		return false, err
	}
	_, err = s.rt.Say(ctx, rotator.Saying{Credential: out.Credential, Kind: rotator.AttestIt, Who: a.as, Target: "portal",
		Text: organisation, Environment: s.environment(out.Credential)})
	return err == nil, err
}

// finish is the last word: what is proven, whether anything is broken, when to come back, and who is awaited.
func (a *app) finish(ctx ctxt, s *shop, out rotator.Outcome, n *narrator) error {
	code := outcomeCode(out)
	if n == nil {
		err := a.p.give(answer{json: map[string]any{"outcome": viewOutcome(out), "exit": code,
			"portal": s.portal(out.Credential, "create", "", a.w.now())}})
		return errors.Join(err, quietly(code))
	}
	a.lastWord(ctx, s, out, n)
	n.p.next(out.Command)
	return quietly(code)
}

func (a *app) lastWord(ctx ctxt, s *shop, out rotator.Outcome, n *narrator) {
	switch {
	case out.Broken != "":
		n.p.mark("STOP", "%s. Broken now: %s.", out.Why, out.Broken)
	case out.To.Over():
		n.p.line("%s is %s.", out.Credential, n.p.style(good, stateWords(out.To)))
	case out.To == rotator.AwaitingKey:
		a.showPortal(s, out, n)
		n.p.mark("ask", "hand the pair in: quarterturn submit %s < file, or at a terminal", out.Credential)
	case out.To == rotator.AwaitingRevocation:
		a.revocationStep(ctx, s, out, n)
	case out.Command != "":
		n.p.mark("ask", "%s", out.Why)
	default:
		n.p.mark("wait", "%s. Come back after %s; a pass (quarterturn run) goes on too.", out.Why, stamp(out.Next))
	}
}

func stateWords(s rotator.State) string {
	switch s {
	case rotator.RolledBack:
		return "rolled back"
	case rotator.Closed:
		return "closed"
	}
	return "abandoned"
}

// revocationStep shows REVOKE beside KEEP, and how to do it.
func (a *app) revocationStep(ctx ctxt, s *shop, out rotator.Outcome, n *narrator) {
	if out.Command == "" {
		n.p.mark("wait", "%s. Come back after %s; a pass (quarterturn run) goes on too.", out.Why, stamp(out.Next))
		return
	}
	n.p.mark("ask", "%s.", out.Why)
	if err := a.showRevocation(ctx, s, out.Credential); err != nil {
		n.p.mark("wait", "%s", err)
	}
	for i, step := range s.portal(out.Credential, "revoke", s.oldFragment(ctx, out.Credential), a.w.now()) {
		n.p.mark("ask", "%d. %s", i+1, step)
	}
}
