package httpproof

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quarterturn/cicd"
	"quarterturn/internal/httpx"
	"quarterturn/internal/strict"
	"quarterturn/secret"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is one set of fingerprint keys and two generations of a pair.
type world struct {
	keys     secret.Keys
	old, new secret.Material
}

func newWorld(t *testing.T) world {
	t.Helper()
	return world{
		keys: freshKeys(t),
		old:  secret.Material{"key": secret.New("old-key-0001"), "secret": secret.New("old-secret-0001")},
		new:  secret.Material{"key": secret.New("new-key-0002"), "secret": secret.New("new-secret-0002")},
	}
}

func freshKeys(t *testing.T) secret.Keys {
	t.Helper()
	keys, err := secret.ParseKeys(strings.NewReader(secret.NewKey() + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// report is what a consumer of that name shows.
func report(t *testing.T, keys secret.Keys, consumer string, m secret.Material) string {
	t.Helper()
	text, err := secret.Report(keys.Derive(consumer), m)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// want is the new generation.
func (w world) want() cicd.Want {
	return cicd.Want{Prints: w.keys.Prints(w.new).Merge(w.keys.Reports(w.new, "app")), Label: "pair-b2"}
}

// serve answers every request with status and body.
func serve(t *testing.T, status int, body string) string {
	t.Helper()
	return handle(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
}

func handle(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL + "/healthz"
}

func prover(t *testing.T, c Config) *Prover {
	t.Helper()
	p, err := New(c, Options{Client: &http.Client{}, Consumer: "app", Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProve(t *testing.T) {
	w := newWorld(t)
	newPrint, oldPrint := report(t, w.keys, "app", w.new), report(t, w.keys, "app", w.old)
	foreign := report(t, freshKeys(t), "app", w.new)
	others := report(t, w.keys, "other", w.new)
	print, label := Config{Fingerprint: "$.print"}, Config{Label: "$.generation"}
	both := Config{Fingerprint: "$.print", Label: "$.generation"}
	for _, c := range []struct {
		name   string
		config Config
		body   string
		use    cicd.Use
		print  string // the report that Fact.Prints should hold
		label  string
		note   string
	}{
		{"new print", print, fmt.Sprintf(`{"print":%q}`, newPrint), cicd.Reported, newPrint, "", ""},
		{"new print in upper case", print, fmt.Sprintf(`{"print":%q}`, upperHex(newPrint)), cicd.Reported, newPrint, "", ""},
		{"old print", print, fmt.Sprintf(`{"print":%q}`, oldPrint), cicd.Unproven, oldPrint, "", "another generation"},
		{"deeper", Config{Fingerprint: "$.keys.bluum-1"}, fmt.Sprintf(`{"keys":{"x":1,"bluum-1":%q}}`, newPrint),
			cicd.Reported, newPrint, "", ""},
		{"foreign key", print, fmt.Sprintf(`{"print":%q}`, foreign), cicd.Unproven, foreign, "", "not held here"},
		{"other consumer's print", print, fmt.Sprintf(`{"print":%q}`, others), cicd.Unproven, "", "", "another consumer"},
		{"new label", label, `{"generation":"pair-b2"}`, cicd.Reported, "", "pair-b2", ""},
		{"old label", label, `{"generation":"pair-a1"}`, cicd.Unproven, "", "pair-a1", "another generation"},
		{"a secret as label", label, `{"generation":"sk_live_0123456789"}`, cicd.Unproven, "", "", "another generation"},
		{"a secret of a label's length", label, `{"generation":"hunter2"}`, cicd.Unproven, "", "", "another generation"},
		{"both", both, fmt.Sprintf(`{"print":%q,"generation":"pair-b2"}`, newPrint), cicd.Reported, newPrint, "pair-b2", ""},
		{"both old", both, fmt.Sprintf(`{"print":%q,"generation":"pair-a1"}`, oldPrint), cicd.Unproven, oldPrint, "pair-a1",
			"another generation"},
		{"disagree", both, fmt.Sprintf(`{"print":%q,"generation":"pair-a1"}`, newPrint), cicd.Unproven, newPrint, "pair-a1",
			"different generations"},
		{"disagree the other way", both, fmt.Sprintf(`{"print":%q,"generation":"pair-b2"}`, oldPrint), cicd.Unproven,
			oldPrint, "pair-b2", "different generations"},
		{"foreign print, new label", both, fmt.Sprintf(`{"print":%q,"generation":"pair-b2"}`, foreign), cicd.Reported,
			foreign, "pair-b2", "by its label"},
		{"label missing of both", both, fmt.Sprintf(`{"print":%q}`, newPrint), cicd.Unproven, "", "", "$.generation is missing"},
		{"neither", Config{}, `anything`, cicd.Healthy, "", "", "old pair as well"},
		{"no report", print, `{}`, cicd.Unproven, "", "", "$.print is missing"},
		{"twice", print, fmt.Sprintf(`{"print":%q,"print":%q}`, newPrint, newPrint), cicd.Unproven, "", "", "is there twice"},
		{"a number", print, `{"print":1}`, cicd.Unproven, "", "", "not a string"},
		{"null", print, `{"print":null}`, cicd.Unproven, "", "", "not a string"},
		{"empty", print, `{"print":""}`, cicd.Unproven, "", "", "not a string"},
		{"other case", print, fmt.Sprintf(`{"Print":%q}`, newPrint), cicd.Unproven, "", "", "is missing"},
		{"a list", print, fmt.Sprintf(`[{"print":%q}]`, newPrint), cicd.Unproven, "", "", "not an object"},
		{"not a report", print, `{"print":"sk_live_0123456789"}`, cicd.Unproven, "", "", "is not a report"},
		{"not JSON", print, `OK`, cicd.Unproven, "", "", "not JSON"},
		{"nothing", print, ``, cicd.Unproven, "", "", "not JSON"},
		{"two documents", print, fmt.Sprintf(`{"print":%q}{}`, newPrint), cicd.Unproven, "", "", "not JSON"},
		{"not UTF-8", print, fmt.Sprintf(`{"x":"%s","print":%q}`, "\xff", newPrint), cicd.Unproven, "", "", "not JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.URL = serve(t, 200, c.body)
			fact, err := prover(t, c.config).Prove(t.Context(), w.want(), noon.Add(-time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			expect := cicd.Fact{Use: c.use, Label: c.label, At: noon, Note: fact.Note}
			if c.print != "" {
				expect.Prints, _ = secret.ParseReport(c.print)
			}
			if diff := cmp.Diff(expect, fact); diff != "" {
				t.Error(diff)
			}
			if (c.note == "") != (fact.Note == "") || !strings.Contains(fact.Note, c.note) {
				t.Errorf("note %q, want %q", fact.Note, c.note)
			}
			if strings.Contains(fact.Note, "sk_live") {
				t.Error("the note echoes the answer")
			}
		})
	}
}

// upperHex writes the digits in upper case and leaves the id alone.
func upperHex(report string) string {
	colon := strings.LastIndexByte(report, ':')
	return report[:colon] + strings.ToUpper(report[colon:])
}

func TestProveErrors(t *testing.T) {
	w := newWorld(t)
	print := report(t, w.keys, "app", w.new)
	good := serve(t, 200, fmt.Sprintf(`{"print":%q}`, print))
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, c := range map[string]struct{ url, says string }{
		"redirect":    {handle(t, http.RedirectHandler(good, http.StatusFound).ServeHTTP), "redirect refused"},
		"500":         {serve(t, 500, "panic: secret-in-a-trace"), "answered 500"},
		"401":         {serve(t, 401, "secret-in-a-trace"), "answered 401"},
		"404":         {serve(t, 404, ""), "answered 404"},
		"closed":      {gone.URL, "GET"},
		"too long":    {serve(t, 200, strings.Repeat(" ", httpx.BodyLimit+1)), "too long"},
		"broken HTTP": {handle(t, cutOff), "GET"},
	} {
		t.Run(name, func(t *testing.T) {
			p := prover(t, Config{URL: c.url + "?token=secret-in-a-query", Fingerprint: "$.print"})
			fact, err := p.Prove(t.Context(), w.want(), time.Time{})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v, want %q", err, c.says)
			}
			if strings.Contains(err.Error(), "secret-in") {
				t.Errorf("it echoes: %v", err)
			}
			if fact.Use != cicd.Unproven {
				t.Error("an error with a grade")
			}
		})
	}
}

// cutOff breaks the connection after a status line that no client should repeat.
func cutOff(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = conn.Write([]byte("HTTP/1.1 secret-in-a-status\r\n\r\n"))
	_ = conn.Close()
}

func TestAnEndedContextIsAnError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := prover(t, Config{URL: serve(t, 200, "")})
	if _, err := p.Prove(ctx, cicd.Want{}, time.Time{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := p.Check(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Nothing that could authenticate leaves, and the answer must be fresh.
func TestRequest(t *testing.T) {
	w := newWorld(t)
	var header http.Header
	url := handle(t, func(rw http.ResponseWriter, r *http.Request) {
		header = r.Header.Clone()
		rw.Header().Set("Set-Cookie", "session=1")
		_, _ = fmt.Fprintf(rw, `{"generation":%q}`, "pair-b2")
	})
	p := prover(t, Config{URL: url, Label: "$.generation"})
	for range 2 {
		if fact, err := p.Prove(t.Context(), w.want(), time.Time{}); err != nil || fact.Use != cicd.Reported {
			t.Fatal(fact, err)
		}
	}
	if header.Get("Authorization")+header.Get("Cookie") != "" || header.Get("Cache-Control") != "no-cache" {
		t.Error(header)
	}
}

func TestOldLooksDoNotCount(t *testing.T) {
	w := newWorld(t)
	cached := handle(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Age", "3600")
		_, _ = rw.Write([]byte(`{"generation":"pair-b2"}`))
	})
	fresh := serve(t, 200, `{"generation":"pair-b2"}`)
	for _, c := range []struct {
		name  string
		url   string
		since time.Time
		use   cicd.Use
	}{
		{"younger", fresh, noon.Add(-time.Nanosecond), cicd.Reported},
		{"just as old", fresh, noon, cicd.Unproven},
		{"older", fresh, noon.Add(time.Minute), cicd.Unproven},
		{"no time given", fresh, time.Time{}, cicd.Reported},
		{"out of a cache", cached, time.Time{}, cicd.Unproven},
	} {
		t.Run(c.name, func(t *testing.T) {
			fact, err := prover(t, Config{URL: c.url, Label: "$.generation"}).Prove(t.Context(), w.want(), c.since)
			if err != nil || fact.Use != c.use || fact.Label != "pair-b2" {
				t.Error(fact, err)
			}
		})
	}
}

// A wanted pair without a label, or without prints, is never proven by an answer without.
func TestNothingWantedIsNothingProven(t *testing.T) {
	w := newWorld(t)
	p := prover(t, Config{URL: serve(t, 200, `{"generation":"pair-b2"}`), Label: "$.generation"})
	if fact, err := p.Prove(t.Context(), cicd.Want{}, time.Time{}); err != nil || fact.Use != cicd.Unproven {
		t.Error(fact, err)
	}
	body := fmt.Sprintf(`{"print":%q}`, report(t, w.keys, "app", w.new))
	p = prover(t, Config{URL: serve(t, 200, body), Fingerprint: "$.print"})
	if fact, err := p.Prove(t.Context(), cicd.Want{}, time.Time{}); err != nil || fact.Use != cicd.Unproven {
		t.Error(fact, err)
	}
}

func TestBest(t *testing.T) {
	for want, c := range map[cicd.Use]Config{
		cicd.Healthy:  {URL: "http://127.0.0.1/"},
		cicd.Reported: {URL: "http://127.0.0.1/", Label: "$.x"},
	} {
		if got := prover(t, c).Best(); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	w := newWorld(t)
	old := fmt.Sprintf(`{"print":%q}`, report(t, w.keys, "app", w.old))
	for _, c := range []struct {
		name          string
		config        Config
		problem, note string
	}{
		{"ready with the old pair", Config{URL: serve(t, 200, old), Fingerprint: "$.print"}, "", ""},
		{"wrong path", Config{URL: serve(t, 200, old), Fingerprint: "$.prints"}, "$.prints is missing", ""},
		{"no label before the first write", Config{URL: serve(t, 200, old), Label: "$.generation"}, "", "comes with the first write"},
		{"no JSON where a label should be", Config{URL: serve(t, 200, "ok"), Label: "$.generation"}, "is not JSON", ""},
		{"down", Config{URL: serve(t, 503, old), Fingerprint: "$.print"}, "answered 503", ""},
		{"healthy only", Config{URL: serve(t, 204, "")}, "", "needs a waiver"},
		{"no TLS", Config{URL: "http://192.0.2.1:9/", Label: "$.x"}, "GET", "forged answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := prover(t, c.config)
			if c.name == "no TLS" {
				p.client.Transport = nowhere{}
			}
			ready, err := p.Check(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for what, pair := range map[string][2]string{
				"problems": {strings.Join(ready.Problems, "\n"), c.problem},
				"notes":    {strings.Join(ready.Notes, "\n"), c.note},
			} {
				if got, want := pair[0], pair[1]; (got == "") != (want == "") || !strings.Contains(got, want) {
					t.Errorf("%s: %q, want %q", what, got, want)
				}
			}
		})
	}
}

// nowhere is a network without anybody in it.
type nowhere struct{}

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("no route") }

func TestNewRefuses(t *testing.T) {
	now := func() time.Time { return noon }
	full := Options{Client: &http.Client{}, Consumer: "app", Now: now}
	for name, c := range map[string]struct {
		config Config
		opt    Options
	}{
		"no url":         {Config{}, full},
		"relative":       {Config{URL: "/healthz"}, full},
		"other scheme":   {Config{URL: "ftp://127.0.0.1/"}, full},
		"user name":      {Config{URL: "http://me:hunter2hunter2@127.0.0.1/"}, full},
		"fragment":       {Config{URL: "http://127.0.0.1/#x"}, full},
		"not a URL":      {Config{URL: "http://hunter2hunter2\x7f/"}, full},
		"bad path":       {Config{URL: "http://127.0.0.1/", Fingerprint: "hunter2hunter2"}, full},
		"list path":      {Config{URL: "http://127.0.0.1/", Label: "$.a[0]"}, full},
		"no client":      {Config{URL: "http://127.0.0.1/"}, Options{Now: now}},
		"no clock":       {Config{URL: "http://127.0.0.1/"}, Options{Client: &http.Client{}}},
		"whose print is": {Config{URL: "http://127.0.0.1/", Fingerprint: "$.x"}, Options{Client: &http.Client{}, Now: now}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(c.config, c.opt)
			if err == nil {
				t.Fatal("taken")
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("it echoes: %v", err)
			}
		})
	}
}

func TestSchema(t *testing.T) {
	schema, err := strict.Compile("http", Schema())
	if err != nil {
		t.Fatal(err)
	}
	for text, good := range map[string]bool{
		`{url: "http://127.0.0.1:8080/healthz", fingerprint: $.print}`:      true,
		`{url: "https://a.internal/healthz?x=1", label: $.a.b}`:             true,
		`{url: "https://a.internal"}`:                                       true,
		`{url: "https://a.internal", fingerprint: print}`:                   false,
		`{url: "https://me:pass@a.internal/"}`:                              false,
		`{url: "https://a.internal/#x"}`:                                    false,
		`{url: "ftp://a.internal/"}`:                                        false,
		`{fingerprint: $.print}`:                                            false,
		`{url: "https://a.internal/", headers: {Authorization: something}}`: false,
	} {
		doc, err := strict.Parse("t.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		problems := doc.Validate(schema)
		if (len(problems) == 0) != good {
			t.Errorf("%s: %v", text, problems)
		}
		var c Config
		if good && (doc.Decode(&c) != nil || c.Validate() != nil) {
			t.Errorf("%s: valid by schema alone", text)
		}
	}
}
