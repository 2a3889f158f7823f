package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quarterturn/internal/strict"
	"quarterturn/rotator"
)

// wordCmds are the commands by which a person says something. Each says what was recorded, and leaves the acting to the
// next pass.
func (a *app) wordCmds() []*cobra.Command {
	return []*cobra.Command{a.approveCmd(), a.revokedCmd(), a.attestCmd(), a.waiveCmd(), a.retireCmd(),
		a.wishCmd("rollback", rotator.RollBack, "go back to the old pair everywhere, while it lives"),
		a.wishCmd("abandon", rotator.Abandon, "stop a rotation before anything is written"),
		a.wishCmd("resume", rotator.Resume, "go on after what failed was mended")}
}

func (a *app) approveCmd() *cobra.Command {
	var reason, window string
	var consumers []string
	var review bool
	c := &cobra.Command{Use: "approve NAME", Short: "agree, as a second person, that the old key may be revoked", Args: names(1, 1, "one name"),
		Long: "Agree, as a second person, that the old key may be revoked. In an emergency\n" +
			"(rotate --compromised) --consumers names those that may be left without proof.\n" +
			"Where creating a key ends the old one, --window says when that may happen, e.g.\n" +
			"2026-12-01T02:00Z/2h, and --consumers who fails meanwhile. --review looks, as\n" +
			"somebody else, at an approval that one person gave alone.",
		RunE: func(c *cobra.Command, args []string) error {
			s := rotator.Saying{Credential: args[0], Kind: rotator.Approved, Text: reason, Consumers: consumers}
			if review {
				return a.say(c, rotator.Saying{Credential: args[0], Kind: rotator.Reviewed, Text: reason}, "reviewed")
			}
			var err error
			if s.From, s.To, err = span(window); err != nil {
				return err
			}
			return a.say(c, s, "approved")
		}}
	f := c.Flags()
	f.StringVar(&reason, "reason", "", "for the trail")
	f.StringSliceVar(&consumers, "consumers", nil, "consumers that may be left without proof, or without a key meanwhile")
	f.StringVar(&window, "window", "", "a maintenance window: its start and length, such as 2026-12-01T02:00Z/2h")
	f.BoolVar(&review, "review", false, "look at an approval that one person gave alone")
	return c
}

// span reads START/LENGTH; nothing is no window.
func span(window string) (from, to time.Time, err error) {
	if window == "" {
		return from, to, nil
	}
	wrong := usage("--window takes a start and a length, such as 2026-12-01T02:00Z/2h")
	start, length, both := strings.Cut(window, "/")
	d, derr := strict.ParseDuration(length)
	if !both || derr != nil {
		return from, to, wrong
	}
	for _, form := range []string{"2006-01-02T15:04Z07:00", time.RFC3339} {
		if from, err = time.Parse(form, start); err == nil {
			return from.UTC(), from.UTC().Add(time.Duration(d)), nil
		}
	}
	return time.Time{}, time.Time{}, wrong
}

func (a *app) retireCmd() *cobra.Command {
	var reason string
	c := &cobra.Command{Use: "retire NAME", Short: "end a credential without successor, proven dead", Args: names(1, 1, "one name"),
		Long: "End a credential without successor: its key is revoked in the portal and proven\n" +
			"dead, with another credential of the same vendor and environment to compare with;\n" +
			"without one a person attests it. Afterwards it may leave the configuration.",
		RunE: func(c *cobra.Command, args []string) error {
			return a.withNamed(c.Context(), args, func(s *shop) error {
				r, err := s.rt.Retire(c.Context(), args[0], a.as, reason)
				if err != nil {
					return err
				}
				return a.p.give(answer{json: map[string]any{"credential": args[0], "rotation": string(r.ID), "next": "quarterturn run"},
					next: "quarterturn run", text: func(p *printer) {
						p.mark("said", "%s is to be retired, by %s. Nothing was changed yet; the next pass looks at it.", args[0], a.as)
					}})
			})
		}}
	c.Flags().StringVar(&reason, "reason", "", "why (required)")
	return c
}

