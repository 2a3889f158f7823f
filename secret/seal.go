package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// sealVersion is the schema of the envelope and of what is inside; it is part of what the seal authenticates.
const sealVersion = 1

var (
	// ErrEnvelope: the bytes are not a whole envelope of a known version: cut, changed, or written by a newer release.
	ErrEnvelope = errors.New("secret: not a sealed material of a known version")
	// ErrTampered: the box does not authenticate: its bytes were changed, or it was sealed for another pair.
	ErrTampered = errors.New("secret: the sealed material was changed or belongs to another pair")
	// ErrReadBack: what Verify got is not what was sealed: the copy must not be relied on.
	ErrReadBack = errors.New("secret: the sealed material read back is not the one written")
)

// Sealed is a material that only an Open can read: JSON {"v", "wrapped", "nonce", "box"}, bytes as base64. It may be
// stored anywhere.
type Sealed []byte

// Digest returns the SHA-256 of the sealed bytes in lower-case hex: what the trail keeps.
func (s Sealed) Digest() string {
	sum := sha256.Sum256(s)
	return hex.EncodeToString(sum[:])
}

// Seal is the public half: it seals m for bound, which names what m belongs to (credential and pair), and opens
// nothing. ErrMaterial: m has no fields, or some that Decode could not return. Any other error is the wrapping's. After
// an error nothing is sealed. Safe for concurrent use.
type Seal func(m Material, bound string) (Sealed, Verify, error)

// Verify opens what was read back from storage, with the data key still in memory, and compares it with what was
// sealed. ErrReadBack, ErrEnvelope or ErrTampered: do not rely on that copy. Drop a Verify soon: it holds the material.
type Verify func(Sealed) error

// Open is the private half. ErrEnvelope and ErrTampered as described there; any other error is the unwrapping's, e.g. a
// wrong identity. Safe for concurrent use.
type Open func(s Sealed, bound string) (Material, error)

// envelope is what a Sealed encodes.
type envelope struct {
	V       int    `json:"v"`
	Wrapped []byte `json:"wrapped"` // the data key, for whoever can unwrap it
	Nonce   []byte `json:"nonce"`
	Box     []byte `json:"box"` // AES-256-GCM of the material under the data key
}

// NewSeal seals with AES-256-GCM under a fresh data key each time. wrap encrypts the 32 bytes of the data key, must be
// safe for concurrent use, must not keep them, and returns errors without them.
func NewSeal(wrap func(dataKey []byte) ([]byte, error)) Seal {
	return func(m Material, bound string) (Sealed, Verify, error) {
		plain, err := encode(m)
		if err != nil {
			return nil, nil, fmt.Errorf("nothing was sealed: %w", err)
		}
		defer clear(plain)
		dataKey := random(keySize)
		wrapped, err := wrap(slices.Clone(dataKey))
		if err != nil {
			return nil, nil, fmt.Errorf("nothing was sealed: %w", err)
		}
		s, err := pack(plain, dataKey, wrapped, bound)
		if err != nil {
			return nil, nil, err
		}
		return s, newVerify(s, dataKey, maps.Clone(m), bound), nil
	}
}

// NewOpen opens with the data key that unwrap returns. unwrap gets the bytes that wrap returned, must be safe for
// concurrent use, and returns errors without them.
func NewOpen(unwrap func(wrapped []byte) ([]byte, error)) Open {
	return func(s Sealed, bound string) (Material, error) {
		e, err := unpack(s)
		if err != nil {
			return nil, err
		}
		dataKey, err := unwrap(e.Wrapped)
		if err != nil {
			return nil, fmt.Errorf("the sealed material stays closed: %w", err)
		}
		defer clear(dataKey)
		return e.open(dataKey, bound)
	}
}

// newVerify compares the bytes as well: the wrapped data key is not under the box's authentication, and a copy whose
// wrapped key is damaged could never be opened again.
func newVerify(written Sealed, dataKey []byte, m Material, bound string) Verify {
	written = slices.Clone(written)
	return func(read Sealed) error {
		e, err := unpack(read)
		if err != nil {
			return err
		}
		got, err := e.open(dataKey, bound)
		if err != nil {
			return err
		}
		if !got.Equal(m) || !bytes.Equal(read, written) {
			return ErrReadBack
		}
		return nil
	}
}

func pack(plain, dataKey, wrapped []byte, bound string) (Sealed, error) {
	gcm, err := newGCM(dataKey)
	if err != nil {
		return nil, err
	}
	e := envelope{V: sealVersion, Wrapped: wrapped, Nonce: random(gcm.NonceSize())}
	e.Box = gcm.Seal(nil, e.Nonce, plain, additional(bound))
	return json.Marshal(e)
}

// unpack accepts only the very bytes that pack writes, so that no changed envelope passes for the original.
func unpack(s Sealed) (envelope, error) {
	var e envelope
	if json.Unmarshal(s, &e) != nil || e.V != sealVersion {
		return envelope{}, ErrEnvelope
	}
	again, err := json.Marshal(e)
	if err != nil || !bytes.Equal(again, s) {
		return envelope{}, ErrEnvelope
	}
	return e, nil
}

func (e envelope) open(dataKey []byte, bound string) (Material, error) {
	gcm, err := newGCM(dataKey)
	if err != nil {
		return nil, err
	}
	if len(e.Nonce) != gcm.NonceSize() {
		return nil, ErrEnvelope
	}
	plain, err := gcm.Open(nil, e.Nonce, e.Box, additional(bound))
	if err != nil {
		return nil, ErrTampered
	}
	defer clear(plain)
	return Decode(plain)
}

// newGCM refuses any data key but one of 32 bytes: a shorter one would quietly be a weaker cipher.
func newGCM(dataKey []byte) (cipher.AEAD, error) {
	if len(dataKey) != keySize {
		return nil, fmt.Errorf("%w: its data key has the wrong length", ErrEnvelope)
	}
	block, err := aes.NewCipher(dataKey)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// additional is what the box authenticates beside its content.
func additional(bound string) []byte {
	return fmt.Appendf(nil, "quarterturn seal v%d\x00%s", sealVersion, bound)
}
