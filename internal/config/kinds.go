package config

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
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
	On     string // the kind of connection that a place or channel of this kind needs, "" for none
	// OwnNames: a place of this kind may leave fields out; each then stands under the vendor's own name for it.
	OwnNames bool
}

// Vendor is what a credential must fit.
type Vendor struct {
	Environments []string
	Fields       []string // of its material, e.g. key, secret
}

// Kinds is everything that can stand in a file but is built elsewhere.
type Kinds struct {
	Places, Redeploys, Proofs []Kind // at least one of each
	Connections, Channels     []Kind
	// Vendors is required. It knows the built-in vendor profiles and those in files, by name. It is called once a Load. When some
	// files fail it returns what it has beside the error: strict.Problems are passed on as they are, and the text of
	// any other error must be free of values.
	Vendors func(files []string) (map[string]Vendor, error)
}

//go:embed schema.json
var base string

// Schema is the JSON Schema (draft 2020-12) of a main config file for editors, indented and always the same for the
// same kinds. An error means that the kinds themselves are wrong: a name twice, a schema that is no JSON object.
func Schema(k Kinds) ([]byte, error) {
	whole, err := composedSchema(k)
	if err != nil {
		return nil, err
	}
	loosen(whole)
	return encode(whole)
}

// IncludedSchema is Schema for a file that another includes.
func IncludedSchema(k Kinds) ([]byte, error) {
	whole, err := composedSchema(k)
	if err != nil {
		return nil, err
	}
	loosen(whole)
	whole["title"] = "a file that quarterturn.yaml includes"
	delete(whole, "required")
	delete(whole, "anyOf")
	properties := whole["properties"].(map[string]any)
	for name := range properties {
		if name != "include" && !slices.Contains(shared(), name) {
			delete(properties, name)
		}
	}
	return encode(whole)
}

// loosen makes the schema of a composed file that of a written one, in which credentials may be included and the kind
// of a place follows from its connection.
func loosen(whole map[string]any) {
	required := whole["required"].([]any)
	whole["required"] = slices.DeleteFunc(required, func(name any) bool { return name == "credentials" })
	whole["anyOf"] = []any{requires("credentials"), requires("include")}
	defs := whole["$defs"].(map[string]any)
	for _, name := range []string{"place", "channel"} {
		def := defs[name].(map[string]any)
		for i, rule := range []map[string]any{maps.Clone(def), maps.Clone(def)} {
			if i == 0 {
				rule["additionalProperties"] = true
				delete(rule, "allOf")
			}
			defs[name+[]string{"-on", "-own"}[i]] = rule
		}
		defs[name] = map[string]any{"if": requires("on"), "then": reference(name + "-on"), "else": reference(name + "-own")}
	}
}

func requires(name string) map[string]any { return map[string]any{"required": []any{name}} }

func reference(def string) map[string]any { return map[string]any{"$ref": "#/$defs/" + def} }

// composedSchema is what Load holds a file to when all that it includes and extends is written out.
func composedSchema(k Kinds) (map[string]any, error) {
	var whole map[string]any
	if err := json.Unmarshal([]byte(base), &whole); err != nil {
		return nil, fmt.Errorf("base schema: %w", err)
	}
	defs := whole["$defs"].(map[string]any)
	for _, insert := range []struct {
		into  string
		kinds []Kind
		some  bool
	}{{"place", k.Places, true}, {"redeploy", k.Redeploys, true}, {"proof", k.Proofs, true}, {"connection", k.Connections, false},
		{"channel", k.Channels, false}} {
		if insert.some && len(insert.kinds) == 0 {
			return nil, fmt.Errorf("no kind of %s", insert.into)
		}
		if err := addKinds(defs, insert.into, insert.kinds); err != nil {
			return nil, err
		}
	}
	oneKind(defs, "place", k.Places)
	oneKind(defs, "channel", k.Channels)
	fieldsNeeded(defs["place"].(map[string]any), k.Places)
	return whole, nil
}

// oneKind wants a kind unless it follows from a connection: whether it can, a schema cannot tell.
func oneKind(defs map[string]any, name string, kinds []Kind) {
	def := defs[name].(map[string]any)
	if len(kinds) > 0 {
		def["allOf"] = []any{map[string]any{"if": requires("on"), "else": map[string]any{"oneOf": exactlyOne(kinds)}}}
	}
}

// fieldsNeeded wants the names of entries from every place whose kind has none of its own.
func fieldsNeeded(place map[string]any, kinds []Kind) {
	own := []any{requires("on")}
	for _, kind := range kinds {
		if kind.OwnNames {
			own = append(own, requires(kind.Name))
		}
	}
	place["allOf"] = append(place["allOf"].([]any), map[string]any{"if": map[string]any{"anyOf": own}, "else": requires("fields")})
}

func addKinds(defs map[string]any, into string, kinds []Kind) error {
	properties := defs[into].(map[string]any)["properties"].(map[string]any)
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
		properties[kind.Name] = reference(def)
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
		branches[i] = requires(kind.Name)
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
