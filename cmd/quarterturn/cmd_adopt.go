package main

import (
	"github.com/spf13/cobra"

	"quarterturn/rotator"
)

// adoptFlags are the three ways to adopt: by name, by a list, and by first finding out where a pair is.
type adoptFlags struct{ created, last4, csv, find, in string }

func (a *app) adoptCmd() *cobra.Command {
	var f adoptFlags
	c := &cobra.Command{Use: "adopt NAME", Short: "bring in a key that is already in use; changes nothing outside", Args: names(0, 1, "one name"),
		Long: "Bring in a key that is already in use; nothing outside is changed.\n" +
			"--csv FILE takes a list with the columns name, created and, if you like, last4;\n" +
			"nothing is adopted before every row is right.\n" +
			"--find NAME --in DIR takes one hidden paste of the pair in use, looks for it in\n" +
			"DIR and prints the places of the configuration; nothing is written.",
		RunE: func(c *cobra.Command, args []string) error { return a.adoptBy(c.Context(), args, f) }}
	c.Flags().StringVar(&f.created, "created", "", "the day the portal says the key was created, e.g. 2026-09-01; unknown is overdue")
	c.Flags().StringVar(&f.last4, "last4", "", "last four characters the portal shows, to be compared with the places")
	c.Flags().StringVar(&f.csv, "csv", "", "adopt a list: a file with a header line, or - for standard input")
	c.Flags().StringVar(&f.find, "find", "", "look for the pair in use of this credential")
	c.Flags().StringVar(&f.in, "in", "", "the folder to look in, with all below it")
	return c
}

func (a *app) adoptBy(ctx ctxt, args []string, f adoptFlags) error {
	single := f.created != "" || f.last4 != "" || len(args) > 0
	switch {
	case f.csv != "" && (single || f.find != "" || f.in != ""):
		return usage("--csv says everything by itself: leave out names and other flags")
	case f.csv != "":
		return a.with(ctx, func(s *shop) error { return a.adoptList(ctx, s, f.csv) })
	case (f.find != "" || f.in != "") && (single || f.find == "" || f.in == ""):
		return usage("--find NAME goes with --in DIR, and with nothing else")
	case f.find != "":
		return a.withNamed(ctx, []string{f.find}, func(s *shop) error { return a.find(ctx, s, f.find, f.in) })
	case len(args) == 0:
		return usage("adopt takes one name, --csv FILE, or --find NAME --in DIR: see quarterturn adopt --help")
	}
	when, err := creation(f.created)
	if err != nil {
		return err
	}
	return a.withNamed(ctx, args, func(s *shop) error {
		return a.adopt(ctx, s, rotator.Adoption{Credential: args[0], Who: a.as, Created: when, Fragment: f.last4})
	})
}
