package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"quarterturn/internal/config"
	"quarterturn/ledger"
	"quarterturn/rotator"
)

func (a *app) ledgerCmd() *cobra.Command {
	c := &cobra.Command{Use: "ledger", Short: "back up, restore and reconcile the ledger", Args: noSuchCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(a.backupCmd(), a.restoreCmd(), a.reconcileCmd())
	return c
}

func (a *app) backupCmd() *cobra.Command {
	var file string
	c := &cobra.Command{Use: "backup", Short: "write a whole, verified copy to a new file, while runs go on", Args: names(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if file == "" {
				return usage("--file is needed: where the copy goes; it must not exist")
			}
			return a.with(c.Context(), func(s *shop) error { return a.backup(c.Context(), s, file) })
		}}
	c.Flags().StringVar(&file, "file", "", "the file to be written (0600); it must not exist")
	return c
}

func (a *app) backup(ctx ctxt, s *shop, file string) error {
	made, err := s.ledger.Backup(ctx, file)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return usage("%w", err)
	}
	if err != nil {
		return err
	}
	return a.p.give(answer{json: viewCopy(file, made), text: func(p *printer) {
		p.mark("ok", "%s holds the whole ledger, and verifies: %d events in %d chains, %d pairs", file, made.Report.Events, made.Report.Chains, made.Report.Pairs)
		p.line("        sha256 %s", made.Digest)
		p.mark("note", "its pairs are sealed: it is of use only with the sealing identity and the fingerprint key, which belong elsewhere")
	}})
}

func viewCopy(file string, c ledger.Copy) map[string]any {
	return map[string]any{"file": file, "sha256": c.Digest, "events": c.Report.Events, "chains": c.Report.Chains, "pairs": c.Report.Pairs,
		"kept": c.Kept}
}

func (a *app) restoreCmd() *cobra.Command {
	var file string
	var force bool
	c := &cobra.Command{Use: "restore", Short: "put a backup in the ledger's place; what was there is kept beside it", Args: names(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if file == "" {
				return usage("--file is needed: the backup to put back")
			}
			return a.restore(c.Context(), file, force)
		}}
	c.Flags().StringVar(&file, "file", "", "a file that `ledger backup` wrote")
	c.Flags().BoolVar(&force, "force", false, "also when the ledger that is there is newer than the backup, or another one")
	return c
}

// restore opens no ledger: the one that is there may be damaged.
func (a *app) restore(ctx ctxt, file string, force bool) error {
	var known catalogue
	cfg, err := config.Load(a.config, kindsOf(&known))
	if err != nil {
		return missingConfig(opening(err), a.config)
	}
	done, err := ledger.Restore(ctx, cfg.Ledger.Path, file, a.w.now, force)
	switch {
	case errors.Is(err, ledger.ErrNotOlder):
		return stopped("", fmt.Errorf("%w; to go back all the same, add --force", err))
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return usage("%w", err)
	case err != nil:
		return err
	}
	return a.p.give(answer{json: viewCopy(file, done), next: "quarterturn ledger reconcile", text: func(p *printer) {
		p.mark("ok", "the backup verifies (%d events in %d chains) and is the ledger now", done.Report.Events, done.Report.Chains)
		if done.Kept != "" {
			p.mark("note", "the ledger that was there is kept as %s", done.Kept)
		}
		p.mark("wait", "it may be older than the world: no run works on it until it was reconciled with what places and vendor say")
	}})
}

func (a *app) reconcileCmd() *cobra.Command {
	var dry, clock bool
	c := &cobra.Command{Use: "reconcile", Short: "make an older or lost ledger agree with what places and vendor say", Args: names(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *shop) error { return a.reconcile(c.Context(), s, dry, clock) })
		}}
	c.Flags().BoolVar(&dry, "dry-run", false, "say what would be done, and change nothing")
	c.Flags().BoolVar(&clock, "clock-is-right", false, "this machine's clock is right, and newer events were recorded by a wrong one")
	return c
}

// reconciledView is one credential, for machines.
type reconciledView struct {
	Credential string   `json:"credential"`
	Places     int64    `json:"places_epoch"`
	Ledger     int64    `json:"ledger_epoch"`
	Took       string   `json:"took,omitempty"`
	Ended      string   `json:"ended,omitempty"`
	What       string   `json:"what"`
	Problems   []string `json:"problems"`
}

func (a *app) reconcile(ctx ctxt, s *shop, dry, clock bool) error {
	all, err := s.rt.Reconcile(ctx, s.ledger, a.as, dry, clock)
	if err != nil {
		return err
	}
	views, code, next := []reconciledView{}, exitDone, ""
	for _, r := range all {
		views = append(views, reconciledView{Credential: r.Credential, Places: r.Places, Ledger: r.Ledger, Took: string(r.Took.ID),
			Ended: string(r.Ended), What: r.What, Problems: append([]string{}, r.Problems...)})
		switch {
		case len(r.Problems) > 0 && code == exitDone:
			code, next = exitStop, r.Command
		case next == "" && r.Took.ID != "" && !dry:
			next = "quarterturn adopt " + r.Credential
		}
	}
	err = a.p.give(answer{json: map[string]any{"credentials": views, "dry_run": dry, "exit": code}, next: next, text: func(p *printer) {
		for _, r := range all {
			printReconciled(p, r)
		}
		p.mark(closing(code, dry))
	}})
	return errors.Join(err, quietly(code))
}

func closing(code int, dry bool) (word, text string) {
	switch {
	case code != exitDone:
		return "STOP", "not everything is reconciled: what is named above comes first; then run this again"
	case dry:
		return "note", "nothing was changed"
	}
	return "ok", "the ledger agrees with what places and vendor say; runs go on"
}

func printReconciled(p *printer, r rotator.Reconciled) {
	p.line("%s", p.style(bold, r.Credential))
	for _, problem := range r.Problems {
		p.mark("STOP", "%s", problem)
	}
	if len(r.Problems) > 0 {
		return
	}
	p.mark("ok", "%s", r.What)
	if r.Places > r.Ledger {
		p.mark("note", "its places were last written under epoch %d, and the ledger knew of %d: it was behind", r.Places, r.Ledger)
	}
	if r.Took.ID != "" {
		p.mark("note", "nobody knows here when its pair was created, so that it counts as overdue: adopt it, with --created and the day that the portal shows")
	}
	if r.Ended != "" {
		p.mark("note", "rotation %s is ended: its pair is to be buried, and a rotation can be opened anew", r.Ended)
	}
}
