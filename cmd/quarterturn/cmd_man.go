package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"quarterturn/internal/config"
)

func (a *app) completionCmd() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{Use: "completion bash|zsh|fish|powershell", Short: "a script that completes commands, flags and names in your shell",
		ValidArgs: shells, Args: names(1, 1, "one shell: bash, zsh, fish or powershell"), RunE: func(c *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return c.Root().GenBashCompletionV2(a.w.out, true)
			case "zsh":
				return c.Root().GenZshCompletion(a.w.out)
			case "fish":
				return c.Root().GenFishCompletion(a.w.out, true)
			case "powershell":
				return c.Root().GenPowerShellCompletionWithDesc(a.w.out)
			}
			return usage("completion takes bash, zsh, fish or powershell")
		}}
}

// completing gives every command that takes a credential's name the configured ones, and files nowhere else.
func (a *app) completing(c *cobra.Command) {
	if strings.Contains(c.Use, "NAME") {
		c.ValidArgsFunction = a.completeNames
	}
	if c.Flags().Lookup("credential") != nil {
		_ = c.RegisterFlagCompletionFunc("credential", a.completeNames) // fails only when there is one already
	}
	for _, sub := range c.Commands() {
		a.completing(sub)
	}
}

// completeNames says nothing when the configuration cannot be read: an error would land in the line being typed.
func (a *app) completeNames(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var known catalogue
	cfg, err := config.Load(a.config, kindsOf(&known))
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var all []string
	for _, c := range cfg.Credentials {
		all = append(all, c.Name)
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) manCmd() *cobra.Command {
	var dir string
	c := &cobra.Command{Use: "man", Short: "write a manual page for every command", Args: names(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if info, err := os.Stat(dir); dir == "" || err != nil || !info.IsDir() {
				return usage("--dir is needed: a folder that is there")
			}
			n, err := writePages(c.Root(), dir)
			if err != nil {
				return err
			}
			return a.p.give(answer{json: map[string]any{"pages": n}, text: func(p *printer) { p.mark("ok", "%d manual pages are written", n) }})
		}}
	c.Flags().StringVar(&dir, "dir", "", "the folder for the pages; pages of the same name are replaced")
	return c
}

func writePages(c *cobra.Command, dir string) (int, error) {
	file := filepath.Join(dir, pageName(c)+".1")
	if err := os.WriteFile(file, page(c), 0o644); err != nil {
		return 0, errors.New("a manual page could not be written; those before it are there, and nothing else was changed")
	}
	all := 1
	for _, sub := range visible(c) {
		n, err := writePages(sub, dir)
		if all += n; err != nil {
			return all, err
		}
	}
	return all, nil
}

func visible(c *cobra.Command) (all []*cobra.Command) {
	for _, sub := range c.Commands() {
		if !sub.Hidden && sub.Name() != "help" {
			all = append(all, sub)
		}
	}
	return all
}

func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// page is one command in roff. Defaults that come from this machine's environment stay out of it.
func page(c *cobra.Command) []byte {
	var b bytes.Buffer
	text := c.Short
	if c.Long != "" {
		text = c.Long
	}
	fmt.Fprintf(&b, ".TH %q 1\n.SH NAME\n%s \\- %s\n.SH SYNOPSIS\n%s\n.SH DESCRIPTION\n%s\n", strings.ToUpper(pageName(c)),
		roff(pageName(c)), roff(c.Short), roff(c.UseLine()), roff(text))
	b.WriteString(".SH OPTIONS\n")
	option := func(f *pflag.Flag) {
		if !f.Hidden {
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fR\n%s\n", roff("--"+f.Name), roff(f.Usage))
		}
	}
	c.LocalFlags().VisitAll(option)
	c.InheritedFlags().VisitAll(option)
	if subs := visible(c); len(subs) > 0 {
		b.WriteString(".SH COMMANDS\n")
		for _, sub := range subs {
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fR\n%s\n", roff(sub.Name()), roff(sub.Short))
		}
	}
	return b.Bytes()
}

// roff makes text of s: a backslash, a hyphen, and a dot or quote that begins a line mean something there.
func roff(s string) string {
	lines := strings.Split(strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
