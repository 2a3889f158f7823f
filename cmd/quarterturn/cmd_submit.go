package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"quarterturn/intake"
	"quarterturn/ledger"
	"quarterturn/rotator"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// ctxt keeps signatures short.
type ctxt = context.Context

// receiptView is an accepted pair, for machines.
type receiptView struct {
	Credential string   `json:"credential"`
	Rotation   string   `json:"rotation"`
	Pair       string   `json:"pair"`
	LastFour   string   `json:"last_four"`
	Again      bool     `json:"again"`
	Notes      []string `json:"notes"`
	Next       string   `json:"next"`
}

func (a *app) submitCmd() *cobra.Command {
	var p rotator.Paste
	var created string
	c := &cobra.Command{Use: "submit NAME", Short: "hand in a new pair: hidden at a terminal, or on standard input", Args: names(1, 1, "one name"),
		RunE: func(c *cobra.Command, args []string) error {
			when, err := creation(created)
			if err != nil {
				return err
			}
			p.Credential, p.Created = args[0], when
			return unkept(a.withNamed(c.Context(), args, func(s *shop) error { return a.submit(c.Context(), s, p) }), args[0])
		}}
	c.Flags().BoolVar(&p.Old, "old", false, "the pair in use, where no place can return it")
	c.Flags().StringVar(&p.Organisation, "organisation", "", "the organisation that the portal showed")
	c.Flags().StringVar(&p.Environment, "environment", "", "the environment that the portal showed")
	c.Flags().StringVar(&created, "created", "", "the day the portal says the pair was created, e.g. 2026-09-01, when that was before the rotation began")
	return c
}

func (a *app) submit(ctx ctxt, s *shop, p rotator.Paste) error {
	receipt, notes, err := a.takeIn(ctx, s, p)
	if err != nil {
		return err
	}
	next := "quarterturn run"
	return a.p.give(answer{json: receiptView{Credential: p.Credential, Rotation: string(receipt.Rotation), Pair: string(receipt.Pair),
		LastFour: receipt.Fragment, Again: receipt.Again, Notes: append([]string{}, notes...), Next: next}, next: next,
		text: func(pr *printer) { printReceipt(pr, receipt, notes) }})
}

func printReceipt(p *printer, r rotator.Receipt, notes []string) {
	for _, n := range notes {
		p.mark("note", "%s", n)
	}
	if r.Again {
		p.mark("ok", "This pair was here already, sealed. Nothing was changed.")
		return
	}
	p.mark("ok", "Your pair is safe: sealed, committed and read back (key ending in %s).", orDash(r.Fragment))
	p.mark("note", "Keep the portal page open until the vendor has accepted the pair.")
}

// takeIn reads a paste and passes it through the one door.
func (a *app) takeIn(ctx ctxt, s *shop, p rotator.Paste) (rotator.Receipt, []string, error) {
	m, notes, err := a.paste(ctx, s.fields(p.Credential))
	if err != nil {
		return rotator.Receipt{}, notes, pasteError(err, p.Credential)
	}
	p.Material, p.Who, p.How = m, a.as, "standard input"
	if a.w.terminal != nil {
		p.How = "the terminal"
	}
	receipt, err := s.rt.Accept(ctx, p)
	return receipt, notes, led(unkept(err, p.Credential), "quarterturn submit "+p.Credential)
}

// unkept adds to a ledger that could not write what it means for a pair somebody has just created.
func unkept(err error, name string) error {
	for _, trouble := range []error{ledger.ErrFull, ledger.ErrLocked, ledger.ErrReadOnly} {
		if errors.Is(err, trouble) && nextOf(err) == "" {
			return &failure{code: exitCode(err), next: "quarterturn submit " + name,
				err: fmt.Errorf("%w. Nothing was kept; keep the portal page open", err)}
		}
	}
	return err
}

func (a *app) paste(ctx ctxt, fields []intake.Field) (secret.Material, []string, error) {
	if a.w.terminal != nil {
		return intake.Prompt(ctx, a.w.terminal, fields)
	}
	return piped(ctx, a.w.in, fields)
}

// piped reads standard input until its end, or until ctx ends: a pipe that stays open must not outlive a signal. The read
// itself cannot be called off; the process ends soon after.
func piped(ctx ctxt, in io.Reader, fields []intake.Field) (secret.Material, []string, error) {
	return pipedBy(ctx, in, fields, intake.ReadPaste)
}

func pipedBy(ctx ctxt, in io.Reader, fields []intake.Field,
	by func(io.Reader, []intake.Field) (secret.Material, []string, error)) (secret.Material, []string, error) {
	type paste struct {
		m     secret.Material
		notes []string
		err   error
	}
	read := make(chan paste, 1)
	go func() {
		var p paste
		p.m, p.notes, p.err = by(in, fields)
		read <- p
	}()
	select {
	case p := <-read:
		return p.m, p.notes, p.err
	case <-ctx.Done():
		return nil, nil, fmt.Errorf("%w: %w", intake.ErrInterrupted, ctx.Err())
	}
}

func pasteError(err error, name string) error {
	var wrong *intake.Error
	if errors.As(err, &wrong) {
		return &failure{code: exitUsage, next: "quarterturn submit " + name, err: err}
	}
	return err
}

// fields says what a paste for a configured credential consists of.
func (s *shop) fields(name string) []intake.Field {
	return pasteFields(s.profiles[s.configured(name).Vendor])
}

func pasteFields(p vendors.Profile) []intake.Field {
	var fields []intake.Field
	for _, name := range p.FieldNames() {
		f := p.Fields[name]
		field := intake.Field{Name: name, Entry: f.Env, Secret: !f.Public}
		for _, prefix := range f.Prefixes {
			field.Prefixes = append(field.Prefixes, prefix.Prefix)
		}
		fields = append(fields, field)
	}
	return fields
}
