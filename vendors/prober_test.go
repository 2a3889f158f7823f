package vendors

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quarterturn/internal/httpx"
	"quarterturn/secret"
)

// world is a vendor on loopback, a clock that only the test moves, and a prober for the sandbox.
type world struct {
	t       *testing.T
	server  *httptest.Server
	now     time.Time
	waited  []time.Duration
	options ProberOptions
	profile Profile
	asked   atomic.Int32
}

func newWorld(t *testing.T, h http.HandlerFunc) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)}
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.asked.Add(1)
		h(rw, r)
	}))
	t.Cleanup(w.server.Close)
	w.aim(w.server.URL)
	w.options = ProberOptions{
		Client: httpx.Options{Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }},
		Budget: httpx.NewBudget(httpx.ProbeLimits(), w.clock),
		Key: func(m secret.Material) string {
			sum := sha256.Sum256([]byte(m["key"].Reveal()))
			return hex.EncodeToString(sum[:4])
		},
		Now: w.clock,
		Wait: func(_ context.Context, d time.Duration) error {
			w.waited, w.now = append(w.waited, d), w.now.Add(d)
			return nil
		},
	}
	return w
}

func (w *world) clock() time.Time { return w.now }

func (w *world) aim(base string) {
	w.t.Helper()
	var err error
	hosts := map[string]string{"sandbox": base + "/v1", "production": "http://127.0.0.1:1/v1"}
	if w.profile, err = bluum(w.t).WithHosts(hosts); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) prober() Prober {
	w.t.Helper()
	p, err := NewProber(w.profile, "sandbox", w.options)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) probe() Reading {
	w.t.Helper()
	r, err := w.prober().Probe(w.t.Context(), good())
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// says answers every request alike.
func says(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestTheCallThatIsMade(t *testing.T) {
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		if r.Method != "GET" || r.URL.String() != "/v1/accounts" || !ok || user != goodKey || password != goodSecret {
			t.Errorf("%s %s, authorized %v", r.Method, r.URL, ok)
		}
		if length := r.ContentLength; length != 0 || r.Header.Get("Accept") != "application/json" || r.Header.Get("Cache-Control") != "no-cache, no-store" {
			t.Errorf("%d bytes, accepts %s", length, r.Header.Get("Accept"))
		}
		says(200, `[]`)(rw, r)
	})
	if r := w.probe(); r.Verdict != Accepted || w.asked.Load() != 1 {
		t.Errorf("%+v after %d calls", r, w.asked.Load())
	}
}

// What a cache kept may be another caller's answer, or one of a time before a revocation: it neither accepts nor refuses.
func TestAnAnswerOutOfACacheSaysNothing(t *testing.T) {
	for _, c := range []struct {
		status    int
		body, age string
		want      Verdict
	}{{200, `[]`, "7", Unclear}, {401, `{"code":"BLUM-401-003"}`, "1", Unclear}, {200, `[]`, "0", Accepted}, {200, `[]`, "soon", Unclear}} {
		w := newWorld(t, says(c.status, c.body, "Age", c.age))
		if r := w.probe(); r.Verdict != c.want || c.want == Unclear && !strings.Contains(r.Why, "out of a cache") {
			t.Errorf("%d with Age %s: %+v", c.status, c.age, r)
		}
	}
}

func digest(id string) string {
	sum := sha256.Sum256([]byte("subject\x00bluum\x00" + id))
	return hex.EncodeToString(sum[:])[:16]
}

