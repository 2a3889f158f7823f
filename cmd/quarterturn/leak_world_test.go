package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"quarterturn/internal/crashtest"
	"quarterturn/internal/sim"
	"quarterturn/ledger"
	"quarterturn/rotator"
	"quarterturn/secret/secrettest"
)

// leakWorld is a stage around which everything is overheard.
type leakWorld struct {
	*stage
	ctx    context.Context
	stop   *crashtest.Stopper
	book   *leakBook
	rng    *rand.Rand
	vendor *leakRelay // stands before the vendor
	health *leakRelay // stands before the service
	people *leakRelay // is a webhook and Slack
	mail   *smtp.Server
	plants []leakPlant // what this story leaks on purpose

	lines  int // command lines so far: every second one speaks JSON
	pairs  []sim.Shown
	fresh  sim.Shown
	gone   map[string]bool
	deaths int
	ended  string // where the rotation ended
}

// leakOptions shape one.
type leakOptions struct {
	Dir      string
	Seed     uint64
	Replaces bool
	Real     bool             // for programs of their own, with the machine's clock
	Stop     *crashtest.Point // nil: nothing is injected at the border of the parts
}

const childrenFile = "children.txt"

// marksOf are what a vendor's values hold beside letters and digits: each is spelled differently by some encoding.
const marksOf = "+/%&-_~!"

// mintFrom makes canaries: letters, digits and every mark.
func mintFrom() string {
	return secrettest.Canary(16) + marksOf[:4] + secrettest.Canary(16) + marksOf[4:] + secrettest.Canary(16)
}

func newLeakWorld(ctx context.Context, o leakOptions) (*leakWorld, error) {
	w := &leakWorld{ctx: ctx, stop: crashtest.New(o.Stop), book: newLeakBook(), rng: rand.New(rand.NewPCG(o.Seed, 6)),
		gone: map[string]bool{}}
	so := stageOptions{Age: demoAge, Propagation: 10 * time.Minute, Replaces: o.Replaces, LiveLimit: 4, Mint: mintFrom, Amend: w.amend}
	if o.Replaces || o.Real { // more than two pairs and a quick vendor exclude each other
		so.LiveLimit = 0
	}
	so.Wiring = wiring{ledger: w.stop.Ledger, hands: func(c rotator.Credential) rotator.Credential { return w.stop.Hands(w.overhear(c)) }}
	w.stage = &stage{o: so, w: storyWorld(), dir: o.Dir, clock: &clock{at: time.Date(2026, 9, 1, 10, 0, 0, 0, time.UTC)}}
	if o.Real {
		w.o.Quick, w.o.Propagation, w.clock.at = true, 2*time.Second, time.Now().UTC().Add(-demoAge)
	}
	w.w.now, w.w.wait, w.w.err = w.clock.now, w.clock.wait, w.book.writer(outLog) // err: where a log channel writes
	w.stop.Pause()
	restart, err := w.redeployer()
	w.o.Restart = restart
	for _, build := range []func() error{w.openVendor, w.writeEnv, w.writeConfig, func() error { return w.reopen(ctx) }} {
		if err == nil {
			err = build()
		}
	}
	if err != nil {
		return w, errors.Join(err, w.end())
	}
	w.pairs = append(w.pairs, w.old)
	return w, nil
}

// end closes everything; the book stays.
func (w *leakWorld) end() error {
	err := w.close()
	for _, r := range []*leakRelay{w.vendor, w.health, w.people} {
		if r != nil {
			r.server.Close()
		}
	}
	if w.mail != nil {
		err = errors.Join(err, w.mail.Close())
	}
	return err
}

// redeployer is a program that writes down what it was given, and then does what the stage's own does.
func (w *leakWorld) redeployer() ([]string, error) {
	exe, err := os.Executable()
	script := fmt.Sprintf("#!/bin/sh\n{ tr '\\0' '\\n' </proc/$$/environ; tr '\\0' '\\n' </proc/$$/cmdline; } >>%q\nexec %q \"$@\"\n",
		w.path(childrenFile), exe)
	return []string{w.path("redeploy.sh")}, errors.Join(err, os.WriteFile(w.path("redeploy.sh"), []byte(script), 0o700))
}

