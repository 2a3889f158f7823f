package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quarterturn/intake"
	"quarterturn/rotator"
)

// patience is how long rotate waits by itself before it says when to come back.
const patience = 2 * time.Minute

func (a *app) rotateCmd() *cobra.Command {
	var compromised, noWait bool
	var reason string
	c := &cobra.Command{Use: "rotate NAME", Short: "open a rotation, or go on with it, and guide a person through it", Args: names(1, 1, "one name"),
		RunE: func(c *cobra.Command, args []string) error {
			if compromised && strings.TrimSpace(reason) == "" {
				return usage("--compromised needs --reason: it stands in the trail")
			}
			begin := func(s *shop) (rotator.ID, error) { return a.openOrGoOn(c.Context(), s, args[0]) }
			if compromised {
				begin = func(s *shop) (rotator.ID, error) { return a.hurry(c.Context(), s, args[0], reason) }
			}
			if a.output != "json" {
				n := newNarrator(a.p)
				a.wi.trail = n.ofRotation
				return a.withNamed(c.Context(), args, func(s *shop) error { return a.rotate(c.Context(), s, args[0], begin, n, noWait) })
			}
			return a.withNamed(c.Context(), args, func(s *shop) error { return a.rotate(c.Context(), s, args[0], begin, nil, true) })
		}}
	c.Flags().BoolVar(&compromised, "compromised", false, "the key in use is known to others: no waiting, no way back")
	c.Flags().StringVar(&reason, "reason", "", "with --compromised: what happened, for the trail")
	c.Flags().BoolVar(&noWait, "no-wait", false, "stop instead of waiting a short while for machines")
	return c
}

// rotate goes as far as it can: through passes while something moves, through prompts while somebody is there.
func (a *app) rotate(ctx ctxt, s *shop, name string, begin func(*shop) (rotator.ID, error), n *narrator, noWait bool) error {
	id, err := begin(s)
	if err != nil {
		return err
	}
	if n != nil {
		n.begin(ctx, s, name)
	}
	for {
		out, err := oneLook(ctx, s, id, name)
		if err != nil {
			return err
		}
		again, err := a.between(ctx, s, out, n, noWait || !s.canOpen)
		if err != nil || !again {
			return err
		}
	}
}

// oneLook is a pass over this rotation where the sealing identity opens. Elsewhere only the words are said here, and what
// the ledger knows is all there is to show: passes run where the identity is.
func oneLook(ctx ctxt, s *shop, id rotator.ID, name string) (rotator.Outcome, error) {
	if s.canOpen {
		out, worked := s.rt.One(ctx, id)
		if !worked {
			return out, &failure{code: exitTransient, next: "quarterturn status " + name, err: out.Err}
		}
		return out, nil
	}
	standings, err := s.rt.Status(ctx, name)
	if err != nil || standings[0].Rotation == nil {
		return rotator.Outcome{}, err
	}
	st := standings[0]
	out := rotator.Outcome{Rotation: id, Credential: name, Lane: st.Rotation.Lane, From: st.Rotation.State, To: st.Rotation.State,
		Next: st.Rotation.NextAt, Why: st.Why, Command: st.Command}
	if out.Command == "" {
		out.Command = "quarterturn run"
	}
	return out, nil
}

// openOrGoOn finds the open rotation or opens one.
func (a *app) openOrGoOn(ctx ctxt, s *shop, name string) (rotator.ID, error) {
	standings, err := s.rt.Status(ctx, name)
	if err != nil {
		return "", err
	}
	if r := standings[0].Rotation; r != nil {
		return r.ID, nil
	}
	r, err := s.rt.OpenNow(ctx, name, s.rt.LaneOf(name), a.as, "asked for by "+a.as)
	return r.ID, err
}

// hurry is the compromised lane: what is under way ends in a pass, which opens the other rotation.
func (a *app) hurry(ctx ctxt, s *shop, name, reason string) (rotator.ID, error) {
	r, err := s.rt.Hurry(ctx, name, a.as, reason)
	if err != nil || r.Lane == rotator.Compromised {
		return r.ID, err
	}
	if _, worked := s.rt.One(ctx, r.ID); !worked {
		return "", &failure{code: exitTransient, next: "quarterturn run",
			err: errors.New("it is noted that the key is compromised; another pass is at work, and the next one goes on with it")}
	}
	r, err = s.rt.Underway(ctx, name)
	return r.ID, err
}

