package secrettest_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/quotedprintable"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"

	"quarterturn/secret/secrettest"
)

// outer are encodings that Find was never asked for; encoders has the others.
func outer() map[string]func(string) string {
	return map[string]func(string) string{
		"base32":           func(s string) string { return base32.StdEncoding.EncodeToString([]byte("ab" + s)) },
		"gzip":             zipped(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }),
		"zlib":             zipped(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }),
		"gzip in gzip":     func(s string) string { return gz(gz(s)) },
		"base64 in gzip":   func(s string) string { return gz(base64.StdEncoding.EncodeToString([]byte(s))) },
		"UTF-16":           utf16LE,
		"base64 of UTF-16": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(utf16LE(s))) },
		"base64 of base64": func(s string) string {
			return base64.URLEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte("x" + s))))
		},
		"base64 of hex":     func(s string) string { return base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString([]byte(s)))) },
		"MIME base64":       func(s string) string { return wrapped(base64.StdEncoding.EncodeToString([]byte(s)), 5) },
		"lines":             func(s string) string { return wrapped(s, 3) },
		"quoted lines":      func(s string) string { return `"` + strings.Join(strings.Split(wrapped(s, 5), "\n"), `", "`) + `"` },
		"JSON escapes":      func(s string) string { return hexed(s, `\u%04x`) },
		"quoted-printable":  quotedPrintable,
		"every byte quoted": func(s string) string { return hexed(s, "=%02X") },
		"entities":          func(s string) string { return hexed(s, "&#x%x;") },
		"decimal entities":  func(s string) string { return hexed(s, "&#%d;") },
		"octal escapes":     func(s string) string { return hexed(s, `\%03o`) },
		"shell backslashes": func(s string) string { return hexed(s, `\%c`) },
		"stack words":       func(s string) string { return "0x" + hex.EncodeToString([]byte(reverse(s[:8]))) + ", 0x5" },
	}
}

func hexed(s, format string) (out string) {
	for _, c := range []byte(s) {
		out += fmt.Sprintf(format, c)
	}
	return out
}

func gz(s string) string {
	return zipped(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })(s)
}

func zipped(make func(io.Writer) io.WriteCloser) func(string) string {
	return func(s string) string {
		var b bytes.Buffer
		w := make(&b)
		_, _ = io.WriteString(w, "before "+s+" after")
		_ = w.Close()
		return "some bytes before " + b.String() + " and after"
	}
}

func utf16LE(s string) (out string) {
	for _, u := range utf16.Encode([]rune(s)) {
		out += string([]byte{byte(u), byte(u >> 8)})
	}
	return out
}

func wrapped(s string, n int) (out string) {
	for len(s) > n {
		out, s = out+s[:n]+"\n", s[n:]
	}
	return out + s
}

func quotedPrintable(s string) string {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	_, _ = io.WriteString(w, strings.Repeat("ü", 12)+s)
	_ = w.Close()
	return b.String()
}

// blind are encoders whose form the Scanner leaves to Find.
var blind = map[string]bool{"binary": true, "octal": true, "bad verb": true, "code points": true, "shown points": true,
	"JSON numbers of runes": true, "percent twice": true, "base64 in JSON": false}

func TestScannerSeesEveryEncoding(t *testing.T) {
	for _, set := range []map[string]func(string) string{encoders, outer()} {
		for name, encode := range set {
			if blind[name] {
				continue
			}
			t.Run(name, func(t *testing.T) {
				for _, secret := range []string{secrettest.Canary(16), secrettest.Canary(16) + "+/%&-_~!" + secrettest.Canary(16)} {
					s := secrettest.NewScanner(secrettest.Secret{Name: "it", Text: secret})
					if hits := s.Find([]byte("level=INFO msg=\"" + encode(secret) + "\" took=12ms")); len(hits) == 0 {
						t.Errorf("not found in %q", encode(secret))
					}
				}
			})
		}
	}
	if n := len(secrettest.Encodings()); n < 12 {
		t.Errorf("%d encodings", n)
	}
}

