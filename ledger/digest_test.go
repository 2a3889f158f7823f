package ledger

import (
	"testing"
	"time"

	"quarterturn/rotator"
	"quarterturn/vendors"
)

// TestDigestCoversACall changes one field at a time: no two of these calls may look alike in the trail.
func TestDigestCoversACall(t *testing.T) {
	seen := map[string]int{}
	for i, change := range []func(c *rotator.Call, r *vendors.Reading){
		func(*rotator.Call, *vendors.Reading) {},
		func(c *rotator.Call, _ *vendors.Reading) { c.ID = "x" },
		func(c *rotator.Call, _ *vendors.Reading) { c.Credential = "x" },
		func(c *rotator.Call, _ *vendors.Reading) { c.Pair = "x" },
		func(_ *rotator.Call, r *vendors.Reading) { r.Verdict = vendors.Refused },
		func(_ *rotator.Call, r *vendors.Reading) { r.Host = "x" },
		func(_ *rotator.Call, r *vendors.Reading) { r.Method = "x" },
		func(_ *rotator.Call, r *vendors.Reading) { r.Path = "x" },
		func(_ *rotator.Call, r *vendors.Reading) { r.Status = 200 },
		func(_ *rotator.Call, r *vendors.Reading) { r.Code = "x" },
		func(_ *rotator.Call, r *vendors.Reading) { r.TraceID = "x" },
		func(_ *rotator.Call, r *vendors.Reading) { r.RequestID = "x" },
		func(_ *rotator.Call, r *vendors.Reading) { r.Latency = 1 },
		func(_ *rotator.Call, r *vendors.Reading) { r.At = time.Unix(1, 0) },
		func(_ *rotator.Call, r *vendors.Reading) { r.ServerTime = time.Unix(1, 0) },
		func(_ *rotator.Call, r *vendors.Reading) { r.Environment = "x" },
		func(_ *rotator.Call, r *vendors.Reading) { r.Remaining = 1 },
		func(_ *rotator.Call, r *vendors.Reading) { r.RetryAt = time.Unix(1, 0) },
		func(_ *rotator.Call, r *vendors.Reading) { r.Why = "x" },
		func(_ *rotator.Call, r *vendors.Reading) { r.Subjects = []string{"x"} },
		func(_ *rotator.Call, r *vendors.Reading) { r.Subjects = []string{"x", "x"} },
	} {
		var c rotator.Call
		change(&c, &c.Reading)
		d := rotator.Digest(c)
		if before, there := seen[d]; there || len(d) != 64 {
			t.Errorf("calls %d and %d have the digest %q", before, i, d)
		}
		seen[d] = i
	}
}
