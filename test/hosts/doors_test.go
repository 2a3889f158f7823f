package hosts

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"quarterturn/cicd"
	"quarterturn/cicd/httpproof"
	"quarterturn/internal/httpx"
	"quarterturn/notify"
	"quarterturn/notify/slack"
	"quarterturn/notify/webhook"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// door is one way out of the program: it is opened towards a base URL, and asked once.
type door struct {
	name string
	ask  func(ctx context.Context, base string, o httpx.Options, dir string) error
}

// errUnproven: the call came back, and said nothing good.
var errUnproven = errors.New("no good answer")

func doors() []door {
	return []door{{"the vendor's smoke call", askVendor}, {"a consumer's proof", askProof}, {"a webhook", askWebhook}, {"Slack", askSlack}}
}

func askVendor(ctx context.Context, base string, o httpx.Options, _ string) error {
	text := fmt.Sprintf("name: attacked\nextends: bluum\nenvironments:\n  sandbox: {base: \"http://127.0.0.1:1\", aliases: []}\n"+
		"  production: {base: %q, aliases: []}\n", base)
	all, err := vendors.Builtin()
	if err != nil {
		return err
	}
	p, err := vendors.Parse("attacked.yaml", []byte(text), func(name string) (vendors.Profile, bool) { return all[0], name == all[0].Name })
	if err != nil {
		return err
	}
	prober, err := vendors.NewProber(p, "production", vendors.ProberOptions{Client: o, Budget: httpx.NewBudget(httpx.Limits{}, time.Now), Now: time.Now,
		Key: func(secret.Material) string { return "pair" }})
	if err != nil {
		return err
	}
	rd, err := prober.Probe(ctx, secret.Material{"key": secret.New("key-" + canary), "secret": secret.New("secret-" + canary)})
	if err == nil && rd.Verdict != vendors.Accepted {
		err = fmt.Errorf("%w: %s", errUnproven, rd.Why)
	}
	return err
}

func askProof(ctx context.Context, base string, o httpx.Options, _ string) error {
	client, err := httpx.NewClient(o)
	if err != nil {
		return err
	}
	p, err := httpproof.New(httpproof.Config{URL: base + "/healthz/" + canary}, httpproof.Options{Client: client, Now: time.Now})
	if err != nil {
		return err
	}
	_, err = p.Prove(ctx, cicd.Want{}, time.Time{})
	return err
}

func message() notify.Message {
	return notify.Message{ID: "m1", At: time.Now(), Kind: notify.Waits, Credential: "bluum", What: "of " + canary, To: []string{"ops@acme.example"}}
}

func askWebhook(ctx context.Context, base string, o httpx.Options, dir string) error {
	client, err := httpx.NewClient(o)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "key")
	if err := os.WriteFile(file, []byte(canary+canary), 0o600); err != nil {
		return err
	}
	n, err := webhook.New(webhook.Config{URL: base + "/hook", KeyFile: file}, webhook.Options{Client: client, Now: time.Now})
	if err != nil {
		return err
	}
	return n.Send(ctx, message())
}

func askSlack(ctx context.Context, base string, o httpx.Options, dir string) error {
	client, err := httpx.NewClient(o)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "webhook")
	if err := os.WriteFile(file, []byte(base+"/services/"+canary), 0o600); err != nil {
		return err
	}
	n, err := slack.New(slack.Config{WebhookFile: file}, slack.Options{Client: client, Now: time.Now})
	if err != nil {
		return err
	}
	return n.Send(ctx, message())
}

// ---- planted doors -------------------------------------------------------------------------------------------

// careless is a mistake below the gate that somebody could make.
type careless struct {
	name  string
	below func(t testing.TB, ca string, trusted *http.Transport) http.RoundTripper
}

// following takes the way of a redirect, with all it was given.
type following struct{ http.RoundTripper }

func (f following) RoundTrip(req *http.Request) (*http.Response, error) {
	for range 5 {
		res, err := f.RoundTripper.RoundTrip(req)
		if err != nil || res.StatusCode < 300 || res.StatusCode > 399 {
			return res, err
		}
		to, err := res.Location()
		if err != nil {
			return res, nil
		}
		_ = res.Body.Close()
		again, err := http.NewRequestWithContext(req.Context(), http.MethodGet, to.String(), nil)
		if err != nil {
			return nil, err
		}
		again.Header = req.Header
		req = again
	}
	return nil, errors.New("too many")
}

// upgrading goes where Alt-Svc says the next time.
type upgrading struct {
	http.RoundTripper
	to *string
}

func (u upgrading) RoundTrip(req *http.Request) (*http.Response, error) {
	if *u.to != "" {
		req = req.Clone(req.Context())
		req.URL.Host = *u.to
	}
	res, err := u.RoundTripper.RoundTrip(req)
	if err == nil {
		_, after, _ := strings.Cut(res.Header.Get("Alt-Svc"), `="`)
		if to, _, ok := strings.Cut(after, `"`); ok {
			*u.to = to
		}
	}
	return res, err
}

func mistakes() []careless {
	return []careless{
		{"follows redirects", func(_ testing.TB, _ string, tr *http.Transport) http.RoundTripper { return following{tr} }},
		{"believes any certificate", func(_ testing.TB, _ string, tr *http.Transport) http.RoundTripper {
			tr.TLSClientConfig.InsecureSkipVerify = true
			return tr
		}},
		{"checks the chain, and no name", chainOnly},
		{"takes old TLS", func(_ testing.TB, _ string, tr *http.Transport) http.RoundTripper {
			tr.TLSClientConfig.MinVersion = 0x0301
			return tr
		}},
		{"goes where Alt-Svc says", func(_ testing.TB, _ string, tr *http.Transport) http.RoundTripper { return upgrading{tr, new(string)} }},
		{"looks a name up twice", func(_ testing.TB, _ string, tr *http.Transport) http.RoundTripper { return twice{tr} }},
		{"sends everything through the proxy it finds", func(_ testing.TB, _ string, tr *http.Transport) http.RoundTripper {
			tr.Proxy = func(*http.Request) (*url.URL, error) {
				if p := os.Getenv("HTTP_PROXY"); p != "" {
					return url.Parse(p)
				}
				return nil, nil
			}
			return tr
		}},
	}
}
