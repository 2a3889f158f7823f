// Package age lets a service seal to recipients whose identities it does not hold, in the format of age-encryption.org.
// Only the 32-byte data key goes through age, because age cannot bind a text to a context: package secret does that.
// Every recipient alone can open, so a break-glass recipient whose identity is kept away from the service is worth one
// line of configuration.
package age

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	filippo "filippo.io/age"

	"quarterturn/secret"
)

var (
	// ErrRecipient: a recipient in the configuration cannot be sealed to.
	ErrRecipient = errors.New("age: not a usable recipient")
	// ErrIdentityFile: a file holds something else than identities, or none.
	ErrIdentityFile = errors.New("age: not a usable identity file")
	// ErrNoIdentity: nothing is wrong with the file of identities, but none of them is among the recipients of what is
	// to be opened, or that one recipient's part of it is damaged.
	ErrNoIdentity = errors.New("age: no identity of this file opens it: it was sealed to other recipients, so use one of their identity files")
	// ErrDamaged: the wrapped data key is not what age wrote.
	ErrDamaged = errors.New("age: the wrapped data key is damaged: use another copy of the sealed material")
)

const identityPrefix = "AGE-SECRET-KEY-"

// NewSeal seals to all the recipients ("age1..."), each of which alone can open. ErrRecipient, naming the place in the
// list (from 0) and never the text: there are none, one is malformed or is an identity, or one comes twice.
func NewSeal(recipients []string) (secret.Seal, error) {
	if len(recipients) == 0 {
		return nil, fmt.Errorf("%w: the list of recipients is empty", ErrRecipient)
	}
	parsed := make([]filippo.Recipient, len(recipients))
	first := make(map[string]int, len(recipients))
	for i, text := range recipients {
		r, err := parseRecipient(text)
		if err != nil {
			return nil, fmt.Errorf("recipients[%d]: %w", i, err)
		}
		if j, twice := first[r.String()]; twice {
			return nil, fmt.Errorf("recipients[%d]: %w: it repeats recipients[%d]", i, ErrRecipient, j)
		}
		parsed[i], first[r.String()] = r, i
	}
	return secret.NewSeal(func(dataKey []byte) ([]byte, error) { return wrap(dataKey, parsed) }), nil
}

// parseRecipient drops age's own error, which quotes the text.
func parseRecipient(text string) (*filippo.X25519Recipient, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(strings.ToUpper(text), identityPrefix) {
		return nil, fmt.Errorf("%w: it is an identity, the private half: it must not stand in a configuration, so make a new one",
			ErrRecipient)
	}
	r, err := filippo.ParseX25519Recipient(text)
	if err == nil {
		_, err = r.Wrap(make([]byte, 16)) // some well-formed points cannot be encrypted to
	}
	if err != nil {
		return nil, fmt.Errorf("%w: expected an X25519 recipient (age1...)", ErrRecipient)
	}
	return r, nil
}

func wrap(dataKey []byte, recipients []filippo.Recipient) ([]byte, error) {
	var wrapped bytes.Buffer
	w, err := filippo.Encrypt(&wrapped, recipients...)
	if err != nil {
		return nil, fmt.Errorf("%w: age refuses to encrypt to one of them", ErrRecipient)
	}
	_, err = w.Write(dataKey)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	return wrapped.Bytes(), nil
}

// NewOpen opens what was sealed to any identity in the file: one "AGE-SECRET-KEY-..." a line, "#" starts a comment, any
// order. The file must pass secret.CheckFile and is read once, here. ErrIdentityFile names the line, never its text.
// The Open returns ErrNoIdentity or ErrDamaged as described there, and what secret.Open says.
func NewOpen(identityFile string) (secret.Open, error) {
	if err := secret.CheckFile(identityFile); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(identityFile)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	identities, err := parseIdentities(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", identityFile, err)
	}
	return secret.NewOpen(func(wrapped []byte) ([]byte, error) { return unwrap(wrapped, identities) }), nil
}

func parseIdentities(text []byte) ([]filippo.Identity, error) {
	var identities []filippo.Identity
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		identity, err := filippo.ParseX25519Identity(line)
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: expected an X25519 identity (%s...) or a comment", ErrIdentityFile, i+1, identityPrefix)
		}
		identities = append(identities, identity)
	}
	if len(identities) == 0 {
		return nil, fmt.Errorf("%w: it holds no identity", ErrIdentityFile)
	}
	return identities, nil
}

func unwrap(wrapped []byte, identities []filippo.Identity) ([]byte, error) {
	r, err := filippo.Decrypt(bytes.NewReader(wrapped), identities...)
	var none *filippo.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, ErrNoIdentity
	}
	if err != nil {
		return nil, ErrDamaged
	}
	dataKey, err := io.ReadAll(r)
	if err != nil {
		return nil, ErrDamaged
	}
	return dataKey, nil
}

// NewIdentity makes an identity, writes it to a new file of mode 0600 and returns its recipient, which is public. The
// identity itself is never returned, so that no caller can show it. An existing file is never touched (fs.ErrExist);
// after any other error there is no file.
func NewIdentity(path string) (recipient string, err error) {
	identity, err := filippo.GenerateX25519Identity()
	if err != nil {
		return "", err
	}
	recipient = identity.Recipient().String()
	content := secret.New("# recipient: " + recipient + "\n" + identity.String() + "\n")
	if err := secret.CreateFile(path, content); err != nil {
		return "", err
	}
	return recipient, nil
}

// Recipient is what NewIdentity returned for a file that holds one identity and passes secret.CheckFile. ErrIdentityFile: it
// holds another number of them, or something else.
func Recipient(identityFile string) (string, error) {
	if err := secret.CheckFile(identityFile); err != nil {
		return "", err
	}
	text, err := os.ReadFile(identityFile)
	if err != nil {
		return "", err
	}
	defer clear(text)
	identities, err := parseIdentities(text)
	if err == nil && len(identities) != 1 {
		err = fmt.Errorf("%w: it holds %d identities, and not one", ErrIdentityFile, len(identities))
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", identityFile, err)
	}
	return identities[0].(*filippo.X25519Identity).Recipient().String(), nil
}
