package secret_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"log"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"quarterturn/secret"
	"quarterturn/secret/secrettest"
)

// holder is every way to hold a T: exported or not, behind pointers, in collections, nested, as any.
type holder[T any] struct {
	Open    T
	closed  T
	Pointer *T
	pointer *T
	Slice   []T
	slice   []T
	Array   [1]T
	Map     map[string]T
	byName  map[string]T
	Any     any
	hidden  any
	Nested  *holder[T]
	nested  []holder[T]
}

func hold[T any](v T) holder[T] {
	inner := holder[T]{Open: v, closed: v, hidden: &v}
	return holder[T]{
		Open: v, closed: v, Pointer: &v, pointer: &v, Slice: []T{v}, slice: []T{v}, Array: [1]T{v},
		Map: map[string]T{"field": v}, byName: map[string]T{"field": v}, Any: v, hidden: v,
		Nested: &inner, nested: []holder[T]{inner},
	}
}

// carrier is an error that holds a T without meaning to show it.
type carrier[T any] struct{ v T }

func (c carrier[T]) Error() string { return fmt.Sprintf("failed with %v", c.v) }

// outlet is one way out of a process; it returns all that came out, error texts included.
type outlet struct {
	name  string
	let   func(any) []byte
	blind bool // shows nothing of a plain string either
}

const (
	verbs = "vTtbcdoOqxXUeEfFgGsp"
	tight = 0x100 // longer than any canary
)

func outlets() []outlet {
	all := []outlet{
		{name: "print", let: func(v any) []byte { return fmt.Append(nil, v, v) }},
		{name: "println", let: func(v any) []byte { return fmt.Appendln(nil, v) }},
		{name: "log", let: func(v any) []byte {
			return written(func(w io.Writer) error { log.New(w, "", log.LstdFlags).Printf("%v %+v", v, v); return nil })
		}},
		{name: "json", let: func(v any) []byte { b, err := json.Marshal(v); return withError(b, err) }},
		{name: "json stream", let: func(v any) []byte { return written(func(w io.Writer) error { return json.NewEncoder(w).Encode(v) }) }},
		{name: "xml", let: func(v any) []byte { b, err := xml.Marshal(v); return withError(b, err) }},
		{name: "yaml", let: func(v any) []byte { b, err := yaml.Marshal(v); return withError(b, err) }},
		{name: "yaml stream", let: func(v any) []byte { return written(func(w io.Writer) error { return yaml.NewEncoder(w).Encode(v) }) }},
		{name: "gob", let: func(v any) []byte { return written(func(w io.Writer) error { return gob.NewEncoder(w).Encode(v) }) }},
		{name: "slog text", let: func(v any) []byte {
			return written(func(w io.Writer) error { logAll(slog.NewTextHandler(w, nil), v); return nil })
		}},
		{name: "slog json", let: func(v any) []byte {
			return written(func(w io.Writer) error { logAll(slog.NewJSONHandler(w, nil), v); return nil })
		}},
		{name: "template", let: func(v any) []byte {
			t := template.Must(template.New("").Parse(`{{.}} {{printf "%#v" .}} {{js .}} {{urlquery .}}`))
			return written(func(w io.Writer) error { return t.Execute(w, v) })
		}},
		{name: "html template", let: func(v any) []byte {
			t := htmltemplate.Must(htmltemplate.New("").Parse(`<p title="{{.}}">{{.}}</p><script>let v = {{.}}</script>`))
			return written(func(w io.Writer) error { return t.Execute(w, v) })
		}},
		{name: "dump", let: func(v any) []byte { return []byte(dump(v, false)) }},
		{name: "dump with methods", let: func(v any) []byte { return []byte(dump(v, true)) }},
		{name: "diff", let: func(v any) []byte {
			return recovered(func() { panic(cmp.Diff(any("nothing"), v, cmp.Exporter(exportAll))) })
		}},
		{name: "panic", let: func(v any) []byte { return recovered(func() { panic(v) }) }},
		{name: "panic error", let: func(v any) []byte { return recovered(func() { panic(carrier[any]{v}) }) }},
		{name: "errors", let: func(v any) []byte {
			err := errors.Join(fmt.Errorf("outer: %w", carrier[any]{v}), fmt.Errorf("%v and %+v and %s", v, v, v))
			return fmt.Appendf(nil, "%v %+v %#v %q %s", err, err, err, err, dump(err, false))
		}},
	}
	return append(all, verbOutlets()...)
}

