// Package slack sends messages to one Slack channel by an incoming webhook. The webhook's address is the credential, so
// it comes out of a file, and no error shows any part of it.
//
// Rights it needs: the incoming-webhook scope for one channel.
package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"quarterturn/internal/httpx"
	"quarterturn/notify"
	"quarterturn/secret"
)

// Notifier posts to one webhook. Safe for concurrent use.
type Notifier struct {
	config Config
	opt    Options
}

var _ notify.Notifier = (*Notifier)(nil)

// New builds a notifier. The file is read for each message, so that a lost one stops messages and no rotation.
func New(c Config, o Options) (*Notifier, error) {
	if err := errors.Join(c.Validate(), o.validate()); err != nil {
		return nil, fmt.Errorf("slack: %w", err)
	}
	return &Notifier{config: c, opt: o}, nil
}

// Send implements notify.Notifier. 200: taken. 429, 5xx, and no answer: again, when Retry-After says. The rest, such as
// 400 invalid_payload, 403 action_prohibited, 404 no_service and 410 channel_is_archived: refused.
func (n *Notifier) Send(ctx context.Context, m notify.Message) error {
	address, err := secret.ReadFile(n.config.WebhookFile)
	if err != nil {
		return errors.New("slack's webhook_file cannot be used; nothing was sent: it must hold the webhook's address alone, with mode 0600")
	}
	text, err := json.Marshal(map[string]string{"text": render(m)})
	if err != nil {
		return fmt.Errorf("the message cannot be written as JSON: %w", notify.ErrRefused)
	}
	req, err := request(ctx, address, text)
	if err != nil {
		return err
	}
	answer, err := httpx.Do(n.opt.Client, req)
	if e, ok := errors.AsType[*httpx.Error](err); ok && answer.Status == 0 {
		return failed(e)
	}
	if answer.Status == http.StatusOK && strings.TrimSpace(string(answer.Body)) != "ok" {
		return errors.New("what answered in slack's place is not slack: it is tried again")
	}
	return notify.Answered(answer.Status, answer.Header.Get("Retry-After"), n.opt.Now())
}

func request(ctx context.Context, address secret.Value, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address.Reveal(), bytes.NewReader(body))
	if err != nil || req.URL.Host == "" {
		return nil, errors.New("slack's webhook_file holds no address; nothing was sent: paste the webhook's address into it")
	}
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}

// failed hands on whether the context ended, and nothing of the address.
func failed(e *httpx.Error) error {
	if cause := e.Unwrap(); cause != nil {
		return fmt.Errorf("slack gave no answer (%s): %w: it is tried again", e.Stage, cause)
	}
	return fmt.Errorf("slack gave no answer (%s: %s): it is tried again", e.Stage, e.Why)
}

// longest is how much of a body is sent, in bytes: escaped at the worst, it stays below the 40,000 characters that Slack takes.
const longest = 6000

// render escapes the three characters that Slack reads as its own, so that no text can mention everybody or hide a link.
func render(m notify.Message) string {
	subject, body := notify.Text(m)
	if len(body) > longest {
		body = strings.ToValidUTF8(body[:longest], "") + " ..."
	}
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(subject + "\n\n" + body)
}
