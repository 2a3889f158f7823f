package main

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"quarterturn/policies"
	"quarterturn/rotator"
	"quarterturn/vendors"
)

// inspectionView is what was found about one credential, for machines.
type inspectionView struct {
	Credential string         `json:"credential"`
	Places     []placeView    `json:"places"`
	Consumers  []consumerView `json:"consumers"`
	OldPair    string         `json:"old_pair"`
	OldWhy     string         `json:"old_pair_why,omitempty"`
	Problems   []string       `json:"problems"`
	Move       *moveView      `json:"move,omitempty"`
}

type placeView struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`
	Holds    string   `json:"holds"`
	Best     string   `json:"best_evidence"`
	Fencing  string   `json:"fencing"`
	Writing  string   `json:"writing"`
	Notes    []string `json:"notes"`
	Problems []string `json:"problems"`
}

type consumerView struct {
	Name  string   `json:"name"`
	Best  string   `json:"best_evidence"`
	Notes []string `json:"notes"`
}

type moveView struct {
	State  string    `json:"state"`
	Do     string    `json:"do,omitempty"`
	Target string    `json:"target,omitempty"`
	To     string    `json:"to,omitempty"`
	Why    string    `json:"why"`
	Next   string    `json:"next,omitempty"`
	Look   time.Time `json:"look_again,omitzero"`
}

func viewInspection(in rotator.Inspection) inspectionView {
	v := inspectionView{Credential: in.Credential, Places: []placeView{}, Consumers: []consumerView{}, Problems: append([]string{}, in.Problems...), OldPair: "not asked", OldWhy: in.OldWhy}
	for _, p := range in.Places {
		v.Places = append(v.Places, placeView{Name: p.Spec.Name, Kind: p.Spec.Where, Holds: string(p.Seen.Holds),
			Best: p.Ready.Best.String(), Fencing: p.Ready.Fencing, Writing: p.Ready.Writing,
			Notes: append([]string{}, p.Ready.Notes...), Problems: append([]string{}, p.Ready.Problems...)})
	}
	for _, c := range in.Consumers {
		v.Consumers = append(v.Consumers, consumerView{Name: c.Spec.Name, Best: c.Spec.Best.String(), Notes: append([]string{}, c.Notes...)})
	}
	if in.Old != nil {
		v.OldPair, v.OldWhy = in.Old.Verdict.String(), in.Old.Why
	}
	return v
}

func (a *app) checkCmd() *cobra.Command {
	return &cobra.Command{Use: "check [NAME...]", Short: "a doctor: each finding names its remedy; nothing is changed", Args: names(0, -1, "names"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withNamed(c.Context(), args, func(s *shop) error { return a.check(c.Context(), s, args) })
		}}
}

func (a *app) check(ctx ctxt, s *shop, args []string) error {
	if len(args) == 0 {
		for _, c := range s.cfg.Credentials {
			args = append(args, c.Name)
		}
	}
	standings, err := s.rt.Status(ctx, args...)
	if err != nil {
		return err
	}
	var views []inspectionView
	found, amiss, ready := 0, "", ""
	for _, st := range standings {
		in, err := s.rt.Inspect(ctx, st.Credential)
		if err != nil {
			return err
		}
		in.Problems = append(in.Problems, clockProblems(in)...)
		found, amiss, ready = found+len(in.Problems), cmp.Or(amiss, in.Next(st.Rotation != nil)), cmp.Or(ready, s.afterCheck(st))
		views = append(views, viewInspection(in))
	}
	notes, next := s.notes(), cmp.Or(amiss, ready)
	err = a.p.give(answer{json: map[string]any{"credentials": views, "notes": notes}, next: next, text: func(p *printer) {
		for _, n := range notes {
			p.mark("note", "%s", n)
		}
		for _, v := range views {
			printInspection(p, v)
		}
	}})
	if found > 0 {
		return errors.Join(err, quietly(exitUsage))
	}
	return err
}

// clockProblems compares this machine's clock with the vendor's, where the vendor was asked and told the time.
func clockProblems(in rotator.Inspection) []string {
	if in.Old == nil || in.Old.ServerTime.IsZero() || in.Old.At.IsZero() {
		return nil
	}
	ahead := in.Old.At.Sub(in.Old.ServerTime)
	if ahead.Abs() <= rotator.ClockTolerance {
		return nil
	}
	way := "ahead of"
	if ahead < 0 {
		way = "behind"
	}
	return []string{fmt.Sprintf("this machine's clock is %s %s the vendor's: no age is called fine and nothing is proven dead by it; "+
		"set the clock (NTP), then check again", ahead.Abs().Round(time.Minute), way)}
}

// afterCheck is what is next for a credential that is ready. Where that was this check, what was amiss is mended: rotate
// looks at once, where a pass would only look when its time has come.
func (s *shop) afterCheck(st rotator.Standing) string {
	switch {
	case st.Command != "quarterturn check" && st.Command != "quarterturn check "+st.Credential:
		return st.Command
	case !s.canOpen:
		return "" // nobody is awaited here
	case st.Rotation != nil:
		return "quarterturn rotate " + st.Credential
	}
	return "quarterturn run"
}

// notes are findings about the configuration as a whole.
func (s *shop) notes() []string {
	notes := []string{}
	for _, n := range s.cfg.Notes {
		notes = append(notes, n.Error())
	}
	if !s.canOpen {
		notes = append(notes, "this machine holds no sealing identity: it takes pairs in, and passes run elsewhere")
	}
	if len(s.cfg.Seal.Recipients) < 2 {
		notes = append(notes, "only one sealing recipient: if its identity is lost, so is every sealed pair; add a break-glass recipient")
	}
	for _, c := range s.cfg.Credentials {
		if c.Policy.ApproveRevocation == "none" {
			notes = append(notes, c.Name+": policy "+c.Policy.Name+" asks for no second person before a revocation")
		}
	}
	return notes
}

func printInspection(p *printer, v inspectionView) {
	p.line("%s", p.style(bold, v.Credential))
	for _, pl := range v.Places {
		p.mark("ok", "place %s (%s): holds %s; best evidence %s, writes %s, fenced by %s", pl.Name, pl.Kind, holdsText(pl.Holds),
			pl.Best, pl.Writing, pl.Fencing)
		for _, n := range pl.Notes {
			p.mark("note", "%s: %s", pl.Name, n)
		}
	}
	for _, c := range v.Consumers {
		p.mark("ok", "consumer %s: best evidence %s", c.Name, c.Best)
		for _, n := range c.Notes {
			p.mark("note", "%s: %s", c.Name, n)
		}
	}
	printOld(p, v)
	for _, problem := range v.Problems {
		p.mark("STOP", "%s", problem)
	}
	if len(v.Problems) == 0 {
		p.mark("ok", "everything needed for a rotation is ready")
	}
}

func printOld(p *printer, v inspectionView) {
	switch v.OldPair {
	case vendors.Accepted.String():
		p.mark("ok", "the vendor accepts the pair in use")
	case vendors.Refused.String():
		p.mark("STOP", "the vendor refuses the pair in use: %s", v.OldWhy)
	case vendors.Unclear.String():
		p.mark("wait", "whether the pair in use works is unclear: %s", v.OldWhy)
	default:
		p.mark("note", "the vendor was not asked%s", colon(v.OldWhy))
	}
}

func colon(s string) string {
	if s == "" {
		return ": no place returns a pair"
	}
	return ": " + s
}

func holdsText(h string) string {
	switch rotator.Holds(h) {
	case rotator.HoldsOld:
		return "the pair in use"
	case rotator.HoldsForeign:
		return "a pair the ledger does not know yet"
	case rotator.HoldsIncomparable:
		return "a pair that cannot be compared: its fingerprint key is lost"
	}
	return h
}

func (a *app) planCmd() *cobra.Command {
	return &cobra.Command{Use: "plan [NAME]", Short: "what a pass would do next, and how well it could be proven", Args: names(0, 1, "one name or none"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withNamed(c.Context(), args, func(s *shop) error {
				if len(args) == 1 {
					return a.plan(c.Context(), s, args[0])
				}
				return a.plans(c.Context(), s)
			})
		}}
}

// plans is every credential's plan.
func (a *app) plans(ctx ctxt, s *shop) error {
	var views []inspectionView
	var texts []string
	next := ""
	for _, c := range s.cfg.Credentials {
		plan, err := s.rt.Plan(ctx, c.Name)
		if err != nil {
			return err
		}
		views, texts = append(views, viewPlan(plan)), append(texts, moveText(plan))
		if next == "" {
			next = plan.Move.Command
		}
	}
	return a.p.give(answer{json: map[string]any{"plans": views}, next: next, text: func(p *printer) {
		for i, v := range views {
			printPlan(p, v, texts[i])
		}
	}})
}

func (a *app) plan(ctx ctxt, s *shop, name string) error {
	plan, err := s.rt.Plan(ctx, name)
	if err != nil {
		return err
	}
	v := viewPlan(plan)
	return a.p.give(answer{json: v, next: plan.Move.Command, text: func(p *printer) { printPlan(p, v, moveText(plan)) }})
}

func viewPlan(plan rotator.Plan) inspectionView {
	v, m := viewInspection(plan.Inspection), plan.Move
	v.Move = &moveView{State: string(plan.Rotation.State), Do: string(m.Do), Target: m.Target, To: string(m.To), Why: m.Why,
		Next: m.Command, Look: m.Next}
	return v
}

func printPlan(p *printer, v inspectionView, move string) {
	printInspection(p, v)
	p.line("%s", p.style(bold, "a pass would now"))
	p.mark("note", "%s", move)
}

func moveText(plan rotator.Plan) string {
	m, from := plan.Move, plan.Rotation.State
	opening := ""
	if plan.Rotation.ID == "" {
		opening = "open a rotation when the policy asks for one or you do (quarterturn rotate), then "
	}
	switch {
	case m.Do != rotator.Nothing:
		return fmt.Sprintf("%s%s: %s", opening, m.Do, m.Why)
	case m.To != "":
		return fmt.Sprintf("%sgo from %s to %s: %s", opening, from, m.To, m.Why)
	}
	return fmt.Sprintf("%swait in %s: %s", opening, from, m.Why)
}

// creation reads when a key was created; "" is unknown, hence overdue.
func creation(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, ok := policies.Creation(s)
	if !ok {
		return t, usage("--created takes a day such as 2026-09-01, or a time such as 2026-09-01T10:00:00Z")
	}
	return t, nil
}

func (a *app) adopt(ctx ctxt, s *shop, ad rotator.Adoption) error {
	pair, in, err := s.rt.Adopt(ctx, ad)
	v := viewInspection(in)
	if err != nil {
		if !a.p.asJSON && len(in.Problems) > 0 {
			printInspection(a.p, v)
		}
		return err
	}
	standings, err := s.rt.Status(ctx, ad.Credential)
	if err != nil {
		return err
	}
	st := standings[0]
	return a.p.give(answer{json: map[string]any{"adopted": viewPair(pair), "inspection": v, "standing": viewStanding(st)},
		next: st.Command, text: func(p *printer) {
			printInspection(p, v)
			p.mark("ok", "adopted: the key ending in %s, created %s. %s.", orDash(pair.Fragment), day(pair.Created), st.Finding.Rule)
		}})
}
