package sim

import (
	"crypto/sha256"
	"crypto/subtle"
	"time"
)

// Status is what the portal shows beside a pair.
type Status string

// The states of a pair. Only an active one is accepted by the API.
const (
	Active   Status = "active"
	Disabled Status = "disabled" // BLUM-401-004; may be enabled again
	Expired  Status = "expired"  // BLUM-401-005
	Deleted  Status = "deleted"  // BLUM-401-003
)

// pair is what the vendor keeps: digests of key and secret, so that no later call can show either again.
type pair struct {
	id, organisation, environment, name string
	lastFour                            string
	key, secret                         [sha256.Size]byte
	created, expires, used              time.Time // expires and used: zero when never
	acts                                []act
}

// act is what a person did in the portal, and when the API starts to know.
type act struct {
	status Status
	bites  time.Time
}

// inPortal is the state as the portal shows it: a person's act is there at once.
func (p *pair) inPortal(now time.Time) Status { return p.aged(p.acts[len(p.acts)-1].status, now) }

// inAPI is the state as the API acts on it: the last act that has bitten.
func (p *pair) inAPI(now time.Time) Status {
	status := p.acts[0].status
	for _, a := range p.acts[1:] {
		if !a.bites.After(now) {
			status = a.status
		}
	}
	return p.aged(status, now)
}

func (p *pair) aged(s Status, now time.Time) Status {
	if s == Active && !p.expires.IsZero() && !now.Before(p.expires) {
		return Expired
	}
	return s
}

// occupies says whether the pair counts against the limit: until its deletion has bitten it may still be used.
func (p *pair) occupies(now time.Time) bool {
	return p.inPortal(now) != Deleted || p.inAPI(now) != Deleted
}

func (p *pair) opens(secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(sum[:], p.secret[:]) == 1
}

// refusal is the vendor's code for a pair whose secret was right, "" when it is accepted.
func (p *pair) refusal(now time.Time) string {
	return map[Status]string{Disabled: codeInactive, Expired: codeExpired, Deleted: codeInvalid}[p.inAPI(now)]
}
