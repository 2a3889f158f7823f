package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"quarterturn/rotator"
)

// leakPlant is a leak made on purpose, once in a story: text is the fresh pair's secret, encoded.
type leakPlant struct {
	name   string
	at     string // the call at which it happens: put, check, redeploy, prove, probe
	on     surface
	as     string // the encoding that must be named
	encode func(string) string
	leak   func(w *leakWorld, text string) error // the error is what the call says
}

// leaks is what planted leaks want a call to say, nil when nothing is to leak here.
func (w *leakWorld) leaks(at string) (err error) {
	if w.fresh.ID == "" {
		return nil
	}
	for i, p := range w.plants {
		if p.at == at {
			if at != "check" { // which speaks text and JSON
				w.plants[i].at = "done"
			}
			err = errors.Join(err, p.leak(w, p.encode(w.fresh.Secret)))
		}
	}
	return err
}

// claims makes a call say it: the error then goes wherever errors go.
func claims(before string) func(*leakWorld, string) error {
	return func(_ *leakWorld, text string) error { return errors.New(before + text) }
}

func sends(method string, to func(w *leakWorld) string, change func(*http.Request, string)) func(*leakWorld, string) error {
	return func(w *leakWorld, text string) error {
		req, err := http.NewRequest(method, to(w), nil)
		if err != nil {
			return err
		}
		change(req, text)
		answer, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			return err
		}
		return answer.Body.Close()
	}
}

func body(r *http.Request, text string) { r.Body = io.NopCloser(strings.NewReader(text)) }

func puts(path func(w *leakWorld) string) func(*leakWorld, string) error {
	return func(w *leakWorld, text string) error { return os.WriteFile(path(w), []byte(text), 0o600) }
}

// starts runs the redeployer, which writes down what it was given and then can't restart anything.
func starts(argument, env string) func(*leakWorld, string) error {
	return func(w *leakWorld, text string) error {
		c := exec.Command(w.path("redeploy.sh"), "demo-restart", argument+text)
		c.Env = []string{"NOTHING="}
		if env != "" {
			c = exec.Command(w.path("redeploy.sh"), "demo-restart", argument)
			c.Env = []string{env + "=" + text}
		}
		_ = c.Run()
		return nil
	}
}

// shy is an error whose text is fine and whose fields are not.
type shy struct{ input string }

func (*shy) Error() string { return "the input cannot be used" }

func raw(s string) string         { return s }
func asHex(s string) string       { return hex.EncodeToString([]byte(s)) }
func asBase64(s string) string    { return base64.StdEncoding.EncodeToString([]byte(s)) }
func asBase64URL(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("key:" + s)) }
func asBase32(s string) string    { return base32.StdEncoding.EncodeToString([]byte(s)) }
func asUTF16(s string) string     { return strings.Join(strings.Split(s, ""), "\x00") }
func asNumbers(s string) string   { return fmt.Sprint([]byte(s)) }
func asPercents(s string) string  { return "%" + strings.ReplaceAll(fmt.Sprintf("% X", s), " ", "%") }
func part(s string) string        { return "..." + s[10:18] + "..." }
func reverse(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

func asGzip(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, "BLUUM_API_SECRET="+s)
	_ = w.Close()
	return b.String()
}

func asLines(s string) (out string) {
	for len(s) > 5 {
		out, s = out+s[:5]+"\n", s[5:]
	}
	return out
}

func asQuotedPrintable(s string) (out string) {
	for _, c := range []byte(s) {
		out += fmt.Sprintf("=%02X", c)
	}
	return out
}

func asJSONEscapes(s string) (out string) {
	for _, c := range []byte(s) {
		out += fmt.Sprintf(`\u%04x`, c)
	}
	return out
}

func asEntities(s string) (out string) {
	for _, c := range []byte(s) {
		out += fmt.Sprintf("&#%d;", c)
	}
	return out
}

