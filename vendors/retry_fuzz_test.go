package vendors

import (
	"net/http"
	"testing"
	"time"

	"quarterturn/internal/httpx"
)

// FuzzRetryAfter: whatever a vendor asks for, and whenever it says it is, the wait is never negative, never beyond the
// longest, and a vendor that said "too many" is given some time unless it said how much.
func FuzzRetryAfter(f *testing.F) {
	for _, header := range []string{"", "0", "1", "-1", "18446744073709551616", "9223372036854775807", "Fri, 31 Dec 1999 23:59:59 GMT",
		"Sun, 06 Nov 2044 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "3.5", " 7", "1e9"} {
		f.Add(header, int64(0), true)
		f.Add(header, int64(1)<<40, false)
	}
	f.Fuzz(func(t *testing.T, header string, server int64, busy bool) {
		a := httpx.Answer{Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {header}}}
		if busy {
			a.Status = http.StatusTooManyRequests
		}
		answered := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
		at := retryAt(a, answered, serverTime(server))
		if !at.IsZero() && (!at.After(answered) || at.After(answered.Add(longestRetry))) {
			t.Fatalf("waits until %s", at)
		}
		if _, said := retryAfter(header, answered, answered); busy && !said && at.IsZero() {
			t.Fatal("a busy vendor is asked again at once")
		}
	})
}

// serverTime is the vendor's clock, or none.
func serverTime(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds%(1<<36), 0).UTC()
}
