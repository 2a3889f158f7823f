// Package httpproof asks a consumer over HTTP which generation of a key it runs with. The answer is data that anybody
// with a hand on the line could forge, so it can only ever prove, never authorise: no credentials are sent, no redirect
// is followed, and a report counts only when it was made with the key derived for this very consumer.
//
// One answer speaks for the process that gave it. Where several stand behind one address, give the page something that
// speaks for all of them, or wait in the redeploy until the last of them was replaced.
//
// Rights it needs: to reach the page.
package httpproof

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"quarterturn/cicd"
	"quarterturn/internal/httpx"
	"quarterturn/secret"
)

// Prover looks at one page of one consumer. Safe for concurrent use.
type Prover struct {
	config Config
	opt    Options
	client http.Client
	url    *url.URL
}

var (
	_ cicd.Prover  = (*Prover)(nil)
	_ cicd.Checker = (*Prover)(nil)
)

// New builds a prover. Its errors name a field and the remedy.
func New(c Config, o Options) (*Prover, error) {
	if err := errors.Join(c.Validate(), o.validate(c)); err != nil {
		return nil, fmt.Errorf("proof by http: %w", err)
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, errors.New("proof by http: url: not an address")
	}
	p := &Prover{config: c, opt: o, client: *o.Client, url: u}
	p.client.Jar = nil
	p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return p, nil
}

// Best is Reported with a fingerprint or label configured, and Healthy without.
func (p *Prover) Best() cicd.Use {
	if p.plain() {
		return cicd.Healthy
	}
	return cicd.Reported
}

// plain reports whether only the status is looked at.
func (p *Prover) plain() bool { return p.config.Fingerprint == "" && p.config.Label == "" }

// Prove asks once. A 2xx whose report is missing, malformed or another consumer's is Unproven with a Note; any other
// status, a redirect, an answer of more than 1 MiB and a consumer that cannot be reached are errors. Fact.Label is filled
// only with something of the form of want.Label.
func (p *Prover) Prove(ctx context.Context, want cicd.Want, since time.Time) (cicd.Fact, error) {
	fact := cicd.Fact{At: p.opt.Now().UTC()}
	answer, err := p.get(ctx)
	if err != nil {
		return cicd.Fact{}, err
	}
	got, err := p.read(answer.Body)
	if err != nil {
		fact.Note = err.Error()
		return fact, nil
	}
	fact.Prints = got.prints
	if alike(got.label, want.Label) {
		fact.Label = got.label
	}
	fact.Use, fact.Note = p.grade(got, want)
	if why := stale(answer.Header, fact.At, since); why != "" {
		fact.Use, fact.Note = cicd.Unproven, why
	}
	return fact, nil
}

// grade compares what was shown with what is wanted. Every configured kind of proof must agree; a print under a key
// that is no longer held says nothing either way.
func (p *Prover) grade(got shown, want cicd.Want) (cicd.Use, string) {
	if p.plain() {
		return cicd.Healthy, "a 2xx, which is true with the old pair as well"
	}
	var agree, differ int
	var foreign bool
	if p.config.Fingerprint != "" {
		likeness := want.Prints.Compare(got.prints)
		foreign = likeness == secret.Incomparable
		count(likeness == secret.Equal, !foreign, &agree, &differ)
	}
	if p.config.Label != "" {
		count(want.Label != "" && got.label == want.Label, true, &agree, &differ)
	}
	return verdict(agree, differ, foreign)
}

// count adds one comparison, unless it says nothing.
func count(same, says bool, agree, differ *int) {
	switch {
	case same:
		*agree++
	case says:
		*differ++
	}
}

func verdict(agree, differ int, foreign bool) (cicd.Use, string) {
	const old = "the print was made with a fingerprint key that is not held here: give the consumer a new derived key"
	switch {
	case agree > 0 && differ > 0:
		return cicd.Unproven, "the fingerprint and the label name different generations"
	case differ > 0:
		return cicd.Unproven, "it names another generation"
	case agree > 0 && foreign:
		return cicd.Reported, "by its label; " + old
	case agree > 0:
		return cicd.Reported, ""
	}
	return cicd.Unproven, old
}

// stale says why an answer does not speak for the time after since, "" when it does.
func stale(header http.Header, at, since time.Time) string {
	if age := header.Get("Age"); age != "" && age != "0" {
		return "the answer came out of a cache: exempt this page from caching"
	}
	if !since.IsZero() && !at.After(since) {
		return "seen no later than its redeployment: look again"
	}
	return ""
}

// get asks once. Every error names method, host and path, and nothing that came back but the status.
func (p *Prover) get(ctx context.Context) (httpx.Answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.config.URL, nil)
	if err != nil {
		return httpx.Answer{}, errors.New("the proof's url cannot be asked: correct it in the configuration")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Cache-Control", "no-cache")
	answer, err := httpx.Do(&p.client, req)
	if err != nil {
		return httpx.Answer{}, fmt.Errorf("the consumer gave no usable answer: %w", err)
	}
	if answer.Status < 200 || answer.Status > 299 {
		return httpx.Answer{}, fmt.Errorf("GET %s%s answered %d: a consumer proves nothing until it answers 2xx",
			req.URL.Host, req.URL.Path, answer.Status)
	}
	return answer, nil
}

// Check asks the page once and says whether what it shows has the right form, whichever generation that is.
func (p *Prover) Check(ctx context.Context) (cicd.Readiness, error) {
	var ready cicd.Readiness
	answer, err := p.get(ctx)
	if err == nil {
		_, err = p.read(answer.Body)
	}
	if ctx.Err() != nil {
		return cicd.Readiness{}, ctx.Err()
	}
	if noLabelYet(err) {
		ready.Notes = append(ready.Notes, err.Error()+": the label comes with the first write; a consumer that does not "+
			"show it then proves nothing")
	} else if err != nil {
		ready.Problems = append(ready.Problems, err.Error()+": start the consumer and correct its page or the "+
			"configuration (docs/recipes/fingerprint.md shows what to report)")
	} else if why := stale(answer.Header, time.Time{}, time.Time{}); why != "" {
		ready.Problems = append(ready.Problems, why)
	}
	if p.plain() {
		ready.Notes = append(ready.Notes, "a 2xx alone is graded healthy, which needs a waiver: report a fingerprint "+
			"or the generation label")
	}
	if p.url.Scheme == "http" && !loopback(p.url.Hostname()) {
		ready.Notes = append(ready.Notes, "asked without TLS beyond this machine: a forged answer could fake a proof")
	}
	return ready, nil
}
