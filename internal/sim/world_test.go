package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is the shared clock of a test: it moves when told to.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newTestWorld(t *testing.T, o Options) (*World, *clock) {
	t.Helper()
	c := newClock()
	o.Now = c.now
	w, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w, c
}

func create(t *testing.T, w *World, organisation, environment string) Shown {
	t.Helper()
	s, err := w.Create(organisation, environment, "test")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// reply is an answer read to its end.
type reply struct {
	status int
	header http.Header
	body   string
	err    error // of the connection or of the body
}

// code is the vendor's error code in either shape.
func (r reply) code() string {
	var e struct {
		Code  string
		Error struct{ Code string }
	}
	_ = json.Unmarshal([]byte(r.body), &e)
	return e.Code + e.Error.Code
}

// said is the code of an error, or the status.
func (r reply) said() string {
	if code := r.code(); code != "" {
		return code
	}
	return strconv.Itoa(r.status)
}

func do(t *testing.T, r *http.Request) reply {
	t.Helper()
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(r)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(b), err}
}

func request(t *testing.T, method, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ask makes the smoke call.
func ask(t *testing.T, w *World, environment, key, secret string) reply {
	t.Helper()
	r := request(t, http.MethodGet, w.URL(environment)+"/accounts")
	r.SetBasicAuth(key, secret)
	return do(t, r)
}

func askAs(t *testing.T, w *World, environment string, s Shown) reply {
	t.Helper()
	return ask(t, w, environment, s.Key, s.Secret)
}

func TestStandsAlone(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 10 {
		t.Fatal(err, files)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") || first == "quarterturn" {
				t.Errorf("%s imports %s: the simulator uses the standard library alone, not to share our mistakes", file, path)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	now := newClock().now
	for name, o := range map[string]Options{
		"no clock":          {},
		"negative limit":    {Now: now, LiveLimit: -1},
		"negative delay":    {Now: now, Propagation: -1},
		"no random numbers": {Now: now, Rand: strings.NewReader("short")},
	} {
		if w, err := New(o); err == nil {
			t.Errorf("%s: accepted", name)
			_ = w.Close()
		}
	}
}

func TestRandFailureMakesNoPair(t *testing.T) {
	w, _ := newTestWorld(t, Options{Rand: io.LimitReader(zeros{}, 16+10)})
	if s, err := w.Create(Acme, Sandbox, "x"); err == nil || s.Secret != "" {
		t.Fatal("a pair was made of no random numbers")
	}
	if n := len(w.Keys(Acme, Sandbox)); n != 0 {
		t.Fatal(n)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestLoopbackOnly(t *testing.T) {
	w, c := newTestWorld(t, Options{})
	s := newTestService(t, w, c, create(t, w, Acme, Production))
	urls := []string{w.URL(Sandbox), w.URL(Production), s.URL(), s.ControlURL()}
	seen := map[string]bool{}
	for _, u := range urls {
		r := request(t, http.MethodGet, u)
		if ip := net.ParseIP(r.URL.Hostname()); ip == nil || !ip.IsLoopback() || seen[r.URL.Host] {
			t.Errorf("%s: not a loopback address of its own", u)
		}
		seen[r.URL.Host] = true
	}
	if w.URL("staging") != "" {
		t.Error("an environment out of nowhere")
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	c := newClock()
	w, err := New(Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	pair := create(t, w, Acme, Production)
	s, err := NewService(serviceOptions(t, w, c, pair))
	if err != nil {
		t.Fatal(err)
	}
	if s.Work(t.Context()) != http.StatusOK {
		t.Fatal("the service does not work")
	}
	held := make(chan struct{})
	gone := make(chan reply)
	w.Inject(Fault{Do: Slow, Wait: func(ctx context.Context) { close(held); <-ctx.Done() }})
	go func() { gone <- askAs(t, w, Production, pair) }()
	<-held
	for range 2 { // closing is repeatable
		if err := errors.Join(s.Close(), w.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if r := <-gone; r.err == nil {
		t.Error("a held request was answered by a closed world")
	}
	if r := askAs(t, w, Production, pair); r.err == nil {
		t.Error("a closed world answers")
	}
	settle(t, before)
}

// settle waits for client connections, which end on their own time.
func settle(t *testing.T, before int) {
	t.Helper()
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 1<<16)
	t.Errorf("goroutines left:\n%s", stacks[:runtime.Stack(stacks, true)])
}

func TestLogIsFreeOfValues(t *testing.T) {
	w, c := newTestWorld(t, Options{})
	pair := create(t, w, Acme, Sandbox)
	at := c.now()
	askAs(t, w, Sandbox, pair)
	askAs(t, w, Production, pair)
	ask(t, w, Sandbox, pair.Secret, pair.Key)
	r := request(t, "STEAL", w.URL(Sandbox)+"/"+pair.Secret+"?k="+pair.Key)
	r.SetBasicAuth(pair.Key, pair.Secret)
	do(t, r)
	got := w.Requests()
	want := []Request{
		{at, Sandbox, "GET", "/v1/accounts", 200, "", pair.ID, ""},
		{at, Production, "GET", "/v1/accounts", 401, codeInvalid, pair.ID, ""},
		{at, Sandbox, "GET", "/v1/accounts", 401, codeInvalid, "", ""},
		{at, Sandbox, "(other)", "(unknown)", 404, codeNotFound, pair.ID, ""},
	}
	ids := map[string]bool{}
	for i := range got {
		ids[got[i].RequestID] = true
		got[i].RequestID = ""
		if i < len(want) && got[i] != want[i] {
			t.Errorf("request %d: %+v, want %+v", i, got[i], want[i])
		}
	}
	if len(got) != len(want) || len(ids) != len(want) || ids[""] {
		t.Errorf("%d requests with %d ids, want %d", len(got), len(ids), len(want))
	}
	if text := fmt.Sprintf("%#v %#v", w.Requests(), w.Keys(Acme, Sandbox)); holds(text, pair) {
		t.Error("log or list hold a value")
	}
}

func holds(text string, s Shown) bool {
	return strings.Contains(text, s.Key) || strings.Contains(text, s.Secret)
}

func TestConcurrentUse(t *testing.T) {
	w, c := newTestWorld(t, Options{Newer: true})
	pair := create(t, w, Acme, Production)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			askAs(t, w, Production, pair)
			c.pass(time.Second)
			w.Inject(Fault{Path: "/nowhere"})
			w.Keys(Acme, Production)
			w.Requests()
		})
	}
	wg.Wait()
	if n := w.Calm(); n != 8 {
		t.Errorf("%d faults were left, want 8", n)
	}
	if n := len(w.Requests()); n != 8 {
		t.Errorf("%d requests logged, want 8", n)
	}
}
