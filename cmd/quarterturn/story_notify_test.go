package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"quarterturn/rotator"
)

// post is where messages arrive: a webhook's receiver and a mail server, both on loopback.
type post struct {
	mu     sync.Mutex
	down   bool   // the webhook answers 503
	taken  func() // called when the webhook took one
	hooked []map[string]any
	mailed []letter
	hook   *httptest.Server
	port   int
}

type letter struct{ to, text string }

func newPost(t *testing.T) *post {
	t.Helper()
	p := &post{}
	p.hook = httptest.NewServer(p)
	t.Cleanup(p.hook.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.port = l.Addr().(*net.TCPAddr).Port
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &postman{p: p}, nil }))
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return p
}

func (p *post) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var m map[string]any
	if p.down || json.NewDecoder(r.Body).Decode(&m) != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	p.hooked = append(p.hooked, m)
	if p.taken != nil {
		p.taken()
	}
}

// kinds are what the webhook took, as "kind escalated".
func (p *post) kinds() (all []string) {
	for _, m := range p.hooks() {
		all = append(all, fmt.Sprintf("%v %v", m["kind"], m["escalated"]))
	}
	return all
}

func (p *post) hooks() []map[string]any {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.hooked)
}

func (p *post) letters() []letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.mailed)
}

type postman struct {
	p  *post
	to string
}

func (m *postman) Mail(string, *smtp.MailOptions) error { return nil }
func (m *postman) Rcpt(to string, _ *smtp.RcptOptions) error {
	m.to = to
	return nil
}

func (m *postman) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	m.p.mu.Lock()
	defer m.p.mu.Unlock()
	m.p.mailed = append(m.p.mailed, letter{m.to, string(b)})
	return err
}
func (m *postman) Reset()        {}
func (m *postman) Logout() error { return nil }

// told names a deputy, and has messages go to p.
func (p *post) told(b *bench, text string) string {
	b.must(os.WriteFile(b.path("webhook.key"), []byte(strings.Repeat("signing-key-", 4)+"\n"), 0o600))
	text = strings.Replace(text, `people: {team: {owner: "owner@acme.example"`,
		`people: {team: {owner: "owner@acme.example", deputy: "deputy@acme.example"`, 1)
	return text + fmt.Sprintf(`
connections: {relay: {smtp: {host: 127.0.0.1, port: %d, tls: none}}}
notify:
  - {name: hook, webhook: {url: %q, key_file: webhook.key}}
  - {name: post, on: relay, email: {from: quarterturn@acme.example}, only: [waits, broken]}
`, p.port, p.hook.URL+"/in")
}

// TestStoryTold: the owner is told once, the deputy when nobody came, and everybody where messages are collected.
func TestStoryTold(t *testing.T) {
	p := newPost(t)
	b := raise(t, stageOptions{}, p.told)
	b.to(rotator.AwaitingKey)
	b.pass()
	if got := p.letters(); len(got) != 1 || got[0].to != "owner@acme.example" ||
		!strings.Contains(got[0].text, "quarterturn rotate "+demoName) || !strings.Contains(got[0].text, "Nothing is broken.") {
		t.Fatalf("the owner was told: %+v", got)
	}
	b.after(30 * 24 * time.Hour)
	var deputy []string
	for _, one := range p.letters() {
		if one.to == "deputy@acme.example" {
			deputy = append(deputy, one.text)
		}
	}
	if len(deputy) != 1 || !strings.Contains(deputy[0], "STILL WAITS") || !strings.Contains(deputy[0], "Escalated") {
		t.Errorf("the deputy was told: %q", deputy)
	}
	if got := p.kinds(); !slices.Contains(got, "waits false") || !slices.Contains(got, "waits true") {
		t.Errorf("the webhook got %q", got)
	}
	b.supply()
	b.closes()
	if got := p.kinds(); got[len(got)-1] != "closed false" {
		t.Errorf("the webhook got %q", got)
	}
	for _, one := range p.letters() {
		b.leaksIn("a mail", []byte(one.text))
	}
	text, err := json.Marshal(p.hooks())
	b.must(err)
	b.leaksIn("a webhook", text)
}

// TestStoryKilledBeforeSending: the process ends between the record and its message. The next run sends it.
func TestStoryKilledBeforeSending(t *testing.T) {
	p := newPost(t)
	b := raise(t, stageOptions{}, p.told)
	passed, err := b.shop.rt.Pass(b.ctx)
	b.must(err)
	if !passed.Parcels || len(p.hooks()) > 0 {
		t.Fatalf("messages wait: %v, sent: %q", passed.Parcels, p.kinds())
	}
	b.must(b.reopen(b.ctx))
	for range 2 { // and the one after it does not send again
		b.pass()
		if got := p.kinds(); !slices.Equal(got, []string{"reminder false", "waits false"}) || len(p.letters()) != 1 {
			t.Errorf("sent: %q, %d mails", got, len(p.letters()))
		}
	}
}

// TestStoryKilledWhileSending: the receiver has it and the ledger does not know. It comes again under the same id.
func TestStoryKilledWhileSending(t *testing.T) {
	p := newPost(t)
	b := raise(t, stageOptions{}, p.told)
	ctx, cancel := context.WithCancel(b.ctx)
	p.taken = cancel
	if code := b.lineIn(ctx, "quarterturn.yaml", "", "run"); code == exitDone {
		t.Errorf("a run that was ended says it is done:\n%s", b.out)
	}
	p.mu.Lock()
	p.taken = nil
	p.mu.Unlock()
	b.does(exitDone, "run")
	got := p.hooks()
	if !slices.Equal(p.kinds(), []string{"reminder false", "reminder false", "waits false"}) || got[0]["id"] != got[1]["id"] {
		t.Errorf("the webhook got %q", p.kinds())
	}
	if len(p.letters()) != 1 {
		t.Errorf("%d mails", len(p.letters()))
	}
}

// TestStoryReceiverDown: what does not go is said, holds up neither the rotation nor the other channel, and goes later.
func TestStoryReceiverDown(t *testing.T) {
	p := newPost(t)
	p.down = true
	b := raise(t, stageOptions{}, p.told)
	b.does(exitTransient, "run")
	b.prints("a message by hook did not go")
	if len(p.letters()) != 1 {
		t.Errorf("%d mails", len(p.letters()))
	}
	p.mu.Lock()
	p.down = false
	p.mu.Unlock()
	b.clock.advance(time.Hour)
	b.does(exitDone, "run")
	if len(p.hooks()) != 2 || len(p.letters()) != 1 {
		t.Errorf("sent: %q, %d mails", p.kinds(), len(p.letters()))
	}
	b.supply()
	b.closes()
}
