// Package notifytest holds every sender to what notify.Notifier promises.
package notifytest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"quarterturn/notify"
)

// Bench is one sender and its receiver.
type Bench struct {
	Notifier notify.Notifier
	Received func() []string // the messages that arrived, in order, decoded: what a person or program sees of each
	Break    func()          // from now on the receiver takes nothing
	Secrets  []string        // what no error may show, beside the addresses and texts of a message
}

// Message is one with all its parts.
func Message() notify.Message {
	return notify.Message{ID: "msg-0b1c", At: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), Kind: notify.Waits,
		Credential: "bluum-production", Vendor: "bluum", Environment: "production", Rotation: "rot-7f",
		What: "a new key is due", Broken: "app answers 401", Command: "quarterturn rotate bluum-production",
		To: []string{"owner@acme.example", "deputy@acme.example"}, Escalated: true}
}

// Run runs the suite; fresh builds a bench of its own for every test.
func Run(t *testing.T, fresh func(t *testing.T) Bench) {
	for name, test := range map[string]func(*testing.T, Bench){"all parts": allParts, "repeat": repeat, "hostile texts": hostile,
		"cancelled": cancelled, "errors": quietErrors} {
		t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
	}
}

func send(t *testing.T, b Bench, m notify.Message) []string {
	t.Helper()
	before := len(b.Received())
	if err := b.Notifier.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := b.Received()[before:]
	if len(got) == 0 {
		t.Fatal("nothing arrived")
	}
	return got
}

func allParts(t *testing.T, b Bench) {
	m := Message()
	for _, got := range send(t, b, m) {
		for _, part := range []string{m.ID, m.Credential, m.Vendor, m.Environment, m.Rotation, m.What, m.Broken, m.Command, "scalated"} {
			if !strings.Contains(got, part) {
				t.Errorf("%q did not arrive in %q", part, got)
			}
		}
	}
}

func repeat(t *testing.T, b Bench) {
	first, second := send(t, b, Message()), send(t, b, Message())
	if len(first) != len(second) || !strings.Contains(second[0], Message().ID) {
		t.Errorf("a message sent again is another one: %q and %q", first, second)
	}
}

// hostile: foreign text may come into a message by way of a vendor's or a consumer's answer.
func hostile(t *testing.T, b Bench) {
	m := Message()
	const evil = "x\r\nBcc: eve@evil.example\r\n\r\n.\r\nEVIL\x00\x1b[2J\u202e\xff<!channel>"
	m.ID, m.Credential, m.What, m.Broken, m.Command = evil, evil, evil, evil, evil
	plain := len(send(t, b, Message()))
	got := send(t, b, m)
	if len(got) != plain {
		t.Errorf("%d arrived instead of %d", len(got), plain)
	}
	for _, one := range got {
		if strings.ContainsAny(one, "\x00\x1b\u202e") || strings.Contains(one, "\nBcc:") || strings.Contains(one, "\nEVIL") {
			t.Errorf("a text broke out of its line: %q", one)
		}
	}
}

func cancelled(t *testing.T, b Bench) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Notifier.Send(ctx, Message()); !errors.Is(err, context.Canceled) || errors.Is(err, notify.ErrRefused) {
		t.Errorf("an ended context gives %v", err)
	}
	if got := b.Received(); len(got) > 0 {
		t.Errorf("sent all the same: %q", got)
	}
}

func quietErrors(t *testing.T, b Bench) {
	b.Break()
	m := Message()
	err := b.Notifier.Send(t.Context(), m)
	if err == nil {
		t.Fatal("a message that nobody took counts as sent")
	}
	for _, hidden := range append(append([]string{m.What, m.Broken}, m.To...), b.Secrets...) {
		if strings.Contains(err.Error(), hidden) {
			t.Errorf("the error shows %q: %v", hidden, err)
		}
	}
}
