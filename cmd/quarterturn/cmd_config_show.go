package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"quarterturn/internal/config"
)

func (a *app) configSchemaCmd() *cobra.Command {
	var included bool
	var file string
	c := &cobra.Command{Use: "schema", Short: "the JSON Schema of the configuration, for editors", Args: names(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error { return a.configSchema(included, file) }}
	c.Flags().BoolVar(&included, "included", false, "that of files which the configuration includes")
	c.Flags().StringVar(&file, "file", "", "write it into this file, over an older one, instead of printing it")
	return c
}

func (a *app) configSchema(included bool, file string) error {
	schemaOf := config.Schema
	if included {
		schemaOf = config.IncludedSchema
	}
	schema, err := schemaOf(kinds())
	if err != nil {
		return err
	}
	schema = append(bytes.TrimSpace(schema), '\n')
	if file == "" {
		_, err = a.w.out.Write(schema)
		return err
	}
	if err := os.WriteFile(file, schema, 0o644); err != nil { //nolint:gosec // a schema is public, and editors of others read it
		return usage("the schema cannot be written to %s; give another --file", file)
	}
	return a.p.give(answer{json: map[string]any{"written": file}, text: func(p *printer) { p.mark("ok", "wrote %s", file) }})
}

func (a *app) configShowCmd() *cobra.Command {
	var resolved bool
	c := &cobra.Command{Use: "show [NAME]", Short: "which credentials are configured, and where",
		Args: names(0, 1, "at most one name"),
		RunE: func(_ *cobra.Command, args []string) error { return a.configShow(resolved, args) }}
	c.Flags().BoolVar(&resolved, "resolved", false, "with includes, templates, connections and defaults written out")
	return c
}

// configShow prints no secret: the file holds none, and what looks like one is hidden.
func (a *app) configShow(resolved bool, args []string) error {
	cfg, err := config.Load(a.config, kinds())
	if err != nil {
		return missingConfig(opening(err), a.config)
	}
	name := ""
	if len(args) == 1 {
		name = args[0]
		if !slices.ContainsFunc(cfg.Credentials, func(c config.Credential) bool { return c.Name == name }) {
			return (&shop{cfg: cfg}).knows(args)
		}
	}
	shown := cfg.Show(name)
	if resolved {
		return a.showResolved(shown)
	}
	return a.showBrief(shown)
}

func (a *app) showResolved(shown config.Shown) error {
	var text bytes.Buffer
	if err := shown.YAML(&text); err != nil {
		return err
	}
	return a.p.give(answer{json: shown, text: func(p *printer) { _, _ = p.w.Write(text.Bytes()) }})
}

// brief is one credential as a line.
type brief struct {
	Name        string `json:"name"`
	Vendor      string `json:"vendor"`
	Environment string `json:"environment"`
	Policy      string `json:"policy"`
	Owner       string `json:"owner"`
	Where       string `json:"written_at"`
}

func (a *app) showBrief(shown config.Shown) error {
	list := []brief{}
	for _, c := range shown.Credentials {
		list = append(list, brief{c.Name, c.Vendor, c.Environment, c.Policy.Name, c.Owner, c.Where})
	}
	return a.p.give(answer{json: map[string]any{"files": shown.Files, "credentials": list}, text: func(p *printer) {
		for _, c := range list {
			p.line("%s  %s", p.style(bold, c.Name), fmt.Sprintf("%s %s, policy %s", c.Vendor, c.Environment, c.Policy))
			p.line("    %s", c.Owner)
			p.line("    %s", c.Where)
		}
	}})
}
