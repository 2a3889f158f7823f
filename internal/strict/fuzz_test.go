package strict_test

import (
	"strings"
	"testing"

	"quarterturn/internal/strict"
)

// holes are files with one value missing, each of which breaks another rule or the syntax itself.
var holes = []string{
	"name: @\n", "name: \"@\"\n", "name: '@'\n", "name: |\n  @\n", "age: @\n", "mode: @\n", "size: @\n", "share: @\n",
	"flag: @\n", "one: @\n", "short: @\n", "day: @\n", "list: [@, @]\n", "people: {a: {b: @}}\n", "later: @\n", "argument: @\n",
	"action: @\n", "action: {command: @}\n", "unknown: @\n", "places: [@]\n", "places: [{name: 3, dotenv: @}]\n",
	"places: [{dotenv: {file: [@]}}]\n", "name: a\nname: @\n", "name: {a: [@\n", "@", "- @\n", "name: @\n---\nname: @\n",
	"name: &@ x\n", "name: *@\n", "name: !@ x\n", "name: !!int @\n", "%@\nname: x\n", "name: x #@\n",
}

// FuzzNoValueInErrors puts a value where it fits and where it breaks things, and looks for any eight bytes of it.
func FuzzNoValueInErrors(f *testing.F) {
	for hole := range holes {
		f.Add(hole, "hunter2hunter2hunter2")
		f.Add(hole, "\"AKIA/+=unbalanced")
	}
	s := schema(f)
	f.Fuzz(func(t *testing.T, hole int, value string) {
		text := holes[uint(hole)%uint(len(holes))]
		value = noNames(value)
		said := say(s, strings.ReplaceAll(text, "@", value))
		allowed := say(s, strings.ReplaceAll(text, "@", "zzz")) + say(s, strings.ReplaceAll(text, "@", "1")) + ownWords
		for i := 0; i+8 <= len(value); i++ {
			if run := value[i : i+8]; strings.Contains(said, run) && !strings.Contains(allowed, run) {
				t.Fatalf("%q of the value is in:\n%s", run, said)
			}
		}
	})
}

// ownWords are texts of this package that a fuzzer could find by itself.
const ownWords = "must be named fields a list text true or false a whole number, but is empty; correct it put it in quotes " +
	"not readable as YAML, in what begins at line none of the allowed forms see what the schema's description "

// noNames drops what could make a field name of a value: names may be shown.
func noNames(value string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(":,?{}\n\r\u0085\u2028\u2029", r) {
			return '_'
		}
		return r
	}, value)
}

func say(s *strict.Schema, text string) string {
	d, err := strict.Parse("f.yaml", []byte(text))
	if err != nil {
		return err.Error()
	}
	said := d.Validate(s).Error()
	var into struct {
		Name, Age, Mode string
		Size            int
		Keep            strict.Duration
	}
	if err := d.Decode(&into); err != nil {
		said += "\n" + err.Error()
	}
	return said
}

// FuzzParse holds that no input makes the package panic, whatever it is.
func FuzzParse(f *testing.F) {
	for _, hole := range holes {
		f.Add([]byte(hole))
	}
	s := schema(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if said := say(s, string(data)); strings.Contains(said, "go-yaml") {
			t.Fatal("a decoder's text is shown")
		}
	})
}
