package main

import (
	"errors"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"quarterturn/intake"
	"quarterturn/secret"
)

func (a *app) fingerprintCmd() *cobra.Command {
	c := &cobra.Command{Use: "fingerprint", Short: "let a consumer name the pair it runs with, without showing it", Args: noSuchCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(a.fingerprintKeyCmd(), a.fingerprintReportCmd())
	return c
}

// fingerprintKeyCmd writes the key a consumer computes its print with: derived for its name, good for nothing else.
func (a *app) fingerprintKeyCmd() *cobra.Command {
	var file string
	c := &cobra.Command{Use: "key CONSUMER", Short: "write the consumer's own print key to a new file (0600)", Args: names(1, 1, "one name"),
		RunE: func(c *cobra.Command, args []string) error {
			if file == "" {
				return usage("--file is needed: the key goes into a file, never to a terminal")
			}
			return a.with(c.Context(), func(s *shop) error { return a.writePrintKey(s, args[0], file) })
		}}
	c.Flags().StringVar(&file, "file", "", "the file to be written; it must not exist")
	return c
}

// writePrintKey refuses a name that no consumer has: its prints would match nothing, and nobody would know why.
func (a *app) writePrintKey(s *shop, consumer, file string) error {
	if !s.consumes(consumer) {
		return usage("no consumer of that name is configured; nothing was written")
	}
	err := secret.CreateFile(file, s.keys.Derive(consumer))
	if errors.Is(err, fs.ErrExist) {
		return usage("%s exists already; nothing was written", file)
	}
	if err != nil {
		return usage("%s cannot be written (%w); nothing was left behind", file, errors.Unwrap(err))
	}
	return a.p.give(answer{json: map[string]string{"consumer": consumer, "file": file}, text: func(p *printer) {
		p.mark("ok", "%s holds the print key of %s: hand it to the consumer as QUARTERTURN_PRINT_KEY", file, consumer)
	}})
}

func (s *shop) consumes(name string) bool {
	for _, c := range s.cfg.Credentials {
		for _, consumer := range c.Consumers {
			if consumer.Name == name {
				return true
			}
		}
	}
	return false
}

// fingerprintReportCmd is what a consumer in any language may call: key by file or environment, the pair on standard
// input.
func (a *app) fingerprintReportCmd() *cobra.Command {
	var file string
	c := &cobra.Command{Use: "report", Short: "compute a consumer's print of the pair on standard input", Args: names(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			derived, err := a.printKey(file)
			if err != nil {
				return err
			}
			m, _, err := piped(c.Context(), a.w.in, []intake.Field{{Name: "key", Entry: "BLUUM_API_KEY"},
				{Name: "secret", Entry: "BLUUM_API_SECRET", Secret: true}})
			if errors.Is(err, intake.ErrInterrupted) {
				return err
			}
			if err != nil {
				return usage("%w", err)
			}
			print, err := secret.Report(derived, m)
			if err != nil {
				return usage("%w", err)
			}
			return a.p.give(answer{json: map[string]string{"print": print}, text: func(p *printer) { p.line("%s", print) }})
		}}
	c.Flags().StringVar(&file, "key-file", "", "file with the consumer's print key (default: QUARTERTURN_PRINT_KEY holds it)")
	return c
}

func (a *app) printKey(file string) (secret.Value, error) {
	if file == "" {
		v := lookup(a.w.environ, "QUARTERTURN_PRINT_KEY")
		if v == "" {
			return secret.Value{}, usage("no print key: use --key-file, or QUARTERTURN_PRINT_KEY")
		}
		return secret.New(v), nil
	}
	return readKeyFile(file)
}

func readKeyFile(file string) (secret.Value, error) {
	if err := secret.CheckFile(file); err != nil {
		return secret.Value{}, usage("%w", err)
	}
	f, err := openFile(file)
	if err != nil {
		return secret.Value{}, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return secret.Value{}, usage("the key file cannot be read")
	}
	return secret.New(trim(string(b))), nil
}
