package vendors

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"quarterturn/secret"
)

const (
	digits  = "0123456789"
	lower   = "abcdefghijklmnopqrstuvwxyz"
	upper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lowHex  = "0123456789abcdef"
	sampled = 32 // characters of a field that has no sample
)

// Random returns a pair of the same form as like that no vendor ever gave out: its refusal shows that a host refuses
// what it does not know. r must be a cryptographic source (crypto/rand.Reader). Every letter and digit is drawn anew
// from its own kind; what stays is length, marks, and a prefix that the profile names. The error means that r failed.
func (p Profile) Random(r io.Reader, like secret.Material) (secret.Material, error) {
	var seed [32]byte
	if _, err := io.ReadFull(r, seed[:]); err != nil {
		return nil, fmt.Errorf("no random pair could be made; nothing was sent: the source of randomness failed")
	}
	draw := rand.New(rand.NewChaCha8(seed))
	pair := secret.Material{}
	for _, name := range p.FieldNames() {
		pair[name] = p.Fields[name].random(draw, like[name])
	}
	return pair, nil
}

// random reveals the sample to take its form, never its content.
func (f Field) random(draw *rand.Rand, like secret.Value) secret.Value {
	sample := like.Reveal()
	if sample == "" {
		low, high := f.Length.bounds()
		sample = strings.Repeat("0", min(max(sampled, low), high))
	}
	prefix := f.prefixOf(sample)
	return secret.New(prefix + redraw(draw, sample[len(prefix):]))
}

// prefixOf is the longest hinted prefix that leaves at least half of the value to be drawn.
func (f Field) prefixOf(sample string) string {
	longest := ""
	for _, hint := range f.Prefixes {
		if strings.HasPrefix(sample, hint.Prefix) && len(hint.Prefix) > len(longest) && len(hint.Prefix)*2 <= len(sample) {
			longest = hint.Prefix
		}
	}
	return longest
}

func redraw(draw *rand.Rand, sample string) string {
	hex := strings.Trim(sample, lowHex) == ""
	var b strings.Builder
	for _, r := range sample {
		from := alphabetOf(r, hex)
		b.WriteByte(from[draw.IntN(len(from))])
	}
	return b.String()
}

// alphabetOf is the kind a character is drawn from. A mark stays; a character that no alphabet has becomes a letter.
func alphabetOf(r rune, hex bool) string {
	for _, kind := range []string{digits, lower, upper} {
		if strings.ContainsRune(kind, r) {
			if hex {
				return lowHex
			}
			return kind
		}
	}
	if within("", r) {
		return string(r)
	}
	return lower
}
