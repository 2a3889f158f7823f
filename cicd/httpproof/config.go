package httpproof

import (
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

//go:embed schema.json
var schema string

// Schema is the JSON Schema (draft 2020-12) of the value under `proof: {http: ...}`.
func Schema() []byte { return []byte(schema) }

// Config is the value under `proof: {http: ...}`.
type Config struct {
	URL         string `yaml:"url"`         // http or https, without user name and fragment
	Fingerprint string `yaml:"fingerprint"` // path to the report in the JSON answer, e.g. "$.print"; "" none
	Label       string `yaml:"label"`       // path to the generation label, e.g. "$.generation"; "" none
}

// Options is what does not stand in the configuration.
type Options struct {
	Client   *http.Client     // required; its cookies and its way with redirects are not used
	Consumer string           // required with a fingerprint: the name the report must be made for
	Now      func() time.Time // required; stamps facts, in UTC
}

// pathPattern is the schema's: names behind "$", a dot each.
const pathPattern = `^\$(\.[A-Za-z_][A-Za-z0-9_-]*)+$`

// Validate says the first thing that could never work. Errors name fields, never their values.
func (c Config) Validate() error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("url: not an absolute http or https address: write one such as https://app.internal/healthz")
	}
	if u.User != nil || u.Fragment != "" {
		return errors.New("url: holds a user name or a fragment: remove it; the page must answer without credentials")
	}
	path := regexp.MustCompile(pathPattern)
	for _, field := range []struct{ name, value string }{{"fingerprint", c.Fingerprint}, {"label", c.Label}} {
		if field.value != "" && !path.MatchString(field.value) {
			return fmt.Errorf("%s: not a path of names: write one such as $.print or $.a.b", field.name)
		}
	}
	return nil
}

func (o Options) validate(c Config) error {
	switch {
	case o.Client == nil || o.Now == nil:
		return errors.New("an HTTP client and a clock are required")
	case c.Fingerprint != "" && o.Consumer == "":
		return errors.New("a fingerprint needs the consumer's name")
	}
	return nil
}

// names takes a path apart; nil for an empty one.
func names(path string) []string {
	if path == "" {
		return nil
	}
	return strings.Split(strings.TrimPrefix(path, "$."), ".")
}

// loopback reports whether nobody between could answer in the consumer's place.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