func TestAReadingIsFilledFully(t *testing.T) {
	w := newWorld(t, nil)
	w.server.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.now = w.now.Add(250 * time.Millisecond)
		says(200, `{"object":"list","has_more":false,"livemode":false,"trace_id":"tr_1",
			"data":[{"id":"acc_1","livemode":false},{"id":"acc_2"},{"id":"acc_1"}]}`,
			"X-Request-Id", "req-7:a.b_c", "X-RateLimit-Remaining", "9", "Date", "Mon, 23 Nov 2026 10:00:05 GMT")(rw, r)
	})
	at := w.now
	got := w.probe()
	subjects := []string{digest("acc_1"), digest("acc_2")}
	slices.Sort(subjects)
	want := Reading{Verdict: Accepted, Host: strings.TrimPrefix(w.server.URL, "http://"), Method: "GET", Path: "/v1/accounts",
		Status: 200, TraceID: "tr_1", RequestID: "req-7:a.b_c", Latency: 250 * time.Millisecond, At: at,
		ServerTime: time.Date(2026, 11, 23, 10, 0, 5, 0, time.UTC), Environment: "sandbox", Subjects: subjects, Remaining: 9,
		Why: "status 200"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestGoodAnswers(t *testing.T) {
	for _, c := range []struct {
		name, body  string
		verdict     Verdict
		environment string
		subjects    int
		why         string
	}{
		{"bare array", `[{"id":"a"},{"id":"b"}]`, Accepted, "", 2, "status 200"},
		{"empty array", `[]`, Accepted, "", 0, "status 200"},
		{"empty envelope", `{"object":"list","data":[]}`, Accepted, "", 0, "status 200"},
		{"numeric ids", `[{"id":7},{"id":7.0}]`, Accepted, "", 2, "status 200"},
		{"ids of no use", `[{"id":null},{"id":{}},{"id":""},{"id":true}]`, Accepted, "", 1, "status 200"},
		{"livemode in a bare array", `[{"id":"a","livemode":true}]`, Accepted, "production", 1, "status 200"},
		{"livemode in items", `{"object":"list","data":[{"livemode":false}]}`, Accepted, "sandbox", 0, "status 200"},
		{"livemode of no use", `[{"livemode":"maybe"},{"livemode":null}]`, Accepted, "", 0, "status 200"},
		{"both environments", `[{"livemode":true},{"livemode":false}]`, Unclear, "", 0, "more than one environment"},
		{"top against items", `{"object":"list","livemode":true,"data":[{"livemode":false}]}`, Unclear, "", 0, "more than one"},
		{"one object", `{"id":"a"}`, Unclear, "", 0, "no list"},
		{"another object", `{"object":"account","data":[]}`, Unclear, "", 0, "no list"},
		{"data is no list", `{"object":"list","data":{}}`, Unclear, "", 0, "no list"},
		{"items are no objects", `["a"]`, Unclear, "", 0, "no list"},
		{"an error with 200", `{"code":"BLUM-401-003"}`, Unclear, "", 0, "no list"},
		{"scalar", `"ok"`, Unclear, "", 0, "no list"},
		{"null", `null`, Unclear, "", 0, "no list"},
		{"page", `<!doctype html><p>Welcome`, Unclear, "", 0, "unreadable"},
		{"nothing", ``, Unclear, "", 0, "unreadable"},
		{"half", `[{"id":"a"}`, Unclear, "", 0, "unreadable"},
		{"more behind", `[] []`, Unclear, "", 0, "unreadable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newWorld(t, says(200, c.body)).probe()
			if r.Verdict != c.verdict || r.Environment != c.environment || len(r.Subjects) != c.subjects || !strings.Contains(r.Why, c.why) {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestSubjectsAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&b, `,{"id":"acc_%d"}`, i)
	}
	r := newWorld(t, says(200, "["+b.String()[1:]+`,{"id":"`+strings.Repeat("x", 300)+`"}]`)).probe()
	if len(r.Subjects) != 1000 || !slices.IsSorted(r.Subjects) || r.Verdict != Accepted {
		t.Errorf("%s, %d subjects", r.Verdict, len(r.Subjects))
	}
}

func TestEveryCodeInBothShapes(t *testing.T) {
	for code, said := range bluum(t).Answers.Codes {
		want := map[string]Verdict{"refused": Refused, "unclear": Unclear}[said.Verdict]
		for shape, body := range map[string]string{
			"older": `{"code":"` + code + `","message":"m","trace_id":"tr-1"}`,
			"newer": `{"error":{"type":"t","code":"` + code + `","message":"m","param":null},"trace_id":"tr-1"}`,
		} {
			r := newWorld(t, says(said.Status, body)).probe()
			if r.Verdict != want || r.Code != code || r.Status != said.Status || r.TraceID != "tr-1" || r.Why != code+": "+said.Means {
				t.Errorf("%s %s: %+v", code, shape, r)
			}
			if other := newWorld(t, says(500, body)).probe(); other.Verdict != Unclear || other.Code != code {
				t.Errorf("%s %s with status 500: %+v", code, shape, other)
			}
		}
	}
}

func TestUnclearAnswers(t *testing.T) {
	const refusing = `{"code":"BLUM-401-003"}`
	for _, c := range []struct {
		name   string
		status int
		body   string
		code   string
		why    string
	}{
		{"unlisted code", 401, `{"code":"BLUM-401-099"}`, "BLUM-401-099", "not in the profile"},
		{"code of another form", 401, `{"code":"invalid_key"}`, "", "without a code"},
		{"code with more around it", 401, `{"code":"BLUM-401-003 "}`, "", "without a code"},
		{"no code", 401, `{"message":"BLUM-401-003"}`, "", "without a code"},
		{"two codes", 401, `{"code":"BLUM-401-003","error":{"code":"BLUM-401-001"}}`, "", "without a code"},
		{"code in a list", 401, `[` + refusing + `]`, "", "without a code"},
		{"unreadable 401", 401, `nope`, "", "unreadable"},
		{"empty 401", 401, ``, "", "unreadable"},
		{"refusal as 403", 403, refusing, "BLUM-401-003", "came with status 403, not 401"},
		{"refusal as 200", 200, refusing, "", "no list"},
		{"refusal as 201", 201, refusing, "BLUM-401-003", "came with status 201"},
		{"a list as 201", 201, `[]`, "", "status 201"},
		{"not found", 404, `{"code":"BLUM-404-001"}`, "BLUM-404-001", "not in the profile"},
		{"too many", 429, `{"code":"BLUM-429-001"}`, "BLUM-429-001", "rate limit"},
		{"broken", 500, `{}`, "", "status 500"},
		{"away", 503, `<p>later`, "", "status 503"},
		{"gateway", 502, refusing, "BLUM-401-003", "status 502"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newWorld(t, says(c.status, c.body)).probe()
			if r.Verdict != Unclear || r.Code != c.code || r.Status != c.status || !strings.Contains(r.Why, c.why) {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestNoRedirectIsFollowed(t *testing.T) {
	var second atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { second.Add(1) }))
	t.Cleanup(other.Close)
	for _, status := range []int{300, 301, 302, 303, 304, 307, 308} {
		for _, to := range []string{other.URL, "/v1/other", "//" + strings.TrimPrefix(other.URL, "http://")} {
			w := newWorld(t, says(status, "", "Location", to, "X-Request-Id", "r-1"))
			r := w.probe()
			if r.Verdict != Unclear || r.Status != status || r.Why != "redirect refused" || r.RequestID != "r-1" || w.asked.Load() != 1 {
				t.Errorf("%d to %s: %+v after %d calls", status, to, r, w.asked.Load())
			}
		}
	}
	if n := second.Load(); n != 0 {
		t.Errorf("%d calls reached another server", n)
	}
}

func TestBrokenNetwork(t *testing.T) {
	hijack := func(end func(*net.TCPConn)) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(rw).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			end(conn.(*net.TCPConn))
			_ = conn.Close()
		}
	}
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		status  int
		why     string
	}{
		{"reset", hijack(func(c *net.TCPConn) { _ = c.SetLinger(0) }), 0, "connection reset (send)"},
		{"closed", hijack(func(*net.TCPConn) {}), 0, "answer cut short (send)"},
		{"truncated", hijack(func(c *net.TCPConn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n[]")
		}), 200, "answer cut short (read)"},
		{"not HTTP", hijack(func(c *net.TCPConn) { _, _ = io.WriteString(c, "220 mail ready\r\n") }), 0, "unreadable answer (read)"},
		{"huge", says(200, "["+strings.Repeat(" ", httpx.BodyLimit)+"]"), 200, "answer too long (read)"},
		{"slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 0, "timeout (send)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.handler)
			if c.name == "slow" {
				w.options.Client.Timeout = 50 * time.Millisecond
			}
			if r := w.probe(); r.Verdict != Unclear || r.Status != c.status || r.Why != c.why || r.Remaining != -1 || w.asked.Load() != 1 {
				t.Errorf("got %+v after %d calls", r, w.asked.Load())
			}
		})
	}
}

