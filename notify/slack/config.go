package slack

import (
	_ "embed"
	"errors"
	"net/http"
	"time"
)

//go:embed schema.json
var schema string

// Schema is the JSON Schema (draft 2020-12) of the value under `slack:`.
func Schema() []byte { return []byte(schema) }

// Config is the value under `slack:`.
type Config struct {
	WebhookFile string `yaml:"webhook_file"` // absolute, or from the working directory
}

// Options is what does not stand in the configuration.
type Options struct {
	Client *http.Client     // required, made by internal/httpx: it follows nothing and keeps to TLS
	Now    func() time.Time // required
}

// Validate says the first thing that could never work. Errors name fields, never their values.
func (c Config) Validate() error {
	if c.WebhookFile == "" {
		return errors.New("webhook_file: missing: name the file that holds the webhook's address")
	}
	return nil
}

func (o Options) validate() error {
	if o.Client == nil || o.Now == nil {
		return errors.New("an HTTP client and a clock are required")
	}
	return nil
}
