// Package webhook sends messages to a program: one signed JSON POST each, which the receiver can verify, tell from a
// repeat, and answer with when to try again.
//
// Rights it needs: to reach the address, and to read the key file.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"quarterturn/internal/httpx"
	"quarterturn/notify"
	"quarterturn/secret"
)

const keyLength = 32 // of a signing key, in bytes, at least

// Notifier posts to one address. Safe for concurrent use.
type Notifier struct {
	config Config
	opt    Options
}

var _ notify.Notifier = (*Notifier)(nil)

// New builds a notifier. The key file is read for each message, so that a lost one stops messages and no rotation.
func New(c Config, o Options) (*Notifier, error) {
	if err := errors.Join(c.Validate(), o.validate()); err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	return &Notifier{config: c, opt: o}, nil
}

// payload is the body; docs/recipes/webhook.md promises its names.
type payload struct {
	ID          string      `json:"id"`
	At          time.Time   `json:"at"`
	Kind        notify.Kind `json:"kind"`
	Credential  string      `json:"credential"`
	Vendor      string      `json:"vendor"`
	Environment string      `json:"environment"`
	Rotation    string      `json:"rotation,omitempty"`
	What        string      `json:"what"`
	Broken      string      `json:"broken,omitempty"`
	Command     string      `json:"command,omitempty"`
	To          []string    `json:"to"`
	Escalated   bool        `json:"escalated"`
	Subject     string      `json:"subject"`
	Text        string      `json:"text"`
}

func body(m notify.Message) ([]byte, error) {
	subject, text := notify.Text(m)
	line := notify.Line
	return json.Marshal(payload{line(m.ID), m.At.UTC(), m.Kind, line(m.Credential), line(m.Vendor), line(m.Environment),
		line(m.Rotation), line(m.What), line(m.Broken), line(m.Command), append([]string{}, m.To...), m.Escalated, subject, text})
}

// Send implements notify.Notifier. 2xx: taken. 408, 425, 429, 5xx, and no answer: again, when Retry-After says. All other
// answers, a redirect among them: refused.
func (n *Notifier) Send(ctx context.Context, m notify.Message) error {
	key, err := secret.ReadFile(n.config.KeyFile)
	if err != nil {
		return errors.New("the webhook's key_file cannot be used; nothing was sent: it must hold the key alone, with mode 0600")
	}
	text, err := body(m)
	if err != nil {
		return fmt.Errorf("the message cannot be written as JSON: %w", notify.ErrRefused)
	}
	req, err := n.request(ctx, m.ID, text, key)
	if err != nil {
		return err
	}
	return n.post(req)
}

func (n *Notifier) request(ctx context.Context, id string, text []byte, key secret.Value) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.config.URL, bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("the webhook's url cannot be asked: %w", notify.ErrRefused)
	}
	signature, err := Sign(key, n.opt.Now(), text)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "quarterturn")
	req.Header.Set("Quarterturn-Id", notify.Line(id))
	req.Header.Set("Quarterturn-Signature", signature)
	return req, nil
}

func (n *Notifier) post(req *http.Request) error {
	answer, err := httpx.Do(n.opt.Client, req)
	if e, ok := errors.AsType[*httpx.Error](err); ok && answer.Status == 0 {
		return failed(e)
	}
	return notify.Answered(answer.Status, answer.Header.Get("Retry-After"), n.opt.Now())
}

// Sign is the header's value: "t=<unix seconds>,v1=<hex>", the HMAC-SHA256 of "<unix seconds>.<body>". An error: the key
// is shorter than 32 bytes.
func Sign(key secret.Value, at time.Time, body []byte) (string, error) {
	k := []byte(key.Reveal())
	defer clear(k)
	if len(k) < keyLength {
		return "", errors.New("the webhook's key_file holds fewer than 32 characters; nothing was sent: make a longer key")
	}
	unix := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, k)
	_, _ = mac.Write([]byte(unix + "."))
	_, _ = mac.Write(body)
	return "t=" + unix + ",v1=" + hex.EncodeToString(mac.Sum(nil)), nil
}

// failed hands on whether the context ended, and nothing of the address.
func failed(e *httpx.Error) error {
	if cause := e.Unwrap(); cause != nil {
		return fmt.Errorf("the webhook gave no answer (%s): %w: it is tried again", e.Stage, cause)
	}
	return fmt.Errorf("the webhook gave no answer (%s: %s): it is tried again", e.Stage, e.Why)
}
