package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"quarterturn/secret"
	"quarterturn/secret/secrettest"
)

// lock wraps by turning bytes around one number: enough to tell one lock's wrapping from another's.
type lock byte

var errWrongLock = errors.New("wrong lock")

func (l lock) wrap(key []byte) ([]byte, error) {
	wrapped := append([]byte{byte(l)}, key...)
	for i := range key {
		wrapped[i+1] ^= byte(l)
	}
	return wrapped, nil
}

func (l lock) unwrap(wrapped []byte) ([]byte, error) {
	if len(wrapped) == 0 || wrapped[0] != byte(l) {
		return nil, errWrongLock
	}
	key := slices.Clone(wrapped[1:])
	for i := range key {
		key[i] ^= byte(l)
	}
	return key, nil
}

func TestSealRoundTrip(t *testing.T) {
	seal, open := secret.NewSeal(lock(7).wrap), secret.NewOpen(lock(7).unwrap)
	rapid.Check(t, func(t *rapid.T) {
		m, bound := materials(t), rapid.String().Draw(t, "bound")
		sealed, verify, err := seal(m, bound)
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(sealed); err != nil {
			t.Fatal(err)
		}
		if got, err := open(sealed, bound); err != nil || !got.Equal(m) {
			t.Fatalf("opened to fields %v, %v", got.Fields(), err)
		}
		other := rapid.String().Filter(func(s string) bool { return s != bound }).Draw(t, "other bound")
		if got, err := open(sealed, other); got != nil || !errors.Is(err, secret.ErrTampered) {
			t.Fatalf("opened for another pair: %v", err)
		}
	})
}

// sealedPair is one sealed pair whose error texts can be searched.
func sealedPair(t *testing.T) (sealed secret.Sealed, verify secret.Verify, text string) {
	t.Helper()
	text = secrettest.Canary(40)
	sealed, verify, err := secret.NewSeal(lock(7).wrap)(material("key", "AK", "secret", text), "bluum/pair-1")
	if err != nil {
		t.Fatal(err)
	}
	return sealed, verify, text
}

// TestEveryChangedByteIsRefused goes over the whole envelope, one bit at a time.
func TestEveryChangedByteIsRefused(t *testing.T) {
	sealed, verify, text := sealedPair(t)
	open := secret.NewOpen(lock(7).unwrap)
	for i := range sealed {
		for bit := range 8 {
			bad := slices.Clone(sealed)
			bad[i] ^= 1 << bit
			m, err := open(bad, "bluum/pair-1")
			if m != nil || !clearKind(err) {
				t.Fatalf("bit %d of byte %d: opened, or: %v", bit, i, err)
			}
			if err := verify(bad); !clearKind(err) {
				t.Fatalf("bit %d of byte %d: Verify says %v", bit, i, err)
			}
			if strings.Contains(err.Error(), text[:8]) {
				t.Fatalf("bit %d of byte %d: the error quotes the secret", bit, i)
			}
		}
	}
}

// clearKind is one of the errors that a caller can tell apart.
func clearKind(err error) bool {
	kinds := []error{secret.ErrEnvelope, secret.ErrTampered, secret.ErrReadBack, errWrongLock}
	return slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) })
}

func TestWhatIsNoEnvelopeIsRefused(t *testing.T) {
	sealed, verify, _ := sealedPair(t)
	open := secret.NewOpen(lock(7).unwrap)
	cases := map[string]secret.Sealed{
		"nothing": nil, "empty": {}, "text": secret.Sealed("hello"), "object": secret.Sealed("{}"), "null": secret.Sealed("null"),
		"doubled": append(slices.Clone(sealed), sealed...), "newline": append(slices.Clone(sealed), '\n'),
		"newer":  bytes.Replace(sealed, []byte(`"v":1`), []byte(`"v":2`), 1),
		"extra":  bytes.Replace(sealed, []byte(`"v":1`), []byte(`"v":1,"x":1`), 1),
		"spaced": bytes.Replace(sealed, []byte(`"v":1`), []byte(`"v": 1`), 1),
	}
	for n := range sealed {
		cases[fmt.Sprintf("first %d bytes", n)] = sealed[:n]
	}
	for name, bad := range cases {
		if m, err := open(bad, "bluum/pair-1"); m != nil || !errors.Is(err, secret.ErrEnvelope) {
			t.Errorf("%s: Open says %v", name, err)
		}
		if err := verify(bad); !errors.Is(err, secret.ErrEnvelope) {
			t.Errorf("%s: Verify says %v", name, err)
		}
	}
}