// amend puts the relays in front of everything, and lets people be told in every way there is.
func (w *leakWorld) amend(st *stage, text string) (string, error) {
	profile, err := os.ReadFile(st.path("bluum-demo.yaml"))
	if err != nil {
		return "", err
	}
	w.vendor = w.relay(st.vendor.URL(sim.Production), toVendor)
	w.health = w.relay(st.service.URL(), toService)
	w.people = w.relay("", toPeople)
	port, err := w.postOffice()
	if err != nil {
		return "", err
	}
	profile = bytes.ReplaceAll(profile, []byte(st.vendor.URL(sim.Production)), []byte(w.vendor.server.URL+"/v1"))
	text = strings.ReplaceAll(text, st.service.URL(), w.health.server.URL)
	overlap := "20m"
	if w.o.Quick {
		overlap = "1s"
	}
	text = strings.Replace(text, "overlap: 24h", "overlap: "+overlap, 1)
	text = strings.Replace(text, `{owner: "owner@acme.example"}`, `{owner: "owner@acme.example", approvers: [alice@acme.example, bob@acme.example]}`, 1)
	text += fmt.Sprintf("\nconnections: {relay: {smtp: {host: 127.0.0.1, port: %d, tls: none}}}\nnotify:\n"+
		"  - {name: hook, webhook: {url: %q, key_file: webhook.key}}\n  - {name: chat, slack: {webhook_file: slack.url}}\n"+
		"  - {name: post, on: relay, email: {from: quarterturn@acme.example}}\n  - {name: lines, log: {}}\n", port, w.people.server.URL+"/hook")
	return text, errors.Join(os.WriteFile(st.path("bluum-demo.yaml"), profile, 0o600),
		os.WriteFile(st.path("webhook.key"), []byte(strings.Repeat("signing-key-", 4)+"\n"), 0o600),
		os.WriteFile(st.path("slack.url"), []byte(w.people.server.URL+"/chat\n"), 0o600))
}

// ---- who listens -----------------------------------------------------------------------------------------------------

// leakRelay stands before a machine and writes down what it is sent. hostile answers in the machine's place.
type leakRelay struct {
	w       *leakWorld
	on      surface
	next    http.Handler
	server  *httptest.Server
	hostile []func(http.ResponseWriter, *http.Request)
}

func (w *leakWorld) relay(target string, on surface) *leakRelay {
	r := &leakRelay{w: w, on: on, next: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "ok") })}
	if to, err := url.Parse(target); err == nil && to.Host != "" {
		proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: to.Host})
		proxy.Transport = &http.Transport{DisableKeepAlives: true}
		proxy.ErrorHandler = func(rw http.ResponseWriter, _ *http.Request, _ error) { rw.WriteHeader(http.StatusBadGateway) }
		r.next = proxy
	}
	r.server = httptest.NewServer(r)
	return r
}

func (r *leakRelay) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	whole, err := httputil.DumpRequest(req, true)
	if err != nil {
		rw.WriteHeader(http.StatusBadGateway)
		return
	}
	if own := req.Header.Get("Authorization"); r.on == toVendor && own != "" {
		r.w.book.take(ownHeader, []byte(own))
		whole = bytes.Replace(whole, []byte(own), nil, 1)
	}
	r.w.book.take(r.on, whole)
	r.w.book.mu.Lock()
	answer := r.next.ServeHTTP
	if len(r.hostile) > 0 {
		answer, r.hostile = r.hostile[0], r.hostile[1:]
	}
	r.w.book.mu.Unlock()
	answer(rw, req)
}

// annoy queues answers.
func (r *leakRelay) annoy(answers ...func(http.ResponseWriter, *http.Request)) {
	r.w.book.mu.Lock()
	defer r.w.book.mu.Unlock()
	r.hostile = append(r.hostile, answers...)
}

// parrot is a machine that says the pair back, everywhere an answer has room, with a status that proves nothing.
func (w *leakWorld) parrot(status int) func(http.ResponseWriter, *http.Request) {
	return func(rw http.ResponseWriter, req *http.Request) {
		key, value, _ := req.BasicAuth()
		if p := w.fresh; key == "" && p.ID != "" {
			key, value = p.Key, p.Secret
		}
		h := rw.Header()
		for _, name := range []string{"X-Request-Id", "X-Trace", "Retry-After", "X-RateLimit-Remaining", "Www-Authenticate", "X-" + key} {
			h.Set(name, value)
		}
		h.Set("Location", "https://elsewhere.example/"+url.PathEscape(value)+"?key="+url.QueryEscape(key))
		h.Set("Content-Type", "application/json; note="+key)
		rw.WriteHeader(status)
		_ = json.NewEncoder(rw).Encode(map[string]any{"code": value, "message": "no such key " + key + " with " + value, "trace_id": value,
			"error": map[string]string{"code": key, "type": value}, "print": value, "label": key, "livemode": value, value: key})
	}
}

