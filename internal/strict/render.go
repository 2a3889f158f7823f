package strict

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// renderer turns a validator's tree of failures into problems. It reads paths, keywords and limits, which come from
// the schema or are checked names, and never the value or the validator's text.
type renderer struct {
	doc      *Document
	schema   *Schema
	value    any
	problems Problems
}

func (r *renderer) walk(e *jsonschema.ValidationError) {
	path, rule := r.path(e.InstanceLocation), r.schema.rule(e.SchemaURL)
	switch k := e.ErrorKind.(type) {
	case *kind.OneOf:
		r.alternatives(e, path, rule, "oneOf", len(k.Subschemas) > 1)
	case *kind.AnyOf:
		r.alternatives(e, path, rule, "anyOf", false)
	default:
		for _, cause := range e.Causes {
			r.walk(cause)
		}
		if len(e.Causes) == 0 {
			r.leaf(e.ErrorKind, path, rule)
		}
	}
}

func (r *renderer) leaf(failure jsonschema.ErrorKind, path []any, rule rule) {
	switch k := failure.(type) {
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			r.unknown(join(path, name), name, rule)
		}
	case *kind.Required:
		r.missing(path, rule, k.Missing)
	case *kind.DependentRequired:
		r.missing(path, rule, k.Missing)
	case *kind.FalseSchema:
		r.addKey(path, "unknown field", "remove it")
	case *kind.Not:
		r.refused(path, rule)
	case *kind.UniqueItems:
		r.add(join(path, k.Duplicates[1]), fmt.Sprintf("the same as entry %d", k.Duplicates[0]), "keep one")
	default:
		what, remedy := words(failure, rule)
		r.add(path, what, remedy)
	}
}

func (r *renderer) unknown(path []any, name string, within rule) {
	known, form := within.known(), within.text(NamesKey)
	what, remedy := "unknown field", "remove it"
	if ShowName(name) == hiddenName {
		what = "unknown field, not shown since it may be a secret"
	}
	if near := Nearest(name, known); near != "" {
		remedy = "did you mean " + near + "?"
	} else if form != "" {
		what, remedy = "not a name that is possible here", "write "+form
	} else if len(known) > 0 {
		remedy = "remove it; known here: " + strings.Join(known, ", ")
	}
	r.addKey(path, what, remedy)
}

func (r *renderer) missing(path []any, within rule, names []string) {
	properties, _ := within["properties"].(map[string]any)
	for _, name := range names {
		remedy := "add it"
		fields, _ := properties[name].(map[string]any)
		if form := rule(fields).text(FormKey); form != "" {
			remedy = "add it: " + form
		}
		r.add(join(path, name), "missing", remedy)
	}
}

func (r *renderer) refused(path []any, rule rule) {
	what, remedy, found := strings.Cut(rule.text(RefusedKey), "; ")
	if !found {
		what, remedy = "not allowed here", "remove it"
	}
	r.addKey(path, what, remedy)
}

// alternatives reports one problem when the branches only name a kind; otherwise the problems of the single branch
// that fits the value's type.
func (r *renderer) alternatives(e *jsonschema.ValidationError, path []any, rule rule, keyword string, several bool) {
	if kinds := rule.kinds(keyword); kinds != nil {
		r.oneKind(path, kinds, several)
		return
	}
	var fitting []*jsonschema.ValidationError
	for _, branch := range e.Causes {
		if !wrongType(branch, len(e.InstanceLocation)) {
			fitting = append(fitting, branch)
		}
	}
	if len(fitting) == 1 {
		r.walk(fitting[0])
		return
	}
	r.add(path, "none of the allowed forms", rule.form())
}

func (r *renderer) oneKind(path []any, kinds []string, several bool) {
	what := "its kind is missing"
	if several {
		what = "more than one kind"
	}
	r.add(path, what, "give exactly one of: "+strings.Join(kinds, ", "))
}

func wrongType(e *jsonschema.ValidationError, depth int) bool {
	if _, is := e.ErrorKind.(*kind.Type); is {
		return len(e.InstanceLocation) == depth
	}
	for _, cause := range e.Causes {
		if wrongType(cause, depth) {
			return true
		}
	}
	return false
}

// path turns the validator's location into string keys and int indexes: a number is an index only inside a list.
func (r *renderer) path(location []string) []any {
	var path []any
	at := r.value
	for _, step := range location {
		if _, list := at.([]any); list {
			i, _ := strconv.Atoi(step)
			path = append(path, i)
		} else {
			path = append(path, step)
		}
		at = descend(at, step)
	}
	return path
}

