package vendors

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"quarterturn/internal/httpx"
	"quarterturn/secret"
)

// patience is how long a probe waits for its turn before it says when to come back.
const patience = 2 * time.Second

// ProberOptions are what a prober needs from outside.
type ProberOptions struct {
	Client httpx.Options                              // times, CA file and proxy; the host is the profile's
	Budget httpx.Budget                               // required; shared by every prober that may use the same pair
	Key    func(secret.Material) string               // required: a non-secret id of the pair, for the budget
	Now    func() time.Time                           // required
	Wait   func(context.Context, time.Duration) error // waits at most 2 s for a turn; nil: never wait, be told when
}

// prober is bound to one profile and one environment.
type prober struct {
	ProberOptions
	profile Profile
	env     Environment
	probe   Probe
	host    string
	url     string
	form    *regexp.Regexp
	client  *http.Client
}

// NewProber binds a profile to one of its environments. It fails when the environment is unknown, an option is missing
// or the client cannot be built; nothing was sent.
func NewProber(p Profile, env string, o ProberOptions) (Prober, error) {
	e, err := p.Env(env)
	if err != nil {
		return nil, err
	}
	if o.Budget == nil || o.Key == nil || o.Now == nil {
		return nil, errors.New("a prober needs a budget, the pair's id and a clock; nothing was sent")
	}
	pr := &prober{ProberOptions: o, profile: p, env: e, probe: p.Probes[p.Probe], host: e.Host()}
	pr.url = e.Base + pr.probe.Path
	if pr.host == "" || pr.probe.Path == "" {
		return nil, fmt.Errorf("vendor %s has no usable probe for %s; nothing was sent: check the profile", p.Name, env)
	}
	if pr.form, err = anchored(p.Answers.Code.Form); err != nil {
		return nil, fmt.Errorf("vendor %s has an unusable form of error codes; nothing was sent: check the profile", p.Name)
	}
	o.Client.Host = pr.host
	if pr.client, err = httpx.NewClient(o.Client); err != nil {
		return nil, err
	}
	return pr, nil
}

func (p *prober) Probe(ctx context.Context, m secret.Material) (Reading, error) {
	req, g, err := p.request(ctx, m)
	if err != nil {
		return Reading{}, err
	}
	if end, quiet := p.env.Quiet.End(p.Now()); quiet {
		return Reading{}, &httpx.LaterError{At: end, Why: p.env.Quiet.why()}
	}
	key := p.Key(m)
	if err := p.turn(ctx, key); err != nil {
		return Reading{}, err
	}
	r := p.call(req, g)
	failing := r.Verdict == Refused || r.Status == http.StatusUnauthorized
	ctx = context.WithoutCancel(ctx)
	err = p.Budget.Done(ctx, key, p.host, failing)
	if !r.RetryAt.IsZero() {
		err = errors.Join(err, p.Budget.Silence(ctx, p.host, r.RetryAt))
	}
	if err != nil {
		r.Why += "; the budget could not be told"
	}
	return r, nil
}

// turn waits briefly for the budget and for a host that asked for silence, or says when to come back.
func (p *prober) turn(ctx context.Context, key string) error {
	start := p.Now()
	var free time.Time
	var why string
	for range 4 { // others wait for the same turn
		var err error
		free, why, err = p.ask(ctx, key)
		if err != nil || free.IsZero() {
			return err
		}
		if p.Wait == nil || free.Sub(start) > patience {
			break
		}
		if err := p.Wait(ctx, max(0, free.Sub(p.Now()))); err != nil {
			return err
		}
	}
	return &httpx.LaterError{At: free.UTC(), Why: why}
}

func (p *prober) ask(ctx context.Context, key string) (time.Time, string, error) {
	free, err := p.Budget.Take(ctx, key, p.host)
	if err != nil {
		return time.Time{}, "", fmt.Errorf("no call was made: the budget of smoke calls cannot be asked: %w", err)
	}
	return free, "the budget of smoke calls is used up, or the vendor asked to wait", nil
}

func (p *prober) call(req *http.Request, g guard) Reading {
	at := p.Now()
	a, err := httpx.Do(p.client, req)
	answered := p.Now()
	r := Reading{Host: p.host, Method: req.Method, Path: req.URL.Path, At: at.UTC(), Latency: answered.Sub(at)}
	p.headers(&r, a, answered, g)
	if err != nil {
		r.Why = reason(err)
		return r
	}
	if stored(a.Header) {
		r.Why = fmt.Sprintf("status %d out of a cache: it says nothing about now", a.Status)
		return r
	}
	p.body(&r, a, g)
	return r
}

// request is where a pair leaves for its vendor; the guard it returns knows what must not come back. It asks for no more
// than a call needs: a key that was found somewhere may break the profile's form and be alive.
func (p *prober) request(ctx context.Context, m secret.Material) (*http.Request, guard, error) {
	basic := p.profile.Auth.Basic
	username, password := m[basic.Username].Reveal(), m[basic.Password].Reveal()
	switch {
	case username == "":
		return nil, guard{}, ShapeErrors{{basic.Username, Missing, 0, "missing"}}
	case password == "":
		return nil, guard{}, ShapeErrors{{basic.Password, Missing, 0, "missing"}}
	case strings.Contains(username, ":"):
		at := strings.IndexByte(username, ':') + 1
		return nil, guard{}, ShapeErrors{{basic.Username, Foreign, at, "a colon, which a user name cannot carry"}}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return nil, guard{}, errors.New("no call was made: the profile's base URL and probe make no request")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Cache-Control", "no-cache, no-store")
	req.Header.Set("User-Agent", "quarterturn")
	req.SetBasicAuth(username, password)
	return req, newGuard(username, password), nil
}

func reason(err error) string {
	e, ok := errors.AsType[*httpx.Error](err)
	switch {
	case !ok:
		return "no answer"
	case e.Stage == httpx.Redirect:
		return e.Why
	}
	return fmt.Sprintf("%s (%s)", e.Why, e.Stage)
}
