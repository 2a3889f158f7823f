package email

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"quarterturn/internal/strict"
	"quarterturn/notify"
	"quarterturn/notify/notifytest"
)

func notifier(t *testing.T, s *server, change func(*Config, *Connection)) *Notifier {
	t.Helper()
	c := Config{From: "quarterturn@acme.example"}
	conn := Connection{Host: "127.0.0.1", Port: s.port, CAFile: s.ca}
	if change != nil {
		change(&c, &conn)
	}
	n, err := New(c, conn)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (s *server) envelopes() []envelope {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

// read is a mail as its reader sees it.
func read(t *testing.T, e envelope) (mail.Header, string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(e.data))
	if err != nil {
		t.Fatal(err)
	}
	body := m.Body
	if m.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return m.Header, string(text)
}

func subject(t *testing.T, h mail.Header) string {
	t.Helper()
	s, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSuite(t *testing.T) {
	notifytest.Run(t, func(t *testing.T) notifytest.Bench {
		s := start(t, "starttls")
		return notifytest.Bench{Notifier: notifier(t, s, nil), Received: func() (all []string) {
			for _, e := range s.envelopes() {
				h, body := read(t, e)
				all = append(all, subject(t, h)+"\n"+body)
			}
			return all
		}, Break: func() {
			s.locked(func() {
				s.data = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "owner@acme.example internal-detail"}
			})
		}, Secrets: []string{"internal-detail", "127.0.0.1"}}
	})
}

func TestMail(t *testing.T) {
	s := start(t, "starttls")
	s.locked(func() { s.login = true })
	n := notifier(t, s, func(c *Config, conn *Connection) {
		c.To = []string{"ops@acme.example", "owner@acme.example"}
		conn.User, conn.PasswordFile = user, file(t, password+"\n")
	})
	m := notifytest.Message()
	m.Kind, m.Escalated = notify.Broken, false
	for range 2 {
		if err := n.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	got := s.envelopes()
	var to []string
	for _, e := range got {
		h, _ := read(t, e)
		to = append(to, e.to)
		for name, want := range map[string]string{"Message-Id": "<msg-0b1c@acme.example>", "Auto-Submitted": "auto-generated",
			"Date": "Mon, 23 Nov 2026 09:00:00 +0000", "To": "<" + e.to + ">", "From": "<quarterturn@acme.example>"} {
			if h.Get(name) != want {
				t.Errorf("%s: %q, want %q", name, h.Get(name), want)
			}
		}
		if want := "[quarterturn] BROKEN bluum-production: a new key is due"; subject(t, h) != want {
			t.Errorf("subject %q", subject(t, h))
		}
	}
	once := []string{"owner@acme.example", "deputy@acme.example", "ops@acme.example"}
	if !slices.Equal(to, slices.Concat(once, once)) {
		t.Errorf("mails to %q", to)
	}
	if seen := s.seen.String(); strings.Contains(seen, password) || strings.Contains(seen, "MAIL FROM") {
		t.Error("something was said in the clear")
	}
}

func TestHeadersCannotBeInjected(t *testing.T) {
	s := start(t, "starttls")
	m := notifytest.Message()
	m.ID, m.Credential, m.What = "x>\r\nBcc: <eve@evil.example>", "a\r\nBcc: eve@evil.example", "b\nTo: eve@evil.example"
	m.To = []string{"owner@acme.example", "x@acme.example>\r\nRCPT TO:<eve@evil.example", "Eve <eve@evil.example>"}
	err := notifier(t, s, nil).Send(t.Context(), m)
	if !errors.Is(err, notify.ErrRefused) || !strings.Contains(err.Error(), "2 of the people") || strings.Contains(err.Error(), "evil") {
		t.Fatalf("two addresses that are none: %v", err)
	}
	got := s.envelopes()
	if len(got) != 1 || got[0].to != "owner@acme.example" {
		t.Fatalf("%d mails: %+v", len(got), got)
	}
	if h, _ := read(t, got[0]); h.Get("Bcc") != "" || len(h["To"]) != 1 || strings.Contains(h.Get("Message-Id"), "eve") {
		t.Error(h)
	}
}

// One address that is gone keeps the message from nobody else.
func TestRefusals(t *testing.T) {
	gone := &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user owner@acme.example"}
	busy := &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 2, 1}, Message: "owner@acme.example is busy"}
	for _, c := range []struct {
		name    string
		refuse  map[string]error
		data    error
		refused bool
		took    int
	}{
		{"one is gone", map[string]error{"owner@acme.example": gone}, nil, true, 1},
		{"all are gone", map[string]error{"owner@acme.example": gone, "deputy@acme.example": gone}, nil, true, 0},
		{"one is busy", map[string]error{"owner@acme.example": busy}, nil, false, 1},
		{"one busy, one gone", map[string]error{"owner@acme.example": busy, "deputy@acme.example": gone}, nil, false, 0},
		{"one gone, one busy", map[string]error{"owner@acme.example": gone, "deputy@acme.example": busy}, nil, false, 0},
		{"contents refused", nil, &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "spam"}, true, 0},
		{"contents later", nil, &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "full"}, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, "starttls")
			s.locked(func() { s.refuse, s.data = c.refuse, c.data })
			err := notifier(t, s, nil).Send(t.Context(), notifytest.Message())
			if err == nil || errors.Is(err, notify.ErrRefused) != c.refused || strings.Contains(err.Error(), "@") {
				t.Error(err)
			}
			if err != nil && !strings.Contains(err.Error(), fmt.Sprintf("%d of 2", 2-c.took)) {
				t.Errorf("how many did not go: %v", err)
			}
			if len(s.envelopes()) != c.took {
				t.Errorf("%d took it, want %d", len(s.envelopes()), c.took)
			}
		})
	}
	m := notifytest.Message()
	m.To = nil
	if err := notifier(t, start(t, "starttls"), nil).Send(t.Context(), m); !errors.Is(err, notify.ErrRefused) {
		t.Errorf("nobody to tell: %v", err)
	}
}