func (r *renderer) add(path []any, what, remedy string) {
	r.problems = append(r.problems, r.doc.Problem(what, remedy, path...))
}

func (r *renderer) addKey(path []any, what, remedy string) {
	r.problems = append(r.problems, r.doc.KeyProblem(what, remedy, path...))
}

// words says in our own terms which rule a value broke and what to do about it.
func words(failure jsonschema.ErrorKind, rule rule) (what, remedy string) {
	switch k := failure.(type) {
	case *kind.Type:
		return wrongTypeWords(k, rule)
	case *kind.Enum:
		return "none of the allowed words", "use one of: " + literals(k.Want)
	case *kind.Const:
		return "not the expected word", "write " + literals([]any{k.Want})
	case *kind.Pattern:
		return "not in the expected form", rule.form()
	case *kind.Format:
		return "not a valid " + k.Want, rule.form()
	}
	return sizeWords(failure, rule)
}

func sizeWords(failure jsonschema.ErrorKind, rule rule) (what, remedy string) {
	switch k := failure.(type) {
	case *kind.Minimum:
		return "too small", "use at least " + decimal(k.Want)
	case *kind.Maximum:
		return "too large", "use at most " + decimal(k.Want)
	case *kind.ExclusiveMinimum:
		return "too small", "use more than " + decimal(k.Want)
	case *kind.ExclusiveMaximum:
		return "too large", "use less than " + decimal(k.Want)
	case *kind.MinLength:
		return "too short", fmt.Sprintf("write at least %s", counted(k.Want, "character"))
	case *kind.MaxLength:
		return "too long", fmt.Sprintf("write at most %s", counted(k.Want, "character"))
	case *kind.MinItems:
		return "too few entries", fmt.Sprintf("give at least %s", counted(k.Want, "entry"))
	case *kind.MaxItems:
		return "too many entries", fmt.Sprintf("give at most %s", counted(k.Want, "entry"))
	case *kind.MinProperties:
		return "too few fields", fieldsRemedy("at least", k.Want, rule)
	case *kind.MaxProperties:
		return "too many fields", fieldsRemedy("at most", k.Want, rule)
	}
	return "not allowed here", rule.form()
}

// fieldsRemedy names the kinds when exactly one of them is wanted.
func fieldsRemedy(bound string, want int, rule rule) string {
	known := rule.known()
	if len(known) == 0 {
		return fmt.Sprintf("give %s %s", bound, counted(want, "field"))
	}
	if rule["minProperties"] != nil && rule["maxProperties"] != nil && want == 1 {
		return "give exactly one of these kinds: " + strings.Join(known, ", ")
	}
	return fmt.Sprintf("give %s %d of: %s", bound, want, strings.Join(known, ", "))
}

func wrongTypeWords(k *kind.Type, rule rule) (what, remedy string) {
	wanted := make([]string, len(k.Want))
	for i, want := range k.Want {
		wanted[i] = typeWord(want)
	}
	must := "must be " + strings.Join(wanted, " or ")
	switch {
	case k.Got == "null":
		return "empty, but " + must, "give it a value or remove it"
	case must == "must be text" && (k.Got == "number" || k.Got == "boolean"):
		return must, quotesRemedy(rule)
	case rule.text(FormKey) != "":
		return must, rule.form()
	}
	return must + ", but is " + typeWord(k.Got), "correct it"
}

func quotesRemedy(rule rule) string {
	if rule.text(FormKey) == "" {
		return "put it in quotes"
	}
	return rule.form() + ", in quotes"
}

func typeWord(name string) string {
	switch name {
	case "string":
		return "text"
	case "object":
		return "named fields"
	case "array":
		return "a list"
	case "integer":
		return "a whole number"
	case "number":
		return "a number"
	case "boolean":
		return "true or false"
	}
	return "empty"
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, is := strings.CutSuffix(noun, "y"); is {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func decimal(limit *big.Rat) string {
	return strings.TrimRight(strings.TrimRight(limit.FloatString(6), "0"), ".")
}

func literals(allowed []any) string {
	words := make([]string, len(allowed))
	for i, one := range allowed {
		if text, is := one.(string); is {
			words[i] = text
			continue
		}
		b, err := json.Marshal(one)
		if err != nil {
			b = []byte("(unprintable)")
		}
		words[i] = string(b)
	}
	return strings.Join(words, ", ")
}
