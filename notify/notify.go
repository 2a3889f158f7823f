// Package notify says what a message to a person is, and how one is sent. A message has no room for a value: what is due
// or waits, whether anything is broken, and the one next command are all there is to say.
package notify

import (
	"context"
	"time"
)

// Kind is why somebody is told.
type Kind string

const (
	Reminder Kind = "reminder" // a key's age reached a step of its policy
	Waits    Kind = "waits"    // a person is awaited
	Broken   Kind = "broken"   // something does not work now
	Mended   Kind = "mended"   // what was broken works again
	Closed   Kind = "closed"   // a rotation ended
)

// Message is one thing to say. Every text is value-free.
type Message struct {
	ID          string    // the same when a message is sent again, so that receivers can drop doubles
	At          time.Time // UTC, when it became true
	Kind        Kind
	Credential  string
	Vendor      string
	Environment string
	Rotation    string   // "" when none is under way
	What        string   // one sentence
	Broken      string   // what is broken now, "" when nothing is
	Command     string   // the one next command, "" when nobody is awaited
	To          []string // e-mail addresses of whom it concerns: the owner first; deputy and approvers when it concerns them
	Escalated   bool     // the owner was told before and nothing happened since
}

// Notifier sends messages. Safe for concurrent use.
type Notifier interface {
	// Send delivers m or returns an error, after which trying again is right: the same message may arrive twice. An
	// error wraps ErrRefused when trying again cannot help, and names no address, token or body.
	Send(ctx context.Context, m Message) error
}