// leakPlants are made in this process: what is planted in the real program stands in leakOverlay.
func leakPlants() []leakPlant {
	vendor := func(w *leakWorld) string { return w.vendor.server.URL + "/v1/accounts" }
	people := func(w *leakWorld) string { return w.people.server.URL + "/hook" }
	service := func(w *leakWorld) string { return w.health.server.URL + "/healthz" }
	return []leakPlant{
		{"a place's error quotes it", "put", inErrors, "raw", raw, claims("cannot write ")},
		{"a place's error counts it out", "put", inErrors, "decimal numbers", asNumbers, claims("cannot write ")},
		{"a finding of check names it", "check", outText, "JSON escapes", asJSONEscapes, claims("not usable: ")},
		{"a finding of check, for machines", "check", outJSON, "base64 of hex", func(s string) string { return asBase64(asHex(s)) }, claims("not usable: ")},
		{"a failed deployment's note", "redeploy", onTrail, "hex", asHex, claims("exit code 1: ")},
		{"a proof's note", "prove", onTrail, "percent", asPercents, claims("answered ")},
		{"a vendor's answer is kept", "probe", onTrail, "base32", asBase32, claims("answered ")},
		{"eight bytes of it in a vendor's answer", "probe", inLedger, "raw", part, claims("answered ")},
		{"an error that only %#v shows", "put", inErrors, "raw", raw, func(w *leakWorld, text string) error {
			_ = w.heard(&shy{text})
			return nil
		}},
		{"a query", "put", toVendor, "percent", raw, sends(http.MethodGet, vendor, func(r *http.Request, text string) {
			r.URL.RawQuery = "secret=" + url.QueryEscape(text)
		})},
		{"another header", "put", toVendor, "base64", asBase64URL, sends(http.MethodGet, vendor, func(r *http.Request, text string) { r.Header.Set("X-Debug", text) })},
		{"a body to the service", "put", toService, "UTF-16", asUTF16, sends(http.MethodPost, service, body)},
		{"Authorization to the service", "put", toService, "base64", asBase64, sends(http.MethodPost, service, func(r *http.Request, text string) {
			r.Header.Set("Authorization", "Basic "+text)
		})},
		{"a webhook", "put", toPeople, "reversed", reverse, sends(http.MethodPost, people, body)},
		{"a chat message", "put", toPeople, "HTML entities", asEntities, sends(http.MethodPost, people, body)},
		{"a child's environment", "put", inChild, "raw", raw, starts("ftp://127.0.0.1:1", "SECRET")},
		{"a child's argument", "put", inChild, "hex", asHex, starts("ftp://", "")},
		{"a copy beside the file", "put", inFiles, "raw", raw, puts(func(w *leakWorld) string { return w.path("app.env.bak") })},
		{"a file's name", "put", inFiles, "base64", asBase64URL, func(w *leakWorld, text string) error {
			return os.WriteFile(w.path("dump-"+text), nil, 0o600)
		}},
		{"a packed temporary file", "put", inTemp, "raw in gzip", asGzip, puts(func(*leakWorld) string { return filepath.Join(os.TempDir(), "left.gz") })},
		{"a debugging log", "put", outLog, "quoted-printable", asQuotedPrintable,
			func(w *leakWorld, text string) error {
				slog.New(slog.NewTextHandler(w.book.writer(outLog), &slog.HandlerOptions{Level: slog.LevelDebug})).Debug("put", "m", text)
				return nil
			}},
		{"two writes", "put", outErr, "raw", raw, func(w *leakWorld, text string) error {
			for _, piece := range []string{text[:13], text[13:]} {
				_, _ = io.WriteString(w.book.writer(outErr), piece)
			}
			return nil
		}},
		{"lines of five", "put", outText, "reversed squeezed", func(s string) string { return asLines(reverse(s)) }, func(w *leakWorld, text string) error {
			_, _ = io.WriteString(w.book.writer(outText), text)
			return nil
		}},
		{"a person's word", "put", onTrail, "raw", raw, func(w *leakWorld, text string) error {
			_, err := w.shop.rt.Say(w.ctx, rotator.Saying{Credential: demoName, Kind: rotator.WaiveIt, Who: "alice", Target: "tenant", Text: text, For: time.Hour})
			return err
		}},
	}
}

// TestLeakPlants shows that the harness can fail: each plant is found on its surface, in its encoding. Those that make a
// call fail are planted in one story, those that don't in another; no two in a story are looked for in the same way.
func TestLeakPlants(t *testing.T) {
	root := leakTemp(t)
	found := 0
	for _, story := range leakStories() {
		w := leakPlanted(t, root, story)
		count := w.book.read(w.pairs)
		for _, p := range story {
			if !slices.ContainsFunc(count.Findings, func(f leakFinding) bool { return f.On == p.on && strings.Contains(f.What, "secret as "+p.as) }) {
				t.Errorf("%s: not found in %s as %s; found: %v", p.name, p.on, p.as, count.Findings)
				continue
			}
			found++
		}
	}
	fmt.Printf("leak: %d of %d leaks planted in this process found\n", found, len(leakPlants()))
}

// leakStories deals the plants out.
func leakStories() (stories [][]leakPlant) {
	for _, p := range leakPlants() {
		i := slices.IndexFunc(stories, func(story []leakPlant) bool {
			return !slices.ContainsFunc(story, func(q leakPlant) bool { return q.on == p.on && q.as == p.as || q.at == p.at && p.at != "put" })
		})
		if i < 0 {
			stories, i = append(stories, nil), len(stories)
		}
		stories[i] = append(stories[i], p)
	}
	return stories
}

// leakPlanted plays a rotation as far as its proof with plants in it.
func leakPlanted(t *testing.T, root string, story []leakPlant) *leakWorld {
	t.Helper()
	dir, err := os.MkdirTemp(root, "plant-*")
	if err != nil {
		t.Fatal(err)
	}
	w, err := newLeakWorld(t.Context(), leakOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(w.said("alice@acme.example", "", "adopt", demoName, "--created", w.old.CreatedAt.Format(time.RFC3339)), w.pass(), w.paste())
	w.plants = slices.Clone(story)
	for range 2 {
		w.line("alice@acme.example", "", "check")
	}
	for range 8 {
		err = errors.Join(err, w.pass(), w.advance())
	}
	if err := errors.Join(err, w.collect(), w.end()); err != nil {
		t.Fatal(err)
	}
	return w
}
