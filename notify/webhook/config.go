package webhook

import (
	_ "embed"
	"errors"
	"net/http"
	"net/url"
	"time"

	"quarterturn/internal/httpx"
)

//go:embed schema.json
var schema string

// Schema is the JSON Schema (draft 2020-12) of the value under `webhook:`.
func Schema() []byte { return []byte(schema) }

// Config is the value under `webhook:`.
type Config struct {
	URL     string `yaml:"url"`      // https, or http to loopback; without user name, query and fragment
	KeyFile string `yaml:"key_file"` // absolute, or from the working directory
}

// Options is what does not stand in the configuration.
type Options struct {
	Client *http.Client     // required, made by internal/httpx: it follows nothing and keeps to TLS
	Now    func() time.Time // required
}

// Validate says the first thing that could never work. Errors name fields, never their values.
func (c Config) Validate() error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("url: not an absolute https address: write one such as https://hooks.internal/quarterturn")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("url: holds a user name, query or fragment: remove it; the signature says who sends")
	case u.Scheme == "http" && !httpx.Loopback(u.Hostname()):
		return errors.New("url: http reaches this machine only: write https")
	case c.KeyFile == "":
		return errors.New("key_file: missing: name the file that holds the signing key")
	}
	return nil
}

func (o Options) validate() error {
	if o.Client == nil || o.Now == nil {
		return errors.New("an HTTP client and a clock are required")
	}
	return nil
}
