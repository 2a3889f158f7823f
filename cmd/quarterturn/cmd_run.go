package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quarterturn/notify"
	"quarterturn/notify/log"
	"quarterturn/policies"
	"quarterturn/rotator"
)

func (a *app) runCmd() *cobra.Command {
	var failOn string
	var logged bool
	c := &cobra.Command{Use: "run", Short: "one pass over everything that is ready: what the CronJob runs", Args: names(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if failOn != "" && failOn != "overdue" {
				return usage("--fail-on takes overdue")
			}
			var told notify.Notifier
			if logged {
				told = log.New(a.w.err)
			}
			return a.with(c.Context(), func(s *shop) error { return a.pass(c.Context(), s, failOn, told) })
		}}
	c.Flags().BoolVar(&logged, "log", false, "say on standard error too, one JSON object a line, who is awaited and what is broken")
	c.Flags().StringVar(&failOn, "fail-on", "", "overdue: exit with 4 when a key is overdue after the pass")
	return c
}

// outcomeView is one rotation of a pass, for machines.
type outcomeView struct {
	Rotation   string     `json:"rotation"`
	Credential string     `json:"credential"`
	Lane       string     `json:"lane"`
	From       string     `json:"from"`
	To         string     `json:"to"`
	Steps      int        `json:"steps"`
	Why        string     `json:"why"`
	Next       string     `json:"next,omitempty"`
	LookAgain  *time.Time `json:"look_again,omitempty"`
	Broken     string     `json:"broken,omitempty"`
	Error      string     `json:"error,omitempty"`
}

func viewOutcome(o rotator.Outcome) outcomeView {
	v := outcomeView{Rotation: string(o.Rotation), Credential: o.Credential, Lane: string(o.Lane), From: string(o.From),
		To: string(o.To), Steps: o.Steps, Why: o.Why, Next: o.Command, Broken: o.Broken}
	if !o.Next.IsZero() {
		v.LookAgain = &o.Next
	}
	if o.Err != nil {
		v.Error = o.Err.Error()
	}
	return v
}

func (a *app) pass(ctx context.Context, s *shop, failOn string, told notify.Notifier) error {
	passed, err := s.rt.Pass(ctx)
	if err != nil {
		return err
	}
	outs, gone := passed.Outcomes, passed.Vanished
	if err := a.tell(ctx, told, outs); err != nil {
		return err
	}
	sent, err := afterwards(ctx, s, passed)
	if err != nil {
		return err
	}
	code, err := passCode(ctx, s, passed, sent, failOn)
	if err != nil {
		return err
	}
	views := make([]outcomeView, 0, len(outs))
	for _, o := range outs {
		views = append(views, viewOutcome(o))
	}
	err = a.p.give(answer{json: map[string]any{"outcomes": views, "vanished": append([]string{}, gone...), "exit": code,
		"doubt": passed.Doubt, "messages": viewDelivery(sent)}, next: awaited(outs), text: func(p *printer) {
		printOutcomes(p, outs, gone)
		printAfter(p, passed.Doubt, sent)
	}})
	return errors.Join(err, quietly(code))
}

// tell sends what a person should hear of a pass: nothing where nobody listens.
func (a *app) tell(ctx context.Context, to notify.Notifier, outs []rotator.Outcome) error {
	if to == nil {
		return nil
	}
	for _, o := range outs {
		m := notify.Message{At: a.w.now(), Kind: notify.Waits, Credential: o.Credential, Rotation: string(o.Rotation), What: o.Why,
			Broken: o.Broken, Command: o.Command}
		switch {
		case o.Broken != "":
			m.Kind = notify.Broken
		case o.To.Over():
			m.Kind = notify.Closed
		case o.Command == "":
			continue
		}
		if err := to.Send(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// afterwards delivers what people are to be told, and forgets vendor calls that are older than they are kept.
func afterwards(ctx context.Context, s *shop, passed rotator.Passed) (sent rotator.Delivery, err error) {
	if passed.OldCalls {
		if _, err := s.ledger.Prune(ctx); err != nil {
			return sent, err
		}
	}
	if passed.Parcels {
		sent, err = s.rt.Deliver(ctx, s.channels)
	}
	return sent, err
}

// passCode judges what a pass leaves behind.
func passCode(ctx context.Context, s *shop, passed rotator.Passed, sent rotator.Delivery, failOn string) (int, error) {
	code := exitDone
	for _, o := range passed.Outcomes {
		code = worst(code, outcomeCode(o))
	}
	if len(passed.Vanished) > 0 || passed.Doubt != "" {
		code = worst(code, exitStop)
	}
	if len(sent.Troubles) > 0 {
		code = worst(code, exitTransient)
	}
	if failOn != "overdue" {
		return code, nil
	}
	over, err := overdue(ctx, s)
	if over {
		code = worst(code, exitOverdue)
	}
	return code, err
}

// deliveryView is what became of messages, for machines.
type deliveryView struct {
	Sent     int               `json:"sent"`
	Waiting  int               `json:"waiting"`
	Troubles map[string]string `json:"troubles"`
}

func viewDelivery(d rotator.Delivery) deliveryView { return deliveryView(d) }

func printAfter(p *printer, doubt string, sent rotator.Delivery) {
	if doubt != "" {
		p.mark("STOP", "%s. Set the clock right; until then nothing is called in time.", doubt)
	}
	for _, name := range slices.Sorted(maps.Keys(sent.Troubles)) {
		p.mark("wait", "a message by %s did not go: %s", name, sent.Troubles[name])
	}
}

func outcomeCode(o rotator.Outcome) int {
	switch {
	case o.Broken != "", o.Stop:
		return exitStop
	case o.Err != nil:
		return exitCode(o.Err)
	case o.Trouble:
		return exitTransient
	}
	return exitDone
}

func overdue(ctx context.Context, s *shop) (bool, error) {
	standings, err := s.rt.Status(ctx)
	for _, st := range standings {
		if st.Finding.Level == policies.Overdue {
			return true, err
		}
	}
	return false, err
}

func printOutcomes(p *printer, outs []rotator.Outcome, gone []string) {
	if len(outs) == 0 && len(gone) == 0 {
		p.line("Nothing was ready. Who is awaited, if anybody: quarterturn status")
	}
	for _, o := range outs {
		printOutcome(p, o)
	}
	for _, name := range gone {
		p.mark("STOP", "%s has a key that may be alive, and is no longer in the configuration: put it back", name)
	}
}

func printOutcome(p *printer, o rotator.Outcome) {
	title := o.Credential
	if o.Lane == rotator.Burial {
		title += " (burial)"
	}
	path := string(o.To)
	if o.From != o.To {
		path = fmt.Sprintf("%s → %s", o.From, o.To)
	}
	p.line("%s: %s", p.style(bold, title), strings.ReplaceAll(path, "_", " "))
	switch {
	case o.Broken != "":
		p.mark("STOP", "%s. Broken now: %s", o.Why, o.Broken)
	case o.Err != nil:
		p.mark("wait", "%s. Tried again after %s", o.Err, stamp(o.Next))
	case o.Stop:
		p.mark("STOP", "%s", o.Why)
	case o.Command != "":
		p.mark("ask", "%s", o.Why)
	case o.To.Over():
		p.mark("ok", "%s", o.Why)
	default:
		p.mark("wait", "%s. Next look after %s", o.Why, stamp(o.Next))
	}
}
