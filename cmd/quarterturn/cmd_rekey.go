package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"quarterturn/internal/config"
	"quarterturn/internal/seal/age"
	"quarterturn/rotator"
	"quarterturn/secret"
)

func (a *app) rekeyCmd() *cobra.Command {
	c := &cobra.Command{Use: "rekey", Short: "new sealing recipients or fingerprint key, also after a loss", Args: noSuchCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(a.rekeySealCmd(), a.rekeyFingerprintCmd())
	return c
}

func (a *app) rekeySealCmd() *cobra.Command {
	var lost bool
	c := &cobra.Command{Use: "seal", Short: "seal every pair again, to the recipients that are configured now", Args: names(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *shop) error { return a.rekeySeal(c.Context(), s, lost) })
		}}
	c.Flags().BoolVar(&lost, "lost", false, "the identity of then is lost for good: give up what neither opens nor stands in a place")
	return c
}

func (a *app) rekeySeal(ctx ctxt, s *shop, lost bool) error {
	k, done := a.rekeying(s)
	if lost {
		k.Lost = func(err error) bool { return errors.Is(err, age.ErrNoIdentity) }
	}
	if err := s.rt.Reseal(ctx, k); err != nil {
		return err
	}
	code, next := done.code(), ""
	if code != exitDone {
		next = "quarterturn rekey seal --lost"
	}
	err := a.p.give(answer{json: map[string]any{"pairs": done.views(), "exit": code}, next: next, text: func(p *printer) {
		printCount(p, "sealed again to the recipients that are configured", *done)
		if code != exitDone {
			p.mark("STOP", "some pairs stay sealed to others. Where their identity is lost for good, add --lost; otherwise use their identity file")
		}
	}})
	return errors.Join(err, quietly(code))
}

func (a *app) rekeyFingerprintCmd() *cobra.Command {
	var lost bool
	c := &cobra.Command{Use: "fingerprint", Short: "put a new fingerprint key first, and fingerprint every pair under it", Args: names(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if !lost {
				if err := a.addPrintKey(c.Context()); err != nil {
					return err
				}
			}
			return a.with(c.Context(), func(s *shop) error { return a.rekeyFingerprint(c.Context(), s, lost) })
		}}
	c.Flags().BoolVar(&lost, "lost", false, "the key file of then is lost, and another one stands in its place")
	return c
}

// addPrintKey puts a key into the file unless the last one is not everywhere yet: then that is finished first.
func (a *app) addPrintKey(ctx context.Context) error {
	unfinished := 0
	var cfg *config.Config
	err := a.with(ctx, func(s *shop) (err error) {
		cfg = s.cfg
		unfinished, err = s.rt.Unprinted(ctx)
		return err
	})
	if err != nil || unfinished > 0 {
		if unfinished > 0 && !a.p.asJSON {
			a.p.mark("note", "%d %s no prints under the keys held yet: that is finished first, and no key is added", unfinished, have(unfinished))
		}
		return err
	}
	id, err := secret.AddKey(cfg.Fingerprint.KeyFile)
	if err != nil {
		return &failure{code: exitUsage, err: fmt.Errorf("the key file could not be changed, and is as it was: %w", err)}
	}
	if !a.p.asJSON {
		a.p.mark("ok", "%s is first in the key file; the keys before it stay, so that older prints can be compared", id)
	}
	return nil
}

func have(n int) string {
	if n == 1 {
		return "pair has"
	}
	return "pairs have"
}

func (a *app) rekeyFingerprint(ctx ctxt, s *shop, lost bool) error {
	k, done := a.rekeying(s)
	if err := s.rt.Reprint(ctx, k, lost); err != nil {
		return err
	}
	consumers := s.printing()
	code := exitDone
	if lost {
		code = done.alive()
	}
	err := a.p.give(answer{json: map[string]any{"pairs": done.views(), "consumers": consumers, "exit": code}, text: func(p *printer) {
		printCount(p, "fingerprinted under every key held", *done)
		for _, name := range consumers {
			p.mark("ask", "consumer %s still makes its prints with the key of then. Give it its new one: quarterturn fingerprint key %s --file FILE",
				name, name)
		}
		if code != exitDone {
			p.mark("STOP", "a pair that may be alive stays incomparable: see above; a rotation replaces it")
		}
	}})
	return errors.Join(err, quietly(code))
}

// printing are the consumers that may report prints, each with a key derived for its name.
func (s *shop) printing() []string {
	names := []string{}
	for _, c := range s.cfg.Credentials {
		for _, consumer := range c.Consumers {
			if consumer.Proof != nil && !slices.Contains(names, consumer.Name) {
				names = append(names, consumer.Name)
			}
		}
	}
	return names
}

// rekeyed is what a rekey told, pair by pair.
type rekeyed []rotator.Rekeyed

// rekeying shows each pair when it is done: there may be many, and a stop in between loses none.
func (a *app) rekeying(s *shop) (rotator.Rekeying, *rekeyed) {
	done := &rekeyed{}
	return rotator.Rekeying{Carer: s.ledger, Who: a.as, Tell: func(r rotator.Rekeyed) {
		*done = append(*done, r)
		if !a.p.asJSON {
			printRekeyed(a.p, r)
		}
	}}, done
}

func printRekeyed(p *printer, r rotator.Rekeyed) {
	name := fmt.Sprintf("%s: the %s key ending in %s", r.Pair.Credential, r.Pair.Life, orDash(r.Pair.Fragment))
	switch {
	case r.Done:
		p.mark("ok", "%s, from %s", name, r.From)
	case r.Already:
		p.mark("ok", "%s: nothing was missing", name)
	case r.Wiped, !r.Pair.MayLive():
		p.mark("note", "%s: %s", name, r.Why)
	default:
		p.mark("wait", "%s: %s", name, strings.TrimPrefix(r.Why, "age: "))
	}
}

func printCount(p *printer, what string, all rekeyed) {
	n := 0
	for _, r := range all {
		if r.Done || r.Already {
			n++
		}
	}
	p.mark("ok", "%d of %d pairs %s", n, len(all), what)
}

// code: a pair that stays as it was is a reason to stop.
func (all rekeyed) code() int {
	for _, r := range all {
		if !r.Done && !r.Already && !r.Wiped {
			return exitStop
		}
	}
	return exitDone
}

// alive: only pairs that may be alive must be comparable.
func (all rekeyed) alive() int {
	return slices.DeleteFunc(slices.Clone(all), func(r rotator.Rekeyed) bool { return !r.Pair.MayLive() }).code()
}

func (all rekeyed) views() []map[string]any {
	views := []map[string]any{}
	for _, r := range all {
		views = append(views, map[string]any{"credential": r.Pair.Credential, "pair": string(r.Pair.ID), "life": string(r.Pair.Life),
			"done": r.Done, "already": r.Already, "given_up": r.Wiped, "from": r.From, "why": r.Why})
	}
	return views
}
