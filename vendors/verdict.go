package vendors

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"quarterturn/internal/httpx"
)

const (
	longestRetry = 24 * time.Hour // a host may not silence us for longer than this
	defaultRetry = time.Minute    // after a 429 that does not say
	mostLeft     = 1_000_000      // a larger number is no count of requests
)

// headers fills in what stands beside the body. Nothing of it is kept unless it is a date, a small number or a clean id.
func (p *prober) headers(r *Reading, a httpx.Answer, answered time.Time, g guard) {
	r.Status, r.Remaining = a.Status, -1
	for _, name := range p.profile.Answers.RequestID {
		if r.RequestID == "" {
			r.RequestID = g.clean(a.Header.Get(name))
		}
	}
	if left, err := strconv.Atoi(a.Header.Get(p.profile.Answers.Remaining)); err == nil && left >= 0 && left <= mostLeft {
		r.Remaining = left
	}
	if date, err := http.ParseTime(a.Header.Get("Date")); err == nil {
		r.ServerTime = date.UTC()
	}
	if a.Status >= 300 {
		r.RetryAt = retryAt(a, answered, r.ServerTime)
	}
}

// retryAt reads Retry-After. A date is taken relative to the server's own clock, so that a wrong clock on either side
// changes nothing.
func retryAt(a httpx.Answer, answered, server time.Time) time.Time {
	after, said := retryAfter(a.Header.Get("Retry-After"), answered, server)
	if !said && a.Status == http.StatusTooManyRequests {
		after = defaultRetry
	}
	if after <= 0 {
		return time.Time{}
	}
	return answered.Add(min(after, longestRetry)).UTC()
}

func retryAfter(header string, answered, server time.Time) (time.Duration, bool) {
	if n, err := strconv.ParseUint(header, 10, 63); err == nil {
		return time.Duration(min(n, uint64(longestRetry/time.Second))) * time.Second, true
	}
	date, err := http.ParseTime(header)
	if err != nil {
		return 0, false
	}
	if server.IsZero() {
		server = answered
	}
	return date.Sub(server), true
}

// stored reports an answer that a cache kept: it may be another caller's, or of a time before a revocation.
func stored(h http.Header) bool {
	age := h.Get("Age")
	return age != "" && age != "0"
}

// body judges a complete answer that is no redirect. The body ends here.
func (p *prober) body(r *Reading, a httpx.Answer, g guard) {
	v, readable := parse(a.Body)
	if !readable {
		r.Why = fmt.Sprintf("status %d with an unreadable body", a.Status)
		return
	}
	r.TraceID = p.trace(v, g)
	if a.Status == p.probe.Expect {
		p.accept(r, v, g)
		return
	}
	r.Code = p.code(v, g)
	p.refuse(r)
}

// accept wants a list: a page of a proxy or a gateway may say 200 to anybody.
func (p *prober) accept(r *Reading, v any, g guard) {
	if !p.profile.Answers.list(v) {
		r.Why = fmt.Sprintf("status %d, but the body is no list that the profile knows", r.Status)
		return
	}
	names := p.profile.Answers.Environment.environments(v)
	if len(names) > 1 {
		r.Why = "the answer names more than one environment"
		return
	}
	if len(names) == 1 {
		r.Environment = names[0]
	}
	r.Subjects = subjects(p.profile.Name, texts(v, p.probe.Subjects), g)
	r.Verdict, r.Why = Accepted, fmt.Sprintf("status %d", r.Status)
}

// refuse believes only what the profile lists, with the status it lists it for.
func (p *prober) refuse(r *Reading) {
	says, listed := p.profile.Answers.Codes[r.Code]
	switch {
	case r.Code == "":
		r.Why = fmt.Sprintf("status %d without a code that the profile knows", r.Status)
	case !listed:
		r.Why = fmt.Sprintf("%s with status %d is not in the profile", r.Code, r.Status)
	case says.Status != r.Status:
		r.Why = fmt.Sprintf("%s came with status %d, not %d", r.Code, r.Status, says.Status)
	default:
		r.Why = r.Code + ": " + says.Means
		if says.Verdict == Refused.String() {
			r.Verdict = Refused
		}
	}
}

// code is the one error code of an answer. Two different ones mean that nobody knows.
func (p *prober) code(v any, g guard) string {
	found := texts(v, p.profile.Answers.Code.At)
	if len(found) != 1 || !p.form.MatchString(found[0]) {
		return ""
	}
	return g.clean(found[0])
}

func (p *prober) trace(v any, g guard) string {
	for _, id := range texts(v, p.profile.Answers.Trace) {
		if id = g.clean(id); id != "" {
			return id
		}
	}
	return ""
}
