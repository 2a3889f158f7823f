package secrettest_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"quarterturn/secret/secrettest"
)

// encoders are ways in which secrets have been seen to escape.
var encoders = map[string]func(string) string{
	"raw":             func(s string) string { return s },
	"reversed":        reverse,
	"quoted":          strconv.Quote,
	"quoted to ASCII": strconv.QuoteToASCII,
	"JSON":            func(s string) string { return asJSON(s) },
	"JSON in JSON":    func(s string) string { return asJSON(asJSON(s)) },
	"HTML":            html.EscapeString,
	"query":           url.QueryEscape,
	"every percent":   percentAll,
	"percent twice":   func(s string) string { return url.QueryEscape(percentAll(s)) },
	"hex":             func(s string) string { return hex.EncodeToString([]byte(s)) },
	"odd hex":         func(s string) string { return "a" + fmt.Sprintf("%X", s) },
	"hex dump":        func(s string) string { return hex.Dump([]byte(s)) },
	"hex colons":      func(s string) string { return strings.ReplaceAll(fmt.Sprintf("% x", s), " ", ":") },
	"hex prefixed":    func(s string) string { return fmt.Sprintf("%# x", s) },
	"hex reversed":    func(s string) string { return hex.EncodeToString([]byte(reverse(s))) },
	"Go bytes":        func(s string) string { return fmt.Sprintf("%#v", []byte(s)) },
	"bytes":           func(s string) string { return fmt.Sprint([]byte(s)) },
	"JSON numbers":    func(s string) string { return asJSON([]rune(s)) },
	"octal":           func(s string) string { return fmt.Sprintf("%#o", []byte(s)) },
	"binary":          func(s string) string { return fmt.Sprintf("%#b", []byte(s)) },
	"bad verb":        func(s string) string { return badVerb("%s", []rune(s)) },
	"code points":     func(s string) string { return fmt.Sprintf("%U", []rune(s)) },
	"shown points":    func(s string) string { return fmt.Sprintf("%#U", []rune(s)) },
	"characters":      func(s string) string { return fmt.Sprintf("%c", []byte(s)) },
	"quoted runes":    func(s string) string { return fmt.Sprintf("%q", []rune(s)) },
	"NUL between":     func(s string) string { return strings.Join(strings.Split(s, ""), "\x00") },
	"base64":          func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 URL":      func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"basic auth":      func(s string) string { return base64.StdEncoding.EncodeToString([]byte("k:" + s)) },
	"base64 in JSON":  func(s string) string { return asJSON([]byte("id=" + s)) },
	"hex of base64":   func(s string) string { return hex.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(s)))) },
	"base64 in URL":   func(s string) string { return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(s))) },
}

func reverse(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

func percentAll(s string) string { return "%" + strings.ReplaceAll(fmt.Sprintf("% x", s), " ", "%") }

func asJSON(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func TestFindSeesEveryEncoding(t *testing.T) {
	for name, encode := range encoders {
		t.Run(name, func(t *testing.T) {
			for _, secret := range []string{secrettest.Canary(16), `p<&>"'%+/=\-_~ü` + secrettest.Canary(16)} {
				planted := "level=INFO msg=\"" + encode(secret) + "\" took=12ms"
				if secrettest.Find([]byte(planted), secret) == nil {
					t.Errorf("not found in %q", planted)
				}
			}
		})
	}
}

func TestFindSeesAnyRunOfEight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := secrettest.Canary(rapid.IntRange(16, 60).Draw(t, "length"))
		from := rapid.IntRange(0, len(secret)-secrettest.Run).Draw(t, "from")
		name := rapid.SampledFrom([]string{"raw", "reversed", "hex", "base64", "base64 URL", "query", "JSON"}).Draw(t, "encoding")
		before := rapid.StringMatching(`[ -~]{0,12}`).Draw(t, "before")
		after := rapid.StringMatching(`[ .,;"][ -~]{0,12}`).Draw(t, "after")
		planted := before + " " + encoders[name](secret[from:from+secrettest.Run]) + after
		if secrettest.Find([]byte(planted), secret) == nil {
			t.Fatalf("not found as %s in %q", name, planted)
		}
	})
}

func TestFindSaysWhichAndNeverWhat(t *testing.T) {
	one, two := secrettest.Canary(16), secrettest.Canary(16)
	got := secrettest.Find([]byte("x "+hex.EncodeToString([]byte(two))+" y"), one, two)
	want := []string{"needle 1 in hex: 9 runs of 8 bytes"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFindIsQuietWithoutALeak(t *testing.T) {
	secret := secrettest.Canary(40)
	for name, encode := range encoders {
		if got := secrettest.Find([]byte(encode(secrettest.Canary(4000))), secret); got != nil {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := secrettest.Find([]byte(secret[:7]+" "+secret[8:15]), secret); got != nil {
		t.Errorf("seven bytes are no leak: %q", got)
	}
	if got := secrettest.Find(nil, secret); got != nil {
		t.Errorf("nothing in nothing: %q", got)
	}
}

func TestFindRefusesWhatItCannotFind(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a needle of seven bytes was accepted")
		}
	}()
	secrettest.Find(nil, "1234567")
}

func TestCanary(t *testing.T) {
	if a, b := secrettest.Canary(0), secrettest.Canary(40); len(a) != 16 || len(b) != 40 {
		t.Errorf("lengths %d and %d", len(a), len(b))
	}
	if secrettest.Canary(16) == secrettest.Canary(16) {
		t.Error("two canaries are the same")
	}
}

func BenchmarkFindMegabyteOfLog(b *testing.B) {
	line := `{"time":"2026-11-23T14:17:00Z","level":"INFO","msg":"place observed","print":"9f86d081884c7d659a2feaa0c55ad015"}` + "\n"
	log := []byte(strings.Repeat(line, 1<<20/len(line)))
	secret := secrettest.Canary(40)
	for b.Loop() {
		secrettest.Find(log, secret)
	}
}

// badVerb keeps the format from vet, which rightly dislikes it.
func badVerb(format string, v any) string { return fmt.Sprintf(format, v) }