func TestRefusedConnection(t *testing.T) {
	w := newWorld(t, says(200, `[]`))
	w.server.Close()
	if r := w.probe(); r.Verdict != Unclear || r.Why != "connection refused (dial)" || r.Status != 0 {
		t.Errorf("got %+v", r)
	}
}

func TestTLSToAPrivateCA(t *testing.T) {
	s := httptest.NewUnstartedServer(says(200, `[]`))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	byName := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	for _, c := range []struct {
		name, base, ca string
		verdict        Verdict
		why            string
	}{
		{"trusted", s.URL, file, Accepted, "status 200"},
		{"not trusted", s.URL, "", Unclear, "certificate not trusted (tls)"},
		{"another name", byName, file, Unclear, "certificate for another name (tls)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.aim(c.base)
			w.options.Client.CAFile = c.ca
			if r := w.probe(); r.Verdict != c.verdict || r.Why != c.why {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestTheHostIsTheProfiles(t *testing.T) {
	w := newWorld(t, says(200, `[]`))
	w.options.Client.Host = "evil.example"
	if r := w.probe(); r.Verdict != Accepted || r.Host != strings.TrimPrefix(w.server.URL, "http://") {
		t.Errorf("got %+v", r)
	}
}

func TestAMaterialThatCannotBeSent(t *testing.T) {
	for name, m := range map[string]secret.Material{
		"nothing": nil, "no secret": {"key": secret.New(goodKey)}, "empty key": pair("", goodSecret), "colon": pair(goodKey+":x", goodSecret),
	} {
		w := newWorld(t, says(200, `[]`))
		r, err := w.prober().Probe(t.Context(), m)
		if _, ok := errors.AsType[*ShapeError](err); !ok || w.asked.Load() != 0 || r.Status != 0 {
			t.Errorf("%s: %v after %d calls", name, err, w.asked.Load())
		}
		if leaks(fmt.Sprintf("%v %#v", err, err), goodKey, goodSecret) {
			t.Errorf("%s: leaked", name)
		}
	}
}

func later(t *testing.T, p Prober) *httpx.LaterError {
	t.Helper()
	_, err := p.Probe(t.Context(), good())
	e, ok := errors.AsType[*httpx.LaterError](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	return e
}

func TestTheBudgetIsKept(t *testing.T) {
	w := newWorld(t, says(200, `[]`))
	p, start := w.prober(), w.now
	for range 3 {
		if _, err := p.Probe(t.Context(), good()); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(w.waited, []time.Duration{time.Second, time.Second}) || w.asked.Load() != 3 {
		t.Errorf("waited %v for %d calls", w.waited, w.asked.Load())
	}
	w.options.Wait = nil
	if e := later(t, w.prober()); !e.At.Equal(start.Add(3*time.Second)) || w.asked.Load() != 3 {
		t.Errorf("without waiting: %v", e)
	}
}

func TestI17OnlyThreeFailingCalls(t *testing.T) {
	for name, body := range map[string]string{"refused": `{"code":"BLUM-401-003"}`, "unknown 401": `{}`} {
		w := newWorld(t, says(401, body))
		p, start := w.prober(), w.now
		for range 3 {
			if _, err := p.Probe(t.Context(), good()); err != nil {
				t.Fatal(err)
			}
			w.now = w.now.Add(time.Minute)
		}
		if e := later(t, p); !e.At.Equal(start.Add(10*time.Minute)) || w.asked.Load() != 3 {
			t.Errorf("%s: %v after %d calls", name, e, w.asked.Load())
		}
		w.now = start.Add(10 * time.Minute)
		if _, err := p.Probe(t.Context(), good()); err != nil {
			t.Errorf("%s, after the window: %v", name, err)
		}
	}
}

// never is a budget that answers what a test wants.
type never struct {
	free      time.Time
	take, end error
	failing   []bool
}

func (n *never) Take(context.Context, string, string) (time.Time, error) { return n.free, n.take }

func (n *never) Done(ctx context.Context, _, _ string, failing bool) error {
	n.failing = append(n.failing, failing)
	return errors.Join(n.end, ctx.Err())
}

func (n *never) Silence(context.Context, string, time.Time) error { return n.end }

func TestABudgetThatCannotBeAsked(t *testing.T) {
	w := newWorld(t, says(200, `[]`))
	w.options.Budget = &never{take: errors.New("database away")}
	if _, err := w.prober().Probe(t.Context(), good()); err == nil || w.asked.Load() != 0 {
		t.Errorf("%v after %d calls", err, w.asked.Load())
	}
	w.options.Budget = &never{end: errors.New("database away")}
	if r := w.probe(); r.Verdict != Accepted || r.Why != "status 200; the budget could not be told" {
		t.Errorf("got %+v", r)
	}
}

func TestATurnIsNotAwaitedForEver(t *testing.T) {
	w := newWorld(t, says(200, `[]`))
	w.options.Wait = func(context.Context, time.Duration) error { w.waited = append(w.waited, 0); return nil }
	w.options.Budget = &never{free: w.now.Add(time.Second)}
	if later(t, w.prober()); len(w.waited) == 0 || len(w.waited) > 4 {
		t.Errorf("waited %d times", len(w.waited))
	}
	w.waited = nil
	w.options.Budget = &never{free: w.now.Add(2*time.Second + 1)}
	if later(t, w.prober()); w.waited != nil || w.asked.Load() != 0 {
		t.Errorf("waited %v", w.waited)
	}
	w.options.Wait = func(context.Context, time.Duration) error { return context.Canceled }
	w.options.Budget = &never{free: w.now.Add(time.Second)}
	if _, err := w.prober().Probe(t.Context(), good()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestACallThatWasStoppedStillEndsInTheBudget(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := newWorld(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	budget := &never{}
	w.options.Budget = budget
	r, err := w.prober().Probe(ctx, good())
	if err != nil || r.Why != "cancelled (send)" || !slices.Equal(budget.failing, []bool{false}) {
		t.Errorf("%+v %v %v", r, err, budget.failing)
	}
}

func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		name, header, date string
		status             int
		want               time.Duration
	}{
		{"seconds", "30", "", 429, 30 * time.Second},
		{"nothing said", "", "", 429, time.Minute},
		{"nonsense", "soon", "", 429, time.Minute},
		{"negative", "-5", "", 429, time.Minute},
		{"at once", "0", "", 429, 0},
		{"for ever", "99999999999999999999", "", 429, time.Minute},
		{"very long", "9999999999", "", 429, 24 * time.Hour},
		{"date", "Mon, 23 Nov 2026 10:05:00 GMT", "Mon, 23 Nov 2026 10:00:00 GMT", 429, 5 * time.Minute},
		{"date of a wrong clock", "Mon, 23 Nov 2026 08:05:00 GMT", "Mon, 23 Nov 2026 08:00:00 GMT", 429, 5 * time.Minute},
		{"past date", "Mon, 23 Nov 2026 09:00:00 GMT", "Mon, 23 Nov 2026 10:00:00 GMT", 429, 0},
		{"away", "120", "", 503, 2 * time.Minute},
		{"away, nothing said", "", "", 503, 0},
		{"good answer", "30", "", 200, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			headers := []string{"Retry-After", c.header}
			if c.date != "" {
				headers = append(headers, "Date", c.date)
			}
			w := newWorld(t, says(c.status, `[]`, headers...))
			r := w.probe()
			if c.want == 0 && !r.RetryAt.IsZero() || c.want != 0 && !r.RetryAt.Equal(w.now.Add(c.want)) {
				t.Errorf("free at %v", r.RetryAt)
			}
		})
	}
}

func TestAHostThatAskedForSilenceGetsIt(t *testing.T) {
	w := newWorld(t, says(429, `{}`, "Retry-After", "90"))
	p, until := w.prober(), w.now.Add(90*time.Second)
	if r, err := p.Probe(t.Context(), good()); err != nil || !r.RetryAt.Equal(until) {
		t.Fatalf("%+v %v", r, err)
	}
	w.now = w.now.Add(30 * time.Second)
	if e := later(t, p); !e.At.Equal(until) || !strings.Contains(e.Why, "the vendor asked to wait") {
		t.Errorf("got %v", e)
	}
	if _, err := p.Probe(t.Context(), pair("another_key_0001", goodSecret)); err == nil || w.asked.Load() != 1 {
		t.Errorf("another pair: %v after %d calls", err, w.asked.Load())
	}
	w.now = until
	if _, err := p.Probe(t.Context(), good()); err != nil || w.asked.Load() != 2 {
		t.Errorf("afterwards: %v after %d calls", err, w.asked.Load())
	}
}

func TestQuietWindowStopsTheSandboxOnly(t *testing.T) {
	w := newWorld(t, says(200, `[]`))
	w.now = time.Date(2026, 11, 23, 23, 56, 0, 0, time.UTC)
	e := later(t, w.prober())
	if !e.At.Equal(time.Date(2026, 11, 24, 0, 15, 0, 0, time.UTC)) || !strings.Contains(e.Why, "23:55 to 00:15 UTC: the sandbox is reset") {
		t.Errorf("got %v", e)
	}
	if w.asked.Load() != 0 {
		t.Error("a call was made")
	}
	w.now = time.Date(2026, 11, 24, 0, 15, 0, 0, time.UTC)
	if r := w.probe(); r.Verdict != Accepted {
		t.Errorf("afterwards: %+v", r)
	}
}

func TestProductionHasNoQuietWindow(t *testing.T) {
	w := newWorld(t, says(200, `[]`))
	w.now = time.Date(2026, 11, 23, 23, 56, 0, 0, time.UTC)
	p, err := bluum(t).WithHosts(map[string]string{"sandbox": "http://127.0.0.1:1", "production": w.server.URL})
	if err != nil {
		t.Fatal(err)
	}
	pr, err := NewProber(p, "production", w.options)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := pr.Probe(t.Context(), good()); err != nil || r.Verdict != Accepted {
		t.Errorf("%+v %v", r, err)
	}
}

// echoes are the forms in which a vendor may give a value back.
func echoes() map[string]string {
	basic := base64.StdEncoding.EncodeToString([]byte(goodKey + ":" + goodSecret))
	return map[string]string{
		"whole":        goodSecret,
		"key":          goodKey,
		"a run":        "x-" + goodSecret[11:19] + "-y",
		"upper case":   strings.ToUpper(goodSecret[3:20]),
		"hex":          hex.EncodeToString([]byte(goodSecret))[:40],
		"base64":       strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(goodSecret[:30])), "="),
		"header":       basic[9:40],
		"shifted":      base64.RawURLEncoding.EncodeToString([]byte("ab" + goodSecret[:30]))[4:],
		"pair":         goodKey[30:] + ":" + goodSecret[:6],
		"a short tail": "id." + goodKey[len(goodKey)-8:],
	}
}

// I-18: whatever the vendor gives back, no run of the pair reaches a reading.
func TestI18AnEchoDoesNotComeThrough(t *testing.T) {
	for name, echo := range echoes() {
		for _, status := range []int{200, 401} {
			body := fmt.Sprintf(`{"object":"list","code":%[1]q,"trace_id":%[1]q,"message":%[1]q,"data":[{"id":%[1]q,"livemode":%[1]q}]}`, echo)
			w := newWorld(t, says(status, body, "X-Request-Id", echo, "X-RateLimit-Remaining", "12345678"))
			w.profile.Answers.Code.Form = `.*`
			r := w.probe()
			if r.Code != "" || r.TraceID != "" || r.RequestID != "" || len(r.Subjects) != 0 || r.Remaining != -1 {
				t.Errorf("%s with %d: %+v", name, status, r)
			}
			if text := fmt.Sprintf("%+v", r); leaks(text, goodKey, goodSecret, echo) {
				t.Errorf("%s with %d leaked: %s", name, status, text)
			}
		}
	}
}

func TestIdsAreCleaned(t *testing.T) {
	for id, want := range map[string]string{"req_1": "req_1", "a b": "", "a\x1b[0m": "", strings.Repeat("a", 80): strings.Repeat("a", 80),
		strings.Repeat("a", 81): "", "<b>": "", "": "", "9f8e-7d6c": "9f8e-7d6c", "é": ""} {
		body, err := json.Marshal(map[string]string{"code": "BLUM-401-003", "trace_id": id})
		if err != nil {
			t.Fatal(err)
		}
		if r := newWorld(t, says(401, string(body))).probe(); r.TraceID != want || r.Verdict != Refused {
			t.Errorf("%q became %q, %s", id, r.TraceID, r.Verdict)
		}
	}
}

// What a network failure says is made of our own words, even when the vendor's bytes are in the original error.
func TestANetworkFailureDoesNotLeak(t *testing.T) {
	var logged bytes.Buffer
	log.SetOutput(&logged)
	defer log.SetOutput(os.Stderr)
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		conn, _, _ := http.NewResponseController(rw).Hijack()
		_, password, _ := r.BasicAuth()
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 %s\r\n%s\r\n\r\n", password, r.Header.Get("Authorization"))
		_ = conn.Close()
	})
	r := w.probe()
	basic := base64.StdEncoding.EncodeToString([]byte(goodKey + ":" + goodSecret))
	if leaks(fmt.Sprintf("%+v %s", r, logged.String()), goodKey, goodSecret, basic) || r.Verdict != Unclear {
		t.Errorf("got %+v", r)
	}
}

func TestProbersAreSafeForConcurrentUse(t *testing.T) {
	w := newWorld(t, says(200, `[]`))
	w.options.Wait = nil
	p := w.prober()
	var all sync.WaitGroup
	var accepted atomic.Int32
	for i := range 20 {
		all.Go(func() {
			r, err := p.Probe(t.Context(), pair(fmt.Sprintf("key_number_%04d", i), goodSecret))
			if err == nil && r.Verdict == Accepted {
				accepted.Add(1)
			}
		})
	}
	all.Wait()
	if accepted.Load() != 20 {
		t.Errorf("%d of 20 accepted", accepted.Load())
	}
}

func TestNewProberRefusesWhatIsMissing(t *testing.T) {
	w := newWorld(t, says(200, `[]`))
	for name, spoil := range map[string]func(*ProberOptions, *Profile, *string){
		"budget":      func(o *ProberOptions, _ *Profile, _ *string) { o.Budget = nil },
		"key":         func(o *ProberOptions, _ *Profile, _ *string) { o.Key = nil },
		"clock":       func(o *ProberOptions, _ *Profile, _ *string) { o.Now = nil },
		"CA file":     func(o *ProberOptions, _ *Profile, _ *string) { o.Client.CAFile = "/nowhere/ca.pem" },
		"environment": func(_ *ProberOptions, _ *Profile, env *string) { *env = "" },
		"probe":       func(_ *ProberOptions, p *Profile, _ *string) { p.Probe = "none" },
		"form":        func(_ *ProberOptions, p *Profile, _ *string) { p.Answers.Code.Form = "(" },
	} {
		o, p, env := w.options, w.profile, "sandbox"
		spoil(&o, &p, &env)
		if pr, err := NewProber(p, env, o); err == nil || pr != nil {
			t.Errorf("without %s: %v %v", name, pr, err)
		}
	}
}
