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
	Waits  Kind = "waits"  // a person is awaited
	Broken Kind = "broken" // something does not work now
	Closed Kind = "closed" // a rotation ended
)

// Message is one thing to say. Every text is value-free.
type Message struct {
	At         time.Time // UTC
	Kind       Kind
	Credential string
	Rotation   string
	What       string // one sentence
	Broken     string // what is broken now, "" when nothing is
	Command    string // the one next command, "" when nobody is awaited
}

// Notifier sends messages. Safe for concurrent use.
type Notifier interface {
	// Send delivers m or returns an error, after which trying again is right: the same message may arrive twice.
	Send(ctx context.Context, m Message) error
}