// postOffice takes mail.
func (w *leakWorld) postOffice() (port int, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	w.mail = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return leakMail{w.book}, nil }))
	go func() { _ = w.mail.Serve(l) }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

type leakMail struct{ book *leakBook }

func (m leakMail) Mail(from string, _ *smtp.MailOptions) error { return m.note(from) }
func (m leakMail) Rcpt(to string, _ *smtp.RcptOptions) error   { return m.note(to) }
func (m leakMail) Reset()                                      {}
func (m leakMail) Logout() error                               { return nil }
func (m leakMail) note(text string) error {
	m.book.take(toPeople, []byte(text))
	return nil
}

func (m leakMail) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	m.book.take(toPeople, text)
	return err
}

// ---- what is done ----------------------------------------------------------------------------------------------------

// line runs a command line and hears what it prints. Every second one speaks JSON.
func (w *leakWorld) line(as, stdin string, args ...string) (code int) {
	w.lines++
	format, on := "text", outText
	if w.lines%2 == 0 {
		format, on = "json", outJSON
	}
	own := w.w
	own.in, own.out, own.err = strings.NewReader(stdin), w.book.writer(on), w.book.writer(outErr)
	args = append([]string{"--config", w.path("quarterturn.yaml"), "--as", as, "--output", format}, args...)
	return (&app{w: own, wi: w.o.Wiring}).run(w.ctx, args)
}

// said is line as a process that may die of what was injected; it is repeated until it is answered, as people do.
func (w *leakWorld) said(as, stdin string, args ...string) error {
	code := exitDone
	for range 4 {
		answered := false
		err := w.process(func() error {
			code = w.line(as, stdin, args...)
			answered = true
			return nil
		})
		if err != nil || answered && (code == exitDone || code == exitStop) {
			return err
		}
	}
	return nil // refused: the next pass says what is wanted instead
}

// process runs f as one process; after a death the next one is wired on the same files.
func (w *leakWorld) process(f func() error) error {
	died, err := w.stop.Process(f)
	if !died {
		return err
	}
	w.deaths++
	w.stop.Restart()
	return w.rewire()
}

func (w *leakWorld) rewire() error {
	was := w.shop
	if err := was.Close(); err != nil {
		return err
	}
	s := &shop{cfg: was.cfg, profiles: was.profiles, keys: was.keys}
	var err error
	if s.ledger, err = ledger.OpenSQLite(w.ctx, s.cfg.Ledger.Path, w.w.now, ledger.Options{KeepCalls: s.cfg.KeepCalls}); err != nil {
		return err
	}
	w.shop = s
	own := w.w
	own.err = w.book.writer(outLog) // where the log channel writes
	return s.wire(own, w.o.Wiring)
}

// pass is what run does, with its log.
func (w *leakWorld) pass() error {
	w.lines++
	own := w.w
	own.in, own.out, own.err = strings.NewReader(""), w.book.writer([]surface{outText, outJSON}[w.lines%2]), w.book.writer(outErr)
	a := &app{w: own, wi: w.o.Wiring, output: []string{"text", "json"}[w.lines%2]}
	if err := a.prepare(); err != nil {
		return err
	}
	return w.process(func() error {
		if err := a.pass(w.ctx, w.shop, "", newLeakLog(w.book)); err != nil && !errors.Is(err, errQuiet) {
			report(own.err, w.lines%2 == 1, err)
			w.book.take(inErrors, everyVerb(err))
		}
		return nil
	})
}

// until lets passes run and people do what they are asked for.
func (w *leakWorld) until(done func([]rotator.Rotation) bool) error {
	for range 300 {
		all, err := w.shop.ledger.Rotations(w.ctx, demoName)
		if err != nil || done(all) {
			return err
		}
		if err := errors.Join(w.asked(all), w.advance(), w.pass()); err != nil {
			return err
		}
	}
	return errors.New("it came to no end")
}

// advance moves the clock to the next recorded time, or a minute where that has come and nothing could be done.
func (w *leakWorld) advance() error {
	before := w.clock.now()
	_, err := w.skip(w.ctx)
	if w.clock.now().Equal(before) {
		w.clock.advance(time.Minute)
	}
	return err
}

