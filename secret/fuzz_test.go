package secret_test

import (
	"encoding/json"
	"strings"
	"testing"

	"quarterturn/secret"
)

// FuzzKeys: a key file is read as a whole or refused, and no error repeats 8 characters of a key.
func FuzzKeys(f *testing.F) {
	good := "qtf-00000001:" + strings.Repeat("5a", 32)
	for _, seed := range []string{good, good + "\n# x\n\nqtf-00000002:" + strings.Repeat("0b", 32), good + "\n" + good, "qtf-1:zz", "", good + "/x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := secret.ParseKeys(strings.NewReader(text))
		if err != nil {
			repeats(t, err, text)
			return
		}
		if len(keys.Prints(secret.Material{"key": secret.New("x")})) < 2 {
			t.Fatal("a key file was accepted that prints nothing")
		}
	})
}

// FuzzReport: what is read is one print in one spelling, and reading that spelling gives the same.
func FuzzReport(f *testing.F) {
	f.Add("qtf-00000001/app:" + strings.Repeat("5A", 32))
	f.Add(" qtf-00000001/a:b:" + strings.Repeat("5a", 32) + "\n")
	f.Add("qtf-00000001:" + strings.Repeat("5a", 32))
	f.Fuzz(func(t *testing.T, s string) {
		prints, err := secret.ParseReport(s)
		if err != nil {
			repeats(t, err, s)
			return
		}
		for name, mac := range prints {
			again, err := secret.ParseReport(strings.TrimPrefix(name, "@") + ":" + mac)
			if err != nil || again[name] != mac || len(prints) != 1 {
				t.Fatalf("%q is read as another print: %v", s, err)
			}
		}
	})
}

// FuzzSealed: no text but a sealed one opens, and none of them panics.
func FuzzSealed(f *testing.F) {
	seal := secret.NewSeal(func(key []byte) ([]byte, error) { return append([]byte("w"), key...), nil })
	open := secret.NewOpen(func(wrapped []byte) ([]byte, error) {
		if len(wrapped) == 0 {
			return nil, secret.ErrEnvelope
		}
		return wrapped[1:], nil
	})
	want := secret.Material{"key": secret.New("k-12345678"), "secret": secret.New("s-12345678")}
	sealed, _, err := seal(want, "bound")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(sealed))
	for _, seed := range []string{`{}`, `{"v":1}`, `{"v":1,"wrapped":"","nonce":"","box":""}`, `null`, ``} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := open(secret.Sealed(text), "bound")
		if err == nil && (!json.Valid(text) || len(m) == 0) {
			t.Fatal("something opened that was never sealed")
		}
		if _, err := open(secret.Sealed(text), "other"); err == nil && string(text) == string(sealed) {
			t.Fatal("it opens for another pair")
		}
	})
}

// repeats fails when an error has 8 characters of a text in a row that are not its own words.
func repeats(t *testing.T, err error, text string) {
	t.Helper()
	const own = "not a usable fingerprint key line 0123456789 expected qtf-<8 hex>:<64 hex> qtf-<8 hex>/<consumer>:<64 hex> the file holds " +
		"none its id comes twice the file cannot be read to its end 's report: secret: "
	said := err.Error()
	for i := 0; i+8 <= len(text); i++ {
		if run := text[i : i+8]; strings.Contains(said, run) && !strings.Contains(own, run) && !strings.Contains(secret.ErrKey.Error(), run) {
			t.Fatalf("the error repeats its input: %v", err)
		}
	}
}
