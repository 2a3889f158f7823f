package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quarterturn/policies"
	"quarterturn/rotator"
)

// standingView is one credential, for machines.
type standingView struct {
	Credential  string     `json:"credential"`
	Vendor      string     `json:"vendor"`
	Environment string     `json:"environment"`
	Level       string     `json:"level"`
	Rule        string     `json:"rule"`
	AgeDays     *int       `json:"age_days"`
	DaysLeft    *int       `json:"days_left"`
	Deadline    *time.Time `json:"deadline"`
	State       string     `json:"state"`
	Rotation    string     `json:"rotation,omitempty"`
	Why         string     `json:"why"`
	Next        string     `json:"next,omitempty"`
	LookAgain   *time.Time `json:"look_again,omitempty"`
	Pairs       []pairView `json:"pairs"`
}

// pairView is one generation, for machines: never anything that a key could be guessed from but what a portal shows.
type pairView struct {
	ID       string     `json:"id"`
	Life     string     `json:"life"`
	Created  *time.Time `json:"created"`
	LastFour string     `json:"last_four,omitempty"`
	Sealed   bool       `json:"sealed"`
}

func viewStanding(st rotator.Standing) standingView {
	v := standingView{Credential: st.Credential, Vendor: st.Vendor, Environment: st.Environment,
		Level: string(st.Finding.Level), Rule: st.Finding.Rule, State: "idle", Why: st.Why, Next: st.Command, Pairs: []pairView{}}
	if st.Finding.Known {
		age, left := int(st.Finding.Age/policies.Day), st.Finding.DaysLeft
		v.AgeDays, v.DaysLeft, v.Deadline = &age, &left, &st.Finding.Deadline
	}
	if r := st.Rotation; r != nil {
		v.State, v.Rotation, v.LookAgain = string(r.State), string(r.ID), &r.NextAt
	}
	for _, p := range st.Pairs {
		v.Pairs = append(v.Pairs, viewPair(p))
	}
	return v
}

func viewPair(p rotator.Pair) pairView {
	v := pairView{ID: string(p.ID), Life: string(p.Life), LastFour: p.Fragment, Sealed: len(p.Sealed) > 0}
	if !p.Created.IsZero() {
		v.Created = &p.Created
	}
	return v
}

func (a *app) statusCmd() *cobra.Command {
	var code bool
	c := &cobra.Command{Use: "status [NAME...]", Short: "every credential with its one next command", Args: names(0, -1, "names"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withNamed(c.Context(), args, func(s *shop) error { return a.status(c, s, args, code) })
		}}
	c.Flags().BoolVar(&code, "exit-code", false, "exit with 4 when a key is overdue")
	return c
}

func (a *app) status(c *cobra.Command, s *shop, args []string, code bool) error {
	standings, err := s.rt.Status(c.Context(), args...)
	if err != nil {
		return err
	}
	views, next, over := []standingView{}, "", false
	for _, st := range standings {
		views = append(views, viewStanding(st))
		over = over || st.Finding.Level == policies.Overdue
		if next == "" {
			next = st.Command
		}
	}
	err = a.p.give(answer{json: map[string]any{"credentials": views}, next: next,
		text: func(p *printer) { printStandings(p, standings, len(args) > 0) }})
	if code && over {
		return errors.Join(err, quietly(exitOverdue))
	}
	return err
}

func printStandings(p *printer, standings []rotator.Standing, detail bool) {
	if len(standings) == 0 {
		p.line("No credential is configured.")
		return
	}
	var rows [][]string
	for _, st := range standings {
		rows = append(rows, []string{st.Credential, ageText(st.Finding), leftText(st.Finding), stateText(st)})
	}
	p.tableWith([]string{"CREDENTIAL", "AGE", "LEFT", "STATE"}, rows, func(i int) { printWhy(p, standings[i]) })
	for _, st := range standings {
		if detail {
			printPairs(p, st)
		}
	}
}

func printPairs(p *printer, st rotator.Standing) {
	var rows [][]string
	for _, pair := range st.Pairs {
		sealed := "-"
		if len(pair.Sealed) > 0 {
			sealed = "sealed here"
		}
		rows = append(rows, []string{string(pair.ID), string(pair.Life), day(pair.Created), orDash(pair.Fragment), sealed})
	}
	if len(rows) > 0 {
		p.line("")
		p.table([]string{"PAIR", "LIFE", "CREATED", "ENDS IN", "COPY"}, rows)
	}
	for _, b := range st.Burials {
		p.line("")
		p.mark("note", "burial of %s: %s", b.Old, b.Why)
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func ageText(f policies.Finding) string {
	if !f.Known {
		return "unknown"
	}
	return strconv.Itoa(int(f.Age/policies.Day)) + "d"
}

func leftText(f policies.Finding) string {
	switch {
	case !f.Known:
		return "overdue"
	case f.DaysLeft < 0 || f.Level == policies.Overdue:
		return fmt.Sprintf("overdue %dd", max(0, -f.DaysLeft))
	}
	return strconv.Itoa(f.DaysLeft) + "d"
}

func stateText(st rotator.Standing) string {
	if st.Rotation == nil {
		return "idle"
	}
	return strings.ReplaceAll(string(st.Rotation.State), "_", " ")
}

// printWhy says what is the matter, and the one next command on a line of its own, so that it can be copied.
func printWhy(p *printer, st rotator.Standing) {
	switch {
	case st.Command != "":
		p.mark("ask", "%s", st.Why)
		p.line("        %s", st.Command)
	case st.Rotation != nil:
		p.mark("wait", "%s. Next look after %s", st.Why, stamp(st.Rotation.NextAt))
	case st.Finding.Level == policies.Overdue:
		p.mark("STOP", "%s", st.Why)
	default:
		p.mark("ok", "%s", st.Why)
	}
}

func (a *app) versionCmd() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "what this binary is", Args: names(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			return a.p.give(answer{json: map[string]string{"version": version},
				text: func(p *printer) { p.line("quarterturn %s", version) }})
		}}
}