func TestNothingInTheClear(t *testing.T) {
	for _, c := range []struct {
		name, server string
		change       func(*Config, *Connection)
		refused      bool
	}{
		{"no STARTTLS offered", "none", nil, false},
		{"unknown authority", "starttls", func(_ *Config, c *Connection) { c.CAFile = "" }, false},
		{"another name", "starttls", func(_ *Config, c *Connection) { c.Host = "localhost" }, false},
		{"implicit to a plain server", "none", func(_ *Config, c *Connection) { c.TLS = "implicit" }, false},
		{"implicit, unknown authority", "implicit", func(_ *Config, c *Connection) { c.TLS, c.CAFile = "implicit", "" }, false},
		{"wrong password", "starttls", func(_ *Config, c *Connection) { c.PasswordFile = file(t, "wrongwrongwrong") }, true},
		{"no password", "starttls", func(_ *Config, c *Connection) { c.PasswordFile = "none" }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, c.server)
			n := notifier(t, s, func(conf *Config, conn *Connection) {
				conn.User, conn.PasswordFile = user, file(t, password)
				if c.change != nil {
					c.change(conf, conn)
				}
			})
			err := n.Send(t.Context(), notifytest.Message())
			if err == nil || errors.Is(err, notify.ErrRefused) != c.refused || strings.Contains(err.Error(), "wrongwrong") {
				t.Error(err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, never := range []string{"AUTH", "MAIL", "RCPT", password, "acme.example", "bluum"} {
				if strings.Contains(s.seen.String(), never) {
					t.Errorf("%q was said in the clear", never)
				}
			}
			if len(s.got) > 0 {
				t.Error("it was sent")
			}
		})
	}
}

func TestOtherWays(t *testing.T) {
	for _, way := range []string{"implicit", "none"} {
		t.Run(way, func(t *testing.T) {
			s := start(t, way)
			n := notifier(t, s, func(_ *Config, c *Connection) {
				if c.TLS = way; way == "implicit" {
					c.User, c.PasswordFile = user, file(t, password)
					s.locked(func() { s.login = true })
				}
			})
			if err := n.Send(t.Context(), notifytest.Message()); err != nil || len(s.envelopes()) != 2 {
				t.Error(err, len(s.envelopes()))
			}
		})
	}
}

func TestValidate(t *testing.T) {
	good := Connection{Host: "mail.internal", Port: 587}
	for name, c := range map[string]Connection{
		"no host":               {Port: 587},
		"no port":               {Host: "mail.internal"},
		"none, far away":        {Host: "mail.internal", Port: 25, TLS: "none"},
		"none with a password":  {Host: "127.0.0.1", Port: 25, TLS: "none", User: "a", PasswordFile: "b"},
		"user without password": {Host: "mail.internal", Port: 587, User: "a"},
		"unknown tls":           {Host: "mail.internal", Port: 587, TLS: "maybe"},
	} {
		if _, err := New(Config{From: "a@acme.example"}, c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	for _, c := range []Config{{}, {From: "Q <q@acme.example>"}, {From: "q@acme.example\r\nBcc: x@y"}, {From: "q@acme.example", To: []string{"x"}}} {
		if _, err := New(c, good); err == nil || strings.Contains(err.Error(), "acme.example") && !strings.Contains(err.Error(), "such as") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestSchemas(t *testing.T) {
	for _, c := range []struct {
		schema []byte
		text   string
		good   bool
	}{
		{Schema(), `{from: q@acme.example, to: [ops@acme.example]}`, true},
		{Schema(), `{to: [ops@acme.example]}`, false},
		{Schema(), `{from: "Q <q@acme.example>"}`, false},
		{ConnectionSchema(), `{host: mail.internal, port: 587}`, true},
		{ConnectionSchema(), `{host: mail.internal, port: 465, tls: implicit, user: q, password_file: p, ca_file: ca.pem}`, true},
		{ConnectionSchema(), `{host: mail.internal, port: 587, user: q}`, false},
		{ConnectionSchema(), `{host: mail.internal, port: 587, password: hunter2}`, false},
		{ConnectionSchema(), `{host: "mail.internal/x", port: 587}`, false},
	} {
		schema, err := strict.Compile("email", c.schema)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := strict.Parse("t.yaml", []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		if problems := doc.Validate(schema); (len(problems) == 0) != c.good {
			t.Errorf("%s: %v", c.text, problems)
		}
	}
}
