package email

import (
	_ "embed"
	"errors"
	"net/mail"
	"strings"

	"quarterturn/internal/httpx"
)

//go:embed schema.json
var schema string

//go:embed connection.json
var connectionSchema string

// Schema is the JSON Schema (draft 2020-12) of the value under `email:`.
func Schema() []byte { return []byte(schema) }

// ConnectionSchema is the JSON Schema (draft 2020-12) of a connection's value under `smtp:`.
func ConnectionSchema() []byte { return []byte(connectionSchema) }

// Config is the value under `email:`.
type Config struct {
	From string   `yaml:"from"`
	To   []string `yaml:"to"` // beside those whom a message concerns
}

// Connection is the value under `smtp:`. Its paths are absolute, or from the working directory.
type Connection struct {
	Host         string `yaml:"host"`
	Port         int    `yaml:"port"`
	User         string `yaml:"user"`          // "" logs in as nobody
	PasswordFile string `yaml:"password_file"` // with a user
	TLS          string `yaml:"tls"`           // "starttls" (also ""), "implicit" or, to loopback only, "none"
	CAFile       string `yaml:"ca_file"`       // PEM; "" trusts the system's authorities
}

// Validate says the first thing that could never work. Errors name fields, never their values.
func (c Config) Validate() error {
	if !plain(c.From) {
		return errors.New("from: not a plain e-mail address: write one such as quarterturn@acme.example")
	}
	for _, to := range c.To {
		if !plain(to) {
			return errors.New("to: holds something that is no plain e-mail address: write one such as ops@acme.example")
		}
	}
	return nil
}

// Validate says the first thing that could never work. Errors name fields, never their values.
func (c Connection) Validate() error {
	switch {
	case c.Host == "" || c.Port < 1 || c.Port > 65535:
		return errors.New("host, port: missing or not usable: write both")
	case c.TLS != "" && c.TLS != "starttls" && c.TLS != "implicit" && c.TLS != "none":
		return errors.New("tls: unknown: write starttls, implicit or none")
	case c.TLS == "none" && !httpx.Loopback(c.Host):
		return errors.New("tls: none reaches this machine only: write starttls or implicit")
	case c.TLS == "none" && c.User != "":
		return errors.New("tls: none with a user would send a password in the clear: write starttls or implicit")
	case (c.User == "") != (c.PasswordFile == ""):
		return errors.New("user, password_file: one without the other: write both or none")
	}
	return nil
}

// plain reports whether s is an address and nothing else: no name, no second address, no line break.
func plain(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Name == "" && a.Address == s && !strings.ContainsAny(s, "\r\n \t\"<>,;:")
}
