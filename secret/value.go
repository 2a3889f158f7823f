// Package secret holds what must never be seen: values behind a closure that no printer can follow, the materials
// made of them, keyed fingerprints that stand for them everywhere else, and the two halves of the seal.
package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Hidden is what every printer shows in place of a value.
const Hidden = "[secret]"

// ErrEncoded is returned by every encoder and decoder that meets a Value: a secret leaves through Reveal or not at all,
// and enters through New or Decode.
var ErrEncoded = errors.New("secret: a value cannot be encoded or decoded")

// Value is one secret string. The bytes live behind a closure, the only shape found that leaks through no printer: fmt,
// JSON, slog, gob and spew see a function pointer at most. The zero Value is empty.
type Value struct{ reveal func() string }

// New hides s.
func New(s string) Value { return Value{reveal: func() string { return s }} }

// Reveal returns the bytes. Call it only where they leave for a store, a vendor or a seal: the list of its callers is a
// reviewed file that a test holds.
func (v Value) Reveal() string {
	if v.reveal == nil {
		return ""
	}
	return v.reveal()
}

// Empty reports whether there are no bytes.
func (v Value) Empty() bool { return v.Reveal() == "" }

// Equal compares in constant time.
func (v Value) Equal(w Value) bool {
	return subtle.ConstantTimeCompare([]byte(v.Reveal()), []byte(w.Reveal())) == 1
}

// Format answers every fmt verb with Hidden.
func (Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Hidden) }

// String answers printers that skip Format.
func (Value) String() string { return Hidden }

// LogValue answers slog.
func (Value) LogValue() slog.Value { return slog.StringValue(Hidden) }

// MarshalJSON always fails with ErrEncoded.
func (Value) MarshalJSON() ([]byte, error) { return nil, ErrEncoded }

// UnmarshalJSON always fails with ErrEncoded.
func (*Value) UnmarshalJSON([]byte) error { return ErrEncoded }

// MarshalText always fails with ErrEncoded.
func (Value) MarshalText() ([]byte, error) { return nil, ErrEncoded }

// UnmarshalText always fails with ErrEncoded.
func (*Value) UnmarshalText([]byte) error { return ErrEncoded }

// MarshalYAML always fails with ErrEncoded.
func (Value) MarshalYAML() (any, error) { return nil, ErrEncoded }

// GobEncode always fails with ErrEncoded.
func (Value) GobEncode() ([]byte, error) { return nil, ErrEncoded }

// GobDecode always fails with ErrEncoded.
func (*Value) GobDecode([]byte) error { return ErrEncoded }

// Material is the named fields of one key, e.g. "key" and "secret": always handled as one unit.
type Material map[string]Value
