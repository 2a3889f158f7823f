package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"quarterturn/internal/config"
)

func (a *app) manCmd() *cobra.Command {
	var dir string
	c := &cobra.Command{Use: "man", Short: "write a manual page for every command", Args: names(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if dir == "" {
				return usage("--dir is needed: the folder to write the pages to, e.g. /usr/local/share/man/man1")
			}
			n, err := writePages(c.Root(), dir)
			if err != nil {
				return err
			}
			return a.p.give(answer{json: map[string]any{"pages": n, "folder": dir}, text: func(p *printer) {
				p.mark("ok", "%d pages written", n)
			}})
		}}
	c.Flags().StringVar(&dir, "dir", "", "the folder, which must exist")
	return c
}

// writePages writes one page for each command that people see, and says how many.
func writePages(root *cobra.Command, dir string) (n int, err error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return 0, usage("--dir is not a folder that can be read; nothing was written")
	}
	for _, c := range visible(root) {
		if err := os.WriteFile(filepath.Join(dir, pageName(c)), page(c), 0o644); err != nil { //nolint:gosec // manual pages are for everybody
			return n, fmt.Errorf("the page of %s cannot be written (%d were); nothing is broken", c.CommandPath(), n)
		}
		n++
	}
	return n, nil
}

func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1" }

// visible is root and every command below it that is not hidden.
func visible(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		if !sub.Hidden {
			all = append(all, visible(sub)...)
		}
	}
	return all
}

// page is a command in the man macros.
func page(c *cobra.Command) []byte {
	var b bytes.Buffer
	section := func(name string) { fmt.Fprintf(&b, ".SH %s\n", name) }
	fmt.Fprintf(&b, ".TH %q 1 \"\" \"quarterturn\" \"quarterturn\"\n", strings.ToUpper(strings.TrimSuffix(pageName(c), ".1")))
	section("NAME")
	fmt.Fprintf(&b, "%s \\- %s\n", roff(strings.TrimSuffix(pageName(c), ".1")), roff(c.Short))
	section("SYNOPSIS")
	fmt.Fprintf(&b, ".B %s\n", roff(c.UseLine()))
	if c.Long != "" {
		section("DESCRIPTION")
		fmt.Fprintf(&b, "%s\n", roff(c.Long))
	}
	options(&b, "OPTIONS", c.NonInheritedFlags())
	options(&b, "OPTIONS OF EVERY COMMAND", c.InheritedFlags())
	section("EXIT STATUS")
	b.WriteString("0 done, or only people are awaited; 1 a transient failure; 2 usage or configuration; 3 an integrity or policy stop;\n" +
		"4 something is overdue, where that was asked for; 143 stopped by a signal, state saved.\n")
	seeAlso(&b, c)
	return b.Bytes()
}

func options(b *bytes.Buffer, title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(b, ".SH %s\n", title)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, text := pflag.UnquoteUsage(f)
		fmt.Fprintf(b, ".TP\n.B \\-\\-%s %s\n%s\n", roff(f.Name), roff(value), roff(text))
	})
}

func seeAlso(b *bytes.Buffer, c *cobra.Command) {
	var others []string
	if c.HasParent() {
		others = append(others, strings.TrimSuffix(pageName(c.Parent()), ".1"))
	}
	for _, sub := range c.Commands() {
		if !sub.Hidden {
			others = append(others, strings.TrimSuffix(pageName(sub), ".1"))
		}
	}
	if len(others) > 0 {
		fmt.Fprintf(b, ".SH SEE ALSO\n%s(1)\n", roff(strings.Join(others, "(1), ")))
	}
}

// roff keeps text from being read as a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

// completionCmd writes what a shell needs to complete commands, flags and the names of credentials.
func (a *app) completionCmd() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{Use: "completion bash|zsh|fish|powershell", Short: "completion for your shell", ValidArgs: shells,
		Long: "Completion for your shell. For bash:\n  source <(quarterturn completion bash)", Args: names(1, 1, "the name of a shell"),
		RunE: func(c *cobra.Command, args []string) error {
			write := map[string]func() error{
				"bash":       func() error { return c.Root().GenBashCompletionV2(a.w.out, true) },
				"zsh":        func() error { return c.Root().GenZshCompletion(a.w.out) },
				"fish":       func() error { return c.Root().GenFishCompletion(a.w.out, true) },
				"powershell": func() error { return c.Root().GenPowerShellCompletionWithDesc(a.w.out) },
			}[args[0]]
			if write == nil {
				return usage("completion takes one of %s", strings.Join(shells, ", "))
			}
			return write()
		}}
}

// completeNames has every command that takes the name of a credential offer those that are configured. It says nothing
// when the configuration cannot be read: a shell is no place for that.
func (a *app) completeNames(c *cobra.Command) {
	for _, sub := range c.Commands() {
		a.completeNames(sub)
		if strings.Contains(sub.Use, " NAME") || strings.Contains(sub.Use, "[NAME") {
			sub.ValidArgsFunction = a.configuredNames
		}
	}
}

func (a *app) configuredNames(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	cfg, err := config.Load(a.config, kinds())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var known []string
	for _, c := range cfg.Credentials {
		known = append(known, c.Name)
	}
	return known, cobra.ShellCompDirectiveNoFileComp
}
