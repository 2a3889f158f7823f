package main

import (
	"strings"
	"testing"
	"time"

	"quarterturn/rotator"
	"quarterturn/vendors"
)

// check calls a clock more than five minutes off the vendor's a problem, and says which way.
func TestClockProblems(t *testing.T) {
	at := scriptWorld().now()
	for _, c := range []struct {
		name   string
		vendor time.Time
		says   string
	}{
		{"no Date", time.Time{}, ""},
		{"five minutes", at.Add(5 * time.Minute), ""},
		{"behind", at.Add(6 * time.Minute), "6m0s behind the vendor's"},
		{"ahead", at.Add(-time.Hour), "1h0m0s ahead of the vendor's"},
	} {
		got := strings.Join(clockProblems(rotator.Inspection{Old: &vendors.Reading{At: at, ServerTime: c.vendor}}), "")
		if c.says == "" && got != "" || !strings.Contains(got, c.says) {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}
