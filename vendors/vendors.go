// Package vendors knows issuers of keys as data: profiles that say which hosts an environment has, which portal steps a
// person walks, and what each answer of a smoke call means; and a prober that turns one call into a verdict. Nothing
// about any vendor is a constant in code.
package vendors

import (
	"context"
	"time"

	"quarterturn/secret"
)

// Verdict is what one smoke call says about a pair. The zero value is Unclear: a timeout, 403, 429, 5xx, redirect, an
// unknown 401 or an unreadable answer.
type Verdict int

const (
	Unclear  Verdict = iota // says nothing about the pair
	Accepted                // the pair is alive
	Refused                 // the vendor listed this answer as "this pair does not work"
)

func (v Verdict) String() string { return [...]string{"unclear", "accepted", "refused"}[v] }

// Reading is one smoke call, without anything the pair or the account holds.
type Reading struct {
	Verdict     Verdict
	Host        string        // pinned host that was asked
	Method      string        // e.g. GET
	Path        string        // e.g. /v1/accounts, without query
	Status      int           // HTTP status, 0 when there was no answer
	Code        string        // the vendor's error code, "" when none or not in its documented form
	TraceID     string        // from the body, "" when none
	RequestID   string        // from the header, "" when none
	Latency     time.Duration //
	At          time.Time     // UTC, when asked
	ServerTime  time.Time     // Date header, zero when none
	Environment string        // the profile's environment name that the answer names, "" when it does not say
	Subjects    []string      // digests of account ids: two readings that share one are likely of one tenant
	Remaining   int           // X-RateLimit-Remaining, -1 when not said
	RetryAt     time.Time     // do not ask before, zero when free
	Why         string        // value-free, e.g. "timeout", "redirect refused", "BLUM-401-003: invalid or revoked"
}

// Prober makes smoke calls, bound to one profile and one environment. Safe for concurrent use.
type Prober interface {
	// Probe makes at most one call. It returns an error only when no call was made (budget: *httpx.LaterError; a
	// material that lacks a field); every answer and every network failure is a Reading.
	Probe(ctx context.Context, m secret.Material) (Reading, error)
}
