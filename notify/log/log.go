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

// Send implements notify.Notifier. What is broken is logged as an error, what waits as a warning. Errors: w's, and ctx's.
func (n *Notifier) Send(ctx context.Context, m notify.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	level := map[notify.Kind]slog.Level{notify.Waits: slog.LevelWarn, notify.Broken: slog.LevelError}[m.Kind]
	r := slog.NewRecord(m.At.UTC(), level, notify.Line(m.What), 0)
	for _, a := range []struct{ name, value string }{{"id", m.ID}, {"kind", string(m.Kind)}, {"credential", m.Credential},
		{"vendor", m.Vendor}, {"environment", m.Environment}, {"rotation", m.Rotation}, {"broken", m.Broken}, {"next", m.Command}} {
		if a.value != "" {
			r.AddAttrs(slog.String(a.name, notify.Line(a.value)))
		}
	}
	if m.Escalated {
		r.AddAttrs(slog.Bool("escalated", true))
	}
	if err := n.log.Handler().Handle(ctx, r); err != nil {
		return fmt.Errorf("the message was not logged: %w", err)
	}
	return nil
}
