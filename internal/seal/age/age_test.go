package age_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	filippo "filippo.io/age"
	"pgregory.net/rapid"

	"quarterturn/internal/seal/age"
	"quarterturn/secret"
	"quarterturn/secret/secrettest"
)

// identity makes an identity file in a folder of its own.
func identity(t *testing.T) (path, recipient string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "seal.key")
	recipient, err := age.NewIdentity(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, recipient
}

func newSeal(t *testing.T, recipients ...string) secret.Seal {
	t.Helper()
	seal, err := age.NewSeal(recipients)
	if err != nil {
		t.Fatal(err)
	}
	return seal
}

func newOpen(t *testing.T, path string) secret.Open {
	t.Helper()
	open, err := age.NewOpen(path)
	if err != nil {
		t.Fatal(err)
	}
	return open
}

func pair() secret.Material {
	return secret.Material{"key": secret.New(secrettest.Canary(20)), "secret": secret.New(secrettest.Canary(40))}
}

func TestEveryRecipientOpens(t *testing.T) {
	service, serviceRecipient := identity(t)
	breakGlass, breakGlassRecipient := identity(t)
	m := pair()
	sealed, verify, err := newSeal(t, serviceRecipient, " "+breakGlassRecipient+"\n")(m, "bluum/pair-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(sealed); err != nil {
		t.Error(err)
	}
	for _, path := range []string{service, breakGlass} {
		if got, err := newOpen(t, path)(sealed, "bluum/pair-1"); err != nil || !got.Equal(m) {
			t.Errorf("%s: %v", path, err)
		}
		if got, err := newOpen(t, path)(sealed, "bluum/pair-2"); got != nil || !errors.Is(err, secret.ErrTampered) {
			t.Errorf("%s opens it for another pair: %v", path, err)
		}
	}
	if found := secrettest.Find(sealed, m["key"].Reveal(), m["secret"].Reveal()); found != nil {
		t.Errorf("sealed in the open: %v", found)
	}
}

