package notify

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// longest is how far a receiver may put a message off; a larger Retry-After is a mistake or worse.
const longest = 24 * time.Hour

// LaterError says that the receiver wants the message again, and no sooner than At (UTC).
type LaterError struct {
	At  time.Time
	Why string // value-free
}

func (e *LaterError) Error() string {
	return fmt.Sprintf("%s; it asks to be tried again after %s", e.Why, e.At.UTC().Format(time.RFC3339))
}

// Due is At: callers find it by assertion.
func (e *LaterError) Due() time.Time { return e.At }

// Answered is what an HTTP status says about a message: nil for 2xx; an error after which to try again for 408, 425, 429
// and 5xx, a *LaterError when Retry-After (seconds, or an HTTP date) says when; an error that wraps ErrRefused for the rest.
func Answered(status int, retryAfter string, now time.Time) error {
	switch {
	case status >= 200 && status <= 299:
		return nil
	case status == 408, status == 425, status == http.StatusTooManyRequests, status >= 500:
		why := fmt.Sprintf("the receiver answered %d", status)
		if at := until(retryAfter, now); !at.IsZero() {
			return &LaterError{At: at, Why: why}
		}
		return fmt.Errorf("%s: it is tried again", why)
	}
	return fmt.Errorf("the receiver answered %d: %w: check the channel's address and its secret", status, ErrRefused)
}

// until reads Retry-After; zero when it says nothing usable.
func until(retryAfter string, now time.Time) time.Time {
	var at time.Time
	if n, err := strconv.Atoi(strings.TrimSpace(retryAfter)); err == nil && n >= 0 {
		at = now.Add(min(time.Duration(min(n, 1<<20))*time.Second, longest))
	} else if date, err := http.ParseTime(retryAfter); err == nil {
		at = date
	}
	switch {
	case !at.After(now):
		return time.Time{}
	case at.After(now.Add(longest)):
		at = now.Add(longest)
	}
	return at.UTC()
}
