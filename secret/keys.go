package secret

import (
	"bufio"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

const keySize = 32

// ErrKey is wrapped by every error about fingerprint keys and reports.
var ErrKey = errors.New("secret: not a fingerprint key")

// idPattern is the part of a key's line before the colon; a consumer's key has "/<consumer>" behind it.
var idPattern = regexp.MustCompile(`^qtf-[0-9a-f]{8}(/.+)?$`)

// Keys are fingerprint keys in the order of their file: the first makes consumers' keys, all make prints, so that a new
// key can be put first while stored prints still compare under the old one. The zero Keys makes no prints.
type Keys struct{ list []key }

type key struct {
	id    string // "qtf-<8 hex>", or "qtf-<8 hex>/<consumer>"
	bytes Value  // 32 raw bytes
}

// NewKey returns a fresh line for a key file, "qtf-<8 hex>:<64 hex>"; the part before the colon is the key's id. The
// line is a secret: hand it to CreateFile and nothing else.
func NewKey() string {
	return "qtf-" + hex.EncodeToString(random(4)) + ":" + hex.EncodeToString(random(keySize))
}

// LoadKeys reads a key file that passes CheckFile. Errors as in CheckFile and ParseKeys.
func LoadKeys(path string) (Keys, error) {
	if err := CheckFile(path); err != nil {
		return Keys{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return Keys{}, err
	}
	defer f.Close()
	keys, err := ParseKeys(f)
	if err != nil {
		return Keys{}, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

// ParseKeys reads one key a line; empty lines and lines that start with "#" are skipped. ErrKey, naming the line's
// number and never its text: a line is no key, an id comes twice, or there is none at all.
func ParseKeys(r io.Reader) (Keys, error) {
	var keys Keys
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := keys.add(line); err != nil {
			return Keys{}, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if lines.Err() != nil {
		return Keys{}, fmt.Errorf("%w: the file cannot be read to its end", ErrKey)
	}
	if len(keys.list) == 0 {
		return Keys{}, fmt.Errorf("%w: the file holds none", ErrKey)
	}
	return keys, nil
}

func (k *Keys) add(line string) error {
	fresh, err := parseKey(line)
	if err != nil || strings.Contains(fresh.id, "/") {
		return fmt.Errorf("%w: expected qtf-<8 hex>:<64 hex>", ErrKey)
	}
	for _, held := range k.list {
		if held.id == fresh.id {
			return fmt.Errorf("%w: its id comes twice", ErrKey)
		}
	}
	k.list = append(k.list, fresh)
	return nil
}

func parseKey(line string) (key, error) {
	id, digits, ok := cutID(line)
	raw, err := hex.DecodeString(digits)
	if !ok || err != nil || len(raw) != keySize {
		return key{}, ErrKey
	}
	return key{id: id, bytes: New(string(raw))}, nil
}

// cutID cuts at the last colon, since a consumer's name may hold one.
func cutID(line string) (id, rest string, ok bool) {
	colon := strings.LastIndexByte(line, ':')
	if colon < 0 || !idPattern.MatchString(line[:colon]) {
		return "", "", false
	}
	return line[:colon], line[colon+1:], true
}

// Prints returns the whole and every field under every key.
func (k Keys) Prints(m Material) Prints {
	p := make(Prints, len(k.list)*(len(m)+1))
	for _, key := range k.list {
		for field, v := range m {
			p[field+"@"+key.id] = key.mac(Material{field: v})
		}
		p["@"+key.id] = key.mac(m)
	}
	return p
}

// Knows reports whether some of the prints were made under a key held; the others can never be compared.
func (k Keys) Knows(p Prints) bool {
	for name := range p {
		_, id := split(name)
		id, _, _ = strings.Cut(id, "/")
		if slices.ContainsFunc(k.list, func(held key) bool { return held.id == id }) {
			return true
		}
	}
	return false
}

// Reports returns what the consumer of that name would report for m: the whole under its key derived from every key
// held, as "@<key id>/<consumer>".
func (k Keys) Reports(m Material, consumer string) Prints {
	p := make(Prints, len(k.list))
	for _, key := range k.list {
		own := key.derive(consumer)
		p["@"+own.id] = own.mac(m)
	}
	return p
}

// Derive returns the consumer's own key, "<key id>/<consumer>:<64 hex>", taken by HKDF-SHA256 from the first key held:
// with it a consumer can make its own prints and nobody else's. It is empty when no key is held.
func (k Keys) Derive(consumer string) Value {
	if len(k.list) == 0 {
		return Value{}
	}
	own := k.list[0].derive(consumer)
	return New(own.id + ":" + hex.EncodeToString([]byte(own.bytes.Reveal())))
}

// Report returns what a consumer that holds the derived key and runs with m shows: "<key id>/<consumer>:<64 hex>".
// ErrKey: derived is not what Derive returns.
func Report(derived Value, m Material) (string, error) {
	own, err := parseKey(strings.TrimSpace(derived.Reveal()))
	if err != nil || !strings.Contains(own.id, "/") {
		return "", fmt.Errorf("%w of a consumer: expected qtf-<8 hex>/<consumer>:<64 hex>", ErrKey)
	}
	return own.id + ":" + own.mac(m), nil
}

// ParseReport reads what Report returns into the print "@<key id>/<consumer>"; hex digits may be of either case.
// ErrKey: it is anything else.
func ParseReport(s string) (Prints, error) {
	id, digits, ok := cutID(strings.TrimSpace(s))
	mac, err := hex.DecodeString(digits)
	if !ok || !strings.Contains(id, "/") || err != nil || len(mac) != sha256.Size {
		return nil, fmt.Errorf("%w's report: expected qtf-<8 hex>/<consumer>:<64 hex>", ErrKey)
	}
	return Prints{"@" + id: hex.EncodeToString(mac)}, nil
}

// mac is the HMAC-SHA256 of the canonical bytes.
func (k key) mac(m Material) string {
	b := canonical(m)
	defer clear(b)
	h := hmac.New(sha256.New, []byte(k.bytes.Reveal()))
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil))
}

func (k key) derive(consumer string) key {
	raw, err := hkdf.Key(sha256.New, []byte(k.bytes.Reveal()), nil, "quarterturn consumer report v1/"+consumer, keySize)
	if err != nil {
		panic("secret: HKDF-SHA256 refused a 32-byte key") // its only errors are about lengths
	}
	return key{id: k.id + "/" + consumer, bytes: New(string(raw))}
}

// random returns n fresh bytes; crypto/rand ends the process rather than fail.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