func (a *app) revokedCmd() *cobra.Command {
	var last4, pair string
	c := &cobra.Command{Use: "revoked NAME", Short: "say that the old key was revoked in the portal", Args: names(1, 1, "one name"),
		RunE: func(c *cobra.Command, args []string) error {
			again := "quarterturn revoked " + args[0]
			if pair != "" {
				again = "quarterturn status " + args[0] // which repeats the whole line; a flag's value is not repeated
			}
			last4, err := a.askLastFour(c.Context(), args[0], last4, again)
			if err != nil {
				return err
			}
			return a.say(c, rotator.Saying{Credential: args[0], Kind: rotator.RevokedIt, Fragment: last4,
				Pair: rotator.PairID(pair)}, "said that the key was revoked")
		}}
	c.Flags().StringVar(&last4, "last4", "", "last four characters of the key that was revoked")
	c.Flags().StringVar(&pair, "pair", "", "which pair, when it is not the rotation's old one")
	return c
}

func (a *app) attestCmd() *cobra.Command {
	var organisation, environment, consumer, pair, reason string
	c := &cobra.Command{Use: "attest NAME", Short: "give your word for what nothing can show", Args: names(1, 1, "one name"),
		Long: "Give your word for what nothing can show: the organisation and environment that\n" +
			"the portal showed, that a consumer uses the new pair, or that a pair is revoked\n" +
			"(--pair, which closes it as attested, never as dead).",
		RunE: func(c *cobra.Command, args []string) error {
			s := rotator.Saying{Credential: args[0], Kind: rotator.AttestIt, Text: reason, Environment: environment}
			what, flag := "a reason, which stands in the trail", "--reason"
			switch {
			case pair != "":
				s.Pair = rotator.PairID(pair)
			case consumer != "":
				s.Target = "consumer:" + consumer
			case environment != "":
				s.Target, s.Text = "portal", organisation
				what, flag = "the organisation that the portal showed", "--organisation"
			default:
				return usage("attest what? --organisation with --environment, --consumer, or --pair")
			}
			var err error
			if s.Text, err = a.worded(c.Context(), args[0], s.Text, what, flag); err != nil {
				return err
			}
			return a.say(c, s, "attested")
		}}
	f := c.Flags()
	f.StringVar(&organisation, "organisation", "", "the organisation that the portal showed")
	f.StringVar(&environment, "environment", "", "the environment that the portal showed")
	f.StringVar(&consumer, "consumer", "", "a consumer that uses the new pair")
	f.StringVar(&pair, "pair", "", "a pair that is revoked")
	f.StringVar(&reason, "reason", "", "for the trail")
	return c
}

func (a *app) waiveCmd() *cobra.Command {
	var reason, period string
	c := &cobra.Command{Use: "waive NAME TARGET", Short: "go on without one piece of evidence, for a while", Args: names(2, 2, "a name and a target"),
		Long: "Go on without one piece of evidence. TARGET is consumer:NAME, place:NAME\n" +
			"(overwrite a pair nobody knows), rollback (go on without a sealed old pair) or\n" +
			"tenant (accounts may differ).",
		RunE: func(c *cobra.Command, args []string) error {
			d, err := strict.ParseDuration(period)
			if err != nil {
				return usage("--for takes a duration such as 7d or 12h")
			}
			return a.say(c, rotator.Saying{Credential: args[0], Kind: rotator.WaiveIt, Target: args[1], Text: reason,
				For: time.Duration(d)}, "waived")
		}}
	c.Flags().StringVar(&reason, "reason", "", "why (required)")
	c.Flags().StringVar(&period, "for", "7d", "how long the waiver holds")
	return c
}

func (a *app) wishCmd(verb string, kind rotator.WordKind, short string) *cobra.Command {
	var reason string
	c := &cobra.Command{Use: verb + " NAME", Short: short, Args: names(1, 1, "one name"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.say(c, rotator.Saying{Credential: args[0], Kind: kind, Text: reason}, verb+" is wished")
		}}
	c.Flags().StringVar(&reason, "reason", "", "for the trail")
	return c
}