func (n *narrator) begin(ctx ctxt, s *shop, name string) {
	standings, err := s.rt.Status(ctx, name)
	if err != nil {
		return
	}
	st := standings[0]
	n.p.line("Rotating %s (%s, %s)", n.p.style(bold, name), st.Vendor, st.Environment)
	n.p.say("Age: %s.", st.Finding.Rule)
	n.lane(st)
	if st.Rotation != nil && st.Rotation.State != rotator.DueState && !st.Rotation.Facts.Preflight.IsZero() {
		n.enter(rotator.DueState)
		n.p.mark("ok", "everything needed to finish was ready at %s", stamp(st.Rotation.Facts.Preflight))
	}
	if st.Rotation != nil {
		n.enter(st.Rotation.State)
	}
}

// between says what is awaited after a pass, and deals with it when it can be dealt with here. true: go on.
func (a *app) between(ctx ctxt, s *shop, out rotator.Outcome, n *narrator, noWait bool) (bool, error) {
	somebody := a.w.terminal != nil && n != nil
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case somebody && out.Err == nil && awaitsKey(out):
		if out.Broken != "" {
			n.p.mark("STOP", "%s. Broken now: %s.", out.Why, out.Broken)
		}
		return a.guide(ctx, s, out, n)
	case out.Err != nil && n == nil, out.To.Over(), out.Broken != "":
		return false, a.finish(ctx, s, out, n)
	case somebody && out.To == rotator.Received && out.Command != "":
		return a.askPortal(ctx, s, out, n)
	case somebody && out.To == rotator.AwaitingRevocation && out.Command == "quarterturn revoked "+out.Credential:
		return a.askRevoked(ctx, s, out, n)
	case (out.To == rotator.AwaitingKey || out.To == rotator.DueState) && out.Command == "":
		looked, err := lookAtBurials(ctx, s, out.Credential, a.w.now())
		if looked || err != nil {
			return true, err
		}
		return false, a.finish(ctx, s, out, n)
	case out.Command == "" && !noWait && !out.Next.IsZero() && out.Next.Sub(a.w.now()) <= patience:
		return a.waitFor(ctx, out, n)
	}
	return false, a.finish(ctx, s, out, n)
}

// awaitsKey: a person is asked to create a key now.
func awaitsKey(out rotator.Outcome) bool {
	return out.To == rotator.AwaitingKey && out.Command == "quarterturn rotate "+out.Credential
}

// lane says what is different from a routine rotation.
func (n *narrator) lane(st rotator.Standing) {
	if st.Rotation == nil {
		return
	}
	switch st.Rotation.Lane {
	case rotator.Compromised:
		n.p.mark("note", "The key in use is COMPROMISED: no overlap, no freeze, and no way back to it. What is left out is in the trail.")
	case rotator.Replace:
		n.p.mark("note", "Creating the new key ends the old one: every consumer fails from then until it has the new key.")
	case rotator.Retire:
		n.p.mark("note", "The credential is being retired: its key is revoked, and no other takes its place.")
	}
}

// lookAtBurials looks at the burials whose time has come: one of them may be what a rotation waits for. false: none.
func lookAtBurials(ctx ctxt, s *shop, name string, now time.Time) (bool, error) {
	standings, err := s.rt.Status(ctx, name)
	if err != nil {
		return false, err
	}
	looked := false
	for _, b := range standings[0].Burials {
		if !b.NextAt.After(now) {
			_, worked := s.rt.One(ctx, b.ID)
			looked = looked || worked
		}
	}
	return looked, nil
}

// waitFor is a short wait for machines, said once a reason.
func (a *app) waitFor(ctx ctxt, out rotator.Outcome, n *narrator) (bool, error) {
	d := max(out.Next.Sub(a.w.now()), 0)
	if d > 0 && n.waiting != out.Why {
		n.waiting = out.Why
		n.p.mark("wait", "%s. Looking again by itself; Ctrl-C loses nothing.", out.Why)
	}
	return true, a.countDown(ctx, d)
}

