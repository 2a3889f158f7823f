package rotator

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"time"
)

// Digest stands for a smoke call in the trail: lower-case hex SHA-256 over the fields below, in this order, each as
// "<byte length>:<bytes>,". Times are decimal nanoseconds since 1970 UTC, 0 for none; durations decimal nanoseconds;
// the subjects come last, after their count. Event data carries it under keys that begin with "call.". It is the same
// for a call and for its kept copy. A field added to Reading later is not covered.
func Digest(c Call) string {
	r := c.Reading
	fields := []string{
		"quarterturn call v1", c.ID, c.Credential, string(c.Pair),
		r.Verdict.String(), r.Host, r.Method, r.Path, strconv.Itoa(r.Status), r.Code, r.TraceID, r.RequestID,
		strconv.FormatInt(int64(r.Latency), 10), unixNano(r.At), unixNano(r.ServerTime), r.Environment,
		strconv.Itoa(r.Remaining), unixNano(r.RetryAt), r.Why, strconv.Itoa(len(r.Subjects)),
	}
	h := sha256.New()
	for _, f := range append(fields, r.Subjects...) {
		writeField(h, f)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// writeField replaces bytes that are no UTF-8 first, one by one, as storing the call as JSON does.
func writeField(w io.Writer, s string) {
	s = string([]rune(s))
	_, _ = fmt.Fprintf(w, "%d:%s,", len(s), s)
}

func unixNano(t time.Time) string {
	if t.IsZero() {
		return "0"
	}
	return strconv.FormatInt(t.UnixNano(), 10)
}
