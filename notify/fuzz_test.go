package notify

import (
	"errors"
	"testing"
	"time"
)

// FuzzAnswered: whatever a receiver answers, a message is put off by a day at most, and never into the past.
func FuzzAnswered(f *testing.F) {
	for _, seed := range []string{"", "120", "-1", "99999999999999999999", "Wed, 21 Oct 2026 07:28:00 GMT", "soon", " 5 "} {
		f.Add(429, seed)
		f.Add(503, seed)
	}
	f.Add(200, "1")
	now := time.Date(2026, 10, 21, 7, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, status int, retryAfter string) {
		err := Answered(status, retryAfter, now)
		if (err == nil) != (status >= 200 && status <= 299) {
			t.Fatalf("%d is %v", status, err)
		}
		var later *LaterError
		if errors.As(err, &later) && (!later.At.After(now) || later.At.After(now.Add(longest))) {
			t.Fatalf("%q puts it off to %v", retryAfter, later.At)
		}
	})
}
