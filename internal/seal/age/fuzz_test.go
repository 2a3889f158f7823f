package age

import (
	"strings"
	"testing"
)

// FuzzRecipient: a text is a recipient that can be sealed to, or an error that does not repeat it.
func FuzzRecipient(f *testing.F) {
	f.Add("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p")
	f.Add("AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ")
	f.Add(" age1\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseRecipient(text)
		if (r == nil) == (err == nil) {
			t.Fatal("neither or both")
		}
		if err != nil {
			repeats(t, err, text)
		}
	})
}

// FuzzIdentities: an identity file is read as a whole or refused, without a character of an identity.
func FuzzIdentities(f *testing.F) {
	f.Add([]byte("# created\nAGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ\n"))
	f.Add([]byte(""))
	f.Add([]byte("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := parseIdentities(text)
		if (len(all) == 0) == (err == nil) {
			t.Fatal("neither or both")
		}
		if err != nil {
			repeats(t, err, string(text))
		}
	})
}

func repeats(t *testing.T, err error, text string) {
	t.Helper()
	const own = "AGE-SECRET-KEY-...) expected an X25519 recipient (age1...) identity or a comment line 0123456789: it holds no identity it is an " +
		"identity, the private half: it must not stand in a configuration, so make a new one"
	for i := 0; i+8 <= len(text); i++ {
		run := text[i : i+8]
		if strings.Contains(err.Error(), run) && !strings.Contains(own+ErrRecipient.Error()+ErrIdentityFile.Error(), run) {
			t.Fatalf("the error repeats its input: %v", err)
		}
	}
}