// asked does what settled rotations ask for.
func (w *leakWorld) asked(all []rotator.Rotation) error {
	var errs []error
	for _, r := range all {
		if !r.State.Over() && r.Command != "" && r.NextAt.After(w.clock.now()) {
			errs = append(errs, w.obey(r))
		}
	}
	return errors.Join(errs...)
}

func (w *leakWorld) obey(r rotator.Rotation) error {
	args := strings.Fields(r.Command)[1:]
	switch args[0] {
	case "rotate":
		return w.paste()
	case "revoked":
		return w.revoke(r)
	case "approve":
		return w.approve()
	case "check":
		args = []string{"resume", demoName}
	}
	for i := range args {
		args[i] = strings.NewReplacer("NAME", "Acme Trading", "WHY", "it-is-known").Replace(args[i])
	}
	return w.said("alice@acme.example", "", args...)
}

// approve agrees, and where creating a key ends the old one says when that may be.
func (w *leakWorld) approve() error {
	args := []string{"approve", demoName, "--reason", "seen by two", "--consumers", "app"}
	if w.o.Replaces {
		args = append(args, "--window", w.clock.now().Add(time.Hour).Format("2006-01-02T15:04Z07:00")+"/4h")
	}
	return w.said("bob@acme.example", "", args...)
}

// paste makes a pair in the portal and hands it in.
func (w *leakWorld) paste() error {
	shown, err := w.stage.vendor.Create(sim.Acme, sim.Production, demoName)
	if errors.Is(err, sim.ErrLimit) {
		shown = w.fresh
	} else if err != nil {
		return err
	}
	w.fresh = shown
	if !slices.ContainsFunc(w.pairs, func(p sim.Shown) bool { return p.ID == shown.ID }) {
		w.pairs = append(w.pairs, shown)
	}
	return w.said("alice@acme.example", pasted(shown), "submit", demoName, "--organisation", "Acme Trading", "--environment", sim.Production)
}

func pasted(s sim.Shown) string {
	return fmt.Sprintf("BLUUM_API_KEY=%s\nBLUUM_API_SECRET=%s\n", s.Key, s.Secret)
}

// revoke deletes what the request names, and says so.
func (w *leakWorld) revoke(r rotator.Rotation) error {
	pairs, err := w.shop.ledger.Pairs(w.ctx, demoName)
	if err != nil {
		return err
	}
	fragment := find(pairs, r.Old).Fragment
	for _, p := range w.pairs {
		if last4(p) == fragment && !w.gone[p.ID] {
			w.gone[p.ID] = true
			if err := w.stage.vendor.Delete(p.ID); err != nil && !errors.Is(err, sim.ErrStatus) {
				return err
			}
		}
	}
	args := []string{"revoked", demoName, "--last4", fragment}
	if r.Lane == rotator.Burial {
		args = append(args, "--pair", string(r.Old))
	}
	return w.said("alice@acme.example", "", args...)
}

// ---- what is read at the end -----------------------------------------------------------------------------------------

// collect takes what the story left: files, the trail, this process and its stacks.
func (w *leakWorld) collect() error {
	stacks := make([]byte, 1<<20)
	w.book.take(onStack, stacks[:runtime.Stack(stacks, true)])
	for _, name := range []string{"cmdline", "environ"} {
		if text, err := os.ReadFile("/proc/self/" + name); err == nil {
			w.book.take(inSelf, text)
		}
	}
	temp := os.TempDir()
	if w.o.Quick {
		temp = w.path("tmp")
	}
	return errors.Join(w.trail(), w.book.sweep(w.dir, inFiles), w.book.sweep(temp, inTemp))
}

func (w *leakWorld) trail() error {
	l := w.shop.ledger
	chains, err := l.Chains(w.ctx)
	all := []any{}
	for _, id := range chains {
		events, eerr := l.Events(w.ctx, id)
		all, err = append(all, events), errors.Join(err, eerr)
	}
	words, werr := l.Words(w.ctx, demoName)
	calls, cerr := l.Calls(w.ctx, demoName)
	rotations, rerr := l.Rotations(w.ctx, demoName)
	text, jerr := json.Marshal(append(all, words, calls, rotations))
	w.book.take(onTrail, text)
	return errors.Join(err, werr, cerr, rerr, jerr)
}