func TestScannerSeesAnyRunOfEight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := secrettest.Canary(rapid.IntRange(16, 60).Draw(t, "length"))
		from := rapid.IntRange(0, len(secret)-secrettest.Run).Draw(t, "from")
		names := []string{"raw", "reversed", "hex", "base64", "base64 URL", "query", "JSON", "every percent", "base32"}
		name := rapid.SampledFrom(names).Draw(t, "encoding")
		encode := encoders[name]
		if encode == nil {
			encode = outer()[name]
		}
		before := rapid.StringMatching(`[ -~]{0,12}`).Draw(t, "before")
		planted := []byte(before + " " + encode(secret[from:from+secrettest.Run]) + " ." + before)
		s := secrettest.NewScanner(secrettest.Secret{Name: "it", Text: secret})
		if len(s.Find(planted)) == 0 {
			t.Fatalf("not found as %s in %q", name, planted)
		}
		w := s.Stream()
		for cut := rapid.IntRange(0, len(planted)).Draw(t, "cut"); len(planted) > 0; cut = len(planted) {
			_, _ = w.Write(planted[:cut])
			planted = planted[cut:]
		}
		if len(w.Hits()) == 0 {
			t.Fatalf("not found as %s once it was cut", name)
		}
	})
}

func TestScannerSeesOverTheEndOfAChunk(t *testing.T) {
	secret := secrettest.Canary(40)
	s := secrettest.NewScanner(secrettest.Secret{Name: "it", Text: secret})
	for _, at := range []int{4<<20 - 20, 4<<20 - 64<<10 - 20, 8<<20 - 64<<10 - 4} {
		w := s.Stream()
		_, _ = w.Write(bytes.Repeat([]byte("."), at))
		_, _ = io.WriteString(w, secret)
		_, _ = w.Write(bytes.Repeat([]byte("."), 5<<20))
		if hits := w.Hits(); len(hits) == 0 || hits[0].At != at {
			t.Errorf("planted at %d: %v", at, hits)
		}
	}
}

func TestScannerSaysWhichAndNeverWhat(t *testing.T) {
	one, two := secrettest.Canary(16), secrettest.Canary(16)
	s := secrettest.NewScanner(secrettest.Secret{Name: "the old secret", Text: one}, secrettest.Secret{Name: "the new secret", Text: two})
	got := fmt.Sprint(s.Find([]byte("x " + hex.EncodeToString([]byte(two)) + " y")))
	if want := "[the new secret as hex, from byte 2]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestScannerIsQuiet is the control: 16 MB of every kind of text that a pass leaves, fingerprints of the secret
// included, and no hit. make test-leak reads more than a hundred times that.
func TestScannerIsQuiet(t *testing.T) {
	secret := secrettest.Canary(40)
	s := secrettest.NewScanner(secrettest.Secret{Name: "it", Text: secret})
	source := rand.NewChaCha8([32]byte{6})
	random := make([]byte, 4<<20)
	_, _ = source.Read(random)
	for name, text := range map[string]string{"bytes": string(random), "hex": hex.EncodeToString(random[:2<<20]),
		"base64": base64.StdEncoding.EncodeToString(random[:3<<20]), "base32": base32.StdEncoding.EncodeToString(random[:5<<19])} {
		if hits := s.Find([]byte(text)); hits != nil {
			t.Errorf("%s: %v", name, hits)
		}
	}
	mac := hmac.New(sha256.New, random[:32])
	_, _ = io.WriteString(mac, secret)
	print := mac.Sum(nil)
	plain := sha256.Sum256([]byte(secret))
	if hits := s.Find(fmt.Appendf(nil, "%x %s %x %s", print, base64.StdEncoding.EncodeToString(print), plain, secret[:7]+" . "+secret[9:16])); hits != nil {
		t.Errorf("a fingerprint or seven bytes: %v", hits)
	}
}

func BenchmarkScannerMegabyteOfLog(b *testing.B) {
	line := `{"time":"2026-11-23T14:17:00Z","level":"INFO","msg":"place observed","print":"9f86d081884c7d659a2feaa0c55ad015"}` + "\n"
	log := []byte(strings.Repeat(line, 1<<20/len(line)))
	s := secrettest.NewScanner(secrettest.Secret{Name: "it", Text: secrettest.Canary(40)})
	for b.Loop() {
		s.Find(log)
	}
}

func BenchmarkNewScanner(b *testing.B) {
	for b.Loop() {
		secrettest.NewScanner(secrettest.Secret{Name: "it", Text: secrettest.Canary(40)})
	}
}