// verbOutlets are all verbs with all sets of flags, and with a width and a precision.
func verbOutlets() (all []outlet) {
	for _, verb := range verbs {
		formats := []string{"%80", fmt.Sprintf("%%.%d", tight), fmt.Sprintf("%%-80.%d", tight)}
		for flags := range 1 << 5 {
			formats = append(formats, "%"+flagSet(flags))
		}
		for _, format := range formats {
			format += string(verb)
			let := func(v any) []byte { return fmt.Appendf(nil, format, v) }
			all = append(all, outlet{name: format, let: let, blind: verb == 'T'})
		}
	}
	return all
}

func flagSet(bits int) (set string) {
	for i, flag := range "+-# 0" {
		if bits>>i&1 == 1 {
			set += string(flag)
		}
	}
	return set
}

func exportAll(reflect.Type) bool { return true }

func written(write func(io.Writer) error) []byte {
	var b bytes.Buffer
	err := write(&b)
	return withError(b.Bytes(), err)
}

func withError(b []byte, err error) []byte { return fmt.Appendf(b, "\n%v %+v %#v", err, err, err) }

func recovered(f func()) (text []byte) {
	defer func() {
		r := recover()
		text = fmt.Appendf(nil, "%v %+v %#v %s", r, r, r, r)
	}()
	f()
	return nil
}

func logAll(h slog.Handler, v any) {
	l := slog.New(h).With("bound", v)
	l.Info("attribute", "v", v, slog.Group("group", "v", v))
	l.WithGroup("g").Error(fmt.Sprint(v), slog.Any("error", carrier[any]{v}))
}

// subjects are the shapes in which a secret is held by this module.
func subjects(t *testing.T, text string) map[string]any {
	v := secret.New(text)
	m := secret.Material{"key": secret.New("not this one"), "secret": v}
	keys, err := secret.ParseKeys(strings.NewReader(secret.NewKey()))
	if err != nil {
		t.Fatal(err)
	}
	sealed, verify, err := secret.NewSeal(func(k []byte) ([]byte, error) { return make([]byte, len(k)), nil })(m, "bound")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"value": v, "pointer": &v, "pointer to pointer": new(&v), "slice": []secret.Value{v}, "array": [2]secret.Value{v, v},
		"map": map[string]*secret.Value{"x": &v}, "material": m, "pointer to material": &m, "materials": []secret.Material{m},
		"holder": hold(v), "pointer to holder": new(hold(v)), "holder of material": hold(m), "closed holder": struct{ v secret.Value }{v},
		"error": carrier[secret.Value]{v}, "any": []any{v, &v, m}, "verify": verify, "sealed": sealed, "holder of verify": hold(verify),
		"prints": keys.Prints(m), "reports": hold(keys.Reports(m, "app")),
	}
}

func TestNoOutletLeaks(t *testing.T) {
	text := secrettest.Canary(40) + `p<&>"'%+/=\ ~ü` + secrettest.Canary(16)
	for name, subject := range subjects(t, text) {
		quiet(t, name, subject, text)
	}
}

// quiet sends the subject through every outlet and looks for the texts in what comes out; the same output, which most
// verbs share, is looked at once.
func quiet(t *testing.T, name string, subject any, texts ...string) {
	t.Helper()
	looked := map[string]bool{}
	for _, out := range outlets() {
		b := out.let(subject)
		if looked[string(b)] {
			continue
		}
		looked[string(b)] = true
		if found := secrettest.Find(b, texts...); found != nil {
			t.Errorf("%s through %s: %v", name, out.name, found)
		}
	}
}

