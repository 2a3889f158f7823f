package strict

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Annotations a schema may carry beside its keywords; every other validator ignores them.
const (
	FormKey    = "x-quarterturn-form"    // text: what is expected here, e.g. "a duration such as 90d, 24h or 15m"
	NamesKey   = "x-quarterturn-names"   // text beside patternProperties: which names are possible
	RefusedKey = "x-quarterturn-refused" // text beside "not": {}: why the field is refused, "what; remedy"
)

// Schema is a compiled JSON Schema (draft 2020-12 unless it says otherwise) with its annotations.
type Schema struct {
	compiled *jsonschema.Schema
	raw      any
}

// Compile compiles one self-contained schema; name is used in its errors only. References to other files are errors,
// and so is propertyNames, whose failures the validator locates wrongly: use patternProperties with NamesKey.
func Compile(name string, schemaJSON []byte) (*Schema, error) {
	raw, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaJSON))
	if err != nil {
		return nil, fmt.Errorf("schema %s is not JSON: %w", name, err)
	}
	if uses(raw, "propertyNames") {
		return nil, fmt.Errorf("schema %s: propertyNames: use patternProperties and additionalProperties", name)
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(noLoader{})
	compiler.AssertFormat()
	address := "quarterturn:///" + url.PathEscape(name)
	if err := compiler.AddResource(address, raw); err != nil {
		return nil, fmt.Errorf("schema %s: %w", name, err)
	}
	compiled, err := compiler.Compile(address)
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", name, err)
	}
	return &Schema{compiled: compiled, raw: raw}, nil
}

func uses(at any, keyword string) bool {
	switch at := at.(type) {
	case map[string]any:
		for name, sub := range at {
			if name == keyword || uses(sub, keyword) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(at, func(sub any) bool { return uses(sub, keyword) })
	}
	return false
}

type noLoader struct{}

func (noLoader) Load(string) (any, error) { return nil, errors.New("a schema must be self-contained") }

// Validate finds every problem at once, sorted by position. d may be a part of a file: the schema is applied to it.
func (d *Document) Validate(s *Schema) Problems {
	value := plain(d.node)
	err := s.compiled.Validate(value)
	var failed *jsonschema.ValidationError
	if !errors.As(err, &failed) {
		return nil
	}
	r := renderer{doc: d, schema: s, value: value}
	r.walk(failed)
	return r.problems.Sorted()
}

// rule is one schema object as it was written, found again by its address.
type rule map[string]any

// rule returns the schema object at an address such as "quarterturn:///name#/properties/a".
func (s *Schema) rule(address string) rule {
	_, pointer, _ := strings.Cut(address, "#")
	at := s.raw
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer != "" {
			at = descend(at, unescape(step))
		}
	}
	found, _ := at.(map[string]any)
	return found
}

func unescape(step string) string {
	if plain, err := url.PathUnescape(step); err == nil {
		step = plain
	}
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
}

func descend(at any, step string) any {
	switch at := at.(type) {
	case map[string]any:
		return at[step]
	case []any:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(at) {
			return at[i]
		}
	}
	return nil
}

func (r rule) text(keyword string) string {
	text, _ := r[keyword].(string)
	return text
}

// form is what to write, in the schema's own words.
func (r rule) form() string {
	if form := r.text(FormKey); form != "" {
		return "write " + form
	}
	return "see what the schema's description of this field says"
}

// known lists the names this object may have, those that are always refused left out.
func (r rule) known() []string {
	properties, _ := r["properties"].(map[string]any)
	var names []string
	for name, sub := range properties {
		if fields, _ := sub.(map[string]any); rule(fields).text(RefusedKey) == "" && sub != false {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// kinds lists the names of a oneOf or anyOf whose every branch only requires one name.
func (r rule) kinds(keyword string) []string {
	branches, _ := r[keyword].([]any)
	var names []string
	for _, branch := range branches {
		fields, _ := branch.(map[string]any)
		required, _ := fields["required"].([]any)
		if len(fields) != 1 || len(required) != 1 {
			return nil
		}
		names = append(names, fmt.Sprint(required[0]))
	}
	return names
}
