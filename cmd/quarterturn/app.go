package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"quarterturn/internal/strict"
	"quarterturn/rotator"
)

// app is one invocation.
type app struct {
	w      world
	config string
	output string
	as     string
	p      *printer
	wi     wiring
}

// run executes one command line and returns its exit code. Nothing outside w is touched.
func run(ctx context.Context, args []string, w world) int {
	return (&app{w: w}).run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.w.in)
	root.SetOut(a.w.out)
	root.SetErr(a.w.err)
	err := root.ExecuteContext(ctx)
	if err != nil && ctx.Err() != nil && exitCode(err) != exitSignal {
		err = ctx.Err()
	}
	if err == nil || errors.Is(err, errQuiet) {
		return quietCode(err)
	}
	return report(a.w.err, a.output == "json", err)
}

// errQuiet carries an exit code whose reason is printed already.
var errQuiet = errors.New("said already")

func quietCode(err error) int {
	var f *failure
	if errors.As(err, &f) {
		return f.code
	}
	return exitDone
}

func quietly(code int) error {
	if code == exitDone {
		return nil
	}
	return &failure{code: code, err: errQuiet}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{Use: "quarterturn", SilenceErrors: true, SilenceUsage: true, Args: noSuchCommand,
		Short:             "rotate API keys that only a person can create, and prove every step",
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.prepare() }}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetUsageTemplate(strings.NewReplacer("FlagUsages ", fmt.Sprintf("FlagUsagesWrapped %d ", width),
		"for more information about a command", "for more").Replace(root.UsageTemplate()))
	f := root.PersistentFlags()
	f.StringVar(&a.config, "config", a.fromEnv("QUARTERTURN_CONFIG", "quarterturn.yaml"), "configuration file")
	f.StringVar(&a.output, "output", "text", "text, or json for machines")
	f.StringVar(&a.as, "as", "", "your name in the trail (default: the name you are logged in with)")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagError(err) })
	root.AddCommand(a.demoCmd(), a.demoRestartCmd(), a.initCmd(), a.checkCmd(), a.adoptCmd(), a.statusCmd(), a.planCmd(),
		a.runCmd(), a.rotateCmd(), a.submitCmd(), a.fingerprintCmd(), a.rekeyCmd(), a.ledgerCmd(), a.auditCmd(), a.evidenceCmd(), a.configCmd(),
		a.versionCmd(), a.completionCmd(), a.manCmd())
	root.AddCommand(a.wordCmds()...)
	a.completing(root)
	return root
}

// prepare settles what every command needs once flags are known.
func (a *app) prepare() error {
	if a.output != "text" && a.output != "json" {
		return usage("--output takes text or json")
	}
	a.p = newPrinter(a.w.out, a.w.environ, a.output == "json")
	if a.as == "" {
		a.as = login(a.w.environ)
	}
	return nil
}

func (a *app) fromEnv(name, fallback string) string {
	if v := lookup(a.w.environ, name); v != "" {
		return v
	}
	return fallback
}

func lookup(environ []string, name string) string {
	for _, e := range environ {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

func login(environ []string) string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return lookup(environ, "USER")
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// flagError says what is wrong with a flag without the value that somebody typed.
func flagError(err error) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		return usage("unknown flag --%s: see --help", strict.ShowName(unknown.GetSpecifiedName()))
	case errors.As(err, &missing):
		return usage("--%s needs a value: see --help", missing.GetSpecifiedName())
	case errors.As(err, &invalid):
		return usage("--%s has a value it cannot take: see --help", invalid.GetFlag().Name)
	}
	return usage("the flags cannot be understood: see --help")
}

func noSuchCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range c.Commands() {
		if !sub.Hidden {
			names = append(names, sub.Name())
		}
	}
	if near := strict.Nearest(args[0], names); near != "" {
		return usage("unknown command; did you mean %q? See quarterturn --help", near)
	}
	return usage("unknown command: see quarterturn --help")
}

// names checks the number of arguments without echoing one.
func names(least, most int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return usage("%s takes %s: see quarterturn %s --help", c.CommandPath(), what, c.Name())
		}
		return nil
	}
}

// with opens the shop for the time of do.
func (a *app) with(ctx context.Context, do func(s *shop) error) error {
	s, err := open(ctx, a.w, a.config, a.wi)
	if err != nil {
		return missingConfig(opening(err), a.config)
	}
	return errors.Join(do(s), s.Close())
}

// withNamed is with for credentials that must be configured.
func (a *app) withNamed(ctx context.Context, names []string, do func(s *shop) error) error {
	return a.with(ctx, func(s *shop) error {
		if err := s.knows(names); err != nil {
			return err
		}
		return do(s)
	})
}

// knows refuses a name that is not configured, without repeating it: people paste secrets in odd places.
func (s *shop) knows(names []string) error {
	var known []string
	for _, c := range s.cfg.Credentials {
		known = append(known, c.Name)
	}
	for _, name := range names {
		if slices.Contains(known, name) {
			continue
		}
		hint := ""
		if near := strict.Nearest(name, known); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		return &failure{code: exitUsage, next: "quarterturn status",
			err: fmt.Errorf("no credential of that name is configured%s", hint)}
	}
	return nil
}

// missingConfig names the next command where there is nothing yet.
func missingConfig(err error, path string) error {
	if _, serr := os.Stat(path); errors.Is(serr, os.ErrNotExist) {
		return &failure{code: exitUsage, next: "quarterturn init", err: errors.New("no configuration file " + path +
			"; nothing was changed")}
	}
	return err
}

// awaited is the next command of an outcome, for the last line.
func awaited(outs []rotator.Outcome) string {
	for _, o := range outs {
		if o.Broken != "" && o.Command != "" {
			return o.Command
		}
	}
	for _, o := range outs {
		if o.Command != "" {
			return o.Command
		}
	}
	return ""
}