// countDown waits, and shows a person at a terminal how long, on one line that is gone afterwards.
func (a *app) countDown(ctx ctxt, d time.Duration) error {
	if a.w.terminal == nil {
		return a.w.wait(ctx, d)
	}
	defer func() { _, _ = fmt.Fprintf(a.w.out, "\r%40s\r", "") }()
	for ; d > 0; d -= time.Second {
		_, _ = fmt.Fprintf(a.w.out, "\r        %-32s", "next look in "+d.Round(time.Second).String())
		if err := a.w.wait(ctx, min(d, time.Second)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// guide shows the way through the portal and takes the paste.
func (a *app) guide(ctx ctxt, s *shop, out rotator.Outcome, n *narrator) (bool, error) {
	a.showPortal(s, out, n)
	organisation, err := a.whose(ctx, s, out.Credential, n)
	if err != nil {
		return false, err
	}
	receipt, notes, err := a.takeIn(ctx, s, rotator.Paste{Credential: out.Credential, Organisation: organisation,
		Environment: s.environment(out.Credential)})
	var refused *rotator.Refusal
	var wrong *intake.Error
	switch {
	case errors.As(err, &refused):
		n.p.mark("STOP", "%s", refused.Text)
		return true, nil
	case errors.As(err, &wrong):
		n.p.mark("STOP", "%s", wrong)
		return true, nil
	case err != nil:
		return false, err
	}
	n.enter(rotator.Received)
	printReceipt(n.p, receipt, notes)
	return true, nil
}

// showPortal is the portal step: which organisation and environment must be on the screen, and what to name the key.
func (a *app) showPortal(s *shop, out rotator.Outcome, n *narrator) {
	n.enter(rotator.AwaitingKey)
	for i, step := range s.portal(out.Credential, "create", "", a.w.now()) {
		n.p.mark("ask", "%d. %s", i+1, step)
	}
}

// whose asks which organisation the portal shows, until it is the right one: a pair made elsewhere need not come in.
func (a *app) whose(ctx ctxt, s *shop, name string, n *narrator) (string, error) {
	c := s.configured(name)
	n.p.mark("ask", "Is the portal on environment %s? Then type the organisation that it shows.", c.Environment)
	for {
		typed, err := a.ask(ctx, "        organisation: ")
		if err != nil || c.Organisation == "" && typed != "" {
			return typed, err
		}
		if typed != "" && strings.EqualFold(typed, c.Organisation) {
			return c.Organisation, nil
		}
		n.p.mark("STOP", "%s; Ctrl-C leaves. Nothing was changed.", wantedOrganisation(c.Organisation))
	}
}

func wantedOrganisation(name string) string {
	if name == "" {
		return "The name is needed: it stands in the trail"
	}
	return fmt.Sprintf("It should be %q: change to it in the portal first", name)
}

// askPortal gets the word that the vendor's answer could not give.
func (a *app) askPortal(ctx ctxt, s *shop, out rotator.Outcome, n *narrator) (bool, error) {
	n.p.mark("ask", "%s", out.Why)
	organisation, err := a.whose(ctx, s, out.Credential, n)
	if err != nil {
		return false, err
	}
	_, err = s.rt.Say(ctx, rotator.Saying{Credential: out.Credential, Kind: rotator.AttestIt, Who: a.as, Target: "portal",
		Text: organisation, Environment: s.environment(out.Credential)})
	return err == nil, err
}

// askRevoked shows what to revoke and what to keep, and takes the word that it is done, or lets the person come back.
func (a *app) askRevoked(ctx ctxt, s *shop, out rotator.Outcome, n *narrator) (bool, error) {
	a.revocationStep(ctx, s, out, n)
	n.p.mark("ask", "When it is revoked, type the last four characters of the key that was revoked; Enter alone leaves that "+
		"for later.")
	for {
		typed, err := a.ask(ctx, "        last four: ")
		switch {
		case err != nil:
			return false, err
		case typed == "":
			n.p.mark("wait", "Both keys work, and stay so until the old one is revoked.")
			n.p.next(out.Command)
			return false, nil
		}
		_, err = s.rt.Say(ctx, rotator.Saying{Credential: out.Credential, Kind: rotator.RevokedIt, Who: a.as, Fragment: typed})
		var refused *rotator.Refusal
		switch {
		case err == nil:
			n.p.mark("said", "the key ending in %s was revoked, by %s", typed, a.as)
			return true, nil
		case !errors.As(err, &refused) || refused.Command != "":
			return false, err
		}
		n.p.mark("STOP", "%s", refused.Text)
	}
}

// finish is the last word: what is proven, whether anything is broken, when to come back, and who is awaited.
func (a *app) finish(ctx ctxt, s *shop, out rotator.Outcome, n *narrator) error {
	code := outcomeCode(out)
	if n == nil {
		err := a.p.give(answer{json: map[string]any{"outcome": viewOutcome(out), "exit": code,
			"portal": a.portalSteps(ctx, s, out)}})
		return errors.Join(err, quietly(code))
	}
	a.lastWord(ctx, s, out, n)
	if a.w.terminal == nil && awaitsKey(out) {
		out.Command = "quarterturn submit " + out.Credential
	}
	n.p.next(out.Command)
	return quietly(code)
}

// portalSteps is what there is to do in the portal now.
func (a *app) portalSteps(ctx ctxt, s *shop, out rotator.Outcome) []string {
	switch {
	case awaitsKey(out):
		return s.portal(out.Credential, "create", "", a.w.now())
	case out.To == rotator.AwaitingRevocation && out.Command != "":
		return s.portal(out.Credential, "revoke", s.oldFragment(ctx, out.Credential), a.w.now())
	}
	return []string{}
}

func (a *app) lastWord(ctx ctxt, s *shop, out rotator.Outcome, n *narrator) {
	switch {
	case out.Broken != "":
		n.p.mark("STOP", "%s. Broken now: %s.", out.Why, out.Broken)
	case out.To.Over():
		n.p.line("%s is %s.", out.Credential, n.p.style(good, stateWords(out.To)))
	case awaitsKey(out):
		a.showPortal(s, out, n)
		n.p.mark("ask", "hand the pair in: quarterturn submit %s, at a terminal or on standard input (from a password manager, never from a file)", out.Credential)
	case out.To == rotator.AwaitingRevocation && out.Command == "quarterturn revoked "+out.Credential:
		a.revocationStep(ctx, s, out, n)
	case out.Command != "":
		n.p.mark("ask", "%s.", out.Why)
	case out.Err != nil:
		n.p.mark("wait", "%s. Come back after %s, or let a pass (quarterturn run) try again.", out.Err, stamp(out.Next))
	default:
		n.p.mark("wait", "%s. Come back after %s; passes (quarterturn run) watch until then.", out.Why,
			stamp(a.comeBack(ctx, s, out)))
	}
}

// comeBack is when a person is wanted again, as far as that is known: when the overlap is over or the revocation must
// have come through, not at each look in between.
func (a *app) comeBack(ctx ctxt, s *shop, out rotator.Outcome) time.Time {
	standings, err := s.rt.Status(ctx, out.Credential)
	if err != nil || standings[0].Rotation == nil {
		return out.Next
	}
	var end time.Time
	switch r, c := standings[0].Rotation, s.configured(out.Credential); {
	case r.State == rotator.Verified:
		end = r.EnteredAt.Add(c.Policy.Overlap)
	case r.State == rotator.AwaitingRevocation && r.Facts.Revoked != nil && len(r.Facts.Triples) == 0:
		end = r.Facts.Revoked.At.Add(time.Duration(s.profiles[c.Vendor].Lifecycle.Propagation))
	}
	if end.Before(out.Next) {
		return out.Next
	}
	return end
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
	n.p.mark("ask", "%s.", out.Why)
	if err := a.showRevocation(ctx, s, out.Credential); err != nil {
		n.p.mark("wait", "%s", err)
	}
	for i, step := range s.portal(out.Credential, "revoke", s.oldFragment(ctx, out.Credential), a.w.now()) {
		n.p.mark("ask", "%d. %s", i+1, step)
	}
}