func TestRoundTrip(t *testing.T) {
	path, recipient := identity(t)
	seal, open := newSeal(t, recipient), newOpen(t, path)
	texts := rapid.StringMatching(`[ -~éß\n]{0,60}`)
	rapid.Check(t, func(t *rapid.T) {
		m := secret.Material{"key": secret.New(texts.Draw(t, "key")), "secret": secret.New(texts.Draw(t, "secret"))}
		bound := texts.Draw(t, "bound")
		sealed, verify, err := seal(m, bound)
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(sealed); err != nil {
			t.Fatal(err)
		}
		if got, err := open(sealed, bound); err != nil || !got.Equal(m) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestWrongIdentity(t *testing.T) {
	_, recipient := identity(t)
	other, _ := identity(t)
	sealed, _, err := newSeal(t, recipient)(pair(), "b")
	if err != nil {
		t.Fatal(err)
	}
	if m, err := newOpen(t, other)(sealed, "b"); m != nil || !errors.Is(err, age.ErrNoIdentity) {
		t.Errorf("got %v", err)
	}
}

// TestDamagedWrapping cuts the wrapped data key at every byte and changes each one, inside a well-formed envelope.
func TestDamagedWrapping(t *testing.T) {
	path, recipient := identity(t)
	open := newOpen(t, path)
	m := pair()
	sealed, _, err := newSeal(t, recipient)(m, "b")
	if err != nil {
		t.Fatal(err)
	}
	wrapped := parts(t, sealed).Wrapped
	for i := range wrapped {
		flipped := slices.Clone(wrapped)
		flipped[i] ^= 1
		for what, bad := range map[string][]byte{"cut at": wrapped[:i], "changed at": flipped} {
			got, err := open(rewrapped(t, sealed, bad), "b")
			if got != nil || !errors.Is(err, age.ErrDamaged) && !errors.Is(err, age.ErrNoIdentity) {
				t.Fatalf("%s byte %d: %v", what, i, err)
			}
		}
	}
	if got, err := open(rewrapped(t, sealed, wrapped), "b"); err != nil || !got.Equal(m) {
		t.Errorf("the undamaged one: %v", err)
	}
}

type envelope struct {
	V       int    `json:"v"`
	Wrapped []byte `json:"wrapped"`
	Nonce   []byte `json:"nonce"`
	Box     []byte `json:"box"`
}

func parts(t *testing.T, s secret.Sealed) (e envelope) {
	t.Helper()
	if err := json.Unmarshal(s, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func rewrapped(t *testing.T, s secret.Sealed, wrapped []byte) secret.Sealed {
	t.Helper()
	e := parts(t, s)
	e.Wrapped = wrapped
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestOtherDataKeys: what age opens but no seal wrote is refused as well.
func TestOtherDataKeys(t *testing.T) {
	path, recipient := identity(t)
	sealed, _, err := newSeal(t, recipient)(pair(), "b")
	if err != nil {
		t.Fatal(err)
	}
	for content, want := range map[string]error{"": secret.ErrEnvelope, "short": secret.ErrEnvelope, strings.Repeat("x", 32): secret.ErrTampered} {
		bad := rewrapped(t, sealed, encrypted(t, recipient, content))
		if m, err := newOpen(t, path)(bad, "b"); m != nil || !errors.Is(err, want) {
			t.Errorf("%d bytes: %v", len(content), err)
		}
	}
}

func encrypted(t *testing.T, recipient, content string) []byte {
	t.Helper()
	r, err := filippo.ParseX25519Recipient(recipient)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	w, err := filippo.Encrypt(&b, r)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write([]byte(content))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return []byte(b.String())
}

func TestNewSealRefuses(t *testing.T) {
	_, good := identity(t)
	_, other := identity(t)
	hybrid, err := filippo.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	private, err := filippo.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	canary := secrettest.Canary(40)
	for name, tc := range map[string]struct {
		recipients []string
		says       string
	}{
		"none":         {nil, "empty"},
		"blank":        {[]string{""}, "recipients[0]"},
		"text":         {[]string{good, other, canary}, "recipients[2]"},
		"one letter":   {[]string{good, swapLast(other)}, "recipients[1]"},
		"an identity":  {[]string{good, private.String()}, "recipients[1]: age: not a usable recipient: it is an identity"},
		"lower case":   {[]string{strings.ToLower(private.String())}, "it is an identity"},
		"hybrid":       {[]string{good, hybrid.Recipient().String()}, "recipients[1]"},
		"ssh":          {[]string{"ssh-ed25519 " + canary}, "recipients[0]"},
		"twice":        {[]string{good, other, good}, "recipients[2]: age: not a usable recipient: it repeats recipients[0]"},
		"low order":    {[]string{"age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z"}, "recipients[0]"},
		"two in a row": {[]string{good + "," + other}, "recipients[0]"},
	} {
		seal, err := age.NewSeal(tc.recipients)
		if seal != nil || !errors.Is(err, age.ErrRecipient) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		needles := append([]string{canary, private.String(), good, other}, long(tc.recipients)...)
		if found := secrettest.Find([]byte(err.Error()), needles...); found != nil {
			t.Errorf("%s: the error quotes its input: %v", name, found)
		}
	}
}

func swapLast(s string) string {
	last := "q"
	if strings.HasSuffix(s, last) {
		last = "p"
	}
	return s[:len(s)-1] + last
}

func long(texts []string) []string {
	return slices.DeleteFunc(slices.Clone(texts), func(s string) bool { return len(s) < secrettest.Run })
}

// keyFile writes content as an identity file.
func keyFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "seal.key")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func contentOf(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestIdentityFileWithSeveral(t *testing.T) {
	first, firstRecipient := identity(t)
	second, secondRecipient := identity(t)
	third, _ := identity(t)
	both := "# before the change\r\n" + contentOf(t, first) + "\r\n\t# since\n  " + contentOf(t, second) + "\n\n" + contentOf(t, third)
	open := newOpen(t, keyFile(t, both))
	for _, recipient := range []string{firstRecipient, secondRecipient} {
		m := pair()
		sealed, _, err := newSeal(t, recipient)(m, "b")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := open(sealed, "b"); err != nil || !got.Equal(m) {
			t.Errorf("got %v", err)
		}
	}
}

func TestNewOpenRefuses(t *testing.T) {
	good, recipient := identity(t)
	key := strings.TrimSpace(contentOf(t, good)[strings.Index(contentOf(t, good), "AGE-SECRET-KEY-"):])
	canary := secrettest.Canary(40)
	for name, tc := range map[string]struct{ content, says string }{
		"nothing":        {"", "holds no identity"},
		"comments":       {"# nothing yet\n", "holds no identity"},
		"text":           {canary, "line 1"},
		"a recipient":    {key + "\n" + recipient, "line 2"},
		"one letter":     {"# x\n\n" + swapLast(key), "line 3"},
		"cut":            {key[:len(key)-5], "line 1"},
		"a comment":      {key + " # mine", "line 1"},
		"other key":      {"AGE-SECRET-KEY-PQ-1" + canary, "line 1"},
		"long text":      {strings.Repeat(canary, 5000), "line 1"},
		"a passphrase's": {"age-encryption.org/v1\n-> scrypt " + canary, "line 1"},
	} {
		path := keyFile(t, tc.content)
		open, err := age.NewOpen(path)
		if open != nil || !errors.Is(err, age.ErrIdentityFile) || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if found := secrettest.Find([]byte(err.Error()), canary, key[len("AGE-SECRET-KEY-"):]); found != nil {
			t.Errorf("%s: the error quotes its input: %v", name, found)
		}
	}
}

func TestNewOpenChecksTheFile(t *testing.T) {
	path, _ := identity(t)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if open, err := age.NewOpen(path); open != nil || !errors.Is(err, secret.ErrFile) {
		t.Errorf("0640: %v", err)
	}
	if open, err := age.NewOpen(path + ".missing"); open != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

func TestNewIdentity(t *testing.T) {
	path, recipient := identity(t)
	before := contentOf(t, path)
	if err := secret.CheckFile(path); err != nil {
		t.Error(err)
	}
	if strings.Contains(recipient, "SECRET") || !strings.HasPrefix(recipient, "age1") || !strings.Contains(before, "# recipient: "+recipient+"\n") {
		t.Errorf("recipient %q is not the one in the file", recipient)
	}
	if known, err := age.Recipient(path); known != recipient || err != nil {
		t.Errorf("the recipient of the file is %q (%v), and not %q", known, err, recipient)
	}
	two := keyFile(t, before+before)
	if _, err := age.Recipient(two); !errors.Is(err, age.ErrIdentityFile) {
		t.Errorf("two identities in a file: %v", err)
	}
	if again, err := age.NewIdentity(path); again != "" || !errors.Is(err, fs.ErrExist) {
		t.Errorf("over an existing file: %v", err)
	}
	if contentOf(t, path) != before {
		t.Error("an existing identity was overwritten")
	}
	if _, other := identity(t); other == recipient {
		t.Error("two identities are the same")
	}
}