// TestEveryOutletIsWatched plants the leak that the test above must be able to see: the same outlets, a plain string.
func TestEveryOutletIsWatched(t *testing.T) {
	text := secrettest.Canary(24)
	planted := map[string]any{"string": text, "bytes": []byte(text), "holder": holder[string]{Open: text, closed: text}}
	for name, subject := range planted {
		for _, out := range outlets() {
			if found := secrettest.Find(out.let(subject), text); found == nil && !out.blind && !odd(name, out.name) {
				t.Errorf("%s through %s: not seen in %.300q", name, out.name, out.let(subject))
			}
		}
	}
}

// odd are the pairs that show nothing by their nature: xml refuses maps and bare bytes, and %p shows where bytes are.
func odd(subject, outlet string) bool {
	return subject != "string" && outlet == "xml" || subject == "bytes" && strings.HasSuffix(outlet, "p")
}

func TestKeysDoNotLeak(t *testing.T) {
	line := secret.NewKey()
	keys, err := secret.ParseKeys(strings.NewReader(line))
	if err != nil {
		t.Fatal(err)
	}
	derived := keys.Derive("trading-api")
	_, digits, _ := strings.Cut(line, ":")
	_, own, _ := strings.Cut(derived.Reveal(), ":")
	subjects := map[string]any{"keys": keys, "pointer": &keys, "holder": hold(keys), "derived": derived}
	for name, subject := range subjects {
		quiet(t, name, subject, digits, own, raw(t, digits), raw(t, own))
	}
}

type field struct{ V secret.Value }

func TestEncodersRefuse(t *testing.T) {
	v := secret.New(secrettest.Canary(20))
	encoders := map[string]func(any) error{
		"json": func(v any) error { _, err := json.Marshal(v); return err },
		"yaml": func(v any) error { _, err := yaml.Marshal(v); return err },
		"xml":  func(v any) error { _, err := xml.Marshal(v); return err },
		"gob":  func(v any) error { return gob.NewEncoder(io.Discard).Encode(v) },
	}
	for name, encode := range encoders {
		for _, subject := range []any{v, &v, field{v}, []secret.Value{v}, []*secret.Value{&v}} {
			if err := encode(subject); !errors.Is(err, secret.ErrEncoded) {
				t.Errorf("%s of %T: %v", name, subject, err)
			}
		}
	}
}

// wire is what another program may have sent under the name of a Value.
type wire struct{ text string }

func (w wire) GobEncode() ([]byte, error) { return []byte(w.text), nil }

func TestDecodersRefuse(t *testing.T) {
	text := secrettest.Canary(20)
	var stream bytes.Buffer
	if err := gob.NewEncoder(&stream).Encode(struct{ V wire }{wire{text}}); err != nil {
		t.Fatal(err)
	}
	decoders := map[string]func(any) error{
		"json string":  func(v any) error { return json.Unmarshal([]byte(`{"V":"`+text+`"}`), v) },
		"json object":  func(v any) error { return json.Unmarshal([]byte(`{"V":{"reveal":"`+text+`"}}`), v) },
		"json null":    func(v any) error { return json.Unmarshal([]byte(`{"V":null}`), v) },
		"yaml string":  func(v any) error { return yaml.Unmarshal([]byte("v: "+text), v) },
		"yaml mapping": func(v any) error { return yaml.Unmarshal([]byte("v: {reveal: "+text+"}"), v) },
		"yaml list":    func(v any) error { return yaml.Unmarshal([]byte("v: ["+text+"]"), v) },
		"xml":          func(v any) error { return xml.Unmarshal([]byte("<x><V>"+text+"</V></x>"), v) },
		"gob":          func(v any) error { return gob.NewDecoder(bytes.NewReader(stream.Bytes())).Decode(v) },
	}
	for name, decode := range decoders {
		var into field
		err := decode(&into)
		if err == nil || !into.V.Empty() {
			t.Errorf("%s: decoded with error %v", name, err)
		}
		if found := secrettest.Find(fmt.Appendf(nil, "%v %+v %#v", err, err, err), text); found != nil {
			t.Errorf("%s: the error quotes its input: %v", name, found)
		}
	}
}
