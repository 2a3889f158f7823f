package main

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quarterturn/internal/config"
	"quarterturn/policies"
	"quarterturn/rotator"
)

// task is one thing that waits for a person.
type task struct {
	Login      string     `json:"login"` // vendor, organisation and environment: one login of a portal
	Credential string     `json:"credential"`
	Why        string     `json:"why"`
	Since      *time.Time `json:"since"` // null: unknown
	Overdue    bool       `json:"overdue"`
	People     []string   `json:"people"` // who may do it
	Next       string     `json:"next"`

	deadline time.Time
}

func (a *app) workCmd() *cobra.Command {
	var all bool
	c := &cobra.Command{Use: "work", Short: "everything that waits for you, by portal login", Args: names(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *shop) error { return a.work(c.Context(), s, all) })
		}}
	c.Flags().BoolVar(&all, "all", false, "what waits for anybody")
	return c
}

func (a *app) work(ctx ctxt, s *shop, all bool) error {
	standings, err := s.rt.Status(ctx)
	if err != nil {
		return err
	}
	tasks, others := []task{}, 0
	for _, st := range standings {
		for _, t := range s.tasks(st) {
			if all || slices.ContainsFunc(t.People, func(who string) bool { return strings.EqualFold(who, a.as) }) {
				tasks = append(tasks, t)
			} else {
				others++
			}
		}
	}
	next := ""
	if len(tasks) > 0 {
		next = slices.MinFunc(tasks, urgent).Next
	}
	slices.SortStableFunc(tasks, func(t, u task) int { return cmp.Or(strings.Compare(t.Login, u.Login), urgent(t, u)) })
	return a.p.give(answer{json: map[string]any{"who": a.as, "all": all, "tasks": tasks, "others": others, "next": next}, next: next,
		text: func(p *printer) { printWork(p, tasks, a.as, all, others) }})
}

// urgent puts first what is overdue, then what is overdue next, then what waits longest.
func urgent(t, u task) int {
	late := func(t task) int {
		if t.Overdue {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(late(t), late(u)), t.deadline.Compare(u.deadline), waits(t).Compare(waits(u)),
		strings.Compare(t.Credential, u.Credential))
}

func waits(t task) time.Time {
	if t.Since == nil {
		return time.Time{}
	}
	return *t.Since
}

// tasks are what one credential asks of people: its own command, and those of burials beside it. A pass is nobody's task.
func (s *shop) tasks(st rotator.Standing) []task {
	var all []task
	since, by := sinceOf(st), ""
	if st.Rotation != nil {
		by = st.Rotation.Facts.SubmittedBy
	}
	if st.Review != nil && strings.HasSuffix(st.Command, " --review") {
		since, by = st.Review.At, st.Review.Who
	}
	add := func(why, command string, since time.Time, by string) {
		known := slices.ContainsFunc(all, func(t task) bool { return t.Next == command })
		if command == "" || command == "quarterturn run" || known {
			return
		}
		c := s.configured(st.Credential)
		t := task{Login: loginOf(c), Credential: st.Credential, Why: why, Overdue: st.Finding.Level == policies.Overdue,
			People: people(c, command, by), Next: command, deadline: st.Finding.Deadline}
		if !since.IsZero() {
			t.Since = &since
		}
		all = append(all, t)
	}
	for _, b := range st.Burials {
		if b.Command == st.Command {
			since = b.EnteredAt
		}
	}
	add(st.Why, st.Command, since, by)
	for _, b := range st.Burials {
		add(b.Why, b.Command, b.EnteredAt, b.Facts.SubmittedBy)
	}
	return all
}

// sinceOf is since when a credential waits: its rotation's state, or the day it became due.
func sinceOf(st rotator.Standing) time.Time {
	switch {
	case st.Rotation != nil:
		return st.Rotation.EnteredAt
	case st.Finding.Known:
		return st.Finding.DueAt
	}
	return time.Time{}
}

// people are those who may do it. An approval is for approvers, and not for who brought the pair in.
func people(c config.Credential, command, by string) []string {
	all := []string{}
	team := []string{c.Owner, c.Deputy}
	if strings.HasPrefix(command, "quarterturn approve ") {
		team = c.Approvers
		if len(team) == 0 {
			team = []string{c.Owner, c.Deputy}
		}
		team = slices.DeleteFunc(slices.Clone(team), func(who string) bool { return strings.EqualFold(who, by) })
	}
	for _, who := range team {
		if who != "" && !slices.Contains(all, who) {
			all = append(all, who)
		}
	}
	return all
}

func loginOf(c config.Credential) string {
	parts := []string{c.Vendor}
	if c.Organisation != "" {
		parts = append(parts, c.Organisation)
	}
	return strings.Join(append(parts, c.Environment), ", ")
}

func printWork(p *printer, tasks []task, who string, all bool, others int) {
	switch {
	case len(tasks) == 0 && all:
		p.line("Nothing waits for anybody.")
	case len(tasks) == 0:
		p.say("Nothing waits for %s.", who)
	}
	login := ""
	for _, t := range tasks {
		if t.Login != login {
			login = t.Login
			p.say("%s", p.style(bold, login))
		}
		printTask(p, t, all)
	}
	if others > 0 {
		p.say("%d more %s for others: quarterturn work --all", others, waitWord(others))
	}
}

func printTask(p *printer, t task, all bool) {
	since := "since " + stamp(waits(t))
	if t.Since == nil {
		since = "since nobody knows when"
	}
	word := "ask"
	if t.Overdue {
		word = "STOP"
		since += ", overdue"
	}
	p.mark(word, "%s: %s (%s)", t.Credential, t.Why, since)
	if all {
		p.mark("", "%s", cmp.Or(strings.Join(t.People, ", "), "nobody may: name an approver who did not bring the pair in"))
	}
	p.line("        %s", t.Next)
}

func waitWord(n int) string {
	if n == 1 {
		return "waits"
	}
	return "wait"
}
