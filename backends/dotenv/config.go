package dotenv

import (
	_ "embed"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"quarterturn/secret"
)

// Config is what the configuration says about one .env file; Schema describes it.
type Config struct {
	File  string `yaml:"file"`            // path; a relative one starts at Options.Dir
	Label string `yaml:"label,omitempty"` // entry that receives the generation label, "" for none
}

// Options is what the wiring adds to a Config.
type Options struct {
	Dir    string                              // folder of the configuration
	Fields map[string]string                   // field -> entry, e.g. "key" -> "BLUUM_API_KEY"; at least one
	Prints func(secret.Material) secret.Prints // keyed fingerprints; for a subset of the pair's fields without the whole
	Now    func() time.Time
}

//go:embed schema.json
var schema string

// Schema returns the JSON Schema (draft 2020-12) of Config.
func Schema() []byte { return []byte(schema) }

// entryName is what a shell accepts as a variable; every other reader of .env files accepts it too.
var entryName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Validate lists what is wrong with c, each with its remedy. Nil: nothing.
func (c Config) Validate() []string {
	var bad []string
	switch base := filepath.Base(c.File); {
	case c.File == "":
		bad = append(bad, "file is missing: name the .env file")
	case strings.HasSuffix(c.File, "/") || base == "." || base == ".." || strings.Contains(c.File, "\x00"):
		bad = append(bad, "file must name a file, not a folder")
	}
	if c.Label != "" && !entryName.MatchString(c.Label) {
		bad = append(bad, "label must be a variable name: letters, digits and _, not starting with a digit")
	}
	return bad
}

func (o Options) validate(label string) []string {
	var bad []string
	if o.Prints == nil || o.Now == nil {
		bad = append(bad, "fingerprints and a clock must be given")
	}
	if len(o.Fields) == 0 {
		bad = append(bad, "fields is missing: say which entry holds which field")
	}
	taken := map[string]bool{label: label != ""}
	for _, field := range slices.Sorted(maps.Keys(o.Fields)) {
		name := o.Fields[field]
		if !entryName.MatchString(name) {
			bad = append(bad, fmt.Sprintf("fields: the entry for %q must be a variable name: letters, digits and _, not starting with a digit", field))
		}
		if taken[name] {
			bad = append(bad, fmt.Sprintf("fields: the entry for %q is already used: give every field and the label an entry of its own", field))
		}
		taken[name] = true
	}
	return bad
}
