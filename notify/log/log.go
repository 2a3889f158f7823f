// Package log sends messages to a log: one JSON object a line, for whoever collects the standard error of a CronJob.
package log

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"quarterturn/notify"
)

// Notifier writes to one log. Safe for concurrent use.
type Notifier struct{ log *slog.Logger }

// New writes to w.
func New(w io.Writer) *Notifier { return &Notifier{log: slog.New(slog.NewJSONHandler(w, nil))} }

// Send implements notify.Notifier. What is broken is logged as an error, what waits as a warning. Errors: w's.
func (n *Notifier) Send(ctx context.Context, m notify.Message) error {
	level := map[notify.Kind]slog.Level{notify.Waits: slog.LevelWarn, notify.Broken: slog.LevelError}[m.Kind]
	r := slog.NewRecord(m.At.UTC(), level, m.What, 0)
	r.AddAttrs(slog.String("kind", string(m.Kind)), slog.String("credential", m.Credential), slog.String("rotation", m.Rotation))
	if m.Broken != "" {
		r.AddAttrs(slog.String("broken", m.Broken))
	}
	if m.Command != "" {
		r.AddAttrs(slog.String("next", m.Command))
	}
	if err := n.log.Handler().Handle(ctx, r); err != nil {
		return fmt.Errorf("the message was not logged: %w", err)
	}
	return nil
}
