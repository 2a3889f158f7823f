package config

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"quarterturn/internal/strict"
)

// Kind is one way to hold, redeploy or prove, under the name it has in the file. What its settings mean is known to
// its adapter alone, which decodes them later.
type Kind struct {
	Name   string // e.g. "dotenv"
	Schema []byte // JSON Schema of the settings, self-contained
	// Target names what the settings of a place point at, so that two spellings of one target are seen as one, e.g.
	// the full path of a file; "" when it cannot tell. dir is the config file's folder. It must stand settings that
	// break the schema. Nil: the settings as a whole. Not used by redeploys and proofs.
	Target func(dir string, settings *strict.Document) string
}

// Vendor is what a credential must fit.
type Vendor struct {
	Environments []string
	Fields       []string // of its material, e.g. key, secret
}

// Kinds is everything that can stand in a file but is built elsewhere.
type Kinds struct {
	Places, Redeploys, Proofs []Kind
	// Vendors is required. It knows the built-in vendor profiles and those in files, by name. It is called once a Load. When some
	// files fail it returns what it has beside the error: strict.Problems are passed on as they are, and the text of
	// any other error must be free of values.
	Vendors func(files []string) (map[string]Vendor, error)
}

//go:embed schema.json
var base string

// Schema is the JSON Schema (draft 2020-12) of a whole config file for editors and for Load, indented and always the
// same for the same kinds. An error means that the kinds themselves are wrong: a name twice, a schema that is no JSON
// object.
func Schema(k Kinds) ([]byte, error) {
	var whole map[string]any
	if err := json.Unmarshal([]byte(base), &whole); err != nil {
		return nil, fmt.Errorf("base schema: %w", err)
	}
	defs := whole["$defs"].(map[string]any)
	for _, insert := range []struct {
		into  string
		kinds []Kind
	}{{"place", k.Places}, {"redeploy", k.Redeploys}, {"proof", k.Proofs}} {
		if err := addKinds(defs, insert.into, insert.kinds); err != nil {
			return nil, err
		}
	}
	defs["place"].(map[string]any)["oneOf"] = exactlyOne(k.Places)
	return encode(whole)
}

func addKinds(defs map[string]any, into string, kinds []Kind) error {
	properties := defs[into].(map[string]any)["properties"].(map[string]any)
	if len(kinds) == 0 {
		return fmt.Errorf("no kind of %s", into)
	}
	for _, kind := range kinds {
		if _, taken := properties[kind.Name]; taken || kind.Name == "" {
			return fmt.Errorf("%s kind %q: no name, or one that is taken", into, kind.Name)
		}
		var fragment map[string]any
		if err := json.Unmarshal(kind.Schema, &fragment); err != nil {
			return fmt.Errorf("schema of %s kind %s: %w", into, kind.Name, err)
		}
		def := into + "-" + kind.Name
		delete(fragment, "$schema")
		delete(fragment, "$id")
		moveReferences(fragment, "#/$defs/"+def)
		defs[def] = fragment
		properties[kind.Name] = map[string]any{"$ref": "#/$defs/" + def}
	}
	return nil
}

// moveReferences makes a fragment's references to itself work from its new home.
func moveReferences(at any, home string) {
	switch at := at.(type) {
	case map[string]any:
		for name, sub := range at {
			if to, is := sub.(string); is && name == "$ref" && strings.HasPrefix(to, "#") {
				at[name] = home + strings.TrimPrefix(to, "#")
			}
			moveReferences(sub, home)
		}
	case []any:
		for _, sub := range at {
			moveReferences(sub, home)
		}
	}
}

func exactlyOne(kinds []Kind) []any {
	branches := make([]any, len(kinds))
	for i, kind := range kinds {
		branches[i] = map[string]any{"required": []any{kind.Name}}
	}
	return branches
}

func encode(schema map[string]any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(schema); err != nil {
		return nil, fmt.Errorf("composed schema: %w", err)
	}
	return b.Bytes(), nil
}
