package main

import (
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"quarterturn/internal/config"
	"quarterturn/internal/strict"
)

func (a *app) configCmd() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "the configuration, checked or described", Args: noSuchCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(
		&cobra.Command{Use: "check", Short: "every problem at once, with file, line and remedy", Args: names(0, 0, "no arguments"),
			RunE: func(*cobra.Command, []string) error { return a.configCheck() }},
		a.configSchemaCmd(), a.configShowCmd())
	return c
}

// problemView is one finding, for machines.
type problemView struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Field  string `json:"field"`
	What   string `json:"what"`
	Remedy string `json:"remedy"`
	User   string `json:"used_by,omitempty"`
}

func (a *app) configCheck() error {
	cfg, err := config.Load(a.config, kinds())
	var problems strict.Problems
	if err != nil && !errors.As(err, &problems) {
		return missingConfig(err, a.config)
	}
	if _, serr := os.Stat(a.config); errors.Is(serr, os.ErrNotExist) {
		return missingConfig(err, a.config)
	}
	views := []problemView{}
	for _, p := range problems {
		views = append(views, problemView(p))
	}
	gerr := a.p.give(answer{json: map[string]any{"problems": views}, text: func(p *printer) { printConfigCheck(p, cfg, problems, a.config) }})
	if len(problems) > 0 {
		return errors.Join(gerr, quietly(exitUsage))
	}
	return gerr
}

func printConfigCheck(p *printer, cfg *config.Config, problems strict.Problems, path string) {
	p.problems(problems)
	if len(problems) == 0 {
		n := len(cfg.Credentials)
		p.mark("ok", "%s: %d %s, no problem", path, n, plural("credential", n))
		for _, n := range cfg.Notes {
			p.mark("note", "%s", n.Error())
		}
	}
}

func openFile(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, usage("%s cannot be opened", path)
	}
	return f, nil
}

func trim(s string) string { return strings.TrimSpace(s) }