// edit changes the envelope's parts and keeps its form.
func edit(t *testing.T, s secret.Sealed, change func(parts map[string]json.RawMessage)) secret.Sealed {
	t.Helper()
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(s, &parts); err != nil {
		t.Fatal(err)
	}
	change(parts)
	return fmt.Appendf(nil, `{"v":%s,"wrapped":%s,"nonce":%s,"box":%s}`, parts["v"], parts["wrapped"], parts["nonce"], parts["box"])
}

func TestPartsOfAnotherSealAreRefused(t *testing.T) {
	sealed, verify, _ := sealedPair(t)
	another, _, _ := sealedPair(t)
	open := secret.NewOpen(lock(7).unwrap)
	for _, part := range []string{"wrapped", "nonce", "box"} {
		mixed := edit(t, sealed, func(parts map[string]json.RawMessage) {
			var theirs map[string]json.RawMessage
			if err := json.Unmarshal(another, &theirs); err != nil {
				t.Fatal(err)
			}
			parts[part] = theirs[part]
		})
		if m, err := open(mixed, "bluum/pair-1"); m != nil || !errors.Is(err, secret.ErrTampered) {
			t.Errorf("%s: Open says %v", part, err)
		}
		if verify(mixed) == nil {
			t.Errorf("%s: Verify passes it", part)
		}
	}
	for part, value := range map[string]string{"nonce": `"AAAA"`, "wrapped": `"BwAA"`} {
		bad := edit(t, sealed, func(parts map[string]json.RawMessage) { parts[part] = json.RawMessage(value) })
		if m, err := open(bad, "bluum/pair-1"); m != nil || !errors.Is(err, secret.ErrEnvelope) {
			t.Errorf("short %s: %v", part, err)
		}
	}
}

// TestVerifySeesADamagedWrapping: the box is whole, but nobody could unwrap its key again.
func TestVerifySeesADamagedWrapping(t *testing.T) {
	sealed, verify, _ := sealedPair(t)
	bad := edit(t, sealed, func(parts map[string]json.RawMessage) { parts["wrapped"] = json.RawMessage(`"BwAA"`) })
	if err := verify(bad); !errors.Is(err, secret.ErrReadBack) {
		t.Errorf("got %v", err)
	}
}

func TestVerifyKeepsItsOwnCopy(t *testing.T) {
	m := material("key", "AK")
	sealed, verify, err := secret.NewSeal(lock(7).wrap)(m, "b")
	if err != nil {
		t.Fatal(err)
	}
	read := slices.Clone(sealed)
	m["key"] = secret.New("changed since")
	clear(sealed)
	if err := verify(read); err != nil {
		t.Error(err)
	}
}

func TestWrongLock(t *testing.T) {
	sealed, _, text := sealedPair(t)
	m, err := secret.NewOpen(lock(8).unwrap)(sealed, "bluum/pair-1")
	if m != nil || !errors.Is(err, errWrongLock) || strings.Contains(err.Error(), text) {
		t.Errorf("got %v", err)
	}
}

func TestSealRefuses(t *testing.T) {
	canary := secrettest.Canary(20)
	seal := secret.NewSeal(lock(7).wrap)
	for name, m := range map[string]secret.Material{
		"nothing":        {},
		"nil":            nil,
		"not UTF-8":      material("key", canary+"\xff"),
		"damaged":        material("key", canary+"\uFFFD"),
		"no name":        material("", canary),
		"a print's name": material("@x", canary),
		"name not UTF-8": material("\xff", canary),
	} {
		sealed, verify, err := seal(m, "b")
		if sealed != nil || verify != nil || !errors.Is(err, secret.ErrMaterial) {
			t.Errorf("%s: %v", name, err)
		} else if found := secrettest.Find([]byte(err.Error()), canary); found != nil {
			t.Errorf("%s: the error quotes its input: %v", name, found)
		}
	}
	failing := secret.NewSeal(func([]byte) ([]byte, error) { return nil, errWrongLock })
	if sealed, verify, err := failing(material("key", canary), "b"); sealed != nil || verify != nil || !errors.Is(err, errWrongLock) {
		t.Errorf("a failing wrap: %v", err)
	}
}

// TestSealedShowsNothing: two seals of one material have nothing in common, and neither shows it.
func TestSealedShowsNothing(t *testing.T) {
	m := material("key", secrettest.Canary(20), "secret", secrettest.Canary(40))
	seal := secret.NewSeal(lock(7).wrap)
	one, _, err1 := seal(m, "b")
	two, _, err2 := seal(m, "b")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if found := secrettest.Find(one, m["key"].Reveal(), m["secret"].Reveal()); found != nil {
		t.Errorf("found %v", found)
	}
	if one.Digest() == two.Digest() || len(one.Digest()) != 64 || one.Digest() != slices.Clone(one).Digest() {
		t.Errorf("digests %s and %s", one.Digest(), two.Digest())
	}
}
