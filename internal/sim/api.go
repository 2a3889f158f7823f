package sim

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// call is one request as the vendor reads it.
type call struct {
	at                        time.Time
	environment, method, path string
	id                        string // request id
	problem                   string // code of a header that can't be used, "" when it names a pair
	key, secret               string
	pair                      *pair  // the named one, in whatever environment; nil when unknown
	remaining                 string // requests left in this second, "" when no pair was named
}

// answer decides one request: a queued fault, then the header, the rate, the pair, the path. A caller without a working
// pair learns nothing about paths.
func (w *World) answer(environment string, r *http.Request) answer {
	c := call{at: w.now().UTC(), environment: environment, method: r.Method, path: r.URL.Path}
	c.key, c.secret, c.problem = credentials(r.Header)
	w.mu.Lock()
	defer w.mu.Unlock()
	c.id = w.derived("req_", strconv.Itoa(len(w.requests)))
	c.pair = w.byKey(c.key)
	fault, hit := w.take(c.environment, c.path, c.keyID())
	a := w.decide(&c, fault, hit)
	w.requests = append(w.requests, Request{c.at, c.environment, known(c.method), c.route(), a.status, a.code,
		c.keyID(), c.id})
	return w.stamp(c, a)
}

func (w *World) decide(c *call, f Fault, hit bool) answer {
	if !hit {
		return w.handle(c, Fault{Do: noEffect})
	}
	if a, ok := w.instead(*c, f); ok {
		return a
	}
	a := w.handle(c, f)
	return w.spoil(*c, f, a)
}

func (w *World) handle(c *call, f Fault) answer {
	if c.problem != "" {
		return w.refuse(*c, http.StatusUnauthorized, c.problem)
	}
	remaining, wait := w.windows.take(c.key, rate(c.environment), c.at)
	c.remaining = strconv.Itoa(remaining)
	if wait > 0 {
		return w.tooMany(*c, wait)
	}
	if code := c.refusal(); code != "" {
		return w.refuse(*c, http.StatusUnauthorized, code)
	}
	return w.serve(*c, f)
}

// refusal tells a pair's state only to who knows its secret, and at its own environment's address.
func (c call) refusal() string {
	if c.pair == nil || c.pair.environment != c.environment || !c.pair.opens(c.secret) {
		return codeInvalid
	}
	return c.pair.refusal(c.at)
}

func (w *World) serve(c call, f Fault) answer {
	c.pair.used = c.at
	v := f.view(c.pair.organisation, c.pair.environment)
	switch {
	case c.route() == unknown:
		return w.refuse(c, http.StatusNotFound, codeNotFound)
	case c.method != http.MethodGet:
		a := w.refuse(c, http.StatusMethodNotAllowed, codeMethod)
		a.header.Set("Allow", http.MethodGet)
		return a
	case c.path == "/v1/accounts":
		return w.list(c.path, asAny(w.accounts(v, c.at)))
	}
	return w.list(c.path, asAny(w.assets(v)))
}

// stamp adds what every answer of this generation carries.
func (w *World) stamp(c call, a answer) answer {
	if a.reset {
		return a
	}
	a.header.Set("Date", c.at.Format(http.TimeFormat))
	if !w.newer {
		return a // the older guide promises neither header
	}
	a.header.Set("X-Request-Id", c.id)
	if c.remaining != "" {
		a.header.Set("X-RateLimit-Remaining", c.remaining)
	}
	return a
}

func (c call) keyID() string {
	if c.pair == nil {
		return ""
	}
	return c.pair.id
}

const unknown = "(unknown)"

// route keeps what the caller made up out of the log.
func (c call) route() string {
	if c.path == "/v1/accounts" || c.path == "/v1/assets" {
		return c.path
	}
	return unknown
}

func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return method
	}
	return "(other)"
}

// credentials reads the Authorization header, or says with which code it is refused.
func credentials(h http.Header) (key, secret, code string) {
	values := h.Values("Authorization")
	if len(values) == 0 {
		return "", "", codeMissing
	}
	scheme, encoded, _ := strings.Cut(values[0], " ")
	plain, err := base64.StdEncoding.DecodeString(encoded)
	key, secret, found := strings.Cut(string(plain), ":")
	if len(values) > 1 || !strings.EqualFold(scheme, "Basic") || err != nil || !found || key == "" || secret == "" {
		return "", "", codeMalformed
	}
	return key, secret, ""
}
