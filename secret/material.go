package secret

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrMaterial is wrapped by every error about the shape of a material.
var ErrMaterial = errors.New("secret: not a usable material")

// Fields returns the names in order.
func (m Material) Fields() []string { return slices.Sorted(maps.Keys(m)) }

// Equal reports whether both have the same fields with the same bytes; each field is compared in constant time.
func (m Material) Equal(n Material) bool {
	equal := len(m) == len(n)
	for field, v := range m {
		w, ok := n[field]
		equal = v.Equal(w) && ok && equal
	}
	return equal
}

// Decode reads one flat JSON object of strings, e.g. {"key":"...","secret":"..."}, and is the only parser of material.
// It refuses (ErrMaterial) anything nested, any other type, a name that is empty, starts with "@" or comes twice, bytes
// after the object, and text that an earlier reader damaged. Errors never carry input, names included: in something
// pasted, a name may be the secret.
func Decode(b []byte) (Material, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, refused("it is not a JSON object")
	}
	m := Material{}
	for d.More() {
		if err := decodeField(d, m); err != nil {
			return nil, err
		}
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') {
		return nil, refused("the JSON object does not end")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, refused("something follows the JSON object")
	}
	return m, nil
}

func decodeField(d *json.Decoder, m Material) error {
	field, err := decodeString(d)
	if err != nil {
		return err
	}
	if err := checkName(field); err != nil {
		return err
	}
	if _, twice := m[field]; twice {
		return refused("a field comes twice")
	}
	s, err := decodeString(d)
	if err != nil {
		return err
	}
	m[field] = New(s)
	return nil
}

func decodeString(d *json.Decoder) (string, error) {
	t, err := d.Token()
	if err != nil {
		return "", refused("the JSON is broken")
	}
	s, ok := t.(string)
	if !ok {
		return "", refused("a field is not a string")
	}
	return s, checkText(s)
}

// checkName keeps field names apart from the names of prints, where "@" starts the whole.
func checkName(field string) error {
	if field == "" || strings.HasPrefix(field, "@") {
		return refused(`a field has no name, or one that starts with "@"`)
	}
	return nil
}

// checkText refuses bytes that are not UTF-8, which JSON cannot carry, and U+FFFD, which is what a lossy reader leaves
// in place of them: either way the vendor would get something else than it gave.
func checkText(s string) error {
	if strings.ContainsRune(s, utf8.RuneError) {
		return refused("a text came damaged (bytes that are not UTF-8, or U+FFFD in their place)")
	}
	return nil
}

func refused(why string) error { return fmt.Errorf("%w: %s", ErrMaterial, why) }

// encode is what Decode reads, for the seal alone. The caller clears it.
func encode(m Material) ([]byte, error) {
	if len(m) == 0 {
		return nil, refused("it has no fields")
	}
	plain := make(map[string]string, len(m))
	for field, v := range m {
		plain[field] = v.Reveal()
		if err := errors.Join(checkName(field), checkText(field), checkText(plain[field])); err != nil {
			return nil, err
		}
	}
	return json.Marshal(plain)
}

// canonical is what a fingerprint is taken over: the fields sorted by name, each as two netstrings without a separator,
// "<bytes of name>:<name>,<bytes of value>:<value>,", so that no two materials share it and a shell can write it.
func canonical(m Material) []byte {
	var b []byte
	for _, field := range m.Fields() {
		b = appendNetstring(b, field)
		b = appendNetstring(b, m[field].Reveal())
	}
	return b
}

func appendNetstring(b []byte, s string) []byte {
	b = strconv.AppendInt(b, int64(len(s)), 10)
	b = append(b, ':')
	b = append(b, s...)
	return append(b, ',')
}
