package sim

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Effect is what a fault does to a request.
type Effect int

// The effects. "Applied" means that the vendor handled the request (it counted and marked the pair as used) before the
// answer got lost. The portal's paths know FailBefore; every other effect there is FailAfter.
const (
	FailBefore        Effect = iota // Status (500) in the vendor's shape, not applied
	FailAfter                       // applied, then Status (500) in the vendor's shape
	Reset                           // connection reset, not applied
	ResetAfter                      // applied, then connection reset
	Slow                            // applied, answered after Wait returns; the answer is what was true on arrival
	TooMany                         // 429 BLUM-429-001 with RetryAfter
	Unavailable                     // 503 from a gateway: no JSON, no code, RetryAfter when set
	LyingUnauthorized               // 401 with Code (BLUM-401-003), whatever the pair
	Forbidden                       // 403 with Code (BLUM-403-003), whatever the pair
	Redirect                        // 302 to To
	WrongTenant                     // an accepted pair sees the other organisation's data
	WrongEnvironment                // an accepted pair sees the other environment's data, livemode flipped
	Empty                           // an accepted pair sees empty lists: nothing names tenant or environment
	Truncate                        // applied, the body breaks off in the middle
	HTML                            // 200 with a web page, not applied
)

const noEffect Effect = -1

// Fault is one entry of the queue: the first that matches a request is used up by it, whether or not its pair works.
type Fault struct {
	Environment string        // "": either
	Path        string        // prefix, e.g. /v1/accounts or /portal/create; "": every path of the API
	KeyID       string        // the pair the request names; "": any or none
	Times       int           // requests it hits; 0: one; negative: until Calm
	Do          Effect        //
	Status      int           // FailBefore, FailAfter; 0: 500
	Code        string        // LyingUnauthorized, Forbidden; "": as documented there
	RetryAfter  time.Duration // TooMany, Unavailable; told in whole seconds, rounded up
	To          string        // Redirect

	// Wait holds a Slow answer until it returns. Its context ends when the client gives up or the world closes. nil
	// waits for just that.
	Wait func(context.Context)
}

// Inject queues a fault.
func (w *World) Inject(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, f)
}

// Calm drops every queued fault and says how many were left, so that a test can tell a fault that never hit.
func (w *World) Calm() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.faults)
	w.faults = nil
	return n
}

// take uses up the first fault that matches.
func (w *World) take(environment, path, keyID string) (Fault, bool) {
	i := slices.IndexFunc(w.faults, func(f Fault) bool { return f.matches(environment, path, keyID) })
	if i < 0 {
		return Fault{}, false
	}
	f := w.faults[i]
	if w.faults[i].Times--; w.faults[i].Times == 0 {
		w.faults = slices.Delete(w.faults, i, i+1)
	}
	return f, true
}

func (f Fault) matches(environment, path, keyID string) bool {
	portal := strings.HasPrefix(path, "/portal/") && !strings.HasPrefix(f.Path, "/portal/")
	return !portal && strings.HasPrefix(path, f.Path) &&
		(f.Environment == "" || f.Environment == environment) && (f.KeyID == "" || f.KeyID == keyID)
}

// instead is the answer of a fault that keeps the request from being handled; false when it is handled first.
func (w *World) instead(c call, f Fault) (answer, bool) {
	switch f.Do {
	case FailBefore:
		return w.broken(c, f), true
	case Reset:
		return answer{reset: true}, true
	case TooMany:
		return w.tooMany(c, f.RetryAfter), true
	case Unavailable:
		return page(http.StatusServiceUnavailable).retry(f.RetryAfter), true
	case LyingUnauthorized:
		return w.refuse(c, http.StatusUnauthorized, or(f.Code, codeInvalid)), true
	case Forbidden:
		return w.refuse(c, http.StatusForbidden, or(f.Code, codeNoProduction)), true
	case Redirect:
		return redirect(f.To), true
	case HTML:
		return page(http.StatusOK), true
	}
	return answer{}, false
}

// spoil turns the answer to a handled request into what the caller gets.
func (w *World) spoil(c call, f Fault, a answer) answer {
	switch f.Do {
	case FailAfter:
		return w.broken(c, f)
	case ResetAfter:
		return answer{reset: true}
	case Slow:
		a.wait = f.Wait
		if a.wait == nil {
			a.wait = func(ctx context.Context) { <-ctx.Done() }
		}
	case Truncate:
		a.cut = true
	}
	return a
}

// view is whose data an accepted request sees.
func (f Fault) view(organisation, environment string) view {
	v := view{organisation: organisation, environment: environment}
	switch f.Do {
	case WrongTenant:
		v.organisation = map[string]string{Acme: Globex, Globex: Acme}[organisation]
	case WrongEnvironment:
		v.environment = map[string]string{Sandbox: Production, Production: Sandbox}[environment]
	case Empty:
		v.empty = true
	}
	return v
}

func (w *World) broken(c call, f Fault) answer {
	status := f.Status
	if status == 0 {
		status = http.StatusInternalServerError
	}
	return w.refuse(c, status, codeBroken)
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