// say records one word and says so.
func (a *app) say(c *cobra.Command, s rotator.Saying, done string) error {
	return a.withNamed(c.Context(), []string{s.Credential}, func(shop *shop) error {
		s.Who = a.as
		word, err := a.spoken(c.Context(), shop, s)
		if err != nil {
			return led(err, "quarterturn status "+s.Credential)
		}
		return a.p.give(answer{json: map[string]any{"recorded": string(word.Kind), "credential": word.Credential, "rotation": string(word.Rotation),
			"who": word.Who, "seq": word.Seq, "next": "quarterturn run"}, next: "quarterturn run",
			text: func(p *printer) { p.mark("said", "%s, by %s. The next pass acts on it.", done, word.Who) }})
	})
}

// spoken says it, and asks for what a printed line leaves to the person.
func (a *app) spoken(ctx ctxt, shop *shop, s rotator.Saying) (rotator.Word, error) {
	for {
		word, err := shop.rt.Say(ctx, s)
		var missing *rotator.Refusal
		if !errors.As(err, &missing) {
			return word, err
		}
		more, aerr := a.supply(ctx, missing, &s)
		if aerr != nil || !more {
			return word, cmp.Or(aerr, err)
		}
	}
}

// supply gets what a refusal misses. false: nothing that can be asked for, or nobody said it.
func (a *app) supply(ctx ctxt, missing *rotator.Refusal, s *rotator.Saying) (more bool, err error) {
	switch missing.Kind {
	case "reasonless":
		s.Text, err = a.given(ctx, "reason, for the trail")
		return s.Text != "", err
	case "windowless":
		text, err := a.given(ctx, "maintenance window, such as 2026-12-01T02:00Z/2h")
		if err != nil || text == "" {
			return false, err
		}
		if s.From, s.To, err = span(text); err != nil {
			err = &failure{code: exitUsage, next: missing.Command, err: err}
		}
		return true, err
	}
	return false, nil
}

// worded is what a flag gave or somebody says, for a credential that is configured.
func (a *app) worded(ctx ctxt, name, given, what, flag string) (string, error) {
	if given != "" {
		return given, nil
	}
	if err := a.withNamed(ctx, []string{name}, func(*shop) error { return nil }); err != nil {
		return "", err
	}
	text, err := a.given(ctx, what)
	if err == nil && text == "" {
		err = unsaid("quarterturn status "+name, what, flag)
	}
	return text, err
}

// askLastFour asks for what the flag can say too. again is the command that asks once more.
func (a *app) askLastFour(ctx ctxt, name, given, again string) (string, error) {
	if given == "" {
		err := a.withNamed(ctx, []string{name}, func(s *shop) error {
			if a.p.asJSON {
				return nil
			}
			return a.showRevocation(ctx, s, name)
		})
		if err != nil {
			return "", err
		}
		given, err = a.given(ctx, "Last four characters of the key that was revoked")
		if err != nil {
			return "", err
		}
		if len(given) != 4 {
			return "", unsaid(again, "the last four characters of the key that was revoked", "--last4")
		}
	}
	if len(given) != 4 {
		return "", usage("--last4 takes the last four characters of the key that was revoked")
	}
	return given, nil
}

// showRevocation shows what to revoke beside what to keep.
func (a *app) showRevocation(ctx ctxt, s *shop, name string) error {
	standings, err := s.rt.Status(ctx, name)
	if err != nil {
		return err
	}
	st := standings[0]
	if st.Rotation == nil || st.Rotation.State != rotator.AwaitingRevocation {
		return nil
	}
	a.p.revocation(find(st.Pairs, st.Rotation.Old), find(st.Pairs, st.Rotation.New), st.Environment)
	return nil
}

func find(pairs []rotator.Pair, id rotator.PairID) rotator.Pair {
	for _, p := range pairs {
		if p.ID == id {
			return p
		}
	}
	return rotator.Pair{}
}

// revocation is the two pairs side by side.
func (p *printer) revocation(old, kept rotator.Pair, environment string) {
	row := func(what, a, b string) { p.line("        %-13s %-26s %s", what, a, b) }
	p.line("        %-13s %s %s", "", p.style(bad, fmt.Sprintf("%-26s", "REVOKE")), p.style(good, "KEEP"))
	row("key ends in", orDash(old.Fragment), orDash(kept.Fragment))
	row("created", day(old.Created), day(kept.Created))
	row("environment", environment, environment)
}
